"""The recorded software held against what is here or in an environment: what is of another version, what is missing.

Comes in: the Run, and the packages of an environment. Goes out: :class:`~provenance.rerun.records.Difference`, those of
used software first. Only files are looked at, and the package database of the system is asked.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping

from provenance.environment import conda_meta
from provenance.environment.machine import host
from provenance.environment.python.distributions import normal_name
from provenance.environment.system.package_database import ask
from provenance.rerun.environments.interpreters import Python
from provenance.rerun.environments.requirements import PythonLock
from provenance.rerun.records import Difference
from provenance.run.installed import was_used
from provenance.run.model import Run, Software

USED = "used by the run"
UNUSED = "installed, not used by the run"
_SYSTEM = frozenset(["deb", "rpm"])
_NAMED_BY_PATH = frozenset(["program", "library", "mpi", "blas", "cuda", "rocm"])
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._:-]*\Z")  # names of packages: nothing that a tool takes as an option
_FORMATS = {
    "deb": [
        "dpkg-query",
        "--show",
        "--showformat=${Package}\t${Architecture}\t${db:Status-Abbrev}\t${Version}\n",
        "--",
    ],
    "rpm": ["rpm", "-q", "--qf", "%{NAME}\t%{ARCH}\tii\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n", "--"],
}
_TOOL = {"deb": "dpkg-query", "rpm": "rpm"}


def recorded_packages(run: Run, lock: PythonLock | None = None) -> tuple[Software, ...]:
    """Return the recorded Python distributions; of one environment where there were several."""
    packages = run.environment.packages
    if lock is None or not lock.names:
        return packages
    pinned = {one.name: one.version for one in lock.requirements}
    own = [one for one in packages if normal_name(one.name) in pinned]
    # The same package may be recorded twice, in the versions of two environments.
    return tuple(one for one in own if pinned[normal_name(one.name)] in (None, one.version))


def needed(packages: Iterable[Software]) -> list[Software]:
    """Return those that a run used, and those of which that could not be told."""
    return [one for one in packages if one.is_used is not False]


def package_differences(recorded: Iterable[Software], here: Mapping[str, str]) -> tuple[Difference, ...]:
    """Hold distributions against those of an environment (normal name -> version)."""
    found = []
    for one in recorded:
        version = here.get(normal_name(one.name))
        if version is None or (one.version is not None and version != one.version):
            found.append(Difference("packages", one.name, one.version, version, _detail(one)))
    return tuple(sorted(found, key=_used_first))


def interpreter_difference(recorded: str | None, python: Python | None) -> tuple[Difference, ...]:
    """Hold the version of the interpreter against the recorded one."""
    here = python.version if python else None
    if recorded is None or recorded == here:
        return ()
    if here is not None and here.count(".") == 1 and recorded.startswith(here + "."):
        return ()  # no more can be told without starting it
    return (Difference("software", "Python", recorded, here, "interpreter"),)


def system_differences(run: Run) -> tuple[Difference, ...]:
    """Hold what is of the system, and of no package at all, against what is here."""
    software = run.environment.software
    found = [*_of_system(software), *_of_paths(run, software)]
    recorded, here = run.environment.operating_system, host.operating_system()
    if recorded and here and recorded != here:
        found.append(Difference("software", "operating system", recorded, here))
    return tuple(sorted(found, key=_used_first))


def conda_differences(run: Run, prefix: str | None) -> tuple[Difference, ...]:
    """Hold the recorded conda packages against those of an environment; by default against the active one."""
    recorded = [one for one in run.environment.software if one.kind == "conda"]
    place = prefix or os.environ.get("CONDA_PREFIX") or ""
    if not recorded:
        return ()
    records = conda_meta.names([place]).get(place, []) if place else []
    here = {parts[0]: parts[1] for name in records if len(parts := name.rsplit("-", 2)) == 3}
    found = [
        Difference("packages", one.name, one.version, here.get(one.name), f"conda; {_detail(one)}")
        for one in recorded
        if here.get(one.name) != one.version
    ]
    return tuple(sorted(found, key=_used_first))


def _of_system(software: Iterable[Software]) -> Iterator[Difference]:
    for kind in sorted(_SYSTEM):
        recorded = [one for one in software if one.kind == kind]
        if not recorded:
            continue
        if shutil.which(_TOOL[kind]) is None:
            names = ", ".join(one.name for one in recorded[:5]) + (", ..." if recorded[5:] else "")
            what = {"deb": "packages of Debian", "rpm": "packages of RPM"}[kind]
            yield Difference("software", what, f"{len(recorded)} used ({names})", None, "this system has none")
            continue
        here = _installed(kind, [one.name for one in recorded])
        for one in recorded:
            versions = here.get(one.name, {})
            version = versions.get(one.architecture or "") or next(iter(versions.values()), None)
            if version != one.version:
                yield Difference("software", one.name, one.version, version, USED if was_used(one) else UNUSED)


def _installed(kind: str, names: Iterable[str]) -> dict[str, dict[str, str]]:
    asked = sorted({name for name in names if _PLAIN.match(name)})
    found: dict[str, dict[str, str]] = {}
    for line in ask(_FORMATS[kind], asked):
        fields = line.split("\t")
        if len(fields) == 4 and fields[2].startswith(("i", "h")) and fields[2][1:2] == "i":
            found.setdefault(fields[0], {})[fields[1]] = fields[3]
    return found


def _of_paths(run: Run, software: Iterable[Software]) -> Iterator[Difference]:
    """Tell of programs and libraries that are not where they were; those of the environment come with it."""
    interpreter = run.environment.interpreter
    own = os.path.dirname(os.path.dirname(interpreter.path)) + "/" if interpreter and interpreter.path else None
    for one in software:
        if one.kind not in _NAMED_BY_PATH or not one.path or not one.path.startswith("/"):
            continue
        if (own and one.path.startswith(own)) or "/site-packages/" in one.path:
            continue
        if not os.path.exists(one.path):
            said = one.version or (f"sha256:{one.sha256[:12]}" if one.sha256 else one.path)
            yield Difference("software", one.name, said, None, f"was at {one.path}")


def _detail(one: Software) -> str:
    return "" if one.is_used is None else USED if one.is_used else UNUSED


def _used_first(difference: Difference) -> tuple[bool, str, str]:
    return difference.detail.endswith(UNUSED), difference.aspect, difference.what.lower()
