"""Makes what an isolated run has left behind safe to read once its walls are gone.

Comes in: a folder that the run could write to, and how its paths were called inside. Goes out: the same folder
without links that lead out of it, and without pipes and sockets; sentences about what was taken away. A link to
``/home/me/.ssh/id_rsa`` led nowhere for the run, but would lead to a key for whoever reads its results.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from provenance.rerun.isolation import Walls
from provenance.rerun.placing import is_below

_MOST_TOLD = 10


def settle(folder: Path, walls: Walls, visible: Sequence[str]) -> list[str]:
    """Lead links with absolute paths to where they led inside, and take away what leads elsewhere.

    Parameters
    ----------
    visible
        Folders outside of this one that links may lead to: those that the run could read.
    """
    taken: list[str] = []
    top = os.path.realpath(folder)
    links = []
    for entry in _entries(folder, taken):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            _lead_out(entry.path, walls)
            links.append(entry.path)
        elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            os.unlink(entry.path)
            taken.append(f"the run left {entry.path}, which is no file; it was taken away")
    away = [link for link in links if not any(is_below(os.path.realpath(link), one) for one in (top, *visible))]
    for link in away:
        target = os.readlink(link)
        os.unlink(link)
        taken.append(f"the run left the link {link}, which leads to {target}, out of its folders; it was taken away")
    if len(taken) > _MOST_TOLD:
        taken[_MOST_TOLD:] = [f"{len(taken) - _MOST_TOLD} more such files were taken away"]
    return taken


def _entries(folder: Path, failures: list[str]) -> Iterator[os.DirEntry[str]]:
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                found = list(entries)
        except OSError as error:
            failures.append(f"{error.filename} can't be looked through: {error.strerror}")
            continue
        for entry in found:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)


def _lead_out(link: str, walls: Walls) -> None:
    target = os.readlink(link)
    place = walls.outside(os.path.normpath(target)) if target.startswith("/") else None
    if place is not None and place != target:
        os.unlink(link)
        os.symlink(os.path.relpath(place, os.path.dirname(link)), link)
