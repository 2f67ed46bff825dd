"""Where two runs part: the first task whose outputs differ although its inputs agree, and what else differs there.

Comes in: two Runs, the pairs of their tasks, what compares contents, what differs between the runs. Goes out: a
:class:`~provenance.rerun.records.Divergence`.

The tasks of the recorded run are looked at in the order in which data flow. A task whose inputs differ because the
run was given other data is where these take effect; then they are the explanation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from provenance.rerun.causes import Place, likely_causes
from provenance.rerun.contents import AGREEING, Contents
from provenance.rerun.differences import value_differences
from provenance.rerun.records import NOT_TOLD, Difference, Divergence, Likeness
from provenance.rerun.task_pairs import TaskPairs
from provenance.run.model import Data, Role, Run, Status, Task, Value

LikenessOfData = Callable[[Data, Data], Likeness]
_ENDING = "how it ended"
_SHORTEST_ELEMENT = 6  # characters; what is shorter may be within a text by chance
_MOST_NAMED = 20  # outputs and doubts that are named


@dataclass(frozen=True, slots=True)
class _Facts:
    """What of a task agrees."""

    outputs: tuple[str, ...]  # names of those that differ
    inputs: tuple[Difference, ...]  # those that differ and that no task made
    made_inputs: tuple[str, ...]  # names of those that differ and that a task made
    doubts: tuple[str, ...]  # names of what could not be compared


def first_divergence(
    before: Run,
    after: Run,
    pairs: TaskPairs,
    likeness_of_data: LikenessOfData | None = None,
    found: Sequence[Difference] = (),
) -> Divergence | None:
    """Find where two runs part; None when no output of any task, and none of the run, is known to differ.

    Parameters
    ----------
    likeness_of_data
        Compares data of the recorded run with data of the other: :meth:`provenance.rerun.contents.Contents.likeness`.
    found
        What differs between the runs as a whole, from :func:`provenance.rerun.differences.differences`.
    """
    return _Search(before, after, pairs, likeness_of_data or Contents().likeness, found).first()


class _Search:
    def __init__(
        self,
        before: Run,
        after: Run,
        pairs: TaskPairs,
        likeness: LikenessOfData,
        found: Sequence[Difference],
    ) -> None:
        self._before = before
        self._after = after
        self._pairs = pairs
        self._data = pairs.data
        self._likeness = likeness
        # What a run that came to no end did not read any more explains nothing.
        self._found = list(found)
        if after.status is Status.FAILED and before.status is not Status.FAILED:
            self._found = [one for one in found if not _is_unused(one)]
        self._tools = {tool.key: tool for tool in before.tools}
        self._made = {key for task in before.tasks for key in task.outputs}
        self._contents = Contents()
        self._all_results: list[tuple[str, Difference]] | None = None
        self._passed: dict[tuple[str, str], list[str]] = defaultdict(list)
        for edge in before.edges:
            if edge.argument is not None:
                self._passed[(edge.target, edge.argument)].append(edge.source)

    def first(self) -> Divergence | None:
        outputs = self._differing_outputs()
        wanted = self._upstream({key for key, _ in outputs}) if outputs else None
        # Which value went where may not be known; then what differs may have come from any task.
        for among in (wanted, None) if wanted is not None else (None,):
            doubts: list[str] = []
            task, facts = self._first_among(among, doubts)
            if task is not None and facts is not None:
                return self._divergence(task, facts, doubts)
        names = tuple(name for _, name in outputs[:_MOST_NAMED])
        if not names and self._after.status is Status.FAILED and self._before.status is not Status.FAILED:
            names = (_ENDING,)
        if not names:
            return None
        return Divergence(self._before.name, None, None, names, _with_doubts(self._causes(None, ()), doubts))

    def _first_among(self, among: set[str] | None, doubts: list[str]) -> tuple[Task | None, _Facts | None]:
        """Find the first task whose outputs differ although its inputs agree, or differ because others were given.

        Else it is the first whose outputs differ: what made its inputs is missing, or could not be compared.
        """
        blamed: tuple[Task | None, _Facts | None] = None, None
        for task in in_order_of_flow(self._before):
            other = self._pairs.partner(task.key)
            if other is None or (among is not None and task.key not in among and not _fails_now(task, other)):
                continue
            facts = self._facts(task, other)
            if facts.outputs:
                if not facts.made_inputs:
                    return task, facts
                if blamed[0] is None:
                    blamed = task, facts
            doubts += facts.doubts
        return blamed

    def _differing_outputs(self) -> list[tuple[str, str]]:
        """Keys and names of the results of the whole run that are not what they were."""
        found = []
        for key in self._before.outputs:
            data = self._data.before.get(key)
            if data is None:
                continue
            other = self._data.partner(key)
            if other is None or self._likeness(data, other) in (Likeness.DIFFERENT, Likeness.MISSING):
                found.append((key, self._data.name(data)))
        return found

    def _facts(self, task: Task, other: Task) -> _Facts:
        doubts: list[str] = []
        outputs = [self._data.name(data) for data in self._unlike(task.outputs, doubts)]
        outputs += [f"returned value {one.before} -> {one.after}" for one in self._changed_results(task)]
        if _fails_now(task, other):
            outputs.append(_ENDING)
        given, made = [], [one.what for one in self._changed_arguments(task) if self._sources_of_value(task, one)]
        unknown: list[str] = []
        for data in self._unlike(task.inputs, unknown):
            name = self._data.name(data)
            if self._data.partner(data.key) is None and _fails_now(task, other):
                continue  # it ended before it came to that
            if data.key in self._made or data.role not in (Role.INPUT, Role.CONFIGURATION, Role.SOURCE):
                made.append(name)
            else:
                given.append(self._of_file(name) or Difference("data", name, detail="changed"))
        for name in unknown:  # of some it is known that they were written to
            one = self._of_file(name)
            if one is None:
                doubts.append(name)
            else:
                given.append(one)
        extra = [key for key in other.inputs if key not in self._data.before_of and key in self._data.after]
        made += [self._data.name(self._data.after[key], is_before=False) for key in extra]
        return _Facts(tuple(outputs[:_MOST_NAMED]), tuple(given), tuple(made), tuple(doubts))

    def _unlike(self, keys: Iterable[str], doubts: list[str]) -> Iterator[Data]:
        for key in keys:
            data = self._data.before.get(key)
            if data is None:
                continue
            other = self._data.partner(key)
            likeness = Likeness.MISSING if other is None else self._likeness(data, other)
            if likeness is Likeness.UNKNOWN:
                doubts.append(self._data.name(data))
            elif likeness not in AGREEING:
                yield data

    def _changed_results(self, task: Task) -> list[Difference]:
        """Returned values that are not what they were; a path is told by the file that it names."""
        other = self._pairs.partner(task.key)
        if other is None or len(task.results) != len(other.results):
            return []  # crates leave out what is a file
        return self._changed(task, other, task.results, other.results)

    def _changed_arguments(self, task: Task) -> list[Difference]:
        other = self._pairs.partner(task.key)
        return [] if other is None else self._changed(task, other, task.arguments, other.arguments)

    def _changed(self, task: Task, other: Task, first: Sequence[Value], second: Sequence[Value]) -> list[Difference]:
        cwds = (task.cwd, other.cwd)
        return list(value_differences(first, second, self._data, self._contents, cwds))

    def _sources_of_value(self, task: Task, argument: Difference) -> list[str]:
        """Keys of the tasks that returned, otherwise than before, what another was given.

        Records tell which value went where; of crates it is told by what values look like.
        """
        told = self._passed.get((task.key, argument.what))
        if told:
            return told
        return [
            key
            for key, one in self._results()
            if key != task.key and _is_within(one.before, argument.before) and _is_within(one.after, argument.after)
        ]

    def _results(self) -> list[tuple[str, Difference]]:
        if self._all_results is None:
            tasks = (task for task in self._before.tasks if task.results)
            self._all_results = [(task.key, one) for task in tasks for one in self._changed_results(task)]
        return self._all_results

    def _upstream(self, outputs: set[str]) -> set[str] | None:
        """Keys of the tasks that what differs came from; None when no task is known to have made any of it."""
        tasks = {task.key: task for task in self._before.tasks}
        wanted = {key for key, task in tasks.items() if outputs.intersection(task.outputs)}
        if not wanted:
            return None
        sources: dict[str, set[str]] = defaultdict(set)
        for edge in self._before.edges:
            sources[edge.target].add(edge.source)
        waiting = list(wanted)
        while waiting:
            key = waiting.pop()
            found = set(sources[key])
            for one in self._changed_arguments(tasks[key]):
                found.update(self._sources_of_value(tasks[key], one))
            new = found.intersection(tasks) - wanted
            wanted |= new
            waiting += new
        return wanted

    def _of_file(self, name: str) -> Difference | None:
        return next((one for one in self._found if one.what == name and one.aspect in ("data", "code")), None)

    def _divergence(self, task: Task, facts: _Facts, doubts: Sequence[str]) -> Divergence:
        other = self._pairs.partner(task.key)
        causes = self._causes(task, facts.made_inputs)
        causes = tuple(dict.fromkeys((*facts.inputs, *causes)))
        if facts.inputs:
            causes = tuple(one for one in causes if one.aspect != NOT_TOLD)
        return Divergence(
            self._pairs.name(task),
            task.key,
            other.key if other else None,
            facts.outputs,
            _with_doubts(causes, [*doubts, *facts.doubts]),
        )

    def _causes(self, task: Task | None, made: Sequence[str]) -> tuple[Difference, ...]:
        tool = self._tools.get(task.tool) if task is not None else None
        source = self._data.before.get(tool.source_key or "") if tool is not None else None
        arguments = [] if task is None else self._changed_arguments(task)
        if task is not None:
            arguments = [one for one in arguments if not self._sources_of_value(task, one)]
        place = Place(
            task=task,
            tool=tool,
            source=self._data.name(source) if source is not None else None,
            arguments=tuple(arguments),
            is_fed=bool(made),
            fails_now=self._after.status is Status.FAILED and self._before.status is not Status.FAILED,
        )
        return likely_causes(self._before, place, self._found)


def in_order_of_flow(run: Run) -> list[Task]:
    """Order the tasks so that each comes after those that its data came from, else as they began; loops are cut."""
    tasks = sorted(run.tasks, key=lambda task: task.start or 0)
    position = {task.key: index for index, task in enumerate(tasks)}
    sources: dict[str, set[str]] = defaultdict(set)
    for edge in run.edges:
        if edge.source in position and edge.target in position and edge.source != edge.target:
            sources[edge.target].add(edge.source)
    ordered: list[Task] = []
    state: dict[str, bool] = {}  # False: begun, True: done
    for task in tasks:
        waiting = [task.key]
        while waiting:
            key = waiting[-1]
            if key in state:
                waiting.pop()
                if not state[key]:
                    state[key] = True
                    ordered.append(tasks[position[key]])
                continue
            state[key] = False
            waiting += sorted((one for one in sources[key] if one not in state), key=lambda one: -position[one])
    return ordered


def _fails_now(before: Task, after: Task) -> bool:
    return after.status is Status.FAILED and before.status is not Status.FAILED


def _is_unused(one: Difference) -> bool:
    """Tell whether this is only that something was not come to: a file, a package, a program."""
    if one.aspect in ("packages", "software"):
        return one.after is None
    return one.aspect in ("code", "data") and one.detail.startswith("not ")


def _is_within(part: str | None, whole: str | None) -> bool:
    """Tell whether a returned value is an argument, or an element of one."""
    if part is None or whole is None:
        return False
    return part == whole or (len(part) >= _SHORTEST_ELEMENT and part in whole)


def _with_doubts(causes: tuple[Difference, ...], doubts: Sequence[str]) -> tuple[Difference, ...]:
    if not doubts:
        return causes
    names = list(dict.fromkeys(doubts))
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    said = "could not be compared, so an earlier task may have made the difference"
    return (*causes, Difference(NOT_TOLD, shown, detail=said))
