"""The ``environment`` events of a journal as the model's Environment.

In: sections as :mod:`provenance.environment` describes them. Out: model dataclasses; what is of an unexpected type
is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provenance.run import installed
from provenance.run.model import Accelerator, Environment, Job, Software, SourceControl

Sections = Mapping[str, Mapping[str, Any]]


def environment(sections: Sections, run_folder: Path) -> Environment:
    """Return what the journal says about the surroundings of a run."""
    host = sections.get("host", {})
    return Environment(
        operating_system=_text(host.get("system")),
        kernel=_text(host.get("kernel")),
        machine=_text(host.get("machine")),
        cpu_model=_text(host.get("cpu_model")),
        cpu_count=_whole(host.get("cpu_count")),
        memory=_whole(host.get("memory")),
        interpreter=_interpreter(sections),
        packages=installed.packages(sections),
        software=installed.other_software(sections),
        files=installed.files(sections),
        microarchitecture=_text(host.get("microarchitecture")),
        cpu_features=_texts(host.get("features")),
        accelerators=accelerators(host.get("accelerators")),
        file_system=_text(host.get("file_system")),
        job=job(sections.get("job", {})),
        memory_limit=_whole(host.get("memory_limit")),
        cpu_limit=_number(host.get("cpu_limit")),
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


def job(section: Mapping[str, Any]) -> Job | None:
    """Return the job of a batch system, as a ``job`` section tells it; None without an id."""
    identifier = _text(section.get("id"))
    if identifier is None:
        return None
    return Job(
        scheduler=_text(section.get("scheduler")) or "unknown",
        id=identifier,
        name=_text(section.get("name")),
        partition=_text(section.get("partition")),
        nodes=_whole(section.get("nodes")),
        tasks=_whole(section.get("tasks")),
        cpus_per_task=_whole(section.get("cpus_per_task")),
        time_limit=_whole(section.get("time_limit")),
        node_list=_text(section.get("node_list")),
    )


def accelerators(listed: object) -> tuple[Accelerator, ...]:
    """Return the accelerators that a ``host`` section lists."""
    found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, (list, tuple)) else []
    return tuple(
        Accelerator(
            name=_text(one.get("name")) or "unknown accelerator",
            vendor=_text(one.get("vendor")),
            driver=_text(one.get("driver")),
            memory=_whole(one.get("memory")),
        )
        for one in found
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, (list, tuple)) else ()
