"""Waiting for a job that a recorded run submitted, until there is something to pack.

In: the engine that knows what the job leaves behind, and how long to wait. Out: nothing, once all is there. Only files
are looked at; the batch system is not asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provenance.engines import Engine, missing
from provenance.errors import JournalError

DEFAULT_INTERVAL = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Wait:
    """How to wait."""

    interval: float = DEFAULT_INTERVAL  # seconds between two looks
    limit: float | None = None  # seconds in all; None for ever
    tell: Callable[[str], None] | None = None  # gets what is waited for, each time that it is something else


def be_ready(engine: Engine, folder: Path, wait: Wait | None) -> None:
    """Return when a recorded run can be packed, at once when it can be now.

    Parameters
    ----------
    folder
        Of the recorded run.
    wait
        How to wait for a job; None not to.

    Raises
    ------
    JournalError
        It can't be packed now, or not within the limit; the message says what is not there.
    """
    began = time.monotonic()
    told = None
    while (lacking := missing(engine, folder)) is not None:
        if wait is None:
            raise JournalError(f"{lacking}; pack it when the job has ended, or wait for that with --wait")
        waited = time.monotonic() - began
        left = None if wait.limit is None else wait.limit - waited
        if left is not None and left <= 0:
            raise JournalError(f"{lacking}; it was waited for {waited:.0f} s, as --wait-limit says")
        if lacking != told and wait.tell is not None:
            wait.tell(lacking)
        told = lacking
        time.sleep(wait.interval if left is None else min(wait.interval, left))
