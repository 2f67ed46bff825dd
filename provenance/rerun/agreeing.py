"""Whether a file is what is recorded of it, by SHA-256 and size, else by its date.

Comes in: what was found of a file, and what is recorded. Goes out: an
:class:`~provenance.rerun.records.Agreement` and, where they differ, in which way.
"""

from __future__ import annotations

from datetime import datetime, timezone

from provenance.rerun.file_digests import Reading
from provenance.rerun.records import Agreement

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND


def compared(reading: Reading, size: int | None, sha256: str | None) -> tuple[Agreement, str]:
    """Hold what was found of a file against the size and digest that are recorded; say which, and how they differ."""
    if reading.problem is not None:
        return (Agreement.MISSING if reading.is_missing else Agreement.DIFFERS), reading.problem
    if size is not None and reading.size != size:
        return Agreement.DIFFERS, f"{reading.size:,} bytes, recorded are {size:,}"
    if sha256 is None:
        return (Agreement.NOTHING if size is None else Agreement.SIZE), ""
    if reading.sha256 == sha256:
        return Agreement.SHA256, ""
    return Agreement.DIFFERS, f"SHA-256 {(reading.sha256 or '')[:12]}..., recorded is {sha256[:12]}..."


def compared_dates(found: int | None, recorded: int | None) -> tuple[Agreement, str]:
    """Hold the date of a file, in nanoseconds since the epoch, against the recorded one.

    They are compared as finely as the record is: to the day, else to the two seconds that some file systems keep.
    """
    if found is None or recorded is None:
        return Agreement.NOTHING, ""
    if recorded % _DAY == 0:
        is_same = abs(found - recorded - _DAY // 2) <= 1.5 * _DAY  # whichever zone that day was in
    else:
        is_same = abs(found - recorded) < 2 * _SECOND
    if is_same:
        return Agreement.DATE, ""
    return Agreement.DIFFERS, f"its date is {_date(found)}, recorded is {_date(recorded)}"


def _date(nanoseconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(nanoseconds // _SECOND, timezone.utc):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "no date that there is"
