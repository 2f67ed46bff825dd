"""Text for a terminal: what users named is shown in full, and nothing in it can command the terminal.

Comes in: names, sizes in bytes, durations in seconds, times in nanoseconds since the epoch. Goes out: single lines
without control characters, cut to a width counted in terminal columns.
"""

from __future__ import annotations

import errno
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from provenance.errors import OutputError

# C0 and C1 controls, DEL, line and paragraph separators, marks that reverse the reading direction or are invisible,
# lone surrogates (bytes that are not UTF-8).
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def clean(text: object) -> str:
    """Show ``text`` on one line with every control character written as an escape such as ``\\n`` or ``\\x1b``."""
    return _UNSAFE.sub(_escape, str(text))


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if char in _ESCAPES:
        return _ESCAPES[char]
    if 0xDC80 <= code <= 0xDCFF:  # a byte, as os.fsdecode keeps it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def width(text: str) -> int:
    """Columns that ``text`` takes in a terminal; wide East Asian characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: object, columns: int) -> str:
    """Clean ``text`` and cut it to ``columns``, with an ellipsis in the middle so that both ends stay readable."""
    cleaned = clean(text)
    if width(cleaned) <= columns:
        return cleaned
    if columns <= 1:
        return "…"[:columns]
    tail = (columns - 1) // 2
    return _take(cleaned, columns - 1 - tail) + "…" + _take(cleaned[::-1], tail)[::-1]


def cut(text: object, columns: int) -> str:
    """Clean ``text`` and cut it to ``columns``, with an ellipsis at the end."""
    cleaned = clean(text)
    return cleaned if width(cleaned) <= columns else _take(cleaned, columns - 1).rstrip() + "…"


def _take(text: str, columns: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += _columns(char)
        if used > columns:
            return text[:index]
    return text


def wrap(text: object, columns: int) -> list[str]:
    """Clean ``text`` and break it at blanks into lines of at most ``columns``; words that are longer stay whole."""
    lines: list[str] = []
    line = ""
    for word in clean(text).split(" "):
        if line and width(line) + 1 + width(word) > columns:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def table(
    rows: Sequence[Sequence[object]],
    header: Sequence[str] = (),
    *,
    right: Sequence[int] = (),
    flexible: int | None = 0,
    columns: int | None = None,
    indent: str = "",
) -> list[str]:
    """Align ``rows`` of cells into lines.

    ``right`` names the columns that are set flush right, ``flexible`` the one that is cut when the lines would be
    wider than ``columns`` (default: the terminal).
    """
    cells = [[clean(cell) for cell in row] for row in ([header] if header else []) + list(rows)]
    if not cells:
        return []
    count = max(len(row) for row in cells)
    widths = [max((width(row[i]) for row in cells if i < len(row)), default=0) for i in range(count)]
    room = (columns or terminal_columns()) - len(indent) - 2 * (count - 1)
    if flexible is not None and sum(widths) > room:
        widths[flexible] = max(8, room - (sum(widths) - widths[flexible]))
    lines = []
    for row in cells:
        parts = []
        for i, cell in enumerate(row):
            shown = fit(cell, widths[i]) if i == flexible else cell
            pad = " " * (widths[i] - width(shown))
            parts.append(pad + shown if i in right else shown + pad)
        lines.append((indent + "  ".join(parts)).rstrip())
    return lines


def terminal_columns() -> int:
    """Width to write for: the terminal's (or ``COLUMNS``), at least 40; 80 where there is none."""
    return max(40, shutil.get_terminal_size((80, 24)).columns)


def size(count: int | None) -> str:
    """Bytes for people: ``1.5 MiB``; ``?`` when not known."""
    if count is None:
        return "?"
    value = float(count)
    for unit in _UNITS:
        if value < 1023.95 or unit == _UNITS[-1]:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def duration(seconds: float | None) -> str:
    """A duration for people: ``32 µs``, ``12 ms``, ``3.4 s``, ``2 min 05 s``, ``1 h 03 min``, ``2 d 04 h``, ``?``."""
    if seconds is None:
        return "?"
    size, sign = abs(seconds), "-" if seconds < 0 else ""
    if size < 59.95:
        return sign + _short_duration(size)
    whole = round(size)
    if whole < 3600:
        return f"{sign}{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{sign}{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{sign}{whole // 86400} d {whole % 86400 // 3600:02} h"


def _short_duration(seconds: float) -> str:
    if seconds < 0.0000005:
        return "0 s"
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def moment(nanoseconds: int | None, zone: bool = True) -> str:
    """A time in the local zone of the reader, with the zone: ``2024-07-12 13:13:08 CEST``; ``?`` when not known."""
    if nanoseconds is None:
        return "?"
    try:
        local = datetime.fromtimestamp(nanoseconds // 10**9).astimezone()
    except (ValueError, OverflowError, OSError):
        return "?"
    return local.strftime("%Y-%m-%d %H:%M:%S %Z" if zone else "%Y-%m-%d %H:%M:%S")


def plural(count: int, noun: str, many: str | None = None) -> str:
    """``1 task``, ``2 tasks``, ``12,000 tasks``."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def write_error(message: str) -> None:
    """Print a message, which may hold names that users chose, to standard error; its lines stay lines."""
    for line in message.split("\n"):
        write(clean(line), error=True)


def write(line: str = "", error: bool = False) -> None:
    """Print ``line`` even where the terminal's encoding lacks some of its characters."""
    stream = sys.stderr if error else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        line = line.encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(line, file=stream)
    except OSError as problem:
        if error or problem.errno == errno.EPIPE:
            raise
        raise OutputError(f"standard output: {problem.strerror}") from None
