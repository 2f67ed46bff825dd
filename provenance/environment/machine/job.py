"""The job of a batch system that a run takes place in.

In: the environment variables that batch systems set. Out: the ``job`` section of the package's docstring; nothing of
who asked for the job (account, user).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from provenance.journal.credentials import hide

# Field of the section -> the variables that tell it, the best first. The first variable of "id" tells the system.
# Slurm: sbatch(1), "OUTPUT ENVIRONMENT VARIABLES". PBS: PBS Professional and Torque's qsub. LSF: bsub. Grid Engine:
# qsub(1) of SGE and its successors. Flux: flux-environment(7).
_SYSTEMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Slurm": {
        "id": ("SLURM_JOB_ID", "SLURM_JOBID"),
        "name": ("SLURM_JOB_NAME",),
        "partition": ("SLURM_JOB_PARTITION",),
        "nodes": ("SLURM_JOB_NUM_NODES", "SLURM_NNODES"),
        "tasks": ("SLURM_NTASKS", "SLURM_NPROCS"),
        "cpus_per_task": ("SLURM_CPUS_PER_TASK",),
        "node_list": ("SLURM_JOB_NODELIST", "SLURM_NODELIST"),
    },
    "PBS": {
        "id": ("PBS_JOBID",),
        "name": ("PBS_JOBNAME",),
        "partition": ("PBS_QUEUE",),
        "nodes": ("PBS_NUM_NODES",),
        "tasks": ("PBS_NP",),
        "time_limit": ("PBS_WALLTIME",),
    },
    "LSF": {
        "id": ("LSB_JOBID",),
        "name": ("LSB_JOBNAME",),
        "partition": ("LSB_QUEUE",),
        "tasks": ("LSB_DJOB_NUMPROC",),
    },
    "Flux": {
        "id": ("FLUX_JOB_ID",),
        "nodes": ("FLUX_JOB_NNODES",),
        "tasks": ("FLUX_JOB_SIZE",),
    },
    "Grid Engine": {
        "id": ("JOB_ID",),
        "name": ("JOB_NAME",),
        "partition": ("QUEUE",),
        "nodes": ("NHOSTS",),
        "tasks": ("NSLOTS",),
    },
}
# Others use names as plain as Grid Engine's.
_MUST_BE_THERE = {"Grid Engine": ("SGE_ROOT", "SGE_CELL", "SGE_TASK_ID")}
_NUMBERS = frozenset(["nodes", "tasks", "cpus_per_task", "time_limit"])
_LONGEST = 4096  # characters
_WHOLE = re.compile(r"[0-9]{1,12}")


def describe(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the ``job`` section, empty outside of a job; of ``os.environ`` when no environment is given."""
    variables = os.environ if environment is None else environment
    for system, fields in _SYSTEMS.items():
        needed = _MUST_BE_THERE.get(system, ())
        if not _first(variables, fields["id"]) or (needed and not any(name in variables for name in needed)):
            continue
        found: dict[str, Any] = {"scheduler": system}
        for field, names in fields.items():
            text = _first(variables, names)
            if field not in _NUMBERS:
                found[field] = hide(text[:_LONGEST]) if text else None
            else:
                found[field] = int(text) if _WHOLE.fullmatch(text) else None
        if system == "Slurm":
            found["time_limit"] = _slurm_time_limit(variables)
        return {field: value for field, value in found.items() if value is not None}
    return {}


def _first(variables: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((variables[name].strip() for name in names if variables.get(name, "").strip()), "")


def _slurm_time_limit(variables: Mapping[str, str]) -> int | None:
    """Return seconds; Slurm tells when the job began and when it will be ended (since 23.02)."""
    start, end = variables.get("SLURM_JOB_START_TIME", ""), variables.get("SLURM_JOB_END_TIME", "")
    if not _WHOLE.fullmatch(start) or not _WHOLE.fullmatch(end) or int(end) <= int(start):
        return None
    return int(end) - int(start)
