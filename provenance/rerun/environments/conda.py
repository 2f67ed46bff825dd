"""conda environments from the explicit lists of a crate: by micromamba, mamba or conda, else by the library py-rattler.

Comes in: ``conda-explicit.txt`` and, for a machine of another kind, ``conda-environment.yml``. Goes out: the folder of
an environment in the cache. The tools are given a list of our own, with the addresses and specifications that were
understood, and nothing else that a crate's file may hold.
"""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from provenance.crate.source import FolderPayload
from provenance.environment import conda_meta
from provenance.errors import MissingPartError, WfprovError
from provenance.rerun.environments import cache, interpreters, uv
from provenance.rerun.environments.calling import WAY_OUT, call, program
from provenance.rerun.environments.interpreters import Python
from provenance.rerun.environments.requirements import place
from provenance.rerun.talk import Talk
from provenance.run.model import Run

if TYPE_CHECKING:
    from rattler import RepoDataRecord

_FORM = "conda 1"
_TOOLS = ("micromamba", "mamba", "conda")
_LIBRARY = "rattler"
_NAME = re.compile(r"conda-explicit(?:-(?P<number>[2-9]|[1-9]\d))?\.txt\Z")
_PLATFORM = re.compile(r"# platform: (?P<platform>[a-z]+-[a-z0-9_]+|noarch)\s*\Z")
_ARCHIVE = re.compile(
    r"(?P<url>https?://[A-Za-z0-9\[][\w.:\]-]*/(?:[!-~]*/)?"
    r"(?P<file>[A-Za-z0-9_][\w.+!-]*-[\w.+!]+-[\w.]+)(?:\.conda|\.tar\.bz2))"
    r"(?:#(?:sha256:)?(?P<digest>[0-9a-f]{32}|[0-9a-f]{64}))?\Z"
)
_SPECIFICATION = re.compile(r"(?P<name>[A-Za-z0-9_][\w.-]*)=(?P<version>[\w.+!-]+)(?:=[\w.+-]+)?\Z")
_CHANNEL = re.compile(r"(?:https?://[A-Za-z0-9\[][!-~]*|[A-Za-z0-9][\w./-]*)\Z")
_LIMIT = 16_000_000  # bytes of a file
_LONGEST_LINE = 4096  # characters
_MACHINES = {"x86_64": "64", "aarch64": "aarch64", "ppc64le": "ppc64le", "arm64": "arm64", "s390x": "s390x"}


@dataclass(frozen=True, slots=True)
class Archive:
    """A package of an explicit list."""

    url: str
    stem: str  # name-version-build
    digest: str | None = None  # MD5 or SHA-256, in hexadecimal digits

    @property
    def name(self) -> str:
        """The package's name."""
        return self.stem.rsplit("-", 2)[0]


@dataclass(frozen=True, slots=True)
class CondaLock:
    """What a conda environment is rebuilt from."""

    target: str  # name of the explicit list below environment/
    folder: str  # that it has in the commands of the crate, by which requirements files refer to it
    platform: str | None
    archives: tuple[Archive, ...]
    specifications: tuple[str, ...] = ()  # of the environment file: name=version
    channels: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether its archives are for this kind of machine."""
        return self.platform in (None, "noarch", here())

    @property
    def hosts(self) -> frozenset[str]:
        """The servers that packages come from."""
        addresses = [each.url for each in self.archives] if self.fits else [c for c in self.channels if "://" in c]
        return frozenset(host for url in addresses if (host := urlsplit(url).hostname))


@dataclass(frozen=True, slots=True)
class Built:
    """An environment that is there."""

    prefix: Path
    folder: Path  # of the cache, which has the prefix and the sources of what pip installed
    python: Python | None


def here() -> str:
    """Return conda's name of this kind of machine, e.g. ``linux-64``."""
    return f"{platform.system().lower()}-{_MACHINES.get(platform.machine(), platform.machine())}"


def conda_locks(run: Run, crate: Path) -> tuple[CondaLock, ...]:
    """Read the lists of conda packages of a crate."""
    payload = FolderPayload(crate)
    targets = [file.target for file in run.environment.files if file.kind == "conda-explicit"]
    return tuple(_read(target, payload) for target in sorted(targets, key=len) if _NAME.match(target))


def why_not(locks: Sequence[CondaLock]) -> str | None:
    """Tell why conda environments can't be built here; None when they can."""
    if _tool() is None:
        return "none of micromamba, mamba, conda and py-rattler, which build from its conda-explicit.txt, is installed"
    other = next((each for each in locks if not each.fits and not each.specifications), None)
    if other is not None:
        return f"environment/{other.target} is for {other.platform}, this machine is {here()}"
    return None


def description(lock: CondaLock) -> str:
    """Say what is built, for people."""
    tool = _tool() or _TOOLS[0]
    if lock.fits:
        return f"{len(lock.archives)} conda packages of environment/{lock.target}, by {tool}"
    return f"{len(lock.specifications)} conda packages in the recorded versions, for {here()}, by {tool}"


def is_built(lock: CondaLock, requirements: uv.Packages | None) -> bool:
    """Tell whether the environment is in the cache already."""
    return cache.known(_key(lock, requirements)) is not None


def build(lock: CondaLock, requirements: uv.Packages | None, talk: Talk) -> Built:
    """Build a conda environment with what pip had put into it, or find it in the cache.

    Raises
    ------
    NetworkError
        An archive can't be fetched.
    WfprovError
        The tool can't build it.
    """
    name = _key(lock, requirements)

    def fill(folder: Path) -> dict[str, Any]:
        talk.say(f"building {description(lock)}")
        prefix = folder / "conda"
        _create(lock, folder, prefix)
        if requirements is not None:
            uv.into(prefix / "bin" / "python", requirements, folder, talk)
        return {"conda": _packages(prefix)}

    folder, about = cache.built(name, fill, talk)
    if _packages(folder / "conda") != about.get("conda"):  # a run has changed it
        cache.forget(name)
        folder, _ = cache.built(name, fill, talk)
    program_path = folder / "conda" / "bin" / "python"
    python = interpreters.ask(str(program_path)) if program_path.exists() else None
    return Built(folder / "conda", folder, python)


def _read(target: str, payload: FolderPayload) -> CondaLock:
    found = _NAME.match(target)
    number = int(found["number"] or 1) if found else 1
    problems, archives, made_for = [], [], None
    text = payload.text(place(target), _LIMIT)
    if text is None:
        problems.append(f"environment/{target} is not in the crate")
    for count, line in enumerate((text or "").splitlines(), 1):
        words = line.strip()[:_LONGEST_LINE]
        if (match := _PLATFORM.match(words)) is not None:
            made_for = match["platform"]
        elif match := _ARCHIVE.match(words):
            archives.append(Archive(match["url"], match["file"], match["digest"]))
        elif words and words != "@EXPLICIT" and not words.startswith("#"):
            problems.append(f"environment/{target}, line {count}: no address of a conda package: {words[:100]}")
    specifications, channels = _environment_file(target, payload)
    return CondaLock(
        target, conda_meta.folder_of(number), made_for, tuple(archives), specifications, channels, tuple(problems)
    )


def _environment_file(target: str, payload: FolderPayload) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the specifications, without builds, which are another machine's, and the channels; what is understood."""
    name = target.replace("conda-explicit", "conda-environment").replace(".txt", ".yml")
    text = payload.text(place(name), _LIMIT)
    try:
        content = yaml.safe_load(text or "")
    except (yaml.YAMLError, RecursionError, ValueError):
        return (), ()
    if not isinstance(content, dict):
        return (), ()
    listed, channels = content.get("dependencies"), content.get("channels")
    pins = [match for each in _texts(listed) if (match := _SPECIFICATION.match(each))]
    known = [each for each in _texts(channels) if _CHANNEL.match(each)]
    return tuple(f"{pin['name']}={pin['version']}" for pin in pins), tuple(known)


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _key(lock: CondaLock, requirements: uv.Packages | None) -> str:
    parts = [_FORM, here(), *(f"{each.url}#{each.digest}" for each in lock.archives)]
    parts += [] if lock.fits else [*lock.specifications, *lock.channels]
    if requirements is None:
        return cache.key(parts)
    return cache.key([*parts, *uv.key_parts(requirements)], uv.carried(requirements))


def _tool() -> str | None:
    found = next((name for name in _TOOLS if program(name) is not None), None)
    if found is None and importlib.util.find_spec(_LIBRARY) is not None:
        return _LIBRARY
    return found


def _create(lock: CondaLock, folder: Path, prefix: Path) -> None:
    tool = _tool()
    if tool is None:
        raise MissingPartError(f"none of {', '.join(_TOOLS)} and py-rattler is here; install one, {WAY_OUT}")
    what = f"installing the packages of environment/{lock.target}"
    if tool == _LIBRARY:
        _by_library(lock, folder, prefix, what)
        return
    given = folder / ("explicit.txt" if lock.fits else "environment.yml")
    given.write_text(_list(lock) if lock.fits else _environment_text(lock), encoding="utf-8")
    words = [str(program(tool)), *(["env"] if tool == "conda" and not lock.fits else [])]
    words += ["create", *(["--yes"] if tool != "conda" or lock.fits else [])]
    words += ["--prefix", str(prefix), "--file", str(given)]
    call(words, cwd=folder, variables=interpreters.plain_variables(), what=what)


def _list(lock: CondaLock) -> str:
    lines = [f"{each.url}#{each.digest}" if each.digest else each.url for each in lock.archives]
    return "\n".join(["@EXPLICIT", *lines, ""])


def _environment_text(lock: CondaLock) -> str:
    content = {"channels": list(lock.channels), "dependencies": list(lock.specifications)}
    return str(yaml.safe_dump(content, sort_keys=False, width=1000))


def _by_library(lock: CondaLock, folder: Path, prefix: Path, what: str) -> None:
    import rattler
    import rattler.exceptions

    async def install() -> None:
        records: list[RepoDataRecord]
        if lock.fits:
            records = [_record(each) for each in lock.archives]
        else:
            channels = [rattler.Channel(each) for each in lock.channels if each != "nodefaults"]
            specifications = [rattler.MatchSpec(each) for each in lock.specifications]
            kinds = [rattler.Subdir(here()), rattler.Subdir("noarch")]
            records = await rattler.solve(channels, specifications, platforms=kinds)
        packages = folder / "packages"
        await rattler.install(records, prefix, cache_dir=packages, show_progress=False)

    failures = tuple(
        each for each in vars(rattler.exceptions).values() if isinstance(each, type) and issubclass(each, Exception)
    )
    try:
        asyncio.run(install())
    except failures as error:
        raise WfprovError(f"{what} failed; py-rattler says:\n  {error}\nmend what it names, {WAY_OUT}") from error


def _record(each: Archive) -> RepoDataRecord:
    import rattler

    name, version, build = each.stem.rsplit("-", 2)
    number = re.search(r"(\d+)\Z", build)
    head, _, file = each.url.rpartition("/")
    channel, _, subdir = head.rpartition("/")
    digest = bytes.fromhex(each.digest) if each.digest else None
    record = rattler.PackageRecord(
        name,
        version,
        rattler.BuildString(build),
        int(number[1]) if number else 0,
        subdir,
        md5=digest if digest and len(digest) == 16 else None,
        sha256=digest if digest and len(digest) == 32 else None,
    )
    return rattler.RepoDataRecord(record, file, each.url, channel)


def _packages(prefix: Path) -> list[str]:
    return conda_meta.names([str(prefix)]).get(str(prefix), [])
