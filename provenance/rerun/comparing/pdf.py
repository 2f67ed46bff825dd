"""PDF: bytes without the dates and the identifier that each writer makes anew (ISO 32000-1, 14.3.3 and 14.4)."""

from __future__ import annotations

import re
from pathlib import Path

from provenance.rerun.comparing.bytewise import compare_bytes
from provenance.rerun.comparing.contract import Comparer, Context, Finding
from provenance.rerun.records import Likeness

_STRING = rb"(?:\((?:[^()\\]|\\.){0,200}\)|<[0-9A-Fa-f\s]{0,400}>)"
_MADE_ANEW = re.compile(
    rb"/(?:CreationDate|ModDate)\s{0,8}"
    + _STRING
    + rb"|/ID\s{0,8}\[\s{0,8}"
    + _STRING
    + rb"\s{0,8}"
    + _STRING
    + rb"\s{0,8}\]",
    re.DOTALL,
)


def _compare(before: Path, after: Path, context: Context) -> Finding:
    context.check_size(before, after, factor=2)
    if _MADE_ANEW.sub(b"", before.read_bytes()) == _MADE_ANEW.sub(b"", after.read_bytes()):
        return Finding(Likeness.EQUAL, "PDF", "equal but for /CreationDate, /ModDate or /ID")
    return compare_bytes(before, after, "of a PDF only /CreationDate, /ModDate and /ID are left out")


COMPARER = Comparer("PDF", lambda _, head: head.startswith(b"%PDF-"), _compare)
