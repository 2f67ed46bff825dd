"""Tasks of a run and the edges between them, from the dialect of the log that has tasks.

In: the logged tasks, the states of their files, what the workers wrote down, the logs of jobs. Out: Tasks in the
order in which the main program created them, and an Edge for each file that went from one task to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from provenance.engines.compss.file_states import FileHistory, Use
from provenance.engines.compss.functions import readable_name
from provenance.engines.compss.records import STATUSES, Execution, JobLog, LoggedTask, TaskExecutions
from provenance.engines.compss.values import task_values
from provenance.journal.credentials import hide
from provenance.run.model import Attempt, Edge, Status, Task

FIRST_ATTEMPT = "NEW"
_RANK = ("CANCELED", "FAILED", "RECOVERED", "FINISHED")  # COMPSs' own order: the highest counts


def task_key(number: int) -> str:
    """Return the key of the task that COMPSs gave a number."""
    return f"task-{number}"


def status_of(task: LoggedTask) -> Status:
    """Return how a task ended: of several statuses the highest in COMPSs' order, as for a task that was resubmitted."""
    statuses = task.statuses
    if len(statuses) == 1:
        return STATUSES.get(statuses[0], Status.UNKNOWN)
    for name in reversed(_RANK):
        if name in statuses:
            return STATUSES[name]
    return Status.UNKNOWN


class TaskMaker:
    """Makes the tasks of a run."""

    def __init__(
        self,
        executions: Mapping[int, TaskExecutions],
        job_logs: Iterable[JobLog],
        log_keys: Mapping[str, str],
    ) -> None:
        """Take what is known besides the log of accesses.

        Parameters
        ----------
        log_keys
            Path of a job's log -> key of its Data.
        """
        self._executions = executions
        self._log_keys = log_keys
        self._job_logs: dict[int, list[JobLog]] = {}
        for log in sorted(job_logs, key=lambda each: each.attempt != FIRST_ATTEMPT):
            self._job_logs.setdefault(log.task, []).append(log)

    def make(self, task: LoggedTask, uses: Sequence[Use]) -> Task:
        """Make one task."""
        status = status_of(task)
        known = self._executions.get(task.id)
        executed = known.executions if known is not None else ()
        job_logs = self._job_logs.get(task.id, ())
        arguments, results = task_values(task, uses, known)
        last = executed[-1] if executed else None
        name = readable_name(task.signature)
        return Task(
            key=task_key(task.id),
            tool=task.signature,
            status=status,
            start=min((each.start for each in executed if each.start is not None), default=None),
            end=last.end if last is not None else None,
            inputs=_keys(use.read.key for use in uses if use.read is not None),
            outputs=_keys(use.written.key for use in uses if use.written is not None),
            arguments=arguments,
            results=results,
            name=f"{name.rpartition('.')[2] or name.rstrip('.')} ({task.id})",
            error=_error(status, job_logs),
            host=last.host if last is not None else None,
            attempts=_attempts(task, status, executed, job_logs),
            logs=_keys(self._log_keys.get(str(log.path)) for log in job_logs),
        )


def edges(histories: Iterable[FileHistory]) -> Iterator[Edge]:
    """Yield an edge for each state of a file that one task made and another read."""
    for history in histories:
        for state in history.states:
            for writer in state.writers:
                for reader in state.readers:
                    if reader != writer:
                        yield Edge(task_key(writer), task_key(reader), state.key)


def _keys(found: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key in found if key is not None))


def _error(status: Status, job_logs: Sequence[JobLog]) -> str | None:
    if status is not Status.FAILED:
        return None
    said = [log.error for log in job_logs if log.error]
    return hide(said[-1]) if said else "COMPSs reports that the task failed; no log of it says why"


def _attempts(
    task: LoggedTask, status: Status, executed: Sequence[Execution], job_logs: Sequence[JobLog]
) -> tuple[Attempt, ...]:
    """Return the attempts to execute a task when there was more than one.

    COMPSs names the attempts in the names of their logs, and may write a status for each; workers note executions.
    """
    statuses = [STATUSES.get(name, Status.UNKNOWN) for name in task.statuses]
    failures: dict[str, bool] = {}
    for log in job_logs:
        failures[log.attempt] = failures.get(log.attempt, False) or log.error is not None
    count = max(len(statuses), len(executed), len(failures))
    if count < 2:
        return ()
    if len(statuses) < count:
        # The last status is that of the last attempt; of those before, the logs of jobs tell.
        before = [Status.FAILED if has_failed else Status.UNKNOWN for has_failed in failures.values()]
        missing = count - max(1, len(statuses))
        before = (before + [Status.UNKNOWN] * missing)[:missing]
        statuses = before + (statuses or [status])
    found = []
    for index, each in enumerate(statuses):
        place = executed[index] if index < len(executed) else Execution()
        found.append(Attempt(each, place.host, place.start, place.end))
    return tuple(found)
