"""The lock files of a project: what R, Julia, Node, Python and others need to install the same packages again.

In: the folders of a run, and what it executed and read. Out: the sections ``files`` and ``gap`` of the package's
docstring; the files lie below ``locks/``.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.environment import Section, Used
from provenance.journal.credentials import hide

LOCKS = "locks"
_LARGEST = 5 << 20  # bytes
_MOST_FOLDERS = 16


@dataclass(frozen=True)
class Kind:
    """A kind of lock file.

    Attributes
    ----------
    language
        Whose programs have to be executed for the lock to count (a key of ``_PROGRAMS``).
    beside
        Files that its tool needs beside it.
    rebuild
        The command that installs from it; ``{folder}`` and ``{file}`` are paths below ``environment/``.
    """

    language: str
    beside: tuple[str, ...] = ()
    rebuild: str = ""


_PROGRAMS = {
    "R": re.compile(r"R|Rscript"),
    "Julia": re.compile(r"julia(?:-[\d.]+)?"),
    "Node": re.compile(r"node|nodejs|bun|deno"),
    "Python": re.compile(r"(?:python|pypy)[\d.]*[tmdu]*"),
    "Rust": re.compile(r"cargo|rustc"),
    "Nix": re.compile(r"nix|nix-\w+"),
    "Guix": re.compile(r"guix"),
}
_INSTANTIATE = "julia --project={folder} -e 'using Pkg; Pkg.instantiate()'"
_KINDS = {
    "renv.lock": Kind("R", (), "Rscript -e 'renv::restore(lockfile = \"{file}\", prompt = FALSE)'"),
    "Manifest.toml": Kind("Julia", ("Project.toml",), _INSTANTIATE),
    "JuliaManifest.toml": Kind("Julia", ("JuliaProject.toml",), _INSTANTIATE),
    "package-lock.json": Kind("Node", ("package.json",), "npm ci --prefix {folder}"),
    "npm-shrinkwrap.json": Kind("Node", ("package.json",), "npm ci --prefix {folder}"),
    "yarn.lock": Kind("Node", ("package.json",), "yarn --cwd {folder} install --frozen-lockfile"),
    "pnpm-lock.yaml": Kind("Node", ("package.json",), "pnpm --dir {folder} install --frozen-lockfile"),
    "bun.lock": Kind("Node", ("package.json",), "bun install --frozen-lockfile --cwd {folder}"),
    "uv.lock": Kind("Python", ("pyproject.toml",), "uv sync --frozen --no-install-project --project {folder}"),
    "poetry.lock": Kind("Python", ("pyproject.toml",), "poetry --directory {folder} install --no-root"),
    "pdm.lock": Kind("Python", ("pyproject.toml",), "pdm sync --no-self --project {folder}"),
    "Pipfile.lock": Kind("Python", ("Pipfile",), "PIPENV_PIPFILE={folder}/Pipfile pipenv sync"),
    "pixi.lock": Kind("Python", ("pixi.toml", "pyproject.toml"), "pixi install --frozen --manifest-path {folder}"),
    "conda-lock.yml": Kind("Python", (), "conda-lock install --prefix ./conda {file}"),
    "environment.yml": Kind("Python", (), "conda env create --prefix ./conda --file {file}"),
    "environment.yaml": Kind("Python", (), "conda env create --prefix ./conda --file {file}"),
    "Cargo.lock": Kind("Rust", ("Cargo.toml",), "cargo fetch --locked --manifest-path {folder}/Cargo.toml"),
    "flake.lock": Kind("Nix", ("flake.nix",), "nix develop path:{folder}"),
    "channels.scm": Kind("Guix", ("manifest.scm",), "guix time-machine -C {file} -- shell -m {folder}/manifest.scm"),
}
# Declarations that count without a lock: they say at least which packages were asked for.
_KINDS |= {
    "Project.toml": Kind("Julia", (), ""),
    "JuliaProject.toml": Kind("Julia", (), ""),
    "package.json": Kind("Node", (), ""),
    "manifest.scm": Kind("Guix", (), ""),
}
_VERSIONED_MANIFEST = re.compile(r"(?:Julia)?Manifest-v\d+\.\d+\.toml")
# An address with a login; only then is the whole text searched, which takes a second for a large lock.
_LOGIN = re.compile(rb"://[^/\s\"'@]+@")


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the lock files of the languages that the run used, or that it read itself."""
    languages = _languages(used)
    read = {os.path.realpath(path) for path in used.files if _kind(path.rsplit("/", 1)[-1]) is not None}
    groups = 0
    for folder in _folders(used, recorded, languages, read):
        target = LOCKS if groups == 0 else f"{LOCKS}/{groups + 1}"
        files: dict[str, dict[str, Any]] = {}
        for name in _names(folder, languages, read):
            found = _file(folder / name, target, used)
            if isinstance(found, str):
                yield "gap", {"what": f"lock file {folder / name}", "why": found, "path": str(folder / name)}
            elif found is not None:
                files[f"{target}/{name}"] = found
                if _is_later(folder / name, used):
                    yield (
                        "gap",
                        {
                            "what": f"lock file {folder / name}",
                            "why": "changed after the run; the crate has it as it is now",
                            "path": str(folder / name),
                        },
                    )
        if files:
            groups += 1
            yield "files", files


def _languages(used: Used) -> frozenset[str]:
    names = {path.rsplit("/", 1)[-1] for path in (*used.programs, *used.interpreters)}
    return frozenset(each for each, form in _PROGRAMS.items() if any(map(form.fullmatch, names)))


def _folders(
    used: Used, recorded: Mapping[str, Mapping[str, Any]], languages: frozenset[str], read: set[str]
) -> list[Path]:
    """Return the folders to look in: those of the run, Julia's active project, those of locks that the run read."""
    folders = [Path(folder) for folder in used.folders]
    active = recorded.get("variables", {}).get("JULIA_PROJECT", "")
    if "Julia" in languages and isinstance(active, str) and active and not active.startswith("@"):
        project = Path(used.folders[0] if used.folders else "/", active)
        folders.append(project.parent if project.suffix == ".toml" else project)
    folders += sorted(Path(path).parent for path in read)
    return list({os.path.realpath(folder): folder for folder in reversed(folders)}.values())[::-1][:_MOST_FOLDERS]


def _names(folder: Path, languages: frozenset[str], read: set[str]) -> list[str]:
    """Return the names of the lock files in a folder that count, with what their tools need beside them."""
    try:
        present = {entry.name for entry in os.scandir(folder)}
    except OSError:
        return []
    found: dict[str, None] = {}
    for name in sorted(present):
        kind = _kind(name)
        if kind is None:
            continue
        if kind.language in languages or os.path.realpath(folder / name) in read:
            found.update(dict.fromkeys([name, *(each for each in kind.beside if each in present)]))
    return list(found)


def _kind(name: str) -> Kind | None:
    if _VERSIONED_MANIFEST.fullmatch(name):
        return _KINDS["JuliaManifest.toml" if name.startswith("Julia") else "Manifest.toml"]
    return _KINDS.get(name)


def _file(path: Path, target: str, used: Used) -> dict[str, Any] | str | None:
    """Return the entry of a file, why there is none, or None when it is no regular file."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return None
        if state.st_size > _LARGEST:
            return f"larger than {_LARGEST >> 20} MB"
        content = path.read_bytes()
    except OSError as error:
        return f"can't be read ({error.strerror})"
    kind = _kind(path.name)
    about = f"{path.name} of the project" if kind is None else f"{path.name} of the project, for {kind.language}"
    command = kind.rebuild.format(folder=target, file=f"{target}/{path.name}") if kind is not None else ""
    entry = {"about": about, "kind": "lock", "path": str(path), "rebuild": [command] if command else []}
    if _LOGIN.search(content):
        entry["text"] = hide(content.decode("utf-8", "backslashreplace"))
        del entry["path"]
    return entry


def _is_later(path: Path, used: Used) -> bool:
    try:
        return used.end is not None and path.stat().st_mtime_ns > used.end
    except OSError:
        return False
