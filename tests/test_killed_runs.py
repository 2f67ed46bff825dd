"""A run that is killed at any moment leaves a record that reads, packs and validates."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provenance import run
from provenance.crate.validate import validate
from provenance.crate.write import write
from provenance.run.model import Status
from tests.conftest import Wfprov

MOMENTS = int(os.environ.get("WFPROV_KILLED_MOMENTS", "24"))
STEPS = 40
WORKLOAD = """
import os, subprocess, sys
import provenance

@provenance.task
def step(number):
    with open(f'tmp-{number}', 'w') as file:
        file.write('x' * number)
    os.replace(f'tmp-{number}', f'out {number}')
    print('moment', flush=True)
    subprocess.run(['sort', '-o', f'sorted {number}', f'out {number}'], check=True)
    return number

print(os.getpid(), flush=True)
for number in range(int(sys.argv[1])):
    step(number)
sys.stdin.read()  # still there, however late the killer is
"""


def killed_at(moment: random.Random, place: Path, wfprov: Wfprov, target: str) -> tuple[Path, int, int]:
    """Record the workload and kill `target` at some moment; return the run folder, the steps told of, the status."""
    (place / "workload.py").write_text(WORKLOAD)
    recorder = subprocess.Popen(
        [Path(sys.executable).parent / "wfprov", "run", "--quiet", "--", sys.executable, "workload.py", str(STEPS)],
        cwd=place,
        env=wfprov.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert recorder.stdin is not None and recorder.stdout is not None
    with recorder.stdout as told:
        command = int(told.readline())
        steps = moment.randrange(STEPS - 15)
        for _ in range(steps):
            assert told.readline() == b"moment\n"
        until = time.perf_counter() + moment.uniform(0, 0.01)  # anywhere in the steps that follow
        while time.perf_counter() < until:
            pass
        if target == "all":
            os.killpg(recorder.pid, signal.SIGKILL)
        else:
            os.kill(command if target == "command" else recorder.pid, signal.SIGKILL)
        recorder.stdin.close()
        steps += told.read().count(b"moment")  # until the last of them has gone
    return run.find(place, None), steps, recorder.wait()


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_killed_at_any_moment(seed: int, tmp_path: Path, wfprov: Wfprov) -> None:
    place = tmp_path / "work"
    place.mkdir()
    target = "command" if seed % 3 == 0 else "all"
    folder, steps, status = killed_at(random.Random(seed), place, wfprov, target)
    recorded = run.load(folder)
    assert status == -signal.SIGKILL
    if target == "command":  # the recorder lived on, saw it and ended alike
        assert (recorded.status, recorded.signal) == (Status.FAILED, signal.SIGKILL)
    else:
        assert recorded.status in (Status.UNKNOWN, Status.FAILED)
    # What had been told of was on disk: each step's file under its last name, and the call that made it.
    calls = [task for task in recorded.tasks if name_of_tool(recorded, task.tool) == "step"]
    assert steps <= len(calls) <= steps + 1
    assert {Path(data.path).name for data in recorded.data} >= {f"out {n}" for n in range(steps)}
    target_folder = tmp_path / "crate"
    write(recorded, target_folder)
    if seed % 4:  # every moment's crate is written; the validator takes its time
        return
    report = validate(target_folder / "ro-crate-metadata.json", level="required")
    # Without a ro-crate-info.yaml nobody has said under which license.
    assert {issue.check for issue in report.issues} <= {"Crate license", "Root Data Entity: `license` property"}


def test_only_the_recorder_is_killed(tmp_path: Path, wfprov: Wfprov) -> None:
    place = tmp_path / "work"
    place.mkdir()
    folder, steps, _ = killed_at(random.Random(1), place, wfprov, "recorder")
    recorded = run.load(folder)
    # The command went on to its end, unharmed and watched.
    assert steps == STEPS and (place / f"sorted {STEPS - 1}").is_file()
    assert len([task for task in recorded.tasks if task.status is Status.COMPLETED]) >= STEPS


def name_of_tool(recorded: run.Run, key: str) -> str:
    return next(tool.name.rpartition(".")[2] for tool in recorded.tools if tool.key == key)
