"""Two short texts (a line, a cell, a string of JSON, an attribute): whether they say the same.

Recorded paths and the places now, time stamps of listed forms and, with a tolerance, the numbers in them count as
equal. Gathers what differed in form only.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from provenance.rerun.comparing.contract import Context
from provenance.rerun.comparing.numbers import IN_TEXT, Deviation, number
from provenance.rerun.comparing.timestamps import without_stamps


class Wording:
    """Compares short texts.

    Parameters
    ----------
    has_stamps
        Time stamps count as equal even where the times of the runs are not known.
    """

    def __init__(self, context: Context, *, has_stamps: bool) -> None:
        self.forms: dict[str, None] = {}  # what differed in form only, in the order in which it was met
        self._longest = context.options.limit // 64  # characters that are cut into numbers, which take memory
        self._has_tolerance = context.has_tolerance
        self._periods = context.options.periods
        self._has_stamps = has_stamps or self._periods is not None
        self._places, self._pattern = _places(context.options.paths)

    def recorded(self, text: str) -> str:
        """Give a text of the recorded file without what counts as equal."""
        return self._without_stamps(self._without_places(text), 0)

    def now(self, text: str) -> str:
        """Give a text of the new file without what counts as equal."""
        return self._without_stamps(self._without_places(text), 1)

    def agree(self, before: str, after: str, deviation: Deviation | None = None) -> bool:
        """Tell whether two texts say the same; numbers in them count with ``deviation`` only."""
        if before == after:
            return True
        one, other = self._without_places(before), self._without_places(after)
        if one == other:
            self.forms["paths"] = None
            return True
        one, other = self._without_stamps(one, 0), self._without_stamps(other, 1)
        if one == other:
            self.forms["time stamps"] = None
            return True
        if deviation is None or max(len(one), len(other)) > self._longest:
            return False
        are_near = _numbers_agree(one, other, deviation)
        if are_near and self._has_tolerance:
            self.forms["how numbers are written"] = None
            return True
        return False

    def _without_places(self, text: str) -> str:
        """Put the recorded prefix where the text has that of the place now."""
        if self._pattern is None or "/" not in text:
            return text
        return self._pattern.sub(lambda match: self._places[match[0]], text)

    def _without_stamps(self, text: str, which: int) -> str:
        if not self._has_stamps:
            return text
        return without_stamps(text, self._periods[which] if self._periods else None)


def _places(paths: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], re.Pattern[str] | None]:
    """Lead each place now back to what was recorded: plain, and as addresses have it.

    Both texts are led back, so that a recorded path that the new run took over from its data stays equal too.
    """
    places: dict[str, str] = {}
    for recorded, now in paths:
        one, other = recorded.rstrip("/"), now.rstrip("/")
        if other.startswith("/") and one != other:
            for written in (other, _address(other), _address(one)):
                if written != one:
                    places.setdefault(written, one)
    if not places:
        return {}, None
    longest_first = sorted(places, key=len, reverse=True)
    # At the start of a path: behind no letter, unless that is a compiler's -I or -L.
    start, end = r"(?:(?<![\w.\-])|(?<=-[A-Za-z]))", r"(?![\w\-]|\.\w)"
    return places, re.compile(f"{start}(?:{'|'.join(map(re.escape, longest_first))}){end}")


def _address(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"))


def _numbers_agree(before: str, after: str, deviation: Deviation) -> bool:
    """Compare the numbers of two texts that are the same but for these, and for the blanks around them."""
    one, other = IN_TEXT.split(before), IN_TEXT.split(after)
    if len(one) != len(other) or len(one) == 1:
        return False
    words = zip(one[::2], other[::2], strict=True)
    if any(recorded != now and _plain(recorded) != _plain(now) for recorded, now in words):
        return False
    are_near = True
    for recorded, now in zip(one[1::2], other[1::2], strict=True):
        if recorded == now:
            continue
        first, second = number(recorded), number(now)
        if first is None or second is None or not deviation.within(first, second):
            are_near = False
    return are_near


def _plain(part: str) -> str:
    """Columns of a table are as wide as their numbers: blanks beside these don't count."""
    return re.sub("[ \\t]+", " ", part).strip(" ")
