"""The ``run`` event, the first of each record, as the launcher and a recorded block write it.

In come the command and how it is watched; out goes the event, without the credentials on the command line.
"""

from __future__ import annotations

import os
import pwd
from typing import Optional, Sequence

import provenance
from provenance.journal.credentials import hide, hide_in_command
from provenance.journal.events import FORMAT_VERSION, Event
from provenance.recording.streams import stream


def run_event(
    run_id: str,
    start: int,
    command: Sequence[str],
    cwd: str,
    *,
    trace: str,
    save_limit: int,
    name: Optional[str] = None,
    info: Optional[str] = None,
    program: Optional[str] = None,
) -> Event:
    """Return the event that begins a record; the streams are told as they are now.

    Parameters
    ----------
    start
        Nanoseconds since the epoch.
    save_limit
        Bytes.
    name, info
        What the user calls the run, and the path of the user's ``ro-crate-info.yaml``.
    program
        Path of the program that the command starts: told also where nothing of it can be watched.
    """
    event: Event = {
        "e": "run",
        "v": FORMAT_VERSION,
        "id": run_id,
        "t": start,
        "command": hide_in_command(command, os.path.lexists),
        "cwd": cwd,
        "user": _user(),
        "host": os.uname().nodename,
        "pid": os.getpid(),
        "version": provenance.__version__,
        "trace": trace,
        "save_limit": save_limit,
        "stdout": stream(1),
        "stderr": stream(2),
    }
    if name:
        event["name"] = hide(name, settings=True)
    if program:
        event["program"] = hide_in_command([os.path.join(cwd, program)], os.path.lexists)[0]
    if info:
        event["info"] = os.path.abspath(info)
    return event


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no entry, as in many containers
        return str(os.getuid())
