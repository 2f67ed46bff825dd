"""Whether a published crate is the one that was sent: every file by its digest, the metadata by what they say.

Comes in: what was sent, and the zip as the server gives it out. Goes out: a :class:`Comparison`. SEEK writes the
metadata anew, so their bytes never agree; what each entity says must.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import unquote

from provenance.crate.source import ZIP_FAULTS
from provenance.publish.listing import METADATA

_CHUNK = 1 << 20
_SHOWN = 10
_WRITTEN_BY_SERVERS = ("ro-crate-preview.html", "ro-crate-preview_files/")
_SET_BY_SERVERS = frozenset({"hasPart", "datePublished", "dateModified", "sdDatePublished"})  # of the root


@dataclass(frozen=True, slots=True)
class Comparison:
    """In what a published crate differs from what was sent, in words."""

    digests: Mapping[str, str]  # path -> SHA-256 of what came back
    files: tuple[str, ...] = ()  # missing, or with other content
    more: tuple[str, ...] = ()  # files that were not sent
    metadata: tuple[str, ...] = ()  # entities that are not there, or say something else


def compare(sent: Mapping[str, str], document: Mapping[str, Any], published: IO[bytes]) -> Comparison:
    """Compare a published crate with what was sent.

    Parameters
    ----------
    sent
        Path -> SHA-256 of every file that was sent, without the metadata.
    document
        The metadata that were sent.
    published
        The zip that the server gave out.
    """
    try:
        with zipfile.ZipFile(published) as archive:
            place = _metadata(archive)
            back = _digests(archive, place.removesuffix(METADATA))
            said = json.loads(archive.read(place).decode("utf-8-sig"))
    except (KeyError, RecursionError, *ZIP_FAULTS) as error:
        return Comparison({}, (f"the published crate can't be read ({type(error).__name__})",))
    ours, theirs = _graph(document), _graph(said)
    wanted = {path: digest for path, digest in sent.items() if _is_kept(path, ours)}
    missing = [path for path in wanted if path not in back]
    changed = [path for path, digest in wanted.items() if back.get(path, digest) != digest]
    more = [path for path in back if path not in sent and not path.startswith(_WRITTEN_BY_SERVERS)]
    return Comparison(
        back,
        (*_listed("is missing in the published crate", missing), *_listed("has other content there", changed)),
        tuple(_listed("is in the published crate only", more)),
        tuple(_entities(ours, theirs)),
    )


def _metadata(archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if name.rpartition("/")[2] == METADATA]
    if not names:
        raise KeyError(METADATA)
    return min(names, key=lambda name: name.count("/"))


def _digests(archive: zipfile.ZipFile, top: str) -> dict[str, str]:
    found = {}
    for entry in archive.infolist():
        if entry.is_dir() or not entry.filename.startswith(top):
            continue
        digest = hashlib.sha256()
        with archive.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        found[entry.filename.removeprefix(top)] = digest.hexdigest()
    found.pop(METADATA, None)
    return found


def _is_kept(path: str, entities: Mapping[str, Any]) -> bool:
    """Whether a server keeps a file as it is: previews are written anew, hidden files kept when they are described."""
    if path.startswith(_WRITTEN_BY_SERVERS):
        return False
    is_hidden = any(part.startswith(".") for part in PurePosixPath(path).parts)
    return not is_hidden or any(path == unquote(one).removeprefix("./") for one in entities)


def _listed(what: str, things: list[str]) -> Iterator[str]:
    for one in things[:_SHOWN]:
        yield f"{one} {what}"
    if len(things) > _SHOWN:
        yield f"and {len(things) - _SHOWN} more: {what}"


def _entities(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    roots = _roots(ours)
    compared = [one for one in ours if not one.removeprefix("./").startswith((METADATA, *_WRITTEN_BY_SERVERS))]
    yield from _listed("is not in the published metadata", [one for one in compared if one not in theirs])
    for identifier in compared:
        if identifier in theirs:
            left_out = _SET_BY_SERVERS if identifier in roots else frozenset()
            names = [name for name in _otherwise(ours[identifier], theirs[identifier]) if name not in left_out]
            if names:
                yield f"{identifier} is described otherwise in the published metadata: {', '.join(names[:_SHOWN])}"


def _otherwise(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterable[str]:
    return [name for name, value in ours.items() if _plain(value) != _plain(theirs.get(name))]


def _plain(value: Any) -> Any:
    """A value as JSON-LD means it: a list has no order, and one value is the same as a list of it."""
    if isinstance(value, list):
        told = sorted(json.dumps(one, sort_keys=True) for one in value)
        return told[0] if len(told) == 1 else told
    return json.dumps(value, sort_keys=True)


def _roots(graph: Mapping[str, Any]) -> set[str]:
    about = graph.get(METADATA, {}).get("about")
    return {"./", str(about.get("@id")) if isinstance(about, Mapping) else "./"}


def _graph(document: Any) -> dict[str, Any]:
    graph = document.get("@graph") if isinstance(document, Mapping) else None
    listed = graph if isinstance(graph, list) else []
    return {one["@id"]: one for one in listed if isinstance(one, dict) and isinstance(one.get("@id"), str)}
