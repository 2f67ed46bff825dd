"""Has the surroundings of a recorded block described by a process of its own.

In: the command and folder of this program, and the run folder. Out: ``environment`` events in ``run.jsonl``. Nothing
of it is imported, started or waited for in the user's process, which may count its children or fork.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Optional

# Runs with our own sys.path, so that it finds what this process would find.
_DESCRIBE = """
import json, os, sys, time
_, path, command, cwd, folder = sys.argv
sys.path[:0] = json.loads(path)
from pathlib import Path
from provenance.journal.events import RUN_FILE
from provenance.journal.writer import LineFile, encode
file = LineFile(os.path.join(folder, RUN_FILE))
def put(**event): file.append(encode({**event, "t": time.time_ns()}))
try:
    if sys.version_info < (3, 10): raise ImportError("needs Python 3.10 or later")
    from provenance.environment import describe
    for section, data in describe(json.loads(command), cwd, Path(folder)):
        put(e="environment", section=section, data=data)
except Exception as error:
    put(e="gap", what="environment", why=f"{type(error).__name__}: {error}")
"""


class Describing:
    """A description that is being made beside the block."""

    def __init__(self, command: List[str], cwd: str, run_folder: Path, environment: Dict[str, str]) -> None:
        """Start it; ``environment`` is ours from before the recording was switched on."""
        import json

        if not sys.executable:
            raise OSError("the interpreter of this process has no path")
        self._done: Optional[int]
        self._done, ended = os.pipe()
        try:
            words = [sys.executable, "-c", _DESCRIBE, json.dumps(sys.path), json.dumps(command), cwd]
            # By way of a shell that ends at once: the description is nobody's child that is waited for.
            subprocess.run(
                ["/bin/sh", "-c", '"$@" </dev/null >/dev/null 2>&1 &', "sh", *words, str(run_folder)],
                env=environment,
                cwd=cwd,
                pass_fds=(ended,),
                check=True,
            )
        finally:
            os.close(ended)

    def wait(self, seconds: float) -> bool:
        """Return whether it is done, after at most so many seconds."""
        done, self._done = self._done, None
        if done is None:
            return True
        try:
            # Nothing is ever written: the other end closes with the process that holds it.
            return bool(select.select([done], [], [], seconds)[0])
        except (OSError, ValueError):  # the program has closed what it did not open
            return True
        finally:
            try:
                os.close(done)
            except OSError:
                self._done = None
