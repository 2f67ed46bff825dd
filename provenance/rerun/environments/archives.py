"""Image files that a crate carries, below ``environment/images/``: which container each is of.

Comes in: the crate's folder, a container of the record. Goes out: the file, and the id of the image in it. An archive
is only listed; nothing is unpacked.
"""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.crate.image_files import IMAGES
from provenance.crate.source import FolderPayload
from provenance.environment.containers import names as container_names
from provenance.run.model import Container

_MOST_FILES = 100  # in the folder that are looked at
_MOST_MEMBERS = 10_000  # of an archive
_LONGEST = 4 << 20  # bytes of a manifest
_CONFIGURATION = re.compile(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?\Z")


@dataclass(frozen=True, slots=True)
class ImageArchive:
    """An archive that engines load an image from."""

    path: Path
    image_id: str  # hex digest of the configuration
    tags: tuple[str, ...]  # names that loading it gives the image


def archive_of(container: Container, crate: Path) -> ImageArchive | None:
    """Find the archive of an image that an engine had; None when the crate carries none."""
    for path in _files(crate):
        if path.suffix != ".tar":
            continue
        found = _read(path)
        if found is not None and _is_of(found, container):
            return found
    return None


def file_of(container: Container, crate: Path) -> Path | None:
    """Find the image file (SIF, SquashFS) of a container by its size and name; None when the crate carries none."""
    wanted = (container.path or container.image).rpartition("/")[2]
    for path in _files(crate):
        is_named = path.name == wanted
        if path.suffix != ".tar" and (is_named if container.size is None else path.stat().st_size == container.size):
            return path
    return None


def _files(crate: Path) -> list[Path]:
    found = FolderPayload(crate).find(IMAGES)
    if found is None or not found[1] or found[2] is None:
        return []
    listed = sorted(Path(found[2]).iterdir())[:_MOST_FILES]
    return [path for path in listed if path.is_file() and not path.is_symlink()]


def _is_of(archive: ImageArchive, container: Container) -> bool:
    if container.image_id is not None:
        return archive.image_id == container.image_id
    wanted = container_names.parse(container.image, None)
    names = [name for tag in archive.tags if (name := container_names.parse(tag)) is not None]
    return wanted is not None and any(
        (name.name, name.tag) == (wanted.name, wanted.tag or container.tag) for name in names
    )


def _read(path: Path) -> ImageArchive | None:
    """Read the manifest of an archive as ``docker save`` and ``podman save`` write it."""
    try:
        with tarfile.open(path, "r:") as archive:
            for count, member in enumerate(archive):
                if count > _MOST_MEMBERS:
                    return None
                if member.name == "manifest.json" and member.isfile() and member.size <= _LONGEST:
                    file = archive.extractfile(member)
                    return _manifest(path, json.loads(file.read(_LONGEST))) if file else None
    except (OSError, ValueError, ArithmeticError, EOFError, tarfile.TarError, RecursionError):
        return None
    return None


def _manifest(path: Path, content: Any) -> ImageArchive | None:
    # An archive of several images would bring more than was asked for.
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        return None
    found = _CONFIGURATION.match(str(content[0].get("Config")))
    tags = content[0].get("RepoTags") or []
    if found is None or not isinstance(tags, list):
        return None
    known = [str(tag) for tag in tags if container_names.parse(str(tag)) is not None and str(tag)[:1] != "-"]
    return ImageArchive(path, found[1], tuple(known))
