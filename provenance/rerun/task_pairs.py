"""Which task of one run is which task of the other, and how each of them ended.

Comes in: two Runs and the pairs of their data. Goes out: :class:`TaskPairs`, with a
:class:`~provenance.rerun.records.TaskComparison` for each task of either run.

Tasks are paired in passes, from all that is known of them to the tool alone; in each pass those that look alike are
paired in the order in which they began, so that tasks that ran side by side in another order, or with other names of
temporary files, find each other. Each pass is a look-up in a table: 10,000 tasks take less than half a second.
"""

from __future__ import annotations

import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from provenance.rerun.data_pairs import DataPairs
from provenance.rerun.places import Side, without_chance
from provenance.rerun.records import TaskComparison
from provenance.run.model import Data, Run, Status, Task, Tool

_LONGEST_VALUE = 60  # characters of an argument in the name of a task
_DEEPEST = 20  # tasks within tasks that are looked at to tell one task from another
_DONE = frozenset([Status.COMPLETED, Status.RECOVERED])
_UNSEEN = frozenset([Status.UNKNOWN, Status.RUNNING])


@dataclass
class TaskPairs:
    """The tasks of two runs, and which of them are the same step."""

    before: dict[str, Task]  # by key, in the order of the record
    after: dict[str, Task]
    data: DataPairs
    after_of: dict[str, str] = field(default_factory=dict)
    before_of: dict[str, str] = field(default_factory=dict)
    tools_before: dict[str, Tool] = field(default_factory=dict)
    tools_after: dict[str, Tool] = field(default_factory=dict)
    _uses: tuple[Counter[str], ...] = ()

    def join(self, before: str, after: str) -> None:
        """Make a pair of two keys that have no partner yet."""
        self.after_of[before] = after
        self.before_of[after] = before

    def partner(self, before: str) -> Task | None:
        """Give the task of the other run."""
        key = self.after_of.get(before)
        return None if key is None else self.after[key]

    def name(self, task: Task, is_before: bool = True) -> str:
        """Call a task for people: its tool, and a file or a value that tells it from the others of that tool."""
        tool = (self.tools_before if is_before else self.tools_after).get(task.tool)
        called = tool.name if tool is not None else task.tool
        if not self._uses:
            self._uses = Counter(t.tool for t in self.before.values()), Counter(t.tool for t in self.after.values())
        if self._uses[0 if is_before else 1][task.tool] == 1:
            return called
        known = self.data.before if is_before else self.data.after
        values = [f"{v.name}={v.value}"[:_LONGEST_VALUE] for v in task.arguments if v.data_key is None]
        made, read = (
            [self.data.name(known[key], is_before) for key in keys if key in known][:1]
            for keys in (task.outputs, task.inputs)
        )
        marks = made or values[:2] or read
        return f"{called} ({', '.join(marks)})" if marks else called


def pair_tasks(before: Run, after: Run, data: DataPairs) -> tuple[tuple[TaskComparison, ...], TaskPairs]:
    """Pair the tasks of two runs, and tell of each what became of it.

    Nothing is told when one of the runs has no tasks at all: they were not recorded then.

    Data that could not be paired by their names get partners here: what stands at the same place in tasks of a pair.
    """
    pairs = TaskPairs(
        {task.key: task for task in before.tasks},
        {task.key: task for task in after.tasks},
        data,
        tools_before={tool.key: tool for tool in before.tools},
        tools_after={tool.key: tool for tool in after.tools},
    )
    if not before.tasks or not after.tasks:
        return (), pairs
    first = _Looks(before, data.before, data.places.before).of_all()
    second = _Looks(after, data.after, data.places.after).of_all()
    for kind in _PASSES:
        _join_alike(pairs, first, second, kind)
    for one, other in pairs.after_of.items():
        _join_data(data, pairs.before[one], pairs.after[other])
    return tuple(_comparisons(pairs)), pairs


@dataclass(frozen=True, slots=True)
class _Look:
    """What can be told of a task without where and when it ran."""

    key: str
    tool: str
    source: str | None  # of the tool
    words: Hashable  # command and arguments
    outputs: frozenset[str]
    inputs: frozenset[str]
    within: Hashable  # the tasks around it


class _Looks:
    """Finds out how the tasks of one run look."""

    def __init__(self, run: Run, data: dict[str, Data], side: Side) -> None:
        self._run = run
        self._data = data
        self._side = side
        self._tasks = {task.key: task for task in run.tasks}
        self._tools = {tool.key: tool for tool in run.tools}
        self._names: dict[str, str] = {}
        self._words: dict[str, Hashable] = {}
        self._base_names: dict[str, tuple[str, str | None]] = {}

    def of_all(self) -> list[_Look]:
        """In the order in which the tasks began, as far as that is known."""
        tasks = self._run.tasks
        if all(task.start is not None for task in tasks):
            tasks = tuple(sorted(tasks, key=lambda task: task.start or 0))
        return [self._look(task) for task in tasks]

    def _look(self, task: Task) -> _Look:
        name, source = self._tool(task.tool)
        return _Look(
            task.key,
            name,
            source,
            self._words_of(task),
            frozenset(map(self._name, task.outputs)),
            frozenset(map(self._name, task.inputs)),
            tuple(self._around(task)),
        )

    def _tool(self, key: str) -> tuple[str, str | None]:
        if key not in self._base_names:
            tool = self._tools.get(key)
            source = self._data.get(tool.source_key or "") if tool else None
            called = self._side.name(source) if source else None
            name = posixpath.basename(tool.name) or tool.name if tool else key
            if tool and tool.kind == "function":  # some records give its module too
                name = name.rpartition(".")[2]
            self._base_names[key] = (name, called)
        return self._base_names[key]

    def _name(self, key: str) -> str:
        if key not in self._names:
            data = self._data.get(key)
            self._names[key] = key if data is None else without_chance(self._side.name(data))
        return self._names[key]

    def _words_of(self, task: Task) -> Hashable:
        if task.key not in self._words:
            self._words[task.key] = hash(
                (
                    frozenset((value.name, self._side.value(value, self._data, task.cwd)) for value in task.arguments),
                    tuple(self._side.text(word, task.cwd) for word in task.command[1:]),
                )
            )
        return self._words[task.key]

    def _around(self, task: Task) -> Iterator[Hashable]:
        for _ in range(_DEEPEST):
            if task.parent is None or task.parent not in self._tasks:
                return
            task = self._tasks[task.parent]
            yield self._tool(task.tool)[0], self._words_of(task)


_Pass = Callable[[_Look], Hashable]
_PASSES: tuple[_Pass, ...] = (
    lambda t: (t.tool, t.source, t.words, t.outputs, t.inputs, t.within),
    lambda t: (t.tool, t.words, t.outputs, t.inputs),
    lambda t: (t.tool, t.source, t.outputs, t.within) if t.outputs else None,
    lambda t: (t.tool, t.outputs) if t.outputs else None,
    lambda t: (t.tool, t.source, t.words, t.within),
    lambda t: (t.tool, t.words),
    lambda t: (t.tool, t.inputs, t.within) if t.inputs else None,
    lambda t: (t.tool, t.source, t.within),
    lambda t: (t.tool, t.source),
    lambda t: t.tool,
)


def _join_alike(pairs: TaskPairs, first: Iterable[_Look], second: Iterable[_Look], kind: _Pass) -> None:
    """Pair those without a partner that look alike, in order; None looks like nothing else."""
    waiting: dict[Hashable, list[str]] = defaultdict(list)
    for look in second:
        if look.key not in pairs.before_of and (looks := kind(look)) is not None:
            waiting[looks].append(look.key)
    for keys in waiting.values():
        keys.reverse()
    for look in first:
        if look.key in pairs.after_of or (looks := kind(look)) is None:
            continue
        if keys := waiting.get(looks, []):
            pairs.join(look.key, keys.pop())


def _join_data(data: DataPairs, before: Task, after: Task) -> None:
    for first, second in ((before.inputs, after.inputs), (before.outputs, after.outputs)):
        left = [key for key in first if key in data.before and key not in data.after_of]
        rest = [key for key in second if key in data.after and key not in data.before_of]
        # Of an unequal number it can't be told which one is too many.
        if len(left) == len(rest):
            for one, other in zip(left, rest, strict=True):
                data.join(one, other)


def _comparisons(pairs: TaskPairs) -> Iterator[TaskComparison]:
    for key, task in pairs.before.items():
        other = pairs.partner(key)
        if other is None:
            yield TaskComparison(pairs.name(task), "missing", before=key)
        else:
            finding, detail = _ending(task, other)
            yield TaskComparison(pairs.name(task), finding, key, other.key, detail)
    for key, task in pairs.after.items():
        if key not in pairs.before_of:
            detail = _how(task) if task.status is Status.FAILED else ""
            yield TaskComparison(pairs.name(task, is_before=False), "extra", after=key, detail=detail)


def _ending(before: Task, after: Task) -> tuple[str, str]:
    if before.status in _DONE and after.status in _DONE:
        return "same", _attempts(before, after)
    if before.status in _UNSEEN or after.status in _UNSEEN:
        unseen = [side for side, task in (("before", before), ("now", after)) if task.status in _UNSEEN]
        return "same", f"how it ended {' and '.join(unseen)} was not seen"
    if before.status is after.status and _is_same_end(before, after):
        return "same", _attempts(before, after)
    if after.status is Status.FAILED and before.status is not Status.FAILED:
        return "failed", _how(after)
    return "ended differently", f"before: {_how(before)}; now: {_how(after)}"


def _is_same_end(before: Task, after: Task) -> bool:
    codes = None in (before.exit_code, after.exit_code) or before.exit_code == after.exit_code
    return codes and before.signal == after.signal


def _how(task: Task) -> str:
    if task.status is Status.FAILED and task.error:
        return f"failed: {task.error}"
    return task.status.value


def _attempts(before: Task, after: Task) -> str:
    said: list[str] = []
    counts = [max(1, len(task.attempts)) for task in (before, after)]
    if counts[0] != counts[1]:
        said.append(f"attempts: {counts[0]} before, {counts[1]} now")
    said += [
        f"{when} its results were taken from an earlier run"
        for when, task in (("before", before), ("now", after))
        if task.status is Status.RECOVERED and before.status is not after.status
    ]
    return "; ".join(said)
