"""The zip of an upload: whether it can be unpacked, what is in it, how it is copied without unpacking.

Comes in: the path of a zip. Goes out: an :class:`Archive`, or a :class:`Stumble` that says in which way the real server
would fail. Nothing is ever unpacked to disk; every byte is read once, so that a damaged entry is found as it is there.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

METADATA = ("ro-crate-metadata.json", "ro-crate-metadata.jsonld")
MOST_ENTRIES = 200_000
MOST_BYTES = 32 << 30  # of all entries, unpacked; the real server has no limit, but a disk and a patience
MOST_METADATA = 64 << 20  # bytes
_FAULTS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
    KeyError,
    NotImplementedError,
    struct.error,
)
_CHUNK = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")


class Stumble(Exception):  # noqa: N818 (it is no fault of ours)
    """The crate can't be taken."""

    def __init__(self, kind: str, reason: str = ""):
        super().__init__(reason)
        self.kind = kind  # "extract" | "read" | "crash" | "empty folder" | "too large"
        self.reason = reason


@dataclass(frozen=True, slots=True)
class File:
    """A file in a zip."""

    size: int  # bytes
    identifier: str  # as git would name it: SHA-1 of a blob


@dataclass(frozen=True, slots=True)
class Archive:
    """A zip that can be unpacked."""

    path: Path
    top: str  # folder in the zip that holds the crate, with its slash
    files: Mapping[str, File]  # by path from the crate's root
    folders: frozenset[str]

    def read(self, name: str, most: int) -> bytes:
        """The first bytes of a file, at most so many."""
        with zipfile.ZipFile(self.path) as opened, opened.open(self.top + name) as stream:
            return stream.read(most)


def examine(path: Path) -> Archive:
    """Look through the zip of an upload.

    Raises
    ------
    Stumble
        It is none, is damaged, leads out of its folder, has no metadata, or is larger than is sensible.
    """
    try:
        with zipfile.ZipFile(path) as opened:
            entries = opened.infolist()
            _bounded(entries)
            top = _top([one.filename for one in entries])
            inside = [one for one in entries if one.filename.startswith(top)]
            files = {one.filename.removeprefix(top): _examined(opened, one) for one in inside if not one.is_dir()}
            folders = {one.filename.removeprefix(top).rstrip("/") for one in inside if one.is_dir()}
    except _FAULTS as error:
        raise Stumble("extract", str(error)) from None
    for name in files:
        folder = name
        while folder := folder.rpartition("/")[0]:
            folders.add(folder)
    return Archive(path, top, files, frozenset(folders - {""}))


def _bounded(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MOST_ENTRIES or sum(one.file_size for one in entries) > MOST_BYTES:
        raise Stumble("too large", f"{len(entries):,} entries")
    if any(".." in one.filename.split("/") or one.filename.startswith("/") for one in entries):
        raise Stumble("extract", "a name leads out of the archive")


def _top(names: list[str]) -> str:
    found = [name for name in names if name.rpartition("/")[2] in METADATA]
    if not found:
        raise Stumble("read", "No metadata found!")
    folder = min(found, key=lambda name: name.count("/")).rpartition("/")[0]  # breadth first
    return f"{folder}/" if folder else ""


def _examined(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> File:
    digest = hashlib.sha1(b"blob %d\0" % entry.file_size, usedforsecurity=False)
    with opened.open(entry) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return File(entry.file_size, digest.hexdigest())


def copy(source: Archive, names: Iterator[str], added: Mapping[str, bytes], target: IO[bytes]) -> None:
    """Write a zip of some files of another, which are not unpacked for it, and of some new ones."""
    with (
        source.path.open("rb") as raw,
        zipfile.ZipFile(source.path) as opened,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in names:
            _copied(raw, opened.getinfo(source.top + name), name, made, target)
        for name, content in added.items():
            made.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    target.seek(0, 2)


def _copied(raw: IO[bytes], entry: zipfile.ZipInfo, name: str, made: zipfile.ZipFile, target: IO[bytes]) -> None:
    raw.seek(entry.header_offset)
    header = _LOCAL_HEADER.unpack(raw.read(_LOCAL_HEADER.size))
    raw.seek(header[-2] + header[-1], 1)  # past the name and the extra field
    new = zipfile.ZipInfo(name, entry.date_time)
    new.compress_type, new.external_attr = entry.compress_type, entry.external_attr
    new.CRC, new.compress_size, new.file_size = entry.CRC, entry.compress_size, entry.file_size
    target.seek(made.start_dir)
    new.header_offset = target.tell()
    target.write(new.FileHeader())
    left = entry.compress_size
    while left:
        chunk = raw.read(min(_CHUNK, left))
        if not chunk:
            raise zipfile.BadZipFile(f"{name} ends too early")
        target.write(chunk)
        left -= len(chunk)
    made.start_dir = target.tell()
    made.filelist.append(new)
    made.NameToInfo[new.filename] = new
    made._didModify = True  # type: ignore[attr-defined]  # zipfile has no public way to take an entry as it is


def chunks(archive: Archive, name: str) -> Iterator[bytes]:
    """The content of a file, piece by piece."""
    with zipfile.ZipFile(archive.path) as opened, opened.open(archive.top + name) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
