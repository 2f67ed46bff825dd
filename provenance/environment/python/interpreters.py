"""The Pythons that a run used, as they answer: where each looks for packages, and in what it is set up.

In: what a run used and what was recorded of it. Out: one :class:`PythonEnvironment` for each, the one that the command
itself ran in first. Several programs of one environment (``python``, ``python3``) are one.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.environment import Used
from provenance.environment.python.interpreter import folders_of_pythonpath, unrecorded

_SECONDS = 20.0
_LONGEST_ANSWER = 4 << 20
_AT_ONCE = 4

# Runs in the interpreter of the user, which may be any Python 3: tells where things are and opens no file itself.
_QUESTION = r"""
import json, os, platform, sys, sysconfig
path = list(sys.path)
if sys.argv[1] == "user" and sys.prefix == sys.base_prefix:
    import site
    user = site.getusersitepackages()
    own = [n for n, p in enumerate(path) if p in site.getsitepackages()]
    if user not in path: path.insert(own[0] if own else len(path), user)
paths = sysconfig.get_paths()
print(json.dumps({"implementation": platform.python_implementation(), "version": platform.python_version(),
    "language": "%d.%d.%d" % sys.version_info[:3], "pre": sys.version_info[3] != "final",
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "prefix": sys.prefix, "base": sys.base_prefix, "executable": sys.executable, "path": path,
    "paths": {name: paths[name] for name in ("stdlib", "purelib", "platlib", "scripts", "data", "include")
              if name in paths}}))
"""


@dataclass(frozen=True)
class PythonEnvironment:
    """A Python with the folders that it finds packages in."""

    executable: str  # as the run called it
    implementation: str  # "CPython", "PyPy"
    version: str  # of the implementation's Python, e.g. "3.11.7"
    prefix: str
    base: str  # prefix of the installation that a virtual environment was made from; else the same
    path: tuple[str, ...]  # folders that packages are imported from, the first first
    paths: Mapping[str, str]  # sysconfig's: stdlib, purelib, platlib, scripts, data, include
    is_free_threaded: bool = False
    program: str = ""  # itself, where ``executable`` is a link or a script that starts it
    is_gone: bool = False  # does not answer any more; what is known of it was recorded when the run began

    @property
    def request(self) -> str:
        """What tools that install Pythons call it, e.g. ``3.11.7``, ``3.13.1t``, ``pypy@3.10.14``."""
        version = self.version + ("t" if self.is_free_threaded else "")
        return version if self.implementation == "CPython" else f"{self.implementation.lower()}@{version}"


def environments(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> tuple[list[PythonEnvironment], list[str]]:
    """Ask every Python of a run; return the environments, and the programs that gave no answer."""
    asked = _asked(used, recorded)
    python_path = recorded.get("variables", {}).get("PYTHONPATH", "")
    folders = (
        folders_of_pythonpath(python_path, used.folders[0]) if isinstance(python_path, str) and used.folders else []
    )
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda path: _ask(path, folders), asked))
    found: dict[str, PythonEnvironment] = {}
    silent = []
    for path, given in zip(asked, answers, strict=True):
        answer = given or _as_recorded(path, recorded)
        if answer is None:
            silent.append(path)
        else:
            found.setdefault(os.path.realpath(answer.prefix), answer)
    return list(found.values()), silent


def _as_recorded(path: str, recorded: Mapping[str, Mapping[str, Any]]) -> PythonEnvironment | None:
    """Return the environment of the command as it was when the run began; None for others, and of conda's.

    Of an installation that is no virtual environment, what pip had no part in was listed, too.
    """
    known = recorded.get("interpreter", {})
    name, version, prefix = (known.get(key) for key in ("name", "version", "prefix"))
    if known.get("path") != path or not all(isinstance(each, str) and each for each in (name, version, prefix)):
        return None
    if prefix in recorded.get("conda", {}) or str(prefix) == "/usr" or not recorded.get("packages"):
        return None
    return PythonEnvironment(path, str(name), str(version), str(prefix), str(prefix), (), {}, is_gone=True)


def _asked(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return one program for each environment that programs seem to lie in, the recorded one first."""
    first = recorded.get("interpreter", {}).get("path")
    programs: dict[tuple[str, str], str] = {}
    for path in ([first] if isinstance(first, str) else []) + list(used.interpreters):
        # Two names in one folder that lead to one file are one Python.
        programs.setdefault((os.path.dirname(path), os.path.realpath(path)), path)
    return list(programs.values())


def _ask(interpreter: str, python_path: list[str]) -> PythonEnvironment | None:
    variables = unrecorded(os.environ)
    user = "nouser" if variables.get("PYTHONNOUSERSITE") else "user"
    try:
        done = subprocess.run(
            [interpreter, "-I", "-c", _QUESTION, user],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
        answer = json.loads(done.stdout[:_LONGEST_ANSWER])
        version = str(answer["version"] if not answer["pre"] else answer["language"])
        return PythonEnvironment(
            executable=interpreter,
            implementation=str(answer["implementation"]),
            version=version,
            prefix=str(answer["prefix"]),
            base=str(answer["base"]),
            path=tuple(dict.fromkeys(_absolute([*python_path, *answer["path"]]))),
            paths={str(name): str(value) for name, value in answer["paths"].items()},
            is_free_threaded=bool(answer["free_threaded"]),
            program=os.path.realpath(str(answer.get("executable") or interpreter)),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, subprocess.SubprocessError):
        return None


def _absolute(folders: list[Any]) -> Iterator[str]:
    for folder in folders:
        if isinstance(folder, str) and folder.startswith("/"):
            yield str(Path(folder))
