"""Numbers in texts, and how far apart two of them are.

The rule is that of :class:`~provenance.rerun.records.Tolerance`: ``abs(a - b) <= absolute + relative * abs(a)``, with
``a`` the recorded number. NaN equals NaN and an infinity that of the same sign. Whole numbers beyond 2**53, which a
float can't tell apart, must be equal: they are identifiers, seeds and digests more often than measurements.
"""

from __future__ import annotations

import math
import re
import sys

from provenance.rerun.comparing.contract import Finding
from provenance.rerun.records import Likeness, Tolerance

EXACT = 2**53  # from here on not every whole number is a float

# With a point, an exponent may be Fortran's: 1.5D+03.
_WHOLE = "(?:0|[1-9][0-9]*)"
_DIGITS = rf"(?:(?:{_WHOLE}\.[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?|{_WHOLE}(?:[eE][+-]?[0-9]+)?)"
_WORDS = "[nN][aA][nN]|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?"
_NUMBER = re.compile(rf"(?P<whole>[+-]?{_WHOLE})|[+-]?(?:{_DIGITS}|(?P<word>{_WORDS}))")
# A number that stands for itself: no part of a word, of a version or of a time.
IN_TEXT = re.compile(rf"(?<![\w.])([+-]?(?:{_DIGITS}|nan|NaN|inf|Infinity))(?!\w|\.[0-9])")
_LONGEST = 400  # characters; more are no number that anybody measured, and Python limits what it converts


def number(text: str) -> int | float | None:
    """Read a number as programs write it; None for anything else, for ``007`` and for what is beyond any float."""
    plain = text.strip(" ")
    match = _NUMBER.fullmatch(plain) if len(plain) <= _LONGEST else None
    if match is None:
        return None
    if match["whole"]:
        return int(plain)
    if match["word"]:
        return float(plain)
    value = float(plain.replace("d", "e").replace("D", "e"))
    return None if math.isinf(value) else value


class Deviation:
    """Gathers how far numbers are apart: the largest deviations, and whether any was beyond the tolerance."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self.absolute: float | None = None
        self.relative: float | None = None
        self.first: str | None = None  # the first difference that is beyond the tolerance
        self.count = 0  # of such differences
        self.is_cut_short = False  # a limit was reached after the first difference
        self.deviated = 0  # numbers that are apart and within the tolerance

    def within(self, before: float, after: float) -> bool:
        """Tell whether two numbers count as equal, and remember how far they are apart."""
        if before == after:
            return True
        one, other = _as_float(before), _as_float(after)
        apart = abs(one - other)
        if not apart <= sys.float_info.max:  # NaN, an infinity, or too far apart for a float
            return math.isnan(one) and math.isnan(other)
        is_exact = (isinstance(before, int) and abs(before) > EXACT) or (isinstance(after, int) and abs(after) > EXACT)
        if is_exact and isinstance(before, int) and isinstance(after, int):
            apart = _as_float(abs(before - after))
        size = abs(one)
        self.widen(apart, apart / size if size else None)
        is_near = not is_exact and apart <= self._tolerance.absolute + self._tolerance.relative * size
        self.deviated += is_near
        return is_near

    def widen(self, absolute: float | None, relative: float | None) -> None:
        """Remember how far numbers are apart."""
        if absolute is not None and (self.absolute is None or absolute > self.absolute) and absolute < math.inf:
            self.absolute = absolute
        if relative is not None and (self.relative is None or relative > self.relative) and relative < math.inf:
            self.relative = relative

    def differ(self, detail: str, count: int = 1) -> None:
        """Remember a difference; the first one is told."""
        if self.first is None:
            self.first = detail
        self.count += count

    def finding(self, how: str, form: str, things: str = "") -> Finding:
        """Say what was found.

        Parameters
        ----------
        form
            What differs in form, where nothing else does.
        things
            What the differences are of, in the plural ("lines"), to say how many there are.
        """
        if self.first is not None:
            more = f" ({self.count:,} {things} differ)" if things and self.count > 1 else ""
            end = "; the rest is beyond the limits" if self.is_cut_short else ""
            return Finding(Likeness.DIFFERENT, how, self.first + more + end, self.absolute, self.relative)
        if self.deviated:
            detail = f"{self.deviated:,} number{'s' if self.deviated > 1 else ''} within the tolerance"
            return Finding(Likeness.TOLERATED, how, detail, self.absolute, self.relative)
        return Finding(Likeness.EQUAL, how, form)


def _as_float(value: float) -> float:
    if type(value) is float:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf


def shown(text: str, length: int = 60, mark: str = "'") -> str:
    """Shorten a text of a file for a sentence about it; bytes that are no UTF-8 are shown as Latin-1."""
    cut = text if len(text) <= length else text[: length - 3] + "..."
    return f"{mark}{_readable(cut)}{mark}"


def shown_pair(before: str, after: str, length: int = 60, mark: str = "'") -> str:
    """Say what two texts are, shortened so that the place where they differ can be seen."""
    start = 0
    if max(len(before), len(after)) > length:
        same = next((at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), None)
        start = max(0, (min(len(before), len(after)) if same is None else same) - length // 3)
    dots = "..." if start else ""
    return f"recorded {shown(dots + before[start:], length, mark)}, now {shown(dots + after[start:], length, mark)}"


def _readable(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return text.encode("utf-8", "surrogateescape" if _has_bytes_only(text) else "replace").decode("latin-1")
    return text


def _has_bytes_only(text: str) -> bool:
    return not any("\ud800" <= letter < "\udc80" or "\udcff" < letter <= "\udfff" for letter in text)
