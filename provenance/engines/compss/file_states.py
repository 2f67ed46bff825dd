"""Accesses -> states of files: which content each path had, which task wrote it and which tasks read it.

In: the accesses of a log, task by task, in the order in which the main program created the tasks. Out: a
:class:`FileHistory` for each path. The rules are those of COMPSs' own reader: what is read is an input unless the run
wrote it before; OUT makes an output; INOUT, CONCURRENT and COMMUTATIVE read and write. COMPSs itself gives each
content a version, and so are they here: 0 is the content from before the run, each task that writes makes one more.
Tasks side by side that share one content (CONCURRENT, COMMUTATIVE) read one state and make one together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from provenance.engines.compss.records import Access, LoggedTask

_ONLY_READING = frozenset(["IN", "IN_DELETE"])
_SHARING = frozenset(["CONCURRENT", "COMMUTATIVE"])


class FileState:
    """One content of a path."""

    __slots__ = ("is_deleted", "key", "readers", "shared", "version", "writers")

    def __init__(self, version: int, shared: str | None = None) -> None:
        self.version = version
        self.shared = shared  # the direction by which several tasks make it together
        self.key: str | None = None  # of its Data, once that is made
        self.writers: list[int] = []  # ids of tasks
        self.readers: list[int] = []
        self.is_deleted = False  # a task had it as IN_DELETE: COMPSs deletes it then


class FileHistory:
    """The states of one path, oldest first."""

    __slots__ = ("doubt", "is_directory", "line", "path", "states", "was_announced")

    def __init__(self, access: Access) -> None:
        self.path = access.path
        self.is_directory = access.is_directory
        self.states: list[FileState] = []
        self.doubt = access.doubt
        self.line = access.line
        self.was_announced = False  # a task that never ran should have written it


class Use(NamedTuple):
    """What a task had as one of its parameters: the states that it read and wrote."""

    access: Access
    history: FileHistory
    read: FileState | None
    written: FileState | None


class FileStates:
    """The states of all files of a run, built access by access."""

    def __init__(self) -> None:
        self.histories: dict[str, FileHistory] = {}
        self.uses: dict[int, list[Use]] = {}  # id of a task -> its uses, in the order of the log

    def take_task(self, task: LoggedTask, did_run: bool) -> None:
        """Take the accesses of a task; one that never ran reads what was there, and writes nothing."""
        take, number = self._take, task.id
        self.uses[number] = [take(access, number, did_run) for access in task.accesses]

    def take_accesses(self, accesses: Iterable[Access]) -> None:
        """Take accesses of which the tasks are not known: a content between two others can't be told then."""
        for access in accesses:
            history = self._history(access)
            states = history.states
            if access.direction != "OUT" and not states:
                states.append(FileState(0))
            if access.direction == "IN_DELETE":
                states[-1].is_deleted = True
            elif access.direction != "IN":
                if not states or states[-1].version == 0:
                    states.append(FileState(1))
                states[-1].is_deleted = False

    def _history(self, access: Access) -> FileHistory:
        history = self.histories.get(access.path)
        if history is None:
            history = self.histories[access.path] = FileHistory(access)
        elif access.is_directory:
            history.is_directory = True
        return history

    def _take(self, access: Access, task: int, did_run: bool) -> Use:
        history = self._history(access)
        states, direction = history.states, access.direction
        latest = states[-1] if states else None
        if (
            direction in _SHARING
            and latest is not None
            and latest.shared == direction
            and not latest.readers
            and did_run
        ):
            before = states[-2] if len(states) > 1 else None
            if before is not None and not _is_last(before.readers, task):
                before.readers.append(task)
            if not _is_last(latest.writers, task):
                latest.writers.append(task)
            return Use(access, history, before, latest)
        read = None
        if direction != "OUT":
            if latest is None and not history.was_announced:
                latest = FileState(0)
                states.append(latest)
            read = latest
            if read is not None and not _is_last(read.writers, task) and not _is_last(read.readers, task):
                read.readers.append(task)
        if direction in _ONLY_READING:
            if direction == "IN_DELETE" and did_run and read is not None:
                read.is_deleted = True
            return Use(access, history, read, None)
        if not did_run:
            history.was_announced = True
            return Use(access, history, read, None)
        if latest is not None and _is_last(latest.writers, task):
            return Use(access, history, None if read is latest else read, latest)
        written = FileState(latest.version + 1 if latest else 1, direction if direction in _SHARING else None)
        written.writers.append(task)
        states.append(written)
        return Use(access, history, read, written)


def _is_last(tasks: list[int], task: int) -> bool:
    """Tell whether a task is among those of a state: it is the last one then, as tasks are taken one by one."""
    return bool(tasks) and tasks[-1] == task
