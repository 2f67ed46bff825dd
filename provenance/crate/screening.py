"""An archive that no credential gets into: each text is looked through on its way, and a marker written in the place
of what must not be passed on.

Comes in: what an :class:`~provenance.crate.archive.Archive` takes. Goes out: the same, cleaned, to the archive within;
what was removed; and the entities of the changed files with the size and digest that these have in the crate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from provenance.crate.archive import METADATA_FILE, Archive
from provenance.crate.entities import Entity
from provenance.crate.layout import DATASET, EARLIER, ENVIRONMENT, crate_id
from provenance.journal.credential_names import OF_NAMES
from provenance.journal.credentials import hide, spans
from provenance.privacy.removal import Removal, is_settings_name, told, without_credentials
from provenance.privacy.suspicion import may_hold_credential

LARGEST_DATA = 1_000_000  # bytes of a data file that is looked through
LARGEST_TEXT = 64_000_000  # bytes of any other file: sources, configuration, logs, lock files, the patch
_SNIFFED = 4096
_PACKAGE = re.compile(rf"{ENVIRONMENT}/packages(?:-\d+)?/")
_VALUE = b'"value": "'  # an entity that may give a value to the name of a credential
_OF_GIVEN = tuple(mark.encode() for mark in (*OF_NAMES, "pw", "curl"))  # one is in each such name, or in the value
_ESCAPE = re.compile(rb"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPED = {b'"': b'"', b"\\": b"\\", b"/": b"/", b"t": b"\t"}

_TEXT_OF_DRAWING = re.compile(rb">([^<]*[^<\s][^<]*)<")


def is_data_path(path: str) -> bool:
    """Tell whether a path in a crate is that of data, by the folder that wfprov puts them in."""
    return path.startswith((f"{DATASET}/", f"{EARLIER}/"))


def is_package_path(path: str) -> bool:
    """Tell whether a path in a crate is that of a package that is carried to be built and used again."""
    return _PACKAGE.match(path) is not None


def is_looked_through(path: str, size: int) -> bool:
    """Tell whether a file of this place and size (bytes) is small enough to be looked through."""
    return size <= (LARGEST_DATA if is_data_path(path) else LARGEST_TEXT)


def is_text(content: bytes) -> bool:
    """Tell whether a file is text in an encoding that ASCII is a part of."""
    return b"\0" not in content[:_SNIFFED]


@dataclass(frozen=True, slots=True)
class _Correction:
    size: int
    sha256: str
    before: str
    description: str


def _is_plain_drawing(path: str, content: bytes) -> bool:
    """Whether the texts of a drawing, each looked at once, hold no credential; the lines between them are numbers."""
    if not path.endswith(".svg"):
        return False
    texts = b"\n".join(dict.fromkeys(_TEXT_OF_DRAWING.findall(content)))
    return not without_credentials(texts, path, settings=False, examples_stay=False).removals


@dataclass(slots=True)
class Screened(Archive):
    """Writes to another archive what is left of each file without its credentials."""

    within: Archive
    results: frozenset[str] = frozenset()  # paths of outputs: in these, a name beside a value says nothing
    removals: list[Removal] = field(default_factory=list)
    _corrections: dict[str, _Correction] = field(default_factory=dict)
    _last: str = ""

    def add(self, path: str, chunks: Iterable[bytes], size: int, mtime_ns: int | None, is_executable: bool) -> None:
        """Write a file; a text that is small enough is read as a whole first."""
        self._last = path
        if path == METADATA_FILE:
            self.within.add(path, self._metadata(chunks), size, mtime_ns, is_executable)
            return
        if not is_looked_through(path, size):
            self.within.add(path, chunks, size, mtime_ns, is_executable)
            return
        content = b"".join(chunks)
        if is_text(content) and not _is_plain_drawing(path, content):
            settings, is_package = has_settings(path, self.results), is_package_path(path)
            cleaned = without_credentials(content, path, settings=settings, examples_stay=is_package)
            if cleaned.removals:
                self._note(path, content, cleaned.content, cleaned.removals)
                content = cleaned.content
        self.within.add(path, (content,), len(content), mtime_ns, is_executable)

    def discard_last(self) -> None:
        """Take the file that was added last out again."""
        if self._corrections.pop(crate_id(self._last), None):
            self.removals = [removal for removal in self.removals if removal.path != self._last]
        self.within.discard_last()

    def close(self) -> None:
        """Finish the archive within."""
        self.within.close()

    def abandon(self) -> None:
        """Let go of the archive within."""
        self.within.abandon()

    def corrected(self, entities: Iterable[Entity]) -> Iterator[Entity]:
        """Give the entities of changed files the size and digest of what is in the crate, and say what was removed."""
        for entity in entities:
            found = self._corrections.get(entity["@id"])
            yield entity if found is None else _corrected(entity, found)

    def _note(self, path: str, before: bytes, after: bytes, removals: tuple[Removal, ...]) -> None:
        self.removals += removals
        self._corrections[crate_id(path)] = _Correction(
            len(after), sha256(after).hexdigest(), sha256(before).hexdigest(), told(removals) or ""
        )

    def _metadata(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        line = 1
        for chunk in chunks:
            cleaned = chunk
            if _may_hold(chunk):
                cleaned = b"\n".join(
                    self._metadata_line(text, line + index) for index, text in enumerate(chunk.split(b"\n"))
                )
            line += chunk.count(b"\n")
            yield cleaned

    def _metadata_line(self, line: bytes, number: int) -> bytes:
        """Clean an entity; each stands on a line of its own."""
        if not line.startswith(b'{"@id"') or not _may_hold(line):
            return line
        comma = b"," if line.endswith(b",") else b""
        entity = json.loads(line[: len(line) - len(comma)])
        cleaned, reasons = clean_entity(entity)
        if not reasons:
            return line
        self.removals += [Removal(METADATA_FILE, number, reason) for reason in reasons]
        return json.dumps(cleaned, ensure_ascii=False).encode("utf-8", "backslashreplace") + comma


def _may_hold(written: bytes) -> bool:
    """Return False when :func:`clean_entity` would surely find nothing in entities that are written one a line."""
    plain = written
    if b"\\" in written:  # what JSON escapes as it was; line breaks, which the lines are counted by, as other blanks
        plain = _ESCAPE.sub(lambda match: _ESCAPED.get(match.group(1), b"\r"), written)
    if may_hold_credential(plain):
        return True
    if _VALUE not in plain:
        return False
    values = b"\n".join(line for line in written.split(b"\n") if _VALUE in line)
    # Not of bytes where there is more than ASCII: it has letters whose lower case is in it.
    lowered = values.lower() if values.isascii() else values.decode("utf-8", "replace").lower().encode()
    return any(mark in lowered for mark in _OF_GIVEN)


def clean_entity(entity: Entity) -> tuple[Entity, list[str]]:
    """Give an entity without the credentials in its values, and why each was taken for one."""
    reasons: list[str] = []
    return _cleaned(entity, "", reasons), reasons


def has_settings(path: str, results: Collection[str] = ()) -> bool:
    """Tell whether what a file of a crate gives to names such as ``password`` are credentials; not so in results."""
    if is_package_path(path):  # code that others go on to build: only what is a credential by its form
        return False
    if path.endswith(".dot"):  # a graph: what it gives to names is how they are drawn, and each has a `key`
        return False
    if not is_data_path(path):
        return True
    return is_settings_name(path) and path not in results


def _cleaned(value: Any, key: str, reasons: list[str]) -> Any:
    if isinstance(value, str):
        found = spans(value)
        if not found or (key == "@id" and "://" not in value):  # a path in the crate names its file as it is
            return value
        reasons.extend(reason for *_, reason in found)
        shown = hide(value)
        return shown.replace("[removed: ", "removed-").replace("]", "").replace(" ", "-") if key == "@id" else shown
    if isinstance(value, list):
        return [_cleaned(part, key, reasons) for part in value]
    if not isinstance(value, dict):
        return value
    cleaned = {name: _cleaned(part, name, reasons) for name, part in value.items()}
    name, given = cleaned.get("name"), cleaned.get("value")
    if isinstance(name, str) and isinstance(given, str) and "\n" not in given and '"' not in given:
        found = spans(f'{name}="{given}"', settings=True)
        if found:
            cleaned["value"] = f"[removed: {found[0][2]}]"
            reasons.append(found[0][2])
    return cleaned


def _corrected(entity: Entity, now: _Correction) -> Entity:
    corrected = dict(entity)
    if "contentSize" in entity:
        corrected["contentSize"] = str(now.size)
    if "sha256" in entity:
        corrected["sha256"] = now.sha256
    if entity.get("version") == f"sha256:{now.before}":
        corrected["version"] = f"sha256:{now.sha256}"
    said = entity.get("description")
    corrected["description"] = f"{said} {now.description}" if said else now.description
    return corrected
