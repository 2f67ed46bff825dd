"""Tolerant access to the entities of any engine's RO-Crate metadata.

Comes in: parsed metadata, of any RO-Crate version, with or without contexts. Goes out: entities as plain
dictionaries, and their properties as lists of texts or of references, whatever shape they were written in: absent, a
single value, a list, nested lists, a reference, a whole entity in place of a reference, a JSON-LD value object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from provenance.crate.source import METADATA_NAMES
from provenance.errors import CrateError

Entity = dict[str, Any]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MAX_DEPTH = 20  # lists within lists; published crates have two


def local_name(term: str) -> str:
    """``CreateAction`` of ``http://schema.org/CreateAction``, ``schema:CreateAction`` or ``CreateAction``."""
    return re.split(r"[/#:]", term)[-1] if not term.isalnum() else term


def is_relative(identifier: str) -> bool:
    """Tell whether an identifier names a file in the crate, rather than an absolute URI or a ``#fragment``."""
    return not identifier.startswith(("#", "/", "_:")) and not _SCHEME.match(identifier)


def normal(identifier: str) -> str:
    """Drop the ``./`` that some writers put before relative identifiers."""
    while identifier.startswith("./") and len(identifier) > 2:
        identifier = identifier[2:].lstrip("/") or "./"
    return identifier


class Graph:
    """The entities of one crate.

    Raises
    ------
    CrateError
        The metadata has no entities or no root dataset.
    """

    def __init__(self, document: dict[str, Any], where: object):
        listed = document.get("@graph")
        entities = [entity for entity in _flat(listed) if isinstance(entity, dict)]
        self._entities: dict[str, Entity] = {}
        for entity in entities:
            if any(":" in key for key in entity):
                entity = {**{local_name(key): entity[key] for key in entity if ":" in key}, **entity}  # noqa: PLW2901
            identifier = entity.get("@id")
            if not isinstance(identifier, str):
                continue
            known = self._entities.setdefault(normal(identifier), entity)
            if known is not entity:  # described in two pieces, which JSON-LD allows
                self._entities[normal(identifier)] = {**entity, **known}
        self.root_id = self._find_root(where)
        self.root = self._entities[self.root_id]

    def __iter__(self) -> Iterator[tuple[str, Entity]]:
        return iter(self._entities.items())

    def __contains__(self, identifier: str) -> bool:
        return normal(identifier) in self._entities

    def get(self, identifier: str) -> Entity:
        """The entity; when the crate doesn't describe it, one with nothing but its identifier."""
        identifier = normal(identifier)
        return self._entities.get(identifier) or {"@id": identifier}

    def types(self, entity: Entity) -> frozenset[str]:
        """The local names of the entity's types; ``MediaObject`` is ``File``, as the RO-Crate context has it."""
        raw = entity.get("@type")
        if not isinstance(raw, str):
            return frozenset().union(*(_types(name) for name in _flat(raw) if isinstance(name, str)))
        return _types(raw)

    def texts(self, entity: Entity, *properties: str) -> list[str]:
        """All values of the first of ``properties`` that has any, as text; references give their identifier."""
        for name in properties:
            value = entity.get(name)
            if value is None:
                continue
            found = [text for item in _flat(value) if (text := _text(item))]
            if found:
                return found
        return []

    def text(self, entity: Entity, *properties: str) -> str | None:
        """The first of :meth:`texts`."""
        for name in properties:
            value = entity.get(name)
            if type(value) is str and value.strip():  # by far the most common
                return value
            if value is not None:
                found = self.texts(entity, name)
                if found:
                    return found[0]
        return None

    def label(self, entity: Entity, *properties: str) -> str | None:
        """Like :meth:`text`, but a reference to a described entity gives that entity's name."""
        for name in properties:
            for value in _flat(entity.get(name)):
                if isinstance(value, dict) and "@value" not in value:
                    target = self._resolve(value)
                    found = self.text(target, "name", "alternateName", "@id")
                else:
                    found = _text(value)
                if found:
                    return found
        return None

    def refs(self, entity: Entity, *properties: str) -> list[Entity]:
        """The entities that any of ``properties`` refers to, in order and without repetition.

        Text counts as a reference when the crate describes an entity of that identifier.
        """
        found: dict[int | str, Entity] = {}
        for name in properties:
            raw = entity.get(name)
            if raw is None:
                continue
            for value in _flat(raw):
                if isinstance(value, dict) and "@value" not in value:
                    target = self._resolve(value)
                elif isinstance(value, str) and value in self:
                    target = self.get(value)
                else:
                    continue
                identifier = target.get("@id")
                found.setdefault(identifier if isinstance(identifier, str) else id(target), target)
        return list(found.values())

    def ids(self, entity: Entity, *properties: str) -> list[str]:
        """The identifiers of :meth:`refs`."""
        return [identifier for target in self.refs(entity, *properties) if (identifier := self.id(target))]

    def id(self, entity: Entity) -> str:
        """The identifier of an entity, empty when it has none."""
        identifier = entity.get("@id")
        return normal(identifier) if isinstance(identifier, str) else ""

    def _resolve(self, value: Entity) -> Entity:
        identifier = value.get("@id")
        if isinstance(identifier, str):
            known = self._entities.get(normal(identifier))
            if known is not None:
                return known
        return value

    def _find_root(self, where: object) -> str:
        descriptors = [self._entities[name] for name in METADATA_NAMES if name in self._entities]
        descriptors += [
            entity
            for identifier, entity in self._entities.items()
            if identifier.rpartition("/")[2] in METADATA_NAMES and entity not in descriptors
        ]
        for descriptor in descriptors:
            for identifier in self.ids(descriptor, "about"):
                if identifier in self._entities:
                    return identifier
        for identifier in ("./", ".", ""):
            if identifier in self._entities:
                return identifier
        claimed = f' ("{descriptors[0].get("@id")}" is there, but is about nothing described)' if descriptors else ""
        raise CrateError(
            f'{where} describes no root dataset: no entity "ro-crate-metadata.json" "about" one{claimed}; '
            "it is no RO-Crate, or was cut"
        )


@lru_cache(4096)
def _types(raw: str) -> frozenset[str]:
    name = local_name(raw)
    return frozenset({name, "File"} if name == "MediaObject" else {name})


def _flat(value: Any, depth: int = 0) -> Iterable[Any]:
    """The values in ``value``, be it one, a list, a list of lists, or a JSON-LD list object."""
    if isinstance(value, dict):
        if len(value) == 1 and depth < _MAX_DEPTH and ("@list" in value or "@set" in value):
            return _flat(next(iter(value.values())), depth + 1)
        return (value,)
    if not isinstance(value, list):
        return () if value is None else (value,)
    if not any(isinstance(item, list) or (isinstance(item, dict) and "@id" not in item) for item in value):
        return value
    return [inner for item in value for inner in _flat(item, depth + 1)] if depth < _MAX_DEPTH else ()


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("@value", value.get("@id"))
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, str):
        return value.strip() and value
    if isinstance(value, (int, float)):
        return str(value)
    return None
