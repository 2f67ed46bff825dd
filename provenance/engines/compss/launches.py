"""How COMPSs was called in a recorded run.

In: the record. Out: the :class:`Launch` of each ``runcompss`` and ``enqueue_compss``, with its words as they were, so
that nothing about quotes is guessed. ``enqueue_compss`` only submits: what it submitted calls ``runcompss`` later, on
another host, and that may be in the record too when the batch system hands the environment on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provenance.engines.compss import submission
from provenance.engines.compss.records import Submission
from provenance.engines.record import Record
from provenance.run.programs import WRAPPERS

RUN, ENQUEUE = submission.PROGRAMS
_INTERPRETERS = frozenset(["bash", "sh", "dash"])


@dataclass(frozen=True, slots=True)
class Launch:
    """One call of COMPSs."""

    words: tuple[str, ...]  # without an interpreter or wrapper before
    cwd: str
    submission: Submission
    program: str  # its path, as far as it is known

    @property
    def is_submitted(self) -> bool:
        """Whether the run takes place later, as a job of a batch system."""
        return self.submission.program == ENQUEUE

    @property
    def has_provenance(self) -> bool:
        """Whether COMPSs was told to write down what tasks use."""
        given = self.submission.option("--provenance", "--data_provenance")
        if given is not None:
            return given.lower() != "false"
        return any(
            option.name.startswith("-") and not option.name.startswith("--") and "p" in option.name[1:]
            for option in self.submission.options
        )

    @property
    def application(self) -> str:
        """The base name by which COMPSs calls the application: of a Python file, a binary, or a Java class."""
        return os.path.basename((self.submission.application or "").rstrip("/"))

    def folder_option(self, *names: str) -> Path | None:
        """Return the folder that one of COMPSs' options names."""
        given = self.submission.option(*names)
        return Path(os.path.join(self.cwd, os.path.expanduser(given))) if given else None


def launches(record: Record) -> list[Launch]:
    """Return the calls of COMPSs in a record, in order of time.

    Where programs were not watched, the words of the command itself tell.
    """
    found = [_launch(program.argv, program.cwd) for program in record.started]
    known = [one for one in found if one is not None]
    typed = _launch(record.command, record.cwd)
    if typed is None:
        return known
    if known and known[0].words[1:] == typed.words[1:]:
        return [replace(known[0], words=typed.words, submission=typed.submission), *known[1:]]
    if typed.is_submitted and not any(one.is_submitted for one in known):
        return [typed, *known]  # what was seen is the job
    return known or [typed]


def main_launch(found: Sequence[Launch]) -> Launch | None:
    """Return the call that stands for the whole run: a submission, else the first call."""
    return next((one for one in found if one.is_submitted), found[0] if found else None)


def _launch(argv: Sequence[str], cwd: str) -> Launch | None:
    first = _program_at(argv)
    if first is None:
        return None
    words = tuple(argv[first:])
    given = submission.parse(words, None, Path(cwd))
    # Without an application it only tells its version or its options.
    return Launch(words, cwd, given, words[0]) if given is not None and given.application else None


def _program_at(argv: Sequence[str]) -> int | None:
    """Return where the program of COMPSs stands: first, or behind an interpreter or wrappers and their options."""
    for index, word in enumerate(argv):
        name = word.rpartition("/")[2]
        if name in submission.PROGRAMS:
            return index
        is_before = name in WRAPPERS or name in _INTERPRETERS or (index > 0 and (word.startswith("-") or "=" in word))
        if not is_before and not (index > 0 and word.replace(".", "").isdigit()):  # `timeout 60`, `nice -n 5`
            return None
    return None
