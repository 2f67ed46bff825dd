"""``wfprov validate`` as a user calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("rocrate_validator")

from provenance.cli.validate import command

PROJECT = Path(__file__).parents[2]
METADATA = PROJECT / "tests" / "data" / "crates" / "compss-3.4" / "ro-crate-metadata.json"


@pytest.fixture
def validate(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments):
        found = CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)
        if found.exception:
            raise found.exception
        return found

    return call


def test_findings_are_grouped_with_entities_and_a_way_out(validate):
    found = validate(METADATA)
    assert found.return_value == 1
    lines = found.output.splitlines()
    assert "not passed" in lines[0]
    assert any(line.startswith("REQUIRED: ") for line in lines)
    assert any(line.startswith("    > ") for line in lines)
    assert sum("[ro-crate-1.1_22.2]" in line for line in lines) == 1
    assert max(len(line) for line in lines[1:] if "http" not in line) <= 80


def test_json_is_alone_and_exact(validate):
    found = validate(METADATA, "--json", "--level", "required")
    report = json.loads(found.stdout)
    assert list(report) == ["passed", "profile", "level", "issues"]
    assert report["passed"] is (found.return_value == 0)
    assert {"id", "level", "check", "entity", "property", "message", "hint"} == set(report["issues"][0])


def test_without_the_validator_it_says_how_to_get_it(tmp_path):
    (tmp_path / "rocrate_validator.py").write_text("raise ImportError('not here')")
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from provenance.cli import main; main()",
            "validate",
            str(METADATA),
        ],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{PROJECT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 9
    assert 'pip install "wfprov[validate]"' in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_broken_crate_is_status_3_without_traceback(tmp_path):
    (tmp_path / "ro-crate-metadata.json").write_text("{]")
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from provenance.cli import main; main()",
            "validate",
            str(tmp_path),
        ],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3
    assert "line 1, column 2" in ran.stderr
    assert "Traceback" not in ran.stderr
