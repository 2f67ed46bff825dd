"""``dataprovenance.log``: which tasks there were and which files they had, as COMPSs' master wrote it down.

In: the file, of any version of COMPSs. Out: a :class:`~provenance.engines.compss.records.ProvenanceLog`. The three
dialects are told apart by their lines; what can't be understood is counted and named, and stops nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from provenance.engines.compss import accesses, statistics
from provenance.engines.compss.records import (
    STATUSES,
    Access,
    Dialect,
    LoggedTask,
    LoggedValue,
    Problem,
    ProvenanceLog,
    TaskParameter,
)
from provenance.engines.compss.timestamps import instant
from provenance.errors import JournalError

_NAMED = 100  # problems; the others are counted
_SHOWN = 200  # characters of a line
_MOST_PARTS = 4  # lines that a name with line breaks is put together from
_TASK = re.compile(r"task ([0-9]{1,18}) (.+)", re.DOTALL)
_STATUS = re.compile(r"status (\S+)")
_PARAMETER = re.compile(r"parameter (.+?) ([A-Z][A-Z0-9_]*_T) (.*) (\S+)", re.DOTALL)
_UNKNOWN = "not understood, and left out"
_PROBABLY_NO_LOG = 20  # lines of which none is understood
_CUT = "the log ends in the middle of this line, so that what it says may not be all"


def read(path: Path, *, exists: Callable[[str], bool] = os.path.lexists) -> ProvenanceLog:
    """Read a log.

    Parameters
    ----------
    exists
        Tells whether a file is there; decides where a line can be read in more than one way.

    Raises
    ------
    JournalError
        The file can't be read, or is something else.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            return _Reading(str(path), exists).read(stream)
    except OSError as error:
        raise JournalError(
            f"{path} can't be read: {error.strerror}; name the dataprovenance.log of a run that COMPSs was told "
            "to record with --provenance, and that you have the right to read"
        ) from None


class _Reading:
    """One pass over the lines of a log."""

    def __init__(self, path: str, exists: Callable[[str], bool]):
        self.log = ProvenanceLog(path, Dialect.ACCESSES)
        self._exists = exists
        self._numbers = statistics.StatisticLines()
        self._waiting: list[Access] = []  # of the next task
        self._values: list[LoggedValue] = []
        self._tasks: dict[int, LoggedTask] = {}
        self._early: dict[int, list[tuple[str, int]]] = {}  # statuses of tasks that were not met yet
        self._open: list[str] = []  # lines of an access whose direction has not come yet
        self._open_from = 0
        self._understood = 0
        self._declared: dict[str, tuple[TaskParameter, ...]] = {}

    def read(self, stream: Iterator[str]) -> ProvenanceLog:
        log = self.log
        number, line, lines = 0, "", enumerate(stream, 1)
        top = []
        for number, line in _some(lines, 4):
            top.append((number, (line.lstrip("\ufeff") if number == 1 else line).rstrip("\r\n")))
        for place, text in self._header(top):
            self._line(place, text)
        take, waiting, typed = self._line, self._waiting, accesses.typed
        has_tasks = log.dialect is Dialect.TASKS
        for number, line in lines:
            text = line.rstrip("\r\n")
            # Nine lines of ten are of this form.
            if has_tasks and text.startswith("file ") and not self._open and (access := typed(text, number)):
                waiting.append(access)
                self._understood += 1
            else:
                take(number, text)
        is_cut = number > 3 and not line.endswith("\n") and instant(line) is None
        if self._open:
            self._close(is_cut)
        if is_cut:
            self._doubt(number, line)
        self._finish()
        return log

    def _header(self, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
        """Take what stands at the top; returns the lines that belong to the records already."""
        log = self.log
        texts = [line for _, line in lines]
        if not any(texts) and len(texts) < 4:
            self._problem(None, "the log is empty: the run ended before its first task, or without --provenance", "")
            return []
        start = instant(texts[2]) if len(texts) > 2 else None
        if start is not None:
            log.dialect, length = Dialect.TASKS, 3
        else:
            start = instant(texts[3]) if len(texts) > 3 else None
            log.dialect, length = (Dialect.TIMED, 4) if start is not None else (Dialect.ACCESSES, 3)
        log.start = start
        for place, text in enumerate(texts[:length]):
            if accesses.begins(text) or _TASK.fullmatch(text):
                self._problem(place + 1, "the log begins without its head, or with a part of it", text)
                length = place
                break
        texts = texts[:length]
        log.version = texts[0] or None if texts else None
        log.application = texts[1] or None if len(texts) > 1 else None
        if log.dialect is not Dialect.TASKS and len(texts) > 2 and texts[2] not in ("", "null"):
            log.profile = texts[2]
        return lines[length:]

    def _line(self, number: int, text: str) -> None:
        if self._open:
            if self._continued(number, text):
                return
            self._close()
        if not text.strip():
            return
        if self._record(number, text):
            self._understood += 1
        elif accesses.begins(text):
            self._open, self._open_from = [text], number
        else:
            self._unread(number, _UNKNOWN, text)

    def _record(self, number: int, text: str) -> bool:  # noqa: PLR0911 (one kind of record each)
        if text.startswith("file ") and (access := accesses.typed(text, number)):
            self._waiting.append(access)
            return True
        if text.startswith(("file://", "dir://")):
            access = accesses.plain(text, number)
            if access is not None:
                self.log.accesses.append(access)
            return access is not None
        if text.startswith("task ") and (match := _TASK.fullmatch(text)):
            return self._task(number, int(match[1]), match[2], text)
        if text.startswith("parameter ") and (match := _PARAMETER.fullmatch(text)):
            name, kind, value, direction = match.groups()
            if direction in accesses.DIRECTIONS:
                self._values.append(LoggedValue(name, sys.intern(kind), value, sys.intern(direction)))
                return True
        if text == "master status FAILED":
            self.log.has_failed = True
            return True
        if self._numbers.take(text):
            return True
        end = instant(text)
        if end is not None:
            self.log.end = end
        return end is not None

    def _task(self, number: int, identifier: int, rest: str, text: str) -> bool:
        if status := _STATUS.fullmatch(rest):
            if status[1] not in STATUSES:
                self._problem(number, f"the status {status[1]!r} is not known", text)
            elif identifier in self._tasks:
                self._tasks[identifier].statuses.append(sys.intern(status[1]))
            else:
                self._early.setdefault(identifier, []).append((status[1], number))
            return True
        signature, blank, declared = rest.partition(" ")
        task = LoggedTask(
            identifier, sys.intern(signature), self._parameters(number, declared) if blank else (), line=number
        )
        task.accesses, task.values = tuple(self._waiting), tuple(self._values)
        self._waiting.clear()
        self._values.clear()
        if identifier in self._tasks:
            self._problem(number, f"task {identifier} is told twice; the files of the second belong to the run", text)
            self.log.accesses.extend(task.accesses)
            return True
        self._tasks[identifier] = task
        self.log.tasks.append(task)
        task.statuses.extend(status for status, _ in self._early.pop(identifier, ()))
        return True

    def _parameters(self, number: int, declared: str) -> tuple[TaskParameter, ...]:
        known = self._declared.get(declared)  # most tasks of a method declare the same
        if known is None:
            found = []
            for one in declared.split("::"):
                parts = one.rsplit(".", 2)
                if len(parts) == 3 and parts[2] in accesses.DIRECTIONS:
                    found.append(TaskParameter(*map(sys.intern, parts)))
                elif one.strip():
                    self._problem(number, "a parameter that is not declared as name.TYPE.direction is left out", one)
            known = self._declared[declared] = tuple(found)
        return known

    def _continued(self, number: int, text: str) -> bool:
        """Put a path with line breaks together again, where that names a file that is there."""
        whole = "\n".join([*self._open, text])
        access = (accesses.typed if whole.startswith("file ") else accesses.plain)(whole, self._open_from)
        if access is not None:
            if not self._exists(access.path):
                return False
            (self._waiting if whole.startswith("file ") else self.log.accesses).append(access)
            self._understood += len(self._open) + 1
            self._open = []
            return True
        if len(self._open) >= _MOST_PARTS or self._would_be_a_record(text):
            return False
        self._open.append(text)
        return True

    @staticmethod
    def _would_be_a_record(text: str) -> bool:
        return bool(_TASK.fullmatch(text)) or accesses.begins(text) or instant(text) is not None

    def _close(self, is_cut: bool = False) -> None:
        """Give up waiting for the rest of an access; of one that is cut off not even the path is known."""
        parts, self._open = self._open, []
        first, *others = parts
        access = accesses.undecided(first, self._open_from)
        if access is not None and not is_cut and self._exists(access.path):
            (self._waiting if first.startswith("file ") else self.log.accesses).append(access)
            self._problem(self._open_from, f"{access.doubt}; taken for read", first)
        else:
            self._unread(self._open_from, "a file without a direction: left out", first)
        for place, text in enumerate(others, 1):
            if text.strip() and not self._record(self._open_from + place, text):
                self._unread(self._open_from + place, _UNKNOWN, text)

    def _doubt(self, number: int, text: str) -> None:
        """Mark what the last line says when it was not written to its end."""
        self._problem(number, _CUT, text)
        for told in (self._waiting, self.log.accesses):
            if told and told[-1].line == number:
                told[-1] = told[-1]._replace(doubt=_CUT)

    def _finish(self) -> None:
        log = self.log
        log.accesses.extend(self._waiting)
        if log.tasks:
            log.dialect = Dialect.TASKS  # of one without a head only the records tell
        for value in self._values:
            self._problem(None, f"the value of {value.name!r} belongs to no task, and is left out", value.value)
        for identifier, told in self._early.items():
            for status, number in told:
                self._problem(number, f"task {identifier} is {status}, but no line tells of it", "")
        log.statistics = self._numbers.statistics()
        self._complete_signatures()
        if not self._understood and log.unread >= _PROBABLY_NO_LOG:
            raise JournalError(f"{log.path} is no dataprovenance.log: none of its {log.unread} lines is understood")

    def _complete_signatures(self) -> None:
        """COMPSs takes the last letter off the signature of a task without parameters; the statistics have it."""
        whole = {statistic.signature for statistic in self.log.statistics} | {
            task.signature for task in self.log.tasks if task.parameters
        }
        fitting: dict[str, list[str]] = {}
        for one in sorted(whole):
            fitting.setdefault(one[:-1], []).append(one)
        what = "a task without parameters: COMPSs cuts the last letter off the name of its method"
        for task in self.log.tasks:
            if task.parameters or task.signature in whole:
                continue
            if len(found := fitting.get(task.signature, [])) == 1:
                task.signature = found[0]
            else:
                self._problem(task.line, f"{what}; it is kept as it stands", task.signature)

    def _unread(self, number: int, what: str, text: str) -> None:
        self.log.unread += 1
        self._problem(number, what, text)

    def _problem(self, number: int | None, what: str, text: str) -> None:
        if len(self.log.problems) < _NAMED:
            self.log.problems.append(Problem(self.log.path, number, what, text[:_SHOWN]))


def _some(lines: Iterator[tuple[int, str]], count: int) -> Iterator[tuple[int, str]]:
    for _, one in zip(range(count), lines, strict=False):
        yield one
