"""Hands on what an isolated run prints, so that it never holds our terminal.

Comes in: what the run writes into pipes. Goes out: the same on our standard output and error; on a terminal without
what would command it. A program that holds a terminal can read what is typed there, and escape sequences can change
its title, its clipboard and what it seems to have said before.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from typing import IO

_BLOCK = 1 << 16
# Control characters but tab, line feed and carriage return, as bytes of UTF-8; marks that change the reading direction
# or are invisible. What of such a character stands at the end of a block waits for its rest.
_COMMANDS = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf"
)
_BEGUN = re.compile(rb"(?:\xc2|\xe2[\x80\x81]?|\xef\xbb?)\Z")
_MARK = "\N{REPLACEMENT CHARACTER}".encode()

Stream = IO[bytes] | int | None


class Relays:
    """Pipes for standard output and error of a process: ``with Relays((None, None)) as (out, err)``.

    A stream that the caller has chosen is given back as it is.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = streams
        self._ends: list[int] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> tuple[Stream, ...]:
        # No thread of ours gets the signals that the main one waits for.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            return tuple(self._begun())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _begun(self) -> Iterator[Stream]:
        for target, stream in enumerate(self._streams, 1):
            if stream is not None:
                yield stream
                continue
            read, write = os.pipe()
            self._ends.append(write)
            thread = threading.Thread(target=_hand_on, args=(read, target), daemon=True)
            thread.start()
            self._threads.append(thread)
            yield write

    def __exit__(self, *_: object) -> None:
        for end in self._ends:
            os.close(end)
        for thread in self._threads:
            thread.join()


def _hand_on(read: int, target: int) -> None:
    is_terminal = os.isatty(target)
    rest = b""
    with os.fdopen(read, "rb", buffering=0) as pipe:
        while block := pipe.read(_BLOCK):
            if is_terminal:
                block, rest = harmless(rest + block)
            try:
                _write(target, block)
            except OSError:  # nobody reads it any more; the run must not wait for that
                target = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    if rest:
        _write(target, _MARK)


def harmless(block: bytes) -> tuple[bytes, bytes]:
    """Replace what commands a terminal; give the block, and what of its end has to wait for the next one."""
    begun = _BEGUN.search(block)
    whole, rest = (block[: begun.start()], block[begun.start() :]) if begun else (block, b"")
    return _COMMANDS.sub(_MARK, whole), rest


def _write(target: int, block: bytes) -> None:
    while block:
        block = block[os.write(target, block) :]
