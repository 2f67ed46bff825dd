"""Credentials in strace's log: overwritten where they stand, while strace goes on writing behind them.

Strace writes the arguments of every program as they are, and can't be told to leave some out. A filter between strace
and its log could stop the run when it fails or is killed. So what must not stay is replaced in the file by as many
bytes that strace itself never writes (it escapes them); the reader of the log puts a marker there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterator, List, Tuple

from provenance.journal.credentials import hide_in_command, spans

FILLER = b"\x7f"
_BLOCK = 1 << 20  # bytes
_TEXT = r'"((?:[^"\\]|\\.)*)"'
_CALL = re.compile(r"execve(?:at)?\(")
_LIST = re.compile(rf"\[({_TEXT}(?:\.\.\.)?(?:, {_TEXT}(?:\.\.\.)?)*)")
_WORD = re.compile(_TEXT)
_CHARACTER = re.compile(r"\\(?:[0-7]{1,3}|x[0-9a-fA-F]{2}|.)|.", re.DOTALL)
_MARKER = re.compile(r"\[removed: [^\]\n]*\]")
# In other lines, which name files: only what is unmistakable, as a file that is named otherwise can't be found.
_MARKS = re.compile(rb":/|gh[pousr]_|github_pat_|glpat-|hf_|eyJ|AKIA|xox[a-z]-|sk[-_]|npm_|pypi-")
_SURE = 8  # characters that a credential hardly has in common with what follows it
_SHORTEST = 30  # characters of a token in the name of a file


def overwrite(log: Path, start: int, cwd: str) -> int:
    """Overwrite the credentials in the whole lines behind the offset `start`; return the offset behind them.

    Parameters
    ----------
    cwd
        The folder that words which may be names of files are relative to.

    Raises
    ------
    OSError
        When the log can't be read or written.
    """
    with log.open("r+b", buffering=0) as file:
        while True:
            file.seek(start)
            block = file.read(_BLOCK)
            whole = block.rfind(b"\n") + 1
            if not whole:
                # A line longer than a block is passed over in parts: strace cuts texts long before.
                whole = len(block) if len(block) == _BLOCK else 0
                if not whole:
                    return start
            block = block[:whole]
            if b"execve" in block or _MARKS.search(block):
                place = start
                for line in block.splitlines(keepends=True):
                    for first, last in credentials_in(line, cwd):
                        os.pwrite(file.fileno(), FILLER * (last - first), place + first)
                    place += len(line)
            start += whole


def credentials_in(line: bytes, cwd: str) -> List[Tuple[int, int]]:
    """Return where the credentials in a line stand: start and end, in bytes."""
    text = line.decode("latin-1")
    call = _CALL.search(text)
    found = list(_in_command(text, call.end(), cwd)) if call else []
    if _MARKS.search(line):
        for start, end, reason in spans(text):
            if call or "address" in reason or end - start >= _SHORTEST:
                found.append((start, end))
    return found


def _in_command(text: str, position: int, cwd: str) -> Iterator[Tuple[int, int]]:
    words = _LIST.search(text, position)
    if words is None:
        return
    given = [[piece.span() for piece in _CHARACTER.finditer(text, *word.span(1))] for word in _words(text, words)]
    plain = ["".join(_character(text[start:end]) for start, end in word) for word in given]
    shown = hide_in_command(plain, lambda word: os.path.lexists(os.path.join(cwd, word)))
    for places, before, after in zip(given, plain, shown):  # noqa: B905 - Python 3.8
        for start, end in _hidden(before, after) if after != before else ():
            yield places[start][0], places[end - 1][1]


def _hidden(before: str, after: str) -> Iterator[Tuple[int, int]]:
    """Yield what of a word has become a marker; short pieces between two of them count as hidden."""
    first, *others = _MARKER.split(after)
    start = len(first)
    for index, kept in enumerate(others):
        if index == len(others) - 1:
            yield start, len(before) - len(kept)
        elif len(kept) >= _SURE and (end := before.find(kept, start)) > start:
            yield start, end
            start = end + len(kept)


def _words(text: str, words: "re.Match[str]") -> Iterator["re.Match[str]"]:
    return _WORD.finditer(text, *words.span(1))


def _character(piece: str) -> str:
    if len(piece) == 1:
        return piece
    if piece[1] in "01234567":
        return chr(int(piece[1:], 8) & 255)
    if piece[1] == "x" and len(piece) == 4:
        return chr(int(piece[2:], 16))
    return {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f"}.get(piece[1], piece[1])
