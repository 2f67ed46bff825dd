"""Makes a wheel again from what is installed: for packages that came from the machine itself and from nowhere else.

In: an installed distribution and the folders of its environment. Out: a wheel (the binary distribution format of the
packaging specifications) with a right RECORD, without bytecode and without what an installer adds.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provenance.environment.python.distributions import Distribution, read_text, recorded_files
from provenance.environment.python.sources import must_stay
from provenance.privacy.removal import without_credentials

_OF_INSTALLERS = frozenset(
    [
        *("RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"),
        *("uv_cache.json", "uv_build.json"),
    ]
)
_LARGEST = 200 << 20  # bytes of installed files
_HEAD = 8192  # bytes in which a file that is no text shows it
_TIME = (1980, 1, 1, 0, 0, 0)  # the same files give the same wheel
_SHEBANG = re.compile(rb"#!(?:/bin/sh\n'''exec' [^\n]*\n' '''|[^\n]*python[^\n]*)")


@dataclass(frozen=True)
class Wheel:
    """A wheel that was made, and what of the distribution could not go into it."""

    path: Path
    left_out: tuple[str, ...] = ()
    cleaned: tuple[str, ...] = ()  # files of it in which a marker stands in the place of a credential


def repack(distribution: Distribution, paths: Mapping[str, str], folder: Path) -> Wheel:
    """Write the wheel of an installed distribution into a folder.

    Parameters
    ----------
    distribution
        Installed from a wheel or built into one, so that it has ``WHEEL`` and ``RECORD``.
    paths
        sysconfig's: purelib, platlib, scripts, data, include.
    folder
        Where the wheel is written; made when it is missing.

    Raises
    ------
    ValueError
        When the metadata do not say which files belong to it, or for which Pythons it is, and when it is too large.
    OSError
        When a file can't be read or written.
    """
    wheel, record = distribution.file("WHEEL"), distribution.file("RECORD")
    if wheel is None or record is None or distribution.metadata is None:
        raise ValueError("its metadata have no WHEEL and RECORD")
    stem = os.path.basename(distribution.metadata)[: -len(".dist-info")]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_file_name(distribution, wheel)}.whl"
    entries, left_out = _entries(distribution, paths, stem)
    cleaned: list[str] = []
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            rows: list[tuple[str, str, str]] = []
            for place, source in entries:
                content = source.read_bytes()
                if must_stay(place, content):
                    left_out.append(place)
                    continue
                if place.startswith(f"{stem}.data/scripts/"):
                    content = _SHEBANG.sub(b"#!python", content, count=1) if content.startswith(b"#!") else content
                if b"\0" not in content[:_HEAD]:  # nobody looks into an archive later
                    public = without_credentials(content, place, examples_stay=True)
                    content = public.content
                    cleaned += [place] if public.removals else []
                rows.append(_add(archive, place, content, source.stat().st_mode))
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([*rows, (f"{stem}.dist-info/RECORD", "", "")])
            _add(archive, f"{stem}.dist-info/RECORD", text.getvalue().encode(), 0o644)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return Wheel(target, tuple(left_out), tuple(cleaned))


def _entries(
    distribution: Distribution, paths: Mapping[str, str], stem: str
) -> tuple[list[tuple[str, Path]], list[str]]:
    """Return (place in the wheel, installed file) of all files, and those that are gone or have no place in a wheel."""
    entries, left_out, size = [], [], 0
    for row in recorded_files(distribution):
        place = _place(row, distribution, paths, stem)
        if place is None:
            continue
        source = Path(distribution.folder, row)
        if place.startswith("/") or not source.is_file() or (not place.isascii() and not _is_unicode(place)):
            left_out.append(row)
            continue
        size += source.stat().st_size
        entries.append((place, source))
    if size > _LARGEST:
        raise ValueError(f"it has {size >> 20} MB, and {_LARGEST >> 20} MB are the most that is carried")
    return entries, left_out


def _is_unicode(text: str) -> bool:
    """Tell whether a name is one that archives can hold, which know no other bytes than UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _add(archive: zipfile.ZipFile, place: str, content: bytes, mode: int) -> tuple[str, str, str]:
    entry = zipfile.ZipInfo(place, _TIME)
    entry.external_attr = (stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return place, f"sha256={digest}", str(len(content))


def _file_name(distribution: Distribution, wheel: str) -> str:
    """Return the name of a wheel by the specification, "File name convention"."""
    tags = [line.partition(":")[2].strip().split("-") for line in wheel.splitlines() if line.startswith("Tag:")]
    tags = [tag for tag in tags if len(tag) == 3]
    if not tags:
        raise ValueError("its metadata do not say for which Pythons it is")
    build = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Build:")]
    compressed = [".".join(dict.fromkeys(tag[i] for tag in tags)) for i in range(3)]
    name = distribution.normal_name.replace("-", "_")
    found = "-".join([name, distribution.version.replace("-", "_"), *build[:1], *compressed])
    if not re.fullmatch(r"[\w.!+-]+", found):
        raise ValueError(f"its name, version and tags make no name of a file: {found!r}")
    return found


def _place(row: str, distribution: Distribution, paths: Mapping[str, str], stem: str) -> str | None:
    """Return where in a wheel an installed file belongs; None for what installers make; "/..." for no such place."""
    if not row.startswith(("../", "/")):
        first, _, rest = row.partition("/")
        return None if first == f"{stem}.dist-info" and rest in _OF_INSTALLERS else row
    path = os.path.normpath(os.path.join(distribution.folder, row))
    scripts = paths.get("scripts", "")
    if scripts and path.startswith(scripts + "/"):
        name = path[len(scripts) + 1 :]
        return None if name in _entry_points(distribution) else f"{stem}.data/scripts/{name}"
    for kind, folder in _schemes(distribution, paths):
        if folder and path.startswith(folder + "/"):
            return f"{stem}.data/{kind}/{path[len(folder) + 1 :]}"
    return path


def _schemes(distribution: Distribution, paths: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "purelib", paths.get("purelib", "")
    yield "platlib", paths.get("platlib", "")
    data = paths.get("data", "")
    # Where pip and uv put headers in an environment, and outside of one.
    version = os.path.basename(paths.get("stdlib", ""))
    for name in (distribution.name, distribution.normal_name):
        yield "headers", f"{data}/include/site/{version}/{name}"
        yield "headers", f"{paths.get('include', '')}/{name}"
    yield "data", data


def _entry_points(distribution: Distribution) -> frozenset[str]:
    if distribution.metadata is None:
        return frozenset()
    text = read_text(os.path.join(distribution.metadata, "entry_points.txt"))
    found = configparser.RawConfigParser(delimiters=("=",), strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        found.read_string(text or "")
    except configparser.Error:
        return frozenset()
    return frozenset(name for part in ("console_scripts", "gui_scripts") if part in found for name in found[part])
