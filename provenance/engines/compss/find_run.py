"""The log folder of a recorded run of COMPSs, found by itself.

In: the record, the calls of COMPSs in it, the home folder. Out: a :class:`Search`: the folders that can be it, and what
was looked for. COMPSs' scripts choose the place: ``--specific_log_dir``, else ``.COMPSs/`` in ``--log_dir`` (before:
``--base_log_dir``) or in the home folder, and in that ``<application>_01`` to ``_99`` for ``runcompss``, after which
the oldest is overwritten, or the number of the job for ``enqueue_compss``, which takes no specific folder. A folder is
the run's when the run was seen to write in it; else when name, application and times fit. Nothing is chosen among
several.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance.engines.compss.launches import RUN, Launch
from provenance.engines.compss.log_beginning import beginning
from provenance.engines.record import Record

_LOG = "dataprovenance.log"
# Files that COMPSs writes in the log folder of a run, and how far below it.
MARKS = {_LOG: 0, "runtime.log": 0, "resources.log": 0, "agent.log": 0, "complete_graph.dot": 1, "COMPSs_state.xml": 1}
_PARTS = ("", *MARKS, "monitor", "monitor/complete_graph.dot", "jobs", "workers", "tmpFiles")
_JOB = re.compile(r"[0-9]+(\.[\w.-]+)?")  # Slurm, LSF and SGE count; PBS adds the name of its server
_SUBMITTED = re.compile(rb"^Submitted batch job ([0-9]+)\s*$", re.MULTILINE)
_MOST_OUTPUT = 1 << 20  # bytes of an output that are searched
_SECOND = 1_000_000_000
_CLOCKS = 2 * _SECOND  # by which the clocks of this host and of its file systems may differ
_CLOCKS_OF_CLUSTER = 60 * _SECOND


@dataclass(frozen=True, slots=True)
class Search:
    """What was found."""

    folders: tuple[Path, ...]  # that can be the run's; one when all is well
    looked_for: str  # what was looked for, and where, for people


def find_run(record: Record, launch: Launch, others: Sequence[Launch], home: Path) -> Search:
    """Look for the log folder of a run.

    Parameters
    ----------
    launch
        The call that stands for the run.
    others
        All calls in the record.
    home
        The home folder of the user.
    """
    if launch.is_submitted:
        return _of_job(record, launch, others, home)
    seen = [folder for folder in _written_in(record) if _is_folder(folder)]
    base = (launch.folder_option("--log_dir", "--base_log_dir") or home) / ".COMPSs"
    specific = launch.folder_option("--specific_log_dir")
    name = f"{launch.application}_NN"
    looked_for = f"the log folder of this run, {specific or base / name}"
    if seen:
        return Search(tuple(seen), looked_for)
    if specific is not None:
        found = [specific] if _is_folder(specific) else []
    else:
        pattern = re.compile(re.escape(launch.application) + r"_[0-9]{2,}")
        found = [base / entry for entry in _names(base) if pattern.fullmatch(entry)]
    return Search(tuple(folder for folder in found if _fits(folder, launch, record)), looked_for)


def console_of_job(job: str, cwd: str) -> Path:
    """Return where the output of a job is, or will be."""
    return Path(cwd) / f"compss-{job}.out"


def submitted_job(record: Record) -> str | None:
    """Return the number of the job, when the batch system's answer went to a file."""
    if record.output is None:
        return None
    try:
        with Path(record.output).open("rb") as file:
            found = _SUBMITTED.findall(file.read(_MOST_OUTPUT))
    except OSError:
        return None
    return os.fsdecode(found[-1]) if found else None


def _of_job(record: Record, launch: Launch, others: Sequence[Launch], home: Path) -> Search:
    base = (launch.folder_option("--log_dir", "--base_log_dir") or home) / ".COMPSs"
    number = submitted_job(record)
    shown = f"{base / number}" if number else f"{base}/<number of the job> of {launch.application}"
    looked_for = f"the log folder of the job, {shown}"
    # The job may have been watched too: batch systems hand the environment on.
    named = [one.folder_option("--specific_log_dir") for one in others if one.submission.program == RUN]
    seen = dict.fromkeys([*_written_in(record), *(folder for folder in named if folder is not None)])
    known = [folder for folder in seen if _is_folder(folder)]
    if known:
        return Search(tuple(known), looked_for)
    if number is not None:
        return Search((base / number,) if _is_folder(base / number) else (), looked_for)
    since = (record.start or 0) - _CLOCKS
    jobs = [name for name in _names(base) if _JOB.fullmatch(name)]
    fitting = [job for job in jobs if _is_later_job(base / job, launch, record)]
    # A job of the same application from another folder has its output there.
    here = [job for job in fitting if _changed(console_of_job(job, launch.cwd)) >= since]
    return Search(tuple(base / job for job in here or fitting), looked_for)


def _is_later_job(folder: Path, launch: Launch, record: Record) -> bool:
    """Tell whether a job began after a submission and is of its application."""
    started = record.start or 0
    if max(_times(folder), default=0) < started - _CLOCKS_OF_CLUSTER:
        return False
    log = folder / _LOG
    if not log.is_file():
        return _names_application(console_of_job(folder.name, launch.cwd), launch.application)
    begun = beginning(log)
    if begun.start is not None and begun.start < started - _CLOCKS_OF_CLUSTER:
        return False
    return _is_same(begun.application, launch.application)


def _names_application(console: Path, application: str) -> bool:
    """Tell whether the output of a job begins with COMPSs' headline for an application."""
    try:
        with console.open("rb") as file:
            return b" Executing " + os.fsencode(application) + b" " in file.read(_MOST_OUTPUT)
    except OSError:
        return False


def _fits(folder: Path, launch: Launch, record: Record) -> bool:
    """Tell whether a folder was written by a run of this application, at the time of this run."""
    start, end = record.start or 0, record.end
    log = folder / _LOG
    begun = beginning(log) if log.is_file() else None
    if begun is not None and not _is_same(begun.application, launch.application):
        return False
    if begun is not None and begun.start is not None:
        # Written by the same clock, perhaps without a fraction of a second.
        latest = begun.start if begun.start % _SECOND else begun.start + _SECOND
        return start <= latest and (end is None or begun.start <= end)
    return any(start - _CLOCKS <= time and (end is None or time <= end + _CLOCKS) for time in _times(folder))


def _is_same(logged: str | None, application: str) -> bool:
    return logged is None or logged.rpartition("/")[2] == application


def _written_in(record: Record) -> Iterator[Path]:
    """Yield the folders in which the run was seen to write files of COMPSs, each once."""
    found: dict[str, None] = {}
    for path in record.written:
        folder, _, name = path.rpartition("/")
        depth = MARKS.get(name)
        if depth is None or (depth and not folder.endswith("/monitor")):
            continue
        found[folder.rpartition("/")[0] if depth else folder] = None
    for path in found:
        yield Path(path)


def _times(folder: Path) -> list[int]:
    """Return when a folder and the files that COMPSs writes in it were changed last."""
    return [time for part in _PARTS if (time := _changed(folder / part))]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _names(folder: Path) -> Iterable[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return ()
