"""A command as one line of text, and back: the form in which a crate tells it.

The words are quoted as a shell has them. A word that is no valid Unicode (bytes of a file name) is written as
``$'b\\xff'``, so that each word comes back as it was.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

_QUOTED_BYTES = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_OTHER = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|[^\s'\"\\$]+|\$", re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CUT = re.compile(r" \.\.\. \(\d+ characters\)\Z")


def join(words: Sequence[str], limit: int | None = None) -> str:
    """Write words as a line; one that is longer than ``limit`` characters is cut, and says so."""
    line = " ".join(map(_quoted, words))
    return line if limit is None or len(line) <= limit else f"{line[:limit]} ... ({len(line)} characters)"


def is_cut(line: str) -> bool:
    """Tell whether the end of a line was left out: then it is no command."""
    return _CUT.search(line) is not None


def split(line: str) -> tuple[str, ...]:
    """Read a line that :func:`join`, or a person, wrote.

    Raises
    ------
    ValueError
        A quote is not closed.
    """
    if "$'" not in line:
        return tuple(shlex.split(line))
    words: list[str] = []
    position, is_within = 0, False
    while position < len(line):
        if line[position].isspace():
            position, is_within = position + 1, False
            continue
        found = _QUOTED_BYTES.match(line, position)
        plain = None if found else _OTHER.match(line, position)
        if found is None and plain is None:
            raise ValueError("No closing quotation")
        text = _unescaped(found[1]) if found else "".join(shlex.split(plain[0])) if plain else ""
        if is_within:
            words[-1] += text
        else:
            words.append(text)
        position, is_within = (found or plain).end(), True  # type: ignore[union-attr]
    return tuple(words)


def _quoted(word: str) -> str:
    try:
        word.encode()
    except UnicodeEncodeError:
        return "$'" + "".join(map(_escaped, word)) + "'"
    return shlex.quote(word)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return f"\\{character}" if character in "\\'" else character


def _unescaped(text: str) -> str:
    raw = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else found[2], os.fsencode(text))
    return os.fsdecode(raw)
