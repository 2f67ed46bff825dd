"""The entries of a zip before anything is unpacked: what each is, where it would lie, and why the zip is refused.

Comes in: a zip file. Goes out: :class:`Entry` values with clean relative paths, or a
:class:`~provenance.errors.CrateError` that names the entry and the reason. Nothing is believed here that is not held
against the bytes again when they are unpacked (:mod:`.unpacking`).
"""

from __future__ import annotations

import calendar
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, NoReturn

from provenance.errors import CrateError

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_UNIX = 3  # the system that an entry was made on
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")
_COMMENT = 1 << 16  # bytes that the comment at the end may have
_TIMES = 0x5455  # extra field: seconds since the epoch
_DIRECTORY_ENTRY = 4096  # bytes of the zip's directory for each entry that is allowed
_DEEPEST = 200  # folders in one another
_LONGEST = 3000  # bytes of a path; 4096 with the folder around it is what Linux takes
_DRIVE = re.compile(r"[A-Za-z]:([/\\]|$)")


class Kind(Enum):
    """What an entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a zip."""

    info: zipfile.ZipInfo
    path: str  # relative, "/" between its parts, no "." and ".." among them
    kind: Kind
    is_executable: bool
    modified: int | None  # seconds since the epoch; as if the zip's clock were UTC, where it tells no zone

    @property
    def name(self) -> str:
        """As it is told in messages: nothing in it can command a terminal or feign a line."""
        return repr(self.path)


def directory_size(file: IO[bytes]) -> tuple[int, int]:
    """Read at the end of a zip how many entries it says to have, and the bytes of its directory.

    :mod:`zipfile` reads the whole directory into memory before one can ask.
    """
    file.seek(0, 2)
    end = file.tell()
    start = max(0, end - _END.size - _COMMENT)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise zipfile.BadZipFile("it has no directory at its end")
    _, _, _, _, entries, size, _, _ = _END.unpack_from(tail, at)
    if entries == 0xFFFF or size == 0xFFFFFFFF:
        file.seek(max(0, start + at - _LOCATOR.size))
        located = file.read(_LOCATOR.size)
        if len(located) == _LOCATOR.size and located[:4] == b"PK\x06\x07":
            file.seek(max(0, start + at - _LOCATOR.size - _END64.size))
            found = file.read(_END64.size)
            if len(found) == _END64.size and found[:4] == b"PK\x06\x06":
                _, _, _, _, _, _, _, entries, size, _ = _END64.unpack(found)
    return entries, size


def check_directory(path: Path, file: IO[bytes], most: int) -> None:
    """Refuse a zip whose directory is larger than ``most`` entries can make it."""
    entries, size = directory_size(file)
    if entries > most or size > most * _DIRECTORY_ENTRY + _COMMENT:
        raise CrateError(f"{path} has {entries:,} entries or more, the limit is {most:,}; see --max-files")


def entries_of(path: Path, archive: zipfile.ZipFile) -> list[Entry]:
    """Understand all entries of a zip.

    Raises
    ------
    CrateError
        A path leads out of the crate, an entry is encrypted, is neither file, folder nor link, or overlaps another.
    """
    found = [_entry(path, info) for info in archive.infolist()]
    _refuse_overlaps(path, archive)
    return found


def _entry(path: Path, info: zipfile.ZipInfo) -> Entry:
    name = _decoded(info)
    shown = repr(name)
    if info.flag_bits & _ENCRYPTED:
        _refuse(path, shown, "is encrypted; ask its authors for one that is not")
    if info.compress_type not in _METHODS:
        _refuse(path, shown, f"is compressed in a way that is not understood (method {info.compress_type})")
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        _refuse(path, shown, "tells two different sizes")
    mode = info.external_attr >> 16
    is_folder = name.endswith("/") or (stat.S_IFMT(mode) == stat.S_IFDIR and info.file_size == 0)
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        _refuse(path, shown, "is a special file (a device, a pipe or a socket)")
    if is_folder and info.file_size:
        _refuse(path, shown, "is a folder and has content of its own")
    kind = Kind.FOLDER if is_folder else Kind.LINK if stat.S_ISLNK(mode) else Kind.FILE
    if kind is Kind.FILE and stat.S_ISDIR(mode):
        _refuse(path, shown, "is a folder and has content of its own")
    return Entry(info, _clean(path, name, info), kind, bool(mode & 0o111) and kind is Kind.FILE, _modified(info))


def _decoded(info: zipfile.ZipInfo) -> str:
    """The name: UTF-8 where it says so or is so, else the very bytes, else that of DOS."""
    if info.flag_bits & _UTF8 or info.filename != info.orig_filename:
        return info.filename if "\0" not in info.orig_filename else info.orig_filename
    raw = info.orig_filename.encode("cp437")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        is_unix = info.create_system == _UNIX
        return raw.decode("utf-8", "surrogateescape") if is_unix else info.orig_filename


def _clean(path: Path, name: str, info: zipfile.ZipInfo) -> str:
    shown = repr(name)
    if not name or "\0" in name:
        _refuse(path, shown, "has no name that a file can have")
    if name[0] in "/\\" or _DRIVE.match(name):
        _refuse(path, shown, "has an absolute path and would lie outside of the crate")
    if ".." in re.split(r"[/\\]", name):
        _refuse(path, shown, "leads out of the crate with '..'")
    if "\\" in name and info.create_system != _UNIX:
        _refuse(path, shown, "has backslashes in its path; ask its authors for a zip with '/' in them")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts):
        _refuse(path, shown[:80] + "...'", "has a name that is longer than 255 bytes")
    if len(parts) > _DEEPEST or len(name.encode("utf-8", "surrogatepass")) > _LONGEST:
        _refuse(
            path, shown[:80] + "...'", f"lies deeper than {_DEEPEST} folders, or has a path of over {_LONGEST} bytes"
        )
    return "/".join(parts)


def _modified(info: zipfile.ZipInfo) -> int | None:
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _TIMES and size >= 5 and len(extra) >= 9 and extra[4] & 1:
            return int(struct.unpack_from("<l", extra, 5)[0])
        extra = extra[4 + size :]
    try:
        seconds = calendar.timegm((*info.date_time, 0, 0, 0))
    except (ValueError, OverflowError):
        return None
    return seconds if 1 <= info.date_time[1] <= 12 else None


def _refuse_overlaps(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse entries that share bytes: the way in which small zips become endless ones."""
    file = archive.fp
    if file is None:
        return
    ordered = sorted(archive.infolist(), key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in ordered[1:]), archive.start_dir]
    for info, end in zip(ordered, ends, strict=True):
        file.seek(info.header_offset)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            _refuse(path, repr(info.filename), "is not where the zip's directory says; download it again")
        *_, name, extra = _LOCAL.unpack(header)
        if info.header_offset + _LOCAL.size + name + extra + info.compress_size > end:
            _refuse(path, repr(info.filename), "overlaps another entry")


def refuse_clashes(path: object, entries: Iterable[tuple[str, bool]], allows_similar: bool) -> None:
    """Refuse two files at one path, also where only some file systems take the names for the same.

    Parameters
    ----------
    path
        What they are part of, for messages.
    entries
        Relative path of each, and whether it is a folder; a folder may be told more than once.
    allows_similar
        Let names pass that differ in case or in the form of their accents alone.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name, is_folder in entries:
        if is_folder:
            _note_folders(path, name, folders, allows_similar)
            continue
        key = _key(name, allows_similar)
        if key in files:
            _refuse_pair(path, files[key], name)
        files[key] = name
        _note_folders(path, name.rpartition("/")[0], folders, allows_similar)
    for key in files.keys() & folders.keys():
        raise CrateError(
            f"{path} is not unpacked: {files[key]!r} is a file and {folders[key]!r} is a folder, which is one path; "
            "ask its authors for a sound one"
        )


def _note_folders(path: object, folder: str, folders: dict[str, str], allows_similar: bool) -> None:
    while folder:
        known = folders.setdefault(_key(folder, allows_similar), folder)
        if known is folder:
            folder = folder.rpartition("/")[0]
        elif known == folder:
            return
        else:
            _refuse_pair(path, known, folder)


def _key(name: str, allows_similar: bool) -> str:
    if allows_similar or (name.isascii() and name.islower()):
        return name
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _refuse_pair(path: object, one: str, other: str) -> NoReturn:
    if one == other:
        raise CrateError(f"{path} is not unpacked: it has {one!r} twice; ask its authors for a sound one")
    raise CrateError(
        f"{path} is not unpacked: {one!r} and {other!r} are one path where file systems don't tell case or the form of "
        "accents apart; see --similar-names"
    )


def _refuse(path: Path, shown: str, reason: str) -> NoReturn:
    raise CrateError(f"{path} is not unpacked: its entry {shown} {reason}")


def top_folder(path: Path, entries: Sequence[Entry], names: Sequence[str]) -> str:
    """The folder in the zip that holds the crate, with a slash at its end; empty when that is the zip's own top.

    Parameters
    ----------
    names
        That the metadata file may have.
    """
    tops = sorted(
        {entry.path.rpartition("/")[0] for entry in entries if entry.path.rpartition("/")[2] in names},
        key=lambda top: (top.count("/") + bool(top), top),
    )
    if not tops:
        shown = ", ".join(entry.name for entry in entries[:5]) or "nothing"
        raise CrateError(f"{path} has no {names[0]}, only {shown}; it is no crate")
    level = tops[0].count("/") + bool(tops[0])
    beside = [top for top in tops if top.count("/") + bool(top) == level]
    if len(beside) > 1:
        raise CrateError(
            f"{path} holds more than one crate ({', '.join(map(repr, beside[:5]))}); unpack it, and give one of them"
        )
    return f"{tops[0]}/" if tops[0] else ""
