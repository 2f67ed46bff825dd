"""Finding, listing, showing and removing recorded runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance.cli import wfprov
from provenance.errors import UsageError
from provenance.run import Status, find, list_runs, load
from tests.run.journals import Journal, put
from tests.synthetic_journal import write_journal

SECOND = 10**9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(3):
        journal = Journal(tmp_path, 10**18 + number * SECOND, f"2026010{number}-a")
        journal.run("python", "train.py", "x")
        process = journal.process("python", "train.py")
        journal.read(process, put(tmp_path / "train.py", "", 10**18 - SECOND))
        journal.write(process, tmp_path / "odd\n\x1b[31mname.txt")
        journal.end(process)
        if number:
            journal.end_run(status=number - 1)
        journal.save()
    (tmp_path / ".wfprov" / ".gitignore").write_text("*")
    (tmp_path / ".wfprov" / "not-a-run").mkdir()
    return tmp_path


def test_runs_are_listed_oldest_first(root: Path) -> None:
    runs = list_runs(root)
    assert [run.id for run in runs] == ["20260100-a", "20260101-a", "20260102-a"]
    assert [run.status for run in runs] == [Status.UNKNOWN, Status.COMPLETED, Status.FAILED]
    assert [(run.name, run.tasks) for run in runs] == [("train.py", 1)] * 3
    assert all(run.size > 0 for run in runs)
    assert list_runs(root / ".wfprov") == runs
    assert list_runs(root / "nowhere") == []


def test_calls_are_counted_as_tasks(tmp_path: Path) -> None:
    write_journal(tmp_path / ".wfprov", 10, 5, tmp_path / "data")
    assert [run.tasks for run in list_runs(tmp_path)] == [5]


def test_latest_and_prefix_and_path(root: Path) -> None:
    records = root / ".wfprov"
    assert find(root) == records / "20260102-a"
    assert find(root, "20260101") == records / "20260101-a"
    assert find(root, str(records / "20260100-a")) == records / "20260100-a"


@pytest.mark.parametrize(("wanted", "words"), [("2026", "fits several"), ("zzz", "there is no run"), ("..", "no run")])
def test_unknown_and_ambiguous_ids_list_the_candidates(root: Path, wanted: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        find(root, wanted)
    assert "20260102-a" in str(raised.value)


def test_nothing_recorded_says_how_to_record(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wfprov run --"):
        find(tmp_path)


def call(root: Path, *words: str) -> str:
    result = CliRunner().invoke(wfprov, ["runs", *words, "--record-dir", str(root)], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_list_and_its_json(root: Path) -> None:
    assert "20260102-a" in call(root)
    assert [run["status"] for run in json.loads(call(root, "--json"))] == ["unknown", "completed", "failed"]


def test_show_files_has_roles_reasons_and_no_escapes(root: Path) -> None:
    shown = call(root, "show", "20260101", "--files")
    assert "source (1)" in shown
    assert "written by a task" in shown
    assert "\x1b" not in shown
    assert "odd\\n" in shown


def test_show_json_is_the_whole_run(root: Path) -> None:
    assert json.loads(call(root, "show", "20260101", "--json"))["id"] == "20260101-a"


def test_removing_takes_the_record_alone(root: Path) -> None:
    with pytest.raises(UsageError, match="--yes"):
        call(root, "rm", "20260101")
    call(root, "rm", "--yes", "20260101", "20260100-a")
    assert [run.id for run in list_runs(root)] == ["20260102-a"]
    assert (root / "train.py").exists()
    with pytest.raises(UsageError):
        call(root, "rm", "--yes", "not-a-run")
    assert (root / ".wfprov" / "not-a-run").exists()


def test_a_run_that_goes_on_is_running_and_is_not_removed(tmp_path: Path) -> None:
    import os
    import socket
    import time

    journal = Journal(tmp_path, time.time_ns())
    journal.run("sleep", "9", host=socket.gethostname(), pid=os.getpid())
    journal.process("sleep", "9", host=socket.gethostname(), ppid=os.getpid())
    folder = journal.save()
    assert load(folder).status is Status.RUNNING
    assert load(folder).tasks[0].status is Status.RUNNING
    with pytest.raises(UsageError, match="still going"):
        call(tmp_path, "rm", "--yes", folder.name)
    assert folder.exists()
