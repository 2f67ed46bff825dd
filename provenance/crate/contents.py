"""All files of a crate, read one after the other, whether it is a folder, a zip or its metadata alone.

Comes in: the path of a crate. Goes out: members, each with its path from the crate's root, its size in bytes and a
way to read it. Nothing is unpacked; symbolic links are not followed.
"""

from __future__ import annotations

import calendar
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from provenance.crate.source import ZIP_FAULTS, FolderPayload, ZipPayload, open_crate
from provenance.errors import CrateError

_READ = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a crate."""

    path: str
    size: int  # bytes
    mtime_ns: int | None
    is_executable: bool
    _file: Path
    _entry: zipfile.ZipInfo | None = None
    _archive: zipfile.ZipFile | None = None

    def content(self) -> bytes:
        """Read the whole file.

        Raises
        ------
        CrateError
            When it can't be read.
        """
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """Read the file in pieces; see :meth:`content`."""
        try:
            with self._opened() as stream:
                while chunk := stream.read(_READ):
                    yield chunk
        except (KeyError, *ZIP_FAULTS) as error:
            why = getattr(error, "strerror", None) or error
            raise CrateError(f"{self.path} in {self._file} can't be read: {why}; get the crate again") from None

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if self._archive is None or self._entry is None:
            with self._file.open("rb") as stream:
                yield stream
            return
        with self._archive.open(self._entry) as stream:
            yield stream


def members(crate: Path) -> list[Member]:
    """List the files of a crate.

    Raises
    ------
    CrateError
        When it is none, or can't be read.
    """
    _, payload = open_crate(crate)
    if isinstance(payload, ZipPayload):
        return sorted(_in_zip(crate, payload), key=lambda member: member.path)
    if isinstance(payload, FolderPayload):
        return sorted(_in_folder(crate), key=lambda member: member.path)
    return [_member(crate, "ro-crate-metadata.json")]


def _in_folder(crate: Path) -> Iterator[Member]:
    for folder, folders, files in os.walk(crate):
        folders.sort()
        for name in sorted(files):
            path = Path(folder, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield _member(path, str(path.relative_to(crate)))


def _member(path: Path, name: str) -> Member:
    status = path.stat()
    return Member(name, status.st_size, status.st_mtime_ns, bool(status.st_mode & stat.S_IXUSR), path)


def _in_zip(crate: Path, payload: ZipPayload) -> Iterator[Member]:
    archive = zipfile.ZipFile(crate)  # open as long as a member is
    for name, size in payload.members():
        if name.endswith("/"):
            continue
        info = archive.getinfo(payload.entry(name))
        mtime_ns = calendar.timegm((*info.date_time, 0, 0, 0)) * 1_000_000_000
        yield Member(name, size, mtime_ns, bool((info.external_attr >> 16) & stat.S_IXUSR), crate, info, archive)
