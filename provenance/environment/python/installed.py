"""What is installed in a Python environment, in the state that a run had it in.

In: an environment, what the run used, and what was recorded when it began, which is the truth. Out: :class:`Installed`
with the distributions, who installed each, what their files are and which were used; what has changed since as gaps.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provenance.environment import Used
from provenance.environment.conda_meta import python_folders
from provenance.environment.python import ownership
from provenance.environment.python.distributions import Distribution, in_folder, normal_name
from provenance.environment.python.interpreters import PythonEnvironment

SOME = 5  # names that a gap lists

_SYSTEM_INSTALLERS = {"/var/lib/dpkg/status": "apt", "/var/lib/rpm": "rpm", "/usr/lib/sysimage/rpm": "rpm"}
_FOLDERS_OF_SYSTEM = ("/usr/lib/", "/usr/lib64/")
_OF_SYSTEMS = frozenset(["apt", "debian", "rpm", "system"])


@dataclass(frozen=True)
class Installed:
    """What an environment holds, with the distributions in the state that the run had them in."""

    environment: PythonEnvironment
    number: int  # 1 for the environment of the command itself
    distributions: tuple[Distribution, ...]
    owners: Mapping[str, Distribution]
    used: frozenset[str] | None  # normal names; None when it could not be told
    changed: frozenset[str]  # normal names of those that are now another version than at the run, or gone
    gaps: tuple[Mapping[str, str], ...] = ()

    @property
    def requirements_name(self) -> str:
        """Name of its requirements file below ``environment/``."""
        return "requirements.txt" if self.number == 1 else f"requirements-{self.number}.txt"

    @property
    def packages_folder(self) -> str:
        """Name of the folder below ``environment/`` for what the requirements file names by path."""
        return "packages" if self.number == 1 else f"packages-{self.number}"


def look(
    environment: PythonEnvironment, number: int, used: Used, recorded: Mapping[str, Mapping[str, Any]]
) -> Installed:
    """Return what is installed in an environment, as the run had it."""
    if environment.is_gone:
        return _gone(environment, number, recorded)
    provider = _providers(environment)
    now: dict[str, Distribution] = {}
    for folder in environment.path:
        for each in in_folder(folder):
            now.setdefault(each.normal_name, each)
    now = {name: replace(each, installer=provider(each)) for name, each in now.items()}
    owners = ownership.owners(list(now.values()))
    opened = (*used.files, *used.libraries)
    used_names = frozenset(ownership.used(opened, owners)) if opened else None
    gaps = [*_younger(now.values(), used), *_loose(environment, owners, used)]
    listed = recorded.get("packages") if _is_recorded(environment, recorded) else None
    if not isinstance(listed, Mapping) or not listed:
        return Installed(environment, number, tuple(now.values()), owners, used_names, frozenset(), tuple(gaps))
    then = {normal_name(str(name)): (str(name), str(version)) for name, version in listed.items()}
    changed, kept = set(), []
    for key, (name, version) in then.items():
        if key in now and now[key].version == version:
            kept.append(now[key])
            continue
        changed.add(key)
        kept.append(Distribution(name, version, "", None))
        became = f"has become {now[key].version}" if key in now else "is no longer installed"
        gaps.append(gap(f"Python package {name}", f"it was {version} when the run began and {became}"))
    for key in now.keys() - then.keys():
        if used_names and key in used_names:
            kept.append(now[key])
            why = f"{now[key].version} was installed after the run began, and the run used it"
            gaps.append(gap(f"Python package {now[key].name}", why))
    return Installed(environment, number, tuple(kept), owners, used_names, frozenset(changed), tuple(gaps))


def _gone(environment: PythonEnvironment, number: int, recorded: Mapping[str, Mapping[str, Any]]) -> Installed:
    """Return an environment that is no longer there, as it was listed when the run began."""
    listed = recorded.get("packages", {})
    kept = tuple(Distribution(str(name), str(version), "", None) for name, version in listed.items())
    why = (
        "it does not answer any more: names and versions of its packages are from the start of the run, and where they "
        "came from, and which the run used, is not known"
    )
    gaps = (gap("a Python environment", why, path=environment.prefix),)
    changed = frozenset(each.normal_name for each in kept)
    return Installed(environment, number, kept, {}, None, changed, gaps)


def _is_recorded(environment: PythonEnvironment, recorded: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether an environment is the one whose packages were listed when the run began."""
    prefix = recorded.get("interpreter", {}).get("prefix")
    return isinstance(prefix, str) and os.path.realpath(prefix) == os.path.realpath(environment.prefix)


def _younger(distributions: Iterable[Distribution], used: Used) -> Iterator[Mapping[str, str]]:
    """Yield a gap for what was installed again after the run, be it of the same version."""
    if used.end is None:
        return
    names = []
    for each in distributions:
        try:
            if each.metadata and os.stat(each.metadata).st_mtime_ns > used.end:
                names.append(each.name)
        except OSError:
            continue
    if names:
        some = ", ".join(names[:SOME]) + (f" and {len(names) - SOME} more" if len(names) > SOME else "")
        yield gap("Python packages", f"installed or changed after the run had ended: {some}")


def _loose(
    environment: PythonEnvironment, owners: Mapping[str, Distribution], used: Used
) -> Iterator[Mapping[str, str]]:
    """Yield a gap for what was imported from among the packages and belongs to none: nothing installs it again."""
    folders = tuple(
        f"{folder}/"
        for path in environment.path
        for folder in dict.fromkeys([path, os.path.realpath(path)])
        if os.path.basename(folder) in ("site-packages", "dist-packages") and not folder.startswith(_FOLDERS_OF_SYSTEM)
    )
    loose = [
        path
        for path in (*used.files, *used.libraries)
        if folders
        and path.startswith(folders)
        and path.endswith((".py", ".so"))
        and ownership.owner(path, owners) is None
        and not os.path.exists(os.path.join(environment.prefix, "conda-meta"))
    ]
    if loose:
        some = ", ".join(loose[:SOME]) + (f" and {len(loose) - SOME} more" if len(loose) > SOME else "")
        why = "the run used these from among the packages, where they belong to none: nothing installs them again"
        yield gap(f"Python modules: {some}", why)


def _providers(environment: PythonEnvironment) -> Callable[[Distribution], str | None]:
    """Return what tells who installed a distribution: conda, the system, or what its metadata say."""
    of_conda = {
        os.path.realpath(path) for root in {environment.prefix, environment.base} for path in python_folders(root)
    }

    def provider(distribution: Distribution) -> str | None:
        if distribution.metadata and of_conda and os.path.realpath(distribution.metadata) in of_conda:
            return "conda"
        if distribution.installer == "conda":
            return "conda"
        folder = distribution.folder
        is_of_system = folder.startswith(("/usr/lib/", "/usr/lib64/")) and "/local/" not in folder
        if is_of_system and (folder.endswith("/dist-packages") or distribution.installer in (None, *_OF_SYSTEMS)):
            return next((name for mark, name in _SYSTEM_INSTALLERS.items() if os.path.exists(mark)), "system")
        return distribution.installer

    return provider


def has_requirements(installed: Installed) -> bool:
    """Tell whether pip or uv have installed something that is to be installed again."""
    own = [each for each in installed.distributions if not is_rebuilt_by_others(each)]
    return any(each.source is None or installed.used is None or each.normal_name in installed.used for each in own)


def is_rebuilt_by_others(distribution: Distribution) -> bool:
    """Tell whether conda or the system installs it again, and not pip."""
    return distribution.installer in ("conda", *_OF_SYSTEMS)


def is_of_system(distribution: Distribution) -> bool:
    """Tell whether the packages of the system bring it."""
    return distribution.installer in _OF_SYSTEMS


def gap(what: str, why: str, **more: str) -> Mapping[str, str]:
    """Return what could not be found out, as a section of that name."""
    return {"what": what, "why": why, **more}
