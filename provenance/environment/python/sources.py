"""The sources of a package that is being written on this machine: what is needed to build it, and nothing else.

In: the folder of a project, the code in it that is imported. Out: the files to carry, and the names of those that are
left out for their size or because they may be private. What the project's repository ignores is not looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provenance.environment.python.distributions import read_text
from provenance.environment.python.interpreter import unrecorded
from provenance.environment.sources import looks_like_source, suffix
from provenance.journal.credentials import PRIVATE_KEY, holds_private_key, is_private_name, spans

_LARGEST_CODE = 20 << 20  # bytes of one file that is code, or lies among it
_LARGEST_OTHER = 1 << 20
_LARGEST_ALL = 50 << 20
_MOST_FILES = 5000
_ELF = b"\x7fELF"
_KEY_ITSELF = re.compile(rb"PRIVATE KEY(?: BLOCK)?-----(?:\r?\n[^\r\n:\0]+:[^\r\n\0]*)*\s+[A-Za-z0-9+/=]{40}")
_SECONDS = 30.0
_NEVER = frozenset(
    [
        *(".git", ".hg", ".svn", ".wfprov", "__pycache__", "node_modules", ".tox", ".nox", ".venv", "venv"),
        *("site-packages", "dist-packages", "conda-meta"),
        *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints", ".eggs"),
    ]
)
# Beside a package, and no part of it unless its own build says so.
_BESIDE = frozenset(
    [
        *("tests", "test", "docs", "doc", "examples", "example", "benchmarks", "benchmark", "notebooks", "tutorials"),
        *("scripts", "tools", ".github", ".gitlab", ".ci"),
    ]
)
# What MANIFEST.in names is for those who test and read a source distribution; a build goes on without.
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "meson.build", "CMakeLists.txt")
# Tables of pyproject.toml and sections of setup.cfg of what checks a project, and has no part in its build.
_OF_CHECKS = re.compile(
    r"(?m)^[ \t]*\[+(?:tool[.:])?(?:ruff|mypy|pytest|coverage|black|isort|importlinter|pyright|basedpyright|pylint|"
    r"flake8|pydocstyle|codespell|bandit|tox|nox|towncrier|interrogate|vulture|doc8|typos|ty|cibuildwheel|check-manifest)\b"
    r"[^\n]*\n(?:(?![ \t]*\[+[A-Za-z])[^\n]*\n?)*"
)
_EXCLUDED = re.compile(r"exclude\w*\s*=\s*[\[(][^\])]*[\])]")
_BUILT = frozenset(["build", "dist", "_skbuild", "htmlcov"])
_BUILD_SUFFIXES = frozenset(["toml", "cfg", "ini", "in", "txt", "md", "rst", "build", "options", "typed", "lock"])
_BUILD_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS", "VERSION", "README", "CHANGELOG")


@dataclass(frozen=True)
class Sources:
    """What is carried of a project."""

    files: tuple[str, ...]  # relative to the project
    left_out: tuple[str, ...]


def of_project(project: str, code: Iterable[str]) -> Sources:
    """Return the files that a project is built from.

    Parameters
    ----------
    project
        Its folder, with ``pyproject.toml`` or ``setup.py``.
    code
        Folders (with "/" at the end) and files that are used: all in them is needed.
    """
    imported = tuple(os.path.relpath(path, project) + ("/" if path.endswith("/") else "") for path in code)
    imported = tuple("" if path == "./" else path for path in imported)
    files: list[str] = []
    left_out: list[str] = []
    room = _LARGEST_ALL
    beside = _beside(project)
    tracked = _listed(project, "--cached")
    untracked = _listed(project, "--others") if tracked else None
    names = _walked(project) if not tracked else [*tracked, *(n for n in untracked or [] if _is_needed(n, imported))]
    for name in dict.fromkeys(names):
        path = Path(project, name)
        if name.partition("/")[0] in beside and not (imported and name.startswith(imported)):
            continue
        if _is_never(name) or not path.is_file() or not _is_inside(path, project):
            continue
        is_code = name.startswith(imported) or _is_needed(name, ())
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                is_private = must_stay(name, file.read(_LARGEST_OTHER))
        except OSError:
            left_out.append(name)
            continue
        if is_private or size > min(_LARGEST_CODE if is_code else _LARGEST_OTHER, room) or len(files) >= _MOST_FILES:
            left_out.append(name)
            continue
        files.append(name)
        room -= size
    return Sources(tuple(files), tuple(left_out))


def must_stay(name: str, content: bytes) -> bool:
    """Tell whether a file may hold a secret; certificates, which packages have in files named like keys, are public.

    Code may speak of private keys and name their first line; only one that has a key in it stays.
    """
    if content.startswith(_ELF) and holds_private_key(content):  # what reads and writes keys names their first line
        return _KEY_ITSELF.search(content) is not None
    if holds_private_key(content):
        text = content.decode("utf-8", "surrogateescape") if looks_like_source(name) else None
        return text is None or any(reason == PRIVATE_KEY for *_, reason in spans(text))
    return is_private_name(name) and b"-----BEGIN CERTIFICATE-----" not in content


def _beside(project: str) -> set[str]:
    """Return the names of folders that the build of a project does not speak of."""
    texts = [read_text(os.path.join(project, name)) or "" for name in _BUILD_FILES]
    build = _EXCLUDED.sub("", _OF_CHECKS.sub("", "\n".join(texts)))
    return {name for name in _BESIDE if not re.search(rf"(?<![\w./-]){re.escape(name)}(?:/|[\"'.])", build)}


def _listed(project: str, which: str) -> list[str] | None:
    """Return what git lists below a folder; None when it is in no repository, or git does not answer."""
    command = ["git", "-c", "core.fsmonitor=false", "ls-files", "-z", which, "--exclude-standard"]
    variables = {**unrecorded(os.environ), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, cwd=project, env=variables, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]


def _walked(project: str) -> Iterator[str]:
    for folder, folders, files in os.walk(project):
        is_root = folder == project
        folders[:] = sorted(
            name
            for name in folders
            if not _is_never(name)
            and not name.startswith(".")
            and not (is_root and name in _BUILT)
            and not name.endswith(".egg-info")
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
            and not os.path.exists(os.path.join(folder, name, "conda-meta"))
        )
        for name in sorted(files):
            yield os.path.relpath(os.path.join(folder, name), project)


def _is_never(name: str) -> bool:
    parts = name.split("/")
    return (
        not _NEVER.isdisjoint(parts)
        or name.endswith((".pyc", ".pyo", ".o"))
        or any(part.endswith(".egg-info") for part in parts)
    )


def _is_needed(name: str, imported: tuple[str, ...]) -> bool:
    """Tell whether a file is code, says how the code is built, or lies among it."""
    base = name.rpartition("/")[2]
    return (
        looks_like_source(name)
        or suffix(name) in _BUILD_SUFFIXES
        or base.upper().startswith(_BUILD_NAMES)
        or (bool(imported) and name.startswith(imported))
    )


def _is_inside(path: Path, project: str) -> bool:
    """Tell whether a file is the project's own and not a link out of it."""
    return not path.is_symlink() or path.resolve().is_relative_to(Path(project).resolve())
