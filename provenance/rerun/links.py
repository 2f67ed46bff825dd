"""The links by which a run reached its files, made again in the fresh folder.

Comes in: the Run as its crate tells it, and where its paths lie now. Goes out: where a link goes and what it leads to.
A crate tells for a file its path and the other names that the run used; the parts in which name and path differ are
the link: ``/w/link/a/b.csv`` for ``/w/real/a/b.csv`` is ``/w/link`` to ``/w/real``. All links lead from a place in the
folder to another one in it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import OutputError
from provenance.rerun.placing import is_plain
from provenance.rerun.records import Placement
from provenance.run.model import Role, Run

_TAKEN = frozenset({Role.SOURCE, Role.CONFIGURATION, Role.INPUT, Role.INTERMEDIATE, Role.OUTPUT, Role.LOG})
_OF_INPUTS = frozenset({Role.SOURCE, Role.CONFIGURATION, Role.INPUT})


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link that the run found in place."""

    place: Path
    target: Path
    is_to_folder: bool


def needed_links(run: Run, paths: Mapping[str, str], placement: Placement) -> tuple[Link, ...]:
    """Find the links that have to be there before the run.

    Parameters
    ----------
    paths
        Data.key -> recorded absolute path.
    """
    taken = _folders_and_files(paths.values())
    found: dict[str, Link] = {}
    for data in run.data:
        path = paths.get(data.key)
        if path is None or data.role not in _TAKEN:
            continue
        for name in map(posixpath.normpath, filter(is_plain, data.names)):
            link, target = _parting(name, path)
            if link in taken and name not in taken and data.role in _OF_INPUTS:
                link, target = name, path  # a folder that is there: only the file in it is a link
            is_to_folder = target != path
            place, goal = placement.place(link), placement.place(target)
            # What a run links to its own results, it makes itself.
            if place is None or goal is None or link in taken or not (is_to_folder or data.role in _OF_INPUTS):
                continue
            found.setdefault(link, Link(place, goal, is_to_folder))
    return tuple(found.values())


def make_links(links: Iterable[Link], placement: Placement) -> None:
    """Make the links, after all files lie in place; what is in the way stays.

    Raises
    ------
    OutputError
        A link can't be made.
    """
    try:
        _make(links, os.path.realpath(placement.folder))
    except OSError as error:
        raise OutputError(
            f"{error.filename or placement.folder}: {error.strerror or error}; the links of the run could not be made: "
            "choose a --workdir on a file system that has them"
        ) from None


def _make(links: Iterable[Link], top: str) -> None:
    for link in links:
        parent, target = os.path.realpath(link.place.parent), os.path.realpath(link.target)
        # Data of the user may be linked to from the folder: nothing is made there.
        if os.path.lexists(link.place) or any(os.path.commonpath([path, top]) != top for path in (parent, target)):
            continue
        if link.is_to_folder:
            os.makedirs(target, exist_ok=True)
        os.makedirs(parent, exist_ok=True)
        link.place.symlink_to(os.path.relpath(target, parent))


def _parting(name: str, path: str) -> tuple[str, str]:
    """Take off the last parts that a name and a path share, but never the first in which they differ."""
    while posixpath.basename(name) == posixpath.basename(path):
        above, below = posixpath.dirname(name), posixpath.dirname(path)
        if above == below or "/" in (above, below):
            break
        name, path = above, below
    return name, path


def _folders_and_files(paths: Iterable[str]) -> set[str]:
    taken: set[str] = set()
    for path in paths:
        above = path
        while above not in taken:
            taken.add(above)
            above = posixpath.dirname(above)
    return taken
