"""Where a run took place, told by the machine itself while the run's job is still on it.

In: a run that has just ended, as its logs tell it. Out: the same run with its environment: machine, job, variables,
Python packages, source control. What can't be told, or not in time, is a gap.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from provenance.environment import describe
from provenance.environment.machine import job
from provenance.run import surroundings
from provenance.run.model import Gap, Run

SECONDS = 10.0  # for the whole description
_RECENT = 6 * 3600  # seconds after the last line of the log; drawing graphs and merging traces come in between
_WHAT = "the machine and the software of the run"


def with_surroundings(run: Run, folder: Path, seconds: float = SECONDS) -> Run:
    """Return the run with what this machine tells of where it took place.

    Parameters
    ----------
    run
        As :func:`provenance.engines.compss.load.load` gives it. When it can't have been here, or is long over, its
        environment stays as it is, and a gap says why.
    folder
        The patch of uncommitted changes is written there; it must stay until the crate is written.
    seconds
        How long to wait; what is known by then is taken.
    """
    why = _why_not_here(run)
    if why is not None:
        return replace(run, gaps=(*run.gaps, Gap(_WHAT, why)))
    sections, failure = _described(_command(run), run.cwd or os.getcwd(), folder, seconds)
    environment = surroundings.environment(sections, folder)
    asked = run.environment.job
    if environment.job is None:
        environment = replace(environment, job=asked)
    elif asked is not None:
        known = environment.job
        environment = replace(
            environment,
            job=replace(
                known,
                partition=known.partition or asked.partition,
                time_limit=known.time_limit or asked.time_limit,
            ),
        )
    gaps = run.gaps if failure is None else (*run.gaps, Gap(_WHAT, failure))
    return replace(run, environment=environment, gaps=gaps)


def _why_not_here(run: Run) -> str | None:
    """Tell why this machine, as it is now, may not be the one that the run saw."""
    of_run, here = run.environment.job, job.describe().get("id")
    if of_run is not None and here != of_run.id:
        now = "in no job" if here is None else f"in job {here}"
        return f"the run was job {of_run.id}, and it was packed {now}"
    ended = _last_change(run)
    if ended is not None and time.time() - ended > _RECENT:
        return f"it was packed {(time.time() - ended) / 3600:.0f} hours after the run"
    return None


def _last_change(run: Run) -> float | None:
    if run.log_folder is None:
        return None
    try:
        return os.stat(os.path.join(run.log_folder, "dataprovenance.log")).st_mtime
    except OSError:
        return None


def _command(run: Run) -> tuple[str, ...]:
    """Return the program that COMPSs started for the application: an interpreter where there is one."""
    main = next((data.path for data in run.data if data.key == run.main), None)
    if main is None:
        return ()
    if not main.endswith(".py"):
        return (main,)
    chosen = [one.value for one in run.engine_arguments if one.name == "--python_interpreter" and one.value]
    return (str(chosen[-1]) if chosen else "python3", main)


def _described(
    command: tuple[str, ...], cwd: str, folder: Path, seconds: float
) -> tuple[Mapping[str, Mapping[str, Any]], str | None]:
    """Return the sections that were described in time, and why some are missing."""
    sections: dict[str, Mapping[str, Any]] = {}
    failures: list[str] = []

    def work() -> None:
        try:
            for section, data in describe(command, cwd, folder):
                sections[section] = data
        except Exception as error:  # noqa: BLE001 - what can't be described must not cost the crate; it is told
            failures.append(f"{type(error).__name__}: {error}")

    # A thread that hangs on a dead file system must not hold up the end of the job.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        failures.append(f"they were not described within {seconds:g} s")
    return dict(sections), failures[0] if failures else None
