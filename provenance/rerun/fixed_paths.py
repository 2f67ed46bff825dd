"""Recorded paths that stand in code or within words of the command: nothing rewrites them.

Comes in: the plan's steps and files. Goes out: what holds such a path, as a sentence before the run, and as the likely
cause when the results of the run are not what they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from provenance.rerun.causes import NOTHING_SEEN
from provenance.rerun.records import Difference, Divergence, Placement, PlannedFile, Step
from provenance.run.model import Role

_TEXT_LIMIT = 1 << 20  # bytes of a source that is looked through
_LOOKED_THROUGH = (Role.SOURCE.value, Role.CONFIGURATION.value)


def fixed_paths(where: Placement, steps: Sequence[Step], files: Sequence[PlannedFile]) -> Iterator[Difference]:
    """Find what holds a path of the recorded run, one difference for each."""
    if where.root.count("/") < 2:
        return
    root = where.root.encode("utf-8", "surrogateescape")
    told = f"holds the path {where.root}, which --isolate would put in place"
    for step in steps:
        rewritten = {rewrite.index for rewrite in step.rewrites}
        if any(where.root in word for index, word in enumerate(step.words) if index not in rewritten):
            yield Difference("command", "a word of the command", detail=told)
    for file in files:
        if file.role not in _LOOKED_THROUGH or file.content is None or file.is_directory:
            continue
        if root in _beginning(file.content):
            yield Difference("code", file.key, detail=told)


def with_fixed_paths(parted: Divergence | None, found: Sequence[Difference], where: Placement) -> Divergence | None:
    """Name fixed paths as the cause of a divergence for which nothing else was found, or where one of them was used."""
    if parted is None or not found:
        return parted
    others = tuple(one for one in parted.differences if one.what != NOTHING_SEEN)
    is_used = any(one.after is not None and where.root in one.after for one in others)
    if len(others) == len(parted.differences) and not is_used:
        return parted
    return replace(parted, differences=(*found, *others))


def _beginning(content: Path) -> bytes:
    if not content.is_file():
        return b""
    with content.open("rb") as file:
        return file.read(_TEXT_LIMIT)
