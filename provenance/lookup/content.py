"""Reading what came from outside: each part has the type that is asked for, or is not there.

In: parsed JSON of any shape. Out: text, lists and maps; a text is one line, without what could command a terminal.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_LONGEST = 300  # characters of a name
# Marks that turn the reading direction, so that a text looks like another one.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def member(content: Any, *path: str) -> Any:
    """Return what is at ``path`` of nested maps; None where a map or key is missing."""
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def members(content: Any, *path: str) -> list[Any]:
    """Return the list at ``path``; an empty one where there is no list."""
    found = member(content, *path)
    return found if isinstance(found, list) else []


def text(content: Any, *path: str) -> str | None:
    """Return the text at ``path`` on one line, without control characters; None where there is none."""
    found = member(content, *path)
    if not isinstance(found, str):
        return None
    kept = _TURNING.sub("", found[: 4 * _LONGEST])
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char for char in kept)
    return " ".join(kept.split())[:_LONGEST].rstrip() or None


def texts(content: Any, *path: str) -> tuple[str, ...]:
    """Return the texts in the list at ``path``, each once."""
    found = (text(each) for each in members(content, *path))
    return tuple(dict.fromkeys(each for each in found if each))


def words(name: str) -> tuple[str, ...]:
    """Return what a name is compared by: its words, in order of the alphabet, without case, accents and punctuation.

    >>> words("Éxample, Ada") == words("ada example")
    True
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char)).casefold()
    return tuple(sorted(re.findall(r"\w+", plain)))
