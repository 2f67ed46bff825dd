"""Points 9, 10 and 11 of the pre-flight: name, description, license, keywords, people, source and version.

Comes in: an opened crate. Goes out: findings, and the :class:`CrateFacts` that a registry will read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from provenance.publish import licenses
from provenance.publish.listing import METADATA
from provenance.publish.mends import Mends
from provenance.publish.opened import Entity, Opened, is_elsewhere, references, types
from provenance.publish.preflight_workflow import main_workflow
from provenance.publish.records import CrateFacts, Finding, Weight

_NAME, _DESCRIPTION = 255, 65_535  # characters that SEEK's database holds
_ORCID = re.compile(r"https://orcid\.org/\d{4}-\d{4}-\d{4}-\d{3}[\dX]/?\Z")
_BARE_ORCID = re.compile(r"(?:orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])\Z")
_GITHUB = re.compile(r"https?://(?:www\.)?github\.com/", re.IGNORECASE)
_GITHUB_PLAIN = re.compile(r"https://github\.com/[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+\Z")


def no_facts() -> CrateFacts:
    """What is known of a crate that can't be opened."""
    return CrateFacts()


def facts(opened: Opened) -> CrateFacts:
    """Read what a registry will read."""
    root, main = opened.root, main_workflow(opened)
    language = references(main.get("programmingLanguage")) if main else []
    return CrateFacts(
        name=_text(root.get("name")),
        description=_text(root.get("description")),
        license=_license(opened),
        version=_version(root),
        source=_source(opened),
        keywords=tuple(_keywords(root.get("keywords"))),
        creators=tuple(_text(person.get("name")) or str(person.get("@id")) for person in _creators(opened)),
        main=str(main["@id"]) if main else None,
        language=opened.entities.get(language[0], {}) if language else {},
        size=opened.size,
        files=len(opened.files),
    )


def check(opened: Opened, mends: Mends) -> Iterator[Finding]:
    """Check points 9, 10 and 11."""
    yield from _texts(opened, mends)
    yield from _people(opened)
    yield from _source_and_version(opened)


def _texts(opened: Opened, mends: Mends) -> Iterator[Finding]:
    root, root_id = opened.root, str(opened.root["@id"])
    name, description = root.get("name"), root.get("description")
    if not isinstance(name, str) or not name.strip() or len(name) > _NAME:
        what = "has no name" if name is None else "has a name that is no text of 1 to 255 characters"
        yield Finding(9, Weight.ERROR, f"the root {what}", "write name: in ro-crate-info.yaml and pack again", root_id)
    if description is None:
        yield Finding(9, Weight.WARNING, "there is no description", "write one in ro-crate-info.yaml", root_id)
    elif not isinstance(description, str) or len(description) > _DESCRIPTION:
        mend = "write text of at most 65,535 characters"
        yield Finding(9, Weight.ERROR, "the description is no text, or longer than a registry takes", mend, root_id)
    yield from _license_findings(opened, mends)
    keywords = root.get("keywords")
    listed = keywords if isinstance(keywords, list) else [keywords]
    if keywords is not None and not all(isinstance(one, str) for one in listed):
        mend = "write a list of texts"
        yield Finding(9, Weight.ERROR, "the keywords are no texts, with which SEEK breaks off", mend, root_id)
    for one in listed:
        if isinstance(keywords, list) and isinstance(one, str) and "," in one:
            mend = "write two keywords, or no comma"
            yield Finding(9, Weight.WARNING, f"SEEK splits the keyword {one!r} at its comma", mend, root_id)


def _license_findings(opened: Opened, mends: Mends) -> Iterator[Finding]:
    root_id, value = str(opened.root["@id"]), opened.root.get("license")
    if value is None:
        mend = "write license: with an SPDX identifier in ro-crate-info.yaml"
        yield Finding(9, Weight.WARNING, "there is no license, so that nobody may use the workflow", mend, root_id)
        return
    if isinstance(value, list):
        if len(value) != 1:
            mend = "keep one license"
            yield Finding(9, Weight.ERROR, "the license is a list, with which SEEK breaks off", mend, root_id)
            return
        value = value[0]
        mends.set(root_id, "license", value)
        yield Finding(9, Weight.MENDED, "the license is a list, with which SEEK breaks off", "sent alone", root_id)
    text = _license_text(value)
    mend = "write an SPDX identifier such as Apache-2.0, or its URL https://spdx.org/licenses/Apache-2.0"
    if text is None:
        yield Finding(9, Weight.ERROR, "the license is neither text nor a reference", mend, root_id)
    elif isinstance(value, dict) and not is_elsewhere(text):
        message = "the license is described in the crate only, so that the registry shows none"
        yield Finding(9, Weight.WARNING, message, mend, root_id)
    elif licenses.known_as_it_is(text) is None:
        identifier = licenses.meant(text)
        if identifier is None:
            yield Finding(9, Weight.ERROR, f"the registry knows no license {text!a:.80}", mend, root_id)
            return
        if isinstance(value, dict):
            mends.rename(text, f"https://spdx.org/licenses/{identifier}")
        else:
            mends.set(root_id, "license", identifier)
        message = f"the registry does not know the license by {text!a:.80}"
        yield Finding(9, Weight.MENDED, message, f"sent as {identifier}", root_id)


def _people(opened: Opened) -> Iterator[Finding]:
    people = list(_creators(opened))
    if not people:
        mend = "write Authors: in ro-crate-info.yaml; a DOI needs one"
        yield Finding(10, Weight.WARNING, "there is no author or creator", mend, str(opened.root["@id"]))
    for value in _values(opened.root, "author", "creator"):
        if not references(value):
            mend = "describe the person as an entity and refer to it by @id"
            what = f"an author is written as {type(value).__name__}, which SEEK does not read"
            yield Finding(10, Weight.WARNING, what, mend, str(opened.root["@id"]))
        elif (identifier := references(value)[0]) not in opened.entities:
            yield Finding(10, Weight.WARNING, "an author that nothing describes", "describe it", identifier)
    for person in people:
        identifier = str(person["@id"])
        if not _text(person.get("name")):
            mend = "add the name; else the identifier is shown as the given name"
            yield Finding(10, Weight.WARNING, "a person or institution without a name", mend, identifier)
        if "Person" not in types(person) or _ORCID.match(identifier):
            continue
        stated = [one for value in _values(person, "identifier") for one in _identifiers(value)]
        if any(_ORCID.match(one) for one in stated):
            continue
        bare = next((match[1] for one in (identifier, *stated) if (match := _BARE_ORCID.search(one))), None)
        mend = f"write https://orcid.org/{bare}" if bare else "add orcid: in ro-crate-info.yaml"
        yield Finding(10, Weight.WARNING, "a person without an ORCID in full", mend, identifier)


def _source_and_version(opened: Opened) -> Iterator[Finding]:
    root_id = str(opened.root["@id"])
    source = _source(opened)
    if source is None:
        mend = "write url: in ro-crate-info.yaml, the address at which the workflow's source is kept"
        yield Finding(
            11, Weight.ERROR, "there is no address of the source, by which versions belong together", mend, root_id
        )
    elif _GITHUB.match(source) and not _GITHUB_PLAIN.match(source):
        mend = "write exactly https://github.com/OWNER/REPOSITORY: other forms make a new workflow at each upload"
        yield Finding(11, Weight.ERROR, f"the source is a page within GitHub: {source}", mend, root_id)
    if _version(opened.root) is None:
        mend = "write version: in ro-crate-info.yaml"
        yield Finding(11, Weight.ERROR, "there is no version, by which uploads are told apart", mend, root_id)


def _source(opened: Opened) -> str | None:
    return _stated_source(opened.root, main_workflow(opened))


def source_of(entities: Mapping[str, Entity]) -> str | None:
    """Return the address of the source that published metadata state; None when they don't."""
    about = references(entities.get(METADATA, {}).get("about"))
    root = entities.get(about[0] if about else "./", {"@id": "./"})
    main = references(root.get("mainEntity"))
    return _stated_source(root, entities.get(main[0]) if main else None)


def _stated_source(root: Entity, main: Entity | None) -> str | None:
    """The address by which /submit finds earlier versions: the first of these that is there must be plain text."""
    root_id = str(root["@id"])
    if root_id.startswith("http"):
        return root_id if _is_web(root_id) else None
    for entity, name in ((root, "isBasedOn"), (root, "url"), (main, "url")):
        value = entity.get(name) if entity else None
        if value is not None:
            return value if isinstance(value, str) and _is_web(value) else None
    return None


def _is_web(text: str) -> bool:
    try:
        return text.startswith(("http://", "https://")) and is_elsewhere(text) and bool(urlsplit(text).hostname)
    except ValueError:
        return False


def _version(root: Entity) -> str | None:
    value = root.get("version")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value).strip() or None


def _license(opened: Opened) -> str | None:
    value = opened.root.get("license")
    text = _license_text(value[0] if isinstance(value, list) and len(value) == 1 else value)
    return None if text is None else licenses.known_as_it_is(text) or licenses.meant(text)


def _license_text(value: Any) -> str | None:
    return value if isinstance(value, str) else next(iter(references(value)), None)


def _keywords(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield from (part.strip() for part in one.split(",") if part.strip())


def _creators(opened: Opened) -> Iterator[Entity]:
    found = dict.fromkeys(references(_values(opened.root, "author", "creator")))
    return (opened.entities[one] for one in found if one in opened.entities)


def _values(entity: Entity, *names: str) -> list[Any]:
    found: list[Any] = []
    for name in names:
        value = entity.get(name)
        found += value if isinstance(value, list) else [] if value is None else [value]
    return found


def _identifiers(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else references(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
