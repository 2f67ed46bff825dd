"""Validation of a crate in a process of its own.

Comes in: the path of a crate. Goes out: the report of :mod:`provenance.crate.validate`. The validator takes tens of
megabytes for the smallest crate and gigabytes for the largest metadata; in its own process they are given back before
the upload begins, and a machine that has too little of them ends the validation and not the publication.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from provenance.crate.validate import ValidationReport, validate
from provenance.errors import CrateError, WfprovError
from provenance.publish.tokens import VARIABLE

# The current folder, which Python puts first for -c, may hold anything.
_START = "import sys; sys.path.pop(0); from provenance.publish.validation import answer; answer()"


def validated(path: Path, announce: Callable[[int, float], None] | None = None) -> ValidationReport:
    """Validate a crate at the required level.

    Parameters
    ----------
    announce
        Called before it begins with the number of entities and the seconds that it will take, roughly.

    Raises
    ------
    CrateError
        The crate can't be read, or the validator broke off.
    MissingPartError
        roc-validator is not installed.
    """
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-c", _START, os.path.abspath(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        try:
            assert process.stdout is not None
            while (said := _next(process.stdout)) is not None:
                if isinstance(said, ValidationReport):
                    return said
                if isinstance(said, WfprovError):
                    raise said
                if announce:
                    announce(*said)
        finally:
            process.kill()
    raise CrateError(f"{path}: the validator ended with {_ending(process.returncode)}")


def _next(stream: Any) -> Any:
    try:
        return pickle.load(stream)
    except (EOFError, pickle.UnpicklingError):
        return None


def _ending(status: int) -> str:
    if status == -signal.SIGKILL:
        return "signal 9; there may be too little memory"
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def answer() -> None:
    """Validate what the command line names, and write what is to be told to standard output; the other process."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that the validator prints may get between

    def tell(something: object) -> None:
        pickle.dump(something, out)
        out.flush()

    try:
        tell(validate(Path(sys.argv[1]), level="required", announce=lambda *about: tell(about)))
    except WfprovError as error:
        tell(error)
