"""What a crate tells of the file that an entity was at the run: its path there, which state of it, its digest.

Comes in: the graph of a crate and an entity of a file or folder. Goes out: plain values; what is not told, or can't be
meant seriously (a path that climbs, a digest that is none), is None.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes, urlsplit

from provenance.crate.data_entities import STATE
from provenance.crate.graph import Entity, Graph

_CLIMBS = re.compile(r"(?:^|/)\.\.(?:/|\Z)|\0")
_LONGEST = 4096  # bytes of a path, on Linux
_FILE = "file://"
_DIGITS = 10
_STATE = re.compile(r"(?:^|\s)" + re.escape(STATE).replace(r"\{\}", r"(\d{1,9})") + r"(?:\s|\Z)", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)


def original_path(graph: Graph, entity: Entity) -> str | None:
    """Give the absolute path at the run.

    It is in ``alternateName`` in crates that wfprov wrote, as a path or, for names that are not UTF-8, as a
    ``file://`` URI; in others it may be the identifier, a ``file://host/path``.
    """
    name = entity.get("alternateName")
    if type(name) is str and name[:1] == "/":  # by far the most common
        return (name.rstrip("/") or "/") if _is_plain(name) else None
    return next(_paths(graph, entity), None)


def other_names(graph: Graph, entity: Entity) -> tuple[str, ...]:
    """Give the further absolute paths by which the run reached a file."""
    if not isinstance(entity.get("alternateName"), list):
        return ()
    first, *others = dict.fromkeys(_paths(graph, {"alternateName": entity["alternateName"]})) or [None]
    return tuple(name for name in others if name is not None and name != first)


def _paths(graph: Graph, entity: Entity) -> Iterator[str]:
    for text in (*graph.texts(entity, "alternateName"), graph.id(entity)):
        path = _path_of_uri(text) if text.startswith(_FILE) else text
        if path is not None and _is_plain(path):
            yield path.rstrip("/") or "/"


def _path_of_uri(uri: str) -> str | None:
    if len(uri) > 4 * _LONGEST:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    # A `?` or `#` that was not escaped belongs to the name: files have neither query nor fragment.
    path = uri[len(_FILE) + len(parts.netloc) :]
    return os.fsdecode(unquote_to_bytes(path.encode("utf-8", "surrogateescape")))


def _is_plain(path: str) -> bool:
    return path.startswith("/") and not path.startswith("//") and len(path) <= _LONGEST and not _CLIMBS.search(path)


def version_of(graph: Graph, entity: Entity) -> int:
    """Give the number of the state that the entity is of a file that the run changed in place; 0 is from before.

    Crates that wfprov wrote tell it in ``version``; for sources, whose version is another thing, and in older crates it
    is in the description. What others call a version of a file is none of these states.
    """
    text = graph.text(entity, "version")
    is_number = text is not None and text.isdecimal() and text.isascii() and len(text) < _DIGITS
    if text is not None and is_number and "SoftwareSourceCode" not in graph.types(entity):
        return int(text) if graph.text(entity, "alternateName") else 0
    if (description := graph.text(entity, "description")) and (match := _STATE.search(description)):
        return int(match[1])
    return 0


def sha256_of(graph: Graph, entity: Entity) -> str | None:
    """Give the SHA-256 as 64 lower-case hexadecimal digits."""
    text = graph.text(entity, "sha256")
    if text is not None and _DIGEST.match(text):
        return text
    digest = text.strip().lower() if text is not None and len(text) < 80 else ""
    return digest if _DIGEST.match(digest) else None
