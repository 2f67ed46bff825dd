"""Whether the job of a submitted run has ended, told by its files alone.

In: the log folder, the output of the job. Out: None when it has ended, else why that is not certain. The batch system
is not asked: it may be elsewhere, and it forgets jobs soon.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from provenance.engines.compss import console
from provenance.engines.compss.timestamps import instant

_LOG = "dataprovenance.log"
_TAIL = 64 * 1024
_STOPPED = (b"CANCELLED AT", b"TERM_RUNLIMIT", b"TERM_OWNER", b"job killed", b"Master execution failed")
_CRATE_BEGUN, _CRATE_ENDED = b"STARTING WORKFLOW PROVENANCE SCRIPT", b"ENDED WORKFLOW PROVENANCE SCRIPT"
_PATIENCE = 600  # seconds that COMPSs' own crate may take without a word


def why_not_ended(folder: Path, output: Path) -> str | None:
    """Tell why a job can't be packed yet.

    Parameters
    ----------
    folder
        The log folder.
    output
        ``compss-<job>.out``; it need not be there.
    """
    texts = _tail(output), _tail(output.with_suffix(".err"))
    if any(mark in text for mark in _STOPPED for text in texts):
        return None
    if _CRATE_BEGUN in texts[0] and _CRATE_ENDED not in texts[0] and _age(output) < _PATIENCE:
        return f"the job has done its work, and COMPSs still collects its logs ({output})"
    if _has_last_line(folder / _LOG):
        return None
    said = console.read(output)
    if said.has_finished or said.has_failed:
        return None
    return f"the job has begun, and its end is neither in {folder / _LOG} nor in {output}"


def _has_last_line(log: Path) -> bool:
    """Tell whether a log ends with the time at which COMPSs closed it, which is not its start."""
    lines = _tail(log).decode("utf-8", "surrogateescape").splitlines()
    if not lines or instant(lines[-1].strip()) is None:
        return False
    return len(lines) > 4 or sum(instant(line.strip()) is not None for line in lines) > 1


def _tail(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read(_TAIL)
    except OSError:
        return b""


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0
