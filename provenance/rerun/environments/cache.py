"""The folder in which environments are kept from one re-run to the next: ``$XDG_CACHE_HOME/wfprov/environments``.

Comes in: what an environment is made from. Goes out: its folder, whole or not there. An environment is built where it
stays, since environments of Python can't be moved, under a lock, and counts only once the file ``complete`` is in it: a
build that was killed leaves nothing that is taken for whole.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from provenance.errors import OutputError
from provenance.rerun.talk import Talk

_COMPLETE = "complete"
_KEY_LENGTH = 20  # hexadecimal digits; first lines of scripts have a limit that paths in them share
_BLOCK = 1 << 20


def folder() -> Path:
    """Return the folder of all environments."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return base / "wfprov" / "environments"


def key(parts: Iterable[str], files: Iterable[tuple[str, Path]] = ()) -> str:
    """Return the key of what is made from these texts and files.

    Parameters
    ----------
    files
        Names and places of files, whose content counts.
    """
    digest = sha256()
    for part in parts:
        text = part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(text) + text)
    for name, path in files:
        text = name.encode("utf-8", "surrogateescape")
        digest.update(b"f%d:" % len(text) + text)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(sha256(block).digest())
    return digest.hexdigest()[:_KEY_LENGTH]


def known(name: str) -> dict[str, Any] | None:
    """Return what was written down about a whole environment; None when there is none with this key."""
    try:
        found = json.loads((folder() / name / _COMPLETE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def forget(name: str) -> None:
    """Let an environment no longer count as whole; the next one who wants it builds it anew."""
    (folder() / name / _COMPLETE).unlink(missing_ok=True)


def built(name: str, build: Callable[[Path], dict[str, Any]], talk: Talk) -> tuple[Path, dict[str, Any]]:
    """Return the folder of an environment and what is known about it; build it unless it is there and whole.

    Parameters
    ----------
    build
        Fills the empty folder that it is given; returns what is to be written down about it, for JSON.

    Raises
    ------
    OutputError
        The folder can't be written.
    """
    place = folder() / name
    if (found := known(name)) is not None:
        return place, found
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place.with_name(f"{name}.lock"), talk):
            if (found := known(name)) is not None:  # another re-run was faster
                return place, found
            if place.exists():
                shutil.rmtree(place)
            place.mkdir()
            try:
                about = build(place)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
            partial = place / f"{_COMPLETE}.partial"
            partial.write_text(json.dumps(about), encoding="utf-8")
            partial.replace(place / _COMPLETE)
            return place, about
    except OSError as error:
        raise OutputError(
            f"the environment can't be kept in {place}: {error.strerror or error}; "
            "set XDG_CACHE_HOME to a folder with room, or use what is here: --env current"
        ) from error


@contextmanager
def _locked(path: Path, talk: Talk) -> Iterator[None]:
    """Keep others from building the same; the lock goes with the process that holds it, however it ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            talk.say("waiting for another re-run that builds the same environment")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            # Some file systems of clusters have no locks; there two builds of one environment must not be started.
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
        yield
