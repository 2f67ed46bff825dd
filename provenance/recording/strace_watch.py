"""Keeps credentials out of strace's log while the command runs, and behind a launcher that is killed.

In: the log and the command's process id. A process of its own, which nothing waits for, goes through the log as it
grows and ends with the tracer. It holds none of the command's descriptors and touches nothing but the log: whatever
happens to it, the run goes on.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Optional

from provenance.journal.strace_credentials import overwrite

_INTERVAL = 0.05  # seconds
_ATTACH_SECONDS = 5.0
_MOST_DESCRIPTORS = 65536


def begin(log: str, command: int, cwd: str) -> None:
    """Start the process that looks through ``log`` as long as process ``command`` and its children are traced.

    To be called before the launcher has threads.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _detach()
            _follow(Path(log), command, cwd)
    finally:
        os._exit(0)


def finish(log: str, cwd: str) -> None:
    """Go through the whole log once more.

    Raises
    ------
    OSError
        When the log can't be read or written.
    """
    overwrite(Path(log), 0, cwd)


def _detach() -> None:
    os.closerange(0, _MOST_DESCRIPTORS)  # a pipe that stays open keeps its reader waiting
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # it ends with the tracer
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _follow(log: Path, command: int, cwd: str) -> None:
    place, tracer = 0, None
    until = time.monotonic() + _ATTACH_SECONDS
    while True:
        tracer = tracer or _tracer(command)
        goes_on = _is_alive(tracer) if tracer else time.monotonic() < until and _is_alive(command)
        try:
            place = overwrite(log, place, cwd)
        except FileNotFoundError:
            if tracer:  # the record was taken away
                return
        except OSError:  # a full disk, or a file system that went away
            return
        if not goes_on:
            return
        time.sleep(_INTERVAL)


def _tracer(pid: int) -> Optional[int]:
    try:
        for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
            if line.startswith(b"TracerPid:"):
                return int(line.split()[1]) or None
    except (OSError, ValueError):
        pass
    return None


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in (b"Z", b"X")
