"""What tests of the parts of an examination share: what a run used, and the answer as one dictionary a section."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from provenance.environment import Section, Used


class Part(Protocol):
    """A module that examines one kind of software."""

    def examine(self, used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterable[Section]: ...


def used(
    *,
    programs: Iterable[str | Path] = (),
    libraries: Iterable[str | Path] = (),
    files: Iterable[str | Path] = (),
    folders: Iterable[str | Path] = (),
    interpreters: Iterable[str | Path] = (),
    end: int | None = None,
) -> Used:
    """What a run used that ends now, or at ``end`` (ns since the epoch)."""
    return Used(
        programs=tuple(map(str, programs)),
        libraries=tuple(map(str, libraries)),
        files=tuple(map(str, files)),
        engagements=(),
        folders=tuple(map(str, folders)),
        run_folder=Path("/nonexistent"),
        interpreters=tuple(map(str, interpreters)),
        end=time.time_ns() + 10**9 if end is None else end,
    )


def answer(part: Part, what: Used, recorded: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The sections that a part yields, events of one section put together; gaps as a list."""
    sections: dict[str, Any] = defaultdict(dict, gap=[])
    for section, data in part.examine(what, recorded or {}):
        if section == "gap":
            sections[section].append(data)
        else:
            sections[section].update(data)
    return sections
