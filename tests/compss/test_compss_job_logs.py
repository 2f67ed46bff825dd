"""The outputs of jobs, and the errors in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provenance.engines.compss import job_logs
from provenance.engines.compss.records import JobLog, TaskExecutions

TRACE = 'Traceback (most recent call last):\n  File "tasks.py", line 27, in multiply\n    raise it\n'


def test_jobs_in_order_with_the_error_of_each(tmp_path: Path) -> None:
    for name, text in {
        "job10_NEW.out": "fine\n",
        "job10_NEW.err": "",
        "job2_RESUBMITTED.err": f"{TRACE}ValueError: again\n",
        "job2_NEW.out": "[PYTHON WORKER] WORKER EXCEPTION IN task multiply\n",
        "job2_NEW.err": f"{TRACE}ValueError: too small\n",
        "job3_NEW.out": "WORKER EXCEPTION IN tasks.multiply - Attribute Error Exception\n",
        "notes.txt": TRACE,
    }.items():
        (tmp_path / name).write_text(text)
    logs, problems = job_logs.read(tmp_path)
    assert problems == []
    assert [(log.task, log.attempt, log.stream, log.error) for log in logs] == [
        (2, "NEW", "err", "ValueError: too small"),
        (2, "NEW", "out", None),
        (2, "RESUBMITTED", "err", "ValueError: again"),
        (3, "NEW", "out", "WORKER EXCEPTION IN tasks.multiply - Attribute Error Exception"),
        (10, "NEW", "err", None),
        (10, "NEW", "out", None),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("all is well\nError: none\n", None),
        (f"{TRACE}KeyError: 'a'\nWARNING: cleaning up\n", "KeyError: 'a'"),
        (f"{TRACE}KeyError: 'a'\n\nDuring handling:\n\n{TRACE}my.pkg.Broken\n", "my.pkg.Broken"),
        (f"{TRACE}ValueError: two\nlines\n", "ValueError: two"),
        (
            'Exception in thread "main" java.lang.IllegalStateException: no\n\tat es.bsc.A.b(A.java:3)\n',
            "java.lang.IllegalStateException: no",
        ),
        ("java.io.FileNotFoundException: a.txt\n\tat x\n", "java.io.FileNotFoundException: a.txt"),
        ("Error sending new task command", "Error sending new task command"),
        ("", None),
    ],
)
def test_errors(text: str, error: str | None) -> None:
    assert job_logs.error_in(text) == error


def test_only_the_end_of_a_large_output_is_read(tmp_path: Path) -> None:
    (tmp_path / "job1_NEW.err").write_text(f"{TRACE}ValueError: first\n" + "x\n" * 100_000 + f"{TRACE}OSError: last\n")
    (tmp_path / "job2_NEW.err").write_text(f"{TRACE}ValueError: first\n" + "x\n" * 100_000)
    logs, _ = job_logs.read(tmp_path)
    assert [log.error for log in logs] == ["OSError: last", None]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_output_without_permission_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "job1_NEW.err"
    path.write_text("x")
    path.chmod(0)
    logs, problems = job_logs.read(tmp_path)
    assert [log.error for log in logs] == [None]
    assert problems[0].file == str(path)


def test_a_link_that_leads_nowhere_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "job1_NEW.err").symlink_to(tmp_path / "gone")
    _, problems = job_logs.read(tmp_path)
    assert len(problems) == 1


def test_there_may_be_no_folder(tmp_path: Path) -> None:
    assert job_logs.read(tmp_path / "jobs") == ((), [])


def test_the_number_of_a_job_is_not_that_of_its_task() -> None:
    logs = [JobLog(job, "NEW", "err", Path(f"/x/jobs/job{job}_NEW.err")) for job in (1, 2, 3, 4)]
    executions = {7: TaskExecutions(7, logs=["job1_NEW.err"]), 1: TaskExecutions(1, logs=["job2_NEW.out"])}
    assert [log.task for log in job_logs.assign(logs, executions, [(3, 9)])] == [7, 1, 9, 4]
