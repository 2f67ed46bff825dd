"""Appends events to a journal: one whole line an event, on disk before the call returns.

In come events (:mod:`provenance.journal.events`) as dictionaries or finished lines; out goes one
file for each process, ``<host>-<pid>-<start>.jsonl``. Nothing is buffered in this process, so that whatever ends
it, what was written stays. Nothing here ever raises into a recorded program: a line that
can't be written is counted as lost.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple, Union, cast

from provenance.journal.events import FORMAT_VERSION, Event

if TYPE_CHECKING:
    from json import JSONEncoder

    from provenance.journal.mapped import MappedFile

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


_WIPE_ON_FORK = 18  # MADV_WIPEONFORK, which the module mmap does not name


def _mark() -> Sequence[int]:
    """Return one number that is 1 in this process and 0 in those forked from it; always 0 where that can't be had."""
    try:
        import mmap

        page = mmap.mmap(-1, mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_WIPE_ON_FORK)
        page[0] = 1
    except (ImportError, OSError, AttributeError, ValueError):  # a kernel before 4.14
        return (0,)
    return cast("Sequence[int]", page)  # 0.2 us faster to ask than the system


def _closed(line: bytes) -> object:
    raise ValueError("no window is mapped")


def _mapped_file(path: str) -> Optional[MappedFile]:
    """Return a mapped file; None where the interpreter can't, or where copying a line is not atomic."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    try:
        from provenance.journal.mapped import MappedFile

        return MappedFile(path)
    except (ImportError, OSError, AttributeError):  # without ctypes
        return None


def _identity(fd: int) -> Tuple[int, int]:
    try:
        found = os.fstat(fd)
    except OSError:
        return (-1, -1)
    return (found.st_ino, found.st_dev)


class JournalWriter:
    """The journal file of this process, made with the first event; safe for threads, signal handlers and forks.

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
    begun_as
        Id of this process image when its file exists already, with its ``process`` event.
    """

    _begun: bool
    _growing: bool
    _file: LineFile
    _mapped: Optional[MappedFile]
    _write: Callable[[bytes], object]

    def __init__(
        self,
        folder: Union[str, os.PathLike[str]],
        how: str = "python",
        parent: Optional[str] = None,
        task: Optional[str] = None,
        begun_as: Optional[str] = None,
    ) -> None:
        self.folder = os.path.abspath(os.fspath(folder))
        self._how, self._parent, self._task = how, parent, task
        self._host = os.uname().nodename
        self._begin(begun_as)
        atexit.register(self.close)

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
        if not self._here[0] and os.getpid() != self._pid:
            self._after_fork()
        try:
            self._write(line)
        except ValueError:  # the window is full, or there is none
            return self._make_room(line)
        return True

    def close(self) -> None:
        """Close the file; a later event opens it again."""
        if os.getpid() != self._pid:
            return
        self._write, mapped, self._mapped = _closed, self._mapped, None
        if mapped is not None:
            mapped.close()
        self._file.close()

    def abandon(self) -> None:
        """Let go of the file of the parent, in a forked child that goes on with a writer of its own."""
        atexit.unregister(self.close)
        self._file.forget()
        mapped, self._mapped, self._write = self._mapped, None, _closed
        if mapped is not None:
            mapped.close()

    def _make_room(self, line: bytes) -> bool:
        with self._lock:
            if self._growing:  # a signal handler in the middle of this very function
                self._late.append(line)
                return True
            self._growing = True
            try:
                if not self._begun:
                    self._begun = True
                    self._begun = self._in_window_or_file(self._process_line())
                return self._in_window_or_file(line)
            finally:
                self._growing = False
                while self._late:
                    self.line(self._late.pop(0))

    def _in_window_or_file(self, line: bytes) -> bool:
        mapped = self._mapped
        if mapped is None:
            return self._file.append(line)
        try:
            self._write(line)  # another thread may have made room
            return True
        except ValueError:
            pass
        try:
            mapped.grow(len(line))
            mapped.write(line)
        except (OSError, ValueError):  # no room to reserve: the old way may have luck with a line
            self._mapped, self._write = None, _closed
            return self._file.append(line)
        self._write = mapped.write
        return True

    def _begin(self, begun_as: Optional[str] = None) -> None:
        self._lock = threading.RLock()
        self._growing = False
        self._late: List[bytes] = []
        self._pid = os.getpid()
        self._here = _mark()
        self._start = time.time_ns()
        # Cut: with pid and the rest a file name must stay below 255 bytes.
        name = "".join(c if (c.isalnum() and c.isascii()) or c in ".-" else "-" for c in self._host)
        self._id = begun_as or f"{name[:100]}-{self._pid}-{self._start:x}"
        path = f"{self.folder}/{self._id}.jsonl"
        self._file = LineFile(path)
        self._mapped = _mapped_file(path)
        self._write = _closed
        self._begun = begun_as is not None

    def _after_fork(self) -> None:
        # Only one thread lives on after a fork, and the lock may be held by one that does not.
        self.abandon()
        self._how, self._parent = "fork", self._id
        self._begin()
        atexit.register(self.close)

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
