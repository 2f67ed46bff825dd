"""States of files -> Data: what each file is to the run, and what of it is on the disk now.

In: the histories of :mod:`.file_states`, the paths of sources, logs and what else the user names. Out: the list of
all :class:`~provenance.run.model.Data`. Each file is looked at once. COMPSs records no size or date of a file, so what
is on the disk is taken as it is; what was changed after the run says so.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterable

from provenance.engines.compss.file_states import FileHistory, FileState
from provenance.engines.compss.folders import entries
from provenance.journal.credentials import is_private_name
from provenance.run.model import Data, Gap, Role

_TOLERANCE = 60 * 1_000_000_000  # ns by which the clocks of a cluster and its file system may differ
_READ = "COMPSs: a task read it, and none wrote it before"
_WRITTEN = "COMPSs: a task wrote it"
_BEFORE = "COMPSs: a task changed it; this is the content from before the run"
_BETWEEN = "COMPSs: a task wrote it, and a later one changed it"
_DELETED = "COMPSs: a task wrote it, and COMPSs deleted it after another had read it"
_PART = "it is in a folder that a task had as a parameter"
LATE = "The file was changed after the end of the run; this may not be the content that the run saw."
_PRIVATE = "a file of this name is made to hold credentials"
_IS_NONE = "What is there now is neither a file nor a folder."


class RunData:
    """Makes the Data of a run, each with a key of its own."""

    def __init__(
        self, end: int | None, is_ignored: Callable[[str], bool], undated: Container[str] = frozenset()
    ) -> None:
        """Begin.

        Parameters
        ----------
        end
            When the run ended, ns: what has a later date was changed after it.
        is_ignored
            Tells of a path whether the user wants it left out.
        undated
            Paths of files that the run did not see, so that they may be of any date.
        """
        self._latest_date = None if end is None else end + _TOLERANCE
        self._is_ignored = is_ignored
        self._undated = undated
        self.data: list[Data] = []
        self.gaps: list[Gap] = []
        self.first: dict[str, str] = {}  # path -> key of its first state
        self.latest: dict[str, str] = {}  # path -> key of its last state
        self._keys: set[str] = set()

    def add_named(self, path: str, role: Role, reason: str, description: str | None = None) -> str | None:
        """Add a file by its path, unless it is known; return its key, None when there is no such file."""
        known = self.latest.get(path)
        if known is not None:
            return known
        found = _stat(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return self._add(path, role, 0, found, reason, description=description)

    def add_log_of_task(self, path: str, description: str) -> None:
        """Add the log of a task, unless it is empty: then it says nothing."""
        found = _stat(path)
        if found is not None and found.st_size and path not in self.latest:
            self._add(path, Role.LOG, 0, found, "COMPSs wrote it", description=description)

    def add_history(self, history: FileHistory, is_source: bool) -> None:
        """Add all states of a path that tasks had as a parameter."""
        states, path = history.states, history.path
        if not states:
            return  # only a task that never ran should have written it
        found = _stat(path)
        history.is_directory = history.is_directory if found is None else stat.S_ISDIR(found.st_mode)
        doubt = f"Not certain: {history.doubt}." if history.doubt else None
        last = states[-1]
        for state in states:
            now = found if state is last else None
            role, reason = _role(state, state is last, is_source)
            hidden = _why_hidden(path) if state is last and found is None else None
            state.key = self._add(path, role, state.version, now, reason, history.is_directory, doubt, hidden)

    def add_parts(self, histories: Iterable[FileHistory]) -> None:
        """Add the files in the folders among `histories`, the innermost folders first."""
        folders = [each for each in histories if each.is_directory and each.states and each.states[-1].key]
        for history in sorted(folders, key=lambda each: each.path.count("/"), reverse=True):
            last = history.states[-1]
            role = _role(last, True, False)[0]
            self.add_folder_content(history.path, role, last.version, _PART)

    def add_folder(self, path: str, role: Role, reason: str) -> str:
        """Add a folder by its path with what is in it; return its key."""
        known = self.latest.get(path)
        if known is None:
            known = self._add(path, role, 0, _stat(path), reason, True)
            self.add_folder_content(path, role, 0, reason)
        return known

    def add_folder_content(self, folder: str, role: Role, version: int, reason: str) -> None:
        """Add the files and the empty folders in a folder that are not known by themselves."""
        known = self.latest
        for path, is_folder in entries(folder, lambda path, name: path in known, self._note_unreadable):
            self._add(path, role, version, _stat(path), reason, is_folder)

    def _note_unreadable(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # what is gone says so itself
            self.gaps.append(Gap("what is in a folder", f"it can't be read: {error.strerror}", error.filename))

    def _add(  # noqa: PLR0917
        self,
        path: str,
        role: Role,
        version: int,
        found: os.stat_result | None,
        reason: str,
        is_directory: bool = False,
        description: str | None = None,
        hidden: str | None = None,
    ) -> str:
        """Add one state.

        `found` is what is on the disk, None when this state is not there any more, or when `hidden` says why it can't
        be looked at.
        """
        size = mtime_ns = content = None
        is_gone = found is None and hidden is None
        if hidden is not None:
            description = _joined(description, f"It can't be looked at: {hidden}.")
            self.gaps.append(Gap("whether a file is there, and what is in it", hidden, path))
        if found is not None and is_directory:
            content = path
        elif found is not None and not stat.S_ISREG(found.st_mode):
            description = _joined(description, _IS_NONE)
        elif found is not None:
            size, mtime_ns = found.st_size, found.st_mtime_ns
            if is_private_name(path):
                description = _joined(description, f"The content was left out: {_PRIVATE}.")
                self.gaps.append(Gap("the content of a file", _PRIVATE, path))
            else:
                content = path
            if self._latest_date is not None and mtime_ns > self._latest_date and role is not Role.LOG:
                description = description if path in self._undated else _joined(description, LATE)
        if self._is_ignored(path):
            role, reason = Role.IGNORED, "ro-crate-info.yaml says so (ignore)"
        key = self._key(path + "/" if is_directory else path, version)
        self.data.append(
            Data(
                key,
                path,
                role,
                version,
                is_directory,
                size,
                mtime_ns,
                content,
                is_gone,
                description=description,
                reason=reason,
            )
        )
        self.first.setdefault(path, key)
        self.latest[path] = key
        return key

    def _key(self, wanted: str, version: int) -> str:
        key = wanted
        while key in self._keys:
            key = f"{wanted}@{version}"
            version += 1
        self._keys.add(key)
        return key


def _role(state: FileState, is_last: bool, is_source: bool) -> tuple[Role, str]:
    if state.version == 0:
        if not is_last:
            return Role.INPUT, _BEFORE
        return (Role.SOURCE if is_source else Role.INPUT), _READ
    if not is_last:
        return Role.INTERMEDIATE, _BETWEEN
    return (Role.INTERMEDIATE, _DELETED) if state.is_deleted else (Role.OUTPUT, _WRITTEN)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (OSError, ValueError):
        return None


def _why_hidden(path: str) -> str | None:
    """Return why it can't be told whether there is such a file; None when there is none."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        return error.strerror
    return None


def _joined(*texts: str | None) -> str:
    return " ".join(text for text in texts if text)
