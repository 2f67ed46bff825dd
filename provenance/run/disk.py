"""The disk as it is now: states of files, and one name for a file that has several.

Every path is looked at once, every folder resolved once.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from provenance.run.recorded import State


class Found(NamedTuple):
    """What is at a path now."""

    state: State
    ctime_ns: int
    is_regular: bool
    is_directory: bool
    is_link: bool


class Disk:
    """Looks at paths, each once."""

    def __init__(self) -> None:
        self._found: dict[str, Found | None] = {}
        self._folders: dict[str, str] = {}
        self._links: dict[str, str] = {}  # symbolic links that the run made: name -> target
        self._resolved: dict[str, str] = {}

    def at(self, path: str) -> Found | None:
        """Return what is at `path`, without following a symbolic link; None when nothing is."""
        try:
            return self._found[path]
        except KeyError:
            pass
        found: Found | None = None
        try:
            s = os.lstat(path)
            mode = s.st_mode
            state = State(s.st_size, s.st_mtime_ns, s.st_ino, s.st_dev)
            found = Found(state, s.st_ctime_ns, stat.S_ISREG(mode), stat.S_ISDIR(mode), stat.S_ISLNK(mode))
        except (OSError, ValueError):
            found = None
        self._found[path] = found
        return found

    def add_link(self, name: str, target: str) -> None:
        """From now on `name` is a symbolic link to `target`, whatever is on the disk now."""
        if self._links.get(name) != target and name != target:
            self._links[name] = target
            self._resolved.clear()

    def drop_link(self, name: str) -> bool:
        """Forget a symbolic link; True when it was one that the run had made."""
        if name not in self._links:
            return False
        del self._links[name]
        self._resolved.clear()
        return True

    def move_link(self, name: str, to: str) -> bool:
        """A symbolic link that the run had made has another name now; False when `name` is none."""
        target = self._links.get(name)
        if target is None:
            return False
        self.drop_link(name)
        self.add_link(to, target)
        return True

    def resolve(self, path: str) -> str:
        """Return the one name of the file at `path`: links recorded in the run first, then those on the disk."""
        known = self._resolved.get(path)
        if known is None:
            recorded = self._through_recorded(path) if self._links else path
            known = self._resolved[path] = self._on_disk(recorded)
        return known

    def name_itself(self, path: str) -> str:
        """Return the one name of `path` without following it when it is a link itself."""
        folder, _, name = path.rpartition("/")
        if not folder:
            return path
        return f"{self.resolve(folder).rstrip('/')}/{name}"

    def _through_recorded(self, path: str) -> str:
        for _ in range(40):  # as many links as Linux follows
            position = path.find("/", 1)
            while True:
                head = path if position < 0 else path[:position]
                target = self._links.get(head)
                if target is not None:
                    path = os.path.normpath(target + path[len(head) :])
                    break
                if position < 0:
                    return path
                position = path.find("/", position + 1)
        return path

    def _on_disk(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder or "/").rstrip("/")
        path = f"{real}/{name}"
        found = self.at(path)
        if found is not None and found.is_link:
            return os.path.realpath(path)
        return path
