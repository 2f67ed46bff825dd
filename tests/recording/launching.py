"""Starts `wfprov run` as users do: a process of its own, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from provenance.journal import read

PROJECT = Path(__file__).resolve().parents[2]
WFPROV = [
    sys.executable,
    "-c",
    f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from provenance.cli import main; main()",
]


def arguments(command, *options):
    return [*WFPROV, "run", *options, "--", *command]


def record(command, place, *options, **more):
    """Run `command` under the launcher and return the ended process."""
    more.setdefault("capture_output", True)
    return subprocess.run(arguments(command, *options), cwd=place, timeout=60, check=False, **more)


def begin(command, place, *options, **more):
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen(arguments(command, *options), cwd=place, **more)


def folders(place):
    return sorted(path for path in (Path(place) / ".wfprov").glob("*") if path.is_dir())


def events(run_folder, name="run.jsonl"):
    return [json.loads(line) for line in (run_folder / name).read_text().splitlines()]


def all_events(run_folder):
    return [event for file in read(run_folder) for event in file]


def only(place):
    """The one record in `place`: its folder, and its own events by kind (the last of each)."""
    (run_folder,) = folders(place)
    return run_folder, {event["e"]: event for event in events(run_folder)}


def wait_for(condition, seconds=20):
    """Wait until `condition` gives something true and return that."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        os.sched_yield()
        time.sleep(0.005)
    raise AssertionError("it did not happen in time")


def sleeping(pid):
    """Whether process `pid` waits for something."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"S"
    except OSError:
        return False


def end_all(process):
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
