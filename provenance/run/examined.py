"""What an examination of the software found out: kept beside the journal, so that the next packing says the same.

In: the run folder, and sections as :func:`provenance.environment.examine` gives them. Out: :class:`Examined`, from
``examined.jsonl`` or anew. A file that is damaged counts as missing; one is there only when it is complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provenance import environment
from provenance.environment import Section, Used
from provenance.journal.events import EXAMINED_FILE
from provenance.journal.reader import JournalFile
from provenance.run.model import Gap

_LONGEST_TEXT = 4 << 20  # bytes of a lock file that is kept with the record, since the project may change


@dataclass(slots=True)
class Examined:
    """The sections of an examination, and what it could not find out."""

    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def add(self, section: str, data: Mapping[str, Any]) -> None:
        """Take one section; later keys win, and a gap is no section."""
        if section == "gap":
            path = data.get("path")
            what, why = str(data.get("what", "something")), str(data.get("why", ""))
            self.gaps.append(Gap(what, why, path if isinstance(path, str) else None))
        else:
            self.sections.setdefault(section, {}).update(data)


def kept(folder: Path) -> Examined | None:
    """Read the examination that is kept in a run folder; None when there is none that is whole."""
    if not (folder / EXAMINED_FILE).is_file():
        return None
    file = JournalFile(folder / EXAMINED_FILE)
    found = Examined()
    for event in file:
        if event.get("e") == "gap":
            found.add("gap", event)
        elif event.get("e") == "environment" and isinstance(event.get("data"), dict):
            found.add(str(event.get("section")), event["data"])
    return None if file.error or file.is_torn or file.unreadable else found


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]], keep: bool) -> Examined:
    """Examine the software that a run used, and keep what was found when ``keep`` is set and the folder lets us."""
    answers = environment.examine(used, recorded)
    sections = [(name, _with_text(data) if name == "files" else data) for name, data in answers]
    found = Examined()
    for name, data in sections:
        found.add(name, data)
    if keep:
        _keep(used.run_folder, sections)
    return found


def _with_text(files: Mapping[str, Any]) -> dict[str, Any]:
    """Take in the text of lock files that lie where they may be changed; what is no text stays a path."""
    found = {}
    for target, known in files.items():
        found[target] = known
        path = known.get("path") if isinstance(known, dict) else None
        if not isinstance(path, str) or known.get("kind") in ("package", "source"):
            continue
        try:
            if os.path.getsize(path) <= _LONGEST_TEXT:
                text = Path(path).read_bytes().decode()
                found[target] = {**{key: part for key, part in known.items() if key != "path"}, "text": text}
        except (OSError, ValueError):
            continue
    return found


def _private(path: str, flags: int) -> int:
    """Open a file that nobody else reads, as the journal is."""
    return os.open(path, flags, 0o600)


def _keep(folder: Path, sections: Iterable[Section]) -> None:
    """Write the examination beside its place, then put it there at once."""
    partial = folder / f"{EXAMINED_FILE}.{os.getpid()}.partial"
    now = time.time_ns()
    try:
        with open(partial, "w", encoding="ascii", opener=_private) as file:
            for name, data in sections:
                kind = {"e": "gap", "t": now} if name == "gap" else {"e": "environment", "t": now, "section": name}
                event = {**kind, **data} if name == "gap" else {**kind, "data": data}
                file.write(json.dumps(event, separators=(",", ":")) + "\n")
        partial.replace(folder / EXAMINED_FILE)
    except OSError:
        # The record of somebody else, or a full disk: the crate is written all the same.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
