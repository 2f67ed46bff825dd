"""The files and folders of a run as entities, each with the identifier that the rest of the crate
refers to.

Comes in: the planned items with what became of them. Goes out: File and Dataset entities. What is
in the crate has its path as identifier; what stayed where it was has a ``file://`` URI; what is
gone has a ``#`` identifier, so that no reader looks for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from provenance.crate.entities import Entity, encoding_format, iso, refs, without_nothing
from provenance.crate.layout import Item, Treatment, crate_id, file_uri
from provenance.crate.parameters import Slots
from provenance.crate.payload import Outcome
from provenance.run.model import Data, Role, Run

FROM_BEFORE = "The content from before the run."
_MOST_NAMES = 20  # of one file
STATE = "State {} of a file that the run changed in place."


@dataclass(frozen=True, slots=True)
class Placed:
    """One data of the run, in its final place."""

    data: Data
    outcome: Outcome
    path: str  # in the crate; of interest when it was copied
    id: str

    @property
    def is_payload(self) -> bool:
        """Whether it is a part of the crate for a registry: in it, or referenced by an absolute
        URI."""
        return self.outcome.treatment is not Treatment.DESCRIBE


def place(run: Run, items: list[Item], outcomes: list[Outcome]) -> dict[str, Placed]:
    """Give every data its final identifier; folders that hold nothing in the crate are only
    described."""
    placed: dict[str, Placed] = {}
    copied_folders = _folders_of(
        item.path for item, outcome in zip(items, outcomes, strict=True) if _is_copied_file(item, outcome)
    )
    taken: set[str] = set()
    for item, outcome in zip(items, outcomes, strict=True):
        if item.data.is_directory and outcome.treatment is Treatment.COPY and item.path not in copied_folders:
            outcome.treatment = Treatment.DESCRIBE
        identifier = _identifier(run, item, outcome, taken)
        taken.add(identifier)
        placed[item.data.key] = Placed(item.data, outcome, item.path, identifier)
    return placed


def _is_copied_file(item: Item, outcome: Outcome) -> bool:
    return outcome.treatment is Treatment.COPY and not item.data.is_directory


def _folders_of(paths: Iterator[str]) -> set[str]:
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _identifier(run: Run, item: Item, outcome: Outcome, taken: set[str]) -> str:
    slash = "/" if item.data.is_directory else ""
    if outcome.treatment is Treatment.COPY:
        return crate_id(item.path) + slash
    if outcome.treatment is Treatment.REFERENCE:
        identifier = file_uri(run.host, item.data.content or item.data.path) + slash
    else:
        identifier = f"#not-kept/{crate_id(item.path)}{slash}"
    free, number = identifier, 1
    while free in taken:
        number += 1
        free = f"{identifier}{'' if '#' in identifier else '#'}-{number}"
    return free


def data_entities(run: Run, placed: dict[str, Placed], slots: Slots, packed_at: str, main_id: str) -> Iterator[Entity]:
    """Describe all files, then all folders, except the main workflow (it is more than a file)."""
    # A file that the run wrote once is one state with version 1: nothing of it was there before.
    states = Counter(p.data.path for p in placed.values())
    versions = {p.data.path for p in placed.values() if p.data.version > 1 or states[p.data.path] > 1}
    folders = [p for p in placed.values() if p.data.is_directory]
    for one in placed.values():
        if not one.data.is_directory and one.id != main_id:
            yield file_entity(run, one, slots, packed_at, one.data.path in versions)
    if folders:
        parts = _parts(folders, placed)
        for folder in folders:
            yield _folder_entity(run, folder, slots, packed_at, parts[folder.data.key])


def file_entity(run: Run, one: Placed, slots: Slots, packed_at: str, has_versions: bool = False) -> Entity:
    """Describe a file."""
    data, outcome = one.data, one.outcome
    is_source = data.role is Role.SOURCE
    entity: Entity = {
        "@id": one.id,
        "@type": ["File", "SoftwareSourceCode"] if is_source else "File",
        "name": data.name or data.path.rpartition("/")[2],
        "alternateName": _names(run, data),
        "description": _description(one, has_versions),
        "version": str(data.version) if has_versions else None,
        "contentSize": None if outcome.size is None else str(outcome.size),
        "sha256": outcome.sha256,
        "dateModified": iso(data.mtime_ns if data.mtime_ns is not None else outcome.mtime_ns),
        "encodingFormat": encoding_format(data, outcome.is_text),
        "sdDatePublished": packed_at if outcome.treatment is Treatment.REFERENCE else None,
        "exampleOfWork": refs(slots.examples(data.key)),
    }
    if is_source:
        entity["version"] = source_version(run, data.path, outcome)
        entity["url"] = file_uri(run.host, data.path)
    if data.role is Role.CONFIGURATION:
        entity["additionalType"] = "configuration"
    return {key: value for key, value in entity.items() if value is not None}


def source_version(run: Run, path: str, outcome: Outcome) -> str | None:
    """The commit that a source belongs to when nothing was changed since, else the digest of its
    content."""
    control = run.environment.source_control
    if control and control.commit and not control.is_dirty and is_tracked(run, path):
        return control.commit
    return f"sha256:{outcome.sha256}" if outcome.sha256 else None


def is_tracked(run: Run, path: str) -> bool:
    """Tell whether a file belongs to the repository that the run's code lives in: it is inside, and
    not ignored there."""
    control = run.environment.source_control
    root = control.root.rstrip("/") + "/" if control else ""
    if control is None or not path.startswith(root):
        return False
    inside = path.removeprefix(root)
    return not any(inside == name or (name.endswith("/") and inside.startswith(name)) for name in control.ignored)


def original_path(run: Run, path: str) -> str:
    """The path at the run; as a URI when it holds bytes that are not UTF-8, which text can't hold."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return file_uri(run.host, path)
    return path


def _names(run: Run, data: Data) -> str | list[str]:
    """The path at the run, and the links by which the run reached it too."""
    path = original_path(run, data.path)
    return [path, *(original_path(run, name) for name in data.names[:_MOST_NAMES])] if data.names else path


def _description(one: Placed, has_versions: bool) -> str | None:
    said = [one.data.description] if one.data.description else []
    if has_versions and one.data.version == 0:
        said.append(FROM_BEFORE)
    elif has_versions:
        said.append(STATE.format(one.data.version))
    if not one.is_payload and not one.data.is_directory:
        why = one.outcome.note or ("it was deleted or replaced" if one.data.is_gone else "it was not kept")
        said.append(f"The content is not in the crate: {why}.")
    return " ".join(said) or None


def _parts(folders: list[Placed], placed: dict[str, Placed]) -> dict[str, list[str]]:
    """Group the files in folders that the run named; a file is listed by its nearest folder."""
    by_path = {(folder.data.path, folder.outcome.treatment): folder.data.key for folder in folders}
    parts: dict[str, list[str]] = {folder.data.key: [] for folder in folders}
    for one in placed.values():
        path = one.data.path.rpartition("/")[0]
        while path:
            folder = by_path.get((path, one.outcome.treatment))
            if folder is None and _is_empty_folder(one):
                folder = by_path.get((path, Treatment.COPY))
            if folder is not None and folder != one.data.key:
                parts[folder].append(one.id)
                break
            path = path.rpartition("/")[0]
    return parts


def _is_empty_folder(one: Placed) -> bool:
    """Tell whether it is a folder that is there and holds nothing that is told: a crate, made of files, can't hold
    it, and yet it is a part of the folder around it."""
    return one.data.is_directory and one.data.content is not None and one.outcome.treatment is Treatment.DESCRIBE


def _folder_entity(run: Run, one: Placed, slots: Slots, packed_at: str, parts: list[str]) -> Entity:
    note = None if one.is_payload or parts else "Named by the run; no file of it is in the crate."
    return without_nothing(
        {
            "@id": one.id,
            "@type": "Dataset",
            "name": one.data.name or one.data.path.rstrip("/").rpartition("/")[2] or "/",
            "alternateName": original_path(run, one.data.path),
            "description": one.data.description or note,
            "sdDatePublished": packed_at if one.outcome.treatment is Treatment.REFERENCE else None,
            "hasPart": refs(parts),
            "exampleOfWork": refs(slots.examples(one.data.key)),
        }
    )
