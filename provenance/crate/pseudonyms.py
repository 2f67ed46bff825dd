"""A copy of a crate that can be published: pseudonyms in the place of names, markers in the place of credentials.

Comes in: a crate, and the names file of an earlier time. Goes out: another crate in which sizes, digests, identifiers
and references are right again, and the names file, which says whom each pseudonym stands for and stays with the user.
The given crate is only read. All texts are read twice: first for the names, then to replace them everywhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.crate.archive import Archive, check_target, created
from provenance.crate.contents import Member, members
from provenance.crate.layout import crate_id
from provenance.crate.scan import Stated, stated_in, text_of
from provenance.crate.screening import clean_entity, has_settings, is_data_path, is_package_path
from provenance.crate.settings import PackReport, PackSettings, Progress
from provenance.crate.source import METADATA_NAMES, open_crate, relative_paths
from provenance.crate.write import write
from provenance.errors import CrateError, OutputError, UsageError
from provenance.privacy.names import Kind
from provenance.privacy.pseudonyms import Learned, Replacer
from provenance.privacy.removal import Removal, told, without_credentials
from provenance.run.model import Run

_DIGESTS = ("sha256", "sha512", "sha1", "md5")
_SIZES = ("contentSize", "size")
_PSEUDONYM = re.compile(r"[A-Za-z]+\d+\Z")


@dataclass(frozen=True, slots=True)
class Published:
    """A crate that was made for publishing."""

    target: Path
    names_file: Path
    pseudonyms: Mapping[str, str]  # name -> pseudonym
    changed: int  # files
    removals: tuple[Removal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Changed:
    """What a changed file was and is: digests by their names, size in bytes."""

    before: dict[str, str]
    after: dict[str, str]
    size: int
    note: str | None


def write_publishable(
    run: Run, target: Path, settings: PackSettings, progress: Progress | None = None, names_file: Path | None = None
) -> PackReport:
    """Write the crate of a run with pseudonyms; see :func:`provenance.crate.write.write`.

    Raises
    ------
    UsageError
        Something is at ``target`` already and may not be replaced, or the names file can't be used.
    OutputError
        ``target`` can't be written.
    """
    target = Path(os.path.abspath(target))
    check_target(target, settings.force)
    names_file = names_file or names_file_of(target)
    read_names(names_file)
    private = target.with_name(f"{target.name}.partial-{secrets.token_hex(4)}")
    try:
        report = write(run, private, settings, progress)
        known = {**({run.user: Kind.USER} if run.user else {}), **({run.host: Kind.HOST} if run.host else {})}
        made = make_publishable(private, target, names_file, as_zip=settings.as_zip, force=settings.force, known=known)
    finally:
        if private.is_dir():
            shutil.rmtree(private, ignore_errors=True)
        else:
            private.unlink(missing_ok=True)
    report.target = target
    report.removed += made.removals
    report.names_file = names_file if made.pseudonyms else None
    return report


def make_publishable(
    crate: Path,
    target: Path | None = None,
    names_file: Path | None = None,
    *,
    as_zip: bool | None = None,
    force: bool = False,
    known: Mapping[str, Kind] | None = None,
) -> Published:
    """Write a copy of a crate with pseudonyms in the place of names, and without credentials.

    Parameters
    ----------
    target
        What to write; by default ``<name>-publishable`` beside the crate, a zip where the crate is one.
    names_file
        Pseudonyms to use again, and where to keep them; by default ``<name>.names.json`` beside the crate.
    known
        Names to replace besides those that the crate itself gives away.

    Raises
    ------
    CrateError
        The crate can't be read.
    UsageError
        Something is at ``target`` already, or the names file can't be used.
    OutputError
        ``target`` or the names file can't be written.
    """
    crate = Path(os.path.abspath(crate))
    document, payload = open_crate(crate)
    is_zip = as_zip if as_zip is not None else (crate.is_file() and payload.is_known)
    target = Path(os.path.abspath(target)) if target is not None else _default_target(crate, is_zip)
    if target != crate and target.is_relative_to(_place(crate)):
        raise UsageError(f"{target} lies within the crate, which stays as it is; choose another --output")
    names_file = Path(os.path.abspath(names_file or names_file_of(crate)))
    if names_file.is_relative_to(_place(crate)) or names_file.is_relative_to(target):
        raise UsageError(f"{names_file} lies within the crate, and would be published; choose another --names")
    given = read_names(names_file)
    stated = stated_in(document)
    listed = members(crate)
    learned = Learned({**stated.known, **(known or {})})
    for member in listed:
        learned.read(member.path)
        learned.read(text_of(member) or "")
    pseudonyms = learned.pseudonyms(given)
    replacer = Replacer(pseudonyms, stated.kept)
    with created(target, is_zip, force) as archive:
        writer = _Copy(archive, replacer, stated)
        writer.write(listed, document)
        if pseudonyms:
            _keep_names(names_file, pseudonyms)
    return Published(target, names_file, pseudonyms, writer.count, tuple(writer.removals))


def names_file_of(crate: Path) -> Path:
    """Name the file beside a crate that says whom its pseudonyms stand for."""
    crate = _place(crate)
    return crate.with_name(f"{_stem(crate)}.names.json")


def read_names(file: Path) -> dict[str, str]:
    """Read name -> pseudonym from a names file; nothing when there is none yet.

    Raises
    ------
    UsageError
        When it is no such file.
    """
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} can't be read as a names file ({error}); mend it or choose another --names") from None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and name and _PSEUDONYM.match(pseudonym) for pseudonym, name in found.items()
    ):
        raise UsageError(f'{file} is no names file: it must hold {{"user1": "name", ...}}; choose another --names')
    names = {name: pseudonym for pseudonym, name in found.items()}
    if len(names) < len(found):
        raise UsageError(f"{file} has two pseudonyms for one name; remove one of them or choose another --names")
    return names


def _keep_names(file: Path, pseudonyms: Mapping[str, str]) -> None:
    """Write a names file that only its owner can read, complete or not at all."""
    content = json.dumps({pseudonym: name for name, pseudonym in pseudonyms.items()}, indent=1) + "\n"
    partial = file.with_name(f"{file.name}.partial-{secrets.token_hex(4)}")
    try:
        partial.touch(0o600, exist_ok=False)
        partial.write_text(content, "ascii")
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{file} can't be written ({error.strerror}); choose another place with --names") from error


def _stem(crate: Path) -> str:
    for ending in (".crate.zip", ".zip", ".json"):
        if crate.name.lower().endswith(ending) and len(crate.name) > len(ending):
            return crate.name[: -len(ending)]
    return crate.name


def _place(crate: Path) -> Path:
    """Return the folder of a crate that its metadata file was given for, else the crate itself."""
    return crate.parent if crate.name in METADATA_NAMES else crate


def _default_target(crate: Path, is_zip: bool) -> Path:
    crate = _place(crate)
    stem = _stem(crate)
    return crate.with_name(f"{stem}-publishable{crate.name[len(stem) :] if is_zip else ''}")


class _Copy:
    """Writes the copy: the payload first, the metadata last."""

    def __init__(self, archive: Archive, replacer: Replacer, stated: Stated) -> None:
        self._archive = archive
        self._replacer = replacer
        self._stated = stated
        self._changed: dict[str, _Changed] = {}  # path before -> what changed
        self._paths: dict[str, str] = {}  # path before -> path now
        self._taken: set[str] = set()
        self.count = 0
        self.removals: list[Removal] = []

    def write(self, listed: list[Member], document: Mapping[str, Any]) -> None:
        """Write all files, then the metadata."""
        metadata = [member for member in listed if member.path in METADATA_NAMES]
        for member in listed:
            if member not in metadata:
                self._write_file(member)
        for member in metadata:
            raw = member.content()
            content = self._metadata(raw, document if member is metadata[0] else json.loads(raw))
            self.count += content != raw
            self._archive.add(member.path, (content,), len(content), member.mtime_ns, member.is_executable)

    def _write_file(self, member: Member) -> None:
        if member.path.startswith("/") or ".." in member.path.split("/"):
            raise CrateError(f"{member.path} would be unpacked outside of the crate's folder; remove it from the zip")
        path = self._replacer.in_text(member.path)
        if path in self._taken:
            raise CrateError(f"{member.path} and another file would both become {path}; rename one of them")
        self._taken.add(path)
        self._paths[member.path] = path
        text = text_of(member)
        if text is None:
            self.count += path != member.path
            self._archive.add(path, member.chunks(), member.size, member.mtime_ns, member.is_executable)
            return
        before = text.encode("utf-8", "surrogateescape")
        is_settings, is_package = has_settings(member.path, self._stated.results), is_package_path(member.path)
        cleaned = without_credentials(before, member.path, settings=is_settings, examples_stay=is_package)
        self.removals += [Removal(path, one.line, one.reason) for one in cleaned.removals]
        shown = cleaned.content.decode("utf-8", "surrogateescape")
        after = self._replacer.in_text(shown, words=not is_data_path(member.path)).encode("utf-8", "surrogateescape")
        if after != before:
            note = told(cleaned.removals)
            self._changed[member.path] = _Changed(_digests(before), _digests(after), len(after), note)
        self.count += after != before or path != member.path
        self._archive.add(path, (after,), len(after), member.mtime_ns, member.is_executable)

    def _metadata(self, raw: bytes, document: Mapping[str, Any]) -> bytes:
        graph = [entity for entity in document["@graph"] if isinstance(entity, dict)]
        identifiers = self._identifiers(graph)
        entities = [self._entity(entity, identifiers) for entity in graph]
        return _as_written(raw, {**document, "@graph": entities})

    def _identifiers(self, graph: list[dict[str, Any]]) -> dict[str, str]:
        """Give every entity its identifier in the copy; no two get the same."""
        chosen: dict[str, str] = {}
        kept = {str(entity.get("@id")) for entity in graph}
        taken: set[str] = set()
        for before in (str(entity.get("@id")) for entity in graph):
            if before in chosen:
                continue
            now = before if before in self._stated.authors else self._replacer.in_value(before)
            path = next((path for path in relative_paths(before) if path in self._paths), None)
            if path is not None and self._paths[path] != path:
                now = crate_id(self._paths[path])
            wanted, number = now, 1
            while now in taken or (now != before and now in kept):
                number += 1
                now = f"{wanted}-{number}"
            taken.add(now)
            chosen[before] = now
        return chosen

    def _entity(self, entity: dict[str, Any], identifiers: Mapping[str, str]) -> dict[str, Any]:
        if entity.get("@id") in self._stated.authors:
            unchanged: dict[str, Any] = self._with(entity, identifiers, str)
            return unchanged
        cleaned, reasons = clean_entity(entity)
        self.removals += [Removal(METADATA_NAMES[0], 0, reason) for reason in reasons]
        now: dict[str, Any] = self._with(cleaned, identifiers, self._replacer.in_value)
        paths = relative_paths(str(entity.get("@id")))
        change = next((self._changed[path] for path in paths if path in self._changed), None)
        return now if change is None else _corrected(now, change)

    def _with(self, value: Any, identifiers: Mapping[str, str], replaced: Callable[[str], str]) -> Any:
        if isinstance(value, str):
            return replaced(value)
        if isinstance(value, list):
            return [self._with(part, identifiers, replaced) for part in value]
        if not isinstance(value, dict):
            return value
        return {
            key: identifiers.get(part, part if key == "@type" else replaced(part))
            if key == "@id" and isinstance(part, str)
            else part
            if key == "@type"
            else self._with(part, identifiers, replaced)
            for key, part in value.items()
        }


def _corrected(entity: dict[str, Any], change: _Changed) -> dict[str, Any]:
    corrected = {}
    digests = {before: change.after[name] for name, before in change.before.items()}
    for key, value in entity.items():
        if key in _SIZES and isinstance(value, (str, int)) and not isinstance(value, bool):
            corrected[key] = str(change.size) if isinstance(value, str) else change.size
        elif isinstance(value, str) and value.rpartition(":")[2] in digests:
            prefix, colon, digest = value.rpartition(":")
            corrected[key] = f"{prefix}{colon}{digests[digest]}"
        else:
            corrected[key] = value
    if change.note:
        said = entity.get("description")
        corrected["description"] = f"{said} {change.note}" if isinstance(said, str) else change.note
    return corrected


def _digests(content: bytes) -> dict[str, str]:
    return {name: hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in _DIGESTS}


def _as_written(raw: bytes, document: Mapping[str, Any]) -> bytes:
    """Write a document the way that it was written: an entity a line, or indented as before."""
    if raw.startswith(b'{"@context"') and b'"@graph": [\n{' in raw:
        return b"".join(_by_lines(document))
    indent = re.search(rb"\n( +)\"", raw)
    text = json.dumps(document, ensure_ascii=False, indent=len(indent.group(1)) if indent else None)
    return (text + ("\n" if raw.endswith(b"\n") else "")).encode("utf-8", "backslashreplace")


def _by_lines(document: Mapping[str, Any]) -> Iterator[bytes]:
    head = json.dumps({key: value for key, value in document.items() if key != "@graph"}, ensure_ascii=False)
    yield f'{head[:-1]},\n"@graph": [\n'.encode("utf-8", "backslashreplace")
    yield ",\n".join(_encoded(document["@graph"])).encode("utf-8", "backslashreplace")
    yield b"\n]}\n"


def _encoded(entities: Iterable[Any]) -> Iterator[str]:
    for entity in entities:
        yield json.dumps(entity, ensure_ascii=False)
