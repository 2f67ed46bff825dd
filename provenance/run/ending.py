"""How a run ended: from what the launcher wrote, or, without an end, from whether it is still there.

In: the first and the last event of ``run.jsonl``. Out: a Status, and a text when it failed.
"""

from __future__ import annotations

import os
import signal as signals
import socket
from pathlib import Path

from provenance.journal.events import Event
from provenance.run.model import Status


def how_it_ended(header: Event, ending: Event | None) -> tuple[Status, str | None]:
    """Return the status of a run, and what went wrong."""
    if ending is None:
        host, pid = header.get("host"), header.get("pid")
        if host == socket.gethostname() and isinstance(pid, int) and _is_alive(pid, header.get("t")):
            return Status.RUNNING, None
        return Status.UNKNOWN, "the recorder was stopped before the run ended"
    if isinstance(number := ending.get("signal"), int):
        return Status.FAILED, f"ended by {signal_name(number)}"
    if status := ending.get("status"):
        return Status.FAILED, f"exit status {status}"
    return Status.COMPLETED, None


def signal_name(number: int) -> str:
    """Return a signal's name, e.g. ``signal 9 (SIGKILL)``."""
    try:
        return f"signal {number} ({signals.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _is_alive(pid: int, start: object) -> bool:
    """Tell whether the recorder still runs; a process that began after the run is another one."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        ticks, boot = int(fields[19]), 0
        for line in Path("/proc/stat").read_bytes().splitlines():
            if line.startswith(b"btime "):
                boot = int(line.split()[1])
    except (OSError, ValueError, IndexError):
        return False
    if fields[0] == b"Z":
        return False
    began = boot + ticks / os.sysconf("SC_CLK_TCK")
    return not isinstance(start, int) or began <= start / 1e9 + 2
