"""``wfprov run -- runcompss`` and ``enqueue_compss``: COMPSs' logs are found, and both records are one crate."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provenance.run.model import Role, Status
from tests.compss.packed import Packed, sha256
from tests.compss.runs import CompssRun
from tests.compss.stand_in import StandIn
from tests.conftest import Wfprov

INPUT = "inputs/numbers of mine.txt"


class User:
    """Calls wfprov in the working folder of a stand-in, with a home of its own."""

    def __init__(self, stand_in: StandIn, wfprov: Wfprov) -> None:
        self.at = stand_in
        self.wfprov = Wfprov(stand_in.home)
        self.environment = {
            **wfprov.environment,
            **stand_in.environment(wfprov.environment["PATH"]),
        }

    def run(self, *command: str, options: tuple[str, ...] = (), status: int = 0, **variables: str) -> str:
        """Record a command; gives what was said."""
        done = self.wfprov(
            "run", *options, "--", *command, cwd=self.at.work, env={**self.environment, **variables}, status=status
        )
        return done.stdout + done.stderr

    def call(self, *arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self.wfprov(*arguments, cwd=self.at.work, env=self.environment, status=status)

    def pack(self, *options: str | Path) -> Packed:
        crate = self.at.folder / "crate"
        done = self.call("pack", "-o", crate, "--json", *options)
        return Packed(crate, json.loads(done.stdout))

    def path(self, name: str) -> str:
        return str(self.at.work / name)

    @property
    def records(self) -> list[str]:
        """Ids, the oldest first."""
        return [run["id"] for run in json.loads(self.call("runs", "--json").stdout)]


@pytest.fixture
def user(tmp_path: Path, wfprov: Wfprov) -> User:
    return User(StandIn(tmp_path), wfprov)


@pytest.fixture
def older(tmp_path: Path, wfprov: Wfprov) -> User:
    return User(StandIn(tmp_path, version="3.3.1"), wfprov)


def gaps(packed: Packed) -> str:
    return "\n".join(packed.report["gaps"])


# ---- with --provenance


@pytest.mark.parametrize("flag", ["--provenance", "-p", "--provenance=ro-crate-info.yaml"])
def test_a_run_with_provenance_has_the_tasks_of_compss(user: User, flag: str) -> None:
    user.run("runcompss", flag, "--lang=python", "app.py", INPUT)
    packed = user.pack()
    scale, add = packed.tasks
    assert [scale.status, add.status] == [Status.COMPLETED, Status.COMPLETED]
    assert packed.originals(scale.inputs) == {user.path(INPUT)}
    assert packed.originals(add.inputs) == {user.path("prepared.txt"), user.path("outputs/scaled.txt")}
    assert packed.originals(add.outputs) == {user.path("outputs/scaled.txt")}
    assert {"3"} == {str(value.value) for value in scale.arguments if value.name == "factor"}
    assert scale.host == "master-ib0"


def test_what_the_main_program_read_and_wrote_is_of_the_run_as_a_whole(user: User) -> None:
    user.run("runcompss", "-p", "app.py", INPUT)
    packed = user.pack()
    used = {entity["@id"] for entity in packed.action["object"]}
    made = {entity["@id"] for entity in packed.action["result"]}
    assert user.path("parameters.txt") in packed.originals(tuple(i for i in used if i in packed.data))
    assert packed.originals(tuple(i for i in made if i in packed.data)) == {
        user.path("report.txt"),
        user.path("prepared.txt"),
        user.path("outputs/scaled.txt"),
    }
    known = {packed.original(key): one for key, one in packed.data.items() if not one.is_gone}
    for name in (INPUT, "parameters.txt", "prepared.txt", "report.txt", "outputs/scaled.txt"):
        assert known[user.path(name)].sha256 == sha256(user.path(name)), name


def test_the_crate_tells_the_host_and_how_the_command_ended_as_we_saw_it(user: User) -> None:
    user.run("runcompss", "-p", "app.py", INPUT, options=("--name", "Third try"))
    packed = user.pack()
    run = packed.run
    assert run.environment.cpu_count == os.cpu_count()
    assert any(one.name == "rocrate" for one in run.environment.packages)
    assert run.engine is not None and (run.engine.name, run.engine.version) == ("COMPSs", "3.4")
    assert run.name == "Third try"
    assert packed.graph["./"]["mainEntity"]["@id"].endswith("app.py")
    assert run.resources is not None and run.resources.max_total_memory
    assert user.records[0] in packed.action["@id"]


def test_the_words_of_the_command_are_taken_as_they_were(user: User) -> None:
    user.run("runcompss", "-p", "--lang=python", "app.py", INPUT, "--word", "two words")
    run = user.pack().run
    assert [(one.name, one.value) for one in run.arguments if one.name == "word"] == [("word", "two words")]
    assert {("-p", "True"), ("--lang", "python")} <= {(one.name, one.value) for one in run.engine_arguments}
    assert not any("split" in gap.what for gap in run.gaps)


def test_files_of_compss_itself_are_not_in_the_crate(user: User) -> None:
    user.run("runcompss", "-p", "app.py", INPUT)
    packed = user.pack()
    told = "\n".join(packed.graph)
    for name in ("COMPSs_RO-Crate_", "submission_command_line", "runtime.log", "launch.py", "Runtime/scripts"):
        assert name not in told, name
    assert {Path(packed.original(one.key)).name for one in packed.run.data if one.role is Role.SOURCE} == {
        "app.py",
        "tasks.py",
    }


def test_content_from_before_that_was_saved_is_the_first_state_of_a_changed_file(user: User) -> None:
    (user.at.work / "outputs/scaled.txt").write_text("before\n")
    app = user.at.work / "app.py"
    app.write_text(app.read_text().replace("tasks.scale", "tasks.add").replace('"OUT")], factor=factor', '"INOUT")]'))
    user.run("runcompss", "-p", "app.py", INPUT)
    packed = user.pack("--data", "copy")
    states = packed.states(user.path("outputs/scaled.txt"))
    contents = [(packed.crate / one["@id"]).read_text() for one in states if (packed.crate / one["@id"]).is_file()]
    assert sorted(contents) == ["before\n", "before\n1\n2\n5\n"]


def test_a_failed_task_fails_the_run_with_its_error(user: User) -> None:
    (user.at.work / INPUT).write_text("no number\n")
    user.run("runcompss", "-p", "app.py", INPUT, status=1)
    packed = user.pack()
    (task,) = packed.tasks
    assert task.status is Status.FAILED
    assert "no numbers" in str(packed.run.error)
    assert packed.run.status is Status.FAILED


def test_an_error_of_the_main_program_fails_the_run_though_all_tasks_were_well(user: User) -> None:
    app = user.at.work / "app.py"
    app.write_text(app.read_text() + "raise SystemExit(4)\n")
    user.run("runcompss", "-p", "app.py", INPUT, status=4)
    packed = user.pack()
    assert [task.status for task in packed.tasks] == [Status.COMPLETED, Status.COMPLETED]
    assert packed.run.status is Status.FAILED
    assert "exit status 4" in str(packed.run.error)


def test_what_earlier_runs_left_in_the_working_folder_is_not_of_this_one(user: User) -> None:
    for name, text in ((".compss_submission_command_line.txt", "runcompss other.py\n"), ("App_Profile.json", "{}")):
        (user.at.work / name).write_text(text)
        os.utime(user.at.work / name, (1, 1))
    user.run("runcompss", "-p", "app.py", INPUT)
    packed = user.pack()
    assert not any("App_Profile" in key or "command_line" in key for key in packed.graph)
    assert not any("command_line" in gap for gap in packed.report["gaps"])


def test_links_on_the_way_to_a_file_make_no_second_one(user: User) -> None:
    (user.at.work / "linked").symlink_to("inputs")
    user.run("runcompss", "-p", "app.py", "linked/numbers of mine.txt")
    packed = user.pack()
    assert len([one for one in packed.data.values() if one.path.endswith("mine.txt") or "mine" in one.key]) == 1
    assert packed.tasks[0].inputs


def test_run_with_pack_makes_the_same_crate_at_once(user: User) -> None:
    said = user.run("runcompss", "-p", "app.py", INPUT, options=("--pack", str(user.at.folder / "crate")))
    assert "packed in" in said
    assert len(Packed(user.at.folder / "crate", {}).tasks) == 2


def test_an_older_version_gives_no_tasks_but_all_accesses(older: User) -> None:
    older.run("runcompss", "-p", "app.py", INPUT)
    packed = older.pack()
    assert packed.run.engine is not None and packed.run.engine.version == "3.3.1"
    used = packed.originals(tuple(one["@id"] for one in packed.action["object"] if one["@id"] in packed.data))
    assert used >= {older.path(INPUT), older.path("parameters.txt")}
    assert packed.run.start is not None and packed.run.status is Status.COMPLETED


def test_the_information_file_that_provenance_names_is_taken(user: User) -> None:
    (user.at.work / "other.yaml").write_text("COMPSs Workflow Information:\n  name: From the other\n")
    user.run("runcompss", "--provenance=other.yaml", "app.py", INPUT)
    assert user.pack().run.name == "From the other"


# ---- which folder


@pytest.mark.parametrize("option", ["--specific_log_dir={}", "--log_dir={}", "--base_log_dir={}"])
def test_a_chosen_place_for_logs_is_found(user: User, option: str) -> None:
    place = user.at.folder / "logs here"
    user.run("runcompss", "-p", option.format(place), "app.py", INPUT)
    assert len(user.pack().tasks) == 2


def test_of_many_runs_of_one_application_each_has_its_own_folder(user: User) -> None:
    for number in range(3):
        (user.at.work / "parameters.txt").write_text(f"{number}\n")
        user.run("runcompss", "-p", "app.py", INPUT)
    assert len(list(user.at.logs.iterdir())) == 3
    packed = user.pack(user.records[1])
    assert [v.value for v in packed.tasks[0].arguments if v.name == "factor"] == [1]


@pytest.mark.parametrize("words", [("env", "A=1"), ("nice", "-n", "1"), ("timeout", "60")])
def test_behind_wrappers(user: User, words: tuple[str, ...]) -> None:
    user.run(*words, "runcompss", "-p", "app.py", INPUT)
    assert len(user.pack().tasks) == 2


def test_in_a_script_of_the_user(user: User) -> None:
    (user.at.work / "go.sh").write_text(f"set -e\nruncompss --version\nruncompss -p app.py '{INPUT}'\n")
    user.run("bash", "go.sh")
    packed = user.pack()
    assert [task.status for task in packed.tasks] == [Status.COMPLETED] * 2
    assert packed.action["description"] == "bash go.sh"
    assert (packed.crate / "application_sources/go.sh").is_file()


def test_without_watching_the_folder_is_told_by_its_times(user: User) -> None:
    user.run("runcompss", "-p", "app.py", INPUT)
    user.run("runcompss", "-p", "app.py", INPUT, options=("--trace", "off"))
    packed = user.pack()
    assert len(packed.tasks) == 2
    assert "app.py_02" in str(packed.run.gaps) or not any("logs" in gap.what for gap in packed.run.gaps)


def test_of_several_that_can_be_it_none_is_taken_and_all_are_named(user: User) -> None:
    user.run("runcompss", "-p", "app.py", INPUT, options=("--trace", "off"))
    (first,) = user.at.logs.iterdir()
    twin = first.with_name("app.py_02")
    subprocess.run(["cp", "-a", first, twin], check=True)
    packed = user.pack()
    assert str(first) in gaps(packed) and str(twin) in gaps(packed)
    assert "wfprov pack --compss" in gaps(packed)
    assert all(task.tool != "tasks.scale" for task in packed.tasks)


def test_two_runs_in_one_script_are_not_mixed(user: User) -> None:
    (user.at.work / "go.sh").write_text(f"runcompss -p app.py '{INPUT}'\nruncompss -p app.py '{INPUT}'\n")
    user.run("bash", "go.sh")
    packed = user.pack()
    assert "app.py_01" in gaps(packed) and "app.py_02" in gaps(packed)


def test_an_earlier_run_of_the_application_is_not_taken(user: User, tmp_path: Path) -> None:
    old = CompssRun(tmp_path / "old", start=1_773_655_921_000_000_000)
    old.task("mod.f")
    old.finish()
    user.at.logs.mkdir()
    old.log_folder.rename(user.at.logs / "app.py_01")
    user.run("runcompss", "app.py", INPUT, options=("--trace", "off"))
    for path in (user.at.logs / "app.py_02").rglob("*"):
        os.utime(path, (1, 1))
    os.utime(user.at.logs / "app.py_02", (1, 1))
    packed = user.pack()
    assert "was not found" in gaps(packed)
    assert "app.py_NN" in gaps(packed)


# ---- without --provenance


def test_a_run_without_provenance_is_told_by_our_record_and_says_what_is_missing(user: User) -> None:
    user.run("runcompss", "-g", "app.py", INPUT)
    packed = user.pack()
    run = packed.run
    assert run.engine is not None and run.engine.name == "COMPSs"
    assert [(one.name, one.value) for one in run.engine_arguments] == [("-g", "True")]
    assert "--provenance" in gaps(packed)
    assert packed.graph["./"]["mainEntity"]["@id"].endswith("app.py")
    known = {packed.original(key): one for key, one in packed.data.items() if not one.is_gone}
    for name in (INPUT, "parameters.txt", "report.txt", "outputs/scaled.txt"):
        assert known[user.path(name)].sha256 == sha256(user.path(name)), name
    assert "launch.py" not in {Path(packed.original(one.key)).name for one in run.data if one.role is Role.SOURCE}
    assert any(key.endswith("complete_graph.dot") for key in packed.graph)
    tools = {tool.name for tool in run.tools}
    assert "mkdir" not in tools and "mktemp" not in tools
    assert (packed.crate / "diagram.svg").is_file()


def test_its_version_is_in_what_it_printed_or_in_its_installation(user: User) -> None:
    version = user.at.folder / "COMPSs/Runtime/scripts/system/commons/VERSION"
    version.parent.mkdir(parents=True)
    version.write_text("3.3.3.post2511\n")
    os.utime(version, (1, 1))
    user.run("runcompss", "app.py", INPUT)
    run = user.pack().run
    assert run.engine is not None and run.engine.version == "3.3.3.post2511"


def test_an_unreadable_log_costs_its_own_part_alone(user: User) -> None:
    user.run("runcompss", "-p", "app.py", INPUT)
    (user.at.logs / "app.py_01/dataprovenance.log").write_bytes(b"\x00\xff" * 1000)
    packed = user.pack()
    known = {packed.original(key) for key in packed.data}
    assert user.path("report.txt") in known
    assert gaps(packed)


# ---- a job that is only submitted


@pytest.fixture
def submitted(user: User) -> User:
    said = user.run("enqueue_compss", "--num_nodes=2", "--exec_time=10", "-p", "app.py", INPUT)
    assert "Submitted batch job 123" in said
    assert "once the job has ended, pack it with: wfprov pack" in said and "--wait" in said
    return user


def test_before_the_job_has_begun_nothing_is_packed_and_what_is_awaited_is_said(submitted: User) -> None:
    done = submitted.call("pack", status=3)
    assert str(submitted.at.logs) in done.stderr and "app.py" in done.stderr and "--wait" in done.stderr
    assert not done.stdout


def test_while_the_job_runs_nothing_is_packed(submitted: User) -> None:
    folder = submitted.at.logs / "123"
    (folder / "jobs").mkdir(parents=True)
    (submitted.at.work / "compss-123.out").write_text("----------------- Executing app.py ------\n")
    done = submitted.call("pack", status=3)
    assert "the job has begun" in done.stderr
    (folder / "dataprovenance.log").write_text(f"3.4\napp.py\n{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}Z\n")
    assert "the job has begun" in submitted.call("pack", status=3).stderr


def test_after_the_job_its_logs_and_the_submission_are_one_crate(submitted: User) -> None:
    subprocess.run(["git", "init", "-q"], cwd=submitted.at.work, check=True)
    assert submitted.at.run_job(123, submitted.environment) == 0
    packed = submitted.pack()
    run = packed.run
    assert [task.status for task in packed.tasks] == [Status.COMPLETED] * 2
    assert packed.originals(packed.tasks[0].inputs) == {submitted.path(INPUT)}
    assert run.environment.job is not None and run.environment.job.id == "123"
    assert run.environment.cpu_model is None and run.environment.memory is None
    assert run.resources is None or run.resources.max_memory is None
    assert "neither that host's hardware" in gaps(packed)
    assert ("--num_nodes", "2") in {(one.name, one.value) for one in run.engine_arguments}
    assert "enqueue_compss" in packed.action["description"]
    assert submitted.records[0] in packed.action["@id"]


def test_the_job_may_be_watched_too_when_the_environment_goes_with_it(user: User) -> None:
    user.run(
        "bash",
        "-c",
        f"enqueue_compss -p app.py '{INPUT}' && bash {user.at.spool}/123.sh",
        STAND_IN_JOB="123",
    )
    packed = user.pack()
    assert len(packed.tasks) == 2
    made = packed.originals(tuple(one["@id"] for one in packed.action["result"] if one["@id"] in packed.data))
    assert user.path("report.txt") in made


def test_the_job_is_told_by_the_answer_of_the_batch_system_when_that_was_kept(user: User) -> None:
    for number in ("123", "124"):
        with (user.at.folder / f"{number}.txt").open("w") as answer:
            subprocess.run(
                [Path(sys.executable).parent / "wfprov", "run", "--", "enqueue_compss", "-p", "app.py", INPUT],
                cwd=user.at.work,
                env={**user.environment, "STAND_IN_JOB": number},
                stdout=answer,
                check=True,
            )
    for job in (123, 124):
        assert user.at.run_job(job, user.environment) == 0
    packed = user.pack(user.records[0])
    assert packed.run.environment.job is not None and packed.run.environment.job.id == "123"


def test_of_two_jobs_that_can_be_it_none_is_taken(user: User) -> None:
    for number in ("123", "124"):
        user.run("enqueue_compss", "-p", "app.py", INPUT, STAND_IN_JOB=number)
    for job in (123, 124):
        assert user.at.run_job(job, user.environment) == 0
    done = user.call("pack", user.records[0], status=3)
    assert str(user.at.logs / "123") in done.stderr and str(user.at.logs / "124") in done.stderr
    assert "--compss" in done.stderr


def test_a_job_of_another_application_is_not_taken(submitted: User) -> None:
    (submitted.at.work / "other.py").write_text((submitted.at.work / "app.py").read_text())
    submitted.run("enqueue_compss", "-p", "other.py", INPUT, STAND_IN_JOB="7")
    assert submitted.at.run_job(7, submitted.environment) == 0
    submitted.call("pack", submitted.records[0], status=3)
    assert len(submitted.pack(submitted.records[1]).tasks) == 2


def test_a_job_that_was_stopped_at_its_time_limit_has_ended(submitted: User) -> None:
    assert submitted.at.run_job(123, submitted.environment) == 0
    log = submitted.at.logs / "123/dataprovenance.log"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    output = submitted.at.work / "compss-123.out"
    output.write_text(output.read_text().partition("[(9000)")[0])
    submitted.call("pack", status=3)
    (submitted.at.work / "compss-123.err").write_text(
        "slurmstepd: error: *** JOB 123 CANCELLED AT 10:00 TIME LIMIT ***\n"
    )
    assert len(submitted.pack().tasks) == 2


def test_a_job_without_provenance_says_what_it_would_add(user: User) -> None:
    user.run("enqueue_compss", "-g", "app.py", INPUT)
    assert user.at.run_job(123, user.environment) == 0
    packed = user.pack()
    assert packed.run.status is Status.COMPLETED
    assert packed.run.engine is not None and packed.run.engine.version == "3.4"
    assert packed.run.end is not None
    assert "--provenance" in gaps(packed)
    assert not (packed.crate / "environment/system-packages.txt").exists()
    assert packed.graph["./"]["mainEntity"]["@id"].endswith("app.py")


def test_a_submission_that_was_refused_is_packed_as_it_is(user: User) -> None:
    said = user.run("enqueue_compss", "-p", "app.py", INPUT, status=1, STAND_IN_REFUSES="1")
    assert "pack it with" in said and "once the job" not in said
    packed = user.pack()
    assert "no job was submitted" in gaps(packed)


def test_run_with_pack_of_a_submission_says_when_to_pack(user: User) -> None:
    said = user.run("enqueue_compss", "-p", "app.py", INPUT, options=("--pack", "crate"))
    assert "once the job has ended, pack it with" in said
    assert not (user.at.work / "crate").exists()


# ---- waiting


def test_waiting_packs_once_the_job_has_ended(submitted: User) -> None:
    waiting = subprocess.Popen(
        [Path(sys.executable).parent / "wfprov", "pack", "--wait", "--wait-interval", "0.05", "-o", "crate"],
        cwd=submitted.at.work,
        env=submitted.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith("wfprov: waiting: the log folder of the job")
    assert submitted.at.run_job(123, submitted.environment) == 0
    waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert len(Packed(submitted.at.work / "crate", {}).tasks) == 2


def test_waiting_ends_at_its_limit(submitted: User) -> None:
    done = submitted.call("pack", "--wait", "--wait-interval", "0.02", "--wait-limit", "0.05", status=3)
    assert "--wait-limit" in done.stderr


def test_waiting_can_be_interrupted(submitted: User) -> None:
    waiting = subprocess.Popen(
        [Path(sys.executable).parent / "wfprov", "pack", "--wait"],
        cwd=submitted.at.work,
        env=submitted.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiting.stderr is not None
    waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    _, said = waiting.communicate(timeout=60)
    assert waiting.returncode == 130
    assert "interrupted" in said and "Traceback" not in said


def test_waiting_is_not_for_logs(user: User) -> None:
    assert "--wait" in user.call("pack", "--compss", user.at.logs, "--wait", status=2).stderr
