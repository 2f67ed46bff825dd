"""Values of tasks: recorded arguments and results of functions, and the words of command lines.

In: recorded values, argument vectors, and a way to find the data that a path names. Out: model Values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from provenance.journal.credentials import hide
from provenance.run import programs
from provenance.run.model import Value
from provenance.run.processes import Program

FindData = Callable[[str], str | None]
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_LONG_OPTION = re.compile(r"--?([A-Za-z][\w.-]+)$")
_SYSTEM_PROGRAMS = ("/usr/", "/bin/", "/sbin/")
_MOST_WORDS = 500


def recorded_value(
    given: dict[str, Any], find: FindData, own: dict[str, str], cwd: str, is_return: bool = False
) -> Value:
    """Return the Value of a recorded argument or result.

    Parameters
    ----------
    own
        Path -> key of the data that the task read or wrote: a text that names one of them is a path, also when
        there was no such file yet as the call began.
    """
    path, cut, digest = given.get("path"), given.get("cut"), given.get("sha256")
    kind, text = given.get("type"), given.get("value")
    key = find(path) if isinstance(path, str) else None
    if key is None and own and isinstance(text, str) and text and cut is None and len(text) < 4096:
        key = own.get(text) or own.get(programs.absolute(text, cwd))
    return Value(
        name=str(given.get("name") or ("return" if is_return else "argument")),
        value=hide(text) if isinstance(text, str) else text,
        type=kind if isinstance(kind, str) else None,
        cut_from=cut if isinstance(cut, int) else None,
        sha256=digest if isinstance(digest, str) else None,
        data_key=key,
        is_return=is_return,
    )


@dataclass(frozen=True, slots=True)
class Word:
    """An argument of a command line: what it is called, and where it stands."""

    name: str
    text: str
    index: int  # in the argument vector
    prefix: str = ""  # what stands before the text in the same word: "--samples="


def command_values(program: Program, find: FindData) -> tuple[Value, ...]:
    """Return the words of a command line that are more than a switch, with the names of their options."""
    image = program.image

    def names_data(text: str) -> bool:
        return find(programs.absolute(text, image.cwd)) is not None

    is_systems = image.exe.startswith(_SYSTEM_PROGRAMS) and program.name.interpreter is None
    words = command_words(image.argv, program.name.first_argument, names_data if is_systems else None)
    return tuple(_value(word.name, word.text, image.cwd, find) for word in words)


def command_words(argv: Sequence[str], first: int, names_data: Callable[[str], bool] | None = None) -> Iterator[Word]:
    """Yield the arguments of a command line from the word `first` on: those without a name are ``arg1``, ``arg2``, ...

    Parameters
    ----------
    names_data
        For system programs: tells whether a text names data of the run. Whether a short option of theirs takes the
        next word can't be told ("sort -u file"), so a word that does is not taken for its value.
    """
    position, index, count = 0, first, 0
    options_end = False
    while index < len(argv) and count < _MOST_WORDS:
        word = argv[index]
        following = argv[index + 1] if index + 1 < len(argv) else None
        index += 1
        if word == "--" and not options_end:
            options_end = True
            continue
        if options_end or not _is_option(word):
            position += 1
            count += 1
            yield Word(f"arg{position}", word, index - 1)
            continue
        name, equals, text = word.lstrip("-").partition("=")
        if equals and name:
            count += 1
            yield Word(name, text, index - 1, word.removesuffix(text) if text else word)
        elif following is not None and not _is_option(following) and following != "--":
            if names_data is not None and not word.startswith("--") and names_data(following):
                continue
            count += 1
            yield Word(name, following, index)
            index += 1


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not _NUMBER.match(word)


def _value(name: str, text: str, cwd: str, find: FindData) -> Value:
    key = find(programs.absolute(text, cwd)) if text and len(text) < 4096 else None
    return Value(name, text, data_key=key)
