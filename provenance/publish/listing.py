"""The files of a crate, a folder or a zip, as they can be sent: names, sizes, and what a zip can't hold.

Comes in: a path. Goes out: a :class:`Listing`, or a :class:`BrokenError` with the finding that says why there is none.
Symbolic links are followed to files within the crate; what leads out of it could give away anything, and links to
folders are nothing that a zip has, so that both are findings.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provenance.crate.source import MAX_METADATA, ZIP_FAULTS
from provenance.errors import CrateError
from provenance.publish.records import Finding, Weight

METADATA = "ro-crate-metadata.json"
OLD_METADATA = "ro-crate-metadata.jsonld"  # of RO-Crate 1.0
_MOST_ENTRIES = 1_000_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # that SEEK's zip library reads


class BrokenError(Exception):
    """The crate can't be looked at any further; carries the finding that says why."""

    def __init__(self, point: int, message: str, mend: str, entity: str | None = None):
        super().__init__(message)
        self.finding = Finding(point, Weight.ERROR, message, mend, entity)


@dataclass(frozen=True, slots=True)
class Listing:
    """The files and folders of a crate, by their paths from its root."""

    files: dict[str, int]  # path -> bytes; the metadata are among them
    folders: frozenset[str]
    top: str = ""  # folder within a zip that holds the crate, with its slash
    raw: bytes = b""  # the metadata


def list_crate(path: Path) -> Listing:
    """List the files of a crate and read its metadata.

    Raises
    ------
    CrateError
        There is nothing at `path`.
    BrokenError
        There is something, but no crate that could be sent.
    """
    return _in_folder(path) if is_folder(path) else _in_zip(path)


def is_folder(path: Path) -> bool:
    """Whether a crate is a folder, and not a file.

    Raises
    ------
    CrateError
        There is nothing at `path`, or neither.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        raise CrateError(f"{path}: {why}; give a crate's folder or zip") from None
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise CrateError(f"{path} is neither a folder nor a zip; give a crate's folder or zip")
    return stat.S_ISDIR(mode)


def _in_folder(path: Path) -> Listing:
    base = os.path.realpath(path)
    files: dict[str, int] = {}
    folders: set[str] = set()
    try:
        for folder, inner, names in os.walk(base, onerror=_refuse):
            inner.sort()
            prefix = os.path.relpath(folder, base) + "/" if folder != base else ""
            for name in inner:
                folders.add(_sendable(prefix + name))
                if os.path.islink(os.path.join(folder, name)):
                    mend = "put the folder itself there, or take the link out"
                    raise BrokenError(1, "a link to a folder, which a zip can't hold", mend, prefix + name)
            for name in sorted(names):
                if (size := _size(base, prefix + name)) is not None:
                    files[_sendable(prefix + name)] = size
    except OSError as error:
        raise BrokenError(1, f"{error.filename}: {error.strerror}", "make the whole crate readable") from None
    _check_names(files, METADATA)
    return Listing(files, frozenset(folders), "", _limited(path / METADATA))


def _refuse(error: OSError) -> None:
    raise error


def _size(base: str, name: str) -> int | None:
    """Bytes of a file; None for what is none, such as a socket, which no zip could hold."""
    path = os.path.join(base, name)
    if os.path.islink(path):
        target = os.path.realpath(path)
        if not target.startswith(f"{base.rstrip('/')}/"):
            mend = "put the file itself there, or take the link out"
            raise BrokenError(1, f"a link that leads out of the crate, to {target}", mend, name)
        if not os.path.exists(target):
            raise BrokenError(1, "a link that leads nowhere", "take it out", name)
    status = os.stat(path)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _sendable(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        mend = "rename it, in the metadata too"
        raise BrokenError(1, "its name is not UTF-8, which a zip can't hold", mend, name) from None
    return name


def _check_names(files: dict[str, int], metadata: str) -> None:
    if metadata not in files:
        raise BrokenError(1, f"there is no {METADATA} at the root of the crate", "publish the folder that holds it")
    if files[metadata] > MAX_METADATA:
        raise BrokenError(1, f"{METADATA} is larger than 1 GiB", "that is no crate's metadata")
    if OLD_METADATA in files:
        mend = "take the old one out"
        raise BrokenError(1, f"there are two metadata files, {METADATA} and {OLD_METADATA}", mend, OLD_METADATA)


def _limited(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_METADATA)
    except OSError as error:
        raise BrokenError(1, f"{METADATA} can't be read: {error.strerror}", "make it readable") from None


def _in_zip(path: Path) -> Listing:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            top = _top(entries)
            inside = [entry for entry in entries if entry.filename.startswith(top)]
            for entry in inside:
                _check_entry(entry)
            files = {entry.filename.removeprefix(top): entry.file_size for entry in inside if not entry.is_dir()}
            _check_names(files, METADATA)
            with archive.open(top + METADATA) as stream:
                raw = stream.read(MAX_METADATA)
    except (KeyError, *ZIP_FAULTS) as error:
        mend = "give a crate's folder, or zip it again"
        raise BrokenError(1, f"it can't be read as a zip: {error}", mend) from None
    folders = {entry.filename.removeprefix(top).rstrip("/") for entry in inside if entry.is_dir()} - {""}
    return Listing(files, frozenset({*folders, *_parents(files)}), top, raw)


def _top(entries: list[zipfile.ZipInfo]) -> str:
    """Find the folder in a zip that holds the crate: that of the metadata file nearest to the root."""
    if not entries:
        raise BrokenError(1, "the zip is empty", "zip the crate's folder again")
    if len(entries) > _MOST_ENTRIES:
        raise BrokenError(1, f"the zip has {len(entries):,} entries", "pack the data by reference (--data reference)")
    for entry in entries:
        if ".." in entry.filename.split("/") or entry.filename.startswith("/"):
            raise BrokenError(1, "a name in the zip leads out of it", "zip the crate's folder again", entry.filename)
    found = [e.filename for e in entries if e.filename.rpartition("/")[2] in (METADATA, OLD_METADATA)]
    nearest = min((name.count("/") for name in found), default=0)
    found = [name for name in found if name.count("/") == nearest]
    if len(found) > 1:
        mend = "zip one crate, with one metadata file"
        raise BrokenError(1, f"the zip has several metadata files: {found[0]} and {found[1]}", mend, found[1])
    if not found or not found[0].endswith(METADATA):
        raise BrokenError(1, f"there is no {METADATA} in the zip", "zip the folder that holds it")
    return found[0].removesuffix(METADATA)


def _check_entry(entry: zipfile.ZipInfo) -> None:
    """Find what a registry could not unpack."""
    if entry.flag_bits & 1:
        raise BrokenError(1, "it is encrypted in the zip", "zip the crate without a password", entry.filename)
    if stat.S_ISLNK(entry.external_attr >> 16):
        mend = "zip the crate's folder again, with the files themselves"
        raise BrokenError(1, "it is a link in the zip, which registries leave out", mend, entry.filename)
    if entry.compress_type not in _METHODS:
        mend = "zip it again with an ordinary zip program"
        raise BrokenError(1, "it is compressed in a way that registries do not read", mend, entry.filename)


def _parents(files: dict[str, int]) -> Iterator[str]:
    for name in files:
        while name := name.rpartition("/")[0]:
            yield name
