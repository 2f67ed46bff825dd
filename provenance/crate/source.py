"""Where a crate lies: a folder, a zip (with or without a top folder) or a bare metadata file.

Comes in: a path. Goes out: the metadata as a dictionary, and what is known of the payload: whether the file that an
identifier names is there, and its size. Nothing is unpacked and nothing outside of the crate is looked at.
"""

from __future__ import annotations

import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from provenance.errors import CrateError

METADATA_NAMES = ("ro-crate-metadata.json", "ro-crate-metadata.jsonld")  # the second: RO-Crate 1.0
MAX_METADATA = 1 << 30  # bytes; 300,000 entities take about 80 MB, so more than this is an attack or a mistake


_NOT_PLAIN = re.compile(r"(?:^|/)\.{0,2}(?:/|\Z)|\0")  # empty parts, "." and "..", and NUL


class Payload:
    """The files beside the metadata. This one knows nothing: a bare metadata file was given."""

    is_known = False

    def find(self, identifier: str) -> tuple[int | None, bool, str | None] | None:
        """Size in bytes (None for folders), whether it is a folder, and the path to read it from, if any.

        None when the crate has no such file. ``identifier`` is relative, percent-encoded or not.
        """
        return None

    def text(self, identifier: str, limit: int = 65536) -> str | None:
        """Read the beginning of a small text file of the crate; None when it is not there."""
        return None


class FolderPayload(Payload):
    """The files of an unpacked crate."""

    is_known = True

    def __init__(self, folder: Path):
        self._folder = os.path.realpath(folder)
        self._inside: dict[str, bool] = {}  # parent folder -> does it really lie in the crate

    def find(self, identifier: str) -> tuple[int | None, bool, str | None] | None:
        """See :meth:`Payload.find`; a link that leads out of the crate counts as missing."""
        for relative in relative_paths(identifier):
            path = f"{self._folder}/{relative}"
            try:
                status = os.lstat(path)
                if stat.S_ISLNK(status.st_mode):
                    if not self._is_inside(os.path.realpath(path)):
                        continue
                    status = Path(path).stat()
            except (OSError, ValueError):
                continue
            if not self._is_inside(path.rpartition("/")[0]):
                continue
            if stat.S_ISDIR(status.st_mode):
                return None, True, path
            return status.st_size, False, path
        return None

    def _is_inside(self, path: str) -> bool:
        known = self._inside.get(path)
        if known is None:
            real = os.path.realpath(path)
            known = real == self._folder or real.startswith(self._folder.rstrip("/") + "/")
            self._inside[path] = known
        return known

    def text(self, identifier: str, limit: int = 65536) -> str | None:
        """See :meth:`Payload.text`."""
        found = self.find(identifier)
        if found is None or found[1] or found[2] is None:
            return None
        try:
            with Path(found[2]).open("rb") as file:
                return file.read(limit).decode("utf-8", "replace")
        except OSError:
            return None


class ZipPayload(Payload):
    """The files of a zipped crate; they can't be read in place, so none has a path."""

    is_known = True

    def __init__(self, archive: Path, top: str, sizes: dict[str, int]):
        self._archive = archive
        self._top = top
        self._sizes = sizes
        self._folders = {name[: i + 1] for name in sizes for i, c in enumerate(name) if c == "/"}

    def members(self) -> Iterator[tuple[str, int]]:
        """Names relative to the crate's root and sizes of all files; folders end with a slash."""
        for name, size in self._sizes.items():
            if name.startswith(self._top) and name != self._top:
                yield name[len(self._top) :], size

    def entry(self, name: str) -> str:
        """Give the name in the zip of a path relative to the crate's root."""
        return self._top + name

    def find(self, identifier: str) -> tuple[int | None, bool, str | None] | None:
        """See :meth:`Payload.find`."""
        for relative in relative_paths(identifier):
            name = self._top + relative
            if name in self._sizes and not name.endswith("/"):
                return self._sizes[name], False, None
            if name.rstrip("/") + "/" in self._folders:
                return None, True, None
        return None

    def text(self, identifier: str, limit: int = 65536) -> str | None:
        """See :meth:`Payload.text`."""
        for relative in relative_paths(identifier):
            try:
                with (
                    zipfile.ZipFile(self._archive) as archive,
                    archive.open(self._top + relative) as file,
                ):
                    return file.read(limit).decode("utf-8", "replace")
            except (KeyError, *ZIP_FAULTS):
                continue
        return None


ZIP_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    RuntimeError,
    NotImplementedError,
    EOFError,
    ValueError,
)


def relative_paths(identifier: str) -> list[str]:
    """Give the paths within the crate that a relative identifier may mean: decoded first, then as it stands.

    Empty for absolute paths and for paths that climb out of the crate.
    """
    names = []
    if "%" in identifier:
        names.append(os.fsdecode(unquote_to_bytes(identifier.encode("utf-8", "surrogateescape"))))
    names.append(identifier)
    found = []
    for name in names:
        if not _NOT_PLAIN.search(name):
            found.append(name)
            continue
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if parts and ".." not in parts and not name.startswith("/") and "\0" not in name:
            found.append("/".join(parts))
    return found


def open_crate(path: Path) -> tuple[dict[str, Any], Payload]:
    """Read the metadata of the crate at ``path`` and find out about its payload.

    Raises
    ------
    CrateError
        No such file, no metadata in it, not a zip, not JSON, not an object.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise CrateError(f"{path}: {_reason(error)}; give a crate's folder, zip or metadata file") from None
    if stat.S_ISDIR(mode):
        metadata = _metadata_file(path)
        return parse(_read(metadata), metadata), FolderPayload(path)
    if not stat.S_ISREG(mode):
        raise CrateError(f"{path} is neither a folder nor a file; give a crate's folder, zip or metadata file")
    with _opened(path) as file:
        magic = file.read(4)
    if path.suffix.lower() == ".zip" or magic in (b"PK\x03\x04", b"PK\x05\x06"):
        return _open_zip(path)
    return parse(_read(path), path), Payload()


def _metadata_file(folder: Path) -> Path:
    for name in METADATA_NAMES:
        if (folder / name).is_file():
            return folder / name
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise CrateError(f"{folder} can't be listed: {_reason(error)}") from None
    inside = [name for name in names if any((folder / name / known).is_file() for known in METADATA_NAMES)]
    hint = f"; a crate lies in {', '.join(inside[:3])}" if inside else "; give the folder that holds the file"
    raise CrateError(f"{folder} has no {METADATA_NAMES[0]}, only {_listing(names)}{hint}")


def _open_zip(path: Path) -> tuple[dict[str, Any], Payload]:
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            found = sorted(
                (name for name in sizes if name.rpartition("/")[2] in METADATA_NAMES),
                key=lambda name: (name.count("/"), name),
            )
            if not found:
                raise CrateError(
                    f"{path} has no {METADATA_NAMES[0]}, only {_listing(sorted(sizes))}; "
                    "it may not be a crate, or it was zipped without its metadata"
                )
            if sizes[found[0]] > MAX_METADATA:
                raise CrateError(f"{path}: {found[0]} is larger than 1 GiB unpacked; that is no crate's metadata")
            with archive.open(found[0]) as file:
                raw = file.read(MAX_METADATA)
    except ZIP_FAULTS as error:
        raise CrateError(f"{path} can't be read as a zip: {_reason(error)}; download or copy it again") from None
    return parse(raw, f"{path}: {found[0]}"), ZipPayload(
        path, found[0].rpartition("/")[0] + "/" * ("/" in found[0]), sizes
    )


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise CrateError(f"{path} can't be read: {_reason(error)}") from None


def _read(path: Path) -> bytes:
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_METADATA:
            raise CrateError(f"{path} is larger than 1 GiB; that is no crate's metadata")
        return bytes(file.read())


def parse(raw: bytes, where: object) -> dict[str, Any]:
    """Parse the bytes of a metadata file; ``where`` names it in errors."""
    try:
        document = json.loads(raw.decode(json.detect_encoding(raw)))
    except json.JSONDecodeError as error:
        raise CrateError(
            f"{where} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}; "
            "mend the file there or get the crate again"
        ) from None
    except UnicodeDecodeError as error:
        raise CrateError(f"{where} is not UTF-8 text (byte {error.start}); get the crate again") from None
    except RecursionError:
        raise CrateError(f"{where} is nested too deeply to be a crate's metadata") from None
    except ValueError as error:
        raise CrateError(f"{where} is not valid JSON: {error}") from None
    if not isinstance(document, dict) or "@graph" not in document:
        raise CrateError(
            f'{where} has no "@graph", so it is no RO-Crate metadata in flattened JSON-LD; '
            "give the crate's ro-crate-metadata.json"
        )
    return document


def _listing(names: list[str]) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
