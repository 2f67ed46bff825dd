"""Values of tasks: recorded arguments and results of functions, and the words of command lines.

In: recorded values, argument vectors, and a way to find the data that a path names. Out: model Values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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


def command_values(program: Program, find: FindData) -> tuple[Value, ...]:
    """Return the words of a command line that are more than a switch, with the names of their options."""
    image = program.image
    argv, first = image.argv, program.name.first_argument
    is_systems = image.exe.startswith(_SYSTEM_PROGRAMS) and program.name.interpreter is None
    found: list[Value] = []
    position, index = 0, first
    options_end = False
    while index < len(argv) and len(found) < _MOST_WORDS:
        word = argv[index]
        following = argv[index + 1] if index + 1 < len(argv) else None
        index += 1
        if word == "--":
            options_end = True
            continue
        if options_end or not _is_option(word):
            position += 1
            found.append(_value(f"arg{position}", word, image.cwd, find))
            continue
        name, equals, text = word.lstrip("-").partition("=")
        if equals and name:
            found.append(_value(name, text, image.cwd, find))
        elif following is not None and not _is_option(following) and following != "--":
            key = find(programs.absolute(following, image.cwd))
            # "sort -u file": whether a system program's short option takes the next word can't be told.
            if is_systems and not word.startswith("--") and key is not None:
                continue
            found.append(_value(name, following, image.cwd, find))
            index += 1
    return tuple(found)


def _is_option(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not _NUMBER.match(word)


def _value(name: str, text: str, cwd: str, find: FindData) -> Value:
    key = find(programs.absolute(text, cwd)) if text and len(text) < 4096 else None
    return Value(name, text, data_key=key)
