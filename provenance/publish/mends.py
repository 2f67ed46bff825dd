"""The metadata that are sent: a copy, in which what can be put right without a loss of meaning is put right.

Comes in: an opened crate, and mends by the points of the pre-flight, which name entities as the crate writes them.
Goes out: the metadata to send, and files to add.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

from provenance.publish.opened import Entity, Opened, parsed, walk


class Mends:
    """Collects what is changed."""

    def __init__(self, opened: Opened):
        raw = opened.listing.raw
        self._document = parsed(raw)
        self._by_id: dict[str, Entity] = {}  # by the @id that the crate writes, whatever it is sent as
        for entity in self._document["@graph"]:
            self._by_id.setdefault(entity["@id"], entity)
        self._root = self._by_id[opened.root["@id"]]
        self._taken = set(self._by_id)
        self._new_names: dict[str, str] = {}
        self._is_changed = raw.startswith(codecs.BOM_UTF8)
        self.added: dict[str, bytes] = {}
        if opened.repeated:
            self._document["@graph"] = list(self._by_id.values())
            self._is_changed = True

    def document(self) -> Mapping[str, object] | None:
        """The metadata to send; None when those of the crate can be sent as they are."""
        if self._new_names:
            for one in walk(self._document):
                identifier = one.get("@id")
                if isinstance(identifier, str) and identifier in self._new_names:
                    one["@id"] = self._new_names[identifier]
            self._new_names = {}
        return self._document if self._is_changed or self.added else None

    def put_first(self, identifier: str) -> None:
        """Put an entity at the beginning of the graph."""
        graph = self._document["@graph"]
        entity = self._by_id[identifier]
        graph[:] = [entity, *(one for one in graph if one is not entity)]
        self._is_changed = True

    def list_in_root(self, identifiers: list[str]) -> None:
        """Add parts to the root."""
        parts = self._root.get("hasPart")
        listed = parts if isinstance(parts, list) else [] if parts is None else [parts]
        self._root["hasPart"] = [*listed, *({"@id": one} for one in identifiers)]
        self._is_changed = True

    def rename(self, old: str, new: str) -> str:
        """Give an entity another identifier, wherever it is referred to; returns the one that was free."""
        if old in self._new_names:
            return self._new_names[old]
        while new in self._taken:
            new += "_"
        self._taken.add(new)
        self._new_names[old] = new
        self._is_changed = True
        return new

    def is_renamed(self, identifier: str) -> bool:
        """Whether an entity is sent under another identifier already."""
        return identifier in self._new_names

    def set(self, identifier: str, name: str, value: Any) -> None:
        """Give a property of an entity another value."""
        self._by_id[identifier][name] = value
        self._is_changed = True

    def add_file(self, path: str, content: bytes) -> None:
        """Add a file to the copy that is sent."""
        self.added[path] = content
