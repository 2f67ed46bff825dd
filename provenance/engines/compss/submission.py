"""The line that a run was submitted with -> the options of COMPSs, the application and its arguments.

In: ``compss_submission_command_line.txt``, or the words of a command. Out: a :class:`Submission`. COMPSs writes the
line without quotes, so a word with a blank in it looks like two: words that together name something on the disk, and
alone do not, are one. COMPSs' scripts read options with getopts: ``--name`` or ``--name=value`` or letters behind one
dash, never with the value in the next word, up to the first word that is no option.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from provenance.engines.compss.records import Option, Submission
from provenance.run.model import Job

PROGRAMS = ("runcompss", "enqueue_compss")
SCHEDULER = "Slurm"  # the one whose number COMPSs gives to its log folders and outputs
_LETTERS = frozenset("hvgtmdpz")
_OF_QUEUES = ("--num_nodes", "--exec_time", "--qos", "--queue", "--job_name", "--project_name", "--sc_cfg")
_MOST_JOINED = 8  # words
_MOST_LOOKED_AT = 5000  # words of a line whose parts are looked for on the disk
_LONGEST_LINE = 4 * 1024 * 1024

Exists = Callable[[str], bool]


def read(path: Path, application: str | None, work_folder: Path | None = None) -> Submission | None:
    """Read a submission line.

    Parameters
    ----------
    application
        What the log calls it: the base name of a file, or a Java class.
    work_folder
        The folder that relative paths begin at; the file's own when not given.

    Returns
    -------
    The submission, or None for a file that is empty or can't be read.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_LONGEST_LINE)
    except OSError:
        return None
    return parse(text, application, work_folder or path.parent)


def parse(
    line: str | Sequence[str], application: str | None, work_folder: Path, exists: Exists | None = None
) -> Submission | None:
    """Understand a submission line whose quotes are lost, or the words of a command, which are taken as they are.

    Parameters
    ----------
    exists
        Tells whether a text is a path, where the run's files are not on this machine; by default the disk does.
    """
    if isinstance(line, str):
        return _Line(line.split(), application, exists or _finder(work_folder)).submission(" ".join(line.split()))
    words = list(line)
    return _Line(words, application, None).submission(" ".join(words))


def job(submission: Submission | None, job_id: str | None) -> Job | None:
    """Return the job of the batch system that the run was, with what was asked for; None when there was none."""
    if job_id is None:
        return None
    if submission is None:
        return Job(SCHEDULER, job_id)
    minutes = _whole(submission.option("--exec_time"))
    return Job(
        scheduler=SCHEDULER,
        id=job_id,
        name=submission.option("--job_name") or None,
        partition=submission.option("--queue") or None,
        nodes=_whole(submission.option("--num_nodes")),
        time_limit=None if minutes is None else minutes * 60,
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _finder(work_folder: Path) -> Exists:
    folder = str(work_folder)

    def exists(text: str) -> bool:
        return bool(text) and os.path.lexists(os.path.join(folder, os.path.expanduser(text)))

    return exists


class _Line:
    """The words of one line; `exists` is None when they are known to be whole."""

    def __init__(self, words: list[str], application: str | None, exists: Exists | None) -> None:
        self._words = words
        self._application = application or None
        self._exists = exists if len(words) <= _MOST_LOOKED_AT else None
        self._doubts: list[str] = []

    def submission(self, text: str) -> Submission | None:
        if not self._words:
            return None
        program = self._words[0].rpartition("/")[2]
        first = 1
        if program not in PROGRAMS:
            program, first = self._guessed_program(), 0
        options, at = self._options(first)
        name, at = self._application_at(at)
        return Submission(
            text=text,
            program=program,
            options=tuple(options),
            application=name,
            arguments=tuple(self._joined(at)),
            doubts=tuple(self._doubts),
        )

    def _guessed_program(self) -> str:
        """Older releases wrote down the arguments alone."""
        is_queued = any(word.startswith(_OF_QUEUES) for word in self._words)
        program = PROGRAMS[1] if is_queued else PROGRAMS[0]
        self._doubts.append(f"the line does not begin with a command of COMPSs; its options are those of {program}")
        return program

    def _options(self, at: int) -> tuple[list[Option], int]:
        """Return the options and where the application begins."""
        words, options = self._words, list[Option]()
        named = self._named_at(at)
        end = named if named is not None else len(words)
        while at < end:
            word = words[at]
            previous = options[-1] if options else None
            if word == "--":
                at += 1
                break
            if word.startswith("-") and word != "-" and not self._continues(word, previous):
                name, equals, value = word.partition("=")
                options.append(Option(name, value if equals else None))
                at += 1
                if equals:
                    at = self._value_end(options, at, end)
                continue
            if named is None and not self._continues(word, previous):
                break
            if previous is None or previous.value is None:
                break
            options[-1] = Option(previous.name, f"{previous.value} {word}")
            self._doubts.append(f"{word!r} was taken for a part of the value of {previous.name}")
            at += 1
        return options, at

    def _named_at(self, first: int) -> int | None:
        """Return where the word with the application's name begins, words of one path taken together."""
        if self._application is None:
            return None
        for index in range(first, len(self._words)):
            if self._words[index].startswith("-"):
                continue
            if self._is_application(self._words[index]):
                return self._start_of_path(first, index)
            for end in range(index + 2, min(index + 1 + _MOST_JOINED, len(self._words) + 1)):
                if " " in self._application and self._is_application(" ".join(self._words[index:end])):
                    return self._start_of_path(first, index)
        return None

    def _is_application(self, word: str) -> bool:
        name = self._application or ""
        return word == name or word.rpartition("/")[2] == name.rpartition("/")[2]

    def _start_of_path(self, first: int, index: int) -> int:
        """Return the first word of the path whose last word is at `index`."""
        if self._exists is None or self._exists(self._words[index]):
            return index
        for start in range(index - 1, max(first, index - _MOST_JOINED) - 1, -1):
            if self._words[start].startswith("-"):
                break
            if self._exists(" ".join(self._words[start : index + 1])):
                return start
        return index

    def _continues(self, word: str, previous: Option | None) -> bool:
        """Tell whether a word is a part of the value before it, as the second in ``--jvm_opts=-Xms1g -Xmx2g``."""
        if self._exists is None or previous is None or previous.value is None:
            return False
        return word.startswith("-") and not word.startswith("--") and not _LETTERS.issuperset(word[1:])

    def _value_end(self, options: list[Option], at: int, end: int) -> int:
        """Add words to the value of the last option that make it the path of something that is there."""
        option = options[-1]
        value = option.value or ""
        last = value.rpartition(":")[2]
        if self._exists is None or not last or self._exists(last):
            return at
        for stop in range(at + 1, min(at + _MOST_JOINED, end) + 1):
            more = " ".join(self._words[at:stop])
            if self._exists(f"{last} {more}".partition(":")[0]):
                options[-1] = Option(option.name, f"{value} {more}")
                self._note(f"{last} {more}")
                return stop
        return at

    def _application_at(self, at: int) -> tuple[str | None, int]:
        if at >= len(self._words):
            return None, at
        if self._application is not None:
            for end in range(at + 1, min(at + 1 + _MOST_JOINED, len(self._words) + 1)):
                name = " ".join(self._words[at:end])
                if self._is_application(name):
                    if end > at + 1:
                        self._note(name)
                    return name, end
        return self._whole_word(at)

    def _joined(self, at: int) -> Iterable[str]:
        while at < len(self._words):
            word, at = self._whole_word(at)
            yield word

    def _whole_word(self, at: int) -> tuple[str, int]:
        """Return the word at an index, with those behind it that belong to it, and the next index."""
        word = self._words[at]
        if self._exists is None:
            return word, at + 1
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        if not value or self._exists(value):
            return word, at + 1
        for end in range(at + 2, min(at + _MOST_JOINED, len(self._words)) + 1):
            together = " ".join([value, *self._words[at + 1 : end]])
            if self._exists(together):
                self._note(together)
                return f"{option}{equals}{together}", end
        return word, at + 1

    def _note(self, together: str) -> None:
        self._doubts.append(f"{together!r} was taken for one word, as it is on the disk")
