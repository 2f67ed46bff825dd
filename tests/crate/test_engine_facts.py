"""What an engine tells beside its tasks: its arguments, attempts, recovered tasks, logs, statistics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provenance.crate.read import read
from provenance.crate.settings import PackSettings
from provenance.crate.write import write
from provenance.run.model import (
    Attempt,
    Data,
    Measurement,
    ResourceUse,
    Role,
    Run,
    Software,
    Status,
    Task,
    Tool,
    Value,
)

START = 1_763_800_000_000_000_000
SECOND = 1_000_000_000


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of three tasks: one that came through at its second attempt, one recovered, one canceled."""
    log = tmp_path / "engine" / "jobs" / "job1 #1.err"
    log.parent.mkdir(parents=True)
    log.write_text("no luck\n")
    attempts = (
        Attempt(Status.FAILED, "node1", START, START + SECOND),
        Attempt(Status.COMPLETED, "node2", START + 2 * SECOND, START + 3 * SECOND),
    )
    return Run(
        id="r1",
        name="work",
        status=Status.COMPLETED,
        command=("engine", "--nodes=2", "app.py", "in put"),
        submission="engine --nodes=2 app.py in put",
        cwd=str(tmp_path),
        host="master",
        start=START,
        end=START + 9 * SECOND,
        engine=Software("Engine", "1.0", "https://example.org/engine"),
        engine_arguments=(Value("--nodes", "2"), Value("-d", None)),
        tools=(Tool("t", "module.method", "function"),),
        tasks=(
            Task("1", "t", Status.COMPLETED, START, START + 3 * SECOND, host="node2", attempts=attempts, logs=("log",)),
            Task("2", "t", Status.RECOVERED),
            Task("3", "t", Status.CANCELED, host="master"),
        ),
        data=(Data("log", str(log), Role.LOG, content=str(log)),),
        resources=ResourceUse(
            extra=tuple(
                Measurement(f"node1.a-rather-long-package.and_module.and.a.method.{name}", amount, unit, definition)
                for name, amount, unit, definition in (
                    ("maxTime", 59, "https://qudt.org/vocab/unit/MilliSEC", "https://example.org/terms#maxTime"),
                    ("minTime", 8, "https://qudt.org/vocab/unit/MilliSEC", "https://example.org/terms#minTime"),
                    ("executions", 2, None, None),
                )
            )
        ),
        log_folder=str(tmp_path / "engine"),
    )


@pytest.fixture
def crate(run: Run, tmp_path: Path) -> Path:
    write(run, tmp_path / "crate", PackSettings())
    return tmp_path / "crate"


def entities(crate: Path) -> dict[str, Any]:
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    assert len({one["@id"] for one in graph}) == len(graph)
    return {one["@id"]: one for one in graph}


def test_arguments_of_the_engine_are_told_from_those_of_the_workflow(crate: Path, run: Run) -> None:
    found = entities(crate)
    action = found["#run-r1"]
    arguments = [found[one["@id"]] for one in action["environment"]]
    assert [(one["name"], one["value"]) for one in arguments] == [("--nodes", "2"), ("-d", True)]
    assert action["description"] == run.submission
    back = read(crate)
    assert [value.name for value in back.engine_arguments] == ["--nodes", "-d"]
    assert not back.environment.variables


def test_attempts_and_recovery_are_told(crate: Path) -> None:
    found = entities(crate)
    told = found[found["#task-1"]["comment"]["@id"]]["text"]
    assert "Attempt 1 on node1" in told
    assert "failed" in told
    assert "Attempt 2 on node2" in told
    assert found["#task-2"]["comment"] == {"@id": "#status-recovered"}
    assert found["#task-3"]["error"] == "canceled"
    assert [task.status for task in read(crate).tasks] == [Status.COMPLETED, Status.RECOVERED, Status.CANCELED]


def test_a_task_elsewhere_says_where(crate: Path) -> None:
    assert [task.host for task in read(crate).tasks] == ["node2", "master", "master"]
    assert entities(crate)["#task-1"]["location"] == "file://node2"


def test_logs_of_tasks_lie_as_the_engine_laid_them(crate: Path) -> None:
    assert (crate / "logs/jobs/job1 #1.err").read_text() == "no luck\n"
    back = read(crate)
    assert back.tasks[0].logs == ("logs/jobs/job1%20%231.err",)
    assert [data.role for data in back.data if data.key in back.tasks[0].logs] == [Role.LOG]


def test_measurements_keep_their_names_units_and_definitions(crate: Path, run: Run) -> None:
    back = read(crate).resources
    assert back is not None
    assert run.resources is not None
    assert back.extra == tuple(
        replace(one, value=str(one.value), definition=one.definition or one.name) for one in run.resources.extra
    )
