"""A crate as the pre-flight looks at it: its metadata as they are written, and the names and sizes of its files.

Comes in: the path of a crate, however broken. Goes out: an :class:`Opened`, or findings that say why there is none.
Unlike :mod:`provenance.crate.graph` nothing is forgiven here: what a registry stumbles over must be seen.
"""

from __future__ import annotations

import codecs
import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from provenance.publish.listing import METADATA, OLD_METADATA, BrokenError, Listing, list_crate
from provenance.publish.records import Finding, Weight

Entity = dict[str, Any]
DEEPEST = 100  # levels of nesting that Ruby's JSON reads
_PROFILE = "https://w3id.org/ro/crate/"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# What Ruby's URI takes for one; anything else is a path for SEEK, whatever it begins with.
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+\Z")
_OF_URIS = "%:/?#[]@!$&'()*+,;=~"


@dataclass(slots=True)
class Opened:
    """The parts of a crate."""

    path: Path
    listing: Listing
    document: dict[str, Any]
    entities: dict[str, Entity]  # by @id as written, in order; the first of several
    order: list[Entity]
    descriptor: Entity
    root: Entity
    findings: list[Finding] = field(default_factory=list)
    repeated: list[Entity] = field(default_factory=list)  # that say again what another of the same @id says

    @property
    def files(self) -> dict[str, int]:
        """Path from the crate's root -> bytes; the metadata are among them."""
        return self.listing.files

    @property
    def folders(self) -> frozenset[str]:
        """Paths of folders from the crate's root."""
        return self.listing.folders

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self.files.values())

    def find(self, identifier: str) -> str | None:
        """Return the path of the file or folder that a relative identifier names: as it stands, else decoded."""
        for name in (identifier, decoded(identifier)):
            plain = name.removeprefix("./").rstrip("/")
            if plain in self.files or plain in self.folders:
                return plain
        return None

    def is_data(self, entity: Entity) -> bool:
        """Whether an entity is a file or a folder of the crate, or one that lies elsewhere."""
        return bool(types(entity) & {"File", "Dataset", "MediaObject"}) and entity is not self.root


def open_for_preflight(path: Path) -> Opened:
    """Read what the pre-flight looks at.

    Raises
    ------
    CrateError
        There is nothing at `path`.
    BrokenError
        There is something, but no crate that a registry could open.
    """
    listing = list_crate(path)
    findings = []
    if listing.raw.startswith(codecs.BOM_UTF8):
        findings.append(
            Finding(1, Weight.MENDED, f"{METADATA} begins with a byte order mark", "it is sent without", METADATA)
        )
    document = parsed(listing.raw)
    graph = document["@graph"]
    entities: dict[str, Entity] = {}
    repeated = []
    for number, entity in enumerate(graph, 1):
        identifier = entity.get("@id") if isinstance(entity, dict) else None
        if not isinstance(identifier, str):
            raise BrokenError(1, f"entity {number} of the @graph has no @id", "give each entity an @id that is text")
        first = entities.setdefault(identifier, entity)
        if first is not entity and first != entity:
            mend = "keep one description: of several, registries read one"
            findings.append(Finding(1, Weight.ERROR, "it is described twice, and differently", mend, identifier))
        elif first is not entity:
            repeated.append(entity)
            findings.append(Finding(1, Weight.MENDED, "it is described twice", "sent once", identifier))
    descriptor = _descriptor(entities)
    root = _root(entities, descriptor)
    return Opened(path, listing, document, entities, list(graph), descriptor, root, findings, repeated)


def parsed(raw: bytes) -> dict[str, Any]:
    """Parse metadata as strictly as a registry does.

    Raises
    ------
    BrokenError
        They are no JSON object with a list ``@graph``.
    """
    try:
        document = json.loads(raw.removeprefix(codecs.BOM_UTF8).decode("utf-8"), parse_constant=_refuse)
        deepest, lone = _measured(document)
    except UnicodeDecodeError as error:
        raise BrokenError(1, f"{METADATA} is not UTF-8 (byte {error.start})", "save it as UTF-8", METADATA) from None
    except RecursionError:
        raise BrokenError(1, f"{METADATA} is nested too deeply", "write flattened JSON-LD", METADATA) from None
    except ValueError as error:
        raise BrokenError(1, f"{METADATA} is no valid JSON: {error}", "mend it there", METADATA) from None
    if deepest > DEEPEST:
        raise BrokenError(1, f"{METADATA} is nested {deepest} levels deep", "write flattened JSON-LD", METADATA)
    if lone is not None:
        mend = "write the whole character; half of a pair is no text"
        raise BrokenError(1, f"{METADATA} has half of a surrogate pair in {lone!a:.60}", mend, METADATA)
    graph = document.get("@graph") if isinstance(document, dict) else None
    if not isinstance(graph, list):
        raise BrokenError(1, f'{METADATA} has no list "@graph"', "write flattened JSON-LD", METADATA)
    found: dict[str, Any] = document
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number in JSON")


def _measured(document: Any) -> tuple[int, str | None]:
    """Depth of a JSON value, and a text in it that is no Unicode.

    Raises
    ------
    ValueError
        It has a number that is too large to be written again.
    """
    deepest, lone = 0, None
    waiting = [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number is too large")
        inner: list[Any] = []
        if isinstance(value, dict):
            inner = [*value, *value.values()]
        elif isinstance(value, list):
            inner = value
        elif isinstance(value, str) and not value.isascii() and not _is_unicode(value):
            lone = value
        if isinstance(value, (dict, list)):
            deepest = max(deepest, depth)
        waiting.extend((one, depth + 1) for one in inner)
    return deepest, lone


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _descriptor(entities: dict[str, Entity]) -> Entity:
    for name in (METADATA, f"./{METADATA}"):
        if name in entities:
            return entities[name]
    mend = f'add an entity with the @id "{METADATA}", of type CreativeWork, about the root'
    raise BrokenError(2, "the metadata do not describe themselves", mend, METADATA)


def _root(entities: dict[str, Entity], descriptor: Entity) -> Entity:
    about = descriptor.get("about")
    identifier = about.get("@id") if isinstance(about, dict) else None
    root = entities.get(identifier) if isinstance(identifier, str) else None
    if root is None or root is descriptor:
        mend = 'write "about": {"@id": "./"} there, and describe "./"'
        raise BrokenError(2, "the metadata descriptor refers to no root", mend, METADATA)
    return root


def claims_to_be_a_descriptor(entity: Entity) -> bool:
    """Whether SEEK takes an entity for the descriptor: by its name, or because it has the profile of RO-Crate."""
    is_named = str(entity["@id"]).rpartition("/")[2] in (METADATA, OLD_METADATA)
    return is_named or any(one.startswith(_PROFILE) for one in references(entity.get("conformsTo")))


def types(entity: Entity) -> frozenset[str]:
    """The types of an entity, as far as they are text."""
    raw = entity.get("@type")
    return frozenset(one for one in (raw if isinstance(raw, list) else [raw]) if isinstance(one, str))


def references(value: Any) -> list[str]:
    """The identifiers that a property refers to."""
    found = []
    for one in value if isinstance(value, list) else [value]:
        identifier = one.get("@id") if isinstance(one, dict) else None
        if isinstance(identifier, str):
            found.append(identifier)
    return found


def is_elsewhere(identifier: str) -> bool:
    """Whether an identifier is an absolute URI."""
    return bool(_URI.match(identifier))


def as_uri(identifier: str) -> str | None:
    """Escape what may not stand in a URI; None for what is none, or one as it stands."""
    if is_elsewhere(identifier) or not _SCHEME.match(identifier):
        return None
    made = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", identifier)
    made = quote(made, safe=_OF_URIS, errors="replace")
    return made if is_elsewhere(made) else None


def decoded(identifier: str) -> str:
    """Decode percent-escapes; bytes that are no UTF-8 become what file names in Python have."""
    if "%" not in identifier:
        return identifier
    return os.fsdecode(unquote_to_bytes(identifier.encode("utf-8", "surrogateescape")))


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """All objects within a JSON value, itself among them."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
