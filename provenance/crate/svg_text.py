"""Text that may stand in an SVG: any name, of any characters and any length."""

from __future__ import annotations

import re
from html import escape

from provenance.crate.metadata import readable

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def safe(text: str) -> str:
    """Write a text so that XML allows it."""
    return escape(_NO_XML.sub("�", readable(text)))


def cut(text: str, limit: int) -> str:
    """Cut the middle out of a long name; the ends of qualified names and file names tell most.

    >>> cut("matmul_tasks.multiply", 12)
    'matm…ultiply'
    """
    text = " ".join(text.split()) or "unnamed"
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]}…{text[len(text) - (limit - head - 1) :]}"
