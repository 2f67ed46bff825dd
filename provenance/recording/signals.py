"""Signals around a running command: which to pass on, how to await its end and to end like it.

In comes the process id of a child; out goes its wait status and resource usage. The command runs in
our own process group, as it would without us, so the terminal's signals reach it directly. Only
what somebody sent to us alone is passed on.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import struct
import sys
import time
from contextlib import contextmanager, suppress
from typing import FrozenSet, Iterator, Optional, Set, Tuple

# Those that a program may be sent and may handle. What reports a fault of the receiver itself
# (SIGSEGV, SIGABRT) keeps its meaning for us, and the terminal's SIGTTIN and SIGTTOU concern
# whoever reads or writes.
PASSED_ON: FrozenSet[int] = frozenset(
    [
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGALRM,
        signal.SIGVTALRM,
        signal.SIGWINCH,
        signal.SIGTSTP,
        signal.SIGCONT,
        signal.SIGURG,
        signal.SIGPWR,
        signal.SIGXCPU,
        *range(signal.SIGRTMIN, signal.SIGRTMAX + 1),
    ]
)
AWAITED = PASSED_ON | {signal.SIGCHLD}
# The Python interpreter ignores these; a program started by a shell finds them at their default.
RESET_FOR_CHILD = (signal.SIGPIPE, signal.SIGXFSZ)
# How long the witness may take to see a signal that was sent to our whole group or job.
_WITNESS_SECONDS = 0.3
_SEEN = struct.Struct("=i")


@contextmanager
def blocked() -> Iterator[Set[int]]:
    """Block all that :func:`await_end` handles; gives the mask from before, for the child."""
    # A parent may have left SIGCHLD ignored; then children vanish and there is no status to wait
    # for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = set(signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED))
    try:
        yield before
    finally:
        # What came after the command's end was meant for it; it must not end us instead.
        while signal.sigtimedwait(AWAITED - before, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def await_end(pid: int, witness: Witness) -> Tuple[int, resource.struct_rusage]:
    """Wait for the child `pid`, passing signals on and stopping when it stops.

    Returns
    -------
    status, usage
        The wait status (see :func:`os.WIFEXITED`) and the resource usage of the child and all it
        waited for.
    """
    try:
        while True:
            got = signal.sigwaitinfo(AWAITED)
            if got.si_signo != signal.SIGCHLD:
                if _is_for_us_alone(got, pid, witness):
                    _send(pid, got.si_signo)
                continue
            found, status, usage = os.wait4(pid, os.WNOHANG | os.WUNTRACED)
            if found == 0:
                continue
            if os.WIFSTOPPED(status):
                # Ctrl-Z: the shell that waits for us must see us stopped, until it continues us
                # both.
                os.kill(os.getpid(), signal.SIGSTOP)
                continue
            return status, usage
    finally:
        witness.dismiss()


def die_by(number: int) -> None:
    """End this process by signal `number`, without a core file; returns only if that fails."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    # 1 byte stops both core files (too small) and a core handler (the kernel's mark for "none").
    resource.setrlimit(resource.RLIMIT_CORE, (1 if hard != 0 else 0, hard))
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                continue
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)


def _is_for_us_alone(got: signal.struct_siginfo, pid: int, witness: Witness) -> bool:
    # > 0: sent by the kernel, for the terminal to the whole group or for a fault or timer of ours.
    if got.si_code > 0 or signal.getsignal(got.si_signo) is signal.SIG_IGN:
        return False
    seen_by_all = witness.saw(got.si_signo)
    # A command that signals its parent means whoever started it, not itself.
    return not seen_by_all and got.si_pid != pid


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):  # it has just ended, or runs as another user
        return


class Witness:
    """A process beside us that notes signals: what it got too was sent to the whole group or job.

    Made before the command, so that it gets whatever is sent as soon as there is one.

    ``kill -- -GROUP``, a shell's ``kill %1`` and batch systems signal every process they find;
    passing such a signal on would deliver it twice, which many programs take for "stop at once".
    The kernel does not tell the receiver whether others were addressed.
    """

    def __init__(self) -> None:
        self._notes = -1
        self._alive = -1
        try:
            self._notes, notes = os.pipe()
            ours, self._alive = os.pipe()
            self._pid: Optional[int] = os.fork()
        except OSError:  # no process or descriptor left: do without
            self._pid = None
            return
        if self._pid == 0:
            os.close(self._alive)
            _stand_by(ours, notes)
        os.close(ours)
        os.close(notes)

    def saw(self, number: int) -> bool:
        """Say whether the witness got `number` as well, at about the same time."""
        if self._pid is None:
            return False
        until = time.monotonic() + _WITNESS_SECONDS
        seen: Set[int] = set()
        while number not in seen:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._notes], [], [], left)[0]:
                break
            data = os.read(self._notes, 64 * _SEEN.size)
            if not data:
                self._reap()
                break
            seen.update(found for (found,) in _SEEN.iter_unpack(data))
        return number in seen

    def dismiss(self) -> None:
        """End the witness."""
        if self._pid is not None:
            _send(self._pid, signal.SIGKILL)
            self._reap()
        for fd in (self._notes, self._alive):
            if fd >= 0:
                os.close(fd)
        self._notes = self._alive = -1

    def _reap(self) -> None:
        if self._pid is not None:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            self._pid = None


def _stand_by(alive: int, notes: int) -> None:
    """Note signals until the launcher is gone, whichever way it goes. Never returns."""
    try:
        # A pipe that we kept open would never end for whoever reads the command's output.
        low, high = sorted((alive, notes))
        for first, last in ((0, low), (low + 1, high), (high + 1, os.sysconf("SC_OPEN_MAX"))):
            os.closerange(first, last)
        # When the launcher's end of the pipe closes the kernel sends SIGIO.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGIO])
        fcntl.fcntl(alive, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(alive, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        # Not by the parent's id: that of a dying process changes only after its descriptors are closed.
        while not _is_closed(alive):
            number = signal.sigwaitinfo(PASSED_ON | {signal.SIGIO}).si_signo
            if number != signal.SIGIO:
                os.write(notes, _SEEN.pack(number))
    finally:
        os._exit(0)


def _is_closed(end: int) -> bool:
    """Tell whether nobody has the other end of a pipe any more, into which nothing is ever written."""
    try:
        return os.read(end, 1) == b""
    except BlockingIOError:
        return False
