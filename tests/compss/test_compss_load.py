"""From the folders that a COMPSs run leaves behind to a Run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from provenance.engines.compss.load import load
from provenance.errors import WfprovError
from provenance.run.info import Info, read_info
from provenance.run.model import Data, Environment, Role, Run, Status

START = "2026-03-16T10:12:01.123456Z"
END = "2026-03-16T10:12:05Z"
STATUSES = {"FINISHED": Status.COMPLETED, "FAILED": Status.FAILED, "CANCELED": Status.CANCELED}
CASES = ["matmul", "directory", "failed", "map"]
OPTIONS = [[], ["--persist"], ["--slurm", "3846825"], ["--workers", "3"], ["--debug"]]


def nanoseconds(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (moment.days * 86_400 + moment.seconds) * 1_000_000_000 + moment.microseconds * 1_000


def folders(tmp_path: Path, lines: list[str], files: tuple[str, ...] = ()) -> tuple[Path, Path]:
    """Write a log of accesses and files of the working folder, named ``WORK`` in the lines; return both folders."""
    logs, work = tmp_path / "logs" / "app.py_01", tmp_path / "work"
    for folder in (logs, work):
        folder.mkdir(parents=True)
    for name in files:
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))
    text = "\n".join([*lines, ""]).replace("WORK", str(work))
    (logs / "dataprovenance.log").write_bytes(os.fsencode(text))
    return logs, work


def with_tasks(tmp_path: Path, lines: list[str], files: tuple[str, ...] = (), end: str | None = END) -> Run:
    logs, work = folders(tmp_path, ["3.4", "app.py", START, *lines, *([end] if end else [])], files)
    return load(logs, work)


def by_key(run: Run) -> dict[str, Data]:
    found = {each.key: each for each in run.data}
    assert len(found) == len(run.data)
    return found


def urls(run: Run, keys: tuple[str, ...]) -> list[str]:
    data = by_key(run)
    return sorted(f"{'dir' if data[key].is_directory else 'file'}://{run.host}{data[key].path}" for key in keys)


def check_references(run: Run) -> None:
    """Everything that refers to data, tasks or tools refers to one that there is."""
    data, tasks, tools = by_key(run), {each.key for each in run.tasks}, {each.key for each in run.tools}
    assert len(tasks) == len(run.tasks)
    for task in run.tasks:
        assert task.tool in tools
        assert {*task.inputs, *task.outputs, *task.logs} <= data.keys()
        assert {v.data_key for v in (*task.arguments, *task.results) if v.data_key is not None} <= data.keys()
    for edge in run.edges:
        assert {edge.source, edge.target} <= tasks
        assert edge.data in data
    assert {*run.inputs, *run.outputs} <= data.keys()
    assert run.main is None or data[run.main].role is Role.SOURCE


@pytest.fixture(scope="session")
def generator(shared: Path) -> Path:
    return shared / "tools" / "make_compss_run.py"


def generated(generator: Path, folder: Path, *options: str) -> tuple[Run, dict[str, Any]]:
    command = [sys.executable, str(generator), str(folder), "--no-svg", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    truth = json.loads((folder / "truth.json").read_text())
    work = Path(truth["work"])
    return load(Path(truth["log"]), work, read_info(work / truth["yaml"])), truth


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "".join(options[:1]) or "plain")
@pytest.mark.parametrize("version", ["3.3", "3.3.1", "3.4"])
@pytest.mark.parametrize("case", CASES)
def test_a_generated_run_is_told_as_it_was(
    generator: Path, tmp_path: Path, case: str, version: str, options: list[str]
) -> None:
    run, truth = generated(generator, tmp_path, "--case", case, "--version", version, "-n", "12", *options)
    check_references(run)
    assert urls(run, run.inputs) == truth["input_urls"]
    assert urls(run, run.outputs) == truth["output_urls"]
    assert run.host == truth["host"]
    assert run.status is (Status.COMPLETED if truth["ok"] else Status.FAILED)
    assert (run.error is None) == truth["ok"]
    assert run.submission == truth["command"]
    assert run.main == f"{truth['work']}/src/{'matmul_directory' if case == 'directory' else 'matmul_files'}.py"
    if version == "3.3":
        assert run.start is None
        assert run.end == (Path(truth["log"]) / "dataprovenance.log").stat().st_mtime_ns
    else:
        assert (run.start, run.end) == (nanoseconds(truth["start"]), nanoseconds(truth["end"]))
    assert [gap.what for gap in run.gaps] == (
        ["the start of the run", "the end of the run"] if version == "3.3" else []
    )
    if version != "3.4":
        assert run.tasks == ()
        return
    assert [each.key for each in run.tasks] == [f"task-{each['id']}" for each in truth["task_list"]]
    for task, told in zip(run.tasks, truth["task_list"], strict=True):
        assert (task.tool, task.status) == (told["sig"], STATUSES[told["status"]])
        if told["status"] != "CANCELED":
            assert task.host == told["host"]
            assert (task.start, task.end) == (nanoseconds(told["start"]), nanoseconds(told["end"]))
            assert task.outputs
        else:
            assert (task.start, task.end, task.outputs) == (None, None, ())
        assert bool(task.logs) == (task.status is Status.FAILED or "--debug" in options)


def test_the_edges_are_those_of_the_graph(generator: Path, tmp_path: Path) -> None:
    run, _ = generated(generator, tmp_path, "--version", "3.4", "--msize", "3")
    assert run.graph is not None
    drawn = {(f"task-{a}", f"task-{b}") for a, b, _ in run.graph.edges if a.isdigit() and b.isdigit()}
    assert {(edge.source, edge.target) for edge in run.edges} == drawn


def test_statistics_and_use_of_nodes_are_measurements(generator: Path, tmp_path: Path) -> None:
    for version in ("3.3", "3.3.1", "3.4"):
        run, truth = generated(generator, tmp_path / version, "--version", version, "--slurm", "1")
        assert run.resources is not None
        told = {each.name: each.value for each in run.resources.extra}
        assert told["overall.matmul_tasks.multiply.executions"] == truth["tasks"]
        assert (f"{truth['host']}-MASTER.cpuAvg" in told) == (version == "3.4")


def test_the_folders_of_the_run_are_left_as_they_are(generator: Path, tmp_path: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_size) for p in tmp_path.rglob("*")}

    subprocess.run([sys.executable, str(generator), str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    before, truth = state(), json.loads((tmp_path / "truth.json").read_text())
    assert load(Path(truth["log"]), Path(truth["work"])) == load(Path(truth["log"]), Path(truth["work"]))
    assert state() == before


def test_names_of_files_are_kept_as_they_were(tmp_path: Path) -> None:
    names = ("a b.txt", "50% #1?.txt", "ünï.txt", "-dash", "x/same", "y/same", os.fsdecode(b"\xff"))
    lines = [f"file f FILE_T file://node-1WORK/{name} IN" for name in names]
    run = with_tasks(tmp_path, [*lines, "task 1 m.f f.COLLECTION_T.IN", "task 1 status FINISHED"], names)
    data = by_key(run)
    assert [data[key].path for key in run.tasks[0].inputs] == [f"{run.cwd}/{name}" for name in names]
    assert not any(data[key].is_gone for key in run.tasks[0].inputs)
    assert {each.name for each in run.tasks[0].arguments} == {"f"}


def test_a_run_of_nothing_but_its_log(tmp_path: Path) -> None:
    run = with_tasks(tmp_path, [])
    assert (run.status, run.tasks, run.inputs, run.main, run.command) == (Status.COMPLETED, (), (), None, ())
    assert run.id == "compss-app.py_01-20260316T101201Z"
    assert run.name == "app.py"
    assert [gap.what for gap in run.gaps] == ["the main file"]


def test_a_log_that_stops_is_of_a_run_whose_end_is_not_known(tmp_path: Path) -> None:
    run = with_tasks(tmp_path, ["task 1 m.f a.LONG_T.IN"], ("app.py",), end=None)
    assert (run.status, run.end) == (Status.UNKNOWN, None)
    assert run.tasks[0].status is Status.UNKNOWN
    assert {gap.what for gap in run.gaps} == {"the end of the run", "how the run ended"}


def test_a_failure_that_the_master_wrote_down_counts(tmp_path: Path) -> None:
    assert with_tasks(tmp_path, ["master status FAILED"]).status is Status.FAILED


def test_a_line_that_is_not_understood_is_a_gap(tmp_path: Path) -> None:
    run = with_tasks(tmp_path, ["what is this", "task 1 m.f a.LONG_T.IN", "task 1 status FINISHED"], ("app.py",))
    assert len(run.tasks) == 1
    assert run.gaps
    assert any("what is this" in gap.why or ":4" in gap.what for gap in run.gaps)


def test_the_user_names_more_data_and_leaves_some_out(tmp_path: Path) -> None:
    lines = ["3.4", "app.py", START, "file a FILE_T file://hWORK/in.csv IN", "task 1 m.f a.FILE_T.IN", END]
    files = ("in.csv", "app.py", "more/1.dat", "more/2.dat", "result.txt", "left.tmp")
    logs, work = folders(tmp_path, lines, files)
    info = Info(inputs=("more/", "nowhere"), outputs=("result.txt", "*.tmp"), ignore=("*.tmp", "more/2.dat"))
    run = load(logs, work, info)
    told = {each.path.removeprefix(f"{work}/"): each.role for each in run.data}
    assert told["more"] is told["more/1.dat"] is Role.INPUT
    assert told["result.txt"] is Role.OUTPUT
    assert told["left.tmp"] is told["more/2.dat"] is Role.IGNORED
    assert urls(run, run.inputs) == [f"dir://h{work}/more", f"file://h{work}/in.csv"]
    assert urls(run, run.outputs) == [f"file://h{work}/result.txt"]
    assert [gap.path for gap in run.gaps] == ["nowhere"]


def test_a_source_that_a_task_read_stays_its_input(tmp_path: Path) -> None:
    lines = ["3.4", "app.py", START, "file a FILE_T file://hWORK/src/conf.txt IN", "task 1 m.f a.FILE_T.IN", END]
    logs, work = folders(tmp_path, lines, ("src/conf.txt", "src/app.py"))
    run = load(logs, work, Info(sources=("src",)))
    data = by_key(run)
    assert [data[key].role for key in run.tasks[0].inputs] == [Role.SOURCE]
    assert run.main == f"{work}/src/app.py"


def test_what_the_methods_are_is_read_in_the_sources(tmp_path: Path) -> None:
    logs, work = folders(tmp_path, ["3.4", "app.py", START, "task 1 parts.f n.LONG_T.IN", END], ("app.py",))
    (work / "parts.py").write_text('def f(n):\n    """Count.\n\n    More."""\n')
    (tool,) = load(logs, work).tools
    assert (tool.name, tool.path, tool.line, tool.end_line) == ("parts.f", f"{work}/parts.py", 1, 4)
    assert (tool.description, tool.parameters, tool.source_key) == ("Count.", ("n",), f"{work}/parts.py")


def test_a_given_environment_is_taken(tmp_path: Path) -> None:
    logs, work = folders(tmp_path, ["3.4", "app.py", START, END])
    given = Environment(kernel="6.1")
    assert load(logs, work, environment=given).environment is given
    assert load(logs, work).environment.variables == ()


def test_the_language_is_the_one_that_registries_know(tmp_path: Path) -> None:
    run = with_tasks(tmp_path, [])
    assert run.language is not None
    assert (run.language.name, run.language.version) == ("COMPSs", "3.4")
    assert run.engine == run.language


def test_a_folder_without_a_log_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(WfprovError, match="provenance"):
        load(tmp_path, tmp_path)


def test_a_module_that_the_user_does_not_list_stays_out_and_is_still_named(tmp_path: Path) -> None:
    logs, work = folders(tmp_path, ["3.4", "app.py", START, "task 1 parts.f n.LONG_T.IN", END], ("app.py", "x.txt"))
    (work / "parts.py").write_text("def f(n):\n    pass\n")
    run = load(logs, work, Info(sources=("x.txt",)))
    assert {each.path for each in run.data if each.role is Role.SOURCE} == {f"{work}/app.py", f"{work}/x.txt"}
    (tool,) = run.tools
    assert (tool.path, tool.source_key, tool.line) == (f"{work}/parts.py", None, 1)


def test_a_method_without_parameters_gets_its_whole_name_back(tmp_path: Path) -> None:
    statistic = f"{'overall':20} {'parts.begin':40} {'executions':15} 1"
    run = with_tasks(tmp_path, ["task 1 parts.begi", "task 1 status FINISHED", statistic], ("app.py",))
    assert run.tasks[0].tool == "parts.begin"
    assert run.tasks[0].name == "begin (1)"


def test_the_log_of_a_job_belongs_to_the_task_that_the_worker_names(tmp_path: Path) -> None:
    lines = ["task 1 m.f a.LONG_T.IN", "task 1 status FINISHED", "task 2 m.f a.LONG_T.IN", "task 2 status FAILED"]
    logs, work = folders(tmp_path, ["3.4", "app.py", START, *lines, END], ("app.py",))
    (logs / "jobs").mkdir()
    (logs / "jobs" / "job1_NEW.err").write_text("Traceback (most recent call last):\nValueError: oops\n")
    worker = logs / "workers" / "n1" / "Log"
    worker.mkdir(parents=True)
    (worker / "static_binding_dp.out").write_text("HOST=n1 TASK=2 LOGFILE=/somewhere/jobs/job1_NEW.err\n")
    first, second = load(logs, work).tasks
    assert (first.logs, first.error) == ((), None)
    assert (second.logs, second.error) == ((f"{logs}/jobs/job1_NEW.err",), "ValueError: oops")
