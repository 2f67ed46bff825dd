"""Where the recorded paths lie in the fresh folder.

Comes in: the Run, the recorded path of each of its data, the folder of the re-run. Goes out: a
:class:`~provenance.rerun.records.Placement` whose root is the nearest folder that holds the working folder and all
that is placed, so that every relative path means what it meant.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path

from provenance.rerun.records import Placement
from provenance.run.model import Role, Run

UNKNOWN_FOLDER = "/recorded"  # stands for the working folder of a run that does not tell it
PLACED = frozenset({Role.SOURCE, Role.CONFIGURATION, Role.INPUT})
_MOVING = PLACED | {Role.OUTPUT, Role.INTERMEDIATE}
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/proc", "/sys", "/dev", "/tmp", "/var/tmp", "/run")
_IN_SYSTEM = tuple(f"{folder}/" for folder in _SYSTEM)
_LONGEST = 4096  # bytes of a path, on Linux


def recorded_paths(run: Run, known: Mapping[str, str]) -> dict[str, str]:
    """Give each data of the run its absolute path at the run, by key, as far as that is known.

    Parameters
    ----------
    known
        Key -> recorded path, where something else than the crate's own word is known.
    """
    found = {}
    for data in run.data:
        path = known.get(data.key) or data.original
        if path is not None and is_plain(path):
            found[data.key] = posixpath.normpath(path)
    return found


def is_plain(path: str) -> bool:
    """Tell whether this is an absolute path that leads where it says: no ``..``, no NUL, not longer than can be."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and "\0" not in path
        and len(path) < _LONGEST
        and ".." not in path.split("/")
    )


def placement(run: Run, paths: Mapping[str, str], folder: Path, root: str | None = None) -> Placement:
    """Find the root of the recorded paths, and let ``folder`` stand for it.

    Files of the system and temporary ones, which a run may have used too, do not move the root.
    """
    if root is not None and is_plain(root):
        return Placement(posixpath.normpath(root), folder)
    cwd = posixpath.normpath(run.cwd) if run.cwd is not None and is_plain(run.cwd) else None
    folders = [cwd] if cwd else []
    for data in run.data:
        path = paths.get(data.key)
        if path is not None and data.role in _MOVING and _belongs(path, cwd):
            folders.append(path if data.is_directory else posixpath.dirname(path))
    return Placement(posixpath.commonpath(folders) if folders else UNKNOWN_FOLDER, folder)


def _belongs(path: str, cwd: str | None) -> bool:
    if path not in _SYSTEM and not path.startswith(_IN_SYSTEM):
        return True
    # A run that took place in a temporary folder itself has its files there.
    return cwd is not None and posixpath.commonpath([path, cwd]).count("/") >= 2


def is_below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
