"""Downloads a file: resumed where it broke off, checked against what is promised, complete under its name or not there.

Comes in: an address, a path, and what is known of the file. Goes out: a :class:`Downloaded`. Beside the path lie, as
long as the file is not complete, ``NAME.part`` and ``NAME.part.json``, a note of what the part belongs to.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from provenance.errors import CrateError, NetworkError, OutputError, RefusedError, ServerError, UsageError
from provenance.rerun.part_note import PartNote
from provenance.rerun.talk import Silence, Talk
from provenance.web.client import BrokenConnectionError, Client, Reply

_BLOCK = 1 << 20
_ATTEMPTS = 5  # one after another without a byte in between
_TRIES = 50  # in all
_BUSY = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 60.0  # seconds that a server may ask to wait
_PART_OF = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_WHOLE_OF = re.compile(r"bytes \*/(\d{1,18})")


class _BusyError(BrokenConnectionError):
    """The server asks to wait."""

    def __init__(self, message: str, wait: float):
        super().__init__(message)
        self.wait = wait  # seconds


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a file before it is downloaded."""

    url: str
    size: int | None = None  # bytes
    digests: Mapping[str, str] = field(default_factory=dict)  # name as hashlib has it -> hexadecimal
    limit: int | None = None  # bytes that it may have at most
    accept: str = "*/*"
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that came whole."""

    url: str  # address that it came from in the end
    size: int  # bytes
    sha256: str
    kind: str  # media type, as the server says
    checked: tuple[str, ...] = ()  # names of the digests that agreed


def download(
    wanted: Wanted,
    target: Path,
    client: Client,
    talk: Talk | None = None,
    pause: Callable[[float], None] | None = None,
) -> Downloaded:
    """Download a file to ``target``, which is not there yet.

    Parameters
    ----------
    pause
        Waits so many seconds before another try.

    Raises
    ------
    NetworkError
        The server can't be reached, breaks off again and again, or does not give what it promises. What came stays in
        ``NAME.part``, and the next call goes on there.
    RefusedError
        The server wants a login, or forbids it.
    CrateError
        The file is larger than ``limit``.
    OutputError
        There is no room for it.
    UsageError
        ``target`` is there, or is being downloaded by another process.
    """
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already and is not replaced; remove it, or choose another place")
    return _Download(wanted, target, client, talk or Silence(), pause or time.sleep).run()


class _Download:
    """One file on its way."""

    def __init__(
        self, wanted: Wanted, target: Path, client: Client, talk: Talk, pause: Callable[[float], None]
    ) -> None:
        self._wanted = wanted
        self._target = target
        self._part = target.with_name(f"{target.name}.part")
        self._note = PartNote(url=wanted.url)
        self._client = client
        self._talk = talk
        self._pause = pause
        self._reply_url = wanted.url
        self._kind = ""
        self._is_complete = False

    def run(self) -> Downloaded:
        """Try until all is there."""
        with self._opened() as file:
            self._note = PartNote.load(self._part, self._wanted.url)
            if not self._can_go_on(file):
                file.truncate(0)
            try:
                self._come_whole(file)
                return self._finished(file)
            except BaseException as error:
                # Nothing is left of what could never be gone on with.
                if isinstance(error, CrateError) or _size(file) == 0:
                    self._forget()
                raise

    def _come_whole(self, file: IO[bytes]) -> None:
        failures = 0
        for tries in range(1, _TRIES + 1):
            before = _size(file)
            try:
                self._attempt(file)
            except BrokenConnectionError as error:
                failures = 1 if _size(file) > before else failures + 1
                if failures == _ATTEMPTS or tries == _TRIES:
                    raise
                self._talk.say(f"{error}; trying again")
                self._pause(error.wait if isinstance(error, _BusyError) else float(2 ** (failures - 1)))
            if self._is_complete:
                return
        raise ServerError(f"{self._wanted.url} comes in too many pieces; try again later")

    def _opened(self) -> IO[bytes]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            file = os.fdopen(os.open(self._part, flags, 0o666), "r+b")
        except OSError as error:
            raise OutputError(f"{self._part} can't be written: {error.strerror}; choose another place") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise UsageError(f"{self._part} is being downloaded by another process; wait for it") from None
        except OSError:  # some network file systems have no locks
            return file
        return file

    def _can_go_on(self, file: IO[bytes]) -> bool:
        """Whether what is there is known to be the beginning of the file: by a tag, or by a digest of the whole."""
        return _size(file) > 0 and self._note.is_known and bool(self._note.validator or self._wanted.digests)

    def _attempt(self, file: IO[bytes]) -> None:
        """Ask once."""
        have = _size(file)
        headers = {"Accept": self._wanted.accept}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._note.validator:
                headers["If-Range"] = self._note.validator
        with self._client.get(self._wanted.url, headers, self._wanted.token) as reply:
            if reply.status in _BUSY:
                raise _busy(reply)
            if reply.status == 416 and have:
                self._beyond(file, reply, have)
                return
            _refuse(reply)
            if reply.status == 206 and have and self._continues(reply, have):
                self._receive(file, reply, have)
            elif reply.status == 200:
                file.truncate(0)
                self._note = PartNote.of(self._wanted.url, reply)
                self._receive(file, reply, 0)
            elif have:  # something else than what was asked for
                file.truncate(0)
            else:
                raise ServerError(f"{reply.url} answers with a part of the file that was not asked for")

    def _beyond(self, file: IO[bytes], reply: Reply, have: int) -> None:
        whole = _WHOLE_OF.fullmatch(reply.headers.get("Content-Range", "").strip())
        if whole and int(whole[1]) == have and (self._note.size in (None, have)):
            self._is_complete = True
        else:
            file.truncate(0)

    def _continues(self, reply: Reply, have: int) -> bool:
        found = _PART_OF.fullmatch(reply.headers.get("Content-Range", "").strip())
        if found is None or int(found[1]) != have or reply.headers.get("Content-Encoding", "identity") != "identity":
            return False
        is_same = PartNote.of(self._wanted.url, reply).agrees_with(self._note)
        return is_same and (found[3] == "*" or self._note.size in (None, int(found[3])))

    def _receive(self, file: IO[bytes], reply: Reply, have: int) -> None:
        self._reply_url, self._kind = reply.url, reply.kind
        total = self._total(reply, have)
        if total is not None:
            self._room(total - have)
        if have == 0:
            self._note = self._note.with_size(total)
            self._note.save(self._part)
        file.seek(have)
        done = have
        for chunk in reply.chunks():
            done += len(chunk)
            self._limit(done)
            try:
                file.write(chunk)
                file.flush()
            except OSError as error:
                raise OutputError(f"no room for {self._target}: {error.strerror}; make room and try again") from None
            self._talk.progress(self._target.name, done, total)
        if total is not None and done < total:
            raise BrokenConnectionError(f"{reply.url} broke off after {done:,} of {total:,} bytes; try again later")
        self._is_complete = True

    def _total(self, reply: Reply, have: int) -> int | None:
        length = reply.headers.get("Content-Length", "").strip()
        is_known = length.isascii() and length.isdigit() and len(length) < 30
        if not is_known or reply.headers.get("Content-Encoding", "identity") != "identity":
            return None
        total = have + int(length)
        self._limit(total)
        if self._wanted.size is not None and total != self._wanted.size:
            raise ServerError(
                f"{reply.url} has {total:,} bytes, where {self._wanted.size:,} are expected; it is not that file "
                "any more"
            )
        return total

    def _limit(self, size: int) -> None:
        limit = self._wanted.limit
        if limit is not None and size > limit:
            raise CrateError(f"{self._wanted.url} is larger than {limit:,} bytes, which is the limit; see --max-size")

    def _room(self, needed: int) -> None:
        free = shutil.disk_usage(self._part.parent).free
        if needed > free:
            raise OutputError(
                f"{self._target} needs {needed:,} bytes, and {free:,} are free in {self._part.parent}; make room, or "
                "choose another place"
            )

    def _finished(self, file: IO[bytes]) -> Downloaded:
        expected = {**self._note.digests, **self._wanted.digests}
        size = _size(file)
        found = self._digests(file, size, {"sha256", *expected})
        wrong = None
        if self._wanted.size is not None and size != self._wanted.size:
            wrong = f"has {size:,} bytes, where {self._wanted.size:,} are expected"
        for name, digest in expected.items():
            if found[name] != digest:
                wrong = f"has {name.upper()} {found[name]}, where {digest} is promised"
        if wrong is not None:
            self._forget()
            raise ServerError(f"what came from {self._wanted.url} {wrong}: it was changed or damaged; try again later")
        try:
            self._part.rename(self._target)
        except OSError as error:
            raise OutputError(f"{self._target} can't be written: {error.strerror}; choose another place") from None
        self._note.remove(self._part)
        return Downloaded(self._reply_url, size, found["sha256"], self._kind, tuple(sorted(expected)))

    def _digests(self, file: IO[bytes], size: int, names: set[str]) -> dict[str, str]:
        hashers = {name: hashlib.new(name, usedforsecurity=False) for name in names}
        file.seek(0)
        done = 0
        while chunk := file.read(_BLOCK):
            done += len(chunk)
            for hasher in hashers.values():
                hasher.update(chunk)
            if size > _BLOCK:
                self._talk.progress(f"check of {self._target.name}", done, size)
        return {name: hasher.hexdigest() for name, hasher in hashers.items()}

    def _forget(self) -> None:
        self._part.unlink(missing_ok=True)
        self._note.remove(self._part)


def _size(file: IO[bytes]) -> int:
    return os.fstat(file.fileno()).st_size


def _busy(reply: Reply) -> NetworkError:
    text = reply.headers.get("Retry-After", "").strip()
    wait = float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 1.0
    if wait > _LONGEST_WAIT:
        return ServerError(f"{reply.url}: the server is busy; try again in {wait:.0f} s")
    return _BusyError(f"{reply.url}: the server is busy (HTTP status {reply.status}); try again later", wait)


def _refuse(reply: Reply) -> None:
    if reply.status in (401, 403):
        raise RefusedError(
            f"{reply.url} is not for everybody (HTTP status {reply.status}); ask its owners, or download it with "
            "your login and give the file"
        )
    if reply.status in (404, 410):
        raise ServerError(f"{reply.url} is not there (HTTP status {reply.status}); look at the address")
    if reply.status not in (200, 206):
        raise ServerError(f"{reply.url} answers with HTTP status {reply.status}; try again later")
