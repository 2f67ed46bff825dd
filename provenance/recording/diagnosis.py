"""What this machine can record, found out by really recording small programs.

In comes the folder that records would go to; out come :class:`Finding` values, each with what
follows from it and how to mend it.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Sequence

from provenance.errors import LaunchError
from provenance.journal.events import STRACE_FILE_PREFIX, Event
from provenance.journal.reader import read
from provenance.journal.strace import events as strace_events
from provenance.recording import capabilities, folder
from provenance.recording.launch import LaunchSettings, launch

_LITTLE_SPACE = 100_000_000  # bytes
_PROBE = "probe.txt"
_INSTALL_COMPILER = "install a C compiler, such as gcc"
WAYS = ("preload", "strace", "audit")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What: ``preload``, ``strace``, ``audit``, ``compiler``, ``git``, ``validator``, ``records``,
        ``python``.
    works
        Whether it is there and does what it is for.
    found
        What was found, in a few words.
    follows, mend
        What follows for the user when it does not work, and what to do about it; else empty.
    """

    name: str
    works: bool
    found: str
    follows: str = ""
    mend: str = ""


def diagnose(root: Path) -> Iterator[Finding]:
    """Yield what works and what does not; `root` is where records would go."""
    yield _preload()
    yield _strace()
    yield _audit()
    yield _compiler()
    yield _git()
    yield _validator()
    yield _records(root)
    yield Finding("python", True, f"{platform.python_version()} ({sys.executable})")


def _preload() -> Finding:
    follows = "runs are watched with strace or Python's audit hook instead"
    shim, why_not = capabilities.find_shim()
    if not shim:
        mend = f"{_INSTALL_COMPILER}, then build it in the checkout of wfprov: pip install . (or: make demo)"
        return Finding("preload", False, why_not, follows, mend)
    failure = _failure("preload", ("sh", "-c", f"cat {_PROBE} > copy.txt"))
    if failure:
        mend = "report it with the output of 'wfprov doctor --json'; until then use --trace strace"
        return Finding("preload", False, f"{shim} does not work: {failure}", follows, mend)
    return Finding("preload", True, "the shim sees what programs and their children open")


def _strace() -> Finding:
    follows = "there is no second way that sees compiled programs"
    path, why_not = capabilities.find_strace(os.environ)
    if not path:
        mend = "install strace 5.3 or newer; in a container allow ptrace (--cap-add=SYS_PTRACE)"
        return Finding("strace", False, why_not, follows, mend)
    failure = _failure("strace", ("sh", "-c", f"cat {_PROBE} > copy.txt"))
    if failure:
        return Finding("strace", False, failure, follows, "report it with the output of 'strace --version'")
    return Finding("strace", True, f"{path} sees what programs and their children open; slower than the shim")


def _audit() -> Finding:
    failure = _failure("audit", (sys.executable, "-c", f"open({_PROBE!r}).read()"))
    if failure:
        return Finding(
            *(
                "audit",
                False,
                failure,
                "there is no way to watch Python programs without the shim or strace",
            ),
            "see whether another sitecustomize stops Python: python -v -c pass",
        )
    return Finding("audit", True, "Python tells what it opens; other programs stay unseen this way")


def _compiler() -> Finding:
    compilers = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    for name in filter(None, compilers):
        path = shutil.which(name)
        if path:
            return Finding("compiler", True, path)
    return Finding("compiler", False, "none found", "the shim can't be built here", _INSTALL_COMPILER)


def _git() -> Finding:
    path = shutil.which("git")
    if path:
        return Finding("git", True, path)
    return Finding("git", False, "not installed", "runs lack the commit of their code", "install git")


def _validator() -> Finding:
    if importlib.util.find_spec("rocrate_validator") is not None:
        return Finding("validator", True, "roc-validator is installed")
    return Finding(
        "validator",
        False,
        "roc-validator is not installed",
        "wfprov validate does not work",
        "pip install wfprov[validate]",
    )


def _records(root: Path) -> Finding:
    follows = "records go to another folder, which is said at each run"
    mend = "name a folder that you can write to: --record-dir DIR or $WFPROV_DIR"
    try:
        run_folder = _make_and_remove(root)
        space = shutil.disk_usage(root).free
    except OSError as error:
        return Finding("records", False, f"{root}: {error.strerror}", follows, mend)
    free = f"{space / 1e9:.1f} GB free"
    if space < _LITTLE_SPACE:
        return Finding("records", False, f"{root}: {free}", "a record may be cut short", mend)
    return Finding("records", True, f"{run_folder.parent}, {free}")


def _make_and_remove(root: Path) -> Path:
    existed = (root / folder.RECORDS).exists()
    run_folder = folder.make_run_folder(root, f"doctor-{os.urandom(3).hex()}")
    run_folder.rmdir()
    if not existed:
        shutil.rmtree(run_folder.parent, ignore_errors=True)
    return run_folder


def _failure(trace: str, command: Sequence[str]) -> str:
    """Record `command`, which reads the probe; return why that was not seen, or nothing."""
    with tempfile.TemporaryDirectory(prefix="wfprov-doctor-") as name:
        place = Path(name).resolve()
        (place / _PROBE).write_text("probe\n")
        try:
            outcome = launch(LaunchSettings(tuple(_within(place, command)), str(place), trace=trace, sample_interval=0))
        except LaunchError as error:
            return str(error)
        if outcome.run_folder is None:
            return f"nothing could be recorded in {place}"
        if outcome.status != 0:
            return f"the watched program ended with {_end(outcome.status, outcome.signal)}"
        seen = list(_events(outcome.run_folder))
        used = next((event.get("trace") for event in seen if event.get("e") == "run"), None)
        if used != trace:
            return f"{used} was used instead"
        if not any(event.get("e") == "read" and event.get("p") == str(place / _PROBE) for event in seen):
            return "a file that was opened is not in the journal"
    return ""


def _within(place: Path, command: Sequence[str]) -> List[str]:
    return ["sh", "-c", 'cd "$0" && exec "$@"', str(place), *command]


def _events(run_folder: Path) -> Iterator[Event]:
    for file in read(run_folder):
        yield from file
    for log in sorted(run_folder.glob(f"{STRACE_FILE_PREFIX}*")):
        yield from strace_events(log)


def _end(status: Optional[int], number: Optional[int]) -> str:
    return f"signal {number}" if status is None else f"status {status}"
