"""The Python distributions of a run: what was installed, from where, what of it was used, and how to get it again.

In: what the run used, and what was recorded when it began. Out: sections ``software``, ``owners`` and ``files``, and
what could not be found out. :mod:`.installed` tells what is installed, :mod:`.lock` makes the files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from provenance.environment import Section, Used
from provenance.environment.conda_meta import prefixes_in_use
from provenance.environment.python.distributions import Distribution
from provenance.environment.python.installed import Installed, gap, is_rebuilt_by_others, look
from provenance.environment.python.interpreters import environments
from provenance.environment.python.lock import lock
from provenance.environment.python.requirements import origin


@dataclass
class _Found:
    """The sections, as they grow."""

    software: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    gaps: list[Mapping[str, str]] = field(default_factory=list)

    def add(self, kind: str, entry: dict[str, Any]) -> str:
        """Take one software; return its key. What is the same in two environments is one."""
        name = f"{kind}:{entry['name']}"
        for key in (name, f"{name}@{entry.get('version')}"):
            known = self.software.setdefault(key, entry)
            if known is entry or known.get("version") == entry.get("version"):
                if entry.get("is_used"):
                    known["is_used"] = True
                return key
        return name


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the sections of all Pythons that a run used; see :func:`provenance.environment.examine`."""
    found = _Found()
    pythons, silent = environments(used, recorded)
    prefixes = prefixes_in_use(used, recorded)
    for path in silent:
        found.gaps.append(gap("a Python", "it did not answer, so its packages are not known", path=path))
    for number, python in enumerate(pythons, 1):
        installed = look(python, number, used, recorded)
        found.gaps += installed.gaps
        _describe(installed, found)
        made = lock(installed, used, prefixes)
        found.files.update(made.files)
        found.gaps += made.gaps
    for each in found.gaps:
        yield "gap", dict(each)
    for section in ("software", "owners", "files"):
        if data := getattr(found, section):
            yield section, data


def _describe(installed: Installed, found: _Found) -> None:
    """Add the software of an environment and what belongs to it."""
    environment = installed.environment
    interpreter = found.add(
        "python-interpreter",
        {
            "name": environment.implementation,
            "version": environment.version,
            "kind": "python-interpreter",
            "path": environment.executable,
            "is_used": True,
        },
    )
    if stdlib := environment.paths.get("stdlib"):
        for path in {stdlib, os.path.realpath(stdlib)}:
            found.owners.setdefault(path + "/", interpreter)
    for path in {environment.executable, os.path.realpath(environment.executable), environment.program} - {""}:
        found.owners.setdefault(path, interpreter)
    keys = {}
    for each in installed.distributions:
        keys[each.normal_name] = found.add("python", _entry(each, installed))
    for path, distribution in installed.owners.items():
        if distribution.normal_name in keys and distribution.normal_name not in installed.changed:
            found.owners.setdefault(path, keys[distribution.normal_name])


def _entry(distribution: Distribution, installed: Installed) -> dict[str, Any]:
    is_known = distribution.normal_name not in installed.changed
    is_used = None if installed.used is None else distribution.normal_name in installed.used
    is_of_index = is_known and not is_rebuilt_by_others(distribution)
    entry = {
        "name": distribution.name,
        "version": distribution.version,
        "kind": "python",
        "purl": purl(distribution) if is_known else None,
        "path": distribution.folder or None,
        "installer": distribution.installer,
        "origin": origin(distribution) if is_of_index else None,
        "is_editable": distribution.is_editable or None,
        "is_used": is_used,
        "license": distribution.license,
    }
    return {key: value for key, value in entry.items() if value is not None}


def purl(distribution: Distribution) -> str | None:
    """Return the package URL of a distribution; None for one of this machine alone, which it would not lead to."""
    from packageurl import PackageURL

    if distribution.source is not None and distribution.installer != "conda":
        return None
    qualifiers = {}
    where = origin(distribution)
    if where not in (None, "index") and distribution.installer != "conda":
        qualifiers["vcs_url" if "vcs_info" in distribution.direct_url else "download_url"] = where
    return PackageURL("pypi", None, distribution.normal_name, distribution.version, qualifiers or None).to_string()
