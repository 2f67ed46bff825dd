"""The process that starts a run under our recorder: asked on an open file, answered on another, signalled meanwhile.

Comes in: the settings that ``launching.py`` documents, the walls if there are any, the streams. Goes out: its answer.
Signals reach the run and not us, as with ``wfprov run``: those of the terminal by themselves, those sent to us alone
because we pass them on, and within walls, which no signal crosses, through a pipe.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from provenance.errors import LaunchError
from provenance.recording import signals
from provenance.rerun import launching
from provenance.rerun.isolation import Walls
from provenance.rerun.launching import coded
from provenance.rerun.relay import Relays, Stream

_LONGEST_ANSWER = 1 << 20  # bytes: what is walled in may write there what it likes
# What an isolated run, which has no terminal, is told when it comes to us.
_TOLD = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2})
_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
# Of our own variables, what that process begins with; the run's come when it has loaded what it needs.
_ITS_OWN = ("LANG", "LC_ALL", "LC_CTYPE", "HOME", "TMPDIR", "PATH")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the process said, and the signal by which the user, or a batch system, ended it."""

    said: Mapping[str, Any]  # empty when it was ended before it could answer
    interrupted: int | None = None


def ask(
    settings: Mapping[str, Any], walls: Walls | None, streams: Sequence[Stream], *, is_relayed: bool = False
) -> Answer:
    """Start the process, wait for its end, and read its answer.

    Parameters
    ----------
    streams
        Its standard input, output and error; None for ours.
    is_relayed
        What it prints is handed on, and it never holds our terminal; so it is within walls in any case.

    Raises
    ------
    LaunchError
        What it was to start can't be started, or it ended without an answer.
    """
    settings = {**settings, "path": [coded(path) for path in sys.path if os.path.isabs(path)]}
    with tempfile.TemporaryFile() as question, tempfile.TemporaryFile() as answer:
        question.write(json.dumps(settings).encode("ascii"))
        question.seek(0)
        hear, tell = os.pipe() if walls is not None else (-1, -1)
        try:
            inherited = [question.fileno(), answer.fileno(), hear]
            words = [sys.executable, "-I", launching.__file__, *map(str, inherited)]
            if walls is not None:
                words = [*walls.words, *words]
            if walls is None and not is_relayed:
                status, heard = _run(words, inherited, streams, tell)
            else:
                with Relays(streams[1:]) as ends:
                    status, heard = _run(words, inherited, (streams[0], *ends), tell)
        finally:
            for end in (hear, tell):
                if end >= 0:
                    os.close(end)
        answer.seek(0)
        return _understood(answer.read(_LONGEST_ANSWER), status, min(heard & _ENDING, default=None), walls)


def _understood(raw: bytes, status: int, interrupted: int | None, walls: Walls | None) -> Answer:
    try:
        said = json.loads(raw)
        if "error" in said:
            failure = LaunchError(launching.text(said["error"]))
            failure.exit_status = int(said["exit_status"])
            raise failure
        return Answer(dict(said), interrupted)
    except (ValueError, KeyError, TypeError, RecursionError):
        if interrupted is not None:
            return Answer({}, interrupted)
    what = "the walls around the run, or its recorder," if walls is not None else "the recorder of the run"
    how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.WEXITSTATUS(status)}"
    raise LaunchError(f"{what} ended with {how} and without a word about the run; what it printed may say why")


def _run(words: list[str], inherited: Sequence[int], streams: Sequence[Stream], tell: int) -> tuple[int, set[int]]:
    """Start a process and wait for it; give its wait status and the signals that came meanwhile."""
    for number in inherited:
        if number >= 0:
            os.set_inheritable(number, True)
    actions: list[Any] = [
        (os.POSIX_SPAWN_DUP2, stream if isinstance(stream, int) else stream.fileno(), target)
        for target, stream in enumerate(streams)
        if stream is not None
    ]
    if tell >= 0:  # an open folder or socket would be a hole in the walls
        actions += [(os.POSIX_SPAWN_CLOSE, number) for number in _open_for_children() if number not in inherited]
    environment = {name: os.environ[name] for name in _ITS_OWN if name in os.environ}
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    with signals.blocked() as mask:
        witness = signals.Witness()
        try:
            pid = os.posix_spawn(
                words[0],
                words,
                environment,
                file_actions=actions,
                # bubblewrap would die of what the run is to be told; the recorder unblocks them for itself.
                setsigmask=mask | _TOLD if tell >= 0 else mask,
                setsigdef=signals.RESET_FOR_CHILD,
            )
            return _await_end(pid, witness, tell)
        finally:
            witness.dismiss()


def _open_for_children() -> Iterator[int]:
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # that of the listing itself
            if int(name) > 2 and os.get_inheritable(int(name)):
                yield int(name)


def _await_end(pid: int, witness: signals.Witness, tell: int) -> tuple[int, set[int]]:
    heard: set[int] = set()
    while True:
        got = signal.sigwaitinfo(signals.AWAITED)
        number = got.si_signo
        if number != signal.SIGCHLD:
            if signal.getsignal(number) is signal.SIG_IGN or got.si_pid == pid:
                continue
            heard.add(number)
            if tell >= 0:
                if number in _TOLD:
                    with suppress(OSError):  # it has just ended
                        os.write(tell, bytes([number]))
            elif got.si_code <= 0 and not witness.saw(number):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            continue
        found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
        if found == 0:
            continue
        if os.WIFSTOPPED(status):
            os.kill(os.getpid(), signal.SIGSTOP)  # Ctrl-Z: the shell must see us stopped too
            continue
        return status, heard
