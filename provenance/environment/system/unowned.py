"""Programs and libraries that no package of the system owns: told by their digest.

In: paths that the databases of packages do not know. Out: the sections ``software``, ``owners`` and ``gap`` of the
package's docstring. What belongs to an installation of Python, conda or Spack is left to those who know these.
Nothing is executed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from provenance.environment import Section, Used, spack
from provenance.environment.system import elf

_LARGEST = 64 << 20  # bytes; a larger file is told by its build id alone
_CHUNK = 1 << 20
_MOST_NAMED = 5  # in one gap
_OURS = str(Path(__file__).resolve().parent.parent) + "/"
_OF_DISTRIBUTIONS = frozenset(["site-packages", "dist-packages", "lib-dynload"])
_VERSION = r"\d+(?:\.\d+)+[\w.+-]*"


def examine(paths: Iterable[str], used: Used, module_folders: Mapping[str, str]) -> Iterator[Section]:
    """Yield the entries of the paths that no other part knows, and a gap for those that have changed since.

    Parameters
    ----------
    paths
        Absolute paths of executed programs and loaded libraries.
    used
        What the run used, all of it.
    module_folders
        Folders that loaded environment modules brought, with the key of each module: it is the owner of what lies in
        them.
    """
    programs = set(used.programs)
    interpreters = {each for path in used.interpreters for each in (path, os.path.realpath(path))}
    software: dict[str, dict[str, Any]] = {}
    owners: dict[str, str] = {}
    changed = []
    by_file: dict[str, str] = {}
    for path in paths:
        real = os.path.realpath(path)
        is_program = path in programs
        if _is_code(real, used) or (is_claimed(path, real) and not _is_alone_in_environment(path, used)):
            continue
        if real not in by_file:
            entry, is_unchanged = _described(real, used, "program" if is_program else "library")
            if not is_unchanged:
                changed.append(path)
                if not is_program or not os.path.exists(real):
                    continue
            by_file[real] = key = _free_key(entry, software)
            software[key] = entry
        if real not in interpreters:
            within = [folder for folder in module_folders if real.startswith(folder)]
            owners[path] = module_folders[max(within, key=len)] if within else by_file[real]
    if software:
        yield "software", software
    if owners:
        yield "owners", owners
    if changed:
        names = ", ".join(changed[:_MOST_NAMED])
        names += f" and {len(changed) - _MOST_NAMED} more" if changed[_MOST_NAMED:] else ""
        yield "gap", {"what": f"digests of programs or libraries: {names}", "why": "changed or removed after the run"}


def is_claimed(path: str, real: str) -> bool:
    """Tell whether another part knows a file: wfprov itself, and those of Python, conda and Spack."""
    return (
        real.startswith(_OURS)
        or is_of_a_distribution(path)
        or is_of_a_distribution(real)
        or _is_entry_point(path)
        or any((folder / "conda-meta").is_dir() for folder in Path(real).parents)
        or spack.prefix_of(real) is not None
    )


def is_of_a_distribution(path: str) -> bool:
    """Tell whether a file lies where Python's installers put distributions, or with Python's own library."""
    return not _OF_DISTRIBUTIONS.isdisjoint(path.split("/"))


def _is_entry_point(path: str) -> bool:
    """Tell whether a program lies where Python's installers put those of distributions."""
    folder = Path(path).parent
    if folder.name != "bin" or Path(path).is_symlink():
        return False
    if (folder.parent / "pyvenv.cfg").is_file():
        return True
    with elf.mapped(path) as content:
        line = content[:256].split(b"\n", 1)[0] if content is not None else b""
    return line.startswith(b"#!") and b"python" in line and any(folder.parent.glob("lib/python3*/*-packages"))


def _is_alone_in_environment(path: str, used: Used) -> bool:
    """Tell whether a native program that pip brought (``cmake``, ``uv``) ran without the Python beside it.

    Then nobody looks at that environment.
    """
    folder = os.path.dirname(path)
    if not os.path.isfile(os.path.join(os.path.dirname(folder), "pyvenv.cfg")):
        return False
    with elf.mapped(path) as content:
        is_native = content is not None and content[:4] == b"\x7fELF"
    return is_native and not any(os.path.dirname(each) == folder for each in used.interpreters) and not _is_python(path)


def _is_python(path: str) -> bool:
    return Path(path).name.startswith(("python", "pypy"))


def _is_code(real: str, used: Used) -> bool:
    """Tell whether a program is a script of the user: it is among the sources of the run."""
    if not real.startswith(tuple(f"{folder.rstrip('/')}/" for folder in used.folders)):
        return False
    with elf.mapped(real) as content:
        return content is not None and content[:4] != b"\x7fELF"


def _described(real: str, used: Used, kind: str) -> tuple[dict[str, Any], bool]:
    """Return the entry of a file, and whether it is still the one that the run used."""
    entry: dict[str, Any] = {"name": Path(real).name, "kind": kind, "path": real, "is_used": True}
    try:
        state = Path(real).stat()
    except OSError:
        return entry, False
    if version := _version(Path(real)):
        entry["version"] = version
    if used.end is not None and state.st_mtime_ns > used.end:
        return entry, False
    with elf.mapped(real) as content:
        head = elf.head(content) if content is not None else None
    if head is not None and head.machine:
        entry["architecture"] = head.machine
    if head is not None and head.build_id:
        entry["build_id"] = head.build_id
    if state.st_size <= _LARGEST and (digest := _digest(real)):
        entry["sha256"] = digest
    return entry, True


def _digest(path: str) -> str | None:
    found = sha256()
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except OSError:
        return None
    return found.hexdigest()


def _version(path: Path) -> str | None:
    """Return the version that the path of a program tells, when a folder is named after it.

    ``samtools/1.19/bin/samtools`` and ``samtools-1.19/bin/samtools`` tell it; a folder ``2023.1/bin`` alone may be the
    version of anything. The numbers after ``.so`` count a library's interfaces, not its releases.
    """
    folder = path.parent.parent if path.parent.name in ("bin", "sbin", "libexec") else path.parent
    name = re.escape(path.name)
    beside = re.fullmatch(rf"(?i){name}[-_]v?({_VERSION})", folder.name)
    below = re.fullmatch(rf"v?({_VERSION})", folder.name) if folder.parent.name.lower() == path.name.lower() else None
    found = beside or below
    return found.group(1) if found else None


def _free_key(entry: dict[str, Any], software: dict[str, dict[str, Any]]) -> str:
    key = f"{entry['kind']}:{entry['name']}"
    version = entry.get("version") or (entry.get("sha256") or "")[:12]
    for each in (key, f"{key}@{version}" if version else "", f"{key}@{entry['path']}"):
        if each and each not in software:
            return each
    return f"{key}@{entry['path']}"
