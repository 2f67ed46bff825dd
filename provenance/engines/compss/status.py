"""How a run ended: its status, its error, its start and its end.

In: the log, what the console and the job logs say, the tasks. Out: an :class:`Ending`, with gaps for what is not
known. COMPSs before 3.4 does not write down that a run failed: there the logs of jobs tell, and the console.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from provenance.engines.compss.records import ConsoleOutput, Dialect, JobLog, ProvenanceLog, RunFiles
from provenance.engines.compss.tasks import FIRST_ATTEMPT
from provenance.journal.credentials import hide
from provenance.run.model import Gap, Status, Task

_TOLERANCE = 60 * 1_000_000_000  # ns by which the clocks of two file systems may differ


@dataclass(frozen=True, slots=True)
class Ending:
    """When a run began and how it ended."""

    status: Status
    start: int | None = None
    end: int | None = None
    error: str | None = None
    gaps: tuple[Gap, ...] = ()


def ending(log: ProvenanceLog, files: RunFiles, console: ConsoleOutput | None, tasks: Iterable[Task]) -> Ending:
    """Tell when a run began and ended, and how."""
    gaps: list[Gap] = []
    start, end = log.start, log.end
    if start is None:
        gaps.append(Gap("the start of the run", _why_no_time(log, "start"), log.path))
    if end is None and log.dialect is Dialect.ACCESSES:
        end = _last_change(log.path)
        gaps.append(
            Gap("the end of the run", f"{_why_no_time(log, 'end')}; the last change of its log is given", log.path)
        )
    elif end is None:
        gaps.append(
            Gap("the end of the run", "the log stops before it: the run was killed, or is still going on", log.path)
        )
    status, error = _status(log, files, console or ConsoleOutput())
    if status is Status.UNKNOWN:
        gaps.append(Gap("how the run ended", "neither the log nor the console says it", log.path))
    if status is Status.FAILED:
        error = _named_error(tasks) or error or "COMPSs said that the run failed"
    return Ending(status, start, end, hide(error) if error else None, tuple(gaps))


def _why_no_time(log: ProvenanceLog, what: str) -> str:
    if log.dialect is Dialect.ACCESSES:
        return f"COMPSs {log.version or 'up to 3.3'} does not write it down"
    return f"the log has no {what}"


def _status(log: ProvenanceLog, files: RunFiles, console: ConsoleOutput) -> tuple[Status, str | None]:
    if log.has_failed or console.has_failed:
        return Status.FAILED, console.error
    if log.dialect is not Dialect.TASKS and (error := _final_error(files.job_logs)):
        return Status.FAILED, error
    if log.dialect is not Dialect.ACCESSES and log.end is not None:
        return Status.COMPLETED, None
    if console.has_finished:
        return Status.COMPLETED, None
    # COMPSs writes the profile as it shuts down; a task that failed once may have been the end of it all.
    failed_once = any(log.error for log in files.job_logs)
    if log.dialect is Dialect.ACCESSES and _is_of_this_run(files.profile, log.path) and not failed_once:
        return Status.COMPLETED, None
    return Status.UNKNOWN, None


def _is_of_this_run(profile: Path | None, log: str) -> bool:
    """Tell whether a profile may belong to a log: it is written last, and runs in one folder share its name."""
    if profile is None:
        return False
    written, changed = _last_change(str(profile)), _last_change(log)
    return written is not None and changed is not None and written + _TOLERANCE >= changed


def _final_error(job_logs: Iterable[JobLog]) -> str | None:
    """Return the error of a task that failed again after it had been resubmitted: COMPSs gives up then."""
    errors: dict[int, dict[str, str]] = {}
    for log in job_logs:
        if log.error is not None:
            errors.setdefault(log.task, {})[log.attempt] = log.error
    for task, attempts in sorted(errors.items(), reverse=True):
        again = [attempt for attempt in attempts if attempt != FIRST_ATTEMPT]
        if FIRST_ATTEMPT in attempts and again:
            return f"task {task} failed again after it was resubmitted: {attempts[again[-1]]}"
    return None


def _named_error(tasks: Iterable[Task]) -> str | None:
    failed = [task for task in tasks if task.status is Status.FAILED]
    if not failed:
        return None
    last = max(failed, key=lambda task: task.end or 0)
    return f"last failed task: {last.name}: {last.error}"


def _last_change(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
