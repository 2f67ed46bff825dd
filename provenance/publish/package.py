"""The zip that is sent to a registry.

Comes in: a crate that passed the pre-flight. Goes out: a :class:`~provenance.publish.records.Package`: a zip of the
folder, with the mended metadata, or the user's own zip when there was nothing to change. Memory stays constant
whatever the size; the user's files are only read. The zip has no name in any folder, so that nothing stays behind
however the process ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from provenance.crate.source import ZIP_FAULTS
from provenance.errors import CrateError, OutputError
from provenance.publish.listing import METADATA, BrokenError, Listing, list_crate
from provenance.publish.records import Advance, Package, Preflight

_CHUNK = 1 << 20
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can hold
_COMPRESSED = (".gz", ".zip", ".png", ".jpg", ".jpeg", ".xz", ".bz2", ".zst", ".npz", ".parquet", ".h5", ".sif")


@contextmanager
def pack(preflight: Preflight, advance: Advance | None = None, folder: Path | None = None) -> Iterator[Package]:
    """Make the zip that is sent, for as long as the context lasts.

    Parameters
    ----------
    advance
        Told how many bytes of the crate's files were read.
    folder
        Where the zip is put; by default where :func:`room` says.

    Raises
    ------
    CrateError
        A file changed or vanished meanwhile.
    OutputError
        There is no room for the zip.
    """
    listing = _listed(preflight)
    told = advance or (lambda _: None)
    if preflight.crate.is_file() and preflight.mended is None and not preflight.added:
        with _opened(preflight.crate) as stream:
            yield _as_it_is(stream, listing, preflight, told)
        return
    try:
        target = tempfile.TemporaryFile(dir=folder or room(preflight.crate))  # noqa: SIM115 (closed below)
    except OSError as error:
        raise _no_room(folder or room(preflight.crate), error) from None
    with target:
        yield _written(target, listing, preflight, told)


def digests(preflight: Preflight, advance: Advance | None = None) -> dict[str, str]:
    """Return path -> SHA-256 of what would be sent, without the metadata; raises as :func:`pack`."""
    listing, told = _listed(preflight), advance or (lambda _: None)
    found = {name: _digest(chunks, told) for name, chunks in _payload(preflight.crate, listing)}
    return found | {name: hashlib.sha256(content).hexdigest() for name, content in preflight.added.items()}


def room(crate: Path) -> str | None:
    """Where large temporary files go: beside the crate, since that place holds it; else where the system has them."""
    beside = Path(os.path.abspath(crate)).parent
    return os.fspath(beside) if os.access(beside, os.W_OK | os.X_OK) else None


def _listed(preflight: Preflight) -> Listing:
    try:
        listing = list_crate(preflight.crate)
    except BrokenError as broken:
        raise _changed(preflight.crate, str(broken)) from None
    if hashlib.sha256(listing.raw).hexdigest() != preflight.metadata_sha256:
        raise _changed(preflight.crate, f"its {METADATA} is another one now")
    return listing


def _changed(crate: Path, why: str) -> CrateError:
    return CrateError(f"{crate} changed since it was looked at ({why}); publish when nobody writes to the crate")


def _no_room(folder: str | Path | None, error: OSError) -> OutputError:
    place = folder or tempfile.gettempdir()
    return OutputError(
        f"the zip to send can't be written to {place}: {error.strerror}; make room there, or zip the crate elsewhere "
        "and publish the zip"
    )


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise CrateError(f"{path} can't be read: {error.strerror}; publish again") from None


def _as_it_is(stream: IO[bytes], listing: Listing, preflight: Preflight, advance: Advance) -> Package:
    found = {name: _digest(chunks, advance) for name, chunks in _payload(preflight.crate, listing)}
    size, sha256 = _measured(stream)
    return Package(stream, _name(preflight.crate), size, sha256, found, is_temporary=False)


def _written(target: IO[bytes], listing: Listing, preflight: Preflight, advance: Advance) -> Package:
    found: dict[str, str] = {}
    content = listing.raw
    if preflight.mended is not None:
        content = json.dumps(preflight.mended, ensure_ascii=False, indent=1).encode("utf-8")
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            archive.writestr(_entry(METADATA), content)
            for name, chunks in _payload(preflight.crate, listing):
                found[name] = _copy(archive, name, chunks, advance)
            for name, added in preflight.added.items():
                archive.writestr(_entry(name), added)
                found[name] = hashlib.sha256(added).hexdigest()
        size, sha256 = _measured(target)
    except OSError as error:
        raise _no_room(room(preflight.crate), error) from None
    return Package(target, _name(preflight.crate), size, sha256, found)


def _measured(stream: IO[bytes]) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file, which is at its beginning afterwards."""
    found, size = hashlib.sha256(), 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        found.update(chunk)
        size += len(chunk)
    stream.seek(0)
    return size, found.hexdigest()


def _digest(chunks: Iterator[bytes], advance: Advance) -> str:
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
        advance(len(chunk))
    return found.hexdigest()


def _copy(archive: zipfile.ZipFile, name: str, chunks: Iterator[bytes], advance: Advance) -> str:
    found = hashlib.sha256()
    with archive.open(_entry(name), "w", force_zip64=True) as out:
        for chunk in chunks:
            found.update(chunk)
            out.write(chunk)
            advance(len(chunk))
    return found.hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    now = time.gmtime()[:6]
    entry = zipfile.ZipInfo(name, max(now, _EARLIEST))
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.compress_type = zipfile.ZIP_STORED if name.lower().endswith(_COMPRESSED) else zipfile.ZIP_DEFLATED
    return entry


def _payload(crate: Path, listing: Listing) -> Iterator[tuple[str, Iterator[bytes]]]:
    """The files of a crate but its metadata, each with its content in pieces."""
    names = [name for name in listing.files if name != METADATA]
    if crate.is_dir():
        for name in names:
            yield name, _from_disk(crate / name, listing.files[name])
        return
    try:
        with zipfile.ZipFile(crate) as archive:
            for name in names:
                yield name, _from_zip(crate, archive, listing.top + name)
    except (KeyError, *ZIP_FAULTS) as error:
        raise _unreadable(crate, error) from None


def _from_zip(crate: Path, archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    try:
        with archive.open(name) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (KeyError, *ZIP_FAULTS) as error:
        raise _unreadable(crate, error, name) from None


def _unreadable(crate: Path, error: Exception, name: str = "") -> CrateError:
    where = f"{name} in {crate}" if name else str(crate)
    return CrateError(f"{where} can't be read: {error}; zip the crate again")


def _from_disk(path: Path, size: int) -> Iterator[bytes]:
    read = 0
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                read += len(chunk)
                yield chunk
    except OSError as error:
        raise CrateError(
            f"{path} can't be read: {error.strerror}; the crate must not change while it is sent"
        ) from None
    if read != size:
        raise CrateError(f"{path} changed while it was read; publish again when nobody writes to the crate")


def _name(crate: Path) -> str:
    """Name the upload: SEEK asks for the ending ``.crate.zip``."""
    stem = os.path.basename(os.path.abspath(crate)).removesuffix(".zip").removesuffix(".crate").removesuffix("-crate")
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "_.-") else "-" for char in stem)
    return f"{plain.strip('-.')[:80] or 'workflow'}.crate.zip"
