"""Appends events to a journal: one whole line an event, on disk before the call returns.

In come events (:mod:`provenance.journal.events`) as dictionaries or finished lines; out goes one
file for each process, ``<host>-<pid>-<start>.jsonl``. Nothing is buffered, so that whatever ends
the process, what was written stays. Nothing here ever raises into a recorded program: a line that
can't be written is counted as lost.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, List, Optional, Tuple, Union

from provenance.journal.events import FORMAT_VERSION, Event

if TYPE_CHECKING:
    from json import JSONEncoder

# Programs close or reuse the low descriptors (shells, daemons, `<&-`); ours lives above them.
_LOWEST_DESCRIPTOR = 100
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_encoder: Optional[JSONEncoder] = None


def encode(event: Event) -> bytes:
    """Return `event` as a line of ASCII JSON with its line feed; what JSON lacks becomes text."""
    global _encoder  # noqa: PLW0603 - json costs 7 ms to import: only when the first event is written
    if _encoder is None:
        import json

        _encoder = json.JSONEncoder(separators=(",", ":"), default=str)
    return _encoder.encode(event).encode("ascii") + b"\n"


class LineFile:
    """A file to append lines to, which survives programs that close or reuse its descriptor."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lost = 0
        self._fd = -1
        self._identity: Tuple[int, int] = (0, 0)
        self._torn = False

    def append(self, line: bytes) -> bool:
        """Write `line`, which ends with a line feed, in a single call; False when it is lost."""
        try:
            fd = self._descriptor()
            if self._torn:
                line = b"\n" + line
            if os.write(fd, line) != len(line):
                # A full disk took a part: the next line must not be glued to it.
                self._torn = True
                self.lost += 1
                return False
        except OSError:
            self.lost += 1
            return False
        self._torn = False
        return True

    def close(self) -> None:
        """Give the descriptor back; a later line opens the file again."""
        fd, self._fd = self._fd, -1
        if fd >= 0 and _identity(fd) == self._identity:
            os.close(fd)

    def forget(self) -> None:
        """Drop the descriptor without closing it, as a forked child must that has its own file."""
        self._fd = -1

    def _descriptor(self) -> int:
        # Writing to a number that now means the program's own file would destroy data: ask each
        # time (0.5 us).
        if self._fd >= 0 and _identity(self._fd) == self._identity:
            return self._fd
        fd = os.open(self.path, _FLAGS, 0o600)
        try:
            high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _LOWEST_DESCRIPTOR)
        except OSError:  # a limit on open files below that number
            high = fd
        else:
            os.close(fd)
        found = os.fstat(high)
        if not stat.S_ISREG(found.st_mode):
            os.close(high)
            raise OSError(f"{self.path} is not a regular file")
        self._fd, self._identity = high, (found.st_ino, found.st_dev)
        return high


def _identity(fd: int) -> Tuple[int, int]:
    try:
        found = os.fstat(fd)
    except OSError:
        return (-1, -1)
    return (found.st_ino, found.st_dev)


class JournalWriter:
    """The journal file of this process, made with the first event; safe for threads and forks.

    A forked child that goes on using the writer gets a file of its own, whose ``process`` event
    names the parent's id.

    Parameters
    ----------
    folder
        The run folder, which exists.
    how
        What the ``process`` event says: ``python`` for code without the launcher, ``exec`` for a
        program that the recording has started.
    parent
        Id of the process image that started this one, where known.
    task
        Global id of the task within which this process was started, where known.
    """

    def __init__(
        self,
        folder: Union[str, os.PathLike[str]],
        how: str = "python",
        parent: Optional[str] = None,
        task: Optional[str] = None,
    ) -> None:
        self.folder = os.path.abspath(os.fspath(folder))
        self._how, self._parent, self._task = how, parent, task
        self._begun = False
        self._lock = threading.Lock()
        self._host = os.uname().nodename
        self._begin()

    @property
    def process_id(self) -> str:
        """The id of this process image, with which global ids of tasks begin."""
        if os.getpid() != self._pid:
            self._after_fork()
        return self._id

    @property
    def lost(self) -> int:
        """How many lines could not be written."""
        return self._file.lost

    def event(self, event: Event) -> bool:
        """Append `event`; ``t`` is filled in when absent. False when it is lost."""
        if "t" not in event:
            event = {**event, "t": time.time_ns()}
        return self.line(encode(event))

    def line(self, line: bytes) -> bool:
        """Append a finished line of JSON that ends with a line feed. False when it is lost."""
        if os.getpid() != self._pid:
            self._after_fork()
        if not self._begun:
            with self._lock:
                if not self._begun:
                    self._begun = self._file.append(self._process_line())
        return self._file.append(line)

    def close(self) -> None:
        """Close the file; a later event opens it again."""
        self._file.close()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._start = time.time_ns()
        # Cut: with pid and the rest a file name must stay below 255 bytes.
        name = "".join(c if (c.isalnum() and c.isascii()) or c in ".-" else "-" for c in self._host)
        self._id = f"{name[:100]}-{self._pid}-{self._start:x}"
        self._file = LineFile(f"{self.folder}/{self._id}.jsonl")
        self._begun = False

    def _after_fork(self) -> None:
        # Only one thread lives on after a fork, and the lock may be held by one that does not.
        self._lock = threading.Lock()
        self._file.forget()
        self._how, self._parent = "fork", self._id
        self._begin()

    def _process_line(self) -> bytes:
        event = {
            "e": "process",
            "v": FORMAT_VERSION,
            "id": self._id,
            "t": self._start,
            "host": self._host,
            "pid": self._pid,
            "ppid": os.getppid(),
            "how": self._how,
            "exe": _target("/proc/self/exe") or sys.executable,
            "argv": command_line(),
            "cwd": _target("/proc/self/cwd"),
        }
        if self._parent:
            event["parent"] = self._parent
        if self._task:
            event["task"] = self._task
        return encode(event)


def command_line() -> List[str]:
    """Return the arguments of this process as the kernel has them, not Python's ``sys.argv``."""
    try:
        with open("/proc/self/cmdline", "rb") as file:  # noqa: PTH123 - pathlib is not imported here
            arguments = file.read()
    except OSError:
        return [sys.executable, *sys.argv]
    return [os.fsdecode(argument) for argument in arguments.split(b"\0")[:-1]]


def state(found: os.stat_result) -> List[Any]:
    """Return the state ``[size, mtime_ns, inode, device]`` that pins content."""
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev]


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""
