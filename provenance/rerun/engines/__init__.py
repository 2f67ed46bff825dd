"""Runs of engines: which adapter knows how to execute one again.

Comes in: the Run that a crate tells of, and the crate's folder. Goes out: a :class:`~.recipe.Recipe`, or None for a
plain command that our recorder saw, which needs no adapter. An adapter is a module with a function ``recognise`` of
the same form; nothing is written, fetched or executed here.
"""

from __future__ import annotations

from pathlib import Path

from provenance.rerun.engines import compss, cwl, others
from provenance.rerun.engines.recipe import Recipe, variables, write_texts
from provenance.run.model import Run

__all__ = ["Recipe", "recognise", "variables", "write_texts"]

_ADAPTERS = (compss.recognise, cwl.recognise, others.recognise)


def recognise(run: Run, crate: Path) -> Recipe | None:
    """Find out how a run is executed again; None when its own command line does.

    Raises
    ------
    CrateError
        The crate's metadata can't be read.
    """
    for adapter in _ADAPTERS:
        recipe = adapter(run, crate)
        if recipe is not None:
            return recipe
    return None
