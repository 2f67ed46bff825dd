"""What the files of a COMPSs run say, each by itself: the values that go from the readers to the assembly.

Times are integer nanoseconds since 1970-01-01T00:00:00Z, durations milliseconds; ``None`` means "not known". Sources
of the formats: the writers in the COMPSs runtime (3.3 to 3.4), summed up in ``docs/reference/compss-files.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from provenance.run.model import Series, Status

OVERALL = "overall"  # the resource that stands for all nodes together


class Dialect(Enum):
    """How a ``dataprovenance.log`` is written, told by its lines and not by the version that it names."""

    ACCESSES = "accesses"  # up to 3.3: accesses without tasks or times
    TIMED = "timed"  # 3.3.1 to 3.3.3: the same between a start and an end
    TASKS = "tasks"  # from 3.4 on: tasks with their parameters


class Problem(NamedTuple):
    """A part of a file that could not be understood, or only with a doubt; nothing is dropped without one."""

    file: str  # path
    line: int | None  # counted from 1
    what: str  # for people: what is wrong, and what became of it
    text: str = ""  # the line, shortened to 200 characters


class Access(NamedTuple):
    """A file or a directory that a task had as a parameter."""

    host: str
    path: str  # absolute, as it was: never percent-decoded
    is_directory: bool
    direction: str  # IN | OUT | INOUT | CONCURRENT | COMMUTATIVE | IN_DELETE
    name: str | None = None  # of the parameter, for the dialect TASKS
    line: int = 0
    doubt: str | None = None  # why the path or the direction is not certain; None when it is


class TaskParameter(NamedTuple):
    """A parameter as the ``task`` line declares it."""

    name: str  # "#kwarg_x" is a keyword argument, "@key"/"@value" begin the parts of a dictionary
    type: str  # DataType of COMPSs: FILE_T, LONG_T, COLLECTION_T, ...
    direction: str


class LoggedValue(NamedTuple):
    """A ``parameter`` line: a value that the master wrote down."""

    name: str
    type: str
    value: str
    direction: str


@dataclass(slots=True)
class LoggedTask:
    """A task as ``dataprovenance.log`` tells it, in order of creation."""

    id: int
    signature: str  # "module.function", "module.Class.method" or, for Java, "method(FILE_T)pkg.Class"
    parameters: tuple[TaskParameter, ...] = ()
    accesses: tuple[Access, ...] = ()
    values: tuple[LoggedValue, ...] = ()
    statuses: list[str] = field(default_factory=list)  # FINISHED | FAILED | CANCELED | RECOVERED, in order
    line: int = 0


class Statistic(NamedTuple):
    """How often and how long the tasks of a method ran on a node, or OVERALL."""

    resource: str
    signature: str
    executions: int | None
    longest: int | None  # ms
    average: int | None
    shortest: int | None


@dataclass(slots=True)
class ProvenanceLog:
    """The content of a ``dataprovenance.log``."""

    path: str
    dialect: Dialect
    version: str | None = None
    application: str | None = None  # "matmul_files.py", or a Java class
    profile: str | None = None  # name of the file with the profile, when the log names one
    start: int | None = None
    end: int | None = None
    tasks: list[LoggedTask] = field(default_factory=list)  # none unless the dialect is TASKS
    accesses: list[Access] = field(default_factory=list)  # of no known task, in order
    statistics: list[Statistic] = field(default_factory=list)
    has_failed: bool = False  # the master said so
    problems: list[Problem] = field(default_factory=list)
    unread: int = 0  # lines that could not be understood; the problems name the first ones


@dataclass(slots=True)
class WorkerValue:
    """What a worker wrote down of a parameter."""

    name: str
    content: str | None = None
    type: str | None = None  # "numpy.ndarray"
    element_type: str | None = None  # "float64"
    direction: str | None = None  # IN | OUT | INOUT | ...
    is_array: bool = False
    description: str | None = None
    cut_from: int | None = None  # full length in characters when `content` was cut


@dataclass(slots=True)
class Execution:
    """One time that a worker executed a task; a task that was resubmitted has several."""

    host: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(slots=True)
class TaskExecutions:
    """What the workers wrote down of a task."""

    task: int
    executions: list[Execution] = field(default_factory=list)  # in order of their start
    values: dict[str, WorkerValue] = field(default_factory=dict)  # by parameter name; of the last execution
    logs: list[str] = field(default_factory=list)  # base names of files in jobs/


@dataclass(frozen=True, slots=True)
class JobLog:
    """The output of one attempt to execute a task, in ``jobs/``."""

    task: int  # the file's name has the number of the job, which is another one when tasks overtook each other
    attempt: str  # "NEW", "RESUBMITTED", ...
    stream: str  # "out" | "err"
    path: Path
    error: str | None = None  # the last line of the exception in it; None when there is none


@dataclass(frozen=True, slots=True)
class Option:
    """An option of runcompss or enqueue_compss."""

    name: str  # with its dashes
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """The command that started the run; its original quoting is lost."""

    text: str
    program: str  # "runcompss" | "enqueue_compss"
    options: tuple[Option, ...] = ()  # of COMPSs
    application: str | None = None  # as written on the command line
    arguments: tuple[str, ...] = ()  # of the application
    doubts: tuple[str, ...] = ()  # where the line could have been split in another way

    def option(self, *names: str) -> str | None:
        """Return the value of the last option with one of `names`; "" for one without value, None when not given."""
        found = [option.value or "" for option in self.options if option.name in names]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class ConsoleOutput:
    """What ``compss-<job>.out`` tells of the runtime."""

    version: str | None = None
    build: str | None = None
    has_finished: bool = False  # "Execution Finished" was printed
    has_failed: bool = False  # the runtime said that it shuts down after an error
    error: str | None = None
    tasks_of_jobs: tuple[tuple[int, int], ...] = ()  # numbers of jobs that failed, each with that of its task


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """What a node as a whole used, from ``stats/resource_profiling_*.csv``."""

    host: str
    is_master: bool
    cpu_average: float | None = None  # percent
    cpu_most: float | None = None
    memory_average: float | None = None
    memory_least: float | None = None
    memory_most: float | None = None
    sent: int | None = None  # bytes over the whole run
    received: int | None = None
    read: int | None = None
    written: int | None = None
    series: Series | None = None  # None when its local times could not be brought to UTC


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where the files of one run lie; None or empty for those that it does not have. Nothing is ever written there."""

    log_folder: Path
    work_folder: Path  # that the application was started in
    provenance_log: Path | None = None
    worker_logs: tuple[Path, ...] = ()  # static_binding_dp.out and its rotated parts, oldest first, node by node
    node_statistics: tuple[Path, ...] = ()
    profile: Path | None = None
    graph: Path | None = None
    drawing: Path | None = None
    submission: Path | None = None
    job_id: str | None = None  # of the batch system
    console_output: Path | None = None  # compss-<job>.out
    console_error: Path | None = None
    job_logs: tuple[JobLog, ...] = ()
    traces: tuple[Path, ...] = ()
    problems: tuple[Problem, ...] = ()


STATUSES = {
    "FINISHED": Status.COMPLETED,
    "FAILED": Status.FAILED,
    "CANCELED": Status.CANCELED,
    "RECOVERED": Status.RECOVERED,
}
