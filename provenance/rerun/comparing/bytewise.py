"""Bytes: whether two files are the same, and where they first are not. Files of any size; a MiB of each at a time."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from provenance.rerun.comparing.contract import MEBIBYTE, Finding
from provenance.rerun.records import Likeness


def are_identical(before: Path, after: Path) -> bool:
    """Tell whether two files hold the same bytes."""
    if before.stat().st_size != after.stat().st_size:
        return False
    with before.open("rb", buffering=0) as one, after.open("rb", buffering=0) as other:
        return _first_difference(one, other) is None


def compare_bytes(before: Path, after: Path, note: str = "") -> Finding:
    """Say where two files differ first.

    Parameters
    ----------
    note
        Why they are not compared in a better way.
    """
    with before.open("rb", buffering=0) as one, after.open("rb", buffering=0) as other:
        position = _first_difference(one, other)
    if position is None:
        return Finding(Likeness.IDENTICAL, "bytes")
    recorded, now = before.stat().st_size, after.stat().st_size
    if position == min(recorded, now):
        longer = "new" if now > recorded else "recorded"
        detail = f"the {longer} file goes on after byte {position:,}"
    else:
        detail = f"first difference at byte {position + 1:,}"
    sizes = f"{now:,} bytes, recorded were {recorded:,}" if recorded != now else f"{now:,} bytes as recorded"
    return Finding(Likeness.DIFFERENT, "bytes", f"{detail} ({sizes}){'; ' + note if note else ''}")


def _first_difference(one: BinaryIO, other: BinaryIO) -> int | None:
    """Return the number of bytes that both begin with; None when they are the same."""
    position = 0
    while True:
        left, right = _block(one), _block(other)
        if left != right:
            return position + _common(left, right)
        if not left:
            return None
        position += len(left)


def _block(stream: BinaryIO) -> bytes:
    """Read a whole MiB, or what is left: an unbuffered file may give less than it is asked for."""
    parts = []
    missing = MEBIBYTE
    while missing:
        part = stream.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _common(left: bytes, right: bytes) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
