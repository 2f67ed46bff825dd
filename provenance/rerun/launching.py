"""Starts the command of a re-run under our recorder; a process of its own, started as a file by ``execution.py``.

Within the walls of an isolated run it also makes the crate of the new record, as only there its paths mean something.

In come settings as JSON in a file that is handed over open; out goes how the command ended, in another. The recorder
takes the folder, the variables and the signals of its process for those of the run: here they are. Nothing of the run
decides what is imported: Python is started isolated (``-I``), and gets the variables of the run only when all that
starts it is loaded.

===========  ======================================================================================================
settings     ``words``, ``cwd``, ``environment`` (list of name, value), ``record_root``, ``name``, ``info``, ``trace``,
             ``describes``, ``path`` (folders of modules). Texts are bytes, a character each, so that what is no UTF-8
             comes through
to pack      ``pack`` (the run folder), ``target``, ``about`` (the crate that tells name and authors), ``repeats`` (a
             Repetition's fields, or null), ``cwd``, ``environment``, ``path``
answer       ``run_folder``, ``status``, ``signal``, ``warnings``; or ``packed``; or ``error`` with ``exit_status``.
===========  ======================================================================================================
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


def text(coded: str) -> str:
    """Give back what :func:`coded` made."""
    return os.fsdecode(coded.encode("latin-1"))


def coded(plain: str) -> str:
    """Write a path, word or value so that JSON carries its bytes, whatever they are."""
    return os.fsencode(plain).decode("latin-1")


def main(arguments: Sequence[str]) -> None:
    """Launch what the settings say.

    Parameters
    ----------
    arguments
        Numbers of the open files: the settings, the answer, and the pipe on which signals are told (-1: none).
    """
    read, write, told = (int(number) for number in arguments)
    for number in (read, write, told):
        if number >= 0:
            os.set_inheritable(number, False)
    with os.fdopen(read, "rb") as file:
        settings = json.load(file)
    sys.path += [path for path in (*map(text, settings["path"]), str(ROOT)) if path not in sys.path]
    if told >= 0:
        _listen(told)
    with os.fdopen(write, "w", encoding="ascii") as file:
        json.dump(_done(settings), file)


def _done(settings: dict[str, Any]) -> dict[str, Any]:
    from provenance.errors import WfprovError

    step = _pack if "pack" in settings else _launch
    try:
        os.chdir(text(settings["cwd"]))
        os.environ.clear()
        os.environ.update((text(name), text(value)) for name, value in settings["environment"])
        # Whoever started us has blocked the signals that it passes on.
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        return step(settings)
    except WfprovError as error:
        return {"error": coded(str(error)), "exit_status": error.exit_status}
    except OSError as error:
        return {"error": coded(f"{error.filename}: {error.strerror}"), "exit_status": 127}


def _launch(settings: dict[str, Any]) -> dict[str, Any]:
    from provenance.recording.launch import LaunchSettings, launch

    said: list[str] = []
    outcome = launch(
        LaunchSettings(
            command=tuple(map(text, settings["words"])),
            record_root=text(settings["record_root"]),
            name=None if settings["name"] is None else text(settings["name"]),
            info=None if settings["info"] is None else text(settings["info"]),
            trace=settings["trace"],
        ),
        _describe if settings["describes"] else None,
        said.append,
    )
    return {
        "run_folder": None if outcome.run_folder is None else coded(str(outcome.run_folder)),
        "status": outcome.status,
        "signal": outcome.signal,
        "warnings": [coded(sentence) for sentence in (*said, *outcome.warnings)],
    }


def _pack(settings: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import replace

    from provenance.crate.read import read
    from provenance.crate.write import write
    from provenance.errors import CrateError
    from provenance.run import load
    from provenance.run.model import Repetition

    run = load(Path(text(settings["pack"])), examine=True)
    with suppress(CrateError):  # then it has no other name than its command
        about = read(Path(text(settings["about"]))).about
        run = replace(run, about=replace(about, agent=None, date_published=None))
    if settings["repeats"] is not None:
        told = {**settings["repeats"], "changes": tuple(settings["repeats"]["changes"])}
        run = replace(run, repeats=Repetition(**told))
    write(run, Path(text(settings["target"])))
    return {"packed": settings["target"]}


def _describe(command: Sequence[str], cwd: str, run_folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    from provenance.environment import describe

    yield from describe(command, cwd, run_folder)


def _listen(told: int) -> None:
    """Send ourselves each signal whose number comes through the pipe.

    An isolated run has no terminal and its processes have other numbers than outside: nobody else can signal them.
    """

    def hear() -> None:
        while number := os.read(told, 1):
            os.kill(os.getpid(), number[0])

    # The thread itself must not be the one that gets the signal: it would end the process.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    threading.Thread(target=hear, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


if __name__ == "__main__":
    main(sys.argv[1:])
