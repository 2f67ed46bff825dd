"""CSV and TSV, cell by cell, as a stream: cells that are numbers are compared as numbers; quotes, the delimiter and
line ends don't count. The order of the rows does."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice, zip_longest
from pathlib import Path
from typing import TextIO

from provenance.rerun.comparing.contract import MEBIBYTE, Comparer, Context, Finding, NotOfThisKind, TooLarge
from provenance.rerun.comparing.numbers import Deviation, number, shown, shown_pair
from provenance.rerun.comparing.text import check_text, open_text, same_in_other_order
from provenance.rerun.comparing.wording import Wording
from provenance.rerun.records import Likeness

_ENDINGS = (".csv", ".tsv", ".tab")
_DELIMITERS = ",;\t|"
_SAMPLE = 20  # rows that the delimiter is told by
_LONGEST_LINE = 4 * MEBIBYTE


def _compare(before: Path, after: Path, context: Context) -> Finding:
    check_text(before, after)
    try:
        one, other = _delimiter(before), _delimiter(after)
    except UnicodeDecodeError:
        raise NotOfThisKind from None
    found = None
    # A small table may look as if it had another delimiter than the same one with more quotes.
    for delimiters in dict.fromkeys([(one, other), (one, one), (other, other)]):
        try:
            finding = _compare_with(before, after, delimiters, context)
        except (csv.Error, UnicodeDecodeError):
            continue
        if finding.likeness is not Likeness.DIFFERENT:
            return finding
        found = found or finding
    if found is None:
        raise NotOfThisKind
    return found


def _compare_with(before: Path, after: Path, delimiters: tuple[str, str], context: Context) -> Finding:
    wording = Wording(context, has_stamps=False)
    deviation = Deviation(context.tolerance)
    with ExitStack() as opened:
        one, other = opened.enter_context(open_text(before, "")), opened.enter_context(open_text(after, ""))
        _compare_rows(_rows(one, delimiters[0]), _rows(other, delimiters[1]), wording, deviation)
    if deviation.first is not None and _is_reordered(before, after, delimiters, wording, context):
        return Finding(Likeness.DIFFERENT, "CSV", f"the same rows in another order; {deviation.first}")
    form = [*wording.forms, *(["the delimiter"] if delimiters[0] != delimiters[1] else [])]
    plain = "quotes, line ends or how numbers are written"
    return deviation.finding("CSV", f"equal but for {', '.join(form) or plain}", "cells")


def _compare_rows(
    before: Iterator[list[str]], after: Iterator[list[str]], wording: Wording, deviation: Deviation
) -> None:
    header: list[str] = []
    for row, (recorded, now) in enumerate(zip_longest(before, after), start=1):
        if row == 1 and recorded:
            header = _header(recorded)
        if recorded is None or now is None:
            which = "is missing" if now is None else "was not recorded"
            deviation.differ(f"row {row}: {shown(', '.join(recorded or now or []))} {which}")
            return
        if recorded == now:
            continue
        if len(recorded) != len(now):
            deviation.differ(f"row {row}: recorded {len(recorded):,} cells, now {len(now):,}")
        for column, (one, other) in enumerate(zip(recorded, now, strict=False)):
            if one != other and not _agree(one, other, wording, deviation):
                name = shown(header[column]) if column < len(header) else str(column + 1)
                deviation.differ(f"row {row}, column {name}: {shown_pair(one, other)}")


def _agree(before: str, after: str, wording: Wording, deviation: Deviation) -> bool:
    one, other = number(before), number(after)
    if one is not None and other is not None:
        return deviation.within(one, other)
    return wording.agree(before, after)


def _header(row: list[str]) -> list[str]:
    """Give the names of the columns; none when the first row is data."""
    is_header = all(name.strip() and number(name) is None for name in row) and len(set(row)) == len(row)
    return row if is_header else []


def _rows(stream: TextIO, delimiter: str) -> Iterator[list[str]]:
    """Read the rows; strictly, because a reader that guesses would take different files for equal ones."""
    return csv.reader(_lines(stream), delimiter=delimiter, strict=True)


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(_LONGEST_LINE + 1):
        if len(line) > _LONGEST_LINE:
            raise TooLarge("a line is too long")
        yield line


def _delimiter(file: Path) -> str:
    """Tell the delimiter: the one that cuts the first rows into the same number of cells, and into the most."""
    most, chosen = 1, "\t" if file.name.lower().endswith((".tsv", ".tab")) else ","
    for delimiter in _DELIMITERS:
        with open_text(file, "") as stream:
            try:
                widths = {len(row) for row in islice(_rows(stream, delimiter), _SAMPLE) if row}
            except csv.Error:
                continue
        if len(widths) == 1 and max(widths) > most:
            most, chosen = max(widths), delimiter
    return chosen


def _is_reordered(before: Path, after: Path, delimiters: tuple[str, str], wording: Wording, context: Context) -> bool:
    try:
        context.check_size(before, after, factor=16)
    except TooLarge:
        return False
    with open_text(before, "") as one, open_text(after, "") as other:
        return same_in_other_order(
            (tuple(map(wording.recorded, row)) for row in _rows(one, delimiters[0])),
            (tuple(map(wording.now, row)) for row in _rows(other, delimiters[1])),
        )


COMPARER = Comparer("CSV", lambda name, _: name.endswith(_ENDINGS), _compare)
