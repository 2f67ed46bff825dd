"""The requirements files of a crate, understood line by line, so that an installer is only given what is known.

Comes in: the environment files of a Run, the crate's folder. Goes out: a :class:`PythonLock` for each. A line that is
none of the forms that :mod:`provenance.environment.python.requirements` writes is a problem and never reaches an
installer: options, other files and paths out of the crate would make it read or fetch what nobody was told of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from provenance.crate.layout import ENVIRONMENT, crate_id
from provenance.crate.source import FolderPayload
from provenance.environment.python.distributions import normal_name
from provenance.run.model import EnvironmentFile, Run

_HEAD = re.compile(r"# For (?P<name>\S+) (?P<version>\d[\w.+]*), which the run called (?P<path>/.*)")
_REQUEST = re.compile(r"(?:(?:pypy|graalpy|cpython)@)?\d+\.\d+(?:\.\d+)?(?:(?:a|b|rc)\d+)?t?\Z")
_VENV = re.compile(r"uv venv --python (?P<python>\S+) (?P<system>--system-site-packages )?(?P<folder>\S+)")
_INTO = re.compile(r"uv pip install --python (?P<python>\S+) ")
_NAME = r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
_PINNED = re.compile(_NAME + r"==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)")
_ADDRESS = re.compile(
    _NAME + r" @ (?P<url>(?:(?:git|hg|bzr|svn)\+)?(?:https?|ssh)://(?:[\w.~%+-]+@)?[A-Za-z0-9\[][\w.:\]-]*/[!-~]*)"
)
_CARRIED = re.compile(r"(?P<editable>-e )?\./(?P<path>packages(?:-\d+)?/[A-Za-z0-9][A-Za-z0-9._+!-]*)/?")
_OF_CARRIED = re.compile(r"(?P<name>\S+) (?P<version>\S+), from a folder of the machine")
_REMARK = re.compile(r"\s+#\s")
_LIMIT = 16_000_000  # bytes of a file
_LONGEST_LINE = 4096  # characters


@dataclass(frozen=True, slots=True)
class Requirement:
    """A distribution that is installed."""

    text: str  # as it stands in the file
    name: str | None  # normal name; None when only the package itself tells
    version: str | None = None
    carried: str | None = None  # path below environment/ of the wheel or the sources
    is_source: bool = False  # it is built here, which runs code of it
    url: str | None = None  # address that it comes from, when that is no index


@dataclass(frozen=True, slots=True)
class PythonLock:
    """What one Python environment is rebuilt from."""

    target: str  # name of the file below environment/
    request: str | None  # what uv calls the Python, e.g. "3.11.7"
    executable: str | None  # as the run called it
    requirements: tuple[Requirement, ...]
    sees_system: bool = False  # packages of the system's own Python are imported, too
    conda: str | None = None  # folder of the conda environment that it goes into
    problems: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Normal names of what is installed, those that can be told."""
        return frozenset(one.name for one in self.requirements if one.name)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses beside the index that something is fetched from."""
        return tuple(one.url for one in self.requirements if one.url)


def python_locks(run: Run, crate: Path) -> tuple[PythonLock, ...]:
    """Read the requirements files of a crate, that of the command's own Python first."""
    payload = FolderPayload(crate)
    found = [_read(file, payload) for file in run.environment.files if file.kind == "requirements"]
    path = run.environment.interpreter.path if run.environment.interpreter else None
    return tuple(sorted(found, key=lambda lock: (lock.executable != path, lock.target)))


def place(target: str) -> str:
    """Return the identifier in a crate of a file below ``environment/``."""
    return crate_id(f"{ENVIRONMENT}/{target}")


def _read(file: EnvironmentFile, payload: FolderPayload) -> PythonLock:
    text = payload.text(place(file.target), _LIMIT)
    if text is None:
        return PythonLock(file.target, None, None, (), problems=(f"environment/{file.target} is not in the crate",))
    problems: list[str] = []
    requirements = []
    for number, line in enumerate(text.splitlines(), 1):
        said, *remarks = _REMARK.split(line.strip(), maxsplit=1)
        if not said or said.startswith("#"):
            continue
        one: Requirement | str = "the line is too long"
        if len(line) <= _LONGEST_LINE:
            one = _requirement(said, remarks[0] if remarks else "", payload)
        if isinstance(one, str):
            problems.append(f"environment/{file.target}, line {number}: {one}: {said[:100]}")
        else:
            requirements.append(one)
    head = next((match for line in text.splitlines()[:5] if (match := _HEAD.match(line))), None)
    request, sees_system, conda = _asked_for(file.rebuild)
    if request is None and head is not None:
        request = head["version"] if head["name"] == "CPython" else f"{head['name'].lower()}@{head['version']}"
        request = request if _REQUEST.match(request) else None
    executable = head["path"].strip() if head else None
    return PythonLock(file.target, request, executable, tuple(requirements), sees_system, conda, tuple(problems))


def _requirement(text: str, remark: str, payload: FolderPayload) -> Requirement | str:
    if match := _PINNED.fullmatch(text):
        return Requirement(text, normal_name(match["name"]), match["version"])
    if match := _CARRIED.fullmatch(text):
        found = payload.find(place(match["path"]))
        is_wheel = match["path"].endswith(".whl")
        if found is None or found[1] is is_wheel:
            return "what it names is not in the crate"
        told = _OF_CARRIED.match(remark)
        name = normal_name(told["name"]) if told else next(_guessed(match["path"]))
        return Requirement(text, name, told["version"] if told else None, match["path"], not is_wheel)
    if match := _ADDRESS.fullmatch(text):
        url = match["url"]
        try:
            parts = urlsplit(url)
            is_fit = bool(parts.hostname) and (parts.scheme != "ssh") and not re.search(r"@-", url)
            is_fit = is_fit and (parts.port is None or parts.port > 0)
        except ValueError:
            is_fit = False
        if is_fit:
            path = parts.path.partition("@")[0]
            return Requirement(text, normal_name(match["name"]), url=url, is_source=not path.endswith(".whl"))
    return "a requirement of a form that is not taken from a crate"


def _guessed(path: str) -> Iterator[str | None]:
    name = path.rpartition("/")[2]
    yield normal_name(name.split("-")[0] if name.endswith(".whl") else name)


def _asked_for(commands: tuple[str, ...]) -> tuple[str | None, bool, str | None]:
    """Return the Python, whether it sees the system's packages, and the conda environment that the commands name."""
    for line in commands:
        if match := _VENV.fullmatch(line.strip()):
            python = match["python"]
            return (python if _REQUEST.match(python) else None), bool(match["system"]), None
        if (match := _INTO.match(line)) and re.fullmatch(r"[\w-]+/bin/python", match["python"]):
            return None, False, match["python"].partition("/")[0]
    return None, False, None
