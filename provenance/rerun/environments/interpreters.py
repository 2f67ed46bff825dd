"""The Pythons of this machine that may stand for a recorded one, and what is installed for each.

Comes in: the recorded interpreter. Goes out: :class:`Python`. The path that a crate tells is only looked at, as files:
nothing that a crate names is executed before somebody agreed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provenance.environment.python import interpreter
from provenance.environment.python.distributions import in_folder, normal_name

_LONGEST_SETTINGS = 64 << 10  # bytes of a pyvenv.cfg
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?[0-9A-Za-z]*")
_NAMES = re.compile(r"(?:python|pypy)[0-9.]*[tmdu]*")
_PACKAGE_FOLDERS = ("lib/python3*/site-packages", "lib64/python3*/site-packages", "lib/pypy3*/site-packages")
_SYSTEM_FOLDERS = ("/usr/lib/python3/dist-packages", "/usr/local/lib/python3*/dist-packages")


@dataclass(frozen=True, slots=True)
class Python:
    """A Python of this machine."""

    path: str  # of the program
    version: str | None  # e.g. "3.11.7"; "3.11" where no more can be told without starting it
    packages: Mapping[str, str] = field(default_factory=dict)  # normal name -> version
    is_recorded_path: bool = False  # it lies where that of the run lay

    @property
    def prefix(self) -> str:
        """The folder of its environment or installation."""
        return os.path.dirname(os.path.dirname(self.path))


def candidates(recorded: str | None) -> Iterator[Python]:
    """Yield the Pythons that are here, the likeliest first: where the run's was, the active one, ours.

    Parameters
    ----------
    recorded
        Path of the interpreter in the record.
    """
    seen = set()
    found = (look(recorded) or look(os.path.normpath(recorded))) if recorded else None
    if found is not None:
        seen.add(found.prefix)
        yield found
    named = os.path.basename(recorded) if recorded and _is_named_python(recorded) else "python3"
    for path in (shutil.which(named), shutil.which("python3"), shutil.which("python"), sys.executable):
        if path is None or os.path.dirname(os.path.dirname(path)) in seen:
            continue
        seen.add(os.path.dirname(os.path.dirname(path)))
        if (python := look(path) if _settings(path) else ask(path)) is not None:
            yield python


def look(path: str) -> Python | None:
    """Find out from files alone what a Python has; None when there is none at ``path``."""
    if not path.startswith("/") or "\0" in path or not _is_named_python(path):
        return None
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        return None
    prefix = Path(os.path.dirname(os.path.dirname(os.path.normpath(path))))
    settings = _settings(path)
    folders = list(_folders(prefix))
    if settings.get("include-system-site-packages", "").lower() == "true":
        home = settings.get("home", "")
        folders += list(_folders(Path(os.path.dirname(home)))) if home.startswith("/") else []
    version = settings.get("version_info") or settings.get("version") or _version_of_folder(folders)
    found = _VERSION.match(version or "")
    if found is None:
        return None
    packages: dict[str, str] = {}
    for folder in folders:
        for each in in_folder(str(folder)):
            packages.setdefault(each.normal_name, each.version)
    return Python(os.path.normpath(path), found[0], packages, is_recorded_path=True)


def ask(path: str, variables: Mapping[str, str] | None = None) -> Python | None:
    """Ask a Python for its version and packages; None when it does not answer."""
    answer = interpreter.ask(path, "/", plain_variables() if variables is None else variables)
    if answer is None:
        return None
    packages: dict[str, str] = {}
    for name, version in answer.packages.items():
        packages.setdefault(normal_name(name), version)
    told, prefix = answer.interpreter.get("version"), answer.interpreter.get("prefix")
    # What the PATH has may be a script that starts the Python of another folder.
    if isinstance(prefix, str) and os.path.dirname(os.path.dirname(path)) != prefix:
        own = os.path.join(prefix, "bin", "python3")
        path = own if os.access(own, os.X_OK) else path
    return Python(path, told if isinstance(told, str) else None, packages)


def plain_variables() -> dict[str, str]:
    """Return the environment without what leads a Python to packages of another one."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in interpreter.unrecorded(os.environ).items() if name not in dropped}


def folders_needed(python: str) -> tuple[Path, ...]:
    """Return the folders that a Python reads: its environment and the installation that this was made from."""
    prefix = os.path.dirname(os.path.dirname(python))
    home = _settings(python).get("home", "")
    found = [prefix, os.path.dirname(home) if home.startswith("/") else "", os.path.realpath(prefix)]
    base = os.path.dirname(os.path.dirname(os.path.realpath(python)))
    return tuple(Path(each) for each in dict.fromkeys([*found, base]) if each and each != "/")


def minor(version: str | None) -> str | None:
    """Return the part of a version that tells which packages fit.

    >>> minor("3.11.7"), minor("3.13.0rc1"), minor(None)
    ('3.11', '3.13', None)
    """
    found = re.match(r"\d+\.\d+", version or "")
    return found[0] if found else None


def _is_named_python(path: str) -> bool:
    """Tell whether a path has the name of a Python; a crate must not lead us to another program of this machine."""
    return _NAMES.fullmatch(os.path.basename(path)) is not None


def _folders(prefix: Path) -> Iterator[Path]:
    if prefix == Path("/usr"):
        for pattern in _SYSTEM_FOLDERS:
            yield from sorted(Path("/").glob(pattern[1:]))
    for pattern in _PACKAGE_FOLDERS:
        yield from sorted(prefix.glob(pattern))


def _version_of_folder(folders: list[Path]) -> str | None:
    found = {match[1] for each in folders if (match := re.search(r"(?:python|pypy)(3\.\d+)t?/", str(each)))}
    return found.pop() if len(found) == 1 else None


def _settings(path: str) -> dict[str, str]:
    """Return what the ``pyvenv.cfg`` of a virtual environment says; empty when the Python is in none."""
    folder = os.path.dirname(os.path.normpath(path))
    for place in (os.path.dirname(folder), folder):
        try:
            with Path(place, "pyvenv.cfg").open("rb") as file:
                text = file.read(_LONGEST_SETTINGS).decode("utf-8", "surrogateescape")
        except (OSError, ValueError):
            continue
        lines = (line.partition("=") for line in text.splitlines())
        return {key.strip().lower(): value.strip() for key, _, value in lines}
    return {}
