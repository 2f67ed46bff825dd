"""Executes a step of a re-run under our recorder, walled in or not.

Comes in: a step, the environment that it gets, where its record goes. Goes out: how it ended, and the folder of its
record. The step runs below a process of its own (:mod:`.recorder_process`), so that its folder, variables and signals
never become ours; the user sees what it prints as it comes.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.errors import LaunchError, OutputError
from provenance.recording.folder import RECORDS, make_run_folder
from provenance.rerun import isolation as walled
from provenance.rerun.environments import Bind, contained
from provenance.rerun.environments.starting import KIND as IN_IMAGE
from provenance.rerun.isolation import Isolation, Walls
from provenance.rerun.launching import coded, text
from provenance.rerun.leftovers import settle
from provenance.rerun.recorder_process import Answer, ask
from provenance.rerun.records import Ready, Step
from provenance.rerun.relay import Stream
from provenance.rerun.run_environment import isolated_environment, run_environment
from provenance.run.model import Repetition

_RUN_ID = re.compile("[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
_MOST_WARNINGS = 100
_CRATE = "crate"


@dataclass(frozen=True, slots=True)
class Executed:
    """How a step ended.

    ``run_folder`` is None when it could not be recorded. One of ``status`` and ``signal`` is given.
    """

    run_folder: Path | None
    status: int | None
    signal: int | None
    warnings: tuple[str, ...] = ()
    places: tuple[tuple[str, str], ...] = ()  # isolated: (path as the record has it, path now), the deepest first
    interrupted: int | None = None  # number of the signal by which the user, or a batch system, ended it


def execute(
    step: Step,
    ready: Ready,
    *,
    record_root: Path,
    isolation: Isolation | None = None,
    name: str | None = None,
    info: Path | None = None,
    stdin: Stream = None,
    stdout: Stream = None,
    stderr: Stream = None,
    trace: str = "auto",
) -> Executed:
    """Run a step and record it.

    The record of an isolated run tells paths as they were within the walls, and what it says is the word of a run
    that nobody trusts: give it to :func:`pack_isolated`, never to what reads records outside.

    Parameters
    ----------
    record_root
        The folder that gets ``.wfprov``.
    isolation
        The walls around it; None for none. Standard input is then empty, unless ``stdin`` is given. Those of a
        container are made by its engine: give the environment as it was prepared, without words that start it.
    name, info
        What the new run is called, and the user's ``ro-crate-info.yaml``.
    stdin, stdout, stderr
        Files in the place of ours.
    trace
        How it is watched, one of :data:`provenance.recording.capabilities.TRACES`.

    Raises
    ------
    LaunchError
        The command can't be started; ``exit_status`` is 126 or 127 as a shell has it.
    OutputError
        The record's folder can't be made.
    """
    if any("\0" in word for word in (*ready.prefix, *step.words)):
        raise LaunchError(f"{step.words[0]!r}: no program can be given a word with a NUL character in it")
    settings: dict[str, Any] = {
        "words": [coded(word) for word in (*ready.prefix, *step.words)],
        "cwd": coded(str(step.cwd)),
        "name": None if name is None else coded(name),
        "info": None if info is None else coded(os.path.abspath(info)),
        "trace": trace,
        "describes": True,
    }
    with _writing_to(record_root):
        if isolation is None:
            settings |= {"record_root": coded(str(record_root)), "environment": _coded(run_environment(step, ready))}
            return _executed(ask(settings, None, (stdin, stdout, stderr)))
        with tempfile.TemporaryDirectory(prefix=".isolated-", dir=record_root) as folder:
            record = Path(folder, "record")
            record.mkdir(mode=0o700)
            in_image = ready.plan.kind == IN_IMAGE
            walls = walled.wrap(step, ready, isolation, record, shows_work_folder=in_image)
            if in_image:
                inside = _within_the_image(step, ready, isolation, record)
                settings |= {
                    "words": [coded(word) for word in (*inside.prefix, *step.words)],
                    "record_root": coded(str(record)),
                    "environment": _coded(run_environment(step, ready)),
                    "describes": False,  # it would start programs outside, that do what files of the run tell them
                }
                with Path(os.devnull).open("rb") as nothing:
                    given = stdin if stdin is not None else nothing
                    ended = _executed(ask(settings, None, (given, stdout, stderr), is_relayed=True))
                return _settled(ended, walls, isolation, record, record_root)
            environment = isolated_environment(walls.step, ready, walls.visible, walled.HOME)
            settings |= {
                "words": [coded(word) for word in (*ready.prefix, *walls.step.words)],
                "cwd": coded(str(walls.step.cwd)),
                "record_root": coded(walled.RECORD),
                "environment": _coded(environment),
            }
            with _nothing_left_of(walls, isolation), Path(os.devnull).open("rb") as nothing:
                given = stdin if stdin is not None else nothing
                ended = _executed(ask(settings, walls, (given, stdout, stderr)))
            return _settled(ended, walls, isolation, record, record_root)


def pack_isolated(
    run_folder: Path,
    target: Path,
    ready: Ready,
    isolation: Isolation,
    *,
    repeats: Repetition | None = None,
) -> None:
    """Make the crate of an isolated run, within the same walls, where the work folder can only be read.

    Only there do the paths of its record mean what they meant; and as little as the run can what it has written into
    its record lead to files of the user, or start programs that it left behind.

    Raises
    ------
    LaunchError, OutputError
        It can't be made.
    """
    step = Step((), isolation.placement.folder)
    more = [isolation.crate]
    if repeats is not None and repeats.verdict is not None:
        more.append(Path(repeats.verdict))
    with _writing_to(target.parent), tempfile.TemporaryDirectory(prefix=".isolated-", dir=target.parent) as folder:
        results = Path(folder, "results")
        results.mkdir(mode=0o700)
        walls = walled.wrap(
            *(step, ready, isolation, run_folder),
            own=Path(folder),
            results=results,
            readable=more,
            shows_work_folder=ready.plan.kind == IN_IMAGE,
        )
        settings = {
            "pack": coded(walled.RECORD),
            "target": coded(f"{walled.RESULTS}/{_CRATE}"),
            "about": coded(str(isolation.crate)),
            "repeats": None if repeats is None else dataclasses.asdict(repeats),
            "cwd": "/",
            "environment": _coded(isolated_environment(walls.step, ready, walls.visible, walled.HOME)),
        }
        with _nothing_left_of(walls, isolation), Path(os.devnull).open("rb") as nothing:
            answer = ask(settings, walls, (nothing, None, None))
        made = results / _CRATE
        if not answer.said.get("packed") or made.is_symlink() or not made.is_dir():
            raise LaunchError("the crate of the isolated run was not made: it was ended before")
        settle(made, walls, ())
        made.rename(target)


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(
            f"{error.filename or folder}: {error.strerror or error}; the run could not be recorded: make room, or "
            "choose another --workdir"
        ) from None


@contextmanager
def _nothing_left_of(walls: Walls, isolation: Isolation) -> Iterator[None]:
    """Take away the empty folders on which something was put over the work folder."""
    before = {path for path in walls.made if path.exists()}
    try:
        yield
    finally:
        for path in walls.made:
            while path not in before and path != isolation.placement.folder:
                try:
                    path.rmdir()
                except OSError:
                    break
                path = path.parent  # noqa: PLW2901 - up the folders that were made for it


def _coded(environment: dict[str, str]) -> list[tuple[str, str]]:
    return [(coded(name), coded(value)) for name, value in environment.items()]


def _executed(answer: Answer) -> Executed:
    said = answer.said
    if not said:
        return Executed(None, None, answer.interrupted, interrupted=answer.interrupted)
    try:
        folder, status, number = said["run_folder"], said["status"], said["signal"]
        return Executed(
            None if folder is None else Path(text(folder)),
            None if status is None else int(status),
            None if number is None else int(number),
            tuple(text(sentence) for sentence in said["warnings"][:_MOST_WARNINGS]),
            interrupted=answer.interrupted,
        )
    except (KeyError, TypeError, ValueError, AttributeError):  # what is walled in may have written over it
        raise LaunchError(
            "what the recorder of the run said can't be understood; the run may have changed it"
        ) from None


def _within_the_image(step: Step, ready: Ready, isolation: Isolation, record: Path) -> Ready:
    """Let the engine of containers make the walls; the work folder is where it lies, and in its recorded place."""
    placement = isolation.placement
    binds = [Bind(placement.folder, str(placement.folder), is_writable=True)]
    binds += [Bind(Path(folder), place, is_writable=True) for place, folder in walled.in_place(placement)[0]]
    binds += [Bind(path, str(path)) for path in isolation.readable]
    return contained(
        ready, cwd=step.cwd, binds=binds, variables=dict(step.variables), record_root=record, network=False
    )


def _settled(ended: Executed, walls: Walls, isolation: Isolation, record: Path, record_root: Path) -> Executed:
    """Take the record out of the walls, and away what would lead out of them once they are gone."""
    warnings = [*walls.notes, *ended.warnings]
    target = None
    name = ended.run_folder.name if ended.run_folder is not None else ""
    found = record / RECORDS / name if _RUN_ID.fullmatch(name) else None
    # Where it lies is the word of a process that the run could write to.
    if found is not None and not found.is_symlink() and not found.parent.is_symlink() and found.is_dir():
        settle(found, walls, ())
        target = make_run_folder(record_root, found.name)
        found.rename(target)
    visible = (*walled.LINK_TARGETS, *map(str, isolation.readable))
    warnings += settle(isolation.placement.folder, walls, visible)
    return Executed(target, ended.status, ended.signal, tuple(warnings), walls.places, ended.interrupted)
