"""A quick look at bytes: can there be a credential in them at all?

Comes in: the bytes of a file. Goes out: False when no form of :mod:`provenance.journal.credential_forms` can be in
them, which is so of almost all files. A search for a hundred marks costs a hundred passes; instead, each mark is
looked for by its rarest character, and only where that stands are the characters around it compared.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from provenance.journal.credential_forms import FORMS

# Of these alone, no name of a credential and no token can be made: tables of numbers.
_OF_NUMBERS = b"0123456789.,;+-eE \t\r\n"
_COMMON_FIRST = b" etaoinsrhldcum.fpgybv,-_:/=k?&xwjqz"  # bytes of texts by how often they occur
_NAMES = ("pass", "pwd", "secret", "token", "key", "credential", "auth", "jwt", "bearer", "cookie", "curl")
_IN_ADDRESS = re.compile(rb"://[^\s@'\"<>{}$]{0,400}@")


def may_hold_credential(content: bytes, *, settings: bool = False) -> bool:
    """Return False when :func:`provenance.journal.credentials.spans` would surely find nothing.

    >>> may_hold_credential(b"1.5,2.5\\n"), may_hold_credential(b"token=x")
    (False, True)
    """
    if not content.translate(None, _OF_NUMBERS):
        return False
    lowered = content.lower()
    if any(pattern.search(lowered) for pattern in _by_rarest(settings)):
        return True
    if b"@" in content and _IN_ADDRESS.search(content):
        return True
    return any(pattern.search(content) for pattern in _always())


@lru_cache(maxsize=2)
def _by_rarest(settings: bool) -> tuple[re.Pattern[bytes], ...]:
    marks = {mark for form in FORMS for mark in form.marks if mark != "://"}
    if settings:
        marks.update(_NAMES)
    # A mark with another one in it is found with that.
    fewest = {mark for mark in marks if not any(other != mark and other in mark for other in marks)}
    around: dict[bytes, list[bytes]] = defaultdict(list)
    for mark in sorted(fewest):
        raw = mark.encode()
        place = max(range(len(raw)), key=lambda index: _rarity(raw[index]))
        before, pivot, after = raw[:place], raw[place : place + 1], raw[place + 1 :]
        around[pivot].append(b"(?<=" + re.escape(before + pivot) + b")" + re.escape(after))
    return tuple(re.compile(re.escape(pivot) + b"(?:" + b"|".join(choices) + b")") for pivot, choices in around.items())


def _rarity(char: int) -> int:
    place = _COMMON_FIRST.find(bytes((char,)))
    return place if place >= 0 else 15  # digits


@lru_cache(maxsize=1)
def _always() -> tuple[re.Pattern[bytes], ...]:
    """Forms without marks are told by their length and punctuation alone."""
    return tuple(re.compile(form.pattern.encode(), re.S) for form in FORMS if not form.marks)
