"""Engines: what they know of a run, turned into a Run; one module or package an engine.

A command that our own recorder watched may have been an engine's. Here is who knows that engine, and the one place
where its knowledge is added to a recorded Run.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from provenance.errors import WfprovError

# `wfprov run` asks for the engine at the end of every run, and must not wait for what it does not need.
if TYPE_CHECKING:
    from provenance.run.info import Info
    from provenance.run.model import Run

# Part of a program's name -> the module that knows what the engine leaves behind.
_KNOWN_BY = {
    "runcompss": "provenance.engines.compss.recorded",
    "enqueue_compss": "provenance.engines.compss.recorded",
}


class Engine(Protocol):
    """What a module of an engine can tell of a run that was recorded."""

    def info_file(self, folder: Path) -> Path | None:
        """Return the file with what the user knows that the engine was told to take."""

    def missing(self, folder: Path) -> str | None:
        """Return what has to happen before the run can be packed; None when it can be now.

        Raises
        ------
        JournalError
            Waiting does not help; the message says what the user has to do.
        """

    def complete(self, recorded: Run, folder: Path, info: Info | None) -> Run:
        """Return a recorded run with what the engine knows of it."""


def engine_of(folder: Path, largest: int | None = None) -> Engine | None:
    """Return the engine that the command of a recorded run called; None when it called none that is known.

    Parameters
    ----------
    folder
        Of one run, ``.wfprov/<run id>``.
    largest
        Bytes of a journal that is looked through for programs; of a larger one only the command tells.
    """
    from provenance.engines import record

    found = record.read(folder, _KNOWN_BY, largest=largest)
    words = [word for program in found.started for word in program.argv[:2]] + list(found.command)
    for word in words:
        module = _KNOWN_BY.get(word.rpartition("/")[2])
        if module is not None:
            return cast("Engine", importlib.import_module(module))
    return None


def missing(engine: Engine, folder: Path) -> str | None:
    """Return what has to happen before a run can be packed; None when it can be now, or when that can't be told.

    Raises
    ------
    JournalError
        Waiting does not help; the message says what the user has to do.
    """
    try:
        return engine.missing(folder)
    except WfprovError:
        raise
    except Exception:  # noqa: BLE001 - `complete` meets it again, and tells it in the crate
        return None


def info_file(engine: Engine, folder: Path) -> Path | None:
    """Return the file with what the user knows that an engine was told to take."""
    try:
        return engine.info_file(folder)
    except Exception:  # noqa: BLE001 - `complete` meets it again, and tells it in the crate
        return None


def complete(engine: Engine, recorded: Run, folder: Path, info: Info | None) -> Run:
    """Return a recorded run with what its engine knows; where that can't be told, the recorded run with a gap."""
    try:
        return engine.complete(recorded, folder, info)
    except WfprovError as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 - what we recorded is packed whatever the engine's files are like
        why = f"{type(error).__name__}: {error}; this is a fault of wfprov, please report it"
    from provenance.run.model import Gap

    return replace(recorded, gaps=(*recorded.gaps, Gap("what the engine knows of the run", why)))
