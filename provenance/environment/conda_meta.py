"""The records that conda, mamba and pixi keep of what they installed: ``<prefix>/conda-meta/*.json``.

In: the prefix of an environment. Out: a :class:`CondaPackage` for each package, without the lists of its files, which
make up nearly all of a record; and those lists when they are asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.environment import Used

_NAME = "conda-meta"
# With the indentation that conda and mamba write, a line that begins so can't be within a text.
_HEAD = b'{\n  "'
_LONG_PARTS = (
    (b'\n  "files": [', b"\n  ]", b"[]"),
    (b'\n  "paths_data": {', b"\n  }", b"{}"),
)
_METADATA = (b'-info/METADATA"', b'-info/PKG-INFO"', b'.egg-info"')


@dataclass(frozen=True)
class CondaPackage:
    """One package of a conda environment, as its record tells."""

    name: str
    version: str
    build: str
    subdir: str | None  # platform, e.g. "linux-64", "noarch"
    url: str | None  # of the archive, as it was fetched
    channel: str | None
    md5: str | None
    sha256: str | None
    license: str | None
    depends: tuple[str, ...]
    used_files: tuple[str, ...]  # those that were asked for
    file_name: str | None = None


def is_prefix(prefix: str) -> bool:
    """Tell whether a folder is a conda environment."""
    return bool(record_names(prefix))


def prefixes_in_use(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the conda environments that what a run used lies in, that of the command's interpreter first."""
    first = recorded.get("interpreter", {}).get("prefix")
    known: dict[str, str | None] = {}
    paths: Iterable[str] = (*used.interpreters, *used.programs, *used.libraries, *used.files)
    found = [first] if isinstance(first, str) and is_prefix(first) else []
    found += [prefix for path in paths if (prefix := _prefix(os.path.dirname(path), known))]
    return list({os.path.realpath(prefix): prefix for prefix in reversed(found)}.values())[::-1]


def _prefix(folder: str, known: dict[str, str | None]) -> str | None:
    if folder in known:
        return known[folder]
    if folder in ("", "/"):
        return None
    known[folder] = folder if is_prefix(folder) else _prefix(os.path.dirname(folder), known)
    return known[folder]


def folder_of(number: int) -> str:
    """Return the folder below ``environment/`` that the environment of this number is rebuilt in."""
    return "conda-env" if number == 1 else f"conda-env-{number}"


def record_names(prefix: str) -> list[str]:
    """Return the names of the records; each pins a package as ``name-version-build.json``."""
    try:
        return sorted(name for name in os.listdir(os.path.join(prefix, _NAME)) if name.endswith(".json"))
    except OSError:
        return []


def names(prefixes: Sequence[str]) -> dict[str, list[str]]:
    """Return the packages of each conda environment among the prefixes, as ``name-version-build``.

    Cheap enough for the start of a run: it reads the names of files alone, and they pin an environment exactly.
    """
    found = {prefix: [name.removesuffix(".json") for name in record_names(prefix)] for prefix in prefixes if prefix}
    return {prefix: listed for prefix, listed in found.items() if listed}


def packages(prefix: str, used: AbstractSet[str] = frozenset()) -> tuple[list[CondaPackage], list[str]]:
    """Return the packages of an environment, and the names of records that can't be read.

    Parameters
    ----------
    prefix
        Folder of the environment.
    used
        Files relative to it; each package tells which of them are its own.
    """
    found, damaged = [], []
    for name in record_names(prefix):
        try:
            package = _package(*_parsed(Path(prefix, _NAME, name).read_bytes(), bool(used)), used)
        except (OSError, ValueError):
            package = None
        if package is None:
            damaged.append(name)
        else:
            found.append(package)
    return found, damaged


def _parsed(content: bytes, needs_files: bool) -> tuple[Any, Any]:
    """Return a record without the lists of its files, and its files when they are needed."""
    short, files = content, None
    for start, end, empty in _LONG_PARTS if content.startswith(_HEAD) else ():
        at = short.find(start)
        stop = short.find(end, at + len(start)) if at >= 0 else -1
        if stop < 0 or short[at + len(start) : at + len(start) + 1] in (b"]", b"}"):
            continue
        value = at + len(start) - 1
        if empty == b"[]":
            files = short[value : stop + len(end)]
        short = short[:value] + empty + short[stop + len(end) :]
    if short is not content:
        try:
            return json.loads(short), json.loads(files) if files is not None and needs_files else []
        except ValueError:  # not indented as conda and mamba do it
            pass
    record = json.loads(content)
    return record, record.get("files") if isinstance(record, dict) else None


def _package(record: Any, files: Any, used: AbstractSet[str]) -> CondaPackage | None:
    if not isinstance(record, dict):
        return None

    def text(key: str) -> str | None:
        value = record.get(key)
        return value if isinstance(value, str) and value else None

    name, version = text("name"), text("version")
    if name is None or version is None:
        return None
    depends = record.get("depends")
    return CondaPackage(
        name=name,
        version=version,
        build=text("build") or text("build_string") or "",
        subdir=text("subdir") or text("platform"),
        url=text("url"),
        channel=text("channel"),
        md5=text("md5"),
        sha256=text("sha256"),
        license=text("license"),
        depends=tuple(str(each) for each in depends) if isinstance(depends, list) else (),
        used_files=tuple(sorted(set(used).intersection(map(str, files)))) if used and isinstance(files, list) else (),
        file_name=text("fn"),
    )


def python_folders(prefix: str) -> Iterator[str]:
    """Yield the metadata folders of the Python distributions that conda itself installed into a prefix."""
    for name in record_names(prefix):
        try:
            content = Path(prefix, _NAME, name).read_bytes()
        except OSError:
            continue
        if b"-info" not in content:
            continue
        for mark in _METADATA:
            at = content.find(mark)
            while at >= 0:
                path = content[content.rfind(b'"', 0, at) + 1 : at + len(mark) - 1]
                yield os.path.join(prefix, os.fsdecode(path.removesuffix(b"/METADATA").removesuffix(b"/PKG-INFO")))
                at = content.find(mark, at + len(mark))
