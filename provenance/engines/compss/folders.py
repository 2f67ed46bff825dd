"""The files in a folder, following symbolic links, and without going in circles.

In: the path of a folder. Out: the paths of its files and of its empty sub-folders. Nothing is opened or changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

Skips = Callable[[str, str], bool]


class Entry(NamedTuple):
    """A file, or a folder with nothing in it."""

    path: str
    is_folder: bool = False


def entries(
    folder: str, is_skipped: Skips | None = None, is_unreadable: Callable[[OSError], object] | None = None
) -> Iterator[Entry]:
    """Yield the files and the empty sub-folders in `folder`, a folder's files before those of its sub-folders.

    Parameters
    ----------
    is_skipped
        Tells of a path and its base name whether to leave it out, with all that is in it.
    is_unreadable
        Is told why a folder can't be looked into; without it such a folder is passed over.
    """
    nowhere: frozenset[tuple[int, int]] = frozenset()
    waiting = [(folder, nowhere)]
    while waiting:
        place, outer = waiting.pop()
        try:
            found = os.stat(place)
            identity = (found.st_dev, found.st_ino)
            if identity in outer:
                continue  # a link that leads back up
            with os.scandir(place) as listed:
                inside = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            if is_unreadable is not None:
                is_unreadable(error)
            continue
        if not inside and outer:
            yield Entry(place, True)
        below = []
        for entry in inside:
            path = f"{place.rstrip('/')}/{entry.name}"
            if is_skipped is not None and is_skipped(path, entry.name):
                continue
            if _is_folder(entry):
                below.append((path, outer | {identity}))
            else:
                yield Entry(path)
        waiting += reversed(below)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
