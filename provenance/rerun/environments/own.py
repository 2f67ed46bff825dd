"""The package ``provenance`` for runs whose code imports it (``@provenance.task``), where the environment lacks it.

Comes in: the Run, what an environment has. Goes out: the folder that makes it importable, and nothing else that is
installed beside it here.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import provenance
from provenance.rerun.environments import cache
from provenance.rerun.records import Difference
from provenance.run.model import Run

NAME = "wfprov"


def is_needed(run: Run) -> bool:
    """Tell whether the code of a run imports this package."""
    if any(one.name == NAME and one.is_used for one in run.environment.packages):
        return True
    by_us = run.engine is not None and run.engine.name.startswith(NAME)
    return by_us and any(tool.kind == "function" for tool in run.tools)


def folder() -> Path:
    """Return a folder that has this package, by a link, and nothing else; it is made when it is not there."""
    package = Path(provenance.__file__).resolve().parent
    place = cache.folder() / "own" / cache.key([str(package)])
    place.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.symlink(package, place / "provenance")
    return place


def package_folder() -> Path:
    """Return where this package really lies."""
    return Path(provenance.__file__).resolve().parent


def version() -> str:
    """Return the version of this installation."""
    return provenance.__version__


def difference(run: Run) -> Difference:
    """Say that this installation's package takes the place of the recorded one."""
    before = next((one.version for one in run.environment.packages if one.name == NAME), None)
    return Difference("packages", NAME, before, version(), "that of this installation, on a path of its own")
