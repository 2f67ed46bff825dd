"""Environments from the lock files of a crate: each Python that the run used, by uv, and each conda environment.

Comes in: the Run, its crate. Goes out: an offer, and the :class:`~provenance.rerun.records.Ready` environment.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from provenance.environment.python.distributions import normal_name
from provenance.rerun.environments import conda, interpreters, software, uv
from provenance.rerun.environments.conda import CondaLock
from provenance.rerun.environments.current import with_own_package
from provenance.rerun.environments.interpreters import Python
from provenance.rerun.environments.offers import Offer, Refusal
from provenance.rerun.environments.requirements import PythonLock
from provenance.rerun.environments.uv import Packages
from provenance.rerun.records import Difference, EnvironmentPlan, Ready
from provenance.rerun.talk import Talk
from provenance.run.model import Run

KIND = "lock"


def offer(run: Run, crate: Path, locks: Sequence[PythonLock]) -> Offer | Refusal:
    """Say what would be built from the locks of a crate."""
    of_conda = conda.conda_locks(run, crate)
    if not locks and not of_conda:
        return Refusal("the crate has no lock file of Python or conda", is_silent=True)
    problems = [problem for lock in locks for problem in lock.problems]
    problems += [problem for lock in of_conda for problem in lock.problems]
    if problems:
        more = f" (and {len(problems) - 1} more)" if problems[1:] else ""
        return Refusal(f"its lock file can't be used: {problems[0]}{more}")
    if locks and uv.found() is None:
        return Refusal("uv, which builds from its requirements.txt, is not installed here (pip install uv)")
    if of_conda and (why := conda.why_not(of_conda)) is not None:
        return Refusal(why)
    for lock in locks:
        if lock.conda is None and lock.request is None:
            return Refusal(f"environment/{lock.target} does not say for which Python it is")
    parts = [_said_of(lock) for lock in locks if lock.conda is None] + [conda.description(each) for each in of_conda]
    fetched = sorted({host for lock in locks for url in lock.addresses if (host := urlsplit(url).hostname)})
    fetched += sorted({host for lock in of_conda for host in lock.hosts} - set(fetched))
    from_sources = [one.name or one.text for lock in locks for one in lock.requirements if one.is_source]
    description = " and ".join(parts)
    if from_sources:
        description += f"; building {', '.join(from_sources)} runs code of {'them' if from_sources[1:] else 'it'}"
    if fetched:
        description += f"; fetches from {', '.join(fetched)}"
    is_ready = all(uv.is_built(Packages(lock, crate)) for lock in locks if lock.conda is None)
    is_ready = is_ready and all(conda.is_built(each, _packages(each, locks, crate)) for each in of_conda)
    details = {"addresses": [url for lock in locks for url in lock.addresses], "hosts": fetched}
    differences = (*_left_out(run, locks), *software.system_differences(run))
    return Offer(EnvironmentPlan(KIND, description, is_ready=is_ready, differences=differences, details=details))


def ready(plan: EnvironmentPlan, run: Run, crate: Path, locks: Sequence[PythonLock], talk: Talk) -> Ready:
    """Build what the plan says, or find it in the cache; the differences are those of what was really installed."""
    used = frozenset(normal_name(one.name) for one in run.environment.packages if one.is_used)
    pythons: list[tuple[str | None, Python]] = []
    folders: list[Path] = []
    binaries: list[str] = []
    differences: list[Difference] = []
    for each in conda.conda_locks(run, crate):
        lock = _into(each, locks)
        built = conda.build(each, _packages(each, locks, crate, used), talk)
        folders.append(built.folder)
        binaries.append(str(built.prefix / "bin"))
        differences += software.conda_differences(run, str(built.prefix))
        if built.python is not None:
            pythons.append((lock.executable if lock else _executable(run, locks), built.python))
            differences += _differences(run, lock, locks, built.python) if lock else ()
    for lock in (one for one in locks if one.conda is None):
        made = uv.venv(Packages(lock, crate, used), talk)
        folders.append(made.folder)
        binaries.append(os.path.dirname(made.python.path))
        pythons.append((lock.executable, made.python))
        differences += _differences(run, lock, locks, made.python)
    path = run.environment.interpreter.path if run.environment.interpreter else None
    pythons.sort(key=lambda pair: path is None or pair[0] != path)
    first = pythons[0][1] if pythons else None
    differences += software.system_differences(run)
    needs = [*folders, *(folder for _, python in pythons for folder in interpreters.folders_needed(python.path))]
    if first is not None:  # its programs go before those of further environments
        binaries.sort(key=lambda folder: folder != os.path.dirname(first.path))
    result = Ready(
        plan,
        python=first.path if first else None,
        pythons=tuple((recorded, python.path) for recorded, python in pythons if recorded),
        path=tuple(binaries),
        needs=tuple(dict.fromkeys(needs)),
        differences=tuple(sorted(dict.fromkeys(differences), key=lambda one: one.detail.endswith(software.UNUSED))),
    )
    return with_own_package(result, run, first) if first else result


def _into(each: CondaLock, locks: Sequence[PythonLock]) -> PythonLock | None:
    return next((lock for lock in locks if lock.conda == each.folder), None)


def _executable(run: Run, locks: Sequence[PythonLock]) -> str | None:
    """Return the recorded interpreter when no requirements file is for it: then it was that of conda."""
    path = run.environment.interpreter.path if run.environment.interpreter else None
    return None if any(lock.executable == path for lock in locks) else path


def _packages(
    each: CondaLock, locks: Sequence[PythonLock], crate: Path, used: frozenset[str] = frozenset()
) -> Packages | None:
    lock = _into(each, locks)
    return Packages(lock, crate, used) if lock else None


def _differences(run: Run, lock: PythonLock, locks: Sequence[PythonLock], python: Python) -> tuple[Difference, ...]:
    interpreter = run.environment.interpreter
    recorded = uv.version_of(lock)
    if recorded is None and interpreter is not None and interpreter.path in (None, lock.executable):
        recorded = interpreter.version
    packages = software.recorded_packages(run, lock if locks[1:] else None)
    return (
        *software.interpreter_difference(recorded, python),
        *software.package_differences(packages, python.packages),
    )


def _left_out(run: Run, locks: Sequence[PythonLock]) -> tuple[Difference, ...]:
    """Tell of used packages that no lock names."""
    named = frozenset(name for lock in locks for name in lock.names)
    absent = [one for one in run.environment.packages if one.is_used and normal_name(one.name) not in named]
    return tuple(
        Difference("packages", one.name, one.version, None, f"{software.USED}; no lock file has it")
        for one in absent
        if one.installer not in ("conda", "apt", "debian", "dpkg", "rpm", "system")
    )


def _said_of(lock: PythonLock) -> str:
    count = len(lock.requirements)
    packages = f"{count} package{'s' if count != 1 else ''} of environment/{lock.target}"
    return f"Python {uv.version_of(lock)} with {packages}, by uv"
