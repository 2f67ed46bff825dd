"""Which distribution a file belongs to, by what the distributions say that they have installed.

In: the distributions of an environment. Out: a map from folders (with "/" at the end) and files to distributions; a
folder is in it when all below belongs to one, else its parts are. And the answer for one path.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from provenance.environment.python.distributions import Distribution, editable_code, recorded_files

_DEEPEST = 6  # of folders that several distributions share


def owners(distributions: Sequence[Distribution]) -> dict[str, Distribution]:
    """Return for folders and files the distribution that they belong to; of several, the first has them."""
    entries: dict[str, list[tuple[Distribution, str]]] = defaultdict(list)
    found: dict[str, Distribution] = {}
    for distribution in distributions:
        if distribution.folder.endswith(".egg"):
            found.setdefault(distribution.folder + ("/" if os.path.isdir(distribution.folder) else ""), distribution)
            continue
        for row in recorded_files(distribution):
            if row.startswith(("../", "/")):
                found.setdefault(os.path.normpath(os.path.join(distribution.folder, row)), distribution)
            else:
                entries[distribution.folder].append((distribution, row))
        if distribution.is_editable:
            for path in editable_code(distribution):
                found.setdefault(path, distribution)
    for folder, rows in entries.items():
        _divide(folder, rows, 0, found)
    for path, distribution in list(found.items()):
        real = os.path.realpath(path) + ("/" if path.endswith("/") else "")
        if real != path:
            found.setdefault(real, distribution)
    return found


def _divide(folder: str, rows: Iterable[tuple[Distribution, str]], depth: int, found: dict[str, Distribution]) -> None:
    below: dict[str, dict[int, list[tuple[Distribution, str]]]] = defaultdict(lambda: defaultdict(list))
    for distribution, row in rows:
        first, slash, rest = row.partition("/")
        if slash:
            below[first][id(distribution)].append((distribution, rest))
        else:
            found.setdefault(f"{folder}/{row}", distribution)
    for name, claims in below.items():
        if len(claims) == 1 or depth == _DEEPEST:
            found.setdefault(f"{folder}/{name}/", next(iter(claims.values()))[0][0])
        else:
            _divide(f"{folder}/{name}", (row for claim in claims.values() for row in claim), depth + 1, found)


def owner(path: str, among: Mapping[str, Distribution]) -> Distribution | None:
    """Return what a file belongs to; bytecode belongs to what its module does."""
    candidates = [path]
    parent = path.rpartition("/")[0]
    if path.endswith(".pyc") and parent.endswith("/__pycache__"):
        module = path.rpartition("/")[2].partition(".")[0]
        candidates.append(f"{parent[: -len('/__pycache__')]}/{module}.py")
    for candidate in candidates:
        if candidate in among:
            return among[candidate]
    for folder in PurePosixPath(path).parents:
        if (key := f"{folder}/") in among:
            return among[key]
    return None


def used(paths: Iterable[str], among: Mapping[str, Distribution]) -> set[str]:
    """Return the normal names of the distributions whose code is among the paths.

    Metadata don't count: listing what is installed opens them all.
    """
    found = set()
    for path in paths:
        if ".dist-info/" in path or ".egg-info/" in path or path.endswith(".pth"):
            continue
        if belongs := owner(path, among):
            found.add(belongs.normal_name)
    return found
