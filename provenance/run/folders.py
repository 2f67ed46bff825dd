"""Folders that arguments name: data of their own, when the task used files below them.

In: the absolute path of an argument, and what its task read and wrote. Out: the key of a folder, which then is among
the task's inputs or outputs as the files below it are, and at the end the :class:`~provenance.run.model.Data` of all
such folders. The folders that the run as a whole took place in are none: everything is below them.
"""

from __future__ import annotations

from collections.abc import Iterable

from provenance.run.disk import Disk
from provenance.run.model import Data, Role

# A folder has the first of these that a file below it has.
_ROLES = (Role.OUTPUT, Role.INTERMEDIATE, Role.INPUT, Role.CONFIGURATION)


class NamedFolders:
    """The folders that the arguments of tasks name."""

    def __init__(self, around: Iterable[str], data: Iterable[Data]) -> None:
        """Take the folders that the run took place in, and all data of the run."""
        self._around = tuple(folder.rstrip("/") + "/" for folder in around)
        self._role_of = {each.key: each.role for each in data}
        self._roles: dict[str, set[Role]] = {}  # path of a folder -> those of the files below it

    def find(self, path: str, by_path: dict[str, str], inputs: dict[str, None], outputs: dict[str, None]) -> str | None:
        """Return the key of the folder `path` when the task used files below it, and add it to what it used.

        Parameters
        ----------
        by_path
            Path -> key of the data that the task read or wrote.
        inputs, outputs
            Keys of the data that it read, and wrote; the folder's is added.
        """
        prefix = path.rstrip("/") + "/"
        if any(folder.startswith(prefix) for folder in self._around):
            return None
        below = [key for used, key in by_path.items() if used.startswith(prefix)]
        roles = {role for key in below if (role := self._role_of.get(key)) in _ROLES}
        was_read = any(key in inputs and self._role_of.get(key) in _ROLES for key in below)
        was_written = any(key in outputs for key in below)
        if not roles or not (was_read or was_written):
            return None
        self._roles.setdefault(path.rstrip("/"), set()).update(role for role in roles if role is not None)
        if was_read:
            inputs[prefix] = None
        if was_written:
            outputs[prefix] = None
        return prefix

    def data(self, disk: Disk) -> list[Data]:
        """Make the Data of all folders that were found."""
        made = []
        for path, roles in self._roles.items():
            found = disk.at(path)
            is_there = found is not None and found.is_directory
            made.append(
                Data(
                    key=path + "/",
                    path=path,
                    role=next(role for role in _ROLES if role in roles),
                    is_directory=True,
                    content=path if is_there else None,
                    is_gone=not is_there,
                    reason="a folder that an argument of a task names",
                )
            )
        return made
