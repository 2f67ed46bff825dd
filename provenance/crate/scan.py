"""Looks through a crate for what should not be published: credentials, and names of people, accounts and machines.

Comes in: the path of a crate (folder, zip or metadata file). Goes out: findings, each with file, line, kind and what
was found; credentials are masked. Files that are not text, or too large, are counted and not looked at.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provenance.crate.contents import Member, members
from provenance.crate.screening import has_settings, is_data_path, is_looked_through, is_package_path, is_text
from provenance.crate.source import METADATA_NAMES, open_crate, relative_paths
from provenance.journal.credentials import is_private_name, spans
from provenance.privacy.names import Kind, mentions
from provenance.privacy.pseudonyms import Learned, Replacer
from provenance.privacy.secrets import credentials_in

_AUTHORS = ("author", "creator", "publisher", "contributor", "funder", "copyrightHolder", "accountablePerson", "editor")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something in a crate that should perhaps not be published."""

    path: str  # in the crate
    line: int  # from 1; 0: the name of the file itself
    kind: Kind
    found: str  # what it is; of a credential the first two characters and the length
    reason: str | None = None  # why it is taken for a credential
    is_note: bool = False  # said on purpose, such as the address of an author

    def as_json(self) -> dict[str, object]:
        """The finding for programs."""
        shown = {"file": self.path, "line": self.line, "kind": self.kind.value, "found": self.found}
        return {**shown, **({"reason": self.reason} if self.reason else {}), "note": self.is_note}


@dataclass(frozen=True, slots=True)
class Scanned:
    """What was found in a crate, and how much of it was looked at."""

    path: Path
    findings: tuple[Finding, ...]
    looked_at: int  # files
    not_looked_at: tuple[str, ...]  # files that are not text, or too large

    @property
    def is_clean(self) -> bool:
        """Whether nothing but notes was found."""
        return all(finding.is_note for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Stated:
    """What the metadata of a crate says of people."""

    kept: frozenset[str] = frozenset()  # what the authors say of themselves
    authors: frozenset[str] = frozenset()  # identifiers of their entities
    known: Mapping[str, Kind] = field(default_factory=dict)  # names of accounts that ran something
    results: frozenset[str] = frozenset()  # paths of files that an action made


def scan(path: Path, *, known: Mapping[str, Kind] | None = None, entropy: bool = False) -> list[Finding]:
    """Look through a crate; see :func:`look_through`.

    Raises
    ------
    CrateError
        When the crate can't be read.
    """
    return list(look_through(path, known=known, entropy=entropy).findings)


def look_through(path: Path, *, known: Mapping[str, Kind] | None = None, entropy: bool = False) -> Scanned:
    """Look through all texts of a crate.

    Parameters
    ----------
    known
        Names to look for besides those that the crate itself gives away.
    entropy
        Also take texts in quotes that look random for credentials.

    Raises
    ------
    CrateError
        When the crate can't be read.
    """
    document, _ = open_crate(path)
    stated = stated_in(document)
    listed = members(path)
    learned = Learned({**stated.known, **(known or {})})
    found: set[Finding] = set()
    looked_at, passed_over = 0, []
    for member in listed:
        text = text_of(member)
        if text is None:
            passed_over.append(member.path)
            learned.read(member.path)
            continue
        looked_at += 1
        learned.read(member.path)
        learned.read(text)
        found.update(_credentials(member.path, text, entropy, stated.results))
        found.update(_addresses(member.path, text, stated))
        if is_private_name(member.path):
            found.add(Finding(member.path, 0, Kind.SECRET, member.path, "files of this name hold credentials"))
    found.update(_given_values(document, path))
    if learned.kinds:
        replacer = Replacer({name: name for name in learned.kinds}, stated.kept)
        for member in listed:
            text = text_of(member) or ""
            found.update(_names(member.path, text, replacer, learned.kinds))
    return Scanned(path, tuple(sorted(found, key=_order)), looked_at, tuple(passed_over))


def text_of(member: Member) -> str | None:
    """Read a file as text; None when it is none, or too large to be looked at."""
    if not (is_looked_through(member.path, member.size) or member.path in METADATA_NAMES):
        return None
    content = member.content()
    return content.decode("utf-8", "surrogateescape") if is_text(content) else None


def stated_in(document: Mapping[str, Any]) -> Stated:
    """Read from the metadata who the authors are, and which accounts ran something."""
    graph = [entity for entity in document.get("@graph", ()) if isinstance(entity, dict)]
    by_id = {str(entity.get("@id")): entity for entity in graph}
    root = by_id.get("./") or next((each for each in graph if "Dataset" in _list(each.get("@type"))), {})
    authors: dict[str, dict[str, Any]] = {}
    waiting = [ref for entity in graph for ref in _references(entity.get("agent")) if "://" in ref]  # with an ORCID
    waiting += [ref for entity in (root, *_works(graph)) for key in _AUTHORS for ref in _references(entity.get(key))]
    while waiting:
        identifier = waiting.pop()
        entity = by_id.get(identifier)
        if identifier in authors or entity is None:
            continue
        authors[identifier] = entity
        waiting += _references(entity.get("affiliation")) + _references(entity.get("contactPoint"))
    kept = {text for entity in authors.values() for text in _texts(entity) if " " in text or "@" in text or ":" in text}
    kept |= {text.removeprefix("mailto:") for text in kept}
    kept |= {identifier for identifier in authors if len(identifier) > 3}
    known = {}
    for entity in graph:
        for identifier in _references(entity.get("agent")):
            name = str(by_id.get(identifier, {}).get("name") or "")
            if identifier not in authors and "://" not in identifier and name and not any(map(str.isspace, name)):
                known[name] = Kind.USER
    results = frozenset(
        path for entity in graph for ref in _references(entity.get("result")) for path in relative_paths(ref)[:1]
    )
    return Stated(frozenset(kept), frozenset(authors), known, results)


def _works(graph: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entity for entity in graph if "ComputationalWorkflow" in _list(entity.get("@type"))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _references(value: Any) -> list[str]:
    return [str(part["@id"]) for part in _list(value) if isinstance(part, dict) and "@id" in part]


def _texts(entity: Mapping[str, Any]) -> list[str]:
    return [text for key, value in entity.items() if key != "@type" for text in _list(value) if isinstance(text, str)]


def _order(finding: Finding) -> tuple[bool, bool, str, str, int, str]:
    is_secret = finding.kind is Kind.SECRET
    return finding.is_note, not is_secret, finding.kind.value, finding.path, finding.line, finding.found


def _lines(text: str) -> list[int]:
    starts, place = [0], text.find("\n")
    while place >= 0:
        starts.append(place + 1)
        place = text.find("\n", place + 1)
    return starts


def _credentials(path: str, text: str, entropy: bool, results: frozenset[str]) -> Iterator[Finding]:
    is_settings = path not in METADATA_NAMES and has_settings(path, results)
    is_package = is_package_path(path)
    found = credentials_in(text, path, settings=is_settings, entropy=entropy, examples_stay=is_package)
    starts = _lines(text) if found else []
    for start, end, reason in found:
        yield Finding(path, bisect_right(starts, start), Kind.SECRET, masked(text[start:end]), reason)


def masked(secret: str) -> str:
    """Show of a credential no more than tells it from others.

    >>> masked("correct horse")
    'co... (13 characters)'
    """
    return f"{secret[:2] if len(secret) > 5 else ''}... ({len(secret)} characters)"


def _given_values(document: Mapping[str, Any], crate: Path) -> Iterable[Finding]:
    """Credentials that only the name of a PropertyValue tells."""
    for entity in document.get("@graph", ()):
        if not isinstance(entity, dict):
            continue
        name, value = entity.get("name"), entity.get("value")
        if not (isinstance(name, str) and isinstance(value, str)) or '"' in value or "\n" in value:
            continue
        for *_, reason in spans(f'{name}="{value}"', settings=True)[:1]:
            yield Finding(METADATA_NAMES[0], _line_of(entity, crate), Kind.SECRET, masked(value), reason)


def _line_of(entity: Mapping[str, Any], crate: Path) -> int:
    for member in members(crate):
        if member.path in METADATA_NAMES:
            text = member.content()
            place = text.find(f'"{entity.get("@id")}"'.encode("utf-8", "backslashreplace"))
            return text.count(b"\n", 0, place) + 1 if place >= 0 else 1
    return 1


def _addresses(path: str, text: str, stated: Stated) -> Iterator[Finding]:
    found = [mention for mention in mentions(text) if mention.kind is Kind.EMAIL]
    starts = _lines(text) if found else []
    for mention in found:
        yield Finding(
            path, bisect_right(starts, mention.start), Kind.EMAIL, mention.name, None, mention.name in stated.kept
        )


def _names(path: str, text: str, replacer: Replacer, kinds: Mapping[str, Kind]) -> Iterator[Finding]:
    for mention in replacer.places(path):
        yield Finding(path, 0, kinds[mention.name], mention.name)
    starts = _lines(text)
    for mention in replacer.places(text, words=not is_data_path(path)):
        yield Finding(path, bisect_right(starts, mention.start), kinds[mention.name], mention.name)
