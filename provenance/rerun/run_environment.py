"""The environment variables that a re-run gets: those of this machine, as in a shell, but for what is listed here.

Comes in: the step, the environment, what is set here. Goes out: a dictionary. ``docs/how-to/isolate.md`` shows the
same lists to users.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from provenance.environment import variables as recordable
from provenance.journal.credential_names import looks_like_credential
from provenance.recording import watch
from provenance.rerun.placing import is_below, is_plain
from provenance.rerun.records import Placement, Ready, Step

# Beginning of a name -> why what is set here is kept from the run.
REMOVED = {
    "PYTHON": "Python's own settings lead to other modules and behaviour than those of the environment",
    "VIRTUAL_ENV": "another Python environment",
    "CONDA_": "another Python environment",
    "_CONDA_": "another Python environment",
    "_CE_": "another Python environment",
    "__PYVENV_LAUNCHER__": "another Python environment",
    "UV_": "settings of an installer",
    "PIP_": "settings of an installer",
    "WFPROV_": "settings of wfprov",
    "SSH_": "agents that hand out keys",
    "GPG_": "agents that hand out keys",
    "DBUS_": "the desktop's services",
}
# What an isolated run has of this machine's: nothing that names people, places or services.
_ISOLATED = frozenset({"LANG", "LANGUAGE", "TZ", "TERM", "COLUMNS", "LINES", "NO_COLOR"})
_ISOLATED_PREFIX = "LC_"
# Recorded variables that say where the run took place, and must not be believed elsewhere.
_OF_THE_PLACE = (
    "SLURM_",
    "PBS_",
    "LSB_",
    "COMPSS_",
    "VIRTUAL_ENV",
    "CONDA_",
    "LOADEDMODULES",
    "LMOD_",
    "BSC_",
    "CUDA_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
)
# Of the job, but parameters of the computation.
_PARAMETERS = frozenset(
    {
        "SLURM_ARRAY_TASK_ID",
        "SLURM_ARRAY_TASK_COUNT",
        "SLURM_ARRAY_TASK_MIN",
        "SLURM_ARRAY_TASK_MAX",
        "SLURM_ARRAY_TASK_STEP",
        "SLURM_CPUS_PER_TASK",
        "PBS_ARRAY_INDEX",
        "LSB_JOBINDEX",
    }
)
_LISTS_OF_FOLDERS = frozenset({"PYTHONPATH", "R_LIBS", "R_LIBS_USER", "JULIA_PROJECT"})


def restored(recorded: Iterable[tuple[str, str]], placement: Placement) -> tuple[tuple[str, str], ...]:
    """Choose the recorded variables that are set again, with folders led to where they lie now.

    What is not on the list of recordable variables is not set, whatever a crate says, and no folder outside of those
    of the run.
    """
    found = []
    for name, value in recordable.allowed(dict(recorded)).items():
        if "\0" in name + value or "=" in name:
            continue
        if name.startswith(_OF_THE_PLACE) and name not in _PARAMETERS:
            continue
        is_list = name in _LISTS_OF_FOLDERS
        found.append((name, os.pathsep.join(_moved(value.split(os.pathsep), placement)) if is_list else value))
    return tuple((name, value) for name, value in found if value or name not in _LISTS_OF_FOLDERS)


def _moved(folders: Iterable[str], placement: Placement) -> Iterable[str]:
    for folder in folders:
        if not folder.startswith("/"):
            if ".." not in folder.split("/"):
                yield folder
        elif is_plain(folder) and (place := placement.place(os.path.normpath(folder))) is not None:
            yield str(place)


def run_environment(step: Step, ready: Ready, here: Mapping[str, str] | None = None) -> dict[str, str]:
    """Put together the variables of a run; ``here`` are those of this machine, ``os.environ`` when None."""
    inherited = _without_recording(here)
    found = {name: value for name, value in inherited.items() if why_removed(name) is None}
    found["PATH"] = os.pathsep.join([*ready.path, inherited.get("PATH", os.defpath)])
    return found | dict(ready.variables) | dict(step.variables)


def isolated_environment(
    step: Step, ready: Ready, visible: Iterable[str], home: str, here: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Put together the variables of a run that is walled in: next to nothing of this machine's.

    Parameters
    ----------
    visible
        Folders that the run can read; others are left out of PATH.
    home
        Its home folder.
    """
    inherited = _without_recording(here)
    found = {n: value for n, value in inherited.items() if n in _ISOLATED or n.startswith(_ISOLATED_PREFIX)}
    found |= {"HOME": home, "TMPDIR": "/tmp", "USER": "user", "LOGNAME": "user"}
    folders = inherited.get("PATH", os.defpath).split(os.pathsep)
    path = [folder for folder in folders if any(is_below(folder, one) for one in visible)]
    found["PATH"] = os.pathsep.join([*ready.path, *(path or [os.defpath])])
    return found | dict(ready.variables) | dict(step.variables)


def _without_recording(here: Mapping[str, str] | None) -> dict[str, str]:
    # Before all else: what a recording around this one has set is found by its own variables.
    return watch.unwatched((), os.environ if here is None else here).environment


def why_removed(name: str) -> str | None:
    """Tell why a variable of this machine is kept from the run; None when it is not.

    >>> why_removed("PYTHONPATH"), why_removed("OMP_NUM_THREADS")
    ("Python's own settings lead to other modules and behaviour than those of the environment", None)
    """
    for prefix, why in REMOVED.items():
        if name.startswith(prefix):
            return why
    return "a credential, by its name" if looks_like_credential(name) else None
