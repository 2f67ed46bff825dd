"""The output of a run on the terminal, or ``compss-<job>.out`` and ``.err`` -> what the runtime said in it.

In: the files, of any size, in which the application's own lines are too. Out: the version of COMPSs, and how the run
ended as far as the runtime says it. Errors stand on standard error with a mark of the runtime's error manager; a
message that it prints over several lines is indented after the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from provenance.engines.compss.records import ConsoleOutput

_LONGEST_LINE = 64 * 1024
_LONGEST_ERROR = 1000
_MARK = b"[ERRMGR]  -  "
_VERSION = re.compile(rb"Starting COMPSs Runtime v(\S+)(?: \(build ([^)]*)\))?")
_FINISHED = re.compile(rb"\[\([0-9]+\) +API\] +- +Execution Finished")
_GAVE_UP = (b"Error running application", b"[ERRMGR]  -  Shutting down COMPSs")
_JOB = re.compile(rb"Job ([0-9]+) for running task ([0-9]+) on worker .* has failed")
_STACK_TRACE = b"Stack trace:"


def read(*paths: Path) -> ConsoleOutput:
    """Read what a run printed; a file that can't be read says nothing.

    With ``compss-<job>.out`` comes the ``.err`` beside it, where the runtime writes its errors.
    """
    reading = _Reading()
    every = [
        each for path in paths for each in (path, path.with_suffix(".err")) if each is path or path.suffix == ".out"
    ]
    for path in dict.fromkeys(every):
        for line in _lines(path):
            reading.take(line)
    return reading.output()


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                yield line
    except OSError:
        return


class _Reading:
    def __init__(self) -> None:
        self._version: bytes | None = None
        self._build: bytes | None = None
        self._has_finished = False
        self._has_failed = False
        self._message: list[bytes] = []  # of the error that is printed now
        self._is_message = False
        self._warning: bytes | None = None
        self._jobs: dict[int, int] = {}

    def take(self, line: bytes) -> None:
        """Take one line."""
        if line.startswith(_MARK):
            self._take_marked(line.rstrip())
        elif self._is_message and line[:1] in (b" ", b"\t") and not line.strip().startswith(_STACK_TRACE):
            self._message.append(line.strip())
        else:
            self._is_message = False
            if self._version is None and (found := _VERSION.search(line)):
                self._version, self._build = found[1], found[2]
            elif _FINISHED.match(line):
                self._has_finished = True
            elif line.startswith(_GAVE_UP):
                self._has_failed = True

    def output(self) -> ConsoleOutput:
        """Return what was found."""
        error = b" ".join(self._message) or (self._warning if self._has_failed else None)
        return ConsoleOutput(
            version=_text(self._version),
            build=_text(self._build),
            has_finished=self._has_finished,
            has_failed=self._has_failed,
            error=_text(error[:_LONGEST_ERROR]) if error else None,
            tasks_of_jobs=tuple(self._jobs.items()),
        )

    def _take_marked(self, line: bytes) -> None:
        kind, _, message = line[len(_MARK) :].partition(b":")
        self._is_message = False
        if kind in (b"ERROR", b"FATAL"):
            self._has_failed = True
            if not self._message:
                self._message.append(message.strip())
                self._is_message = True
        elif line.startswith(_GAVE_UP):
            self._has_failed = True
        elif kind == b"WARNING":
            if found := _JOB.search(line):
                self._jobs[int(found[1])] = int(found[2])
            if b" failed" in message:
                self._warning = message.strip()


def _text(found: bytes | None) -> str | None:
    return None if found is None else found.decode("utf-8", "replace")
