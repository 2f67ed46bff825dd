"""What is here, as the environment of a re-run: which Python of this machine stands for the recorded one.

Comes in: the Run, the locks of its crate. Goes out: an offer, whether it is as good as the recorded environment, and
the :class:`~provenance.rerun.records.Ready` environment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from provenance.environment.machine import host
from provenance.errors import WfprovError
from provenance.rerun.environments import interpreters, own, software
from provenance.rerun.environments.interpreters import Python
from provenance.rerun.environments.offers import Offer
from provenance.rerun.environments.requirements import PythonLock
from provenance.rerun.records import Difference, EnvironmentPlan, Ready
from provenance.run.model import Run, Software

KIND = "current"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A recorded Python environment."""

    executable: str | None
    version: str | None
    packages: tuple[Software, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What is here."""

    offer: Offer
    agrees: bool  # each package that the run used is here in its version, for the same minor version of Python


def has_python(run: Run, locks: Sequence[PythonLock]) -> bool:
    """Tell whether a run used Python."""
    known = run.environment
    return known.interpreter is not None or bool(locks) or bool(known.packages)


def find(run: Run, locks: Sequence[PythonLock]) -> Found:
    """Look for the Pythons that are nearest to the recorded ones."""
    if not has_python(run, locks):
        differences = software.system_differences(run)
        of_conda = software.conda_differences(run, None)
        plan = EnvironmentPlan(KIND, _without_python(), differences=(*of_conda, *differences))
        return Found(Offer(plan), agrees=not _needed(of_conda))
    chosen = [(wanted, _nearest(wanted)) for wanted in _wanted(run, locks)]
    agrees = all(python is not None and _distance(wanted, python) == 0 for wanted, python in chosen)
    first = chosen[0][1]
    agrees = agrees and not _needed(software.conda_differences(run, first.prefix if first else None))
    plan = EnvironmentPlan(
        KIND,
        _description(first, chosen[0][0]),
        differences=_differences(run, chosen),
        problems=() if first else ("no Python is here; install one, or uv, which fetches one",),
        details={"pythons": [[wanted.executable, python.path if python else None] for wanted, python in chosen]},
    )
    return Found(Offer(plan), agrees)


def ready(plan: EnvironmentPlan, run: Run, locks: Sequence[PythonLock]) -> Ready:
    """Ask the chosen Pythons what they really have."""
    pairs = plan.details.get("pythons", [])
    if not pairs:
        return Ready(plan, differences=plan.differences)
    chosen: list[tuple[_Wanted, Python | None]] = []
    for wanted, (_, path) in zip(_wanted(run, locks), pairs, strict=True):
        python = interpreters.ask(path) if path else None
        if path and python is None:
            raise WfprovError(f"{path} does not start; choose another environment with --env, or mend that Python")
        chosen.append((wanted, python))
    first = chosen[0][1]
    if first is None:
        raise WfprovError("no Python is here; install one, or uv, which fetches one")
    pythons = tuple((w.executable, p.path) for w, p in chosen if w.executable and p)
    return with_own_package(
        Ready(
            plan,
            python=first.path,
            path=(os.path.dirname(first.path),),
            needs=tuple(dict.fromkeys(f for _, p in chosen if p for f in interpreters.folders_needed(p.path))),
            differences=_differences(run, chosen),
            pythons=pythons,
        ),
        run,
        first,
    )


def programs_path(plan: EnvironmentPlan) -> str:
    """Return where programs will be looked for, as PATH has it."""
    pythons = [path for _, path in plan.details.get("pythons", ()) if path]
    return os.pathsep.join([*map(os.path.dirname, pythons[:1]), os.environ.get("PATH", os.defpath)])


def with_own_package(ready: Ready, run: Run, python: Python) -> Ready:
    """Make this package importable where the code of the run needs it and the environment has none."""
    if not own.is_needed(run) or own.NAME in python.packages:
        return ready
    others = tuple(one for one in ready.differences if (one.aspect, one.what) != ("packages", own.NAME))
    return replace(
        ready,
        variables=(*ready.variables, ("PYTHONPATH", str(own.folder()))),
        needs=(*ready.needs, own.folder(), own.package_folder()),
        differences=(own.difference(run), *others),
    )


def _wanted(run: Run, locks: Sequence[PythonLock]) -> list[_Wanted]:
    interpreter = run.environment.interpreter
    path, version = (interpreter.path, interpreter.version) if interpreter else (None, None)
    if len(locks) < 2:
        asked = locks[0] if locks else None
        told = (asked.request or "").rpartition("@")[2].rstrip("t") or None if asked else None
        executable = path or (asked.executable if asked else None)
        return [_Wanted(executable, version or told, run.environment.packages)]
    return [
        _Wanted(
            lock.executable,
            (version if lock.executable == path else None)
            or (lock.request or "").rpartition("@")[2].rstrip("t")
            or None,
            software.recorded_packages(run, lock),
        )
        for lock in locks
    ]


def _nearest(wanted: _Wanted) -> Python | None:
    best: Python | None = None
    distance = 0
    for python in interpreters.candidates(wanted.executable):
        found = _distance(wanted, python)
        if best is None or found < distance:
            best, distance = python, found
        if distance == 0:
            break
    return best


def _distance(wanted: _Wanted, python: Python) -> int:
    """Count the used packages that are not here as recorded; another minor version of Python counts more than all."""
    missing = [
        one
        for one in software.package_differences(software.needed(wanted.packages), python.packages)
        if one.what != own.NAME  # that is added where it is needed
    ]
    is_other = wanted.version is not None and interpreters.minor(wanted.version) != interpreters.minor(python.version)
    return len(missing) + (1_000_000 if is_other else 0)


def _differences(run: Run, chosen: Sequence[tuple[_Wanted, Python | None]]) -> tuple[Difference, ...]:
    found: list[Difference] = []
    for wanted, python in chosen:
        found += software.interpreter_difference(wanted.version, python)
        found += software.package_differences(wanted.packages, python.packages if python else {})
    found += software.conda_differences(run, chosen[0][1].prefix if chosen[0][1] else None)
    found += software.system_differences(run)
    return tuple(sorted(dict.fromkeys(found), key=lambda one: one.detail.endswith(software.UNUSED)))


def _description(python: Python | None, wanted: _Wanted) -> str:
    if python is None:
        return "what is here, which has no Python"
    version = f"Python {python.version}" if python.version else "Python"
    used = software.needed(wanted.packages)
    same = len(used) - len(software.package_differences(used, python.packages))
    told = any(one.is_used is not None for one in wanted.packages)
    packages = f", with {same} of the {len(used)} {'used' if told else 'recorded'} packages as recorded" if used else ""
    return f"{version} of this machine ({python.path}){packages}"


def _needed(differences: Sequence[Difference]) -> list[Difference]:
    return [one for one in differences if not one.detail.endswith(software.UNUSED)]


def _without_python() -> str:
    return f"the programs of this machine ({host.operating_system()})"
