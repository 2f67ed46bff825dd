"""Arguments that name a folder: which of a task's files are in it.

Comes in: values, and the data that a task (or the run) read or wrote. Goes out: for each value that names a folder of
them, their keys. A text counts as the name of a folder when files that were used that way are in it: an argument
``results`` of a task that wrote ``results/a.csv``. The working folder and those above it don't count: all is in them.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from provenance.run.model import Data, Value

FOLDER = "#folder-"  # begins their identifiers
_LONGEST = 4096  # bytes of a path, on Linux


@dataclass(frozen=True, slots=True)
class NamedFolder:
    """A value that names a folder, and what of it was used."""

    value: Value
    path: str
    keys: tuple[str, ...]  # of the data in it, in the order in which they were given


def named_folders(
    values: Iterable[Value], keys: Iterable[str], data: Mapping[str, Data], cwd: str | None
) -> Iterator[NamedFolder]:
    """Find the values that name a folder with some of the files ``keys`` in it."""
    for value in values:
        text = value.value
        if value.data_key is not None or value.cut_from is not None or not isinstance(text, str):
            continue
        if not 0 < len(text) < _LONGEST or (cwd is None and not text.startswith("/")):
            continue
        name = text.rstrip("/").rpartition("/")[2]
        if name not in (".", "..") and not any(name in data[key].path for key in keys if key in data):
            continue
        path = os.path.normpath(os.path.join(cwd or "/", text))
        if path == "/" or f"{cwd}/".startswith(f"{path}/"):
            continue
        inside = f"{path}/"
        found = tuple(key for key in keys if key in data and data[key].path.startswith(inside))
        if found:
            yield NamedFolder(value, path, found)
