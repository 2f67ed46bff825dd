"""The files in ``jobs/``: what attempts to execute tasks printed, and the error in it.

In: the folder. Out: a :class:`JobLog` a file, which is read only when it can hold an error, and only its end. COMPSs
numbers jobs as they are submitted, which is not always the number of the task: where the workers or the console say
which task a job was of, :func:`assign` corrects it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from provenance.engines.compss.records import JobLog, Problem, TaskExecutions

_NAME = re.compile(r"job([0-9]+)_(\w+)\.(out|err)")
_TAIL = 64 * 1024
_LONGEST_ERROR = 1000
_TRACEBACK = "Traceback (most recent call last):"
_WORKER = re.compile(r"WORKER (?:COMPSS )?EXCEPTION IN .*")
_NOT_SENT = "Error sending new task command"  # what the runtime writes instead of an output
# The last line of a Python traceback, or the first of a Java one.
_PYTHON = re.compile(r"([A-Za-z_][\w.]*)(?::(?: .*|$)|$)")
_JAVA = re.compile(r"(?:Exception in thread \"[^\"]*\" |Caused by: )?((?:[a-z_]\w*\.)+[A-Z]\w*(?:Exception|Error)\b.*)")


def read(folder: Path) -> tuple[tuple[JobLog, ...], list[Problem]]:
    """Return the logs of jobs in a folder, by number, and what could not be read."""
    problems: list[Problem] = []
    found: list[JobLog] = []
    try:
        with os.scandir(folder) as listed:
            entries = [(match, entry) for entry in listed if (match := _NAME.fullmatch(entry.name))]
    except (FileNotFoundError, NotADirectoryError):
        return (), problems
    except OSError as error:
        return (), [Problem(str(folder), None, f"it can't be read: {error.strerror}")]
    failed: set[tuple[str, str]] = set()
    for match, entry in sorted(entries, key=lambda each: each[0][3]):  # standard errors first: they say it better
        error_text = None
        try:
            if entry.stat().st_size and (match[1], match[2]) not in failed:
                error_text = _error_in(entry.path)
        except OSError as error:
            problems.append(Problem(entry.path, None, f"it can't be read: {error.strerror}"))
        if error_text is not None:
            failed.add((match[1], match[2]))
        found.append(JobLog(int(match[1]), match[2], match[3], Path(entry.path), error_text))
    found.sort(key=lambda log: (log.task, log.attempt != "NEW", log.attempt, log.stream))
    return tuple(found), problems


def assign(
    logs: Iterable[JobLog], executions: Mapping[int, TaskExecutions], tasks_of_jobs: Iterable[tuple[int, int]] = ()
) -> tuple[JobLog, ...]:
    """Return the logs with the numbers of their tasks, where those are known.

    Parameters
    ----------
    executions
        What the workers wrote down: they name the files of a task.
    tasks_of_jobs
        Numbers of jobs with those of their tasks, from the console.
    """
    owner = {name: known.task for known in executions.values() for name in known.logs}
    task_of = dict(tasks_of_jobs)
    for name, task in owner.items():
        if match := _NAME.fullmatch(name):
            task_of.setdefault(int(match[1]), task)
    return tuple(_with_task(log, owner.get(log.path.name, task_of.get(log.task, log.task))) for log in logs)


def _with_task(log: JobLog, task: int) -> JobLog:
    return log if log.task == task else replace(log, task=task)


def error_in(text: str) -> str | None:
    """Return the error that the output of a task ends with; None when it has none.

    >>> error_in("Traceback (most recent call last):\\n  File 'a.py', line 1\\nValueError: too small\\n")
    'ValueError: too small'
    """
    lines = text.splitlines()
    python = _python_error(lines)
    if python is not None:
        return python
    for line in lines:
        if match := _JAVA.fullmatch(line.strip()):
            return match[1][:_LONGEST_ERROR]
    for line in reversed(lines):
        if match := _WORKER.search(line):
            return match[0][:_LONGEST_ERROR]
    return _NOT_SENT if text.startswith(_NOT_SENT) else None


def _python_error(lines: list[str]) -> str | None:
    """Return the last line of the last traceback."""
    starts = [index for index, line in enumerate(lines) if line.strip().endswith(_TRACEBACK)]
    for start in reversed(starts):
        indent = len(lines[start]) - len(lines[start].lstrip())
        for line in lines[start + 1 :]:
            text = line[indent:] if line[:indent].isspace() or not indent else line
            if text and not text[0].isspace() and (match := _PYTHON.fullmatch(text.rstrip())):
                return match[0][:_LONGEST_ERROR]
    return None


def _error_in(path: str) -> str | None:
    with open(path, "rb") as file:  # noqa: PTH123 - tens of thousands of them
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _TAIL))
        return error_in(file.read(_TAIL).decode("utf-8", "replace"))
