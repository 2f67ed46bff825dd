"""A comparison in a process of its own, with limits on memory and time: for libraries that a hostile file can crash.

``compare_apart`` starts it and reads its answer; ``main`` is that process. The request and the answer are JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import provenance
from provenance.rerun.comparing.contract import (
    MEBIBYTE,
    Budget,
    Context,
    Finding,
    MissingLibrary,
    NotOfThisKind,
    Options,
    Period,
    TooLarge,
    Unreadable,
)
from provenance.rerun.records import Likeness, Tolerance

_SECONDS = 120
_OWN_MEMORY = 2048 * MEBIBYTE  # address space of an interpreter with NumPy and HDF5


def compare_apart(name: str, before: Path, after: Path, options: Options) -> Finding:
    """Have a comparer compare two files in a process of its own.

    Raises
    ------
    NotOfThisKind, TooLarge, MissingLibrary, Unreadable
        As the comparer does; ``Unreadable`` too when the process is killed or takes too long.
    """
    request = {
        "name": name,
        "before": os.path.abspath(before),
        "after": os.path.abspath(after),
        "options": {
            "tolerance": asdict(options.tolerance),
            "paths": options.paths,
            "limit": options.limit,
            "periods": [[one.start.isoformat(), one.end.isoformat()] for one in options.periods or ()],
        },
    }
    # Python looks for modules where it is started: that must not be a folder of the run.
    trusted = Path(provenance.__file__).parent.parent
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from provenance.rerun.comparing.apart import main; main()"],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=trusted,
            env={**os.environ, **one_thread},
            timeout=_SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise TooLarge(f"it took more than {_SECONDS} seconds") from None
    except ValueError:
        raise Unreadable(f"the process that read it ended with status {done.returncode}") from None
    return _finding(answer)


def _finding(answer: dict[str, Any]) -> Finding:
    if "likeness" in answer:
        return Finding(**{**answer, "likeness": Likeness(answer["likeness"])})
    if answer["raised"] == "MissingLibrary":
        raise MissingLibrary(answer["message"])
    kinds: dict[str, type[Exception]] = {"NotOfThisKind": NotOfThisKind, "TooLarge": TooLarge}
    raise kinds.get(answer["raised"], Unreadable)(answer["message"])


def main() -> None:
    """Compare two files as standard input says, and write the finding to standard output."""
    from provenance.rerun.comparing.comparison import compare_files
    from provenance.rerun.comparing.registry import comparer_named

    request = json.load(sys.stdin)
    given = request["options"]
    periods = tuple(Period(*map(datetime.fromisoformat, pair)) for pair in given["periods"])
    options = Options(
        tolerance=Tolerance(**given["tolerance"]),
        paths=tuple((recorded, now) for recorded, now in given["paths"]),
        limit=given["limit"],
        periods=(periods[0], periods[1]) if periods else None,
    )
    _limit_itself(options.limit)
    context = Context(
        options, Budget.of(options), lambda before, after, inner: compare_files(before, after, inner.options)
    )
    try:
        with redirect_stdout(sys.stderr):
            found = comparer_named(request["name"]).compare(Path(request["before"]), Path(request["after"]), context)
        answer: dict[str, Any] = {**asdict(found), "likeness": found.likeness.value}
    except MissingLibrary as missing:
        answer = {"raised": "MissingLibrary", "message": missing.library}
    except Exception as error:  # noqa: BLE001 - it is told to who asked
        answer = {"raised": type(error).__name__, "message": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


def _limit_itself(memory: int) -> None:
    for kind, wanted in (
        (resource.RLIMIT_AS, 4 * memory + _OWN_MEMORY),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (limit, limit))
