"""Calls of the tools that build environments.

Comes in: a command line of ours. Goes out: what the tool printed; an error shows its last lines, which say what is
wrong, and what to do then.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from provenance.errors import NetworkError, WfprovError

WAY_OUT = "or use what is here: --env current"
_LINES = 12  # of a tool's last words that are shown
_WIDTH = 300
_OF_NETWORK = re.compile(
    r"(?i)dns error|failed to (?:fetch|download)|network|connection (?:refused|reset|closed|timed)|could ?n.t resolve|"
    r"error sending request|timed? ?out|temporary failure|no such host|unreachable|offline|certificate|proxy"
)


def program(name: str) -> str | None:
    """Return the path of a tool: on the PATH, or beside the Python that runs this; None when it is not here."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def call(
    words: Sequence[str], *, cwd: Path, variables: Mapping[str, str], what: str, seconds: float | None = None
) -> str:
    """Run a tool to its end and return what it printed to standard output.

    Parameters
    ----------
    what
        What it is to do, for the error: "installing the packages of requirements.txt".

    Raises
    ------
    NetworkError
        It ended with an error that speaks of the network.
    WfprovError
        It can't be started, ended with an error, or took longer than ``seconds``.
    """
    try:
        done = subprocess.run(
            list(words),
            cwd=cwd,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WfprovError(f"{what}: {_name(words)} did not end within {seconds:g} s; try again, {WAY_OUT}") from None
    except OSError as error:
        raise WfprovError(f"{what}: {_name(words)} can't be started: {error.strerror}; {WAY_OUT}") from error
    if done.returncode == 0:
        return os.fsdecode(done.stdout)
    said = last_lines(done.stderr or done.stdout)
    message = f"{what} failed; {_name(words)} says:\n{said}\n"
    if _OF_NETWORK.search(said):
        raise NetworkError(f"{message}check the network, or the settings of {_name(words)}, and try again, {WAY_OUT}")
    raise WfprovError(f"{message}mend what it names, {WAY_OUT}")


def last_lines(text: bytes) -> str:
    """Return the last lines of what a tool said, indented."""
    lines = [line.rstrip()[:_WIDTH] for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_LINES:]) or "  (nothing)"


def _name(words: Sequence[str]) -> str:
    return os.path.basename(words[0])
