"""Points 4, 5 and 6 of the pre-flight: files, folders and identifiers.

Comes in: an opened crate. Goes out: findings; what is put right is in its :class:`~provenance.publish.mends.Mends`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from provenance.publish.listing import METADATA
from provenance.publish.mends import Mends
from provenance.publish.opened import Opened, as_uri, decoded, is_elsewhere, references
from provenance.publish.records import Finding, Weight

PREVIEW = "ro-crate-preview.html"
KEPT = "empty-folder.txt"  # no dot before it: SEEK leaves dot-files out
_KEPT_CONTENT = b"This folder was empty. Registries keep no empty folders, so this file stands in it.\n"
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OF_TOOLS = re.compile(r"(^|/)(\.git|\.svn|\.hg|\.DS_Store|\.gitignore|\.gitkeep|\.keep|\.wfprov)(/|$)")


def check(opened: Opened, mends: Mends) -> Iterator[Finding]:
    """Check points 4, 5 and 6."""
    listed = list(dict.fromkeys(references(opened.root.get("hasPart"))))
    unlisted = _unlisted(opened, set(listed))
    if unlisted:
        mends.list_in_root(unlisted)
        named = unlisted[0] if len(unlisted) == 1 else f"{len(unlisted)} files or folders, the first: {unlisted[0]}"
        message = f"the root's hasPart does not list {'it' if len(unlisted) == 1 else 'them'}"
        yield Finding(6, Weight.MENDED, message, "listed in the copy that is sent", named)
    yield from _parts(opened, mends, [*listed, *unlisted])
    yield from _contextual(opened, mends, set(listed))
    yield from _dot_files(opened)


def _unlisted(opened: Opened, listed: set[str]) -> list[str]:
    """What the root does not list directly, which comes back with another identifier, its references broken."""
    return [
        identifier
        for identifier, entity in opened.entities.items()
        if opened.is_data(entity)
        and identifier not in listed
        and not identifier.startswith("#")
        and entity is not opened.descriptor
        and identifier not in (METADATA, PREVIEW)
    ]


def _parts(opened: Opened, mends: Mends, identifiers: list[str]) -> Iterator[Finding]:
    root_id, parts = str(opened.root["@id"]), opened.root.get("hasPart")
    stated = parts if isinstance(parts, list) else [] if parts is None else [parts]
    if len(references(parts)) != len(stated):
        mend = 'write each part as {"@id": ...}'
        yield Finding(4, Weight.ERROR, "hasPart holds what is no reference", mend, root_id)
    kept = _folders_that_are_kept(opened)
    for identifier in identifiers:
        entity = opened.entities.get(identifier)
        if entity is None:
            mend = "describe it, or take it out of hasPart"
            yield Finding(4, Weight.WARNING, "the root lists it, but nothing describes it", mend, identifier)
        else:
            yield from _place(opened, mends, identifier, kept)


def _folders_that_are_kept(opened: Opened) -> set[str]:
    """Folders with a file that is not hidden: git knows no other."""
    kept = set()
    for name in opened.files:
        if not _is_hidden(name):
            while (name := name.rpartition("/")[0]) and name not in kept:
                kept.add(name)
    return kept


def _place(opened: Opened, mends: Mends, identifier: str, kept: set[str]) -> Iterator[Finding]:
    if is_elsewhere(identifier):
        return
    if identifier.startswith("#") and opened.find(identifier) is None:
        mend = "refer to it by mentions instead: parts are files, folders, or data with an address"
        yield Finding(4, Weight.ERROR, "the root lists it as a part, and it is no file", mend, identifier)
        return
    if (uri := as_uri(identifier)) is not None and opened.find(identifier) is None:
        mends.rename(identifier, uri)
        yield Finding(4, Weight.MENDED, "an address with characters that no URI has", f"sent as {uri}", identifier)
        return
    if identifier.startswith("/"):
        mend = "write the path from the crate's root, or a file:// URI for what is not in the crate"
        yield Finding(4, Weight.ERROR, "an absolute path is not found in the crate", mend, identifier)
        return
    path = opened.find(identifier)
    if path is None:
        if _BAD_ESCAPE.search(identifier):
            mend = f"write {quote(identifier)}"
            yield Finding(4, Weight.ERROR, "a percent sign that begins no escape", mend, identifier)
            return
        mend = "add the file, or take it out of the metadata; for data elsewhere give an absolute URI"
        yield Finding(4, Weight.ERROR, "it is not in the crate", mend, identifier)
        return
    if _BAD_ESCAPE.search(identifier) and not mends.is_renamed(identifier):
        new = mends.rename(identifier, quote(identifier))
        yield Finding(4, Weight.MENDED, "a percent sign that begins no escape", f"sent as {new}", identifier)
    if path in opened.folders and path not in opened.files and path not in kept:
        mends.add_file(f"{path}/{KEPT}", _KEPT_CONTENT)
        is_empty = not any(name.startswith(f"{path}/") for name in opened.files)
        message = "the folder is empty" if is_empty else "the folder holds hidden files only"
        yield Finding(5, Weight.MENDED, message, f"{KEPT} is put into the copy that is sent", identifier)


def _contextual(opened: Opened, mends: Mends, listed: set[str]) -> Iterator[Finding]:
    known = {opened.root["@id"], opened.descriptor["@id"], PREVIEW}
    renamed = []
    for identifier, entity in opened.entities.items():
        is_fine = is_elsewhere(identifier) or identifier.startswith("#") or identifier in known
        if is_fine or identifier in listed or opened.is_data(entity):
            continue
        if opened.find(identifier) is not None:
            mend = "give it the type File or Dataset, or an @id that begins with #"
            yield Finding(6, Weight.WARNING, "it names a file of the crate, but is of another type", mend, identifier)
            continue
        plain = quote(decoded(identifier).lstrip("./"), safe="/:~", errors="replace")
        mends.rename(identifier, as_uri(identifier) or f"#{plain or 'x'}")
        renamed.append(identifier)
    if renamed:
        named = renamed[0] if len(renamed) == 1 else f"{len(renamed)} entities, the first: {renamed[0]}"
        message = "the @id is neither absolute nor begins with #, so that SEEK would change it and break references"
        yield Finding(6, Weight.MENDED, message, "sent with # before it, or escaped", named)


def _dot_files(opened: Opened) -> Iterator[Finding]:
    described = {opened.find(identifier) for identifier in opened.entities if not is_elsewhere(identifier)}
    for name in opened.files:
        if _is_hidden(name) and name not in described and not _OF_TOOLS.search(name):
            mend = "describe it as a File and list it in the root's hasPart if it matters"
            yield Finding(6, Weight.WARNING, "a hidden file that nothing describes is left out by SEEK", mend, name)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
