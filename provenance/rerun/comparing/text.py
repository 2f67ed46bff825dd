"""Texts, line by line, as a stream: any size.

Equal are line ends, a byte order mark, listed time stamps, recorded paths against the places now, and with a tolerance
the numbers in a line. UTF-8, Latin-1 and UTF-16 with a byte order mark; bytes that are no UTF-8 stay what they are.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import TextIO

from provenance.rerun.comparing.contract import MEBIBYTE, Comparer, Context, Finding, NotOfThisKind, TooLarge
from provenance.rerun.comparing.numbers import Deviation, shown, shown_pair
from provenance.rerun.comparing.wording import Wording
from provenance.rerun.records import Likeness

_LONGEST_LINE = 16 * MEBIBYTE  # characters
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What no text holds: control characters but tab, line feed, form feed, carriage return, backspace and escape.
_CONTROL = bytes(code for code in range(32) if code not in (8, 9, 10, 12, 13, 27)) + b"\x7f"
_NO_CONTROL = bytes(code for code in range(256) if code not in _CONTROL)


def looks_like_text(head: bytes) -> bool:
    """Tell whether a file that begins so can be text."""
    return head.startswith(_UTF16) or not head.translate(None, _NO_CONTROL)


def check_text(*files: Path) -> None:
    """Check that files are text as a whole.

    Raises
    ------
    NotOfThisKind
        One has a byte that no text has.
    """
    for file in files:
        with file.open("rb") as stream:
            if stream.read(2) in _UTF16:
                continue
            stream.seek(0)
            while block := stream.read(MEBIBYTE):
                if block.translate(None, _NO_CONTROL):
                    raise NotOfThisKind


def open_text(file: Path, newline: str | None = None) -> TextIO:
    """Open a text for reading, without its byte order mark; bytes that are no UTF-8 become lone surrogates."""
    with file.open("rb") as stream:
        is_utf16 = stream.read(2) in _UTF16
    if is_utf16:
        return file.open(encoding="utf-16", errors="strict", newline=newline)
    return file.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)


def same_in_other_order(before: Iterable[Hashable], after: Iterable[Hashable]) -> bool:
    """Tell whether two sequences hold the same things, in whatever order."""
    return Counter(before) == Counter(after)


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise TooLarge("a line is too long")
        yield line


def _compare(before: Path, after: Path, context: Context) -> Finding:
    check_text(before, after)
    wording = Wording(context, has_stamps=True)
    deviation = Deviation(context.tolerance)
    with ExitStack() as opened:
        one, other = opened.enter_context(open_text(before)), opened.enter_context(open_text(after))
        try:
            pairs = enumerate(zip_longest(_lines(one), _lines(other)), start=1)
            for position, (recorded, now) in pairs:
                if recorded is None or now is None:
                    deviation.differ(f"line {position}: {_end(recorded, now)}")
                    break
                if recorded != now and not wording.agree(recorded, now, deviation):
                    deviation.differ(f"line {position}: {_both(recorded, now)}")
        except UnicodeDecodeError:
            raise NotOfThisKind from None
        form = list(wording.forms)
        if one.newlines != other.newlines:
            form.append("line ends")
    if deviation.first is not None and _is_reordered(before, after, wording, context):
        return Finding(Likeness.DIFFERENT, "text", f"the same lines in another order; {deviation.first}")
    return deviation.finding("text", f"equal but for {', '.join(form) or 'the byte order mark or encoding'}", "lines")


def _end(recorded: str | None, now: str | None) -> str:
    if now is None:
        return f"recorded {shown((recorded or '').rstrip())}, now the file ends before it"
    return f"recorded is the end of the file, now {shown(now.rstrip())}"


def _both(recorded: str, now: str) -> str:
    if recorded.rstrip("\n") == now.rstrip("\n"):
        return f"recorded with{'' if recorded.endswith(chr(10)) else 'out'} a line end, now the other way"
    return shown_pair(recorded.rstrip("\n"), now.rstrip("\n"))


def _is_reordered(before: Path, after: Path, wording: Wording, context: Context) -> bool:
    try:
        context.check_size(before, after, factor=8)
    except TooLarge:
        return False
    with open_text(before) as one, open_text(after) as other:
        return same_in_other_order(
            (wording.recorded(line) for line in _lines(one)), (wording.now(line) for line in _lines(other))
        )


COMPARER = Comparer("text", lambda _, head: looks_like_text(head), _compare)
