"""``static_binding_dp.out`` of the workers -> when and where tasks were executed, and with which values.

In: the files of all nodes, rotated parts oldest first; COMPSs writes them from 3.4 on. Out: what is known of each
task, by its number. A record is ``KEY=value`` pairs in any order and nothing in it is escaped: a value may span lines
and hold what looks like the next pair. So only known keys count, once each, and behind a free text only those that
make sense there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from provenance.engines.compss.records import Execution, Problem, TaskExecutions, WorkerValue
from provenance.engines.compss.timestamps import instant

MOST_NAMED = 100  # problems of one kind of file
LONGEST_VALUE = 100_000  # characters
_LONGEST_TEXT = 200
_EMPTY = "Empty file"  # what a worker makes of an empty log before it is collected
_DIRECTIONS = ("IN", "OUT", "INOUT", "CONCURRENT", "COMMUTATIVE", "IN_DELETE")  # by COMPSs' numbers
_NUMBERS = {str(number): name for number, name in enumerate(_DIRECTIONS)}
_KEYS = "HOST|TASK|PARAMETER|DIRECTION|BASICTYPE|PYTHONTYPE|CONTENT|IS_ARRAY|DESCRIPTION|STARTTIME|ENDTIME|LOGFILE"
_KEY = re.compile(rf" ({_KEYS})=")
_BEGINS = re.compile(rf"(?:HOST|TASK)=|(?:{_KEYS})=.* TASK=[0-9]+(?: |$)")
_TRUE = ("True", "true")
_FREE = ("CONTENT", "DESCRIPTION", "LOGFILE")
# What may follow a free text, and what its value has to look like there.
_BEHIND = {
    "HOST": re.compile(r"\S+"),
    "TASK": re.compile(r"[0-9]+"),
    "PARAMETER": re.compile(r"\S+"),
    "DIRECTION": re.compile(rf"[0-5]|{'|'.join(_DIRECTIONS)}"),
    "BASICTYPE": re.compile(r"[\w.\[\]<>|-]+(?:, ?[\w.\[\]<>|-]+)*"),
    "PYTHONTYPE": re.compile(r"[\w.\[\]<>|-]+(?:, ?[\w.\[\]<>|-]+)*"),
    "IS_ARRAY": re.compile(r"True|False|true|false"),
    "DESCRIPTION": re.compile(r".*", re.DOTALL),
}

Record = dict[str, str]


def read(paths: Iterable[Path]) -> tuple[dict[int, TaskExecutions], list[Problem]]:
    """Read the logs of all workers.

    Returns
    -------
    What is known of each task, and what could not be understood: the first hundred lines by name, then their number.
    """
    reading = _Reading()
    for path in paths:
        try:
            with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                reading.take(str(path), lines)
        except OSError as error:
            reading.problems.append(Problem(str(path), None, f"it can't be read: {error.strerror}"))
    return reading.finish()


class _Reading:
    """Collects what the records say."""

    def __init__(self) -> None:
        self.tasks: dict[int, TaskExecutions] = {}
        self.problems: list[Problem] = []
        self._unnamed = 0
        self._latest: dict[tuple[int, str], Execution] = {}  # of each task on each host
        self._valued: dict[int, int] = {}  # start of the execution that a task's values are from

    def take(self, path: str, lines: Iterable[str]) -> None:
        """Take all records of one file."""
        take = self._take_record
        for number, text in self._records(path, lines):
            record = _pairs(text)
            if record is None or not take(record):
                self._note(path, number, "the line can't be understood and was left out", text)

    def finish(self) -> tuple[dict[int, TaskExecutions], list[Problem]]:
        """Return all that was found."""
        for known in self.tasks.values():
            if len(known.executions) > 1:
                known.executions.sort(key=lambda run: run.start if run.start is not None else run.end or 0)
        if self._unnamed:
            last = self.problems[-1].file
            self.problems.append(Problem(last, None, f"{self._unnamed} more lines of workers can't be understood"))
        return self.tasks, self.problems

    def _records(self, path: str, lines: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Put the lines of a record together: one that begins no record goes on with the text before it."""
        first, parts, can_go_on = 0, [""], False
        for number, ended in enumerate(lines, 1):
            line = ended[:-1] if ended.endswith("\n") else ended
            if line.startswith("HOST=") or _BEGINS.match(line):
                if first:
                    yield first, "\n".join(parts) if len(parts) > 1 else parts[0]
                first, parts = number, [line]
                can_go_on = " CONTENT=" in line or " DESCRIPTION=" in line or line.startswith(("CONTENT=", "DESCR"))
            elif first and can_go_on:
                parts.append(line)
            elif line and not (number == 1 and line.strip() == _EMPTY):
                self._note(path, number, "the line belongs to no record and was left out", line)
        if first:
            yield first, "\n".join(parts) if len(parts) > 1 else parts[0]

    def _take_record(self, record: Record) -> bool:
        """Return whether the record made sense."""
        try:
            task = int(record["TASK"])
        except (KeyError, ValueError):
            return False
        known = self.tasks.get(task)
        if known is None:
            known = self.tasks[task] = TaskExecutions(task)
        host = record.get("HOST", "")
        if "PARAMETER" in record:
            self._take_value(known, host, _value(record))
            return True
        if "LOGFILE" in record:
            name = record["LOGFILE"].rstrip().rpartition("/")[2]
            if name and name not in known.logs:
                known.logs.append(name)
            return True
        start = instant(record["STARTTIME"].strip()) if "STARTTIME" in record else None
        end = instant(record["ENDTIME"].strip()) if "ENDTIME" in record else None
        if start is None and end is None:
            return False
        self._take_times(known, host, start, end)
        return True

    def _take_times(self, known: TaskExecutions, host: str, start: int | None, end: int | None) -> None:
        where = (known.task, host)
        if start is None:
            latest = self._latest.get(where)
            if latest is not None and latest.end is None:
                latest.end = end
                return
        execution = self._latest[where] = Execution(host or None, start, end)
        known.executions.append(execution)

    def _take_value(self, known: TaskExecutions, host: str, value: WorkerValue) -> None:
        """Keep the value of the execution that began last; nodes are read one after the other."""
        latest = self._latest.get((known.task, host))
        start = latest.start if latest is not None and latest.start is not None else 0
        if start >= self._valued.get(known.task, 0):
            self._valued[known.task] = start
            known.values[value.name] = value
        else:
            known.values.setdefault(value.name, value)

    def _note(self, path: str, line: int, what: str, text: str) -> None:
        if len(self.problems) < MOST_NAMED:
            self.problems.append(Problem(path, line, what, text[:_LONGEST_TEXT]))
        else:
            self._unnamed += 1


def _pairs(text: str) -> Record | None:
    """Return the pairs of a record; None when it has none or a key twice for no reason."""
    pieces = _KEY.split(f" {text}")
    keys, values = pieces[1::2], pieces[2::2]
    record = dict(zip(keys, values, strict=True))
    if pieces[0]:
        return None
    if keys[-1] == "CONTENT" and len(record) == len(keys):
        return record
    for free in _FREE:
        if free in record:
            return _with_free_text(keys, values, keys.index(free))
    return record if len(record) == len(keys) else None


def _with_free_text(keys: list[str], values: list[str], free: int) -> Record | None:
    """Tell the pairs behind a free text from what only looks like them.

    Those behind it are taken from the right, as long as each is new and has a value that makes sense.
    """
    before = dict(zip(keys[:free], values[:free], strict=True))
    if len(before) < free:
        return None
    behind: Record = {}
    end = len(keys)
    for index in range(len(keys) - 1, free, -1):
        key = keys[index]
        form = _BEHIND.get(key)
        value = _joined(keys, values, index, end)
        if form is None or key in before or key in behind or form.fullmatch(value) is None:
            continue
        behind[key] = value
        end = index
    return {**before, keys[free]: _joined(keys, values, free, end), **behind}


def _joined(keys: list[str], values: list[str], start: int, end: int) -> str:
    more = (f" {keys[index]}={values[index]}" for index in range(start + 1, end))
    return "".join((values[start], *more))


def _value(record: Record) -> WorkerValue:
    content = record.get("CONTENT")
    cut_from = None
    if content is not None and len(content) > LONGEST_VALUE:
        content, cut_from = content[:LONGEST_VALUE], len(content)
    kind, element = _types(record.get("BASICTYPE") or record.get("PYTHONTYPE") or "")
    return WorkerValue(
        record["PARAMETER"].strip(),
        content,
        kind,
        element,
        _direction(record.get("DIRECTION", "")),
        record.get("IS_ARRAY") in _TRUE,
        record.get("DESCRIPTION"),
        cut_from,
    )


@lru_cache(maxsize=1024)
def _types(text: str) -> tuple[str | None, str | None]:
    kind, _, element = text.strip().partition(",")
    return kind or None, element.strip() or None


@lru_cache(maxsize=64)
def _direction(text: str) -> str | None:
    name = text.strip()
    return _NUMBERS.get(name, name) or None
