"""The software that was found as the model's Software: packages, programs, lock files, and what each tool needed.

In: the ``software``, ``owners``, ``files`` and ``packages`` sections of :mod:`provenance.environment`, and the paths
that each tool's executions used. Out: model dataclasses; what is of an unexpected type is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from provenance.run.model import EnvironmentFile, Software, Tool

Sections = Mapping[str, Mapping[str, Any]]

_PYTHON = "python"
_OWNED_BY_NONE = frozenset(["program", "library"])
_DISTRIBUTIONS = frozenset([_PYTHON, "conda"])  # installed by the hundred, of which a run loads some


def packages(sections: Sections) -> tuple[Software, ...]:
    """Return the Python distributions: those that were examined, and those of the run's start that are gone since."""
    examined = [one for one in _all(sections).values() if one.kind == _PYTHON]
    known = {_plain(one.name) for one in examined}
    recorded = sections.get("packages", {})
    gone = [Software(str(name), _text(recorded[name])) for name in recorded if _plain(str(name)) not in known]
    return tuple(sorted([*examined, *gone], key=lambda one: (_plain(one.name), one.name, one.version or "")))


def other_software(sections: Sections) -> tuple[Software, ...]:
    """Return all software that is no Python distribution, sorted by kind and name."""
    found = (one for one in _all(sections).values() if one.kind != _PYTHON)
    return tuple(sorted(found, key=lambda one: (one.kind or "", one.name, one.version or "", one.path or "")))


def files(sections: Sections) -> tuple[EnvironmentFile, ...]:
    """Return the files from which the environment is rebuilt, in the order in which they were found."""
    found = []
    for target, known in sections.get("files", {}).items():
        if not isinstance(known, dict) or not _is_target(target):
            continue
        text, path = known.get("text"), _text(known.get("path"))
        text = text if isinstance(text, str) else None
        if text is None and path is None:
            continue
        rebuild = known.get("rebuild")
        commands = tuple(str(each) for each in rebuild) if isinstance(rebuild, (list, tuple)) else ()
        about = _text(known.get("about")) or target
        kind = _text(known.get("kind")) or "lock"
        found.append(EnvironmentFile(target, about, kind, text, path if text is None else None, commands))
    return tuple(found)


def was_used(software: Software) -> bool:
    """Tell whether a run executed or loaded a piece of software, rather than that it was merely installed.

    What is not said is taken for used, but for distributions of Python and conda: of those there are always more.
    """
    if software.is_used is not None:
        return software.is_used
    return software.kind is not None and software.kind not in _DISTRIBUTIONS


def with_requirements(tools: Iterable[Tool], opened: Mapping[str, Iterable[str]], sections: Sections) -> Iterator[Tool]:
    """Add to each tool the packages that own what its executions used, the owner of its program first."""
    software = _all(sections)
    alone = {one.path: key for key, one in software.items() if one.kind in _OWNED_BY_NONE and one.path}
    owners = Owners({**alone, **sections.get("owners", {})})
    for tool in tools:
        keys = {key for path in opened.get(tool.key, ()) if (key := owners.find(path)) is not None}
        first = owners.find(tool.path) if tool.path and tool.kind == "program" else None
        # Whoever lists what is installed opens the metadata of all of it.
        needed = sorted(key for key in keys - {first} if key in software and software[key].is_used is not False)
        found = [software[key] for key in ([first] if first else []) + needed if key in software]
        version = tool.version or (software[first].version if first in software else None)
        interpreter = _interpreter(tool, software, owners)
        yield replace(tool, requirements=tuple(found), version=version, software=interpreter) if found else tool


def _interpreter(tool: Tool, software: Mapping[str, Software], owners: Owners) -> Software | None:
    """Return the interpreter as it was found, unless more was known of it at the start of the run."""
    known = tool.software
    if known is None or known.path is None:
        return known
    found = software.get(owners.find(known.path) or "")
    return found if found is not None and known.version in (None, found.version) else known


class Owners:
    """Which software a file belongs to: by its own path, else by the innermost folder that is known."""

    def __init__(self, owners: Mapping[str, Any]) -> None:
        self._owners = {path: key for path, key in owners.items() if isinstance(key, str)}
        self._folders: dict[str, str | None] = {}

    def find(self, path: str) -> str | None:
        """Return the key in ``software`` of what the file at ``path`` belongs to."""
        known = self._owners.get(path)
        return known if known is not None else self._of_folder(path.rpartition("/")[0])

    def _of_folder(self, folder: str) -> str | None:
        line: list[str] = []
        found: str | None = None
        while folder:
            if folder in self._folders:
                found = self._folders[folder]
                break
            line.append(folder)
            found = self._owners.get(folder + "/")
            if found is not None:
                break
            folder = folder.rpartition("/")[0]
        for each in line:
            self._folders[each] = found
        return found


def _all(sections: Sections) -> dict[str, Software]:
    """Return what the ``software`` section lists, by its keys."""
    owners, found = sections.get("owners", {}), {}
    for key, known in sections.get("software", {}).items():
        if isinstance(known, dict) and (name := _text(known.get("name"))):
            used, owner = known.get("is_used"), owners.get(str(known.get("path")))
            is_known = owner is not None and owner != key and not str(owner).startswith("module:")
            if known.get("kind") in _OWNED_BY_NONE and is_known:
                continue  # what one part of the examination took for nobody's, and another one knows
            found[str(key)] = Software(
                name=name,
                version=_text(known.get("version")),
                url=_text(known.get("url")),
                path=_text(known.get("path")),
                kind=_text(known.get("kind")) or str(key).partition(":")[0],
                purl=_text(known.get("purl")),
                architecture=_text(known.get("architecture")),
                sha256=_text(known.get("sha256")),
                installer=_text(known.get("installer")),
                origin=_text(known.get("origin")),
                is_editable=known.get("is_editable") is True,
                is_used=used if isinstance(used, bool) else None,
                license=_text(known.get("license")),
            )
    return found


def _is_target(target: str) -> bool:
    """Tell whether a path stays below the folder that it is meant for."""
    parts = target.split("/")
    return bool(target) and "\0" not in target and not {"", ".", ".."}.intersection(parts)


def _plain(name: str) -> str:
    """Return the name of a distribution as installers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
