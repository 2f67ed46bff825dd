"""What a crate tells of a run that can be repeated: the command, the recorded path of each file.

Comes in: the Run as its crate tells it. Goes out: :class:`Recorded`, which the steps of planning share.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance.rerun import command, engines
from provenance.rerun.placing import is_plain, placement, recorded_paths
from provenance.run.model import Run


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the crate tells of the run, in the form that the steps of planning share."""

    run: Run
    command: command.Recorded | None  # None: it can't be told what to execute
    paths: Mapping[str, str]  # Data.key -> recorded absolute path
    engine: str
    root: str | None = None
    recipe: engines.Recipe | None = None  # None: the recorded command itself is executed
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def understood(run: Run, crate: Path) -> Recorded:
    """Find out what has to be executed to repeat a run, whatever engine it was of."""
    recipe = engines.recognise(run, crate)
    if recipe is None:
        paths = recorded_paths(run, {})
        problems = [] if run.command else ["the crate does not tell the command that was run"]
        return Recorded(run, _command(run, run.command, paths), paths, "command", problems=tuple(problems))
    run = recipe.run or run
    paths = recorded_paths(run, recipe.paths)
    return Recorded(
        run,
        _command(run, recipe.words, paths, recipe.recorded_root),
        paths,
        recipe.engine,
        root=recipe.recorded_root,
        recipe=recipe,
        problems=recipe.problems,
        notes=(*((recipe.why,) if recipe.why else ()), *recipe.notes),
    )


def _command(
    run: Run, words: Sequence[str], paths: Mapping[str, str], root: str | None = None
) -> command.Recorded | None:
    if not words:
        return None
    cwd = run.cwd if run.cwd and is_plain(run.cwd) else root or placement(run, paths, Path("/")).root
    interpreter = run.environment.interpreter
    found = [posixpath.normpath(interpreter.path)] if interpreter and interpreter.path else []
    main = paths.get(run.main) if run.main else None
    return command.Recorded(tuple(words), cwd, frozenset(paths.values()), main, frozenset(found))
