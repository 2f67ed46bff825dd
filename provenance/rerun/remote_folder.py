"""Downloads a crate whose files lie one by one on a server, not in a zip.

Comes in: the address of the metadata, or a list of files. Goes out: a folder that has them all, or is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from provenance.crate.source import METADATA_NAMES, parse, relative_paths
from provenance.errors import CrateError, OutputError, ServerError
from provenance.rerun.download import Wanted, download
from provenance.rerun.talk import Talk
from provenance.rerun.unpacking import Limits, appearing
from provenance.rerun.zip_entries import refuse_clashes
from provenance.web.client import Client

_MOST_METADATA = 256 << 20  # bytes
_FILES, _FOLDERS = {"File", "MediaObject"}, {"Dataset"}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a server."""

    name: str  # path below the crate's root
    url: str
    size: int | None = None  # bytes
    digests: Mapping[str, str] = field(default_factory=dict)  # name as hashlib has it -> hexadecimal


def looks_like_metadata(url: str, kind: str) -> bool:
    """Whether an address is that of a crate's metadata file."""
    return urlsplit(url).path.rpartition("/")[2] in METADATA_NAMES or kind == "application/ld+json"


def fetch_listed(files: Sequence[RemoteFile], target: Path, client: Client, limits: Limits, talk: Talk) -> None:
    """Download files into a new folder.

    Raises
    ------
    CrateError
        A name leads out of the folder, two are one, or there is more than the limits allow.
    """
    with _made(target) as folder:
        _fetch(files, folder, client, limits, talk, may_lack=False)


def fetch_website(url: str, target: Path, client: Client, limits: Limits, talk: Talk) -> None:
    """Download a metadata file and all files that it names below its own address; what is not there is left out.

    Raises
    ------
    CrateError
        It is no crate's metadata.
    """
    with _made(target) as folder:
        metadata = folder / METADATA_NAMES[0]
        download(Wanted(url, limit=min(_MOST_METADATA, limits.size)), metadata, client, talk)
        document = parse(metadata.read_bytes(), url)
        base = url.partition("?")[0].rpartition("/")[0]
        files, folders = _named(document, base)
        talk.say(f"{url} names {len(files)} files beside it, which are downloaded one by one")
        _fetch(files, folder, client, limits, talk, may_lack=True)
        for name in folders:
            (folder / name).mkdir(parents=True, exist_ok=True)


def _named(document: dict[str, Any], base: str) -> tuple[list[RemoteFile], list[str]]:
    graph = document["@graph"]
    files: dict[str, RemoteFile] = {}
    folders = []
    for entity in graph if isinstance(graph, list) else []:
        identifier = entity.get("@id") if isinstance(entity, dict) else None
        if not isinstance(identifier, str) or identifier.startswith("#") or urlsplit(identifier).scheme:
            continue
        types = entity.get("@type")
        kinds = {str(one) for one in (types if isinstance(types, list) else [types])}
        for name in relative_paths(identifier)[:1]:
            if kinds & _FILES and name not in METADATA_NAMES:
                files[name] = RemoteFile(name, f"{base}/{quote(name, errors='surrogateescape')}")
            elif kinds & _FOLDERS:
                folders.append(name)
    return list(files.values()), folders


def _fetch(
    files: Sequence[RemoteFile], folder: Path, client: Client, limits: Limits, talk: Talk, *, may_lack: bool
) -> None:
    if len(files) > limits.files:
        raise CrateError(f"the crate has {len(files):,} files, the limit is {limits.files:,}; see --max-files")
    left = limits.size
    paths = [(_below(file.name), file) for file in files]
    refuse_clashes("the crate", [(path, False) for path, _ in paths], limits.allows_similar_names)
    lacking = []
    for path, file in paths:
        place = folder / path
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            left -= download(Wanted(file.url, file.size, file.digests, left), place, client, talk).size
        except ServerError as error:
            if not may_lack:
                raise
            lacking.append(path)
            place.with_name(f"{place.name}.part").unlink(missing_ok=True)
            talk.say(str(error))
    if lacking:
        talk.say(f"{len(lacking)} of {len(files)} files could not be had, the first is {lacking[0]!r}")


def _below(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or name.startswith("/") or "\\" in name or "\0" in name:
        raise CrateError(f"the file {name!r} would lie outside of the crate, and is not downloaded")
    return "/".join(parts)


@contextmanager
def _made(target: Path) -> Iterator[Path]:
    try:
        with appearing(target) as folder:
            yield folder
    except OSError as error:
        raise OutputError(f"{target} can't be written: {error.strerror}; choose another place") from None
