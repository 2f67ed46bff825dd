"""Archives and compressed files, by what is packed in them, with the same comparers and to any depth that the limits
allow. Time stamps, owners, the order of members and how they are compressed don't count."""

from __future__ import annotations

import hashlib
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from provenance.rerun.comparing.contract import MEBIBYTE, Budget, Comparer, Context, Finding, Unreadable
from provenance.rerun.comparing.members import Member, compression, is_tar, opened, tar_members, zip_members
from provenance.rerun.comparing.numbers import Deviation, shown
from provenance.rerun.records import Likeness

_Members = Callable[[Path, Budget], Iterator[Member]]
_ENDINGS = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".svgz": ".svg"}
_PLAIN = (".gz", ".bz2", ".xz", ".z")


@dataclass(frozen=True, slots=True)
class _Digest:
    kind: str
    sha256: str = ""


def _compare_zip(before: Path, after: Path, context: Context) -> Finding:
    how = "NumPy arrays" if before.name.lower().endswith(".npz") else "zip"
    return _compare_members(zip_members, before, after, context, how)


def _compare_tar(before: Path, after: Path, context: Context) -> Finding:
    return _compare_members(tar_members, before, after, context, "tar")


def _compare_compressed(before: Path, after: Path, context: Context) -> Finding:
    """Compare what two files hold that are compressed as a whole: one file, or an archive of tar."""
    inner = context.deeper()
    with tempfile.TemporaryDirectory(prefix="wfprov-") as folder:
        places: list[Path | None] = []
        for which, file in (("before", before), ("after", after)):
            place = Path(folder, which, _inner_name(file.name))
            place.parent.mkdir()
            try:
                with opened(file, context.budget) as stream:
                    head = stream.read(512)
                    if is_tar(head):
                        places.append(None)
                        continue
                    _write(place, stream, head)
            except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
                raise Unreadable(f"it can't be unpacked: {error}") from None
            places.append(place)
        if places == [None, None]:
            return _compare_members(tar_members, before, after, inner, "tar")
        one, other = places
        if one is None or other is None:
            return Finding(Likeness.DIFFERENT, "kind of file", "one is an archive of tar, the other is not")
        found = context.compare(one, other, inner)
    how = f"compressed {found.how}"
    if found.likeness is Likeness.IDENTICAL:
        return Finding(Likeness.EQUAL, "decompressed bytes", "equal but for compression or time stamp")
    return Finding(found.likeness, how, found.detail, found.absolute, found.relative)


def _compare_members(members: _Members, before: Path, after: Path, context: Context, how: str) -> Finding:
    inner = context.deeper()
    recorded, now = (_digests(members(file, context.budget)) for file in (before, after))
    deviation = Deviation(context.tolerance)
    for name in recorded:
        if name not in now:
            deviation.differ(f"{shown(name[0])}: now missing")
        elif recorded[name].kind != now[name].kind:
            deviation.differ(f"{shown(name[0])}: recorded as {recorded[name].kind}, now {now[name].kind}")
    for name in now:
        if name not in recorded:
            deviation.differ(f"{shown(name[0])}: not recorded")
    changed = {name for name in recorded if name in now and recorded[name] != now[name]}
    changed = {name for name in changed if recorded[name].kind == now[name].kind == "file"}
    forms = []
    if changed:
        with tempfile.TemporaryDirectory(prefix="wfprov-") as folder:
            places = [
                _unpacked(members(file, context.budget), changed, Path(folder, which))
                for which, file in (("before", before), ("after", after))
            ]
            for name in sorted(changed):
                found = context.compare(places[0][name], places[1][name], inner)
                deviation.widen(found.absolute, found.relative)
                if found.likeness is Likeness.DIFFERENT:
                    deviation.differ(f"{shown(name[0])}: {found.how}: {found.detail}")
                elif found.likeness is Likeness.TOLERATED:
                    deviation.deviated += 1
                else:
                    forms.append(f"{shown(name[0])}: {found.detail}")
    if deviation.first is None and deviation.deviated:
        detail = f"{deviation.deviated:,} of {len(recorded):,} members within the tolerance"
        return Finding(Likeness.TOLERATED, how, detail, deviation.absolute, deviation.relative)
    form = forms[0] if forms else "equal but for order, time stamps or compression"
    return deviation.finding(how, form, "members")


def _digests(members: Iterator[Member]) -> dict[tuple[str, int], _Digest]:
    """Take the digest of each member; a name that is there several times counts by its order."""
    found: dict[tuple[str, int], _Digest] = {}
    seen: dict[str, int] = {}
    for member in members:
        seen[member.name] = seen.get(member.name, 0) + 1
        key = (member.name, seen[member.name])
        if member.stream is None:
            found[key] = _Digest(member.kind)
            continue
        digest = hashlib.sha256()
        while block := member.stream.read(MEBIBYTE):
            digest.update(block)
        found[key] = _Digest(member.kind, digest.hexdigest())
    return found


def _unpacked(members: Iterator[Member], wanted: set[tuple[str, int]], folder: Path) -> dict[tuple[str, int], Path]:
    """Write the wanted members into a folder, each into one of its own and under a name that is safe."""
    found: dict[tuple[str, int], Path] = {}
    seen: dict[str, int] = {}
    for member in members:
        seen[member.name] = seen.get(member.name, 0) + 1
        key = (member.name, seen[member.name])
        if key in wanted and member.stream is not None:
            place = folder / str(len(found)) / _safe_name(member.name)
            place.parent.mkdir(parents=True)
            _write(place, member.stream)
            found[key] = place
    return found


def _write(place: Path, stream: BinaryIO, head: bytes = b"") -> None:
    with place.open("xb") as file:
        file.write(head)
        while block := stream.read(MEBIBYTE):
            file.write(block)


def _safe_name(name: str) -> str:
    """Give a name that has the ending of a member's, by which comparers recognise it, and nothing else of it."""
    base = name.replace("\\", "/").rpartition("/")[2]
    parts = [part for part in base.split(".")[1:][-2:] if part.isascii() and part.isalnum() and len(part) <= 12]
    return ".".join(["member", *parts])


def _inner_name(name: str) -> str:
    lower = name.lower()
    for ending, inner in _ENDINGS.items():
        if lower.endswith(ending):
            return "member" + inner
    for ending in _PLAIN:
        if lower.endswith(ending):
            return _safe_name(name[: -len(ending)])
    return _safe_name(name)


COMPARERS = (
    Comparer("zip", lambda _, head: head.startswith((b"PK\3\4", b"PK\5\6")), _compare_zip),
    Comparer("tar", lambda _, head: is_tar(head), _compare_tar),
    Comparer("gzip", lambda _, head: compression(head) == "gzip", _compare_compressed),
    Comparer("bzip2", lambda _, head: compression(head) == "bzip2", _compare_compressed),
    Comparer("xz", lambda _, head: compression(head) == "xz", _compare_compressed),
)
