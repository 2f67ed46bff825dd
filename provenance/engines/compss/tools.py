"""Signatures of methods -> the Tools that tasks execute.

In: the logged tasks, the sources, the main file. Out: a :class:`~provenance.run.model.Tool` for each signature, in the
order in which they were first called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from provenance.engines.compss.functions import find_method
from provenance.engines.compss.records import LoggedTask
from provenance.engines.compss.values import parameter_names
from provenance.run.model import Tool


def make_tools(
    tasks: Iterable[LoggedTask], sources: Sequence[str], main: str | None, keys: Mapping[str, str]
) -> tuple[Tool, ...]:
    """Return the tools.

    Parameters
    ----------
    keys
        Absolute path -> key of its Data.
    """
    declared: dict[str, LoggedTask] = {}
    for task in tasks:
        known = declared.get(task.signature)
        # A call may leave out what has a default.
        if known is None or len(task.parameters) > len(known.parameters):
            declared[task.signature] = task
    tools = []
    for signature, task in declared.items():
        method = find_method(signature, sources, main)
        tool = Tool(
            key=signature,
            name=method.name,
            kind="function",
            path=method.path,
            source_key=keys.get(method.path) if method.path else None,
            line=method.line,
            end_line=method.end_line,
            description=method.description,
            parameters=parameter_names(task.parameters) or method.parameters,
        )
        tools.append(tool)
    return tuple(tools)
