"""Environment modules (Tcl ones and Lmod's) that were loaded when a run began.

In: variables that ``module load`` sets. Out: the ``modules`` section of the package's docstring; when packing, the
sections ``software``, ``owners`` and ``files``: ``modules.sh`` loads the same modules in the same order.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from provenance.environment import Section, Used

SCRIPT = "modules.sh"
_MOST_BYTES = 1 << 20  # of a module file
# A module's own folder is at least this deep: "/opt" is shared by many.
_LEAST_PARTS = 3
_SHARED = re.compile(
    r"/(?:usr|bin|lib\w*|sbin|etc|proc|sys|dev|tmp|var)(?:/(?:local|lib\w*|bin|sbin|share|include))*/?"
)
_ABSOLUTE = re.compile(r"(?<![\w$.}\])/-])/[^\s\"'{}\[\]()$;:,<>]+")
# In Lmod's table of modules, a Lua value: what is known of each.
_LMOD_FILE = re.compile(r"\bfn\"?\]?\s*=\s*\"((?:[^\"\\]|\\.)*)\"")
_LMOD_NAME = re.compile(r"\bfullName\"?\]?\s*=\s*\"((?:[^\"\\]|\\.)*)\"")


def describe(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the loaded modules in the order of loading: name with version -> path of the module file.

    The path is empty where the module tool does not tell it.
    """
    variables = os.environ if environment is None else environment
    names = [name for name in variables.get("LOADEDMODULES", "").split(":") if name]
    files = [path for path in _module_files(variables).split(":") if path]
    if len(files) == len(names):
        return dict(zip(names, files, strict=True))
    known = _of_lmod(variables)
    return {name: known.get(name) or _matching(name, files) for name in names}


def folders(loaded: Mapping[str, Any]) -> dict[str, str]:
    """Return the folders that module files name, with a slash at the end, each with the key of its module.

    A folder that two modules name belongs to neither.
    """
    found: dict[str, set[str]] = {}
    for name, path in loaded.items():
        for folder in _named_folders(str(path)):
            found.setdefault(folder, set()).add(f"module:{name}")
    return {folder: keys.pop() for folder, keys in found.items() if len(keys) == 1}


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the loaded modules, what lies in their folders, and the script that loads them again; then Spack's."""
    from provenance.environment import spack  # not needed at the start of a run, where time counts

    loaded = recorded.get("modules", {})
    if loaded:
        owned = folders(loaded)
        touched = [*used.programs, *used.libraries, *used.files]
        in_use = {owned[folder] for folder in owned if any(path.startswith(folder) for path in touched)}
        yield "software", {f"module:{name}": _described(name, str(path), in_use) for name, path in loaded.items()}
        if owned:
            yield "owners", owned
        yield "files", {SCRIPT: _script(loaded)}
    yield from spack.examine(used)


def _described(loaded: str, path: str, in_use: set[str]) -> dict[str, Any]:
    name, _, version = loaded.rpartition("/")
    entry: dict[str, Any] = {"name": name or version, "kind": "module"}
    if name:
        entry["version"] = version
    if path:
        entry["path"] = path
    if f"module:{loaded}" in in_use:
        entry["is_used"] = True
    return entry


def _script(loaded: Mapping[str, Any]) -> dict[str, Any]:
    lines = ["# Environment modules that were loaded when the run began, in order."]
    searched: list[str] = []
    for name, path in loaded.items():
        root = _root(name, str(path))
        if root and root not in searched:
            searched.append(root)
            lines.append(f"module use {shlex.quote(root)}")
        lines.append(f"module load {shlex.quote(name)}")
    return {
        "about": "The environment modules that were loaded, as commands for a shell that has `module`",
        "kind": "modules",
        "text": "\n".join(lines) + "\n",
        "rebuild": [f". ./{SCRIPT}"],
    }


def _root(name: str, path: str) -> str | None:
    """Return the folder of module files in which ``name`` is found."""
    for end in (f"/{name}", f"/{name}.lua", f"/{name}.tcl"):
        if path.endswith(end):
            return path[: -len(end)] or "/"
    return None


def _module_files(variables: Mapping[str, str]) -> str:
    if variables.get("_LMFILES_"):
        return variables["_LMFILES_"]
    # Modules 3.2 splits what is too long for some shells: _LMFILES_000, _LMFILES_001, ...
    parts = sorted(name for name in variables if re.fullmatch(r"_LMFILES_\d{3}", name))
    return "".join(variables[name] for name in parts)


def _of_lmod(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what Lmod's own table says, which it keeps in base64 in _ModuleTable001_ and the like."""
    parts = sorted(name for name in variables if re.fullmatch(r"_ModuleTable\d+_", name))
    try:
        table = base64.b64decode("".join(variables[name] for name in parts)).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return {}
    # Each module's file stands right before its full name: Lua's tables are written with sorted keys.
    found = {}
    for file in _LMOD_FILE.finditer(table):
        name = _LMOD_NAME.search(table, file.end(), file.end() + 1024)
        if name:
            found[name.group(1)] = file.group(1)
    return found


def _matching(name: str, files: list[str]) -> str:
    return next((path for path in files if _root(name, path) is not None), "")


def _named_folders(path: str) -> set[str]:
    try:
        with Path(path).open("rb") as file:
            text = os.fsdecode(file.read(_MOST_BYTES))
    except (OSError, ValueError):
        return set()
    code = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith(("#", "--")))
    found = set()
    for word in _ABSOLUTE.findall(code):
        folder = word.rstrip("/.")
        while folder.rsplit("/", 1)[-1] in ("bin", "sbin", "lib", "lib64", "include", "share", "man", "pkgconfig"):
            folder = folder.rsplit("/", 1)[0]
        if folder.count("/") >= _LEAST_PARTS - 1 and not _SHARED.fullmatch(folder) and Path(folder).is_dir():
            found.add(f"{folder}/")
    return found
