"""The machine that a run had and used, held against this one.

Comes in: the Run. Goes out: :class:`~provenance.rerun.records.Requirement` and what is likely to differ for it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from provenance.environment.machine import host
from provenance.rerun.records import PlannedFile, Requirement
from provenance.run.model import Run

_GIB = 1 << 30
_ROOM = 1.1  # of the bytes that are laid out: file systems need some for themselves


def requirements(run: Run, files: tuple[PlannedFile, ...], folder: Path) -> tuple[Requirement, ...]:
    """Hold cores, memory, time, room, architecture and operating system against what is here."""
    here = host.describe(str(Path.cwd()))
    environment, used = run.environment, run.resources
    found = []
    if environment.machine:
        machine = str(here.get("machine") or os.uname().machine)
        found.append(Requirement("architecture", environment.machine, machine, environment.machine == machine))
    if environment.operating_system:
        system = str(here.get("system") or "unknown")
        found.append(Requirement("operating system", environment.operating_system, system, None))
    cores = here.get("cpu_limit") or here.get("cpu_count") or os.cpu_count()
    busy = used.max_cpu or used.average_cpu if used else None
    if environment.cpu_count or busy:
        said = f"{environment.cpu_limit or environment.cpu_count or '?'} cores"
        said += f", {busy:.1f} kept busy" if busy else ""
        wanted = busy if busy else float(environment.cpu_count or 0)
        found.append(
            Requirement("cores", said, f"{cores}", bool(cores) and float(cores or 0) >= min(wanted, 1e6) - 0.5)
        )
    memory = here.get("memory_limit") or here.get("memory")
    needed = (used.max_total_memory or used.max_memory) if used else None
    if needed and memory:
        is_enough = int(memory) >= needed
        found.append(Requirement("memory", f"{_size(needed)} used", _size(int(memory)), is_enough))
    if run.start is not None and run.end is not None and run.end >= run.start:
        seconds = (run.end - run.start) / 1e9
        found.append(Requirement("time", _duration(seconds), "?", None))
    room = sum(file.size or 0 for file in files) + (used.written_bytes or 0 if used else 0)
    free = _free(folder)
    if free is not None:
        found.append(Requirement("room on disk", _size(round(room)), f"{_size(free)} free", free >= room * _ROOM))
    for accelerator in environment.accelerators:
        names = [str(one.get("name")) for one in here.get("accelerators", ())]
        found.append(
            Requirement("accelerator", accelerator.name, ", ".join(names) or "none", accelerator.name in names)
        )
    return tuple(found)


def likely_differences(run: Run) -> tuple[str, ...]:
    """Say what of the machine changes results where it is not the same."""
    here = host.describe(str(Path.cwd()))
    found = []
    recorded, now = run.environment.machine, here.get("machine")
    before, after = run.environment.microarchitecture, here.get("microarchitecture")
    if recorded and now and recorded != now:
        found.append(f"the last digits of floating-point results: recorded on {recorded}, this is {now}")
    elif before and after and before != after:
        found.append(
            "the last digits of floating-point results, where libraries choose code by processor: "
            f"{before}, here {after}"
        )
    return tuple(found)


def _free(folder: Path) -> int | None:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _size(count: int) -> str:
    for unit, factor in (("GiB", _GIB), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
