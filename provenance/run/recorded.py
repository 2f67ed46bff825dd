"""What a journal says, sorted into tables: process images, calls of decorated functions, accesses to files.

Filled by :mod:`.collect` from the events of a journal; nothing is interpreted here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from provenance.journal.events import Event
from provenance.run.model import Gap, ResourceUse

READ, WRITE, CLOSE, RENAME, LINK, DELETE, SAVE = range(7)


class State(NamedTuple):
    """What pins the content of a file: bytes, nanoseconds since the epoch, and two integers."""

    size: int
    mtime_ns: int
    inode: int
    device: int


@dataclass(slots=True, eq=False)
class Image:
    """One process image: a program that was executed, or a copy of one that was forked."""

    id: str
    pid: int
    start: int
    how: str
    exe: str
    argv: tuple[str, ...]
    cwd: str
    host: str
    parent: str | None
    task: str | None
    ppid: int = 0
    end: int | None = None
    status: int | None = None
    signal: int | None = None
    use: ResourceUse | None = None
    last: int = 0  # time of the last event
    libraries: tuple[str, ...] = ()  # shared objects that were loaded, as the loader names them


@dataclass(slots=True, eq=False)
class Call:
    """One call of a decorated function."""

    key: str
    image: Image
    tool: tuple[str, int]
    start: int
    args: list[dict[str, Any]]
    parent: str | None
    thread: int | None = None  # the one that it ran in from start to end, where told
    end: int | None = None
    status: str | None = None
    value: dict[str, Any] | None = None
    error: str | None = None
    use: ResourceUse | None = None  # of its thread


class Access(NamedTuple):
    """One use of one file by one process image, within a task (a local id) or outside of all (0)."""

    time: int
    order: int
    kind: int
    path: str
    state: State | None
    image: Image
    task: int
    extra: Any  # WRITE: (mode, rw); RENAME: (to, over, dir, exchange); LINK: (to, soft); SAVE: file name


@dataclass(slots=True)
class Recorded:
    """All that a journal says."""

    folder: Path
    header: Event = field(default_factory=dict)
    ending: Event | None = None
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    tools: dict[tuple[str, int], Event] = field(default_factory=dict)
    passed: list[tuple[str, str, str]] = field(default_factory=list)  # from, to, argument
    accesses: list[Access] = field(default_factory=list)
    waits: list[tuple[str, Event]] = field(default_factory=list)  # host, event
    unwatched: list[tuple[Image, Event]] = field(default_factory=list)
    samples: list[Event] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    last: int = 0  # time of the last event of all


def resources_of(event: Event) -> ResourceUse | None:
    """Take what an `end` or a `wait` event says about resources."""
    user, system, memory = event.get("utime"), event.get("stime"), event.get("maxrss")
    moved = event.get("io")
    read, written = moved if isinstance(moved, list) and len(moved) == 2 else (None, None)
    if user is None and system is None and memory is None:
        return None
    return ResourceUse(
        cpu_user=float(user) if isinstance(user, (int, float)) else None,
        cpu_system=float(system) if isinstance(system, (int, float)) else None,
        max_memory=int(memory) if isinstance(memory, (int, float)) and memory > 0 else None,
        read_bytes=read if isinstance(read, int) else None,
        written_bytes=written if isinstance(written, int) else None,
    )
