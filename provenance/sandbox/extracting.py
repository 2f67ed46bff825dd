"""What SEEK takes from a crate for its own record of a workflow, and how it writes the metadata anew.

Comes in: a :class:`~provenance.sandbox.reading.Crate`. Goes out: :class:`Facts`, or a
:class:`~provenance.sandbox.archives.Stumble` where a property has a form that the real server breaks off with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provenance.run.licenses import recognise
from provenance.sandbox.archives import METADATA, Stumble
from provenance.sandbox.reading import Crate, Entity, is_absolute, references, types

_DESCRIPTION_FILE = "README.md"
_LICENSE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md")
_MOST_TEXT = 1 << 18  # bytes of a file that stands in for a property
_PREVIEW = ("ro-crate-preview.html", "ro-crate-preview_files/")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server took from a crate."""

    title: str | None
    description: str | None
    license: str | None  # as it stands, or the last part of its address
    tags: tuple[str, ...]
    creators: tuple[dict[str, str | None], ...]
    other_creators: str | None
    language: Entity
    main: str | None  # path of the main workflow's file
    diagram: str | None  # path
    metadata: dict[str, Any]  # as they are written anew


def extract(crate: Crate) -> Facts:
    """Take out what the server shows.

    Raises
    ------
    Stumble
        A property has a form with which it breaks off.
    """
    root, main = crate.root, crate.main or {}
    language = _single(crate, main, "programmingLanguage")
    image = _single(crate, main, "image")
    subject = _single(crate, main, "subjectOf")
    if subject and not is_absolute(str(subject["@id"])) and crate.path(str(subject["@id"])) not in crate.archive.files:
        raise Stumble("crash", "subjectOf is no file")
    people, other = _people(crate)
    return Facts(
        title=_text(root.get("name")),
        description=_description(crate),
        license=_license(crate),
        tags=tuple(_tags(root.get("keywords"))),
        creators=tuple(people),
        other_creators=", ".join(other) or None,
        language=language,
        main=crate.path(str(main.get("@id", ""))),
        diagram=_diagram(crate, image),
        metadata=_written_anew(crate),
    )


def _single(crate: Crate, entity: Entity, name: str) -> Entity:
    """A property that must be one reference: anything else makes the server break off."""
    value = entity.get(name)
    if value is None:
        return {}
    identifier = value.get("@id") if isinstance(value, dict) else None
    found = crate.entity(identifier) if isinstance(identifier, str) else None
    if found is None:
        raise Stumble("crash", f"{name} is no single reference to an entity")
    return found


def _diagram(crate: Crate, image: Entity) -> str | None:
    identifier = str(image.get("@id", ""))
    if not image or is_absolute(identifier):
        return None
    path = crate.path(identifier)
    if path not in crate.archive.files:
        raise Stumble("crash", "the diagram is not there")
    return path


def _description(crate: Crate) -> str | None:
    stated = crate.root.get("description")
    if isinstance(stated, str) and stated.strip():
        return stated
    if _DESCRIPTION_FILE in crate.names:
        return crate.archive.read(_DESCRIPTION_FILE, _MOST_TEXT).decode("utf-8", "replace") or None
    return None


def _license(crate: Crate) -> str | None:
    value = crate.root.get("license")
    if isinstance(value, list):
        raise Stumble("crash", "the license is a list")
    text = value.get("@id") if isinstance(value, dict) else value
    if isinstance(text, str) and is_absolute(text):
        return text.rstrip("/").rpartition("/")[2].removesuffix(".html").removesuffix(".json")
    if isinstance(value, str) and value.strip():
        return value
    file = next((name for name in _LICENSE_FILES if name in crate.names), None)  # entities of the crate are not read
    return recognise(crate.archive.read(file, _MOST_TEXT).decode("utf-8", "replace")) if file else None


def _tags(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        raise Stumble("crash", "the keywords are an object")
    texts = value if isinstance(value, list) else [value]
    found = (part.strip() for one in texts if isinstance(one, str) for part in one.split(","))
    yield from dict.fromkeys(part for part in found if part)


def _people(crate: Crate) -> tuple[list[dict[str, str | None]], list[str]]:
    creators: list[dict[str, str | None]] = []
    organizations = []
    root = crate.root
    for identifier in dict.fromkeys([*references(root.get("author")), *references(root.get("creator"))]):
        entity = crate.entity(identifier)
        if entity is None:
            continue
        if "Organization" in types(entity):
            organizations.append(_text(entity.get("name")) or identifier)
        elif "Person" in types(entity):
            creators.append(_creator(crate, entity, identifier))
    return creators, organizations


def _creator(crate: Crate, person: Entity, identifier: str) -> dict[str, str | None]:
    given, _, family = (_text(person.get("name")) or identifier).rpartition(" ")
    stated = person.get("identifier")
    stated = stated.get("@id") if isinstance(stated, dict) else stated
    orcid = next((one for one in (stated, identifier) if isinstance(one, str) and "orcid.org" in one), None)
    affiliations = [(crate.entity(one) or {}).get("name") for one in references(person.get("affiliation"))]
    return {
        "given_name": _text(person.get("givenName")) or given or family,
        "family_name": _text(person.get("familyName")) or (family if given else None),
        "affiliation": ", ".join(one for one in affiliations if isinstance(one, str)) or None,
        "orcid": orcid,
    }


def _written_anew(crate: Crate) -> dict[str, Any]:
    """Write the metadata as SEEK's library does: what is no part of the root and has no # or scheme becomes #id.

    References keep what they said, so that those to a renamed entity lead nowhere, as on the real server.
    """
    kept = {*crate.listed, *METADATA, str(crate.root["@id"]), "./"}
    graph = []
    for entity in crate.document["@graph"]:
        identifier = entity["@id"]
        is_kept = identifier in kept or identifier.startswith(("#", "_:", *_PREVIEW)) or is_absolute(identifier)
        graph.append(entity if is_kept else {**entity, "@id": f"#{identifier}"})
    return {**crate.document, "@graph": graph}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
