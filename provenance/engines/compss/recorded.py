"""A run of COMPSs that our recorder watched, completed with what COMPSs knows of it.

In: the Run that our record gives, and the folder of the record. Out: the Run with COMPSs' tasks, or why that has to
wait for a job. The steps: how COMPSs was called (:mod:`.launches`), where its logs are (:mod:`.find_run`), whether they
are whole (:mod:`.job_end`), and one Run of both (:mod:`.merge`, :mod:`.without_log`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from provenance.engines import record
from provenance.engines.compss import load, submission
from provenance.engines.compss.find_run import MARKS, Search, console_of_job, find_run
from provenance.engines.compss.job_end import why_not_ended
from provenance.engines.compss.launches import Launch, launches, main_launch
from provenance.engines.compss.merge import for_job, merged
from provenance.engines.compss.without_log import without_log
from provenance.engines.record import Record
from provenance.errors import JournalError
from provenance.run.info import Info
from provenance.run.model import Gap, Run

_LOG = "dataprovenance.log"
_INSTALLED = "/Runtime/scripts/user/"
# What is a switch and not the name of a file.
_SWITCHES = ("", "true", "false")
_CHOOSE = "wfprov pack --compss LOGDIR --workdir"


@dataclass(frozen=True, slots=True)
class _Known:
    """What a record says of COMPSs."""

    record: Record
    calls: tuple[Launch, ...]
    main: Launch
    search: Search

    @property
    def folder(self) -> Path | None:
        """The log folder, when it is certain."""
        return self.search.folders[0] if len(self.search.folders) == 1 else None

    @property
    def was_refused(self) -> bool:
        """Whether no job was submitted."""
        return self.main.is_submitted and bool(self.record.exit_code or self.record.signal)


def info_file(folder: Path) -> Path | None:
    """Return the information file that ``--provenance=FILE`` named."""
    found = record.read(folder, submission.PROGRAMS)
    main = main_launch(launches(found))
    named = main.submission.option("--provenance") if main is not None else None
    if main is None or named is None or named.lower() in _SWITCHES:
        return None
    path = Path(main.cwd) / os.path.expanduser(named)
    return path if path.is_file() else None


def missing(folder: Path) -> str | None:
    """Return what has to happen before a recorded run can be packed; None when it can be now.

    Only a submitted job has to be waited for.

    Raises
    ------
    JournalError
        There are several log folders that can be the job's, and the user has to say which.
    """
    known = _known(folder)
    if known is None or not known.main.is_submitted or known.was_refused:
        return None
    if known.folder is None:
        if known.search.folders:
            raise JournalError(_several(known))
        return f"{known.search.looked_for}, is not there yet; the job may still wait for its turn"
    return why_not_ended(known.folder, console_of_job(known.folder.name, known.main.cwd))


def complete(recorded: Run, folder: Path, info: Info | None) -> Run:
    """Return a recorded run with what COMPSs knows of it.

    Raises
    ------
    JournalError
        COMPSs' log can't be read.
    """
    known = _known(folder)
    if known is None:
        return recorded
    if known.was_refused:
        why = f"{known.main.submission.program} failed, so no job was submitted"
        return replace(recorded, gaps=(*recorded.gaps, Gap("the run of COMPSs", why)))
    main, logs = known.main, known.folder
    is_own = _is_of_engine(known)
    if logs is None or not (logs / _LOG).is_file():
        run = without_log(recorded, main, logs, is_own, name=known.record.name, version=_installed_version(known))
        run = for_job(run, recorded) if main.is_submitted else run
    else:
        told = load.load(logs, Path(main.cwd), info, command=main.words)
        run = merged(told, recorded, main, is_of_engine=is_own, name=known.record.name)
    return replace(run, gaps=(*run.gaps, *_gaps(known)))


def _known(folder: Path) -> _Known | None:
    found = record.read(folder, submission.PROGRAMS, MARKS)
    calls = launches(found)
    main = main_launch(calls)
    if main is None:
        return None
    return _Known(found, tuple(calls), main, find_run(found, main, calls, Path.home()))


def _gaps(known: _Known) -> list[Gap]:
    found = []
    if len(known.search.folders) > 1:
        found.append(Gap("what COMPSs' logs tell of the run", _several(known)))
    elif known.folder is None:
        why = f"{known.search.looked_for}, was not found"
        found.append(Gap("what COMPSs' logs tell of the run", why))
    elif known.main.has_provenance and not (known.folder / _LOG).is_file():
        found.append(Gap("which tasks COMPSs executed", f"there is no {_LOG}", str(known.folder)))
    return found


def _several(known: _Known) -> str:
    names = ", ".join(str(folder) for folder in known.search.folders)
    return f"{known.search.looked_for}, can be each of these: {names}; choose one with: {_CHOOSE} {known.record.cwd}"


def _installed_version(known: _Known) -> str | None:
    """Return the version of the installation that was called, unless it was installed later than the run."""
    home, mark, _ = os.path.realpath(os.path.join(known.main.cwd, known.main.program)).partition(_INSTALLED)
    path = Path(home) / "Runtime/scripts/system/commons/VERSION"
    try:
        if not mark or path.stat().st_mtime_ns > (known.record.start or 0):
            return None
        words = path.read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return None
    return words[0] if words and words[0][:1].isdigit() else None


def _is_of_engine(known: _Known) -> Callable[[str], bool]:
    """Return what tells whether a path is in COMPSs' installation or in its logs."""
    places = [str(folder) for folder in known.search.folders]
    for call in known.calls:
        path = os.path.realpath(os.path.join(call.cwd, call.program))
        home, mark, _ = path.partition(_INSTALLED)
        places.append(home if mark else path)
    below = tuple(place.rstrip("/") + "/" for place in places)
    exact = frozenset(places)
    return lambda path: path in exact or path.startswith(below)
