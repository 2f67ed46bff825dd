"""What an engine's adapter found out: how a run can be executed again, in the words of the recorded run.

Plain values. Paths of the recorded run stay as they were: :mod:`provenance.rerun.command` leads them to where they lie
now. What has to be done with a recipe when the places are known is here too: its variables and its files.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provenance.errors import OutputError
from provenance.rerun.records import Placement
from provenance.run.model import Run

_PYTHON_PATH = "PYTHONPATH"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to execute a run of an engine again."""

    engine: str  # compss | cwl | none: nothing here can execute it
    words: tuple[str, ...] = ()  # the command, with recorded paths; empty when there are problems
    recorded_root: str | None = None  # stands for the fresh folder, where the run itself does not tell a folder
    paths: Mapping[str, str] = field(default_factory=dict)  # Data.key -> recorded path, where Data.original is None
    inputs: tuple[str, ...] = ()  # Data keys that have to be there before
    outputs: tuple[str, ...] = ()  # Data keys to compare
    variables: tuple[tuple[str, str], ...] = ()  # of the environment
    recorded_python_path: tuple[str, ...] = ()  # recorded folders that the run had on PYTHONPATH
    python_path: tuple[Path, ...] = ()  # folders of this machine that come after them
    needs: tuple[Path, ...] = ()  # folders of this machine that the command must be able to read
    texts: tuple[tuple[str, str], ...] = ()  # recorded path, content: files that the engine needs and no crate has
    run: Run | None = None  # the run as the engine's ways tell it: its folder, the recorded paths of its data
    why: str = ""  # what is done, and why so, for people
    notes: tuple[str, ...] = ()  # what is left out or taken for granted, for people
    problems: tuple[str, ...] = ()  # each stops the run


def variables(
    recipe: Recipe, placement: Placement, restored: tuple[tuple[str, str], ...] = ()
) -> tuple[tuple[str, str], ...]:
    """Return the variables of a recipe's command, with PYTHONPATH led to where its folders lie now.

    Parameters
    ----------
    restored
        Variables of the recorded run that are set again; folders of their PYTHONPATH come after the recipe's own, and
        what stands in for missing software comes last.
    """
    folders = []
    for recorded in recipe.recorded_python_path:
        place = placement.place(posixpath.normpath(recorded)) if recorded.startswith("/") else None
        if place is not None:
            folders.append(str(place))
    found = dict((*restored, *recipe.variables))
    folders += [folder for folder in found.pop(_PYTHON_PATH, "").split(":") if folder]
    folders += map(str, recipe.python_path)
    if folders:
        found[_PYTHON_PATH] = ":".join(dict.fromkeys(folders))
    return tuple(found.items())


def write_texts(texts: Iterable[tuple[str, str]], placement: Placement) -> None:
    """Write the files that a recipe adds into the fresh folder, which has been laid out.

    Raises
    ------
    OutputError
        One of them can't be written, or something of that name is there.
    """
    for recorded, text in texts:
        place = placement.place(recorded)
        if place is None:
            continue
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
        except OSError as error:
            raise OutputError(f"{place}: {error.strerror or error}; choose another --workdir") from None
