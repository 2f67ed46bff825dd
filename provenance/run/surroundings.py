"""The ``environment`` events of a journal as the model's Environment.

In: sections as :mod:`provenance.environment` describes them. Out: model dataclasses; what is of an unexpected type
is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provenance.run.model import Environment, Software, SourceControl

Sections = Mapping[str, Mapping[str, Any]]


def environment(sections: Sections, run_folder: Path) -> Environment:
    """Return what the journal says about the surroundings of a run."""
    host = sections.get("host", {})
    packages = sections.get("packages", {})
    return Environment(
        operating_system=_text(host.get("system")),
        kernel=_text(host.get("kernel")),
        machine=_text(host.get("machine")),
        cpu_model=_text(host.get("cpu_model")),
        cpu_count=_whole(host.get("cpu_count")),
        memory=_whole(host.get("memory")),
        interpreter=_interpreter(sections),
        packages=tuple(Software(str(name), _text(packages[name])) for name in sorted(packages)),
        variables=tuple((str(k), str(v)) for k, v in sorted(sections.get("variables", {}).items())),
        source_control=_source_control(sections.get("git", {}), run_folder),
    )


def language_software(sections: Sections, language: str, exe: str) -> Software:
    """Return the interpreter of a language, with its version where it is known."""
    version = None
    if language == "Python":
        section = sections.get("interpreter", {})
        path = _text(section.get("path"))
        if path is None or path == exe or Path(path).name == Path(exe).name or not exe or _real(path) == _real(exe):
            version = _text(section.get("version"))
    return Software(language, version, path=exe or None)


def git_root(sections: Sections) -> str | None:
    """Return the folder of the working tree that the code lives in."""
    return _text(sections.get("git", {}).get("root"))


def _real(path: str) -> str:
    return str(Path(path).resolve())


def _interpreter(sections: Sections) -> Software | None:
    section = sections.get("interpreter", {})
    if not section:
        return None
    return Software(
        _text(section.get("name")) or "Python",
        _text(section.get("version")),
        path=_text(section.get("path")),
    )


def _source_control(git: Mapping[str, Any], run_folder: Path) -> SourceControl | None:
    root = _text(git.get("root"))
    if root is None:
        return None
    patch = _text(git.get("patch"))
    return SourceControl(
        root=root,
        remote=_text(git.get("remote")),
        commit=_text(git.get("commit")),
        branch=_text(git.get("branch")),
        tags=_texts(git.get("tags")),
        is_dirty=bool(git.get("dirty")),
        patch=str(run_folder / Path(patch).name) if patch else None,
        untracked=_texts(git.get("untracked")),
        ignored=_texts(git.get("ignored")),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, (list, tuple)) else ()
