"""Which folders the run made itself, so that they must not be there before it.

Comes in: the Run and the folders that it wrote into. Goes out: those of them, or around them, that its commands or its
code are seen to make. A record tells no folders: whether one was there before can only be told by what made it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from provenance.rerun.placing import is_below
from provenance.run.model import Role, Run

_COPIES = ("cp", "mv")
_LARGEST = 1 << 20  # bytes of a source that is looked through
_MAKES = re.compile(r"\b(?:mkdir|makedirs?|mkdirs|mkpath|copytree|create_directory|create_directories|dir\.create)\b")
_TEXT = re.compile(r"""["']([^"'\n]{1,500})["']""")
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNED = re.compile(r"""^[ \t]*([A-Za-z_]\w*)\s*(?:=|<-)[^=\n]*?["']([^"'\n]{1,500})["']""", re.M)


def made_folders(run: Run, folders: Collection[str]) -> frozenset[str]:
    """Find the folders that the run made.

    Parameters
    ----------
    folders
        Recorded absolute paths of folders that the run wrote files into.
    """
    cwd = run.cwd or "/"
    found = set(_by_commands(run, folders))
    named = {_absolute(cwd, word) for word in run.command}
    for text in _codes(run):
        found.update(_by_code(text, cwd, named))
    return frozenset(found)


def _by_commands(run: Run, folders: Collection[str]) -> Iterator[str]:
    for task in run.tasks:
        if not task.command:
            continue
        cwd = task.cwd or run.cwd or "/"
        program = posixpath.basename(task.command[0])
        options = [word for word in task.command[1:] if word.startswith("-")]
        words = [word for word in task.command[1:] if not word.startswith("-")]
        is_careful = any(word == "--parents" or (word[:2] != "--" and "p" in word) for word in options)
        if program == "mkdir" and not is_careful:
            yield from (_absolute(cwd, word) for word in words)
        elif program in _COPIES and len(words) == 2 and not words[0].endswith("."):
            # Into a folder that is there they put what they copy; otherwise the folder is the copy.
            target = _absolute(cwd, words[1])
            inside = posixpath.join(target, posixpath.basename(words[0].rstrip("/")))
            below = [folder for folder in folders if is_below(folder, target)]
            if below and not any(is_below(folder, inside) for folder in below) and not _writes(run, inside):
                yield target


def _writes(run: Run, path: str) -> bool:
    return any(data.original == path for data in run.data)


def _codes(run: Run) -> Iterator[str]:
    yield from (word for word in run.command if _MAKES.search(word))
    for data in run.data:
        if data.role is not Role.SOURCE or data.content is None or data.is_directory:
            continue
        path = Path(data.content)
        if path.is_file() and path.stat().st_size <= _LARGEST:
            yield path.read_bytes().decode("utf-8", "surrogateescape")


def _by_code(text: str, cwd: str, named: Iterable[str]) -> Iterator[str]:
    lines = [line for line in text.splitlines() if _MAKES.search(line)]
    if not lines:
        return
    values = dict(_ASSIGNED.findall(text))
    for line in lines:
        told = [*_TEXT.findall(line), *(values[name] for name in _NAME.findall(line) if name in values)]
        yield from (_absolute(cwd, one) for one in told) if told else named


def _absolute(cwd: str, word: str) -> str:
    return posixpath.normpath(posixpath.join(cwd, word))
