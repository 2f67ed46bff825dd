"""Parameters of a task -> the Values that it was called with and that it gave back.

In: the parameters that the log declares, the files that were used through them, the values that the workers or the
master wrote down. Out: arguments and results, in the order of declaration. A parameter of which nothing but its name
is known (an object that went from task to task) is left out; the tool lists its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

from provenance.engines.compss.file_states import Use
from provenance.engines.compss.records import LoggedTask, TaskExecutions, TaskParameter, WorkerValue
from provenance.journal.credentials import REMOVED, hide, looks_like_credential
from provenance.run.model import Value

_KEYWORD = "#kwarg_"
_RETURN = "$return"
_LONGEST_NUMBER = 400  # characters
# Types of COMPSs whose values are numbers or truth values, also where no worker named the type of the language.
_WHOLE = frozenset(["BYTE_T", "SHORT_T", "INT_T", "LONG_T", "int"])
_REAL = frozenset(["FLOAT_T", "DOUBLE_T", "float"])
_TRUTH = frozenset(["BOOLEAN_T", "bool"])


@lru_cache(maxsize=4096)  # a run has few names and many values of each
def parameter_name(logged: str) -> str:
    """Return the name of a parameter as its function has it: without COMPSs' marks, and without an element's number.

    >>> parameter_name("#kwarg_bsize"), parameter_name("blocks.3"), parameter_name("$return_0")
    ('bsize', 'blocks', 'return_0')
    """
    name = logged.removeprefix(_KEYWORD)
    if name.startswith("$"):
        name = name[1:]
    return name.partition(".")[0] or logged


def parameter_names(parameters: Iterable[TaskParameter]) -> tuple[str, ...]:
    """Return the names of the parameters of a function, each once."""
    return tuple(dict.fromkeys(parameter_name(each.name) for each in parameters if not each.name.startswith("@")))


def task_values(
    task: LoggedTask, uses: Iterable[Use], executions: TaskExecutions | None
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Return the arguments and the results of a task."""
    by_name: dict[str, list[Use]] = {}
    for use in uses:
        by_name.setdefault(parameter_name(use.access.name or ""), []).append(use)
    content = _content(task, executions)
    arguments: list[Value] = []
    results: list[Value] = []
    for parameter in task.parameters:
        name = parameter_name(parameter.name)
        used = by_name.pop(name, None)
        if used is not None:
            content.pop(name, None)  # the path, as the worker saw it
            _add_files(name, used, arguments, results)
            continue
        is_return = parameter.name.startswith(_RETURN)
        for known in content.pop(name, ()):
            value = _value(name, known, parameter.type, is_return)
            if parameter.direction != "OUT" and not is_return:
                arguments.append(value)
            else:
                results.append(value)
    for name, used in by_name.items():  # parts of a dictionary, and what no declared parameter has the name of
        content.pop(name, None)
        _add_files(name or "file", used, arguments, results)
    for name, undeclared in content.items():
        for known in undeclared:
            (results if known.direction == "OUT" else arguments).append(_value(name, known, "", False))
    return tuple(arguments), tuple(results)


def _add_files(name: str, used: list[Use], arguments: list[Value], results: list[Value]) -> None:
    for access, _, read, written in used:
        if access.direction != "OUT":
            arguments.append(Value(name, access.path, data_key=read.key if read else None))
        if written is not None:
            results.append(Value(name, access.path, data_key=written.key))
        elif access.direction == "OUT":
            arguments.append(Value(name, access.path))  # where it should have written to


def _content(task: LoggedTask, executions: TaskExecutions | None) -> dict[str, list[WorkerValue]]:
    """Group the known values by the name of the parameter: a collection of objects has several."""
    found: dict[str, list[WorkerValue]] = {}
    if executions is not None:
        for logged, value in executions.values.items():
            if value.content is not None:
                found.setdefault(parameter_name(logged), []).append(value)
    for each in task.values:
        name = parameter_name(each.name)
        if name not in found:
            found[name] = [WorkerValue(each.name, each.value)]
    return found


def _value(name: str, known: WorkerValue, declared: str, is_return: bool) -> Value:
    text = known.content or ""
    content: str | int | float | bool
    if looks_like_credential(name):
        content = REMOVED
    elif known.cut_from is None:
        content = _typed(text, known.type or declared)
    else:
        content = hide(text)
    return Value(name, content, type=known.type, cut_from=known.cut_from, is_return=is_return)


def _typed(text: str, kind: str) -> str | int | float | bool:
    """Return a number or a truth value where the type says that the text is one, else the text."""
    if kind in _TRUTH and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if len(text) <= _LONGEST_NUMBER:
        try:
            if kind in _WHOLE:
                return int(text)
            if kind in _REAL and math.isfinite(number := float(text)):
                return number
        except ValueError:
            pass  # another value than its type says: told as it is
    return hide(text)
