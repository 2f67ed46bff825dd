"""A run that is killed at any moment leaves a record that reads, packs and validates."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provenance import run
from provenance.crate.validate import validate
from provenance.crate.write import write
from provenance.run.model import Status
from tests.conftest import Wfprov

MOMENTS = 50
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

for number in range(int(sys.argv[1])):
    step(number)
"""


def killed_at(moment: int, place: Path, wfprov: Wfprov, whole_group: bool) -> Path:
    """Record the workload and kill it with SIGKILL after it has told of `moment` steps; return the run folder."""
    (place / "workload.py").write_text(WORKLOAD)
    recorder = subprocess.Popen(
        [Path(sys.executable).parent / "wfprov", "run", "--quiet", "--", sys.executable, "workload.py", str(MOMENTS)],
        cwd=place,
        env=wfprov.environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert recorder.stdout is not None
    with recorder.stdout as told:
        for _ in range(moment):
            assert told.readline() == b"moment\n"
        if whole_group:
            os.killpg(recorder.pid, signal.SIGKILL)
        else:
            recorder.kill()
        told.read()  # until the last of them has gone
    recorder.wait()
    return run.find(place, None)


@pytest.mark.parametrize("moment", range(1, MOMENTS + 1))
def test_killed_with_all_its_processes(moment: int, tmp_path: Path, wfprov: Wfprov) -> None:
    place = tmp_path / "work"
    place.mkdir()
    recorded = run.load(killed_at(moment, place, wfprov, whole_group=True))
    assert recorded.status is not Status.COMPLETED
    # What had been told of was on disk: each step's file under its last name, and the call that made it.
    tasks = [task for task in recorded.tasks if recorded_tool(recorded, task.tool) == "step"]
    assert len(tasks) == moment
    assert {Path(data.path).name for data in recorded.data} >= {f"out {n}" for n in range(moment)}
    target = tmp_path / "crate"
    write(recorded, target)
    assert (target / "ro-crate-metadata.json").is_file()
    if moment % 10 == 0:
        report = validate(target, level="required")
        findings = [issue for issue in report.issues if "license" not in issue.message.lower()]
        assert not findings


def test_only_the_recorder_is_killed(tmp_path: Path, wfprov: Wfprov) -> None:
    place = tmp_path / "work"
    place.mkdir()
    recorded = run.load(killed_at(3, place, wfprov, whole_group=False))
    # The command went on to its end, unharmed and watched.
    assert (place / f"sorted {MOMENTS - 1}").is_file()
    assert len([task for task in recorded.tasks if task.status is Status.COMPLETED]) >= MOMENTS


def recorded_tool(recorded: run.Run, key: str) -> str:
    return next(tool.name.rpartition(".")[2] for tool in recorded.tools if tool.key == key)
