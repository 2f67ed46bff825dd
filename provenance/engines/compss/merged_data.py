"""The data of COMPSs' logs and of our own record -> the data of one run.

In: both lists of :class:`~provenance.run.model.Data`. Out: :class:`MergedData`. COMPSs tells which task used which
state of a file; our record tells what a state was: its size and date, and content that was saved before it was
overwritten. What only our record saw is what the main program read and wrote, which COMPSs does not log. A state keeps
the key that COMPSs' tasks know it by.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from provenance.engines.compss.data import LATE
from provenance.engines.compss.work_folder import SUBMISSION_LINES
from provenance.run.model import Data, Role, Run, Task

_BY_MAIN = "it was written in this run, before a task of COMPSs read it"
_INTERNAL = "COMPSs wrote it for itself"
# What the record alone knows, and the run as a whole had.
_KEPT = (Role.SOURCE, Role.CONFIGURATION, Role.INPUT, Role.OUTPUT, Role.INTERMEDIATE)
_CRATE = "ro-crate-metadata.json"
_OWN_FILES = (*SUBMISSION_LINES, "ro-crate-info_TEMPLATE.yaml", "App_Profile.json")
_CLOCKS = 2_000_000_000  # ns by which the clock of a file system may differ
_CRATE_NAME = "/COMPSs_RO-Crate_"


@dataclass(frozen=True, slots=True)
class MergedData:
    """The data of a run, with the keys of what the run as a whole read and wrote."""

    data: tuple[Data, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    keys: dict[str, str]  # of the record -> of here, for what is here


def merge_data(from_logs: Run, recorded: Run, is_of_engine: Callable[[str], bool]) -> MergedData:
    """Make one list of both.

    Parameters
    ----------
    is_of_engine
        Tells of a path whether it belongs to COMPSs itself: its installation, its logs.
    """
    ours = _by_path(recorded.data)
    states, uses = _by_path(from_logs.data), _first_uses(from_logs.tasks)
    outputs, inputs = dict.fromkeys(from_logs.outputs), dict.fromkeys(from_logs.inputs)
    extra: list[Data] = []
    replaced: dict[str, Data] = {}
    keys: dict[str, str] = {}
    known: set[str] = set()
    real_folders: dict[str, str] = {}
    for path, theirs in states.items():
        place = path if path in ours else _resolved(path, real_folders)
        seen = ours.get(place)
        if seen is None:
            continue
        known.add(place)
        match = _match(theirs, seen, uses.get(theirs[0].key))
        for state, same in match.pairs:
            is_last = theirs[-1] is state and match.after is None
            keys[same.key] = state.key
            replaced[state.key] = _enriched(state, same, is_last, _saw_all(theirs, seen))
        extra += [one for one in (match.before, match.after) if one is not None]
        first = theirs[0]
        if match.is_made_by_main and first.role is Role.INPUT:
            is_result = len(theirs) == 1 and not replaced[first.key].is_gone
            role = Role.OUTPUT if is_result else Role.INTERMEDIATE
            replaced[first.key] = replace(replaced[first.key], role=role, reason=_BY_MAIN)
            inputs.pop(first.key, None)
            if is_result:
                outputs[first.key] = None
    data = [replaced.get(state.key, state) for state in from_logs.data if not _is_left_over(state, from_logs, recorded)]
    taken = {state.key for state in data}
    ignored = own_paths(recorded.data)
    extra += [each for each in recorded.data if each.path not in known]
    for each in extra:
        if each.role not in (*_KEPT, Role.SOFTWARE):
            continue
        internal = is_of_engine(each.path) or each.path in ignored
        if internal and each.role is not Role.SOFTWARE:
            continue
        if each.role is Role.INTERMEDIATE and each.is_gone:
            continue  # scratch of the runtime: files that it moved between workers
        key = _free(each.key, taken)
        keys[each.key] = key
        data.append(each if key == each.key else replace(each, key=key))
        if each.role in (Role.INPUT, Role.CONFIGURATION):
            inputs[key] = None
        elif each.role is Role.OUTPUT:
            outputs[key] = None
    return MergedData(tuple(data), tuple(inputs), tuple(outputs), keys)


def own_paths(data: Iterable[Data]) -> frozenset[str]:
    """Return the paths of files that COMPSs made for itself in the user's folders, its crates among them."""
    listed = list(data)
    crates = {
        each.path.removesuffix(_CRATE)
        for each in listed
        if each.path.endswith("/" + _CRATE) and each.version > 0  # written by this run
    }
    prefixes = tuple(crates)
    return frozenset(
        each.path
        for each in listed
        if each.path.rpartition("/")[2] in _OWN_FILES
        or _CRATE_NAME in each.path
        or (prefixes and each.path.startswith(prefixes))
    )


def set_aside(data: Data) -> Data:
    """Return a file that is COMPSs' own business, so that it is told nowhere."""
    return replace(data, role=Role.IGNORED, reason=_INTERNAL)


def _is_left_over(data: Data, from_logs: Run, recorded: Run) -> bool:
    """Tell of a log in the working folder whether an earlier run left it, or the recorded command says the same."""
    if data.role is not Role.LOG or data.path.startswith(f"{from_logs.log_folder}/"):
        return False
    is_old = (data.mtime_ns or 0) < (recorded.start or 0) - _CLOCKS
    return is_old or data.path.rpartition("/")[2] in SUBMISSION_LINES


def _resolved(path: str, folders: dict[str, str]) -> str:
    """Return a path without symbolic links, as our record has it; `folders` keeps what was found out of folders."""
    folder, _, name = path.rpartition("/")
    real = folders.get(folder)
    if real is None:
        real = folders[folder] = os.path.realpath(folder or "/").rstrip("/")
    try:
        return os.path.realpath(path) if os.path.islink(path) else f"{real}/{name}"
    except OSError:
        return path


def _by_path(data: Iterable[Data]) -> dict[str, list[Data]]:
    found: dict[str, list[Data]] = {}
    for each in data:
        found.setdefault(each.path, []).append(each)
    return found


@dataclass(frozen=True, slots=True)
class _Match:
    """The states of one path that are the same one in both, and those that only our record has."""

    pairs: tuple[tuple[Data, Data], ...]  # of COMPSs, of the record
    before: Data | None  # content from before the run, that no task read
    after: Data | None  # what the main program made of it, when no task wrote it later
    is_made_by_main: bool  # what COMPSs takes for content from before the run was written within it


def _match(theirs: Sequence[Data], seen: Sequence[Data], first_use: int | None) -> _Match:
    """Compare the states of one path; `first_use` is when a task of COMPSs first had it, where that is known."""
    written, ours = [s for s in theirs if s.version > 0], [s for s in seen if s.version > 0]
    old, our_old = _old(theirs), _old(seen)
    pairs = []
    is_made_by_main = old is not None and our_old is None and _is_older(ours, len(written), first_use)
    if old is not None and our_old is not None:
        pairs.append((old, our_old))
    elif old is not None and is_made_by_main:
        made = ours[0] if written else ours[-1]
        pairs.append((old, made))
        ours = ours[1:] if written else []
    if written and ours:
        pairs += zip(written, ours, strict=True) if len(written) == len(ours) else [(written[-1], ours[-1])]
    return _Match(
        pairs=tuple(pairs),
        before=our_old if old is None else None,
        after=ours[-1] if ours and not written else None,
        is_made_by_main=is_made_by_main,
    )


def _is_older(ours: Sequence[Data], written: int, first_use: int | None) -> bool:
    """Tell whether the first of the states that our record saw being written is from before the tasks of COMPSs.

    It may as well be what the first task wrote: content that nobody was seen to read is not in our record.
    """
    if not ours:
        return False
    if first_use is None or ours[0].mtime_ns is None:
        return len(ours) > written
    return ours[0].mtime_ns < first_use


def _first_uses(tasks: Iterable[Task]) -> dict[str, int]:
    """Return when each state was first an input of a task, by its key."""
    found: dict[str, int] = {}
    for task in tasks:
        if task.start is not None:
            for key in task.inputs:
                found[key] = min(task.start, found.get(key, task.start))
    return found


def _old(states: Sequence[Data]) -> Data | None:
    return states[0] if states[0].version == 0 else None


def _saw_all(theirs: Sequence[Data], seen: Sequence[Data]) -> bool:
    """Tell whether our record saw the file written as often as COMPSs' tasks did; workers may start unwatched."""
    return sum(each.version > 0 for each in seen) >= sum(each.version > 0 for each in theirs)


def _enriched(state: Data, seen: Data, is_last: bool, saw_all: bool) -> Data:
    """Return a state with what our record knows of it."""
    if state.is_directory or seen.is_directory:
        return state
    saved = seen.content if seen.content is not None and seen.content != seen.path else None
    if not is_last:
        return replace(
            state,
            size=seen.size,
            mtime_ns=seen.mtime_ns,
            sha256=seen.sha256,
            content=saved,
            is_gone=saved is None,
            description=_without_late(state.description),
        )
    is_there = not seen.is_gone and not seen.changed_after
    if is_there and state.size is not None and state.description is None and not seen.sha256:
        return state  # nothing to add, as for nearly all
    if is_there or (seen.is_gone and state.is_gone):
        return replace(
            state,
            size=state.size if state.size is not None else seen.size,
            mtime_ns=state.mtime_ns if state.mtime_ns is not None else seen.mtime_ns,
            sha256=state.sha256 or seen.sha256,
            encoding_format=state.encoding_format or seen.encoding_format,
            description=_without_late(state.description) if is_there else state.description,
        )
    if not saw_all or not seen.changed_after:
        return state  # a worker that we did not watch wrote it later
    return replace(
        state,
        size=seen.size,
        mtime_ns=seen.mtime_ns,
        sha256=seen.sha256,
        content=saved,
        is_gone=saved is None,
        changed_after=True,
    )


def _without_late(description: str | None) -> str | None:
    """Our record knows whether a file is still what the run saw; COMPSs can only suspect it by its date."""
    return (description or "").replace(LATE, "").strip() or None


def _free(key: str, taken: set[str]) -> str:
    wanted, number = key, 2
    while key in taken:
        key = f"{wanted}#{number}"
        number += 1
    taken.add(key)
    return key
