"""What a library is, from texts in its file that its makers put there: "OpenBLAS 0.3.27", "Open MPI v4.1.4".

In: the path of a library and the marks to look for. Out: name and version. The file is mapped, not read as a whole,
and never loaded.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterable
from dataclasses import dataclass

from provenance.environment.system import elf

_BARE = re.compile(rb"(?<=\0)v?(\d+\.\d+\.\d+(?:(?:rc|a|b)\d+)?)(?=\0)")
_AROUND = 200  # bytes after a mark in which its version stands
_MOST_CONSTANTS = 32 << 20  # bytes that are searched for a version without a mark


@dataclass(frozen=True)
class Mark:
    """A text that tells a library.

    Attributes
    ----------
    name
        Of the library.
    text
        That is in its file; empty where the name of the file has told already.
    version
        Pattern of the text with its version as group 1.
    has_bare_version
        True when the version may also stand alone, as a constant of its own: the text is then put together at run
        time ("Open MPI v%d.%d.%d").
    """

    name: str
    text: bytes
    version: bytes | None
    has_bare_version: bool = False


def identify(path: str, marks: Iterable[Mark]) -> tuple[str | None, str | None]:
    """Return name and version of the library at ``path``: of the first mark that it holds."""
    with elf.mapped(path) as content:
        if content is None:
            return None, None
        head = elf.head(content)
        begin, end = head.constants if head is not None and head.constants else (0, len(content))
        for mark in marks:
            at = content.find(mark.text, begin, end)
            if at >= 0:
                return mark.name, _version(content, mark, at, begin, end)
    return None, None


def holds_any(path: str, texts: Iterable[bytes]) -> bool:
    """Tell whether the file at ``path`` holds one of the texts."""
    with elf.mapped(path) as content:
        return content is not None and any(content.find(text) >= 0 for text in texts)


def _version(content: mmap.mmap, mark: Mark, at: int, begin: int, end: int) -> str | None:
    if mark.version is not None:
        form = re.compile(mark.version)
        while at >= 0:
            if match := form.match(content, at):
                return match.group(1).decode("ascii", "replace").rstrip(".")
            if match := form.search(content[at : min(at + _AROUND, end)]):
                return match.group(1).decode("ascii", "replace").rstrip(".")
            at = content.find(mark.text, at + 1, end)
    if not mark.has_bare_version:
        return None
    bare = _BARE.search(content[begin : min(end, begin + _MOST_CONSTANTS)])
    return bare.group(1).decode("ascii") if bare else None
