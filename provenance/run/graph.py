"""The edges between tasks: files that one wrote and another read, values that one returned and another was given.

In: tasks, and who wrote and read which data. Out: model Edges, each once.
"""

from __future__ import annotations

import ast
import bisect
from collections.abc import Iterable, Iterator

from provenance.run.model import Edge, Task, Value

_SHORTEST_TEXT = 12  # characters; a shorter text may be equal by chance
_FEWEST_DIGITS = 6


def file_edges(used: Iterable[tuple[str, str, list[str]]]) -> list[Edge]:
    """Return an edge for each reader of each data: (data key, writing task, reading tasks)."""
    return [Edge(writer, reader, data=data) for data, writer, readers in used for reader in readers if reader != writer]


def value_edges(passed: Iterable[tuple[str, str, str]], tasks: list[Task]) -> list[Edge]:
    """Return the edges of values: those that were seen, then those that equal values of other processes tell.

    A value tells something when it is unlikely to be equal by chance: a digest, a text of 12 characters, a number
    with 6 significant digits.
    """
    known = {task.key for task in tasks}
    edges: dict[tuple[str, str, str], Edge] = {}
    explained: set[tuple[str, str]] = set()
    for source, target, argument in passed:
        if source in known and target in known and source != target:
            edges[(source, target, argument)] = Edge(source, target, argument=argument or None)
            explained.add((target, argument))
    returned: dict[str, list[tuple[int, str]]] = {}
    for task in tasks:
        for result in task.results:
            if task.end is not None and (mark := _mark(result)):
                returned.setdefault(mark, []).append((task.end, task.key))
    if not returned:
        return list(edges.values())
    for listed in returned.values():
        listed.sort()
    for task in tasks:
        for value in task.arguments:
            if (task.key, value.name) in explained or task.start is None:
                continue
            for mark in _marks(value):
                found = _latest(returned.get(mark, []), task.start)
                if found is not None and _process(found) != _process(task.key):
                    edge = Edge(found, task.key, argument=value.name)
                    edges[(found, task.key, value.name)] = edge
    return list(edges.values())


def _latest(ended: list[tuple[int, str]], before: int) -> str | None:
    """Return the task that was the last to end before a time, of (end, key) in order."""
    index = bisect.bisect_right(ended, before, key=lambda pair: pair[0])
    return ended[index - 1][1] if index else None


def _process(key: str) -> str:
    return key.rpartition(":")[0] or key


def _marks(value: Value) -> Iterator[str]:
    """Yield the marks of a value, and of its elements when it is a list."""
    if mark := _mark(value):
        yield mark
    text = value.value
    if value.cut_from is not None or not isinstance(text, str) or text[:1] not in ("[", "("):
        return
    try:
        elements = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return
    if isinstance(elements, (list, tuple)):
        for element in elements:
            if mark := _mark_of(element):
                yield mark


def _mark(value: Value) -> str | None:
    """Return a text that is equal for equal values, None when they may be equal by chance."""
    if value.sha256 is not None:
        return f"sha256:{value.sha256}"
    return None if value.cut_from is not None else _mark_of(value.value)


def _mark_of(content: object) -> str | None:
    if isinstance(content, float):
        digits = repr(content).partition("e")[0].replace(".", "").lstrip("-0").rstrip("0")
        return f"float:{content!r}" if len(digits) >= _FEWEST_DIGITS else None
    if isinstance(content, str):
        return f"text:{content}" if len(content) >= _SHORTEST_TEXT else None
    return None
