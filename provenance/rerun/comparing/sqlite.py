"""SQLite: tables, indices, views and triggers as they are defined, and the rows of the tables.

A file is opened read-only and as one that nothing changes. Views and virtual tables are compared by their definition
and never run. Rows have no order of their own: those of a table with a primary key are compared by it, others as a
whole.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias
from urllib.parse import quote

from provenance.rerun.comparing.contract import Comparer, Context, Finding, NotOfThisKind, TooLarge, Unreadable
from provenance.rerun.comparing.numbers import Deviation, shown, shown_pair
from provenance.rerun.comparing.wording import Wording

_HEAD = b"SQLite format 3\0"
_SECONDS = 120
_ROW = 200  # bytes of memory that a row takes besides its values, about

_Value: TypeAlias = int | float | str | bytes | None
_Row: TypeAlias = tuple[_Value, ...]


def _compare(before: Path, after: Path, context: Context) -> Finding:
    comparison = _Comparison(context)
    try:
        with closing(_open(before, context)) as one, closing(_open(after, context)) as other:
            try:
                comparison.compare(one, other)
            except TooLarge:
                if comparison.deviation.first is None:
                    raise
                comparison.deviation.is_cut_short = True
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise TooLarge(f"it took more than {_SECONDS} seconds") from None
        raise Unreadable(str(error)) from None
    except sqlite3.DatabaseError as error:
        raise Unreadable(str(error)) from None
    form = "".join(f", {form}" for form in comparison.wording.forms)
    return comparison.deviation.finding(
        "SQLite", f"equal but for the order of rows{form} or the layout of the file", "places"
    )


def _open(file: Path, context: Context) -> sqlite3.Connection:
    wal = file.with_name(file.name + "-wal")
    if wal.exists() and wal.stat().st_size:
        raise Unreadable(f"a part of it lies in {wal.name}")
    address = f"file:{quote(str(file.absolute()).encode('utf-8', 'surrogateescape'))}?mode=ro&immutable=1"
    connection = sqlite3.connect(address, uri=True)
    connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    # What a hostile schema could use: https://www.sqlite.org/security.html
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON"):
        connection.execute(f"PRAGMA {pragma}")
    if sys.version_info >= (3, 11):
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(1_000_000, context.options.limit // 4))
    end = monotonic() + _SECONDS
    connection.set_progress_handler(lambda: int(monotonic() > end), 100_000)
    return connection


class _Comparison:
    def __init__(self, context: Context) -> None:
        self._context = context
        self.deviation = Deviation(context.tolerance)
        self.wording = Wording(context, has_stamps=False)

    def compare(self, before: sqlite3.Connection, after: sqlite3.Connection) -> None:
        for pragma in ("user_version", "application_id"):
            one, other = (connection.execute(f"PRAGMA {pragma}").fetchone()[0] for connection in (before, after))
            if one != other:
                self.deviation.differ(f"{pragma}: recorded {one}, now {other}")
        recorded, now = _schema(before), _schema(after)
        for key in sorted(recorded.keys() | now.keys()):
            kind, name = key
            if key not in recorded or key not in now:
                self.deviation.differ(f"{kind} {shown(name)}: {'now missing' if key in recorded else 'not recorded'}")
            elif recorded[key] != now[key]:
                self.deviation.differ(f"{kind} {shown(name)}: {shown_pair(recorded[key], now[key], 120)}")
            elif kind == "table" and not now[key].upper().startswith("CREATE VIRTUAL"):
                self._table(name, before, after)

    def _table(self, name: str, before: sqlite3.Connection, after: sqlite3.Connection) -> None:
        quoted = '"' + name.replace('"', '""') + '"'
        about = before.execute(f"PRAGMA table_xinfo({quoted})").fetchall()
        # Columns that are computed are left out: what computes them is in the definition.
        columns = [row[1] for row in about if row[6] == 0]
        keys = [row[1] for row in sorted((row for row in about if row[5]), key=lambda row: row[5])]
        if not columns:
            return
        listed = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
        order = ", ".join('"' + column.replace('"', '""') + '"' for column in keys)
        query = f"SELECT {listed} FROM {quoted}" + (f" ORDER BY {order}" if keys else "")
        rows = self._rows(before, query), self._rows(after, query)
        if keys:
            places = [columns.index(key) for key in keys if key in columns]
            self._by_key(name, columns, places, *rows)
        else:
            self._as_a_whole(name, columns, *rows)

    def _rows(self, connection: sqlite3.Connection, query: str) -> Iterator[_Row]:
        for row in connection.execute(query):
            self._context.budget.spend(unpacked=_size(row))
            yield row

    def _by_key(
        self, table: str, columns: list[str], keys: list[int], before: Iterator[_Row], after: Iterator[_Row]
    ) -> None:
        for one, other in zip_longest(before, after):
            row = one or other or ()
            key = ", ".join(f"{columns[place]}={_text(row[place])}" for place in keys)
            where = f"table {shown(table)}, row {shown(key)}"
            if one is None or other is None or any(not _equal(one[place], other[place]) for place in keys):
                if one is not None and other is not None:
                    self.deviation.differ(f"{where}: the rows are others from here on")
                else:
                    self.deviation.differ(f"{where}: {'now missing' if other is None else 'not recorded'}")
                return
            self._row(where, columns, one, other)

    def _as_a_whole(self, table: str, columns: list[str], before: Iterator[_Row], after: Iterator[_Row]) -> None:
        """Compare the rows of a table without a key: those that both have are set aside, the rest in sorted order."""
        left = Counter(self._kept(before))
        right: Counter[_Row] = Counter()
        for row in self._kept(after):
            if left[row] > 0:
                left[row] -= 1
            else:
                right[row] += 1
        rest = [sorted(rows.elements(), key=_order) for rows in (left, right)]
        for at, (one, other) in enumerate(zip_longest(*rest), start=1):
            where = f"table {shown(table)}, row {at} of those that changed"
            if one is None or other is None:
                values = ", ".join(map(_text, one or other or ()))
                which = "not recorded" if one is None else "now missing"
                self.deviation.differ(f"table {shown(table)}, row {shown(values)}: {which}")
                return
            self._row(where, columns, one, other)

    def _kept(self, rows: Iterator[_Row]) -> Iterator[_Row]:
        """Pass rows on that are to be held in memory."""
        size = 0
        for row in rows:
            size += _size(row)
            if size > self._context.options.limit:
                raise TooLarge("a table without a primary key is beyond the limit")
            yield row

    def _row(self, where: str, columns: list[str], before: _Row, after: _Row) -> None:
        for column, one, other in zip(columns, before, after, strict=True):
            if _equal(one, other):
                continue
            if isinstance(one, (int, float)) and isinstance(other, (int, float)):
                if self.deviation.within(one, other):
                    continue
            elif isinstance(one, str) and isinstance(other, str) and self.wording.agree(one, other):
                continue
            self.deviation.differ(f"{where}, column {shown(column)}: {shown_pair(_text(one), _text(other), mark='')}")


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    query = "SELECT type, name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    found = {}
    for kind, name, sql in connection.execute(query):
        if not all(isinstance(value, str) for value in (kind, name, sql)):
            raise NotOfThisKind
        found[(kind, name)] = sql
    return found


def _size(row: _Row) -> int:
    """Estimate the bytes of memory that a row takes."""
    return _ROW + sum(len(value) if isinstance(value, (str, bytes)) else 32 for value in row)


def _equal(before: _Value, after: _Value) -> bool:
    return type(before) is type(after) and before == after


def _order(row: _Row) -> tuple[tuple[int, Any], ...]:
    """Sort rows of any types, numbers that may deviate last."""
    exact = tuple(_rank(value) for value in row if not isinstance(value, float))
    return (*exact, (9, 0), *(_rank(value) for value in row if isinstance(value, float)))


def _rank(value: _Value) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, (int, float)):
        return (1, value)
    return (2, value) if isinstance(value, str) else (3, value)


def _text(value: _Value) -> str:
    if isinstance(value, bytes):
        return f"{len(value):,} bytes {value[:8].hex()}"
    return "NULL" if value is None else repr(value) if isinstance(value, str) else str(value)


COMPARER = Comparer("SQLite", lambda _, head: head.startswith(_HEAD), _compare)
