"""The command of a re-run: the recorded words, with what was a path led to where it lies now.

Comes in: the recorded command, the table of recorded paths, the placement, what the user sets. Goes out: a
:class:`~provenance.rerun.records.Step`. A word is rewritten only when it, or what stands behind its ``=``, is exactly
a path that was recorded; text within a word (a shell's command line) never is.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from provenance.errors import UsageError
from provenance.rerun.records import Placement, Ready, Rewrite, Step
from provenance.run import programs
from provenance.run.arguments import Word, command_words

_INTERPRETER = "the interpreter of the environment"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the record says about a command."""

    words: tuple[str, ...]
    cwd: str
    paths: frozenset[str]  # recorded absolute paths of files and folders
    main: str | None = None  # recorded path of the main workflow
    interpreters: frozenset[str] = frozenset()  # recorded paths of interpreters of an environment


def step(recorded: Recorded, placement: Placement, settings: Sequence[tuple[str, str]] = ()) -> Step:
    """Make the step that executes a recorded command in the fresh folder.

    Raises
    ------
    UsageError
        The user sets an argument that the command has not, or has more than once.
    """
    words = list(recorded.words)
    rewrites = []
    known = known_paths(recorded.paths, placement.root) | {recorded.cwd}
    for index, word in enumerate(words):
        moved = _moved(word, known, placement)
        if moved is not None:
            rewrites.append(Rewrite(index, word, moved, "a path that was recorded"))
            words[index] = moved
    for name, text in settings:
        found = argument(recorded, name)
        before, words[found.index] = words[found.index], found.prefix + text
        rewrites.append(Rewrite(found.index, before, words[found.index], "--set"))
    cwd = placement.place(recorded.cwd) or placement.folder
    return Step(tuple(words), cwd, recorded.words, tuple(rewrites), interpreters=interpreters(recorded))


def known_paths(paths: Collection[str], root: str) -> set[str]:
    """Add to the recorded paths the folders around them, down from the root of the placement."""
    known = set(paths)
    for path in paths:
        folder = posixpath.dirname(path)
        while folder not in known and len(folder) >= len(root) and folder.startswith(root):
            known.add(folder)
            folder = posixpath.dirname(folder)
    return known


def _moved(word: str, known: Collection[str], placement: Placement) -> str | None:
    head, equals, tail = word.partition("=")
    for prefix, text in (("", word), (head + equals, tail)):
        if text.startswith("/") and posixpath.normpath(text) in known:
            place = placement.place(posixpath.normpath(text))
            if place is not None:
                return f"{prefix}{place}{'/' if text.endswith('/') else ''}"
    return None


def arguments(recorded: Recorded) -> tuple[Word, ...]:
    """Name the arguments of the command, as the crate names them."""
    return tuple(command_words(recorded.words, _first_argument(recorded)))


def argument(recorded: Recorded, name: str) -> Word:
    """Find the one argument with this name.

    Raises
    ------
    UsageError
        There is none, or more than one; ``NAME#2`` is the second of that name.
    """
    words = arguments(recorded)
    stem, mark, number = name.rpartition("#")
    wanted, position = (stem, int(number)) if mark and number.isascii() and number.isdecimal() else (name, None)
    found = [word for word in words if word.name == wanted.lstrip("-")]
    if position is not None and 0 < position <= len(found):
        return found[position - 1]
    if len(found) == 1 and position is None:
        return found[0]
    if found:
        raise UsageError(
            f"--set {name}: the command has {len(found)} arguments {wanted}; write {wanted}#1 to {wanted}#{len(found)}"
        )
    names = ", ".join(f"{word.name}={word.text[:40]}" for word in words[:20]) or "none"
    raise UsageError(
        f"--set {name}: the command has no such argument (it has {names}); "
        "a value that stands in a file is changed with --data FILE=NEWFILE"
    )


def _first_argument(recorded: Recorded) -> int:
    for index, word in enumerate(recorded.words[1:], 1):
        if recorded.main is not None and programs.absolute(word, recorded.cwd) == recorded.main:
            return index + 1
    return programs.name_program(recorded.words[0], recorded.words, recorded.cwd, recorded.paths).first_argument


def interpreters(recorded: Recorded) -> tuple[int, ...]:
    """Find the words that name an interpreter which belongs to the environment and not to the files of the run."""
    found = []
    for index, word in enumerate(recorded.words):
        is_path = "/" in word
        path = programs.absolute(word, recorded.cwd) if is_path else word
        if is_path and path in recorded.paths:
            continue
        if (is_path and path in recorded.interpreters) or (index == 0 and is_python(word)):
            found.append(index)
    return tuple(found)


def is_python(word: str) -> bool:
    """Tell whether a word starts Python."""
    return programs.language(word, (word,)) == "Python"


def with_interpreter(step: Step, ready: Ready) -> Step:
    """Put the interpreters of the environment in the places of the recorded ones."""
    words, rewrites = list(step.words), list(step.rewrites)
    others = dict(ready.pythons)
    for index in step.interpreters:
        python = others.get(words[index], ready.python)
        if python is not None and words[index] != python:
            rewrites.append(Rewrite(index, words[index], python, _INTERPRETER))
            words[index] = python
    return replace(step, words=tuple(words), rewrites=tuple(rewrites))


def program_problem(
    step: Step, available: Collection[Path], made: Collection[Path], search_path: str | None = None
) -> str | None:
    """Tell why the program of a command can't be started here; None when it can, or when the environment has it.

    Parameters
    ----------
    available, made
        Places of files that are put there before the run, and that the run itself makes.
    search_path
        PATH that the command will have; None when that is not known before the environment is there.
    """
    word = step.words[0]
    if 0 in step.interpreters:
        return None
    if "/" not in word:
        if search_path is None or shutil.which(word, path=search_path) is not None:
            return None
        return f"the program {word} is not on this machine; install it, or choose another environment with --env"
    path = Path(posixpath.normpath(step.cwd / word))
    if path in available or path in made or (word.startswith("/") and path.exists()):
        return None
    return (
        f"the program {step.recorded[0] if step.recorded else word} is neither in the crate nor on this machine; "
        "install it there"
    )
