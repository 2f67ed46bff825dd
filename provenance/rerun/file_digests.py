"""SHA-256 of many files at once, in threads: hashlib and the file system both work without Python's lock.

Comes in: paths with the size that each should have. Goes out: a :class:`Reading` for each, in the same order. Nothing
but regular files is ever opened, and no more of a file is read than it had when it was opened.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from provenance.rerun.talk import Talk

_BLOCK = 1 << 20  # bytes read at once
_SMALL = 1 << 15  # bytes; below, threads wait for Python's lock for longer than they save
_BUNDLE = 4 << 20  # bytes of files that are handed out together
_MOST_IN_BUNDLE = 256  # files
_MOST_THREADS = 8  # more gain nothing on one disk
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_SECONDS = 0.1  # between two words on progress


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file to be looked at."""

    path: str
    size: int | None = None  # bytes that it should have; of another size it is not read
    is_hashed: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found: a size unless there is a problem, a digest when the file was read to its end."""

    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    problem: str | None = None  # why there is no answer, for people
    is_missing: bool = False


def read_files(files: Sequence[Wanted], talk: Talk, what: str = "check") -> list[Reading]:
    """Look at all files, the largest first."""
    reader = _Reader(files)
    total = sum(file.size or 0 for file in files if file.is_hashed)
    large, small = _bundles(files)
    threads = min(_MOST_THREADS, os.cpu_count() or 1, len(large))
    if threads < 2:
        for bundle in (*large, *small):
            reader.read(bundle)
            talk.progress(what, reader.done, total)
        return reader.readings
    with ThreadPoolExecutor(threads, thread_name_prefix="digest") as pool:
        waiting: set[Future[None]] = {pool.submit(reader.read, bundle) for bundle in large}
        try:
            for bundle in small:
                reader.read(bundle)
                talk.progress(what, reader.done, total)
            while waiting:
                finished, waiting = wait(waiting, timeout=_SECONDS, return_when=FIRST_EXCEPTION)
                for one in finished:
                    one.result()
                talk.progress(what, reader.done, total)
        except BaseException:
            reader.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return reader.readings


def _bundles(files: Sequence[Wanted]) -> tuple[list[list[int]], list[list[int]]]:
    """Give out the indices of large files, for threads and the largest first, and of small ones."""
    order = sorted(range(len(files)), key=lambda index: -_work(files[index]))
    large: list[list[int]] = []
    small: list[list[int]] = []
    room = 0
    for index in order:
        work = _work(files[index])
        to = large if work >= _SMALL else small
        if not to or work > room or len(to[-1]) == _MOST_IN_BUNDLE:
            to.append([])
            room = _BUNDLE
        to[-1].append(index)
        room -= work
    return large, small


def _work(file: Wanted) -> int:
    if not file.is_hashed:
        return 0
    return _SMALL if file.size is None else file.size


class _Reader:
    """Reads files on any number of threads."""

    def __init__(self, files: Sequence[Wanted]):
        self._files = files
        self._is_stopped = False
        self._lock = threading.Lock()
        self.readings = [Reading()] * len(files)
        self.done = 0  # bytes

    def stop(self) -> None:
        self._is_stopped = True

    def read(self, indices: Iterable[int]) -> None:
        buffer = memoryview(bytearray(_BLOCK))
        for index in indices:
            if self._is_stopped:
                return
            self.readings[index] = self._look(self._files[index], buffer)

    def _look(self, file: Wanted, buffer: memoryview) -> Reading:
        try:
            state = os.stat(file.path)
            if not stat.S_ISREG(state.st_mode):  # before it is opened: a pipe or a device notices that it is
                return Reading(problem=f"it is no file but {_kind(state.st_mode)}")
            if not file.is_hashed or file.size not in (None, state.st_size):
                self._advance(file.size if file.is_hashed else None)
                return Reading(state.st_size, state.st_mtime_ns)
            return self._hash(file, state, buffer)
        except FileNotFoundError:
            return Reading(problem="there is no such file", is_missing=True)
        except (OSError, ValueError) as error:
            return Reading(problem=f"it can't be read ({getattr(error, 'strerror', None) or error})")

    def _hash(self, file: Wanted, before: os.stat_result, buffer: memoryview) -> Reading:
        source = os.open(file.path, _FLAGS)
        size, got = before.st_size, 0
        digest = hashlib.sha256()
        try:
            while got < size and not self._is_stopped and (count := os.readv(source, [buffer])):
                digest.update(buffer[:count])
                got += count
                self._advance(None if file.size is None else count)
            # What came in one piece is of one moment.
            after = os.fstat(source) if size > len(buffer) else before
        finally:
            os.close(source)
        if got != size or (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
            return Reading(problem="it changed while it was read")
        return Reading(size, before.st_mtime_ns, digest.hexdigest())

    def _advance(self, count: int | None) -> None:
        """Count the bytes that are done of those that were known before."""
        with self._lock:
            self.done += count or 0


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "something else")
