"""``--tolerance`` -> :class:`~provenance.rerun.records.Tolerance`, and which of several is for a file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from posixpath import basename

from provenance.errors import UsageError
from provenance.rerun.records import Tolerance

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?")
_NAMES = {"rel": "relative", "relative": "relative", "abs": "absolute", "absolute": "absolute"}


def parse_tolerance(text: str) -> Tolerance:
    """Read what a user wrote behind ``--tolerance``.

    ``1e-6`` and ``rel=1e-6`` are relative to the recorded number, ``abs=1e-9`` is absolute, ``abs=1e-9,rel=1e-6`` is
    the sum of both. ``out/*.csv:rel=1e-6`` is for the files that fit the pattern only.

    Raises
    ------
    UsageError
        It is none of these.

    Examples
    --------
    >>> parse_tolerance("out/*.csv:abs=1e-9,rel=1e-6")
    Tolerance(absolute=1e-09, relative=1e-06, pattern='out/*.csv')
    """
    pattern, colon, values = text.rpartition(":")
    found: dict[str, float] = {}
    for part in values.split(","):
        name, equals, value = part.rpartition("=")
        kind = _NAMES.get(name.strip().lower()) if equals else "relative"
        if kind is None or kind in found or not _NUMBER.fullmatch(value.strip()):
            raise _wrong(text)
        found[kind] = float(value)
        if not math.isfinite(found[kind]):
            raise _wrong(text)
    if colon and not pattern:
        raise _wrong(text)
    return Tolerance(**found, pattern=pattern or None)


def _wrong(text: str) -> UsageError:
    return UsageError(
        f"--tolerance {text}: write a number such as 1e-6 (relative), rel=1e-6, abs=1e-9, or abs=1e-9,rel=1e-6, "
        "and a pattern and a colon before it for some files only: 'out/*.csv:rel=1e-6'"
    )


def tolerance_for(name: str, tolerances: Sequence[Tolerance]) -> Tolerance:
    """Choose the tolerance of a file: the last one whose pattern fits; none at all where no pattern does.

    Parameters
    ----------
    name
        Path of the file below the root of the run, with ``/``. A pattern without ``/`` is held against its base name
        too.
    """
    for tolerance in reversed(tolerances):
        pattern = tolerance.pattern
        if pattern is None or pattern == name or fnmatchcase(name, pattern):
            return tolerance
        if "/" not in pattern and fnmatchcase(basename(name), pattern):
            return tolerance
    return Tolerance()
