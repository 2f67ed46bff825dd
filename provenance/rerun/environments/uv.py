"""Python environments from requirements files, by uv: the recorded version of Python, every package as it was.

Comes in: a :class:`~provenance.rerun.environments.requirements.PythonLock`, the crate. Goes out: the folder of a
virtual environment in the cache and what is installed in it. The crate itself is not touched: what its requirements
carry along is copied beside the environment, since builds write into their sources.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.crate.source import FolderPayload
from provenance.errors import NetworkError, WfprovError
from provenance.rerun.environments import cache, interpreters, own
from provenance.rerun.environments.calling import WAY_OUT, call, program
from provenance.rerun.environments.interpreters import Python
from provenance.rerun.environments.requirements import PythonLock, Requirement, place
from provenance.rerun.talk import Talk

_FORM = "venv 1"  # of what is in the folder: another one is built anew
_FOLDER, _SOURCES = "venv", "sources"
_QUICK = 60.0  # seconds for a question to uv


@dataclass(frozen=True, slots=True)
class Packages:
    """What is installed."""

    lock: PythonLock
    crate: Path  # that has what the lock names by path
    used: frozenset[str] = frozenset()  # normal names of what the run used: when not all can be installed, these are


@dataclass(frozen=True, slots=True)
class Built:
    """An environment that is there."""

    python: Python
    folder: Path
    left_out: tuple[str, ...] = ()  # lines of the requirements that could not be installed


def found() -> str | None:
    """Return the path of uv; None when it is not here."""
    return program("uv")


def version_of(lock: PythonLock) -> str | None:
    """Return the version of Python that a lock asks for, e.g. ``3.11.7``."""
    return (lock.request or "").rpartition("@")[2].rstrip("t") or None


def is_built(packages: Packages) -> bool:
    """Tell whether an environment of these packages is in the cache already."""
    return cache.known(_key(packages, version_of(packages.lock))) is not None


def venv(packages: Packages, talk: Talk) -> Built:
    """Build a virtual environment, or find the one that was built from the same before.

    Raises
    ------
    NetworkError
        The index, an address of the file, or a Python can't be fetched.
    WfprovError
        uv can't install it; the message has uv's own words.
    """
    uv = found()
    if uv is None:
        raise WfprovError(f"uv is not installed; install it with 'pip install uv', {WAY_OUT}")
    lock = packages.lock
    # The first is asked for by its version alone, so that nothing is looked for when it is there.
    exact = version_of(lock)
    if (ready := _checked(_key(packages, exact))) is not None:
        return ready
    python, version = _python(uv, lock, talk)
    name = _key(packages, version)
    if (ready := _checked(name)) is not None:
        return ready
    count = len(lock.requirements)
    talk.say(f"building a Python {version} environment from environment/{lock.target}: {count} packages")
    cache.built(name, lambda folder: _build(folder, uv, python, packages, talk), talk)
    ready = _checked(name)
    if ready is None:
        raise WfprovError(f"the environment that was built from environment/{lock.target} does not start; {WAY_OUT}")
    return ready


def into(python: Path, packages: Packages, folder: Path, talk: Talk) -> tuple[str, ...]:
    """Install packages into an environment that conda made in ``folder``; return what had to be left out."""
    uv = found()
    if uv is None:
        raise WfprovError(f"uv is not installed; install it with 'pip install uv', {WAY_OUT}")
    return _install(folder, uv, python, packages, talk)


def key_parts(packages: Packages) -> list[str]:
    """Return what tells one lock from another, for keys of the cache."""
    return [*(one.text for one in packages.lock.requirements), str(packages.lock.sees_system)]


def carried(packages: Packages) -> Iterator[tuple[str, Path]]:
    """Yield name and place of each file that the requirements name by path."""
    payload = FolderPayload(packages.crate)
    for one in packages.lock.requirements:
        found = payload.find(place(one.carried)) if one.carried else None
        if found is None or found[2] is None or one.carried is None:
            continue
        if not found[1]:
            yield one.carried, Path(found[2])
            continue
        top = Path(found[2])
        for where, folders, names in os.walk(top):
            folders.sort()
            for path in (Path(where, name) for name in sorted(names)):
                if path.is_file() and not path.is_symlink():
                    yield f"{one.carried}/{path.relative_to(top)}", path


def platform() -> list[str]:
    """Return what of a machine an environment depends on."""
    has_name = "CS_GNU_LIBC_VERSION" in os.confstr_names
    return [sysconfig.get_platform(), (os.confstr("CS_GNU_LIBC_VERSION") if has_name else None) or ""]


def _key(packages: Packages, version: str | None) -> str:
    parts = [_FORM, *platform(), packages.lock.request or "", version or "", *key_parts(packages)]
    return cache.key(parts, carried(packages))


def _checked(name: str) -> Built | None:
    """Return an environment of the cache when it still is what was built: a run may have changed it."""
    about = cache.known(name)
    if about is None:
        return None
    folder = cache.folder() / name
    python = interpreters.ask(str(folder / _FOLDER / "bin" / "python"), interpreters.plain_variables())
    if python is None or dict(python.packages) != about.get("packages"):
        cache.forget(name)
        return None
    return Built(python, folder, tuple(map(str, about.get("left_out", ()))))


def _python(uv: str, lock: PythonLock, talk: Talk) -> tuple[str, str]:
    """Return the Python to make the environment from, and its version: the recorded one, else of the same minor."""
    request, version = lock.request, version_of(lock)
    if request is None or version is None:
        raise WfprovError(f"environment/{lock.target} does not say for which Python it is; {WAY_OUT}")
    short = interpreters.minor(version) or version
    if lock.sees_system and (own_python := Path(f"/usr/bin/python{short}")).exists():
        answer = interpreters.ask(str(own_python))
        if answer is not None and answer.version:
            return answer.path, answer.version
    if request == ".".join(map(str, sys.version_info[:3])) and sys.implementation.name == "cpython":
        return str(getattr(sys, "_base_executable", None) or os.path.realpath(sys.executable)), request
    for attempt in (request, None, request.replace(version.rstrip("t"), short)):
        if attempt is None:
            _fetch_python(uv, request, talk)
            attempt = request  # noqa: PLW2901
        try:
            path = call(
                [uv, "python", "find", "--no-python-downloads", "--no-project", attempt],
                cwd=Path("/"), variables=_variables(), what="looking for Python", seconds=_QUICK,
            ).strip()  # fmt: skip
        except WfprovError:
            continue
        answer = interpreters.ask(path)
        if answer is not None and answer.version:
            return path, answer.version
    raise WfprovError(
        f"Python {request} is neither here nor can uv fetch it, and there is no other Python {short}; "
        f"install one, {WAY_OUT}"
    )


def _fetch_python(uv: str, request: str, talk: Talk) -> None:
    settings = os.environ
    if settings.get("UV_OFFLINE") or settings.get("UV_PYTHON_DOWNLOADS", "").lower() in ("never", "manual", "false"):
        return
    talk.say(f"fetching Python {request} with uv")
    try:
        words = [uv, "python", "install", "--no-bin", request]
        call(words, cwd=Path("/"), variables=_variables(), what=f"fetching Python {request}")
    except WfprovError as error:
        why = str(error).splitlines()[-2:-1]  # the last line of uv's own words
        talk.say(f"Python {request} can't be fetched ({''.join(why).strip()}); one of the same minor version is taken")


def _build(folder: Path, uv: str, python: str, packages: Packages, talk: Talk) -> dict[str, Any]:
    words = [uv, "venv", "--no-project", "--python", python]
    words += ["--system-site-packages"] if packages.lock.sees_system and python.startswith("/usr/bin/") else []
    call([*words, str(folder / _FOLDER)], cwd=folder, variables=_variables(), what="making a virtual environment")
    left_out = _install(folder, uv, folder / _FOLDER / "bin" / "python", packages, talk)
    made = interpreters.ask(str(folder / _FOLDER / "bin" / "python"))
    if made is None:
        raise WfprovError(f"the Python that was made from {python} does not start; {WAY_OUT}")
    return {"version": made.version, "packages": dict(made.packages), "left_out": list(left_out)}


def _install(folder: Path, uv: str, python: Path, packages: Packages, talk: Talk) -> tuple[str, ...]:
    """Install all; when that fails, what the run used; when that fails, the same without this package."""
    lock = packages.lock
    if not lock.requirements:
        return ()
    sources = folder / _SOURCES
    _copy(packages, sources)
    failure: WfprovError | None = None
    for requirements in _attempts(lock, packages.used):
        if failure is not None:
            talk.say(f"{failure}\nnow with {len(requirements)} of the {len(lock.requirements)} packages only")
        name = "requirements.txt"
        (sources / name).write_text("".join(f"{one.text}\n" for one in requirements), encoding="utf-8")
        words = [uv, "pip", "install", "--no-progress", "--python", str(python), "--no-deps", "-r", name]
        try:
            _call_online_or_not(words, sources, f"installing the packages of environment/{lock.target}")
        except WfprovError as error:
            failure = failure or error
            continue
        kept = set(requirements)
        return tuple(one.text for one in lock.requirements if one not in kept)
    raise failure or NetworkError(f"environment/{lock.target} can't be installed; {WAY_OUT}")


def _call_online_or_not(words: list[str], cwd: Path, what: str) -> None:
    """Call uv; when the network fails, with what its cache has."""
    try:
        call(words, cwd=cwd, variables=_variables(), what=what)
    except NetworkError as failure:
        try:
            call([*words, "--offline"], cwd=cwd, variables=_variables(), what=what)
        except WfprovError:
            raise failure from None


def _attempts(lock: PythonLock, used: frozenset[str]) -> Iterator[tuple[Requirement, ...]]:
    seen: set[tuple[Requirement, ...]] = set()
    needed = tuple(one for one in lock.requirements if one.name is None or one.name in used) if used else ()
    for few in (lock.requirements, needed, tuple(one for one in needed if one.name != own.NAME)):
        if few and few not in seen:
            seen.add(few)
            yield few


def _copy(packages: Packages, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name, path in carried(packages):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)


def _variables() -> dict[str, str]:
    """Return the environment for uv: the user's settings of uv, nothing that leads it to another Python."""
    return {**interpreters.plain_variables(), "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
