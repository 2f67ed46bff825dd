"""The order in which two files are compared: bytes first, then the comparer of both, then bytes again to say where.

Never raises: what can't be read or compared is ``DIFFERENT``, and the finding says why. Follows a symbolic link only
where :class:`~provenance.rerun.comparing.contract.Options` allows it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from provenance.rerun.comparing.apart import compare_apart
from provenance.rerun.comparing.bytewise import are_identical, compare_bytes
from provenance.rerun.comparing.contract import (
    Budget,
    Comparer,
    Context,
    Finding,
    MissingLibrary,
    NotOfThisKind,
    Options,
    TooLarge,
    Unreadable,
)
from provenance.rerun.comparing.numbers import shown
from provenance.rerun.comparing.registry import comparers
from provenance.rerun.records import Likeness

_HEAD = 4096  # bytes that a comparer sees to recognise its files


def compare_files(before: Path, after: Path, options: Options) -> Finding:
    """Compare a recorded file with that of the new run.

    Parameters
    ----------
    before, after
        Two files that exist.
    options
        What counts as equal, and how much may be read.
    """
    return _compare(before, after, Context(options, Budget.of(options), _compare))


def _compare(before: Path, after: Path, context: Context) -> Finding:
    try:
        return _compare_links(before, after, context.options) or _compare_content(before, after, context)
    except OSError as error:
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else "a file"
        return Finding(Likeness.DIFFERENT, "bytes", f"{name} can't be read: {error.strerror or error}")
    except ValueError as error:  # a NUL in a path
        return Finding(Likeness.DIFFERENT, "bytes", f"a file can't be read: {error}")


def _compare_content(before: Path, after: Path, context: Context) -> Finding:
    if are_identical(before, after):
        return Finding(Likeness.IDENTICAL, "bytes")
    heads = _head(before), _head(after)
    for comparer in comparers():
        if not all(map(comparer.recognises, (before.name.lower(), after.name.lower()), heads)):
            continue
        try:
            return _compare_by(comparer, before, after, context)
        except NotOfThisKind:
            continue
        except MissingLibrary as missing:
            return compare_bytes(before, after, str(missing))
        except (TooLarge, Unreadable) as why:
            return compare_bytes(before, after, f"not compared as {comparer.name}: {why}")
        # A hostile file can bring any library to raise anything, and so can a comparer from elsewhere.
        except Exception as error:  # noqa: BLE001
            reason = shown(f"{type(error).__name__}: {error}", 200)
            return compare_bytes(before, after, f"can't be read as {comparer.name}: {reason}")
    return compare_bytes(before, after)


def _compare_by(comparer: Comparer, before: Path, after: Path, context: Context) -> Finding:
    if comparer.is_apart:
        return compare_apart(comparer.name, before, after, context.options)
    return comparer.compare(before, after, context)


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_HEAD)


def _compare_links(before: Path, after: Path, options: Options) -> Finding | None:
    """Compare what is no regular file, or leads to one that must not be read; None when both can be read."""
    out = [_leads_out(path, options) for path in (before, after)]
    if all(out):
        targets = [path.readlink() if path.is_symlink() else None for path in (before, after)]
        if targets[0] is not None and targets[0] == targets[1]:
            return Finding(Likeness.EQUAL, "symbolic link", f"both lead to {shown(str(targets[0]))}, not followed")
    for path, which in ((before, "recorded"), (after, "new")):
        if _leads_out(path, options):
            detail = f"the {which} file is a symbolic link that leads out to {shown(os.path.realpath(path))}"
            return Finding(Likeness.DIFFERENT, "symbolic link", detail + "; not followed")
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            return Finding(Likeness.DIFFERENT, "kind of file", f"the {which} one is {kind}")
    return None


def _leads_out(path: Path, options: Options) -> bool:
    if not options.roots and not path.is_symlink():
        return False
    place = Path(os.path.realpath(path))
    return not any(place.is_relative_to(os.path.realpath(root)) for root in options.roots or (path.parent,))
