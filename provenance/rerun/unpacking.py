"""Unpacks a zip that nobody vouches for: all of it lies in its folder afterwards, or nothing was left behind.

Comes in: a zip, a folder that is not there yet, and limits. Goes out: the folder with the crate in it; the top folder
of a zip that has one is taken off. Links within the crate become files of their own; all others are refused.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import posixpath
import secrets
import shutil
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, NoReturn

from provenance.crate.source import METADATA_NAMES, ZIP_FAULTS
from provenance.errors import CrateError, OutputError, UsageError
from provenance.rerun.talk import Silence, Talk
from provenance.rerun.zip_entries import Entry, Kind, check_directory, entries_of, refuse_clashes, top_folder

_BLOCK = 1 << 20
_LONGEST_LINK = 4096  # bytes of a path
_LINKS = 40  # that may lead to one another, as on Linux
_SMALL = 64 << 20  # bytes; what unpacks to less is no bomb, however well it was compressed
_ENDLESS = 1 << 62


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may come out of a download or a zip."""

    size: int = 100 * 10**9  # bytes of a download, and of all that is unpacked
    files: int = 200_000  # entries of a zip
    ratio: float = 200.0  # bytes unpacked for each byte in the zip; of an entry and of the whole
    allows_similar_names: bool = False  # names that differ in case or in the form of their accents alone


def unpack(archive: Path, target: Path, limits: Limits | None = None, talk: Talk | None = None) -> Path:
    """Unpack the crate in ``archive`` into the folder ``target``, which is new or empty, and return it.

    Raises
    ------
    CrateError
        The zip is damaged, no crate, or not safe to unpack; the message names the entry and the reason.
    UsageError
        There is something at ``target``.
    OutputError
        There is no room for it.
    """
    check_place(target)
    target = Path(os.path.abspath(target))
    try:
        file = archive.open("rb")
    except OSError as error:
        raise CrateError(f"{archive} can't be read: {error.strerror}") from None
    with file:
        unpacked = _Unpacking(archive, file, limits or Limits(), talk or Silence())
        return unpacked.into(target)


def check_place(target: Path) -> None:
    """Refuse a target that holds something already, or that a shell is in: another folder takes its place."""
    if target.is_symlink() or (os.path.lexists(target) and not target.is_dir()):
        raise UsageError(f"{target} is there already and is no folder; choose another place")
    if target.is_dir() and any(target.iterdir()):
        raise UsageError(f"{target} is not empty; choose another place, or remove it")
    if target.is_dir() and target.samefile(os.curdir):
        raise UsageError(f"{target} is the working folder, which can't become the crate; name a new folder in it")


class _Unpacking:
    """A zip on its way into a folder."""

    def __init__(self, archive: Path, file: IO[bytes], limits: Limits, talk: Talk):
        self._archive = archive
        self._file = file
        self._limits = limits
        self._talk = talk
        self._zipped = os.fstat(file.fileno()).st_size
        self._said = 0  # bytes that the zip says to unpack to
        self._done = 0  # bytes that were written

    def into(self, target: Path) -> Path:
        """Unpack beside the target, and give it its name when all is there."""
        with self._faults(), zipfile.ZipFile(self._checked()) as opened:
            entries = self._chosen(opened)
            with appearing(target) as hidden:
                self._unpack(opened, entries, os.fsencode(hidden))
        return target

    def _checked(self) -> IO[bytes]:
        check_directory(self._archive, self._file, self._limits.files)
        return self._file

    def _chosen(self, opened: zipfile.ZipFile) -> list[Entry]:
        """The entries of the crate, with paths below its root, none of which is in another's way."""
        entries = entries_of(self._archive, opened)
        if len(entries) > self._limits.files:
            raise CrateError(
                f"{self._archive} has {len(entries):,} entries, the limit is {self._limits.files:,}; see --max-files"
            )
        top = top_folder(self._archive, entries, METADATA_NAMES)
        chosen = [
            replace(entry, path=entry.path[len(top) :])
            for entry in entries
            if entry.path.startswith(top) and entry.path not in (top, top.rstrip("/"))
        ]
        beside = [entry for entry in entries if entry.kind is not Kind.FOLDER and not entry.path.startswith(top)]
        if beside:
            self._talk.say(f"{len(beside)} files of the zip lie outside of the crate's folder {top!r} and are left out")
        paths = [(entry.path, entry.kind is Kind.FOLDER) for entry in chosen]
        refuse_clashes(self._archive, paths, self._limits.allows_similar_names)
        self._said = sum(entry.info.file_size for entry in chosen)
        return chosen

    def _unpack(self, opened: zipfile.ZipFile, entries: Sequence[Entry], folder: bytes) -> None:
        self._room(folder)
        files = {entry.path: entry for entry in entries if entry.kind is Kind.FILE}
        links = {entry.path: self._link(opened, entry) for entry in entries if entry.kind is Kind.LINK}
        made = {b""}
        for entry in entries:
            content = entry
            if entry.kind is Kind.LINK:
                content = self._followed(entry, files, links, entries)
            path = entry.path.encode("utf-8", "surrogateescape")
            parent = path if entry.kind is Kind.FOLDER else path.rpartition(b"/")[0]
            if parent not in made:
                os.makedirs(os.path.join(folder, parent), exist_ok=True)
                made.add(parent)
            if entry.kind is not Kind.FOLDER:
                self._write(opened, content, os.path.join(folder, path))

    def _room(self, folder: bytes) -> None:
        if self._said > self._limits.size:
            self._refuse_size()
        free = shutil.disk_usage(folder).free
        if self._said > free:
            raise OSError(errno.ENOSPC, f"it unpacks to {self._said:,} bytes, and {free:,} are free")

    def _link(self, opened: zipfile.ZipFile, entry: Entry) -> str:
        if entry.info.file_size > _LONGEST_LINK:
            self._refuse(entry, "is a link that is longer than a path can be")
        with self._opened(opened, entry) as stream:
            return stream.read(_LONGEST_LINK).decode("utf-8", "surrogateescape")

    def _followed(
        self, link: Entry, files: Mapping[str, Entry], links: Mapping[str, str], entries: Sequence[Entry]
    ) -> Entry:
        """The file that a link within the crate leads to."""
        path = link.path
        for _ in range(_LINKS):
            target = links[path]
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if target.startswith("/") or "\0" in target or path.split("/")[0] == "..":
                self._refuse(link, f"is a link that leads out of the crate, to {target!r}")
            if path in files:
                return files[path]
            if path not in links:
                break
        else:
            self._refuse(link, "is a link that leads to itself")
        if path == "." or any(entry.path == path or entry.path.startswith(f"{path}/") for entry in entries):
            self._refuse(link, f"is a link to a folder ({path!r}); ask its authors for a zip without")
        self._refuse(link, f"is a link to {links[link.path]!r}, which the zip does not have")

    def _write(self, opened: zipfile.ZipFile, entry: Entry, path: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        allowed = max(_SMALL, self._limits.ratio * entry.info.compress_size)
        allowed_whole = max(_SMALL, self._limits.ratio * self._zipped)
        size = 0
        with (
            self._opened(opened, entry) as stream,
            os.fdopen(os.open(path, flags, 0o777 if entry.is_executable else 0o666), "wb") as file,
        ):
            while chunk := self._read(stream, entry):
                size += len(chunk)
                self._done += len(chunk)
                if size > allowed or self._done > allowed_whole:
                    self._refuse(
                        entry, f"unpacks to more than {self._limits.ratio:g} times its size in the zip; see --max-ratio"
                    )
                if self._done > self._limits.size:
                    self._refuse_size()
                if size > entry.info.file_size:
                    break
                file.write(chunk)
                self._talk.progress("unpacked", self._done, self._said)
            if size != entry.info.file_size:
                self._refuse(entry, "does not have the size that the zip says; download it again")
            file.flush()
            if entry.modified is not None:
                with contextlib.suppress(OverflowError):
                    os.utime(file.fileno(), (entry.modified, entry.modified))

    def _opened(self, opened: zipfile.ZipFile, entry: Entry) -> IO[bytes]:
        # Read to the end of the compressed bytes, whatever size is written in the zip.
        unsized = copy.copy(entry.info)
        unsized.file_size = _ENDLESS
        try:
            return opened.open(unsized)
        except ZIP_FAULTS as error:
            self._refuse(entry, f"can't be read ({_in_words(error)}); download the zip again")

    def _read(self, stream: IO[bytes], entry: Entry) -> bytes:
        try:
            return stream.read(_BLOCK)
        except ZIP_FAULTS as error:
            self._refuse(entry, f"is damaged ({_in_words(error)}); download the zip again")

    def _refuse(self, entry: Entry, reason: str) -> NoReturn:
        raise CrateError(f"{self._archive} is not unpacked: its entry {entry.name} {reason}")

    def _refuse_size(self) -> NoReturn:
        raise CrateError(
            f"{self._archive} is not unpacked: it holds more than {self._limits.size:,} bytes, which is the limit; see "
            "--max-size"
        )

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (zipfile.BadZipFile, zipfile.LargeZipFile, struct.error, UnicodeError, NotImplementedError) as error:
            raise CrateError(
                f"{self._archive} can't be read as a zip ({_in_words(error)}); download or copy it again"
            ) from None
        except OSError as error:
            raise OutputError(
                f"{self._archive} could not be unpacked: {error.strerror or error}; make room, or choose another place"
            ) from None


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """Give a hidden folder beside the target, which takes its name when the block ends well, and else is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".{target.name[:100]}.partial-{secrets.token_hex(4)}")
    hidden.mkdir()
    try:
        yield hidden
        hidden.rename(target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


def _in_words(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)[:200] or type(error).__name__
