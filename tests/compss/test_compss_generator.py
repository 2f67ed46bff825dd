"""Runs of a generator that others wrote: what its truth says is what the crate says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provenance.run.model import Status
from tests.compss.packed import Packed, pack, sha256
from tests.compss.runs import files_below, snapshot
from tests.conftest import Wfprov

CASES = ("matmul", "directory", "failed", "map")
VERSIONS = ("3.3", "3.3.1", "3.4")
FLAGS = {
    "plain": [],
    "persist": ["--persist"],
    "slurm": ["--slurm", "3846825", "--workers", "3"],
    "debug": ["--debug", "--workers", "2", "--no-svg"],
    "all": ["--persist", "--slurm", "12", "--workers", "2", "--debug"],
}
STATUS = {
    "FINISHED": Status.COMPLETED,
    "FAILED": Status.FAILED,
    "CANCELED": Status.CANCELED,
    "RECOVERED": Status.RECOVERED,
}
# One of each kind, not all: a check takes seconds.
# Every case of every version with nothing and with all at once; each flag by itself where it says most.
RUNS = [
    (case, version, flags)
    for case in CASES
    for version in VERSIONS
    for flags in FLAGS
    if flags in ("plain", "all") or version == "3.4"
]
VALIDATED = {("matmul", "3.3", "all"), ("directory", "3.4", "persist"), ("failed", "3.4", "all")}


@dataclass(frozen=True)
class Generated:
    truth: dict[str, Any]
    log_folder: Path
    work_folder: Path


def generate(shared: Path, folder: Path, *options: str) -> Generated:
    tool = shared / "tools/make_compss_run.py"
    if not tool.is_file():
        pytest.skip("no generator of COMPSs runs beside the project")
    made = subprocess.run([sys.executable, tool, folder, *options], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    truth = json.loads((folder / "truth.json").read_text())
    return Generated(truth, Path(truth["log"]), Path(truth["work"]))


def paths(urls: list[str], host: str) -> set[str]:
    return {url.partition("://")[2].removeprefix(host) for url in urls}


def nanoseconds(text: str) -> int:
    from provenance.crate.read_values import moment

    found = moment(text)
    assert found is not None
    return found.nanoseconds


def assert_times(told: tuple[int | None, int | None], known: dict[str, Any]) -> None:
    """Times in a crate have milliseconds, which is all that the run profiles allow; durations are exact."""
    start, end = told
    assert start is not None
    assert end is not None
    assert 0 <= nanoseconds(known["start"]) - start < 1_000_000, known
    assert end - start == nanoseconds(known["end"]) - nanoseconds(known["start"]), known


def check(made: Generated, packed: Packed) -> None:
    truth, run = made.truth, packed.run
    known_inputs, known_outputs = (paths(truth[name], truth["host"]) for name in ("input_urls", "output_urls"))
    inputs, outputs = packed.originals(run.inputs), packed.originals(run.outputs)
    assert known_inputs - inputs == set()
    assert inputs - known_inputs <= set(files_below(known_inputs))
    assert known_outputs - outputs == set()
    assert outputs - known_outputs <= set(files_below(known_outputs))
    for path in files_below([*known_inputs, *known_outputs]):
        assert sha256(path) in [one.get("sha256") for one in packed.states(path)], path
    assert run.host == truth["host"]
    if truth["version"] != "3.3":
        assert_times((run.start, run.end), truth)
    if truth["version"] != "3.4":
        assert run.tasks == ()
        return
    assert run.status is (Status.COMPLETED if truth["ok"] else Status.FAILED)
    assert len(run.tasks) == truth["tasks"]
    assert Counter(one.status for one in run.tasks) == {STATUS[name]: n for name, n in truth["statuses"].items()}
    for known, told in zip(truth["task_list"], run.tasks, strict=True):
        assert told.status is STATUS[known["status"]], known
        if known["status"] != "CANCELED":
            assert_times((told.start, told.end), known)
            assert told.host == known["host"], known


@pytest.mark.parametrize(("case", "version", "flags"), RUNS)
def test_what_the_generator_knows_is_in_the_crate(
    tmp_path: Path, wfprov: Wfprov, shared: Path, case: str, version: str, flags: str
) -> None:
    size = ["-n", "12"] if case == "map" else []
    made = generate(shared, tmp_path / "run", "--case", case, "--version", version, *size, *FLAGS[flags])
    before = snapshot(made.work_folder, made.log_folder)
    packed = pack(wfprov, made.log_folder, tmp_path / "crate")
    check(made, packed)
    assert snapshot(made.work_folder, made.log_folder) == before
    if (case, version, flags) in VALIDATED:
        pytest.importorskip("rocrate_validator")
        from provenance.crate.validate import validate

        assert [(one.check, one.entity) for one in validate(packed.crate).issues] == []


def test_data_that_the_user_wants_along_are_copied_and_others_not_when_so_said(
    tmp_path: Path, wfprov: Wfprov, shared: Path
) -> None:
    made = generate(shared, tmp_path / "run", "--case", "matmul", "--version", "3.4", "--persist")
    packed = pack(wfprov, made.log_folder, tmp_path / "crate")
    assert packed.report["copied"] >= made.truth["files"]
    assert (packed.report["gone"], packed.report["overwritten"]) == ([], 4)  # what the tasks changed in place
    packed = pack(wfprov, made.log_folder, tmp_path / "other", "--data", "reference")
    assert packed.report["referenced"] == made.truth["files"]
