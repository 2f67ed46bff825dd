"""What the runtime of COMPSs said on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.engines.compss import console
from tests.conftest import SHARED

BEGINNING = "[(443)    API]  -  Starting COMPSs Runtime v3.4 (build 20260316-0106.r0123)\n"
FINISHED = "[(152002)    API]  -  Execution Finished\n"


def written(folder: Path, out: str, err: str = "") -> console.ConsoleOutput:
    (folder / "compss-7.out").write_text(out)
    (folder / "compss-7.err").write_text(err)
    return console.read(folder / "compss-7.out")


def test_a_run_that_finished(tmp_path: Path) -> None:
    found = written(tmp_path, f"hello\n{BEGINNING}Starting demo\n{FINISHED}")
    assert (found.version, found.build) == ("3.4", "20260316-0106.r0123")
    assert found.has_finished
    assert not found.has_failed
    assert found.error is None


def test_a_run_that_was_stopped_by_an_error(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        f"{BEGINNING}{FINISHED}",
        "[ERRMGR]  -  WARNING: Job 3 for running task 7 on worker n1 has failed; resubmitting task.\n"
        "[ERRMGR]  -  ERROR:   Unschedulable tasks detected.\n"
        "                      COMPSs has found tasks with constraints that cannot be fulfilled.\n"
        "                      Stack trace:\n"
        "                      at es.bsc\n"
        "[ERRMGR]  -  Shutting down COMPSs...\n",
    )
    assert found.has_failed
    expected = "Unschedulable tasks detected. COMPSs has found tasks with constraints that cannot be fulfilled."
    assert found.error == expected
    assert found.tasks_of_jobs == ((3, 7),)


def test_warnings_are_no_failure(tmp_path: Path) -> None:
    warning = "[ERRMGR]  -  WARNING: Task 7(Action: 7) with name multiply has failed.\n"
    assert not written(tmp_path, BEGINNING, warning).has_failed
    failed = written(tmp_path, f"{BEGINNING}Error running application\n", warning)
    assert failed.has_failed
    assert failed.error == "Task 7(Action: 7) with name multiply has failed."


def test_what_the_application_prints_is_not_the_runtime(tmp_path: Path) -> None:
    found = written(tmp_path, "Execution Finished\nI say [ERRMGR]  -  ERROR: no\n\xff\x00" + "x" * 200_000)
    assert not found.has_finished
    assert not found.has_failed
    assert found.version is None


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert console.read(tmp_path / "stdout") == console.ConsoleOutput()


def test_a_published_run() -> None:
    path = SHARED / "data/crates/compss-lysozyme-4d44d8b/compss-3846825.out"
    if not path.exists():
        pytest.skip("the crate is not here")
    found = console.read(path)
    assert (found.version, found.has_finished, found.has_failed) == ("3.3", True, False)
    assert found.build == "20240603-1704.r8aa0f66148d3707532e661c476cbcb3e1d09ad50"
