"""The requirements file of a Python environment, and the packages that it names by path because no index has them.

In: what was installed. Out: files of the crate, below ``environment/``: the requirements, the sources of packages that
were being written (editable), the wheels of others that came from the machine itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provenance.environment import Used
from provenance.environment.conda_meta import folder_of
from provenance.environment.python import sources as package_sources
from provenance.environment.python import wheels
from provenance.environment.python.distributions import Distribution, is_name
from provenance.environment.python.indexes import configured
from provenance.environment.python.installed import SOME, Installed, gap, is_of_system, is_rebuilt_by_others
from provenance.environment.python.requirements import Requirement, file_text, origin, requirement

_SYSTEM = "/usr"  # prefix of the Python that belongs to the system


@dataclass
class Lock:
    """What an environment is rebuilt from."""

    files: dict[str, dict[str, Any]] = field(default_factory=dict)  # as the section ``files``
    gaps: list[Mapping[str, str]] = field(default_factory=list)


def lock(installed: Installed, used: Used, conda_prefixes: list[str]) -> Lock:
    """Return the requirements file of an environment, and the packages that it names by path.

    Parameters
    ----------
    installed
        What the environment held.
    used
        What the run used; packages that have to be made are kept below its ``run_folder``.
    conda_prefixes
        The conda environments of the run in their order: in one of these, conda goes first.
    """
    found = Lock()
    lines: list[tuple[str, Requirement]] = []
    files: dict[str, dict[str, Any]] = {}
    for each in sorted(installed.distributions, key=lambda each: each.normal_name):
        title = f"{each.name} {each.version}"
        if is_rebuilt_by_others(each):
            if installed.used and each.normal_name in installed.used and each.installer != "conda":
                lines.append((title, Requirement(None, f"belongs to the system ({each.installer})")))
            continue
        if each.source is None or not is_name(each.name):
            lines.append((title, requirement(each)))
        elif installed.used is not None and each.normal_name not in installed.used:
            lines.append((title, Requirement(None, "comes from the machine itself, and this run did not use it")))
        else:
            carried = _carried(each, installed, used, files, found)
            lines.append((title, requirement(each, carried)))
    if any(line.text is not None for _, line in lines) or not _is_made_by_others(installed, conda_prefixes):
        text = file_text(lines, _heading(installed))
        about = f"what pip and uv install for {installed.environment.implementation} {installed.environment.version}"
        found.files[installed.requirements_name] = {
            "about": f"Python packages: {about}",
            "kind": "requirements",
            "text": text,
            "rebuild": list(_rebuild(installed, conda_prefixes)),
        }
    found.files.update(files)
    return found


def _is_made_by_others(installed: Installed, conda_prefixes: list[str]) -> bool:
    """Tell whether an environment without own packages comes with the system or from conda all the same."""
    environment = installed.environment
    is_of_conda = os.path.realpath(environment.prefix) in map(os.path.realpath, conda_prefixes)
    return is_of_conda or os.path.realpath(environment.prefix) == _SYSTEM


def _heading(installed: Installed) -> list[str]:
    environment = installed.environment
    lines = [
        f"For {environment.implementation} {environment.version}, which the run called {environment.executable}",
        "Start the installer in the folder of this file, with --no-deps: everything that was installed is named.",
    ]
    lines += [f"A special index is set up on the machine: {each}" for each in configured(environment.prefix)]
    return lines


def _rebuild(installed: Installed, conda_prefixes: list[str]) -> tuple[str, ...]:
    prefix = os.path.realpath(installed.environment.prefix)
    for number, each in enumerate(conda_prefixes, 1):
        if os.path.realpath(each) == prefix:  # after conda has made it
            python = f"{folder_of(number)}/bin/python"
            return (f"uv pip install --python {python} --no-deps -r {installed.requirements_name}",)
    folder = ".venv" if installed.number == 1 else f".venv-{installed.number}"
    of_system = [each.normal_name for each in installed.distributions if is_of_system(each)]
    if installed.used and not installed.used.isdisjoint(of_system):  # only the system's Python finds these
        return (
            f"uv venv --python {installed.environment.program} --system-site-packages {folder}",
            f"uv pip install --python {folder} --no-deps -r {installed.requirements_name}",
        )
    return (
        f"uv venv --python {installed.environment.request} {folder}",
        f"uv pip install --python {folder} --no-deps -r {installed.requirements_name}",
    )


def _carried(
    each: Distribution, installed: Installed, used: Used, files: dict[str, dict[str, Any]], found: Lock
) -> str | None:
    """Carry a package that no index has; return the path for its requirement, None when that can't be done."""
    if each.is_editable:
        return _carried_sources(each, installed, used, files, found)
    folder = used.run_folder / "software" / installed.packages_folder
    try:
        wheel = wheels.repack(each, installed.environment.paths, folder)
    except (OSError, ValueError) as error:
        found.gaps.append(gap(f"Python package {each.name}", f"no wheel could be made of it: {error}"))
        return None
    if wheel.left_out:
        some = ", ".join(wheel.left_out[:SOME])
        found.gaps.append(gap(f"Python package {each.name}", f"files are missing from its wheel: {some}"))
    if wheel.cleaned:
        some = ", ".join(wheel.cleaned[:SOME])
        found.gaps.append(gap(f"Python package {each.name}", f"credentials were removed from its wheel: {some}"))
    target = f"{installed.packages_folder}/{wheel.path.name}"
    about = f"{each.name} {each.version}, made again from what was installed from {origin(each)}"
    files[target] = {"about": about, "kind": "package", "path": str(wheel.path)}
    return target


def _carried_sources(
    each: Distribution, installed: Installed, used: Used, files: dict[str, dict[str, Any]], found: Lock
) -> str | None:
    project = each.source
    names = ("pyproject.toml", "setup.py", "setup.cfg")
    if project is None or not any(os.path.isfile(os.path.join(project, name)) for name in names):
        why = f"its project {project} is no longer there, or does not say how it is built"
        found.gaps.append(gap(f"Python package {each.name}", why))
        return None
    code = [path for path, whose in installed.owners.items() if whose is each or whose.normal_name == each.normal_name]
    inside = project.rstrip("/") + "/"
    sources = package_sources.of_project(project, [path for path in (*code, *used.files) if path.startswith(inside)])
    if sources.left_out:
        some = ", ".join(sources.left_out[:SOME])
        found.gaps.append(gap(f"Python package {each.name}", f"too large or private, left out of its sources: {some}"))
    target = f"{installed.packages_folder}/{each.normal_name}"
    kept = used.run_folder / "software" / target
    about = f"part of {each.name} {each.version}, which was used from its own folder (editable)"
    for name in sources.files:
        path = _kept(Path(project, name), kept / name)
        files[f"{target}/{name}"] = {"about": about, "kind": "source", "path": path}
    # Where the version comes from the repository (setuptools-scm, hatch-vcs), it is taken from here without one.
    metadata = each.file("METADATA") or each.file("PKG-INFO")
    if metadata is not None and "PKG-INFO" not in sources.files:
        text = metadata.encode("utf-8", "replace").decode()
        files[f"{target}/PKG-INFO"] = {"about": about, "kind": "source", "text": text}
    return target


def _kept(path: Path, copy: Path) -> str:
    """Keep a source with the record, since its project may go on; return where it can be read."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    except OSError:
        return str(path)
    return str(copy)
