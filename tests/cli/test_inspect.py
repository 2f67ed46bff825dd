"""``wfprov inspect`` as a user calls it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance.cli.inspect import command

CRATES = Path(__file__).parent.parent / "data" / "crates"
COMPSS, GALAXY, OLD = CRATES / "compss-3.4", CRATES / "galaxy", CRATES / "minimal-1.0"


@pytest.fixture
def inspect(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "UTC")

    def call(*arguments):
        found = CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)
        if found.exception:
            raise found.exception
        return found

    return call


def labelled(output, label):
    return next(line[13:] for line in output.splitlines() if line.startswith(f"{label:<13}"))


def test_summary_says_what_happened(inspect):
    output = inspect(COMPSS).output
    assert output.splitlines()[0] == "Block sums"
    assert labelled(output, "status") == "FAILED: task 10 failed"
    assert labelled(output, "when") == "2026-03-16 10:12:01 to 10:12:07 UTC (6.0 s)"
    assert labelled(output, "engine") == "COMPSs runtime 3.4"
    assert labelled(output, "license") == "Apache-2.0"
    assert labelled(output, "tasks").startswith("3 tasks, 2 completed, 1 failed")
    assert labelled(output, "outputs") == "1 file, 1.5 KiB"
    assert labelled(output, "other") == "1 file, 10 B, not in the crate"
    assert labelled(output, "used") == "cpuAvg=15.5 PERCENT"
    assert "Josiah Carberry (Barcelona Supercomputing Center" in output


def test_tools_with_counts_and_times(inspect):
    rows = [line.split() for line in inspect(COMPSS).output.splitlines() if "blocks_tasks." in line]
    assert rows[0] == ["blocks_tasks.add", "2", "1", "500", "ms", "1.8", "s", "3.1", "s"]
    assert rows[1][:3] == ["blocks_tasks.load", "1", "0"]


@pytest.mark.parametrize("crate", [COMPSS, GALAXY, OLD])
@pytest.mark.parametrize("options", [(), ("-v",), ("--data",), ("--tasks", "1-20")])
def test_lines_fit_the_terminal(inspect, crate, options):
    assert max(map(len, inspect(crate, *options).output.splitlines())) <= 80


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tasks", "1,10", COMPSS),
        ("--tasks", "1", "10", COMPSS),
        ("--tasks", "1", "--tasks", "10-12", COMPSS),
        (COMPSS, "--tasks", "1", "10"),
        ("--tasks=1,10", COMPSS),
    ],
)
def test_tasks_are_chosen_by_the_engines_numbers(inspect, arguments):
    listed = json.loads(inspect("--json", *arguments).output)["crates"][0]["run"]["tasks"]
    assert [task["key"] for task in listed] == [
        "#Task_1_execution_details",
        "#Task_10_execution_details",
    ]


def test_a_crate_that_is_called_like_a_number_is_a_crate(inspect, tmp_path, monkeypatch):
    shutil.copytree(COMPSS, tmp_path / "2")
    monkeypatch.chdir(tmp_path)
    assert "blocks_tasks.load" in inspect("--tasks", "1", "2").output


def test_failed_tasks_with_their_error(inspect):
    output = inspect("--failed", COMPSS).output
    assert "ValueError: negative block" in output
    assert "blocks_tasks.load" not in output


def test_tasks_of_a_tool(inspect):
    output = inspect("--tool", "*.load", COMPSS).output
    assert "blocks_tasks.load" in output
    assert "blocks_tasks.add" not in output
    assert "no such task among the 3" in inspect("--tool", "nothing", COMPSS).output


def test_data_are_listed(inspect):
    lines = inspect("--data", COMPSS).output.splitlines()
    assert lines[0].split() == ["file", "role", "size"]
    assert any("in put.txt" in line and "input" in line and "100 B" in line for line in lines)
    assert any("job3_NEW.err" in line and "not in the crate" in line for line in lines)


def test_one_broken_crate_does_not_hide_the_others(inspect, tmp_path):
    (tmp_path / "ro-crate-metadata.json").write_text("{")
    found = inspect(COMPSS, tmp_path, GALAXY)
    assert found.return_value == 3
    assert "Block sums" in found.output
    assert "collection_workflow" in found.output
    assert "not valid JSON" in found.stderr
    listed = json.loads(inspect("--json", tmp_path, COMPSS).stdout)["crates"]
    assert [(crate["error"] is None, crate["run"] is None) for crate in listed] == [
        (False, True),
        (True, False),
    ]


def test_json_has_times_as_text_and_the_numbers(inspect):
    crate = json.loads(inspect("--json", COMPSS).output)["crates"][0]
    assert crate["run"]["start"] == "2026-03-16T10:12:01Z"
    assert crate["run"]["tasks"][1]["end"] == "2026-03-16T10:12:05.123456789Z"
    assert crate["run"]["status"] == "failed"
    assert crate["summary"]["statuses"] == {"completed": 2, "failed": 1}
    assert crate["summary"]["tools"][0]["count"] == 2


def test_names_in_a_crate_can_not_command_the_terminal(inspect, tmp_path):
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    graph = [
        {"@id": "ro-crate-metadata.json", "about": {"@id": "./"}},
        {"@id": "./", "@type": "Dataset", "name": evil, "description": evil, "author": evil, "license": evil},
        {"@id": "#t", "@type": "CreateAction", "name": evil, "error": evil, "instrument": {"@id": evil + "#"},
         "result": {"@id": evil}},
        {"@id": "#u", "@type": "CreateAction", "name": evil, "description": evil, "object": {"@id": evil}},
    ]  # fmt: skip
    (tmp_path / "ro-crate-metadata.json").write_text(json.dumps({"@graph": graph}))
    for options in ((), ("-v",), ("--data", "-v"), ("--tasks", "1-9", "-v"), ("--json",)):
        output = inspect(tmp_path, *options).output
        assert "\x1b" not in output
        assert "\u202e" not in output


def test_bad_numbers_are_refused(inspect):
    import click

    with pytest.raises(click.UsageError, match="write for example 3,7-9"):
        inspect("--tasks", "x", COMPSS)
