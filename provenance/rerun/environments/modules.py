"""Environment modules and Spack environments, where the site has them.

Comes in: ``modules.sh`` or ``spack.lock`` of a crate. Goes out: the variables that loading them sets. No shell gets a
text of a crate: the names of modules are read out of the script, checked, and handed to a script of ours as words.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from provenance.crate.source import FolderPayload
from provenance.errors import WfprovError
from provenance.rerun.environments import interpreters, spack
from provenance.rerun.environments.calling import WAY_OUT, call
from provenance.rerun.environments.offers import Offer, Refusal
from provenance.rerun.environments.requirements import place
from provenance.rerun.records import Difference, EnvironmentPlan, Ready
from provenance.rerun.talk import Talk
from provenance.run.model import Run

KIND = "modules"
NAMES = "modules"  # in the details of a plan: names in the order of loading, or the folder of Spack
_SEARCHED = "module folders"
_MODULE = re.compile(r"[A-Za-z0-9_][\w.+:@-]*(?:/[\w.+:@-]+)*\Z", re.ASCII)
_LIMIT = 1 << 20
_SECONDS = 120.0
_INITS = (
    "/etc/profile.d/modules.sh",
    "/etc/profile.d/lmod.sh",
    "/etc/profile.d/z00_lmod.sh",
    "/usr/share/lmod/lmod/init/bash",
    "/usr/share/modules/init/bash",
    "/usr/share/Modules/init/bash",
)
# $1: the script that defines `module`; $2: how many folders of module files follow; then the names.
_SCRIPT = """
set +e
. "$1" >&2; shift
count=$1; shift
while [ "$count" -gt 0 ]; do module use "$1" >&2; shift; count=$((count - 1)); done
for name; do module load "$name" >&2 || exit 3; done
exec env -0
"""
_OF_SHELL = frozenset(["_", "SHLVL", "PWD", "OLDPWD", "BASH_ENV", "ENV"])


def offer(run: Run, crate: Path) -> Offer | Refusal:
    """Say which modules would be loaded."""
    files = [file for file in run.environment.files if file.kind == "modules"]
    if not files:
        return spack.offer(run, crate)
    text = FolderPayload(crate).text(place(files[0].target), _LIMIT)
    if text is None:
        return Refusal(f"environment/{files[0].target} is not in the crate")
    names, folders, strange = _read(text)
    if strange:
        return Refusal(f"environment/{files[0].target} has a line that loads no module: {strange[:100]}")
    if init() is None:
        return Refusal("this machine has no environment modules")
    details = {NAMES: list(names), _SEARCHED: [folder for folder in folders if Path(folder).is_dir()]}
    description = f"the modules {', '.join(names)}" if names[1:] else f"the module {names[0]}"
    return Offer(EnvironmentPlan(KIND, description, details=details))


def init() -> str | None:
    """Return the script that defines ``module`` for bash; None where there are no modules."""
    if shutil.which("bash") is None:
        return None
    own = [f"{os.environ[name]}/init/bash" for name in ("LMOD_PKG", "MODULESHOME") if os.environ.get(name)]
    return next((path for path in (*own, *_INITS) if os.path.isfile(path)), None)


def add(ready: Ready, plan: EnvironmentPlan, crate: Path, talk: Talk) -> Ready:
    """Add what loading the modules of a plan sets; what the environment itself sets goes first.

    Raises
    ------
    WfprovError
        A module can't be loaded here.
    """
    if plan.details.get(spack.FOLDER):
        return spack.add(ready, plan, crate, talk)
    names = [str(name) for name in plan.details[NAMES]]
    folders = [str(folder) for folder in plan.details.get(_SEARCHED, ())]
    script = init()
    if script is None:
        raise WfprovError(f"this machine has no environment modules; {WAY_OUT}")
    before = interpreters.plain_variables()
    words = ["bash", "--noprofile", "--norc", "-c", _SCRIPT, "modules", script, str(len(folders)), *folders, *names]
    what = f"loading the modules {', '.join(names)}"
    said = call(words, cwd=Path("/"), variables=before, what=what, seconds=_SECONDS)
    after = dict(entry.partition("=")[::2] for entry in said.split("\0") if "=" in entry)
    loaded = after.get("LOADEDMODULES", "").split(":")
    missing = [name for name in names if name not in loaded]
    if missing and len(loaded) < len(names):  # older tools go on after a failure, and end with success
        raise WfprovError(f"this machine has no module {', '.join(missing)}; {WAY_OUT}")
    old_path = before.get("PATH", "").split(os.pathsep)
    new_path = [folder for folder in after.pop("PATH", "").split(os.pathsep) if folder and folder not in old_path]
    own = dict(ready.variables)
    changed = [
        (name, _joined(value, own.get(name)) if name == "PYTHONPATH" else value)
        for name, value in after.items()
        if before.get(name) != value and name not in _OF_SHELL and not name.startswith("BASH_FUNC_")
    ]
    kept = [pair for pair in ready.variables if pair[0] not in dict(changed)]
    differences = [Difference("software", n, n.rpartition("/")[2], None, "module") for n in missing]
    # A Python that the modules bring is nearer to the recorded one than what was here without them.
    brought = shutil.which("python3", path=os.pathsep.join(new_path)) if new_path and plan.kind == KIND else None
    python = brought if ready.python is not None and brought else ready.python
    return replace(
        ready,
        python=python,
        path=(*ready.path, *new_path) if ready.plan.kind == "lock" else (*new_path, *ready.path),
        variables=(*changed, *kept),
        differences=(*ready.differences, *differences),
    )


def _joined(value: str, first: str | None) -> str:
    return f"{first}{os.pathsep}{value}" if first else value


def _read(text: str) -> tuple[list[str], list[str], str | None]:
    """Return the names of modules, the folders of module files, and a line that is neither."""
    names: list[str] = []
    folders: list[str] = []
    for words, line in _lines(text):
        if words[:2] == ["module", "load"] and len(words) == 3 and _MODULE.match(words[2]):
            names.append(words[2])
        elif words[:2] == ["module", "use"] and len(words) == 3 and words[2].startswith("/"):
            folders.append(words[2])
        else:
            return names, folders, line
    return names, folders, None if names else "(none)"


def _lines(text: str) -> Iterator[tuple[list[str], str]]:
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                yield shlex.split(line), line
            except ValueError:
                yield [], line
