"""Compares every recorded output with what the new run made in its place.

Comes in: the plan, the new Run, tolerances. Goes out: a :class:`~provenance.rerun.records.Comparison` for each output
of either run. Only regular files are opened, and no link that leads out of the work folder is followed: a run may
leave anything behind. What lay there before the run, and was not written to, is no result of it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from provenance.crate.graph import is_relative
from provenance.crate.source import FolderPayload
from provenance.rerun.comparing import Options, Period, compare_files, tolerance_for
from provenance.rerun.contents import AGREEING
from provenance.rerun.file_digests import Reading, Wanted, read_files
from provenance.rerun.places import places
from provenance.rerun.records import Comparison, Likeness, Placement, Plan, Tolerance
from provenance.rerun.talk import Silence, Talk
from provenance.run.model import Data, Role, Run

_SECOND = 1_000_000_000

State = tuple[int, int, int, int]  # device, inode, size, time of the last change in nanoseconds


@dataclass(frozen=True, slots=True)
class _Pair:
    data: Data
    name: str
    place: Path | None  # None: it lay where nothing of this run can be


def standing(plan: Plan, is_isolated: bool = False) -> dict[Path, State]:
    """Note, before the run, what already lies where its results will be: data that it changes, results of old."""
    found = {}
    for data, path in _results(plan, FolderPayload(plan.crate)):
        place = _place(path, plan, is_isolated)
        state = _state(place) if place is not None and not data.is_directory else None
        if place is not None and state is not None:
            found[place] = state
    return found


def _state(place: Path) -> State | None:
    try:
        status = place.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns


def compare_outputs(
    plan: Plan,
    after: Run | None,
    tolerances: Sequence[Tolerance],
    talk: Talk,
    *,
    seen: Placement | None = None,
    is_isolated: bool = False,
    logs: Mapping[str, Path] | None = None,
    stood: Mapping[Path, State] | None = None,
) -> tuple[Comparison, ...]:
    """Compare what was recorded with what is there now.

    Parameters
    ----------
    after
        The new run, for outputs that the recorded one had not, and for its times; None when there is no record.
    tolerances
        What the user allows; the last one whose pattern fits a name counts.
    seen
        What lay where, as the record of the new run tells it, when that is not as it is in truth.
    is_isolated
        The new run could write to its folder alone.
    logs
        Data key of what the recorded run printed -> file that has what the new one did.
    stood
        What :func:`standing` found before the run.
    """
    before = plan.run
    where = places(before, after or before, seen or plan.placement)
    payload = FolderPayload(plan.crate)
    pairs = [
        _Pair(data, where.before.name(data), _place(path, plan, is_isolated)) for data, path in _results(plan, payload)
    ]
    logs = logs or {}
    pairs += [_Pair(data, data.key, logs[data.key]) for data in before.data if data.key in logs]
    wanted = [Wanted(str(pair.place), None, pair.data.sha256 is not None) for pair in pairs if pair.place is not None]
    readings = iter(read_files(wanted, talk, "compare"))
    options = _Options(plan, after, tolerances)
    # A file that a run opened and left as it was counts as written, when the record of the new run says so too.
    made = frozenset(after.outputs) if after is not None else frozenset()
    written = {where.after.name(data) for data in after.data if data.key in made} if after is not None else set()
    stale = {place for place, state in (stood or {}).items() if _state(place) == state}
    found = []
    for pair in pairs:
        reading = next(readings) if pair.place is not None else None
        if pair.place in stale and pair.name not in written:
            detail = "it lay there before the run, which did not write it"
            found.append(Comparison(pair.name, Likeness.MISSING, pair.data.key, detail=detail))
        else:
            found.append(_compared(pair, reading, payload, options, plan))
    if after is not None and not _is_part(plan):
        known = {where.before.name(data) for data in before.data} | {pair.name for pair in pairs}
        found += _extra(after, known, where.after.name)
    return tuple(found)


def _is_part(plan: Plan) -> bool:
    return any(step.task is not None for step in plan.steps)


def _results(plan: Plan, payload: FolderPayload) -> Iterator[tuple[Data, str | None]]:
    """The last state of each file that is to be compared, and its recorded path; a folder stands for its files."""
    by_key = {data.key: data for data in plan.run.data}
    keys: Iterable[str] = plan.outputs if plan.outputs is not None else plan.run.outputs
    latest: dict[str, tuple[Data, str | None]] = {}
    for key in keys:
        data = by_key.get(key)
        if data is None:
            continue
        path = plan.paths.get(key)
        found = _in_folder(data, path, plan, payload) if data.is_directory else [(data, path)]
        for one, its_path in found:
            known = latest.get(its_path or one.key)
            if known is None or one.version >= known[0].version:
                latest[its_path or one.key] = one, its_path
    yield from latest.values()


def _in_folder(folder: Data, path: str | None, plan: Plan, payload: FolderPayload) -> Iterator[tuple[Data, str | None]]:
    """The files of a folder that is a result: those that the crate tells of, else those that lie in it there."""
    prefix, below = folder.key.rstrip("/") + "/", f"{path.rstrip('/')}/" if path is not None else None
    told = [
        (data, plan.paths.get(data.key))
        for data in plan.run.data
        if not data.is_directory
        if data.key.startswith(prefix) or (below is not None and plan.paths.get(data.key, "").startswith(below))
    ]
    yield from told
    place = payload.find(folder.key) if is_relative(folder.key) else None
    if told or (place is not None and place[2] is None):
        return
    if place is None:
        yield folder, path
        return
    top = str(place[2])
    for where, _, names in os.walk(top):
        for name in sorted(names):
            inside = os.path.relpath(os.path.join(where, name), top)
            its_path = posixpath.join(path, inside) if path is not None else None
            key = prefix + quote(os.fsencode(inside))
            yield replace(folder, key=key, path=key, is_directory=False, original=its_path), its_path


def _place(path: str | None, plan: Plan, is_isolated: bool) -> Path | None:
    if path is None:
        return None
    place = plan.placement.place(path)
    return place if place is not None or is_isolated else Path(path)


class _Options:
    """What counts as equal, file by file."""

    def __init__(self, plan: Plan, after: Run | None, tolerances: Sequence[Tolerance]):
        self._tolerances = tolerances
        self._paths = ((plan.placement.root, str(plan.placement.folder)),)
        self._roots = (plan.crate, plan.placement.folder)
        periods = [_period(run) for run in (plan.run, after) if run is not None]
        first, second = (*periods, None, None)[:2]
        self._periods = (first, second) if first is not None and second is not None else None

    def of(self, name: str) -> Options:
        return Options(
            tolerance=tolerance_for(name, self._tolerances),
            paths=self._paths,
            periods=self._periods,
            roots=self._roots,
        )


def _period(run: Run) -> Period | None:
    if run.start is None or run.end is None or run.end < run.start:
        return None
    try:
        return Period(*(datetime.fromtimestamp(each / _SECOND, timezone.utc) for each in (run.start, run.end)))
    except (ValueError, OverflowError, OSError):
        return None


def _compared(  # noqa: PLR0911
    pair: _Pair, reading: Reading | None, payload: FolderPayload, options: _Options, plan: Plan
) -> Comparison:
    data, key = pair.data, pair.data.key
    if pair.place is None or reading is None:
        return Comparison(pair.name, Likeness.UNKNOWN, key, detail="it lay outside of the folders that the run has now")
    if not os.path.lexists(pair.place):
        return Comparison(pair.name, Likeness.MISSING, key)
    if data.is_directory:
        return Comparison(pair.name, Likeness.UNKNOWN, key, detail="a folder whose content the crate does not have")
    if reading.problem is not None or _leads_out(pair.place, plan):
        return Comparison(pair.name, Likeness.DIFFERENT, key, detail=reading.problem or "a link that leads elsewhere")
    if data.sha256 is not None and reading.sha256 == data.sha256:
        return Comparison(pair.name, Likeness.IDENTICAL, key, "SHA-256")
    content = payload.find(key) if is_relative(key) else None
    if content is not None and content[2] is not None:
        finding = compare_files(Path(content[2]), pair.place, options.of(pair.name))
        likeness, detail = finding.likeness, finding.detail
        if data.sha256 is not None and likeness in AGREEING and not _is_as_recorded(Path(content[2]), data, likeness):
            likeness, detail = Likeness.DIFFERENT, "it is like the copy in the crate, which is not what was recorded"
        return Comparison(pair.name, likeness, key, finding.how, detail, finding.absolute, finding.relative)
    if data.sha256 is not None:
        detail = "its content is not in the crate, so it can't be told how it differs"
        return Comparison(pair.name, Likeness.DIFFERENT, key, "SHA-256", detail)
    if data.size is not None and reading.size != data.size:
        detail = f"{reading.size:,} bytes, recorded are {data.size:,}"
        return Comparison(pair.name, Likeness.DIFFERENT, key, "size", detail)
    return Comparison(pair.name, Likeness.UNKNOWN, key, detail="neither SHA-256 nor content was recorded")


def _is_as_recorded(copy: Path, data: Data, likeness: Likeness) -> bool:
    """Tell whether the copy in the crate has the recorded digest, which the new file has not."""
    if likeness is Likeness.IDENTICAL:
        return False
    return read_files([Wanted(str(copy))], Silence())[0].sha256 == data.sha256


def _leads_out(place: Path, plan: Plan) -> bool:
    real = Path(os.path.realpath(place))
    return place.is_symlink() and not real.is_relative_to(os.path.realpath(plan.placement.folder))


def _extra(after: Run, known: set[str], name_of: Callable[[Data], str]) -> Iterator[Comparison]:
    by_key = {data.key: data for data in after.data}
    for key in after.outputs:
        data = by_key.get(key)
        if data is None or data.is_directory or data.role is not Role.OUTPUT:
            continue
        name = name_of(data)
        if name not in known:
            known.add(name)
            yield Comparison(name, Likeness.EXTRA)
