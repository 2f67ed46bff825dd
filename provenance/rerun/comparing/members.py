"""What is packed in a file: the members of zip and tar archives, and the content of gzip, bzip2 and xz files.

Comes in: a file and a budget. Goes out: members with a name and a stream, one after the other; nothing is unpacked by
its name. A hostile archive is stopped by the budget: bytes and entries as they come out, not as its headers say.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from provenance.rerun.comparing.contract import MEBIBYTE, Budget, NotOfThisKind, TooLarge, Unreadable

if TYPE_CHECKING:
    from typing_extensions import Self

_LONGEST_READ = 16 * MEBIBYTE  # at once: no header is longer
_ZIP_DIRECTORY = 32 * MEBIBYTE  # bytes of the directory of a zip, which is read as a whole
_BLOCK = tarfile.BLOCKSIZE
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_OPENERS: dict[bytes, tuple[str, Callable[[BinaryIO], IO[bytes]]]] = {
    b"\x1f\x8b": ("gzip", cast(Callable[[BinaryIO], IO[bytes]], gzip.open)),
    b"BZh": ("bzip2", cast(Callable[[BinaryIO], IO[bytes]], bz2.open)),
    b"\xfd7zXZ\0": ("xz", cast(Callable[[BinaryIO], IO[bytes]], lzma.open)),
}


@dataclass(frozen=True, slots=True)
class Member:
    """Something in an archive."""

    name: str
    kind: str  # "file", or what else it is: "folder", "link to 'x'"
    stream: BinaryIO | None = None  # of a file; to be read before the next member is asked for


class Bounded(io.RawIOBase):
    """A stream whose bytes are taken out of a budget."""

    def __init__(self, stream: IO[bytes], budget: Budget) -> None:
        self._stream, self._budget = stream, budget

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read bytes that the budget has room for.

        Raises
        ------
        TooLarge
            It has none, or more is asked for at once than any header takes.
        """
        if size < 0 or size > _LONGEST_READ:
            size = _LONGEST_READ + 1
        data = self._stream.read(size)
        if len(data) > _LONGEST_READ:
            raise TooLarge("a header in it is beyond the limit")
        self._budget.spend(unpacked=len(data))
        return data


class _Entry(tarfile.TarInfo):
    """A header of tar that is not followed by a long one: tarfile reads these as a whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header.

        Raises
        ------
        TooLarge
            It announces a long one.
        """
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _HEADERS and entry.size > MEBIBYTE:
            raise TooLarge("a header in it is beyond the limit")
        return entry


def compression(head: bytes) -> str | None:
    """Name the compression of a file that begins so."""
    return next((name for start, (name, _) in _OPENERS.items() if head.startswith(start)), None)


@contextmanager
def opened(file: Path, budget: Budget) -> Iterator[BinaryIO]:
    """Open a compressed file, or one that is not, for reading what is in it."""
    with file.open("rb") as raw:
        head = raw.read(6)
        raw.seek(0)
        for start, (_, opener) in _OPENERS.items():
            if head.startswith(start):
                with opener(raw) as stream:
                    yield cast(BinaryIO, Bounded(stream, budget))
                return
        yield cast(BinaryIO, Bounded(raw, budget))


def is_tar(head: bytes) -> bool:
    """Tell whether an archive of tar begins so."""
    return head[257:262] == b"ustar"


def tar_members(file: Path, budget: Budget) -> Iterator[Member]:
    """List the members of a tar archive, compressed or not, in their order."""
    with opened(file, budget) as stream:
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK * 128, tarinfo=_Entry) as archive:
                for entry in archive:
                    budget.spend(entries=1)
                    if entry.isreg():
                        yield Member(entry.name, "file", cast(BinaryIO, archive.extractfile(entry)))
                    else:
                        yield Member(entry.name, _kind(entry))
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise Unreadable(f"a damaged archive: {error}") from None


def _kind(entry: tarfile.TarInfo) -> str:
    if entry.isdir():
        return "folder"
    if entry.issym() or entry.islnk():
        return f"{'symbolic' if entry.issym() else 'hard'} link to {entry.linkname}"
    return f"device {entry.type!r} {entry.devmajor}:{entry.devminor}"


def zip_members(file: Path, budget: Budget) -> Iterator[Member]:
    """List the members of a zip archive in their order."""
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            budget.spend(entries=len(entries))
            for entry in entries:
                if entry.is_dir():
                    yield Member(entry.filename, "folder")
                    continue
                if entry.flag_bits & 1:
                    raise Unreadable("a part of it is encrypted")
                with archive.open(entry) as stream:
                    yield Member(entry.filename, "file", cast(BinaryIO, Bounded(stream, budget)))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise Unreadable(f"a damaged archive: {error}") from None


def _check_directory(file: Path) -> None:
    """Check the size of a zip's directory before all of it is read (APPNOTE 4.3.16)."""
    with file.open("rb") as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(0, size - 65_557))
        tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + 22:
        raise NotOfThisKind
    (directory,) = struct.unpack_from("<L", tail, at + 12)
    wide = tail.rfind(b"PK\6\6")
    if directory == 0xFFFFFFFF and 0 <= wide <= len(tail) - 56:
        (directory,) = struct.unpack_from("<Q", tail, wide + 40)
    if directory > _ZIP_DIRECTORY:
        raise TooLarge("it has too many entries")
