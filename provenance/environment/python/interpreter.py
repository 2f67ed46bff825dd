"""The Python that a command runs: which interpreter, and what is installed for it.

In: a command and its folder. Out: the ``interpreter`` and ``packages`` sections of the package's docstring, as that
interpreter itself answers; ours may be another one. Also: the folder that the command's own code lives in.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.environment.sources import is_script

_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*[tmdu]*")
# They choose an environment of their own for what they start: asking the Python on the PATH would be wrong.
_ENVIRONMENT_RUNNERS = frozenset(
    [
        *("conda", "mamba", "micromamba", "poetry", "uv", "pipenv", "hatch", "pdm", "pixi", "nix"),
        *("docker", "podman", "apptainer", "singularity", "ssh"),
    ]
)
_MOST_ARGUMENTS = 64  # looked at; a command line of thousands of files has its script in front
_SECONDS = 20.0
_LONGEST_ANSWER = 16 << 20

# Runs in the interpreter of the user, which may be any Python 3: reads the heads of the metadata files alone.
_QUESTION = r"""
import json, os, platform, sys
def heads(folder, names):
    for name in sorted(names):
        if name.startswith("~"): continue
        elif name.endswith(".dist-info"): file = os.path.join(folder, name, "METADATA")
        elif name.endswith(".egg-info"):
            file = os.path.join(folder, name)
            if os.path.isdir(file): file = os.path.join(file, "PKG-INFO")
        else: continue
        found, plain = {}, name.rpartition(".")[0].split("-")
        try:
            with open(file, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    key, colon, value = line.partition(":")
                    if not line.strip(): break
                    if colon and key in ("Name", "Version"): found.setdefault(key, value.strip())
                    if len(found) == 2: break
        except OSError: continue
        if len(plain) > 1: found = dict({"Name": plain[0], "Version": plain[1]}, **found)
        if len(found) == 2: yield found["Name"], found["Version"]
folders = list(sys.path)
if sys.argv[2] == "user" and sys.prefix == sys.base_prefix:
    import site
    own = [n for n, p in enumerate(folders) if p in site.getsitepackages()]
    folders.insert(own[0] if own else len(folders), site.getusersitepackages())
folders = [p for p in sys.argv[1].split(os.pathsep) if p] + folders
packages = {}
for folder in folders:
    if folder.endswith(".egg"):
        parts = os.path.basename(folder)[:-4].split("-")
        if len(parts) > 1: packages.setdefault(parts[0].replace("_", "-"), parts[1].replace("_", "-"))
        continue
    try: names = os.listdir(folder)
    except OSError: continue
    for name, version in heads(folder, names): packages.setdefault(name, version)
interpreter = {"name": platform.python_implementation(), "version": platform.python_version(),
               "prefix": sys.prefix}
print(json.dumps({"interpreter": interpreter, "packages": packages}))
"""


@dataclass(frozen=True)
class Answer:
    """What an interpreter says about itself."""

    interpreter: dict[str, Any]
    packages: dict[str, str]


def code_folders(command: Sequence[str], cwd: str) -> list[str]:
    """Return the folders that the command's code may live in, the likeliest first; ``cwd`` is the last.

    The folder of the script that the command names, or of a program that is given with its path.
    """
    folders = []
    for position, argument in enumerate(command[:_MOST_ARGUMENTS]):
        path = Path(cwd, argument)
        is_program = position == 0 and "/" in argument and not _PYTHON.fullmatch(path.name)
        if not is_program and not is_script(path.name):
            continue
        try:
            if path.is_file():
                folders.append(str(path.parent))
                break
        except (OSError, ValueError):
            continue
    return list(dict.fromkeys([*folders, cwd]))


def find_interpreter(command: Sequence[str], cwd: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return the absolute path of the Python that the command starts, as the command would find it.

    Seen are a Python as the program, behind a launcher (``mpirun -n 4 python ...``), or in the first line of a
    script. None when the command runs no Python, or when that can't be told.
    """
    variables = os.environ if environment is None else environment
    search = variables.get("PATH", os.defpath)
    if not command or Path(command[0]).name in _ENVIRONMENT_RUNNERS:
        return None
    for position, argument in enumerate(command[:_MOST_ARGUMENTS]):
        name = Path(argument).name
        if position and name in _ENVIRONMENT_RUNNERS:
            return None
        is_python = _PYTHON.fullmatch(name) is not None
        if not is_python and position:
            continue
        program = _program(argument, cwd, search)
        if program is None:
            continue
        if is_python or _PYTHON.fullmatch(Path(os.path.realpath(program)).name):
            return program
        named = _from_first_line(program, search)
        if named is not None:
            return named
    return None


def ask(interpreter: str, cwd: str, environment: Mapping[str, str] | None = None) -> Answer | None:
    """Ask an interpreter for its version and the distributions that it can import; None when it does not answer.

    It starts isolated (``-I``), so that nothing in ``cwd`` is imported, and looks at the folders of ``PYTHONPATH``
    and of the user's own packages as the command would.
    """
    variables = dict(os.environ if environment is None else environment)
    folders = os.pathsep.join(folders_of_pythonpath(variables.get("PYTHONPATH", ""), cwd))
    user = "nouser" if variables.get("PYTHONNOUSERSITE") else "user"
    try:
        done = subprocess.run(
            [interpreter, "-I", "-c", _QUESTION, folders, user],
            cwd=cwd,
            env=unrecorded(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
        found = json.loads(done.stdout[:_LONGEST_ANSWER])
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Answer({**found["interpreter"], "path": interpreter}, found["packages"])


def folders_of_pythonpath(value: str, cwd: str) -> list[str]:
    """Return the folders that a value of ``PYTHONPATH`` names, as they are seen from ``cwd``."""
    return [str(Path(cwd, part)) for part in value.split(os.pathsep) if part]


def unrecorded(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without a recording, for questions of our own that are no part of the run."""
    shim = environment.get("WFPROV_SHIM")
    kept = {name: value for name, value in environment.items() if not name.startswith("WFPROV_")}
    preload = [part for part in re.split(r"[\s:]+", kept.pop("LD_PRELOAD", "")) if part and part != shim]
    if preload:
        kept["LD_PRELOAD"] = ":".join(preload)
    return kept


def _program(name: str, cwd: str, search: str) -> str | None:
    if "/" in name:
        path = Path(cwd, name)
        if not path.is_file() or not os.access(path, os.X_OK):
            return None
        # With ".." in it, it would lead nowhere once a folder that it goes through is gone.
        return os.path.join(os.path.realpath(path.parent), path.name) if ".." in path.parts else str(path)
    # Relative parts of PATH begin at the folder of the command.
    absolute = os.pathsep.join(str(Path(cwd, part)) for part in search.split(os.pathsep))
    return shutil.which(name, path=absolute)


def _from_first_line(program: str, search: str) -> str | None:
    try:
        with Path(program).open("rb") as file:
            line = file.readline(512)
    except OSError:
        return None
    if not line.startswith(b"#!"):
        return None
    try:
        words = shlex.split(os.fsdecode(line[2:]).strip())
    except ValueError:
        return None
    if words and Path(words[0]).name == "env":
        rest = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        words = [found] if rest and (found := shutil.which(rest[0], path=search)) else []
    if words and _PYTHON.fullmatch(Path(words[0]).name) and os.access(words[0], os.X_OK):
        return words[0]
    return None
