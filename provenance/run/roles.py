"""What each version of a file is to the run, and why; the rules are told to users in ``docs/reference/roles.md``.

In: versions with their writers and readers, what the user overrides. Out: a :class:`Verdict` for each version.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from provenance.environment.sources import SOURCE_SUFFIXES, looks_like_source, suffix
from provenance.run.model import Role
from provenance.run.processes import Program
from provenance.run.versions import Version


class Overrides(Protocol):
    """The globs of ``ro-crate-info.yaml``."""

    @property
    def sources(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def inputs(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def outputs(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def ignore(self) -> tuple[str, ...]: ...  # noqa: D102


class Verdict(NamedTuple):
    """The role of a version, and why."""

    role: Role
    reason: str


_SETTINGS_SUFFIXES = frozenset(["yaml", "yml", "toml", "ini", "cfg", "conf", "config", "properties", "nml", "namelist"])
_SETTINGS_NAME = re.compile(r"config|settings?|params?\b|params?[._-]|parameters?|options|preferences", re.I)
_NAMELIST = re.compile(r"namelist|.*\.nml(\..*)?$", re.I)


def looks_like_settings(path: str) -> bool:
    """Tell whether the name of a file is that of a configuration file."""
    name, end = path.rpartition("/")[2], suffix(path)
    if end in _SETTINGS_SUFFIXES or _NAMELIST.match(name):
        return True
    return end == "json" and bool(_SETTINGS_NAME.search(name))


def is_executed(version: Version, by: Iterable[object]) -> bool:
    """Tell whether all of `by` are programs that execute this file rather than use it as data."""
    languages = SOURCE_SUFFIXES.get(suffix(version.path), frozenset())
    for actor in by:
        program = actor if isinstance(actor, Program) else None
        called = program.name.interpreter if program else "Python"
        if program and (version.path in (program.name.script, program.image.exe)):
            continue
        if program and program.is_driver:
            continue
        if called not in languages:
            return False
    return True


@dataclass(slots=True)
class RoleRules:
    """Decides the role of versions, for one run."""

    overrides: Globs
    project: str  # with a slash at its end
    executed: frozenset[str]  # resolved paths of scripts and programs that were executed
    run_start: int
    makes_something: frozenset[int]  # ids of the actors that wrote data or returned a value
    has_unseen: bool = False  # programs ran that could not be watched

    def decide(self, version: Version, readers: Sequence[object], writer: object) -> Verdict | None:
        """Return the verdict; None when the version is nothing to the run.

        Parameters
        ----------
        readers
            The tasks that read it, without the one that wrote it.
        writer
            The task that wrote it, None when no task did.
        """
        if found := self.overrides.find(version):
            return found
        if not version.was_before and version.writer is not None:
            return self._written(version, readers, writer)
        return self._existing(version)

    def _existing(self, version: Version) -> Verdict | None:
        path = version.path
        if not version.readers:
            return None  # overwritten without having been looked at
        if reason := self._why_source(version):
            return Verdict(Role.SOURCE, reason)
        if looks_like_settings(path):
            return Verdict(Role.CONFIGURATION, "named like a settings file; it was read and existed before")
        state = version.state
        if not version.was_before or (state is not None and state.mtime_ns > self.run_start):
            return Verdict(Role.INPUT, "it was read; something that was not seen wrote it during the run")
        return Verdict(Role.INPUT, "it existed before the run and was read")

    def _why_source(self, version: Version) -> str | None:
        path = version.path
        if path in self.executed:
            return "it was executed, and existed before the run"
        if not looks_like_source(path):
            return None
        if path.startswith(self.project):
            return "source code of the project that was read"
        if is_executed(version, version.readers):
            return "source code outside of the project that was executed"
        return None

    def _written(self, version: Version, readers: Sequence[object], writer: object) -> Verdict:
        by = f"written by {'a task' if writer is not None else 'the run'}"
        is_used = any(id(reader) in self.makes_something for reader in readers)
        if version.is_gone:
            lost = "deleted again during the run"
        elif version.is_overwritten:
            lost = "changed later in the run"
        elif is_used:
            return Verdict(Role.INTERMEDIATE, f"{by}; another task made something from it")
        else:
            looks = "others only looked at it" if readers else "there at the end"
            return Verdict(Role.OUTPUT, f"{by}; {looks}")
        if readers:
            return Verdict(Role.INTERMEDIATE, f"{by}, read by another and {lost}")
        return Verdict(Role.SCRATCH, f"{by} and {lost}, without another having read it")


class Globs:
    """The user's own words on what files are."""

    _ORDER = (
        ("ignore", Role.IGNORED),
        ("outputs", Role.OUTPUT),
        ("inputs", Role.INPUT),
        ("sources", Role.SOURCE),
    )

    def __init__(self, overrides: Overrides | None, cwd: str) -> None:
        self._cwd = cwd.rstrip("/") + "/"
        self._patterns: list[tuple[str, Role, str, re.Pattern[str]]] = []
        for key, role in self._ORDER:
            for wanted in getattr(overrides, key, ()) if overrides is not None else ():
                pattern = os.path.normpath(os.path.join(cwd, wanted))
                self._patterns.append((f"{key}: {wanted}", role, pattern, compile_glob(pattern)))

    def find(self, version: Version) -> Verdict | None:
        """Return what the user says about a version; None when nothing."""
        if not self._patterns:
            return None
        is_written = not version.was_before
        for said, role, text, pattern in self._patterns:
            # What was there before is no output, what the run wrote is no input and no source.
            if role is not Role.IGNORED and (role is Role.OUTPUT) != is_written:
                continue
            if is_written and role is Role.OUTPUT and (version.is_gone or version.is_overwritten):
                continue
            if not pattern.match(version.path) and not any(map(pattern.match, version.names or ())):
                continue
            if not self._may_be(role, text, version.path):
                continue
            return Verdict(role, f"ro-crate-info.yaml says so ({said})")
        return None

    def _may_be(self, role: Role, text: str, path: str) -> bool:
        """`sources: .` can't mean that the data beside the code is code."""
        is_around = role is Role.SOURCE and self._cwd.startswith(text.rstrip("/") + "/")
        return not is_around or looks_like_source(path)

    def _is_ignored(self, path: str) -> bool:
        ignored = (p for _, role, _, p in self._patterns if role is Role.IGNORED)
        return any(pattern.match(path) for pattern in ignored)

    def untouched(self) -> Iterable[tuple[str, Verdict]]:
        """Yield the files that the user names and that exist, whether the run touched them or not."""
        for said, role, text, _ in self._patterns:
            if role is not Role.IGNORED:
                for path in sorted(_files_of(text)):
                    if self._may_be(role, text, path) and not self._is_ignored(path):
                        yield path, Verdict(role, f"ro-crate-info.yaml says so ({said})")


def _files_of(pattern: str) -> Iterable[str]:
    found = [pattern] if os.path.lexists(pattern) else glob.glob(pattern, recursive=True)
    for path in found:
        if os.path.isfile(path):
            yield path
        elif os.path.isdir(path):
            for folder, folders, names in os.walk(path):
                folders[:] = [name for name in folders if not name.startswith(".")]
                yield from (os.path.join(folder, name) for name in names)


def compile_glob(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a glob: ``*`` stays in its folder, ``**`` does not; a folder means all in it."""
    parts = []
    for piece in re.split(r"(\*\*/?|\*|\?|\[[^\]/]*\])", pattern):
        if piece in ("**", "**/"):
            parts.append("(?:.*/)?" if piece == "**/" else ".*")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "?":
            parts.append("[^/]")
        elif piece.startswith("[") and piece.endswith("]"):
            parts.append(fnmatch.translate(piece).removeprefix("(?s:").removesuffix(r")\Z"))
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts) + r"(?:/.*)?\Z", re.S)
