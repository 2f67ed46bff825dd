"""All that the files of a run say, before it is put together.

In: where the files lie. Out: :class:`Readings`: what each reader gave, and the problems of them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from provenance.engines.compss import (
    console,
    graph,
    job_logs,
    node_usage,
    provenance_log,
    statistics,
    submission,
    worker_logs,
)
from provenance.engines.compss.records import (
    ConsoleOutput,
    NodeUsage,
    Problem,
    ProvenanceLog,
    RunFiles,
    Statistic,
    Submission,
    TaskExecutions,
)
from provenance.errors import JournalError
from provenance.run.model import TaskGraph


@dataclass(frozen=True, slots=True)
class Readings:
    """What the files of one run say; None and empty where it does not have them."""

    files: RunFiles
    log: ProvenanceLog
    submission: Submission | None
    console: ConsoleOutput | None
    executions: dict[int, TaskExecutions]
    graph: TaskGraph | None
    statistics: list[Statistic]
    nodes: list[NodeUsage]
    problems: list[Problem]

    @property
    def version(self) -> str | None:
        """The version of COMPSs."""
        return self.log.version or (self.console.version if self.console is not None else None)


def read(files: RunFiles, command: Sequence[str] = (), has_tasks: bool = True) -> Readings:
    """Read all files of a run.

    Parameters
    ----------
    command
        The words that COMPSs was called with, where they are known.
    has_tasks
        Whether the tasks will be told; else the logs of the workers, which tell of tasks alone, are left unread.

    Raises
    ------
    JournalError
        The run has no log of what its tasks used, or it can't be read.
    """
    if files.provenance_log is None:
        raise JournalError(
            f"{files.log_folder} has no dataprovenance.log, so nothing is known of what the run used; "
            "COMPSs writes it when a run is started with --provenance"
        )
    log = provenance_log.read(files.provenance_log)
    problems = [*files.problems, *log.problems]
    executions, found = worker_logs.read(files.worker_logs if has_tasks else ())
    problems += found
    printed = [path for path in (files.console_output, files.console_error) if path is not None]
    said = console.read(*printed) if printed else None
    owned = job_logs.assign(files.job_logs, executions, said.tasks_of_jobs if said is not None else ())
    drawn = None
    if files.graph is not None and files.drawing is None:  # the graph is for drawing it
        drawn, found = graph.read(files.graph)
        problems += found
    numbers = log.statistics
    if not numbers and files.profile is not None:
        numbers, found = statistics.read_profile(files.profile)
        problems += found
    nodes, found = node_usage.read(files.node_statistics, log.start)
    problems += found
    given = None
    if command:
        given = submission.parse(command, log.application, files.work_folder)
    elif files.submission is not None:
        given = submission.read(files.submission, log.application, files.work_folder)
    return Readings(
        files=replace(files, job_logs=owned),
        log=log,
        submission=given,
        console=said,
        executions=executions,
        graph=drawn,
        statistics=numbers,
        nodes=nodes,
        problems=problems,
    )
