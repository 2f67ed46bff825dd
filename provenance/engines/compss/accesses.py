"""The lines of a ``dataprovenance.log`` that tell an access, and the paths in them.

In: one line, without its end. Out: an :class:`~provenance.engines.compss.records.Access`, or None. Nothing is escaped
in these lines: the address begins at its scheme and ends before the last blank, whatever is between.
"""

from __future__ import annotations

import re
import sys

from provenance.engines.compss.records import Access

DIRECTIONS = frozenset({"IN", "OUT", "INOUT", "CONCURRENT", "COMMUTATIVE", "IN_DELETE"})
_SCHEMES = {"file": False, "dir": True}
_DIRECTORY = "DIRECTORY_T"
_TYPED = re.compile(r"file (.*?) ([A-Z][A-Z0-9_]*_T) ((?:file|dir)://.*)", re.DOTALL)
_ADDRESS = re.compile(r"(file|dir)://([^/]*)(/.*)", re.DOTALL)
_BEGINS = re.compile(r"(?:file (.*?) [A-Z][A-Z0-9_]*_T )?(?:file|dir)://[^/]*/")
_NO_DIRECTION = "the line has no direction, so that it can't be told whether the file was read or written"


def typed(line: str, number: int) -> Access | None:
    """Read ``file NAME TYPE URL DIRECTION``, the form from 3.4 on."""
    fields = line.split(" ")
    if len(fields) == 5:  # all but names with blanks
        _, name, kind, address, direction = fields
        if direction in DIRECTIONS:
            scheme, _, rest = address.partition("://")
            host, slash, path = rest.partition("/")
            if slash and scheme in _SCHEMES:
                is_directory = _SCHEMES[scheme] or kind == _DIRECTORY
                return Access(
                    sys.intern(host), f"/{path}", is_directory, sys.intern(direction), sys.intern(name), number
                )
    address, blank, direction = line.rpartition(" ")
    found = _TYPED.fullmatch(address) if blank and direction in DIRECTIONS else None
    return _access(found[3], direction, number, found[1], found[2]) if found else None


def plain(line: str, number: int) -> Access | None:
    """Read ``URL DIRECTION``, the form up to 3.3.3."""
    address, blank, direction = line.rpartition(" ")
    return _access(address, direction, number) if blank and direction in DIRECTIONS else None


def begins(line: str) -> bool:
    """Whether a line begins as an access does, so that the next may be the rest of its path."""
    return _BEGINS.match(line) is not None


def undecided(line: str, number: int) -> Access | None:
    """Take a line without direction for a file that was read: less can't be said of it."""
    found = _TYPED.fullmatch(line)
    access = _access(found[3], "IN", number, found[1], found[2]) if found else _access(line, "IN", number)
    return access and access._replace(doubt=_NO_DIRECTION)


def _access(
    address: str, direction: str, number: int, name: str | None = None, kind: str | None = None
) -> Access | None:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        return None
    scheme, host, path = found.groups()
    is_directory = _SCHEMES[scheme] or kind == _DIRECTORY
    return Access(sys.intern(host), path, is_directory, sys.intern(direction), name, number)
