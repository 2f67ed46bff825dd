"""A quick look at bytes: can there be a credential in them at all?

Comes in: the bytes of a file. Goes out: False when no form of :mod:`provenance.journal.credential_forms` can be in
them, which is so of almost all files. To look for a hundred marks is a hundred passes, and to look for one of a hundred
stops at every character. Here the rare characters of texts, of which most marks have one, are made the same
character; that is looked for in one pass, and what stands around it is compared. The other marks are looked for by how
they begin. Where a mark is a word of many texts, what must follow it is asked as well; a mark that nothing is known of
is looked for as it is. Each pattern here allows more than the forms do: all characters outside of ASCII may be letters
or blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from provenance.journal.credential_forms import FORMS
from provenance.journal.credential_names import OF_NAMES

# Of these alone, no name of a credential and no token can be made: tables of numbers.
_OF_NUMBERS = b"0123456789.,;+-eE \t\r\n"
_BEGINNING = 400  # bytes
_RARE = b"wzxqbj"
_FOLDED = bytes(range(256)).lower().translate(bytes.maketrans(_RARE, b"k" * len(_RARE)))  # and in lower case
# Letters that a pattern takes for i, s and k when it ignores case.
_LIKE_ASCII = re.compile(rb"\xc4[\xb0\xb1]|\xc5\xbf|\xe2\x84\xaa")
_AT = re.compile(rb"@(?<!\"@)")  # in metadata, "@id" is everywhere; a quote is in no address
_IN_ADDRESS = re.compile(rb"://[^\s@'\"<>{}$]{0,400}@|://[^\s@'\"<>{}$]{401}")

# What stands around marks, in texts that are folded.
_ALONE = rb"(?<![ac-il-pr-vy0-9])"  # no letter or digit; one of the rare may have been punctuation
_BLANK = rb"[\s\x1c-\x1f\x80-\xff]"
_KEY = rb"[\"']?\]?[=:>\s\x1c-\x1f\x80-\xff]+[\"']?[\w\x80-\xff-]{24}"  # the shortest access key that a name tells
_TOKEN = rb"[\w\x80-\xff.=\\-]{10}"  # the shortest token behind its beginning
_HEADER = rb"[\"']?:"
_AROUND: dict[str, tuple[bytes, bytes]] = {
    **dict.fromkeys(("key", "pwd", "pw", "token"), (b"", _KEY)),
    "pass": (b"", rb"(?:kord)?" + _KEY),
    **dict.fromkeys(("-token", "-key", "cookie", "-secret"), (b"", _HEADER)),
    **dict.fromkeys(
        (
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "xapp-", "hf_", "sk-", "gsk_", "whsec_"),
            *("npm_", "aiza", "gocspx-", "sq0", "dckr_pat_", "dop_v1_", "hvb.", "age-secret-key-", "eyj"),
        ),
        (_ALONE, _TOKEN),
    ),
    **dict.fromkeys(
        ("glpat", "gloas", "glrt", "gldt", "glcbt", "glptt", "glft", "glimt", "glagent", "glsoat", "glsa"),
        (b"", b"[-_]" + _TOKEN),
    ),
    **dict.fromkeys(("glc_", "k_live_", "k_test_", "pypi-ag", "ya29.", "hvs.", "sg."), (b"", _TOKEN)),
    "aws": (
        b"",
        rb"[^\n]{0,80}?(?:key|pkd|pk|pass|token)[^\n]{0,80}?[\"'=:]" + _BLANK + rb"*[\"']?[\w/+\x80-\xff]{40}",
    ),
    "machine": (b"", _BLANK + rb"+[^\s]+" + _BLANK + rb"+login" + _BLANK),
    "dapi": (b"", rb"[0-9a-fk]{32}"),
    "-us": (b"", rb"[\d\x80-\xff]"),
    "bearer": (b"", _BLANK + rb"+[\w.~+/=\x80-\xff-]{8}"),
    "authorization": (b"", rb"[\"']?" + _BLANK + rb"*[:=]"),
}
# Marks for which others are looked for, as each such credential has one of them too; and marks that stand as "@" below.
_TOLD_BY: dict[str, tuple[str, ...]] = {
    "://": (),
    "secret": ("key",),
    "-auth": ("authorization", "-token"),
    **dict.fromkeys(
        (
            *("cloudant", "clou_", "clou-", "clouapi", "cloukey", "cl_", "cl-", "clapi", "clkey", "clpass", "clpw"),
            *("cltoken", "softlayer", "sl_", "sl-", "slapi", "slkey", "slpass", "slpw", "sltoken"),
        ),
        ("key", "pwd", "pw", "pass", "token"),
    ),
    **dict.fromkeys(("akia", "asia", "abia", "acca", "a3t", "atatt3", "akc"), ()),
}
# Forms without a mark in lower case, in texts as they are.
_AS_IT_IS = (
    rb"A(?:(?:KIA|SIA|BIA|CCA|3T[A-Z0-9])[0-9A-Z]{16}|TATT3[\w=\x80-\xff-]{10}|KC[A-Za-z0-9]{10}|C[a-z0-9]{32})",
    rb"SK[a-z0-9]{32}",
    rb":[0-9A-Za-z_-]{35}(?<=[\d\x80-\xff]:.{35})",
)
_DISCORD = rb"[\w\x80-\xff-]{6,24}\.[\w\x80-\xff-]{27}"  # behind its first dot


def may_hold_credential(content: bytes, *, settings: bool = False) -> bool:
    """Return False when :func:`provenance.journal.credentials.spans` would surely find nothing.

    >>> may_hold_credential(b"1.5,2.5\\n"), may_hold_credential(b"key=0123456789")
    (False, True)
    """
    if not content[:_BEGINNING].translate(None, _OF_NUMBERS) and not content.translate(None, _OF_NUMBERS):
        return False
    if not content.isascii() and _LIKE_ASCII.search(content):
        return True
    folded = content.translate(_FOLDED)
    for pattern in _in_folded(settings):
        if pattern.search(folded):
            return True
    for pattern in _as_it_is():
        if pattern.search(content):
            return True
    return _AT.search(content) is not None and _IN_ADDRESS.search(content) is not None


@lru_cache(maxsize=1)
def _as_it_is() -> tuple[re.Pattern[bytes], ...]:
    return tuple(re.compile(pattern, re.S) for pattern in _AS_IT_IS)


@lru_cache(maxsize=2)
def _in_folded(settings: bool) -> tuple[re.Pattern[bytes], ...]:
    """Return a pattern for each beginning: a character that is rare, or the first two of a mark."""
    marks = {other for form in FORMS for mark in form.marks for other in _TOLD_BY.get(mark, (mark,))}
    around = {mark: _AROUND.get(mark, (b"", b"")) for mark in marks}
    if settings:
        around.update(dict.fromkeys((*OF_NAMES, "curl", "mysql", "mariadb"), (b"", b"")))
    found: dict[bytes, dict[bytes, list[bytes]]] = {b".": {b"": [_DISCORD]}}  # beginning -> next character -> rests
    ends: dict[tuple[bytes, bytes], list[bytes]] = {}
    for mark in sorted(around):
        before, after = around[mark]
        beginning, behind, rest = _split(mark.encode().translate(_FOLDED))
        if rest or beginning != b"_":
            seen = b"(?<=" + before + re.escape(behind + beginning + rest) + b")" if behind or before else b""
            found.setdefault(beginning, {}).setdefault(rest[:1], []).append(re.escape(rest[1:]) + seen + after)
        else:
            ends.setdefault((beginning, after), []).append(before + re.escape(behind + beginning))
    for (beginning, after), befores in ends.items():
        # What follows is soon told, as most parts of words are too short.
        seen = b"|".join(b"(?<=" + before + b")" for before in befores)
        found.setdefault(beginning, {}).setdefault(b"", []).append(b"(?=" + after + b")(?:" + seen + b")")
    return tuple(
        re.compile(re.escape(start) + _any(re.escape(char) + _any(rests) for char, rests in choices.items()))
        for start, choices in found.items()
    )


def _any(patterns: Iterable[bytes]) -> bytes:
    return b"(?:" + b"|".join(patterns) + b")"


def _split(mark: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what to look for, what stands before it, and what behind."""
    for pivot in (b"_", b"k", b"=", b"."):
        before, found, rest = mark.partition(pivot)
        if found:
            return found, before, rest
    return mark[:2], b"", mark[2:]
