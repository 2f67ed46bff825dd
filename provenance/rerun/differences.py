"""What is not the same in two runs: code, parameters, command, data, environment, tasks, outputs, machine.

Comes in: two Runs, each read from a crate or loaded from a record, and where each took place. Goes out:
:class:`~provenance.rerun.records.Difference`, what changes results most likely first.

What belongs to a run's place and moment is no difference: host, user, times, working folder, names of temporary files,
the record itself. The ``aspect`` of a difference tells what it is about; those of :data:`REMARKS` are told, and do not
make two runs different.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from provenance.rerun.contents import AGREEING, Contents
from provenance.rerun.data_pairs import DataPairs, pair_data
from provenance.rerun.environment_differences import environment_differences
from provenance.rerun.file_differences import file_differences
from provenance.rerun.places import Places, Side
from provenance.rerun.records import Difference, TaskComparison
from provenance.rerun.task_pairs import pair_tasks
from provenance.run.model import Data, Run, Status, Value

# In the order in which they are told.
ASPECTS = (
    *("code", "commit", "parameters", "command", "data", "packages", "software", "container", "variables"),
    *("status", "tasks", "outputs", "intermediates", "machine", "installed"),
)
REMARKS = frozenset(["commit", "machine", "installed", "intermediates"])
_EFFECTS = frozenset(["status", "tasks", "outputs", "intermediates"])
_PYTHON = re.compile(r"python(\d+(\.\d+)*)?\Z")
_LONGEST_VALUE = 200  # characters of a value that are shown


def differences(
    before: Run,
    after: Run,
    places: Places,
    *,
    data: DataPairs | None = None,
    tasks: Sequence[TaskComparison] | None = None,
    contents: Contents | None = None,
) -> tuple[Difference, ...]:
    """Hold one run against another.

    Parameters
    ----------
    places
        What of their places corresponds, from :func:`provenance.rerun.places.places`.
    data, tasks, contents
        The pairs and what is known of contents, where they were made already.
    """
    if data is None:
        data = pair_data(before, after, places)
    if tasks is None:
        tasks = pair_tasks(before, after, data)[0]
    contents = contents or Contents()
    found = [
        *file_differences(before, after, data, contents),
        *_parameters(before, after, data, contents),
        *_command(before, after, places),
        *environment_differences(before, after, places),
        *_status(before, after),
        *_tasks(tasks),
    ]
    return tuple(sorted(found, key=rank))


def explain(
    found: Iterable[Difference], changes: Iterable[Difference] = (), is_complete: bool = True
) -> tuple[Difference, ...]:
    """Choose of the differences of a re-run those that explain another result, what was asked for first.

    Parameters
    ----------
    changes
        What the user asked to be different.
    is_complete
        The new run came to its end: otherwise what it did not read or make any more explains nothing.
    """
    asked = list(changes)
    causes = [one for one in found if one.aspect not in _EFFECTS | REMARKS | {"command"} and not _is_asked(one, asked)]
    if not is_complete:
        causes = [one for one in causes if one.aspect not in ("data", "code") or not one.detail.startswith("not ")]
    machine = [one for one in found if one.aspect == "machine" and one.what in ("architecture", "CPU", "accelerators")]
    command = [one for one in found if one.aspect == "command" and not asked]
    return (*asked, *causes, *command, *machine)


def _is_asked(one: Difference, asked: Iterable[Difference]) -> bool:
    """Tell whether the user asked for a difference, who may call an option with its dashes, a file by its full path."""
    names = {one.what, one.what.lstrip("-")}
    below = posixpath.normpath(f"/{one.what}")  # without the ".." of what lies beside the working folder
    return any(
        each.aspect == one.aspect and (each.what.lstrip("-") in names or each.what.endswith(below)) for each in asked
    )


def rank(difference: Difference) -> tuple[int, int]:
    """Give the place of a difference among others: by its aspect, what is known for sure first."""
    place = ASPECTS.index(difference.aspect) if difference.aspect in ASPECTS else len(ASPECTS)
    return place, len(difference.detail) and difference.detail.startswith(("whether", "written", "not "))


def matters(found: Iterable[Difference]) -> bool:
    """Tell whether two runs with these differences were different runs."""
    return any(one.aspect not in REMARKS for one in found)


def value_differences(
    before: Sequence[Value],
    after: Sequence[Value],
    data: DataPairs,
    contents: Contents,
    cwds: tuple[str | None, str | None] = (None, None),
) -> Iterator[Difference]:
    """Hold arguments of a run or a task against those of the other, by their names."""
    first, second = _by_name(before), _by_name(after)
    for name in dict.fromkeys([*first, *second]):
        pairs = _aligned(first.get(name, []), second.get(name, []))
        for number, (one, other) in enumerate(pairs, 1):
            if one is not None and other is not None and _is_same(one, other, data, contents, cwds):
                continue
            what = name if len(pairs) == 1 else f"{name}#{number}"
            yield Difference(
                "parameters",
                what,
                _shown(one, data.before, data.places.before),
                _shown(other, data.after, data.places.after),
            )


def _by_name(values: Iterable[Value]) -> Mapping[str, list[Value]]:
    found: dict[str, list[Value]] = defaultdict(list)
    for value in values:
        found[value.name].append(value)
    return found


def _aligned(first: list[Value], second: list[Value]) -> list[tuple[Value | None, Value | None]]:
    count = max(len(first), len(second))
    return [(first[i] if i < len(first) else None, second[i] if i < len(second) else None) for i in range(count)]


def _is_same(
    one: Value, other: Value, data: DataPairs, contents: Contents, cwds: tuple[str | None, str | None]
) -> bool:
    if data.places.before.value(one, data.before, cwds[0]) == data.places.after.value(other, data.after, cwds[1]):
        return True
    if one.data_key is not None and other.data_key is not None and data.after_of.get(one.data_key) == other.data_key:
        # The same file at another place.
        first, second = data.before[one.data_key], data.after[other.data_key]
        names = [posixpath.basename(data.name(first)), posixpath.basename(data.name(second, is_before=False))]
        return names[0] == names[1] and contents.likeness(first, second) in AGREEING
    return False


def _shown(value: Value | None, known: Mapping[str, Data], side: Side) -> str | None:
    if value is None:
        return None
    if value.data_key is not None and value.data_key in known:
        return side.name(known[value.data_key])
    text = value.value if isinstance(value.value, str) else repr(value.value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"


def _parameters(before: Run, after: Run, data: DataPairs, contents: Contents) -> Iterator[Difference]:
    yield from value_differences(before.arguments, after.arguments, data, contents, (before.cwd, after.cwd))
    if before.engine_arguments and after.engine_arguments:
        for one in value_differences(before.engine_arguments, after.engine_arguments, data, contents):
            yield Difference("command", one.what, one.before, one.after, "of the engine")


def _command(before: Run, after: Run, places: Places) -> Iterator[Difference]:
    """Tell what of the command is no argument: the program, its script, its switches."""
    if before.command and after.command:
        words = [_rest(before, places.before), _rest(after, places.after)]
        if words[0] != words[1]:
            yield Difference("command", "command", shlex.join(before.command), shlex.join(after.command))
    folders = [_folder(places.before), _folder(places.after)]
    if None not in folders and folders[0] != folders[1]:
        yield Difference("command", "working folder", folders[0], folders[1])


def _rest(run: Run, side: Side) -> list[str]:
    known = {data.key: data for data in run.data}
    values = {side.value(value, known, run.cwd) for value in run.arguments}
    rest = []
    for index, word in enumerate(run.command):
        if _PYTHON.match(posixpath.basename(word)):
            rest.append("python")
            continue
        for part in word.split("=", 1) if word.startswith("-") else [word]:
            text = side.text(part, run.cwd)
            if index and text in values:
                continue
            rest.append(posixpath.basename(part) if index == 0 else text)
    return rest


def _folder(side: Side) -> str | None:
    if side.cwd is None or side.root is None:
        return None
    return posixpath.relpath(side.cwd, side.root)


def _status(before: Run, after: Run) -> Iterator[Difference]:
    unknown = (Status.UNKNOWN, Status.RUNNING)
    if before.status in unknown or after.status in unknown:
        return
    if before.status is not after.status:
        yield Difference("status", "the run", _ended(before), _ended(after))
        return
    codes = (before.exit_code, after.exit_code)
    if before.status is Status.FAILED and None not in codes and codes[0] != codes[1]:
        yield Difference("status", "exit status", str(codes[0]), str(codes[1]))


def _ended(run: Run) -> str:
    return f"{run.status.value}: {run.error}" if run.error else run.status.value


def _tasks(found: Sequence[TaskComparison]) -> Iterator[Difference]:
    total = Counter(_tool_of(each) for each in found)
    groups: dict[tuple[str, str], list[TaskComparison]] = defaultdict(list)
    for each in found:
        if each.finding != "same":
            groups[(_tool_of(each), each.finding)].append(each)
    for (tool, finding), tasks in groups.items():
        if len(tasks) <= 2:
            for task in tasks:
                yield Difference("tasks", task.name, None, None, f"{finding}{': ' if task.detail else ''}{task.detail}")
        else:
            detail = f": {tasks[0].detail}" if tasks[0].detail else ""
            yield Difference("tasks", tool, None, None, f"{len(tasks):,} of {total[tool]:,} {finding}{detail}")


def _tool_of(found: TaskComparison) -> str:
    return found.name.partition(" (")[0]
