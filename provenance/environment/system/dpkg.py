"""Which Debian packages own files.

In: absolute paths. Out: the package of each, as ``dpkg-query`` and the list of diversions tell.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from provenance.environment.system.package_database import Package, ask, spellings

_DATABASE = Path("/var/lib/dpkg")
_FORMAT = "${binary:Package}\t${Package}\t${Version}\t${Architecture}\n"
_PATTERN = re.compile(r"[*?\[\\]")  # dpkg-query takes them as a pattern


def owners(paths: Iterable[str], names_of: Callable[[str], Iterable[str]] = spellings) -> dict[str, Package]:
    """Return the package that each path belongs to; paths of no package are left out.

    Links are followed first (``/etc/alternatives``, merged ``/usr``): the package of the file that was really
    executed or loaded counts, that of the link only where the file has none; other ``names_of`` a path may be given.
    """
    if shutil.which("dpkg-query") is None:
        return {}
    names = {path: [each for each in names_of(path) if "\n" not in each] for path in paths}
    diverted = _diversions()
    original = {to: (source, by) for source, (to, by) in diverted.items()}
    asked = dict.fromkeys(original.get(each, (each, ""))[0] for found in names.values() for each in found)
    packages: dict[str, list[str]] = {}
    for line in ask(["dpkg-query", "--search", "--"], [_escaped(path) for path in asked]):
        who, separator, path = line.partition(": /")
        if separator and not who.startswith("diversion by "):
            packages["/" + path] = who.split(", ")
    owner: dict[str, str] = {}
    for path, found in names.items():
        for each in found:
            known = _present(each, packages, diverted, original)
            if known:
                owner[path] = known[0]
                break
    described = _described(sorted(set(owner.values())))
    return {path: described[name] for path, name in owner.items() if name in described}


def _present(
    path: str,
    packages: Mapping[str, list[str]],
    diverted: Mapping[str, tuple[str, str]],
    original: Mapping[str, tuple[str, str]],
) -> list[str]:
    """Return the packages whose file lies at ``path``: not those whose file was moved aside for another's."""
    if path in original:  # it is here that the others' file was moved to
        source, by = original[path]
        return [name for name in packages.get(source, []) if name.split(":")[0] != by]
    known = packages.get(path, [])
    if path in diverted:
        by = diverted[path][1]
        return [name for name in known if name.split(":")[0] == by]
    return known


def _diversions() -> dict[str, tuple[str, str]]:
    """Return what is diverted: path -> (where the file went, package that diverts it); the file of dpkg-divert."""
    try:
        lines = os.fsdecode((_DATABASE / "diversions").read_bytes()).split("\n")
    except OSError:
        return {}
    return {lines[i]: (lines[i + 1], lines[i + 2]) for i in range(0, len(lines) - 2, 3)}


def _escaped(path: str) -> str:
    return _PATTERN.sub(r"\\\g<0>", path)


def _described(names: list[str]) -> dict[str, Package]:
    rows = [
        fields
        for line in ask(["dpkg-query", "--show", f"--showformat={_FORMAT}", "--"], ["dpkg", *names] if names else [])
        if len(fields := line.split("\t")) == 4
    ]
    native = next((architecture for _, name, _, architecture in rows if name == "dpkg"), None)
    found = {}
    for key, name, version, architecture in rows:
        pinned = name if architecture in (native, "all") else f"{name}:{architecture}"
        found[key] = Package(
            "deb",
            name,
            version,
            architecture,
            f"{pinned}={version}",
            is_native=pinned == name,
            installed=_installed(key),
        )
    return found


def _installed(key: str) -> int | None:
    """Return when the package was unpacked: its list of files is written then."""
    try:
        return (_DATABASE / "info" / f"{key}.list").stat().st_mtime_ns
    except OSError:
        return None
