"""Finding the files of a COMPSs run from its log folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.engines.compss.discovery import find_files
from provenance.engines.compss.records import RunFiles
from provenance.errors import JournalError
from tests.conftest import SHARED


def fill(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return fill(tmp_path / "a project", {"compss_submission_command_line.txt": "runcompss src/app.py 4\n"})


def log_text(work: Path, third: str = "App_Profile.json") -> str:
    return f"3.3\napp.py\n{third}\nfile://host{work}/in put/a.txt IN\nfile://host/elsewhere/b OUT\n"


@pytest.fixture
def logs(tmp_path: Path, work: Path) -> Path:
    return fill(tmp_path / ".COMPSs" / "app.py_01", {"dataprovenance.log": log_text(work)})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of each test: an empty one."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def names(files: RunFiles) -> list[str]:
    return [str(path.relative_to(files.log_folder)) for path in files.worker_logs]


def test_all_files_of_a_run(logs: Path, work: Path) -> None:
    fill(
        logs,
        {
            "monitor/complete_graph.dot": "digraph {}",
            "monitor/complete_graph.svg": "<svg/>",
            "jobs/job1_NEW.err": "",
            "trace/app.prv": "x",
            "trace/set-0/a.mpit": "x",
            "stats/resource_profiling_n1-MASTER.csv": "CPU",
            "workers/n1/stats/resource_profiling_n9.csv": "CPU",
        },
    )
    fill(work, {"App_Profile.json": "{}"})
    files = find_files(logs)
    assert files.log_folder == logs
    assert files.work_folder == work
    assert files.provenance_log == logs / "dataprovenance.log"
    assert files.graph == logs / "monitor/complete_graph.dot"
    assert files.drawing == logs / "monitor/complete_graph.svg"
    assert files.profile == work / "App_Profile.json"
    assert files.submission == work / "compss_submission_command_line.txt"
    assert files.node_statistics == (logs / "stats/resource_profiling_n1-MASTER.csv",)
    assert files.traces == (logs / "trace/app.prv", logs / "trace/set-0/a.mpit")
    assert [log.path.name for log in files.job_logs] == ["job1_NEW.err"]
    assert (files.job_id, files.console_output, files.problems) == (None, None, ())


def test_the_log_itself_and_a_link_to_the_folder(logs: Path, tmp_path: Path, work: Path) -> None:
    assert find_files(logs / "dataprovenance.log").log_folder == logs
    (tmp_path / "link").symlink_to(logs)
    assert find_files(tmp_path / "link").work_folder == work


def test_a_folder_that_is_no_log_folder(tmp_path: Path, logs: Path, elsewhere: Path) -> None:
    with pytest.raises(JournalError, match=r"dataprovenance.log nor monitor/complete_graph.dot nor jobs/"):
        find_files(elsewhere)
    with pytest.raises(JournalError, match="is not there"):
        find_files(tmp_path / "gone")
    with pytest.raises(JournalError, match="is a file"):
        find_files(fill(tmp_path, {"notes.txt": "x"}) / "notes.txt")


def test_a_folder_with_several_runs_names_the_newest(tmp_path: Path) -> None:
    for number in range(1, 6):
        folder = fill(tmp_path / "all" / f"app.py_0{number}", {"dataprovenance.log": "3.4\n"})
        os.utime(folder / "dataprovenance.log", (1000 + number, 1000 + number))
    with pytest.raises(JournalError) as failed:
        find_files(tmp_path / "all")
    text = str(failed.value)
    assert text.index("app.py_05") < text.index("app.py_04") < text.index("app.py_03")
    assert "app.py_02" not in text
    assert failed.value.exit_status == 3


def test_the_current_folder_is_the_working_folder_when_it_has_the_submission(
    logs: Path, elsewhere: Path, work: Path
) -> None:
    fill(elsewhere, {".compss_submission_command_line.txt": "runcompss app.py 5\n"})
    assert find_files(logs).work_folder == elsewhere
    fill(elsewhere, {".compss_submission_command_line.txt": "runcompss another.py\n"})
    assert find_files(logs).work_folder == work
    (work / "compss_submission_command_line.txt").unlink()
    fill(work / "in put", {"ro-crate-info.yaml": "x"})
    assert find_files(logs).work_folder == work / "in put"


def test_an_unknown_working_folder_is_a_problem(logs: Path, elsewhere: Path, work: Path) -> None:
    (work / "compss_submission_command_line.txt").unlink()
    files = find_files(logs)
    assert files.work_folder == elsewhere
    assert "--workdir" in files.problems[0].what


def test_a_given_working_folder_is_taken(logs: Path, work: Path, elsewhere: Path) -> None:
    fill(elsewhere, {"compss_submission_command_line.txt": "runcompss another.py\n"})
    files = find_files(logs, elsewhere)
    assert files.work_folder == elsewhere
    assert files.submission is None
    assert "another application than app.py" in files.problems[0].what


def test_the_newest_submission_line_is_taken(logs: Path, work: Path) -> None:
    fill(
        work, {".compss_submission_command_line.txt": "runcompss app.py 5\n", "compss_command_line_arguments.txt": "a"}
    )
    os.utime(work / "compss_submission_command_line.txt", (1000, 1000))
    assert find_files(logs).submission == work / ".compss_submission_command_line.txt"


def test_the_job_is_the_name_of_the_folder(tmp_path: Path, work: Path) -> None:
    folder = fill(tmp_path / "123", {"dataprovenance.log": log_text(work)})
    fill(work, {"compss-123.out": "x", "compss-123.err": "x", "compss-99.out": "x"})
    files = find_files(folder)
    assert files.job_id == "123"
    assert files.console_output == work / "compss-123.out"
    assert files.console_error == work / "compss-123.err"


def test_the_job_is_the_only_one_there_is_unless_the_folder_is_of_a_local_run(
    tmp_path: Path, logs: Path, work: Path
) -> None:
    fill(work, {"compss-99.out": "x"})
    own = fill(tmp_path / "logs of mine", {"dataprovenance.log": log_text(work)})
    assert find_files(own).job_id == "99"
    assert find_files(own).console_error is None
    assert find_files(logs).job_id is None
    fill(work, {"compss-100.out": "x"})
    assert find_files(own).job_id is None


def test_the_profile_may_have_another_name(tmp_path: Path, work: Path) -> None:
    fill(work, {"App_Profile.json": "{}", "my profile.json": "{}"})
    fill(tmp_path / "full", {"p.json": "{}"})
    for third, expected in (
        ("my profile.json", work / "my profile.json"),
        (str(tmp_path / "full/p.json"), tmp_path / "full/p.json"),
        ("null", work / "App_Profile.json"),
        ("2026-03-16T10:12:01.123456Z", work / "App_Profile.json"),
        ("gone.json", None),
    ):
        folder = fill(tmp_path / "x_01", {"dataprovenance.log": log_text(work, third)})
        assert find_files(folder).profile == expected


def test_logs_of_workers_are_read_node_by_node_the_oldest_part_first(logs: Path) -> None:
    fill(
        logs,
        {
            "workers/n2/Log/static_binding_dp.out": "",
            "workers/n1/Log/static_binding_dp.out": "",
            "workers/n1/Log/static_binding_dp.out.1": "",
            "workers/n1/Log/static_binding_dp.out.10": "",
            "workers/n1/Log/static_binding_dp.out.2": "",
            "workers/n1/Log/binding_dp.out": "",
            "workers/n1/Log/static_worker_dp.out": "",
            "workers/n1/Log/static_binding_worker.out": "",
            "workers/n3/Log/binding_dp.out": "",
        },
    )
    part = "workers/n1/Log/static_binding_dp.out"
    assert names(find_files(logs)) == [
        f"{part}.10",
        f"{part}.2",
        f"{part}.1",
        part,
        "workers/n1/Log/static_worker_dp.out",
        "workers/n2/Log/static_binding_dp.out",
        "workers/n3/Log/binding_dp.out",
    ]


def test_samples_that_stayed_with_the_workers(logs: Path) -> None:
    fill(logs, {"workers/n1/stats/resource_profiling_n1.csv": "CPU", "stats/stats.json": "{}"})
    assert find_files(logs).node_statistics == (logs / "workers/n1/stats/resource_profiling_n1.csv",)


def test_a_run_without_provenance_has_its_other_files(tmp_path: Path) -> None:
    folder = fill(tmp_path / "x_01", {"jobs/job1_NEW.out": "", "monitor/complete_graph.dot": ""})
    files = find_files(folder)
    assert (files.provenance_log, files.graph) == (None, None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_files_without_permission_are_problems(logs: Path, work: Path) -> None:
    fill(work, {"App_Profile.json": "{}"})
    (work / "App_Profile.json").chmod(0)
    files = find_files(logs)
    assert files.profile is None
    assert files.problems[0].file == str(work / "App_Profile.json")


@pytest.mark.parametrize("version", ["3.3", "3.3.1", "3.4"])
@pytest.mark.parametrize("slurm", [[], ["--slurm", "4242"]])
def test_runs_of_every_version(tmp_path: Path, version: str, slurm: list[str]) -> None:
    generator = SHARED / "tools" / "make_compss_run.py"
    if not generator.exists():
        pytest.skip("the generator of runs is not here")
    arguments = ["--case", "failed", "--version", version, "--workers", "2", "--no-svg", *slurm]
    subprocess.run([sys.executable, generator, tmp_path / "run", *arguments], check=True, stdout=subprocess.DEVNULL)
    (logs,) = (tmp_path / "run" / "dotCOMPSs").iterdir()
    files = find_files(logs)
    assert files.work_folder == tmp_path / "run" / "work"
    assert files.submission is not None
    assert files.graph is not None
    assert files.problems == ()
    assert (files.profile is None) == (version == "3.4")
    assert len(files.worker_logs) == (2 if version == "3.4" else 0)
    assert bool(files.node_statistics) == (version == "3.4")
    assert files.job_id == (slurm[1] if slurm else None)
    assert [log.error is None for log in files.job_logs] == [False, True, False, True]


def test_nothing_is_written(logs: Path, work: Path, tmp_path: Path) -> None:
    def state() -> list[tuple[str, int]]:
        return sorted((str(path), path.lstat().st_mtime_ns) for path in tmp_path.rglob("*"))

    before = state()
    find_files(logs)
    assert state() == before
