"""Notes now and then what the processes of a run use: the ``sample`` events of a record.

In comes the process id of the command and how often to look; out go events, written by a thread beside the one that
awaits the command. It looks less often where looking is dear (at most one hundredth of a processor), and writes less
often the longer the run takes, keeping the peaks.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Callable, List, Optional

from provenance.journal.events import Event
from provenance.recording.process_tree import ProcessTree, TreeUse

_FIRST_SECONDS = 0.1  # a short run is looked at soon, then less and less often until the interval is reached
_GROWTH = 1.5
_LARGEST_SHARE = 0.01  # of a processor
# An event stands for at least this part of the time so far: a week makes 4,000 of them.
_SMALLEST_PART = 1 / 500
_STOP_SECONDS = 0.02  # the end of the run waits no longer for a look that has begun

Write = Callable[[Event], object]


@dataclass
class _Window:
    """What was seen since the last event."""

    cpu: float = 0.0
    busiest: float = 0.0
    memory: List[int] = field(default_factory=list)
    processes: int = 0


class Sampler:
    """A thread that writes ``sample`` events until it is stopped."""

    def __init__(self, tree: ProcessTree, write: Write, interval: float) -> None:
        """Prepare; nothing is looked at yet.

        Parameters
        ----------
        tree
            What to look at.
        write
            Takes an event; called in the thread.
        interval
            Seconds between two looks, at least.
        """
        self._tree = tree
        self._write = write
        self._interval = interval
        self._host = os.uname().nodename
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)
        self._began = time.monotonic()
        self._window = _Window()
        self._looked = self._told = self._began
        self._cpu = 0.0
        self._has_told = False

    def start(self) -> None:
        """Begin; call it as soon as the command runs, with the signals blocked that another thread awaits."""
        self._thread.start()

    def stop(self, cpu: float) -> None:
        """End without waiting for the interval.

        Parameters
        ----------
        cpu
            Seconds that the command and what it waited for have used: tells what the last, cut-off interval held.
        """
        self._stopped.set()
        self._thread.join(_STOP_SECONDS)
        if self._has_told and not self._thread.is_alive():
            self._window.cpu += max(0.0, cpu - self._cpu)
            self._window.processes = 0
            self._tell(time.monotonic())

    def _sample(self) -> None:
        step = min(_FIRST_SECONDS, self._interval)
        pause = step
        while not self._stopped.wait(pause):
            spent = time.thread_time()
            use = self._tree.measure()
            if self._stopped.is_set() or use is None:
                return
            self._take(use, time.monotonic())
            step = min(step * _GROWTH, self._interval)
            pause = max(step, (time.thread_time() - spent) / _LARGEST_SHARE)

    def _take(self, use: TreeUse, now: float) -> None:
        window = self._window
        cpu = max(0.0, use.cpu - self._cpu)
        window.cpu += cpu
        window.busiest = max(window.busiest, cpu / max(now - self._looked, 1e-3))
        window.memory.append(use.memory)
        window.processes = use.processes
        self._cpu, self._looked = max(self._cpu, use.cpu), now
        if now - self._told >= (now - self._began) * _SMALLEST_PART:
            self._tell(now)

    def _tell(self, now: float) -> None:
        window, self._window = self._window, _Window()
        event: Event = {
            "e": "sample",
            "t": time.time_ns(),
            "host": self._host,
            "cpu": round(window.cpu, 3),
            "memory": max(window.memory, default=0),
            "processes": window.processes,
        }
        if len(window.memory) > 1:
            event["max_cpu"] = round(window.busiest, 3)
            event["mean_memory"] = sum(window.memory) // len(window.memory)
        self._write(event)
        self._told, self._has_told = now, True


def sampler(pid: int, run_folder: str, write: Write, interval: float, apart: str = "") -> Optional[Sampler]:
    """Return a sampler for the command of process `pid`; None when none is wanted or ``/proc`` is not there.

    Parameters
    ----------
    interval
        Seconds; 0 for no samples.
    apart
        Name of a program that watches the run and is no part of it.
    """
    if interval <= 0 or not os.path.isdir("/proc/self"):
        return None
    return Sampler(ProcessTree(pid, run_folder, [apart] if apart else []), write, interval)
