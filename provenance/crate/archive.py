"""The folder or zip that a crate is written to: complete under its name, or not there at all.

Comes in: paths relative to the crate and their bytes. Goes out: a file or folder that appears under
its final name only when all is written. Every failure to write is an
:class:`~provenance.errors.OutputError`.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import time
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

from provenance.errors import OutputError, UsageError

METADATA_FILE = "ro-crate-metadata.json"
_TRIED = 64 * 1024  # bytes on which the gain of compression is tried
_WORTH = 0.9  # compress when the trial gets below this share
_SMALL = 128  # bytes; compression gains nothing below
_ZIP64_FROM = 1 << 30
_FIRST_ZIP_YEAR = 1980
_PARTIAL = re.compile(r"\.partial-[0-9a-f]{8}")


class Archive(ABC):
    """Where the files of a crate go."""

    @abstractmethod
    def add(
        self,
        path: str,
        chunks: Iterable[bytes],
        size: int,
        mtime_ns: int | None,
        is_executable: bool,
    ) -> None:
        """Write a file from its chunks."""

    @abstractmethod
    def discard_last(self) -> None:
        """Take the file that was added last out again."""

    @abstractmethod
    def close(self) -> None:
        """Finish the archive; it is complete afterwards."""

    @abstractmethod
    def abandon(self) -> None:
        """Let go of the archive; what was written is removed by the caller."""

    def add_text(self, path: str, text: str, is_executable: bool = False) -> int:
        """Write a generated file; returns its size in bytes."""
        content = text.encode("utf-8", "backslashreplace")
        self.add(path, (content,), len(content), None, is_executable)
        return len(content)


class FolderArchive(Archive):
    """A crate as a folder."""

    def __init__(self, folder: Path):
        self._root = os.fsencode(folder) + b"/"
        self._made: set[str] = set()
        self._last = b""

    def add(
        self,
        path: str,
        chunks: Iterable[bytes],
        size: int,
        mtime_ns: int | None,
        is_executable: bool,
    ) -> None:
        """Write a file, and the folders that it is in."""
        parent = path.rpartition("/")[0]
        full = self._root + os.fsencode(path)
        with _output_errors(full):
            if parent not in self._made:
                os.makedirs(self._root + os.fsencode(parent), exist_ok=True)
                self._made.add(parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            target = os.open(full, flags, 0o777 if is_executable else 0o666)
        self._last = full
        try:
            for chunk in chunks:
                with _output_errors(full):
                    _write_all(target, chunk)
            if mtime_ns is not None:
                os.utime(target, ns=(mtime_ns, mtime_ns))
        finally:
            os.close(target)

    def discard_last(self) -> None:
        """Take the file that was added last out again."""
        os.unlink(self._last)

    def close(self) -> None:
        """Nothing is left to do for a folder."""

    def abandon(self) -> None:
        """Nothing is open."""


class ZipArchive(Archive):
    """A crate as a zip, streamed; what does not shrink is stored, and every size is possible."""

    def __init__(self, file: Path):
        self._name = os.fsencode(file)
        with _output_errors(self._name):
            self._file = file.open("xb")
        self._zip = zipfile.ZipFile(self._file, "w", allowZip64=True)
        self._start = 0

    def add(
        self,
        path: str,
        chunks: Iterable[bytes],
        size: int,
        mtime_ns: int | None,
        is_executable: bool,
    ) -> None:
        """Write an entry, compressed when that gains something."""
        info = zipfile.ZipInfo(path, _zip_time(mtime_ns))
        info.external_attr = (0o100755 if is_executable else 0o100644) << 16
        info.file_size = size
        stream = iter(chunks)
        first = next(stream, b"")
        info.compress_type = zipfile.ZIP_DEFLATED if _shrinks(first) else zipfile.ZIP_STORED
        self._start = self._zip.start_dir
        with _output_errors(self._name):
            entry = self._zip.open(info, "w", force_zip64=size >= _ZIP64_FROM)
        try:
            with _output_errors(self._name):
                entry.write(first)
            for chunk in stream:
                with _output_errors(self._name):
                    entry.write(chunk)
        finally:
            with _output_errors(self._name):
                entry.close()

    def discard_last(self) -> None:
        """Take the file that was added last out again."""
        # zipfile has no way to take an entry back; the central directory is written from these at
        # the end.
        last = self._zip.filelist.pop()
        self._zip.NameToInfo.pop(last.filename, None)
        self._zip.start_dir = self._start
        self._file.seek(self._start)
        self._file.truncate()

    def close(self) -> None:
        """Write the directory of the zip."""
        with _output_errors(self._name):
            self._zip.close()
            self._file.close()

    def abandon(self) -> None:
        """Close the file without a directory."""
        self._zip.fp = None  # else its destructor writes a directory into a file that is being removed
        try:
            self._file.close()
        except OSError:
            os.close(os.open(os.devnull, os.O_RDONLY))


@contextmanager
def created(target: Path, as_zip: bool, force: bool) -> Iterator[Archive]:
    """Give an archive to write to, and put it in place under the name ``target`` when the block
    ends well.

    An interruption or error leaves nothing behind, and what was at ``target`` before as it was.

    Raises:
        UsageError: something is at ``target`` and ``force`` is off, or it is not a crate.
        OutputError: the place can't be written, or is full.
    """
    target = Path(os.path.abspath(target))
    check_target(target, force)
    partial = target.with_name(f"{target.name}.partial-{secrets.token_hex(4)}")
    archive: Archive | None = None
    try:
        with _output_errors(os.fsencode(partial)):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not as_zip:
                partial.mkdir()
        archive = ZipArchive(partial) if as_zip else FolderArchive(partial)
        yield archive
        archive.close()
        with _output_errors(os.fsencode(target)):
            _put_in_place(partial, target, force)
    except BaseException:
        if archive is not None:
            archive.abandon()
        _remove(partial)
        raise


def check_target(target: Path, force: bool) -> None:
    """Refuse a target that would overwrite something; with ``force`` only a crate or an empty
    folder gives way."""
    if not os.path.lexists(target):
        return
    if not force:
        raise UsageError(f"{target} is there already; choose another --output, or replace it with --force")
    if target.is_symlink():
        raise UsageError(f"{target} is a symbolic link and is not replaced; remove it or choose another --output")
    if target.is_dir():
        if not any(target.iterdir()):
            return
        if (target / METADATA_FILE).is_file():
            _refuse_to_lose_more_than_a_crate(target)
            return
        raise UsageError(f"{target} is a folder without {METADATA_FILE}, so not a crate; --force does not replace it")
    if target.is_file() and zipfile.is_zipfile(target):
        return
    raise UsageError(f"{target} is not a crate; --force does not replace it")


def _refuse_to_lose_more_than_a_crate(target: Path) -> None:
    """A project may have a crate's metadata at its root; only what the metadata lists may go."""
    inside = Path(os.path.abspath(target))
    if inside in (Path.cwd(), *Path.cwd().parents):
        raise UsageError(f"{target} holds the working folder and is not replaced; choose another --output")
    try:
        graph = json.loads((target / METADATA_FILE).read_bytes())["@graph"]
        listed = {unquote(str(entity["@id"])).removeprefix("./").partition("/")[0] for entity in graph}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{target} has a {METADATA_FILE} that can't be read; --force does not replace it") from error
    known = listed | {METADATA_FILE, "ro-crate-preview.html", "ro-crate-preview_files"}
    others = sorted(path.name for path in target.iterdir() if path.name not in known)
    if others:
        shown = ", ".join(repr(name) for name in others[:3]) + (", ..." if len(others) > 3 else "")
        raise UsageError(f"{target} holds more than a crate ({shown}) and is not replaced; choose another --output")


def _put_in_place(partial: Path, target: Path, force: bool) -> None:
    check_target(target, force)
    old: Path | None = None
    if os.path.lexists(target):
        old = target.with_name(f"{target.name}.old-{secrets.token_hex(4)}")
        target.rename(old)
    try:
        partial.rename(target)
    except BaseException:
        if old is not None:
            old.rename(target)
        raise
    if old is not None:
        _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        path.unlink()


@contextmanager
def _output_errors(path: bytes) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(_explained(error, path)) from error


def _explained(error: OSError, path: bytes) -> str:
    name = _PARTIAL.sub("", path.decode("utf-8", "backslashreplace"))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left to write {name}; free some, choose another --output, or use --data reference"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{name} can't be written ({error.strerror}); choose another --output"
    return f"{name} can't be written: {error.strerror or error}"


def _write_all(target: int, chunk: bytes) -> None:
    written = os.write(target, chunk)
    while written < len(chunk):
        chunk = chunk[written:]
        written = os.write(target, chunk)


def _shrinks(first: bytes) -> bool:
    if len(first) < _SMALL:
        return False
    trial = first[:_TRIED]
    return len(zlib.compress(trial, 1)) < _WORTH * len(trial)


def _zip_time(mtime_ns: int | None) -> tuple[int, int, int, int, int, int]:
    moment = time.gmtime(None if mtime_ns is None else mtime_ns // 1_000_000_000)
    if not _FIRST_ZIP_YEAR <= moment.tm_year < _FIRST_ZIP_YEAR + 128:
        return (_FIRST_ZIP_YEAR, 1, 1, 0, 0, 0)
    return moment[:6]
