"""What the databases of packages of a system have in common: how a package is told, and how a path may be spelled.

In: absolute paths. Out: the spellings under which a database may list each of them; answers of its tool as text.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from provenance.environment.python.interpreter import unrecorded

_SECONDS = 30.0
_MOST_BYTES = 100_000  # of arguments in one call; Linux allows more, but counts the environment in
# Folders that are the same below / and below /usr where the two are merged; a database may list files under either.
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32")


@dataclass(frozen=True)
class Package:
    """An installed package of the system.

    Attributes
    ----------
    manager
        "deb" or "rpm".
    name, version, architecture
        As the manager gives them; the version with epoch ("1:2.3-4"), where the package has one.
    pin
        What the manager's installer takes to install this very version.
    is_native
        False for a package of another architecture than the system's, installed beside it.
    installed
        When it was unpacked, in ns since the epoch; None when that is not known.
    """

    manager: str
    name: str
    version: str
    architecture: str
    pin: str
    is_native: bool = True
    installed: int | None = None


def spellings(path: str) -> Iterator[str]:
    """Yield the names that a database may know a file by: of the file itself first, then of the link to it."""
    seen = set()
    for each in (os.path.realpath(path), path):
        for spelled in (each, _other_side(each)):
            if spelled not in seen:
                seen.add(spelled)
                yield spelled


def own_spellings(path: str) -> Iterator[str]:
    """Yield the names of a path itself, which may be a link, and not of what it leads to."""
    yield path
    if (other := _other_side(path)) != path:
        yield other


def ask(words: Sequence[str], paths: Sequence[str]) -> Iterator[str]:
    """Yield the lines that a tool prints when it is asked about ``paths``, in as few calls as the system allows.

    Bytes that are no UTF-8 come back as :func:`os.fsdecode` makes them. A tool that can't be run, or takes half a
    minute, says nothing; that it does not know a path is no error.
    """
    environment = {**unrecorded(os.environ), "LC_ALL": "C"}
    for part in _parts(paths):
        try:
            done = subprocess.run(
                [*words, *part],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        yield from os.fsdecode(done.stdout).split("\n")


def _other_side(path: str) -> str:
    if path.startswith("/usr/") and path[5:].split("/", 1)[0] in _MERGED:
        return path[4:]
    if path.split("/", 2)[1:2] and path.split("/", 2)[1] in _MERGED:
        return "/usr" + path
    return path


def _parts(paths: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for path in paths:
        size += len(path) + 1
        if part and size > _MOST_BYTES:
            yield part
            part, size = [], len(path) + 1
        part.append(path)
    if part:
        yield part
