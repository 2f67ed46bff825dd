"""Reads each file of a run once: hashes it, and copies it into the crate on the way.

Comes in: the planned items and the archive. Goes out: one :class:`Outcome` an item. A file that is
no longer what the run saw, or that changes or vanishes while it is read, is left out and said so;
it is never an error.
"""

from __future__ import annotations

import hashlib
import os
import queue
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provenance.crate.archive import Archive
from provenance.crate.layout import Item, Treatment
from provenance.crate.settings import Checksums, Progress

_CHUNK = 1 << 20
_THREAD_FROM = 8 << 20  # bytes; a second thread for the hash does not pay below
_SNIFFED = 4096
_NOT_TEXT = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27}) + b"\x7f"


@dataclass(slots=True)
class Outcome:
    """What became of an item."""

    treatment: Treatment
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str | None = None
    is_text: bool | None = None
    note: str | None = None  # why it was not copied or referenced as planned
    is_changed: bool = False


class _UnusableError(Exception):
    """The file can't be taken; the message says why."""

    def __init__(self, why: str, is_changed: bool = False):
        super().__init__(why)
        self.is_changed = is_changed


class PayloadReader:
    """Takes the files of a run, one after the other, and keeps the time that hashing and copying
    took."""

    def __init__(self, archive: Archive, checksums: Checksums, progress: Progress):
        self._archive = archive
        self._checksums = checksums
        self._progress = progress
        self.seconds_hashing = 0.0
        self.seconds_copying = 0.0

    def take(self, item: Item) -> Outcome:
        """Copy, reference or describe ``item``; what can't be read is described, with the reason in
        ``note``."""
        data = item.data
        if item.treatment is Treatment.DESCRIBE or data.is_directory or data.content is None:
            note = "it was changed after the run" if data.changed_after else None
            outcome = Outcome(
                item.treatment,
                data.size,
                data.mtime_ns,
                data.sha256,
                None,
                note,
                data.changed_after,
            )
            return outcome
        try:
            return self._take_file(item, data.content)
        except _UnusableError as why:
            return Outcome(
                Treatment.DESCRIBE,
                data.size,
                data.mtime_ns,
                data.sha256,
                None,
                str(why),
                why.is_changed,
            )

    def _take_file(self, item: Item, content: str) -> Outcome:
        is_copied = item.treatment is Treatment.COPY
        is_hashed = self._checksums is Checksums.ALL or (is_copied and self._checksums is Checksums.COPIED)
        if not is_copied and not is_hashed:
            return self._look_at(item, content)
        try:
            source = os.open(content, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _UnusableError(f"it can't be read any more ({error.strerror})") from error
        except ValueError as error:
            raise _UnusableError("its name can't be opened on this machine") from error
        try:
            before = os.fstat(source)
            _check(item, before)
            reading = _Reading(source, before.st_size, is_hashed)
            self._read(item, reading, before, is_copied)
            after = os.fstat(source)
        finally:
            os.close(source)
        is_changed = (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns)
        if is_changed or reading.failure or reading.size != before.st_size:
            if is_copied:
                self._archive.discard_last()
            raise _UnusableError(reading.failure or "it changed while it was being packed", not reading.failure)
        self.seconds_hashing += reading.seconds
        digest = reading.digest() if is_hashed else None
        if digest and item.data.sha256 and digest != item.data.sha256:
            if is_copied:
                self._archive.discard_last()
            raise _UnusableError("its content is no longer what the run saw", True)
        return Outcome(item.treatment, before.st_size, before.st_mtime_ns, digest, reading.is_text)

    def _read(self, item: Item, reading: _Reading, before: os.stat_result, is_copied: bool) -> None:
        started = time.perf_counter()
        chunks = self._watched(reading.chunks())
        if is_copied:
            executable = bool(before.st_mode & stat.S_IXUSR)
            mtime = item.data.mtime_ns if item.data.mtime_ns is not None else before.st_mtime_ns
            self._archive.add(item.path, chunks, before.st_size, mtime, executable)
            self.seconds_copying += time.perf_counter() - started - reading.seconds
        else:
            for _ in chunks:
                pass

    def _watched(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            self._progress.advance(len(chunk))

    def _look_at(self, item: Item, content: str) -> Outcome:
        try:
            now = os.stat(content)
        except (OSError, ValueError) as error:
            raise _UnusableError(f"it can't be read any more ({getattr(error, 'strerror', error)})") from error
        _check(item, now)
        self._progress.advance(now.st_size)
        return Outcome(item.treatment, now.st_size, now.st_mtime_ns, item.data.sha256)


def _check(item: Item, now: os.stat_result) -> None:
    data = item.data
    if not stat.S_ISREG(now.st_mode):
        raise _UnusableError("it is not a regular file")
    if data.size is not None and now.st_size != data.size:
        raise _UnusableError("it was changed after the run", True)
    if data.content == data.path and data.mtime_ns is not None and now.st_mtime_ns != data.mtime_ns:
        raise _UnusableError("it was changed after the run", True)


class _Reading:
    """One pass over a file: chunks go out, the hash stays; for a large file it is computed on a
    second thread."""

    def __init__(self, source: int, expected: int, is_hashed: bool):
        self._source = source
        self._expected = expected
        self._hash: Any = hashlib.sha256() if is_hashed else None
        self.size = 0
        self.seconds = 0.0
        self.is_text: bool | None = None
        self.failure: str | None = None

    def digest(self) -> str:
        text: str = self._hash.hexdigest()
        return text

    def chunks(self) -> Iterator[bytes]:
        if self._hash is not None and self._expected >= _THREAD_FROM:
            yield from self._chunks_hashed_beside()
            return
        for chunk in self._raw_chunks():
            if self._hash is not None:
                started = time.perf_counter()
                self._hash.update(chunk)
                self.seconds += time.perf_counter() - started
            yield chunk

    def _raw_chunks(self) -> Iterator[bytes]:
        while self.size < self._expected:
            try:
                chunk = os.read(self._source, min(_CHUNK, self._expected - self.size))
            except OSError as error:
                self.failure = f"it could not be read to its end ({error.strerror})"
                return
            if not chunk:
                return
            if self.is_text is None:
                self.is_text = looks_like_text(chunk[:_SNIFFED])
            self.size += len(chunk)
            yield chunk

    def _chunks_hashed_beside(self) -> Iterator[bytes]:
        waiting: queue.Queue[bytes | None] = queue.Queue(maxsize=8)

        def update() -> None:
            while (chunk := waiting.get()) is not None:
                started = time.perf_counter()
                self._hash.update(chunk)
                self.seconds += time.perf_counter() - started

        thread = threading.Thread(target=update, name="sha256", daemon=True)
        thread.start()
        try:
            for chunk in self._raw_chunks():
                waiting.put(chunk)
                yield chunk
        finally:
            waiting.put(None)
            thread.join()


def looks_like_text(start: bytes) -> bool:
    """Tell from its first bytes whether a file is text in UTF-8; a character may be cut off at the
    end."""
    if start.translate(None, _NOT_TEXT) != start:
        return False
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data" and len(start) - error.start < 4
    return True
