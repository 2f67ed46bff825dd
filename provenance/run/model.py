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
    """A program, interpreter, library or engine."""

    name: str
    version: str | None = None
    url: str | None = None
    path: str | None = None


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


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """What a run or a task used; seconds and bytes."""

    cpu_user: float | None = None
    cpu_system: float | None = None
    max_memory: int | None = None
    extra: tuple[Value, ...] = ()  # further measured values, e.g. statistics of an engine


@dataclass(frozen=True, slots=True)
class Task:
    """One execution of a tool."""

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
    resources: ResourceUse | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """Something went from one task to another: a file (``data``) or a value (``argument`` of the target)."""

    source: str  # Task.key
    target: str
    data: str | None = None  # Data.key
    argument: str | None = None


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
    containers: tuple[Software, ...] = ()
    about: About = field(default_factory=About)
    gaps: tuple[Gap, ...] = ()
    trace: str | None = None  # how it was watched: preload, strace, audit, off
