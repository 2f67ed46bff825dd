"""Time stamps in texts: the forms that are known, and which of them say when a run took place.

Texts come in and go out with a mark in the place of each time stamp. ``docs/reference/comparing.md`` lists the forms.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from provenance.rerun.comparing.contract import Period

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"(?P<hour>[0-2][0-9]):(?P<minute>[0-5][0-9])(?::(?P<second>[0-6][0-9])(?:[.,][0-9]{1,9})?)?"
_SECONDS = r"(?P<hour>[0-2][0-9]):(?P<minute>[0-5][0-9]):(?P<second>[0-6][0-9])"
_OFFSET = r"(?P<offset>[+-][0-2][0-9]:?[0-5][0-9])"
_ZONE = rf"(?:{_OFFSET}|(?P<zone>[A-Z]{{1,5}}))"
_YMD = r"(?P<year>[0-9]{4})-(?P<month>[01][0-9])-(?P<day>[0-3][0-9])"

_FORMS = (
    ("ISO 8601", re.compile(rf"(?<![\w.]){_YMD}[T _]{_CLOCK}(?: ?(?:{_OFFSET}|(?P<zone>Z|UTC)))?(?!\w|\.[0-9])")),
    (
        "compact ISO 8601",
        re.compile(
            r"(?<![0-9A-Za-z.])(?P<year>[12][0-9]{3})(?P<month>[01][0-9])(?P<day>[0-3][0-9])[T_-]"
            r"(?P<hour>[0-2][0-9])(?P<minute>[0-5][0-9])(?P<second>[0-6][0-9])(?:[.,][0-9]{1,9})?"
            rf"(?:{_OFFSET}|(?P<zone>Z))?(?![0-9A-Za-z])"
        ),
    ),
    (
        "RFC 2822",
        re.compile(
            rf"(?:\b{_DAY}, )?(?<![\w.])(?P<day>[0-3]?[0-9])[ -]{_MONTH}[ -](?P<year>[0-9]{{4}}) {_SECONDS}"
            rf"(?: {_ZONE})?(?!\w)"
        ),
    ),
    (
        "ctime",
        re.compile(
            rf"\b{_DAY} {_MONTH} {{1,2}}(?P<day>[0-3]?[0-9]) {_SECONDS}(?: {_ZONE})? (?P<year>[0-9]{{4}})(?!\w)"
        ),
    ),
    (
        "date with slashes",
        re.compile(rf"(?<![\w.])(?P<year>[0-9]{{4}})/(?P<month>[01][0-9])/(?P<day>[0-3][0-9])[ T]{_CLOCK}(?!\w)"),
    ),
)
# A date alone is data as often as it is the day of the run; only the time of the run can tell.
_DATE = ("date", re.compile(rf"(?<![\w.-]){_YMD}(?![\w-])"))

# Something of each form, found faster than the forms themselves.
_MAYBE = re.compile(r"[0-9]:[0-9]|[0-9]{8}[T_-][0-9]|[0-9]-[0-9]{2}-[0-9]")

_GRACE = timedelta(minutes=5)  # clocks of several machines, and times that were rounded
_ANY_ZONE = timedelta(hours=15)  # local time of nobody knows where


def without_stamps(text: str, period: Period | None = None) -> str:
    """Put a mark in the place of each time stamp: of those within ``period`` where that is known."""
    if not _MAYBE.search(text):
        return text
    forms = _FORMS if period is None else (*_FORMS, _DATE)
    for name, pattern in forms:
        text = _mark(text, name, pattern, period)
    return text


def _mark(text: str, name: str, pattern: re.Pattern[str], period: Period | None) -> str:
    return pattern.sub(lambda match: f"\0{name}\0" if _counts(match, period) else match[0], text)


def _counts(match: re.Match[str], period: Period | None) -> bool:
    parts = match.groupdict()
    month = parts["month"]
    try:
        moment = datetime(
            int(parts["year"]),
            int(month) if month.isdigit() else _MONTHS.index(month.lower()) + 1,
            int(parts["day"]),
            int(parts.get("hour") or 0),
            int(parts.get("minute") or 0),
            min(int(parts.get("second") or 0), 59),  # 60 is a leap second
            tzinfo=timezone.utc,
        )
    except ValueError:
        return False
    if period is None:
        return True
    start, end = _in_utc(period.start), _in_utc(period.end)
    grace = _ANY_ZONE
    try:
        if parts.get("offset"):
            moment -= _offset(parts["offset"])
            grace = _GRACE
        elif parts.get("zone") in ("Z", "UTC", "GMT"):
            grace = _GRACE
        if "hour" not in parts:
            return start - grace - timedelta(days=1) <= moment <= end + grace
        return start - grace <= moment <= end + grace
    except OverflowError:
        return False


def _offset(text: str) -> timedelta:
    size = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return -size if text[0] == "-" else size


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
