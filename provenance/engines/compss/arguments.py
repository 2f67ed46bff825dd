"""The command line of a run: what COMPSs was told, and what the application was told.

In: the submission line as :mod:`.submission` understood it, and the data of the run. Out: the words of the command,
Values of COMPSs' own options, and the application's arguments and results. Credentials are hidden.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from provenance.engines.compss.records import Submission
from provenance.journal.credentials import hide_in_command
from provenance.run.model import Value

Find = Callable[[str], str | None]
_LONGEST_PATH = 4096


def command(submission: Submission) -> tuple[str, ...]:
    """Return the words of the command line."""
    words = [submission.program, *(_word(option.name, option.value) for option in submission.options)]
    if submission.application is not None:
        words.append(submission.application)
    return tuple(hide_in_command([*words, *submission.arguments]))


def text(submission: Submission) -> str:
    """Return the submission line as it was kept."""
    return " ".join(hide_in_command(submission.text.strip().split(" ")))


def engine_arguments(submission: Submission) -> tuple[Value, ...]:
    """Return the options of COMPSs; the value of one that was only switched on is None."""
    found = []
    for option in submission.options:
        if option.value is None:
            found.append(Value(option.name, None))
        else:
            shown = hide_in_command([submission.program, option.name, option.value])[2]
            found.append(Value(option.name, shown))
    return tuple(found)


def application_values(
    words: Iterable[str], folder: str, find_input: Find, find_output: Find
) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Return the arguments of the application, and those of them that name what it wrote.

    Parameters
    ----------
    folder
        The folder that relative paths begin at.
    find_input, find_output
        Return the key of the data that the run read, or wrote, at an absolute path.
    """
    arguments, results = [], []
    for name, word in _named(hide_in_command(list(words))):
        if not isinstance(word, str) or not 0 < len(word) < _LONGEST_PATH:
            arguments.append(Value(name, word))
            continue
        path = os.path.normpath(os.path.join(folder, word))
        key = find_input(path)
        arguments.append(Value(name, word, data_key=key))
        written = find_output(path)
        if written is not None and written != key:
            results.append(Value(name, word, data_key=written))
    return tuple(arguments), tuple(results)


def _word(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


def _named(words: Iterable[str]) -> Iterator[tuple[str, str | bool]]:
    """Yield the words with the names of their options, or ``arg1``, ``arg2``, ... for those without.

    A word behind an option is taken for its value, so that a switch before a plain argument takes that away; which of
    an application's options are switches can't be known.
    """
    option: str | None = None
    position = 0
    has_options = True
    for word in words:
        if word == "--" and has_options:
            has_options = False
        elif has_options and len(word) > 1 and word[0] == "-" and not _is_number(word):
            if option is not None:
                yield option, True
            name, equals, value = word.lstrip("-").partition("=")
            option = None if equals else name or None
            if equals and name:
                yield name, value
        elif option is not None:
            yield option, word
            option = None
        else:
            position += 1
            yield f"arg{position}", word
    if option is not None:
        yield option, True


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
