"""``wfprov pack`` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provenance.cli.packing import default_target
from provenance.run.model import Run, Status

INFO = """
Workflow Information:
  name: Sorted table
  description: Sorts a table.
  license: Apache-2.0
"""


@pytest.fixture
def recorded(tmp_path: Path, wfprov) -> Path:
    (tmp_path / "in.txt").write_text("b\na\n")
    done = wfprov("run", "--", "sort", "in.txt", "-o", "out.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_latest_run_is_packed_under_a_name_of_its_own(recorded, wfprov):
    done = wfprov("pack", cwd=recorded)
    assert done.returncode == 0, done.stderr
    (crate,) = recorded.glob("*-crate")
    assert done.stdout.splitlines()[0] == crate.name
    assert "license: under what terms" in done.stdout
    assert (crate / "dataset/out.txt").read_text() == "a\nb\n"


def test_the_information_file_of_the_folder_is_used(recorded, wfprov):
    (recorded / "ro-crate-info.yaml").write_text(INFO)
    done = wfprov("pack", "-o", "crate", cwd=recorded)
    assert "license" not in done.stdout
    assert '"Sorted table"' in (recorded / "crate/ro-crate-metadata.json").read_text()


def test_a_report_for_machines(recorded, wfprov):
    done = wfprov("pack", "--zip", "--json", "--data", "reference", cwd=recorded)
    report = json.loads(done.stdout)
    assert report["crate"].endswith(".crate.zip")
    assert (recorded / report["crate"]).is_file()
    assert (report["copied"], report["referenced"]) == (0, 2)
    assert set(report["seconds"]) == {"hashing", "copying", "metadata"}


def test_quiet_prints_the_path_alone(recorded, wfprov):
    assert wfprov("pack", "-q", "-o", "crate", cwd=recorded).stdout == "crate\n"


@pytest.mark.parametrize("arguments", [("nonsense",), ("--max-file-size", "many"), ("--data", "some")])
def test_a_wrong_call_is_a_usage_error_without_traceback(recorded, wfprov, arguments):
    done = wfprov("pack", *arguments, cwd=recorded, status=2)
    assert "Traceback" not in done.stderr
    assert not list(recorded.glob("*-crate*"))


def test_a_target_that_is_there_is_a_usage_error(recorded, wfprov):
    assert wfprov("pack", "-o", "crate", cwd=recorded).returncode == 0
    assert "--force" in wfprov("pack", "-o", "crate", cwd=recorded, status=2).stderr
    assert wfprov("pack", "-o", "crate", "--force", cwd=recorded).returncode == 0


def test_a_size_limit_references_what_is_larger(recorded, wfprov):
    done = wfprov("pack", "-o", "crate", "--data", "copy", "--max-file-size", "3B", "--json", cwd=recorded)
    assert json.loads(done.stdout)["copied"] == 0


def test_the_default_name_tells_workflow_and_time():
    run = Run("1", "my work/flow.py", Status.COMPLETED, main="x", start=1_795_367_700_000_000_000)
    assert default_target(run, as_zip=False).name == "flow-20261122T171500Z-crate"
    assert default_target(run, as_zip=True).name == "flow-20261122T171500Z.crate.zip"
