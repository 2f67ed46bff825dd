"""Sources, methods, values, statuses and measurements of a COMPSs run, each by itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provenance.engines.compss.arguments import application_values, command, engine_arguments, text
from provenance.engines.compss.file_states import FileStates
from provenance.engines.compss.functions import find_method, readable_name
from provenance.engines.compss.gaps import of_problems
from provenance.engines.compss.measurements import measurements
from provenance.engines.compss.records import (
    Access,
    ConsoleOutput,
    Dialect,
    Execution,
    JobLog,
    LoggedTask,
    LoggedValue,
    NodeUsage,
    Option,
    Problem,
    ProvenanceLog,
    RunFiles,
    Statistic,
    Submission,
    TaskExecutions,
    TaskParameter,
    WorkerValue,
)
from provenance.engines.compss.sources import SourceFiles
from provenance.engines.compss.status import ending
from provenance.engines.compss.tasks import TaskMaker, status_of
from provenance.engines.compss.values import parameter_name
from provenance.run.model import Status, Task

PARTS = '''"""Tasks."""
import functools


class Solver:
    @staticmethod
    @task(returns=1)
    def step(x, *more, y=1):
        """Make one step.

        More."""
        return x


if True:
    async def plain(a, b):
        pass
'''


def log_of(path: Path, dialect: Dialect = Dialect.TASKS, application: str | None = "app.py") -> ProvenanceLog:
    path.touch()
    return ProvenanceLog(str(path), dialect, "3.4", application)


def make(task: LoggedTask, executions: TaskExecutions | None = None, job_logs: tuple[JobLog, ...] = ()) -> Task:
    states = FileStates()
    states.take_task(task, status_of(task) is not Status.CANCELED)
    for history in states.histories.values():
        for state in history.states:
            state.key = f"{history.path}@{state.version}"
    known = {} if executions is None else {task.id: executions}
    return TaskMaker(known, job_logs, {str(each.path): each.path.name for each in job_logs}).make(
        task, states.uses[task.id]
    )


# ---- methods


def test_a_function_is_found_with_its_decorators_and_docstring(tmp_path: Path) -> None:
    path = tmp_path / "pkg" / "parts.py"
    path.parent.mkdir()
    path.write_text(PARTS)
    method = find_method("pkg.parts.Solver.step", [str(path)])
    assert (method.path, method.line, method.end_line) == (str(path), 6, 12)
    assert method.description == "Make one step."
    assert method.parameters == ("x", "more", "y")
    assert find_method("pkg.parts.plain", [str(path)]).line == 16
    assert find_method("parts.plain", [str(path)]).line == 16
    assert find_method("__main__.plain", [], str(path)).line == 16


def test_a_method_without_its_source_has_its_name_alone(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:")
    assert find_method("elsewhere.f", [str(broken)]).path is None
    assert find_method("broken.f", [str(broken)]).line is None
    assert find_method("broken.f", [str(broken)]).path == str(broken)


def test_a_function_of_another_module_with_the_same_name_is_not_taken(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("def f():\n    pass\n")
    sources = [str(tmp_path / "one.py"), str(tmp_path / "two.py")]
    assert find_method("two.f", sources, sources[0]).path == sources[1]
    assert find_method("three.f", sources, sources[0]).path is None


def test_a_java_method_is_found_in_its_class(tmp_path: Path) -> None:
    path = tmp_path / "matmul" / "files" / "Impl.java"
    path.parent.mkdir(parents=True)
    path.write_text("package matmul.files;\n\npublic class Impl {\n  public static void multiply(String a) {\n  }\n}\n")
    signature = "multiply(FILE_T,FILE_T)matmul.files.Impl"
    assert readable_name(signature) == "matmul.files.Impl.multiply"
    method = find_method(signature, [str(path)])
    assert (method.path, method.line) == (str(path), 4)


# ---- sources


def test_sources_are_walked_as_compss_does(tmp_path: Path) -> None:
    work = tmp_path / "work"
    for name in ("src/a.py", "src/sub/data.json", "src/__pycache__/a.pyc", "src/*odd.py", "src/.git/config"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).touch()
    (work / "src" / "sub" / "up").symlink_to(work / "src")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "b.py").touch()
    (work / "src" / "far").symlink_to(tmp_path / "linked")
    finder = SourceFiles(str(work), str(tmp_path / "logs"))
    found = {path.removeprefix(f"{work}/src/") for path in finder.listed(["src/", "missing.py"])}
    assert found == {"a.py", "sub/data.json", "far/b.py"}
    assert [gap.path for gap in finder.gaps] == [f"{work}/missing.py"]


def test_the_whole_working_folder_as_sources_means_the_code_in_it(tmp_path: Path) -> None:
    for name in ("app.py", "table.csv", "COMPSs_RO-Crate_1/application_sources/app.py", "logs/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert SourceFiles(str(tmp_path), f"{tmp_path}/logs").listed(["."]) == [f"{tmp_path}/app.py"]


def test_the_main_file_is_the_submitted_one_else_the_nearest_of_that_name(tmp_path: Path) -> None:
    for name in ("x/app.py", "y/z/app.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    finder = SourceFiles(str(tmp_path), "/logs")
    log = log_of(tmp_path / "log")
    submitted = Submission("", "runcompss", (), "y/z/app.py")
    assert finder.main(None, submitted, log, []) == f"{tmp_path}/y/z/app.py"
    assert finder.main("x/app.py", submitted, log, []) == f"{tmp_path}/x/app.py"
    assert not finder.gaps
    assert finder.main(None, None, log, []) == f"{tmp_path}/x/app.py"
    assert len(finder.gaps) == 1
    assert finder.main(None, None, log_of(tmp_path / "log", application="gone.py"), []) is None
    assert len(finder.gaps) == 2


def test_a_java_application_is_found_by_its_class(tmp_path: Path) -> None:
    path = tmp_path / "src" / "matmul" / "Matmul.java"
    path.parent.mkdir(parents=True)
    path.touch()
    log = log_of(tmp_path / "log", application="matmul.Matmul")
    assert SourceFiles(str(tmp_path), "/logs").main(None, None, log, []) == str(path)
    assert SourceFiles("/", "/logs").main(None, None, log, [str(path)]) == str(path)


def test_modules_of_methods_are_looked_for_on_the_python_path(tmp_path: Path) -> None:
    for name in ("app/app.py", "lib/pkg/__init__.py", "lib/pkg/tasks.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    given = Submission("", "runcompss", (Option("--pythonpath", f"/nowhere:{tmp_path}/lib"),), "app/app.py")
    finder = SourceFiles(str(tmp_path), "/logs")
    found = finder.modules(["pkg.tasks.f", "app.g"], f"{tmp_path}/app/app.py", given)
    assert set(found) == {f"{tmp_path}/lib/pkg/tasks.py", f"{tmp_path}/lib/pkg/__init__.py", f"{tmp_path}/app/app.py"}


# ---- values


@pytest.mark.parametrize(
    ("logged", "name"),
    [("a", "a"), ("#kwarg_size", "size"), ("col.3", "col"), ("$return_0", "return_0"), ("#kwarg_col.0", "col")],
)
def test_names_of_parameters_are_those_of_the_function(logged: str, name: str) -> None:
    assert parameter_name(logged) == name


def test_values_of_a_task_stand_in_the_order_of_declaration() -> None:
    parameters = (
        TaskParameter("src", "FILE_T", "IN"),
        TaskParameter("#kwarg_n", "LONG_T", "IN"),
        TaskParameter("col", "COLLECTION_T", "IN"),
        TaskParameter("rate", "DOUBLE_T", "IN"),
        TaskParameter("ok", "BOOLEAN_T", "IN"),
        TaskParameter("m", "OBJECT_T", "IN"),
        TaskParameter("api_token", "STRING_T", "IN"),
        TaskParameter("unknown", "OBJECT_T", "IN"),
        TaskParameter("c", "FILE_T", "INOUT"),
        TaskParameter("$return_0", "OBJECT_T", "OUT"),
    )
    accesses = (
        Access("h", "/in", False, "IN", "src"),
        Access("h", "/x/1", False, "IN", "col"),
        Access("h", "/x/2", False, "IN", "col"),
        Access("h", "/c", False, "INOUT", "c"),
    )
    values = {
        "n": WorkerValue("n", "4", "int"),
        "rate": WorkerValue("rate", "nan", "float"),
        "ok": WorkerValue("ok", "True", "bool"),
        "m": WorkerValue("m", "[[1 2", "numpy.ndarray", cut_from=900),
        "api_token": WorkerValue("api_token", "abc123", "str"),
        "$return_0": WorkerValue("$return_0", "7", "int"),
    }
    task = make(LoggedTask(3, "m.f", parameters, accesses, statuses=["FINISHED"]), TaskExecutions(3, values=values))
    assert [(each.name, each.value, each.data_key) for each in task.arguments] == [
        ("src", "/in", "/in@0"),
        ("n", 4, None),
        ("col", "/x/1", "/x/1@0"),
        ("col", "/x/2", "/x/2@0"),
        ("rate", "nan", None),
        ("ok", True, None),
        ("m", "[[1 2", None),
        ("api_token", task.arguments[7].value, None),
        ("c", "/c", "/c@0"),
    ]
    assert "abc123" not in str(task)
    assert task.arguments[6].cut_from == 900
    assert [(each.name, each.value, each.data_key, each.is_return) for each in task.results] == [
        ("c", "/c", "/c@1", False),
        ("return_0", 7, None, True),
    ]
    assert (task.key, task.name, task.tool) == ("task-3", "f (3)", "m.f")
    assert task.inputs == ("/in@0", "/x/1@0", "/x/2@0", "/c@0")
    assert task.outputs == ("/c@1",)


def test_values_that_the_master_wrote_down_count_where_no_worker_did() -> None:
    task = LoggedTask(
        1, "f(INT_T)p.C", (TaskParameter("a", "INT_T", "IN"),), values=(LoggedValue("a", "INT_T", "5", "IN"),)
    )
    assert [(each.name, each.value) for each in make(task).arguments] == [("a", 5)]


def test_a_value_of_no_declared_parameter_is_not_lost() -> None:
    known = TaskExecutions(
        1, values={"n": WorkerValue("n", "4", "int"), "o": WorkerValue("o", "5", "int", None, "OUT")}
    )
    task = make(LoggedTask(1, "m.f", statuses=["FINISHED"]), known)
    assert [(each.name, each.value) for each in task.arguments] == [("n", 4)]
    assert [(each.name, each.value) for each in task.results] == [("o", 5)]


def test_a_file_of_no_declared_parameter_is_not_lost() -> None:
    task = LoggedTask(1, "m.f", (), (Access("h", "/f", False, "IN", "@key"),), statuses=["FINISHED"])
    assert [each.data_key for each in make(task).arguments] == ["/f@0"]


# ---- tasks


def test_a_resubmitted_task_has_its_attempts(tmp_path: Path) -> None:
    logs = tuple(
        JobLog(7, attempt, "err", tmp_path / f"job7_{attempt}.err", error)
        for attempt, error in (("RESUBMITTED", "ValueError: again"), ("NEW", "ValueError: first"))
    )
    runs = TaskExecutions(7, [Execution("w1", 10, 20), Execution("w2", 30, 40)])
    task = make(LoggedTask(7, "m.f", statuses=["FAILED", "FAILED"]), runs, logs)
    assert task.status is Status.FAILED
    assert task.error == "ValueError: again"
    assert (task.start, task.end, task.host) == (10, 40, "w2")
    assert [(each.status, each.host, each.end) for each in task.attempts] == [
        (Status.FAILED, "w1", 20),
        (Status.FAILED, "w2", 40),
    ]
    assert task.logs == ("job7_NEW.err", "job7_RESUBMITTED.err")


def test_a_task_that_succeeded_the_second_time_has_a_failed_attempt(tmp_path: Path) -> None:
    logs = (JobLog(1, "NEW", "err", tmp_path / "e", "OSError: x"), JobLog(1, "RESUBMITTED", "out", tmp_path / "o"))
    task = make(LoggedTask(1, "m.f", statuses=["FINISHED"]), None, logs)
    assert task.status is Status.COMPLETED
    assert task.error is None
    assert [each.status for each in task.attempts] == [Status.FAILED, Status.COMPLETED]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], Status.UNKNOWN),
        (["FAILED", "FINISHED"], Status.COMPLETED),
        (["CANCELED", "FAILED"], Status.FAILED),
        (["RECOVERED"], Status.RECOVERED),
        (["CANCELED"], Status.CANCELED),
    ],
)
def test_the_highest_status_counts(statuses: list[str], status: Status) -> None:
    assert status_of(LoggedTask(1, "m.f", statuses=statuses)) is status


def test_a_canceled_task_made_nothing() -> None:
    accesses = (Access("h", "/i", False, "IN", "i"), Access("h", "/o", False, "OUT", "o"))
    parameters = (TaskParameter("i", "FILE_T", "IN"), TaskParameter("o", "FILE_T", "OUT"))
    task = make(LoggedTask(1, "m.f", parameters, accesses, statuses=["CANCELED"]))
    assert (task.inputs, task.outputs, task.start, task.end, task.results) == (("/i@0",), (), None, None, ())
    assert [(each.name, each.value) for each in task.arguments] == [("i", "/i"), ("o", "/o")]


# ---- how it ended


def job(attempt: str, error: str | None = "ValueError: oops") -> JobLog:
    return JobLog(7, attempt, "err", Path(f"/jobs/job7_{attempt}.err"), error)


@pytest.mark.parametrize(
    ("job_logs", "console", "has_profile", "status"),
    [
        ((), None, False, Status.UNKNOWN),
        ((), None, True, Status.COMPLETED),
        ((), ConsoleOutput(has_finished=True), False, Status.COMPLETED),
        ((), ConsoleOutput(has_failed=True), True, Status.FAILED),
        ((job("NEW"), job("RESUBMITTED")), ConsoleOutput(has_finished=True), True, Status.FAILED),
        ((job("NEW"), job("RESUBMITTED", None)), ConsoleOutput(has_finished=True), True, Status.COMPLETED),
        ((job("NEW"),), None, True, Status.UNKNOWN),
        ((job("NEW"),), ConsoleOutput(has_finished=True), True, Status.COMPLETED),
    ],
)
def test_a_log_without_times_leaves_the_status_to_jobs_and_console(
    tmp_path: Path, job_logs: tuple[JobLog, ...], console: ConsoleOutput | None, has_profile: bool, status: Status
) -> None:
    log = log_of(tmp_path / "dataprovenance.log", Dialect.ACCESSES)
    profile = tmp_path / "App_Profile.json"
    profile.touch()
    files = RunFiles(tmp_path, tmp_path, profile=profile if has_profile else None, job_logs=job_logs)
    ended = ending(log, files, console, ())
    assert ended.status is status
    assert (ended.error is not None) == (status is Status.FAILED)
    assert (ended.start, ended.end) == (None, Path(log.path).stat().st_mtime_ns)
    assert len(ended.gaps) == 2 + (status is Status.UNKNOWN)


def test_the_profile_of_an_earlier_run_says_nothing(tmp_path: Path) -> None:
    log = log_of(tmp_path / "dataprovenance.log", Dialect.ACCESSES)
    profile = tmp_path / "App_Profile.json"
    profile.touch()
    os.utime(profile, (1_600_000_000, 1_600_000_000))
    assert ending(log, RunFiles(tmp_path, tmp_path, profile=profile), None, ()).status is Status.UNKNOWN


@pytest.mark.parametrize("dialect", [Dialect.TIMED, Dialect.TASKS])
def test_a_log_with_an_end_is_of_a_completed_run_unless_it_says_failed(tmp_path: Path, dialect: Dialect) -> None:
    log, files = log_of(tmp_path / "log", dialect), RunFiles(tmp_path, tmp_path)
    log.start = 1
    assert ending(log, files, None, ()).status is Status.UNKNOWN
    log.end = 2
    ended = ending(log, files, None, ())
    assert (ended.status, ended.start, ended.end, ended.gaps) == (Status.COMPLETED, 1, 2, ())
    log.has_failed = True
    failed = Task("task-1", "m.f", Status.FAILED, name="f (1)", error="ValueError: x")
    assert ending(log, files, None, [failed]).error == "last failed task: f (1): ValueError: x"


# ---- arguments, measurements, gaps


def test_the_command_line_is_told_apart_and_hides_credentials(tmp_path: Path) -> None:
    options = (Option("--num_nodes", "2"), Option("-d"), Option("--env_token", "verysecret"))
    arguments = ("4", f"{tmp_path}/in.csv", "-5", "--mode", "fast", "--password=hunter22", "out", "--verbose")
    line = "runcompss --num_nodes=2 --env_token=verysecret app.py --password=hunter22\n"
    given = Submission(line, "runcompss", options, "app.py", arguments)
    assert command(given)[:3] == ("runcompss", "--num_nodes=2", "-d")
    assert [(each.name, each.value) for each in engine_arguments(given)][:2] == [("--num_nodes", "2"), ("-d", None)]
    values, results = application_values(
        given.arguments,
        str(tmp_path),
        {f"{tmp_path}/in.csv": "IN"}.get,
        {f"{tmp_path}/out": "OUT"}.get,
    )
    told = [(each.name, each.value, each.data_key) for each in values]
    assert told[:4] == [
        ("arg1", "4", None),
        ("arg2", f"{tmp_path}/in.csv", "IN"),
        ("arg3", "-5", None),
        ("mode", "fast", None),
    ]
    assert told[5:] == [("arg4", "out", None), ("verbose", True, None)]
    assert [(each.name, each.data_key) for each in results] == [("arg4", "OUT")]
    everything = f"{command(given)} {engine_arguments(given)} {values} {text(given)}"
    assert "hunter22" not in everything
    assert "verysecret" not in everything


def test_measurements_have_the_names_of_compss() -> None:
    found = measurements(
        [Statistic("node1", "m.f", 3, 50, None, 7)],
        [NodeUsage("node1", True, cpu_average=12.5, sent=100), NodeUsage("node2", False, memory_most=50.0)],
        "app.py",
        2_500_000_000,
    )
    told = {each.name: each.value for each in found}
    assert told == {
        "overall.app.py.executionTime": 2500,
        "node1.m.f.executions": 3,
        "node1.m.f.maxTime": 50,
        "node1.m.f.minTime": 7,
        "node1-MASTER.cpuAvg": 12.5,
        "node1-MASTER.byteSent": 100,
        "node2.memMax": 50.0,
    }
    assert {each.definition for each in found if each.name.endswith("maxTime")} == {
        "https://w3id.org/ro/terms/compss#maxTime"
    }
    assert all(each.unit and each.unit.startswith("https://qudt.org/vocab/unit/") for each in found)


def test_problems_are_counted_and_the_first_are_named() -> None:
    problems = [Problem("/l/dataprovenance.log", n, "not understood", "???") for n in range(1, 31)]
    problems += [Problem("/l/other", None, "empty")]
    first, rest = of_problems(problems)
    assert first.what.startswith("dataprovenance.log:1, dataprovenance.log:2, ")
    assert first.what.endswith("dataprovenance.log:20 and 10 more")
    assert first.why == "not understood: ???"
    assert rest.what.startswith("1 more")
