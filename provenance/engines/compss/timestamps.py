"""Timestamps in the files of COMPSs -> nanoseconds since the epoch.

In: ``2026-03-16T10:12:01.123456Z`` as the runtime and the workers write it, with 0 to 9 digits of a fraction and any
offset, or ``2026-03-16 10:12:01`` as the profiler does. Out: an integer, or None for what is no timestamp.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
_EPOCH = date(1970, 1, 1).toordinal()
_FORM = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]|60)(?:[.,]([0-9]{1,9})[0-9]*)?)?"
    r"(?:(Z)|([+-])([0-9]{2}):?([0-5][0-9])?)?"
)


def instant(text: str) -> int | None:
    """Return the nanoseconds since 1970-01-01T00:00:00Z; None also when the text has no offset.

    >>> instant("2026-03-16T10:12:01.5+0100"), instant("2026-03-16T10:12:01")
    (1773652321500000000, None)
    """
    found = _read(text)
    return None if found is None or found[1] is None else found[0] - found[1]


def wall_clock(text: str) -> int | None:
    """Return what a clock showed as if it had shown UTC; None also when the text has an offset."""
    found = _read(text)
    return None if found is None or found[1] is not None else found[0]


def _read(text: str) -> tuple[int, int | None] | None:
    """Return what the clock showed, and the offset of its zone."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    day, hours, minutes, seconds, fraction, is_utc, sign, offset_hours, offset_minutes = match.groups()
    days = _days(day)
    if days is None:
        return None
    whole = ((days * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds or 0)
    shown = whole * SECOND + (int(fraction.ljust(9, "0")) if fraction else 0)
    if is_utc:
        return shown, 0
    if sign is None:
        return shown, None
    offset = (int(offset_hours) * 60 + int(offset_minutes or 0)) * MINUTE
    return shown, -offset if sign == "-" else offset


@lru_cache(maxsize=64)
def _days(text: str) -> int | None:
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH
    except ValueError:
        return None
