"""How SEEK opens an uploaded crate: the root, the main workflow, the parts that must be there, source and version.

Comes in: an :class:`~provenance.sandbox.archives.Archive`. Goes out: a :class:`Crate`, or a
:class:`~provenance.sandbox.archives.Stumble`. The rules are those of ``docs/reference/workflowhub.md``; nothing here is
shared with the pre-flight, so that each checks the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from provenance.sandbox.archives import METADATA, MOST_METADATA, Archive, Stumble

Entity = dict[str, Any]
_DEEPEST = 100  # levels that its JSON parser follows
_CRATE_PROFILE = "https://w3id.org/ro/crate/"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-\[\]_a-z~]*\Z")  # anything else is no URI, but a path
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Crate:
    """A crate that could be opened."""

    archive: Archive
    document: dict[str, Any]
    entities: Mapping[str, Entity]  # by @id, without "./" before it
    root: Entity
    main: Entity | None
    listed: Mapping[str, str | None]  # @id of a part of the root -> its path; None for what lies elsewhere
    names: tuple[str, ...]  # files that are stored

    def entity(self, identifier: str) -> Entity | None:
        """The entity of an identifier."""
        return self.entities.get(_key(identifier))

    def path(self, identifier: str) -> str | None:
        """The file that an identifier names: as it stands, or decoded."""
        return _path(identifier, self.archive)

    @property
    def source(self) -> str | None:
        """The address by which submissions belong together: the first of four that is there must be a plain URL."""
        if str(self.root["@id"]).startswith("http"):
            return str(self.root["@id"])
        for entity, name in ((self.root, "isBasedOn"), (self.root, "url"), (self.main or {}, "url")):
            value = entity.get(name)
            if value is not None:
                return value if isinstance(value, str) and value.startswith(("http://", "https://")) else None
        return None

    @property
    def version(self) -> str | None:
        """The version that the root names."""
        value = self.root.get("version")
        is_plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
        return str(value).strip() or None if is_plain else None


def open_crate(archive: Archive) -> Crate:
    """Open a crate as SEEK's library does.

    Raises
    ------
    Stumble
        It would fail; ``kind`` says how.
    """
    document = _document(archive)
    graph = document.get("@graph") if isinstance(document, dict) else None
    if not isinstance(graph, list) or not all(
        isinstance(one, dict) and isinstance(one.get("@id"), str) for one in graph
    ):
        raise Stumble("read", "the metadata have no usable @graph")
    entities: dict[str, Entity] = {}
    for one in graph:
        entities.setdefault(_key(one["@id"]), one)
    root = _root(graph, entities)
    listed = _listed(root, entities, archive)
    names = _stored(archive, listed)
    for identifier, path in listed.items():
        if path in archive.folders and not any(name.startswith(f"{path}/") for name in names):
            raise Stumble("empty folder", identifier)
    return Crate(archive, document, entities, root, _main(root, entities, archive), listed, names)


def _document(archive: Archive) -> Any:
    name = next(one for one in METADATA if one in archive.files)
    if archive.files[name].size > MOST_METADATA:
        raise Stumble("too large", name)
    try:  # a byte order mark is an error there too
        document = json.loads(archive.read(name, MOST_METADATA).decode("utf-8"), parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise Stumble("read", str(error)) from None
    if _depth(document) > _DEEPEST:
        raise Stumble("read", f"nesting of {_DEEPEST + 1} is too deep")
    return document


def _no_number(text: str) -> Any:
    raise ValueError(f"unexpected token {text}")


def _depth(document: Any) -> int:
    depth, level = 0, [document]
    while level := [one for one in level if isinstance(one, (dict, list))]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _root(graph: list[Entity], entities: Mapping[str, Entity]) -> Entity:
    for entity in graph:  # the first that looks like the descriptor is taken for it
        is_named = entity["@id"].rpartition("/")[2] in METADATA
        has_profile = any(one.startswith(_CRATE_PROFILE) for one in references(entity.get("conformsTo")))
        if is_named or has_profile:
            about = references(entity.get("about"))
            root = entities.get(_key(about[0])) if about else None
            if root is None:
                raise Stumble("read", "does not reference any root entity")
            return root
    raise Stumble("read", "no metadata descriptor")


def _listed(root: Entity, entities: Mapping[str, Entity], archive: Archive) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for identifier in references(root.get("hasPart")):
        if _key(identifier) not in entities or identifier.startswith("#"):
            continue
        if is_absolute(identifier):
            found[identifier] = None
            continue
        _checked_escapes(identifier)
        path = _path(identifier, archive)
        if path is None:
            raise Stumble("read", f"Local Data Entity not found in crate: {identifier}")
        found[identifier] = path
    return found


def _stored(archive: Archive, listed: Mapping[str, str | None]) -> tuple[str, ...]:
    """Files that get into the repository: hidden ones only when they are data entities."""
    wanted = set(listed.values())
    return tuple(
        name for name in archive.files if name in wanted or not any(part.startswith(".") for part in name.split("/"))
    )


def _main(root: Entity, entities: Mapping[str, Entity], archive: Archive) -> Entity | None:
    found = references(root.get("mainEntity"))
    main = entities.get(_key(found[0])) if found else None
    if main is None:
        return None
    if not types(main) & {"ComputationalWorkflow", "Workflow"}:
        raise Stumble("crash", "the main entity is no workflow")
    identifier = str(main["@id"])
    if not is_absolute(identifier):
        _checked_escapes(identifier)
        if _path(identifier.replace("+", " "), archive) is None:  # forms have + for a blank, and so it is read here
            raise Stumble("read", f"Local Data Entity not found in crate: {identifier}")
    return main


def _checked_escapes(identifier: str) -> None:
    if _BAD_ESCAPE.search(identifier):
        raise Stumble("crash", f"bad escape in {identifier}")


def _path(identifier: str, archive: Archive) -> str | None:
    for name in (identifier, unquote(identifier)):
        plain = name.removeprefix("./").rstrip("/")
        if plain in archive.files or plain in archive.folders:
            return plain
    return None


def _key(identifier: str) -> str:
    return identifier.removeprefix("./") or "./"


def is_absolute(identifier: str) -> bool:
    """Whether an identifier is a URI with a scheme."""
    return _ABSOLUTE.match(identifier) is not None


def references(value: Any) -> list[str]:
    """The identifiers that a property refers to."""
    listed = value if isinstance(value, list) else [value]
    return [one["@id"] for one in listed if isinstance(one, dict) and isinstance(one.get("@id"), str)]


def types(entity: Entity) -> set[str]:
    """The types of an entity."""
    raw = entity.get("@type")
    return {one for one in (raw if isinstance(raw, list) else [raw]) if isinstance(one, str)}
