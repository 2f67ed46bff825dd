"""Runs of engines that wfprov can't start: what is known of them, and what is missing.

Comes in: the Run of a crate that an engine or tool of its own wrote. Goes out: a :class:`~.recipe.Recipe` without a
command, whose problems say it; None for what our recorder saw. A text that looks like a command line is told, and
never executed: only our own crates say that a description is the command as it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

from provenance.rerun.engines.recipe import Recipe
from provenance.run.model import Run

_MOST_SHOWN = 10
_LONGEST_SHOWN = 60


def recognise(run: Run, crate: Path) -> Recipe | None:
    """Say what is known of a run that can't be executed; None when wfprov wrote the crate."""
    if run.is_own:
        return None
    return Recipe(engine="none", run=run, why=_known(run), problems=tuple(_problems(run)))


def _known(run: Run) -> str:
    what = unquote(run.main) if run.main else run.name
    told = f"this crate tells that {_engine(run) or 'something'} ran {what}"
    values = [f"{value.name}={str(value.value)[:_LONGEST_SHOWN]}" for value in run.arguments[:_MOST_SHOWN]]
    more = len(run.arguments) - len(values)
    if values:
        told += f" with {', '.join(values)}{f' and {more} more' if more else ''}"
    return told


def _problems(run: Run) -> Iterable[str]:
    engine = _engine(run)
    name = run.engine.name if run.engine else None
    if engine is None:
        yield f"{_known(run)}, but not which command or engine executes it"
    else:
        shown = f"; the crate shows a command ({' '.join(run.command)[:200]})" if run.command else ""
        yield (
            f"{_known(run)}; wfprov can't start {name}{shown}. Run it with {name} by hand, behind `wfprov run --`, "
            "and compare the two with wfprov diff"
        )
    gone = [data for data in run.data if data.key == run.main and data.content is None]
    if gone:
        yield f"the main workflow {unquote(gone[0].key)} is not in the crate"


def _engine(run: Run) -> str | None:
    if run.engine is None:
        return None
    version = run.engine.version
    return f"{run.engine.name} {version}" if version and version not in run.engine.name else run.engine.name
