"""Whether two recorded files have the same content, from digests, sizes and dates, else by reading them.

Comes in: pairs of :class:`~provenance.run.model.Data` of two runs. Goes out: their
:class:`~provenance.rerun.records.Likeness`; what can't be told is UNKNOWN, never guessed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from provenance.rerun.records import Likeness
from provenance.run.model import Data

_BLOCK = 1 << 20  # bytes read at once
AGREEING = frozenset([Likeness.IDENTICAL, Likeness.EQUAL, Likeness.TOLERATED])


class Contents:
    """Compares the content of files, each file read once at most and only when nothing cheaper tells."""

    def __init__(self, known: Mapping[str, Likeness] | None = None) -> None:
        """Take what comparisons found already: key of the data of the recorded run -> likeness."""
        self._known = dict(known or {})
        self._digests: dict[str, str | None] = {}
        self._found: dict[tuple[str, str], Likeness] = {}

    def likeness(self, before: Data, after: Data) -> Likeness:
        """Compare data of the recorded run with data of the other."""
        if before.key in self._known:
            return self._known[before.key]
        pair = (before.key, after.key)
        if pair not in self._found:
            self._found[pair] = self._compare(before, after)
        return self._found[pair]

    def digest(self, data: Data) -> str | None:
        """Give the SHA-256 of what data were at the run; None when that can't be had any more."""
        if data.sha256 is not None:
            return data.sha256.lower()
        path = self.content(data)
        if path is None:
            return None
        if str(path) not in self._digests:
            self._digests[str(path)] = _sha256(path)
        return self._digests[str(path)]

    def content(self, data: Data) -> Path | None:
        """Give a file that has the content that data had at the run."""
        if data.content is None or data.changed_after or data.is_directory:
            return None
        path = Path(data.content)
        try:
            return path if path.is_file() and data.size in (None, path.stat().st_size) else None
        except (OSError, ValueError):
            return None

    def _compare(self, before: Data, after: Data) -> Likeness:
        if before.is_directory or after.is_directory:
            # What is in them are data of their own.
            return Likeness.IDENTICAL if before.is_directory and after.is_directory else Likeness.DIFFERENT
        if before.sha256 is not None and after.sha256 is not None:
            return _likeness(before.sha256.lower() == after.sha256.lower())
        if before.size is not None and after.size is not None and before.size != after.size:
            return Likeness.DIFFERENT
        if _is_untouched(before, after):
            return Likeness.IDENTICAL
        first = self.digest(before)
        second = self.digest(after) if first is not None else None
        return Likeness.UNKNOWN if first is None or second is None else _likeness(first == second)


def _is_untouched(before: Data, after: Data) -> bool:
    """Tell whether two runs saw one file that nobody wrote to between them."""
    moment = before.mtime_ns
    return (
        before.path == after.path
        and before.path.startswith("/")
        and before.size is not None
        and moment is not None
        and moment == after.mtime_ns
        and moment % 1_000_000 != 0  # a file system or an archive that keeps no finer dates may give one date twice
    )


def _likeness(is_same: bool) -> Likeness:
    return Likeness.IDENTICAL if is_same else Likeness.DIFFERENT


def _sha256(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
