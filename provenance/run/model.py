"""The Run: what happened, in plain frozen dataclasses, whatever engine ran it and however it was seen.

Built by :func:`provenance.run.load` from a journal, by :mod:`provenance.crate` from any engine's crate; turned
into a crate by :mod:`provenance.crate`. No RO-Crate word in here and no file access. Times are integer nanoseconds
since 1970-01-01T00:00:00Z, sizes are bytes, durations seconds. ``None`` always means "not known".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Status(str, Enum):
    """How a run or a task ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    RECOVERED = "recovered"
    RUNNING = "running"  # no end was seen: still going, or killed together with its recorder
    UNKNOWN = "unknown"


class Role(str, Enum):
    """What a file is to the run; the rules are in ``docs/reference/roles.md``."""

    SOURCE = "source"
    CONFIGURATION = "configuration"
    INPUT = "input"
    OUTPUT = "output"
    INTERMEDIATE = "intermediate"
    SCRATCH = "scratch"
    SOFTWARE = "software"
    LOG = "log"
    IGNORED = "ignored"


@dataclass(frozen=True, slots=True)
class Data:
    """One state of one file or directory.

    A file that is changed in place during the run is several ``Data`` with the same path and rising version:
    version 0 is the content from before the run.
    """

    key: str  # unique in the run
    path: str  # absolute at the run; for runs read from a crate, its identifier there
    role: Role
    version: int = 0
    is_directory: bool = False
    size: int | None = None
    mtime_ns: int | None = None
    content: str | None = None  # where the bytes of this state can be read now; None when not kept
    is_gone: bool = False  # deleted, replaced or never kept: content can't be had any more
    changed_after: bool = False  # the file on disk is no longer what the run saw or made
    name: str | None = None
    description: str | None = None
    sha256: str | None = None
    encoding_format: str | None = None
    reason: str = ""  # why it has this role, for people
    original: str | None = None  # for runs read from a crate: the absolute path at the run, where the crate tells it
    names: tuple[str, ...] = ()  # other absolute paths that the run reached it by: through links
    is_size_told: bool = True  # False: nobody recorded it, `size` is that of the file in the crate


@dataclass(frozen=True, slots=True)
class Value:
    """An argument, a parameter or a returned value."""

    name: str
    value: Any  # JSON scalar or text, cut at the size limit
    type: str | None = None  # the language's own type name, e.g. "numpy.ndarray"
    cut_from: int | None = None  # full length in characters when `value` was cut
    sha256: str | None = None  # of the full text when it was cut
    data_key: str | None = None  # the Data that this value names, when it is a path
    is_return: bool = False


@dataclass(frozen=True, slots=True)
class Software:
    """A program, interpreter, library, package or engine."""

    name: str
    version: str | None = None
    url: str | None = None
    path: str | None = None
    kind: str | None = None  # one of the kinds that the `software` section of provenance.environment lists
    purl: str | None = None  # package URL, e.g. "pkg:deb/debian/gawk@1:5.2.1-2?arch=amd64"
    architecture: str | None = None
    sha256: str | None = None  # of the program's or the archive's file
    installer: str | None = None  # e.g. "pip", "uv", "conda"
    origin: str | None = None  # where it was installed from: an address, a version control URL with commit, a folder
    is_editable: bool = False
    is_used: bool | None = None  # executed or loaded by this run; None when that could not be told
    license: str | None = None  # as the package gives it


@dataclass(frozen=True, slots=True)
class Container:
    """A container image that the run took place in, or that one of its tasks started."""

    key: str  # unique in the run
    kind: str  # docker | podman | apptainer | singularity | charliecloud | kubernetes | shifter | sarus | enroot | oci
    image: str  # as the user or the engine named it, without credentials
    registry: str | None = None
    name: str | None = None
    tag: str | None = None
    sha256: str | None = None  # hex digest: of the image's manifest in its registry, or of the image file
    image_id: str | None = None  # hex digest of the image's configuration, as local engines know it
    path: str | None = None  # of the image file or folder
    size: int | None = None  # bytes of the image file
    engine: tuple[str, ...] = ()  # the engine that has it, with its global options: whom to ask for a copy


@dataclass(frozen=True, slots=True)
class Tool:
    """What tasks execute: a program or a function; used by any number of tasks."""

    key: str
    name: str
    kind: str  # "program" | "function"
    path: str | None = None  # of the program, or of the source file of the function
    source_key: str | None = None  # Data key when that file is part of the run's sources
    line: int | None = None
    end_line: int | None = None
    description: str | None = None
    parameters: tuple[str, ...] = ()  # names, in order
    software: Software | None = None  # interpreter or package that the program belongs to
    version: str | None = None
    requirements: tuple[Software, ...] = ()  # packages that its executions used, the owner of the program first


@dataclass(frozen=True, slots=True)
class Measurement:
    """A quantity that an engine measured, with the words that define it."""

    name: str  # e.g. "node1.mod.task.maxTime"
    value: Any  # JSON scalar
    unit: str | None = None  # URI of the unit, e.g. "https://qudt.org/vocab/unit/MilliSEC"
    definition: str | None = None  # URI of the quantity, e.g. "https://w3id.org/ro/terms/compss#maxTime"


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """What a run or a task used; seconds and bytes."""

    cpu_user: float | None = None
    cpu_system: float | None = None
    max_memory: int | None = None
    average_cpu: float | None = None  # processors kept busy, over the whole time: CPU seconds / wall seconds
    max_cpu: float | None = None  # processors kept busy in the busiest interval of the sampler
    max_total_memory: int | None = None  # resident bytes of all processes together, the most of the samples
    average_memory: int | None = None  # resident bytes of all processes together, over the samples
    read_bytes: int | None = None  # that went through reading system calls, of whatever kind
    written_bytes: int | None = None
    extra: tuple[Measurement, ...] = ()  # what else an engine measured, e.g. its statistics of methods and nodes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One of several attempts of an engine to execute a task."""

    status: Status
    host: str | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One execution of a tool.

    A recovered task was not executed: the engine took its results from an earlier run's checkpoint.
    """

    key: str  # unique in the run
    tool: str  # Tool.key
    status: Status
    start: int | None = None
    end: int | None = None
    inputs: tuple[str, ...] = ()  # Data keys
    outputs: tuple[str, ...] = ()
    arguments: tuple[Value, ...] = ()
    results: tuple[Value, ...] = ()
    name: str | None = None
    command: tuple[str, ...] = ()  # argument vector of an executed program
    cwd: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    host: str | None = None
    parent: str | None = None  # key of the task within which this one ran
    container: str | None = None  # Container.key of the image that it ran in or started
    resources: ResourceUse | None = None
    attempts: tuple[Attempt, ...] = ()  # in order, when there was more than one; `status` is that of the last
    logs: tuple[str, ...] = ()  # Data keys of the files that its output went to


@dataclass(frozen=True, slots=True)
class Edge:
    """Something went from one task to another: a file (``data``) or a value (``argument`` of the target)."""

    source: str  # Task.key
    target: str
    data: str | None = None  # Data.key
    argument: str | None = None


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A task, or a point at which the main program waited, in the graph that an engine drew."""

    id: str
    label: str  # of the method that the task executed, or of the point
    kind: str = "task"  # "task" | "main" | "sync" | "barrier" | "stream"
    color: str | None = None  # "#rrggbb" as the engine chose it
    group: str | None = None  # the group of tasks that it belongs to


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """Which task had to wait for which, as the engine drew it; nodes and edges in its order.

    It may have tasks that the run does not: older engines note the graph, but not what each task used.
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[tuple[str, str, str | None], ...]  # ids of source and target, label


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be seen, written down instead of guessed."""

    what: str
    why: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """An institution."""

    name: str | None = None
    ror: str | None = None  # full https://ror.org/ URL


@dataclass(frozen=True, slots=True)
class Person:
    """An author or the agent of a run."""

    name: str | None = None
    orcid: str | None = None  # full https://orcid.org/ URL
    email: str | None = None
    organization: Organization | None = None


@dataclass(frozen=True, slots=True)
class SourceControl:
    """The state of the repository that the code lives in, when the run began."""

    root: str
    remote: str | None = None  # without credentials
    commit: str | None = None
    branch: str | None = None
    tags: tuple[str, ...] = ()
    is_dirty: bool = False
    patch: str | None = None  # absolute path of a file with the uncommitted changes (git apply reads it)
    untracked: tuple[str, ...] = ()  # relative paths of the untracked source files in the patch
    ignored: tuple[str, ...] = ()  # relative paths that the repository is told to leave out; folders end with a slash


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A GPU or the like."""

    name: str
    vendor: str | None = None
    driver: str | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """The job of a batch system within which it all ran."""

    scheduler: str  # "Slurm", ...
    id: str
    name: str | None = None
    partition: str | None = None
    nodes: int | None = None
    tasks: int | None = None
    cpus_per_task: int | None = None
    time_limit: int | None = None  # seconds
    node_list: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """A file of the crate from which the environment is rebuilt: a lock, a list, a package that is not public."""

    target: str  # path below environment/, with slashes
    about: str  # what it is, for people
    kind: str  # requirements | conda-explicit | conda-environment | spack | modules | lock | package | source
    text: str | None = None  # its content, or
    path: str | None = None  # the file on this machine that has it
    rebuild: tuple[str, ...] = ()  # commands that rebuild from it, run in environment/


@dataclass(frozen=True, slots=True)
class Series:
    """What the processes of a run used on one host, over time; one value a sample in each list."""

    host: str
    times: tuple[int, ...]  # ns since the epoch
    cpu: tuple[float, ...]  # processors kept busy since the sample before
    memory: tuple[float, ...]  # resident bytes of all processes
    is_share: bool = False  # `cpu` and `memory` are percents of what the host has


@dataclass(frozen=True, slots=True)
class Environment:
    """Where and in what the run took place."""

    operating_system: str | None = None
    kernel: str | None = None
    machine: str | None = None  # architecture, e.g. x86_64
    cpu_model: str | None = None
    cpu_count: int | None = None
    memory: int | None = None
    interpreter: Software | None = None
    packages: tuple[Software, ...] = ()
    software: tuple[Software, ...] = ()  # all else: system packages, modules, Spack, programs, MPI, BLAS, CUDA
    files: tuple[EnvironmentFile, ...] = ()
    microarchitecture: str | None = None  # as archspec names it, e.g. "zen3"
    cpu_features: tuple[str, ...] = ()
    accelerators: tuple[Accelerator, ...] = ()
    file_system: str | None = None  # type of that of the working folder, e.g. "ext4", "lustre"
    job: Job | None = None
    memory_limit: int | None = None  # bytes that the run could use, when less than `memory`
    cpu_limit: float | None = None  # processors that the run could use, when fewer than `cpu_count`
    variables: tuple[tuple[str, str], ...] = ()  # those on the allow-list
    source_control: SourceControl | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What only the user knows; from ``ro-crate-info.yaml``. Empty where the user said nothing."""

    name: str | None = None
    description: str | None = None
    license: str | None = None  # SPDX identifier, URL or text
    version: str | None = None
    url: str | None = None  # stable address of the workflow's source
    keywords: tuple[str, ...] = ()
    authors: tuple[Person, ...] = ()
    agent: Person | None = None
    publisher: Organization | None = None
    software: tuple[Software, ...] = ()
    remote_inputs: tuple[str, ...] = ()  # https references
    remote_outputs: tuple[str, ...] = ()
    date_published: str | None = None  # as a crate gives it


@dataclass(frozen=True, slots=True)
class Log:
    """Standard output or error that went to a regular file, and the part of it that the run wrote."""

    name: str  # "stdout" | "stderr"
    path: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Repetition:
    """Which earlier run this one repeats, and how it compared."""

    run: str  # id of the repeated run
    name: str | None = None  # of the crate that tells of it
    url: str | None = None  # https address to cite that crate by
    sha256: str | None = None  # of its metadata file
    result: str | None = None  # the verdict in a word, e.g. "reproduced within tolerance"
    reason: str | None = None  # the same in a sentence
    changes: tuple[str, ...] = ()  # what was done otherwise on purpose, for people
    verdict: str | None = None  # path of the file verdict.json


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run."""

    id: str
    name: str
    status: Status
    command: tuple[str, ...] = ()
    cwd: str | None = None
    user: str | None = None
    host: str | None = None
    start: int | None = None
    end: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    error: str | None = None
    main: str | None = None  # Data key of the main workflow file; None when the command itself is the workflow
    language: Software | None = None  # that the main workflow is written in
    engine: Software | None = None  # that executed it: wfprov's recorder, COMPSs, cwltool, ...
    project: str | None = None  # folder that the sources' paths are shown relative to
    tools: tuple[Tool, ...] = ()
    tasks: tuple[Task, ...] = ()
    edges: tuple[Edge, ...] = ()
    data: tuple[Data, ...] = ()
    inputs: tuple[str, ...] = ()  # Data keys of the run as a whole
    outputs: tuple[str, ...] = ()
    arguments: tuple[Value, ...] = ()
    results: tuple[Value, ...] = ()
    logs: tuple[Log, ...] = ()
    resources: ResourceUse | None = None
    environment: Environment = field(default_factory=Environment)
    containers: tuple[Container, ...] = ()
    container: str | None = None  # Container.key of the image that the whole run took place in
    series: tuple[Series, ...] = ()
    about: About = field(default_factory=About)
    gaps: tuple[Gap, ...] = ()
    trace: str | None = None  # how it was watched: preload, strace, audit, off
    engine_arguments: tuple[Value, ...] = ()  # words of `command` that were for the engine, not for the workflow
    submission: str | None = None  # the command as the engine kept it, when it can't be told how it was split
    graph: TaskGraph | None = None
    drawing: str | None = None  # path of an SVG file that the engine drew of its graph
    log_folder: str | None = None  # folder that the paths of logs are shown relative to
    repeats: Repetition | None = None
    is_own: bool = False  # for runs read from a crate: wfprov wrote it, so `command` has the words that were run
