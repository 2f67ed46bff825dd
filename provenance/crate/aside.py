"""Work that a process of its own does while the files of a crate are read: it loads large libraries, then answers.

Comes in: a function that prepares and gives the one that answers; bytes to answer to. Goes out: bytes. Where there can
be no such process, or it fails, the same is done in place.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import TracebackType

Answer = Callable[[bytes], bytes]
_LENGTH = 8  # bytes that say how long the question is: the end of the pipe may be open in another process


class Aside:
    """A process that prepares for one question; use it as a context, so that it is gone in the end."""

    def __init__(self, prepare: Callable[[], Answer]) -> None:
        """Start it; ``prepare`` is called there, or here when the answer is asked for."""
        self._prepare = prepare
        self._process = 0
        if threading.active_count() > 1:  # a lock that another thread holds would stay closed in the copy
            return
        ends: list[int] = []
        try:
            ends += os.pipe()
            ends += os.pipe()
            self._process = os.fork()
        except OSError:
            for end in ends:
                os.close(end)
            return
        question, self._question, self._answer, answer = ends
        if self._process:
            os.close(question)
            os.close(answer)
            return
        status = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(self._question)
            os.close(self._answer)
            answering = prepare()
            with open(question, "rb") as asked, open(answer, "wb") as told:  # noqa: PTH123 (descriptors)
                length = int.from_bytes(asked.read(_LENGTH), "big")
                text = asked.read(length)
                if len(text) == length:
                    told.write(answering(text))
                    status = 0
        finally:
            os._exit(status)  # what else this process was doing is done by the one that it was copied from

    def __enter__(self) -> Aside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            os.kill(self._process, signal.SIGKILL)
            self._end()

    def answer(self, question: bytes = b"") -> bytes:
        """Ask, and wait for the answer."""
        if self._process:
            told = b""
            try:
                with open(os.dup(self._question), "wb") as asking:  # noqa: PTH123
                    asking.write(len(question).to_bytes(_LENGTH, "big") + question)
                with open(os.dup(self._answer), "rb") as stream:  # noqa: PTH123
                    told = stream.read()
            except BrokenPipeError:  # it has failed; so may the same here, with an error that can be told
                told = b""
            if self._end() == 0:
                return told
        return self._prepare()(question)

    def _end(self) -> int:
        os.close(self._question)
        os.close(self._answer)
        _, status = os.waitpid(self._process, 0)
        self._process = 0
        return status
