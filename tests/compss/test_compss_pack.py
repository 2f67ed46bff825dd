"""``wfprov pack --compss``: what its options do, which information it takes, what it says."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

from tests.compss.runs import CompssRun, file_in, file_out, scalar, snapshot
from tests.conftest import Wfprov

INFO = "COMPSs Workflow Information:\n  name: {}\n"


def small_run(folder: Path, version: str = "3.4", **more: object) -> CompssRun:
    run = CompssRun(folder, version=version)
    a = run.file("inputs/a b.txt", "1\n")
    c = run.path("outputs/c.txt")
    run.task("mod.f", [file_in("a", a), file_out("c", c), scalar("word", "x" * 300, "STRING_T", "str")], makes={c: "2"})
    return run.finish(**more)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> CompssRun:
    return small_run(tmp_path)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The folder that the command is called in."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def name_in(crate: Path) -> str:
    graph = json.loads((crate / "ro-crate-metadata.json").read_bytes())["@graph"]
    return str(next(entity["name"] for entity in graph if entity["@id"] == "./"))


def actions_in(crate: Path) -> int:
    graph = json.loads((crate / "ro-crate-metadata.json").read_bytes())["@graph"]
    return sum(entity["@type"] == "CreateAction" for entity in graph)


@pytest.mark.parametrize("version", ["3.3", "3.3.1", "3.4"])
def test_a_finished_run_becomes_a_crate_named_after_it(
    tmp_path: Path, elsewhere: Path, wfprov: Wfprov, version: str
) -> None:
    run = small_run(tmp_path, version)
    before = snapshot(run.work_folder, run.log_folder)
    done = wfprov("pack", "--compss", run.log_folder, "--workdir", run.work_folder, cwd=elsewhere)
    (crate,) = elsewhere.iterdir()
    assert re.fullmatch(r"(app|Sample)(-20260316T101201Z)?-crate", crate.name)
    assert done.stdout.startswith(f"{crate.name}\n  tasks ")
    assert name_in(crate) == "Sample"
    assert snapshot(run.work_folder, run.log_folder) == before


def test_the_working_folder_is_found_by_itself(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", cwd=elsewhere)
    assert name_in(elsewhere / "crate") == "Sample"


def test_the_log_itself_names_the_run_too(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    wfprov("pack", "--compss", run.log_folder / "dataprovenance.log", "-o", "crate", cwd=elsewhere)
    assert name_in(elsewhere / "crate") == "Sample"


# ---- options that all runs have


def test_a_zip(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    wfprov("pack", "--compss", run.log_folder, "--zip", cwd=elsewhere)
    (crate,) = elsewhere.iterdir()
    assert crate.name.endswith(".crate.zip")
    assert "ro-crate-metadata.json" in zipfile.ZipFile(crate).namelist()


def test_quiet_prints_the_path_alone(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    done = wfprov("pack", "--compss", run.log_folder, "-o", "crate", "-q", cwd=elsewhere)
    assert (done.stdout, done.stderr) == ("crate\n", "")


@pytest.mark.parametrize(("mode", "copied"), [("copy", True), ("reference", False), (None, True)])
def test_data_are_copied_or_not(
    run: CompssRun, elsewhere: Path, wfprov: Wfprov, mode: str | None, copied: bool
) -> None:
    options = ["--data", mode] if mode else []
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", *options, cwd=elsewhere)
    assert bool(list((elsewhere / "crate").rglob("a b.txt"))) is copied


def test_checksums_can_be_left_out(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    options = ["--checksums", "none", "--data", "reference"]
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", *options, cwd=elsewhere)
    text = (elsewhere / "crate" / "ro-crate-metadata.json").read_text()
    (described,) = [one for one in json.loads(text)["@graph"] if str(one.get("name", "")).endswith("a b.txt")]
    assert "sha256" not in described


def test_a_crate_that_is_there_is_replaced_only_when_told(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    words = ["pack", "--compss", run.log_folder, "-o", "crate"]
    wfprov(*words, cwd=elsewhere)
    assert "is there already" in wfprov(*words, cwd=elsewhere, status=2).stderr
    wfprov(*words, "--force", cwd=elsewhere)


def test_a_publishable_crate_names_no_host(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", "--publishable", cwd=elsewhere)
    assert run.host not in (elsewhere / "crate" / "ro-crate-metadata.json").read_text()
    assert run.host in (elsewhere / "crate.names.json").read_text()


# ---- what the user says


def test_the_file_that_the_run_was_submitted_with_is_taken(tmp_path: Path, elsewhere: Path, wfprov: Wfprov) -> None:
    run = small_run(tmp_path, flags=("--provenance=FULL.yaml", "--lang=python"))
    (run.work_folder / "FULL.yaml").write_text(INFO.format("Full"))
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", cwd=elsewhere)
    assert name_in(elsewhere / "crate") == "Full"


def test_a_file_given_now_goes_first(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    (elsewhere / "mine.yaml").write_text(INFO.format("Mine"))
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", "--info", "mine.yaml", cwd=elsewhere)
    assert name_in(elsewhere / "crate") == "Mine"


def test_a_run_without_information_is_packed(tmp_path: Path, elsewhere: Path, wfprov: Wfprov) -> None:
    run = small_run(tmp_path, info_text="")
    done = wfprov("pack", "--compss", run.log_folder, "-o", "crate", cwd=elsewhere)
    assert "Missing for publishing" in done.stdout


def test_wrong_information_is_an_error_here(tmp_path: Path, elsewhere: Path, wfprov: Wfprov) -> None:
    """There is somebody who can correct it."""
    run = small_run(tmp_path, info_text="COMPSs Workflow Information:\n  licence: MIT\n")
    done = wfprov("pack", "--compss", run.log_folder, cwd=elsewhere, status=3)
    assert "ro-crate-info.yaml:2" in done.stderr
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(("persistence", "copied"), [(True, True), (False, False)])
def test_data_persistence_means_what_it_means_to_compss(
    tmp_path: Path, elsewhere: Path, wfprov: Wfprov, persistence: bool, copied: bool
) -> None:
    run = small_run(tmp_path, info={"data_persistence": persistence})
    words = ["pack", "--compss", run.log_folder, "-o"]
    wfprov(*words, "crate", cwd=elsewhere)
    assert bool(list((elsewhere / "crate").rglob("a b.txt"))) is copied
    wfprov(*words, "other", "--data", "reference" if copied else "copy", cwd=elsewhere)
    assert bool(list((elsewhere / "other").rglob("a b.txt"))) is not copied


def test_without_provenance_run_there_are_no_tasks(tmp_path: Path, elsewhere: Path, wfprov: Wfprov) -> None:
    run = small_run(tmp_path, info={"provenance_run": False})
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", cwd=elsewhere)
    assert actions_in(elsewhere / "crate") == 1


def test_long_values_are_cut_where_the_user_says(tmp_path: Path, elsewhere: Path, wfprov: Wfprov) -> None:
    run = small_run(tmp_path, info={"param_size_limit": 40})
    wfprov("pack", "--compss", run.log_folder, "-o", "crate", cwd=elsewhere)
    text = (elsewhere / "crate" / "ro-crate-metadata.json").read_text()
    assert "x" * 41 not in text
    assert "x" * 30 in text


# ---- what is said


def test_what_could_not_be_understood_is_shown(tmp_path: Path, elsewhere: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path)
    run.task("mod.f", [file_in("a", run.file("a.txt", "1"))])
    run.line("nobody knows this line")
    run.finish()
    done = wfprov("pack", "--compss", run.log_folder, "-o", "crate", cwd=elsewhere)
    assert "nobody knows this line" in done.stdout
    report = json.loads(
        wfprov("pack", "--compss", run.log_folder, "-o", "other", "--json", cwd=elsewhere).stdout,
    )
    assert any("nobody knows this line" in gap for gap in report["gaps"])
    assert report["tasks"] == 1


def test_a_file_that_is_gone_is_named(run: CompssRun, elsewhere: Path, wfprov: Wfprov) -> None:
    Path(run.path("inputs/a b.txt")).unlink()
    done = wfprov("pack", "--compss", run.log_folder, "-o", "crate", cwd=elsewhere)
    assert re.search(r"^Gone, .*\n(  .*\n)*  .*a b\.txt$", done.stdout, re.MULTILINE)


# ---- wrong calls


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["20261122", "--compss", "logs"], "RUN (20261122) is for recorded runs and --compss for runs of COMPSs"),
        (["--record-dir", ".", "--compss", "logs"], "--record-dir is for recorded runs"),
        (["--workdir", "."], "give its log folder with --compss"),
    ],
)
def test_calls_that_can_not_be_meant(elsewhere: Path, wfprov: Wfprov, words: list[str], said: str) -> None:
    (elsewhere / "logs").mkdir()
    done = wfprov("pack", *words, cwd=elsewhere, status=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("case", ["nothing", "empty", "above", "file"])
def test_a_folder_that_is_no_log_of_a_run(run: CompssRun, elsewhere: Path, wfprov: Wfprov, case: str) -> None:
    given = {
        "nothing": elsewhere / "nothing",
        "empty": elsewhere / "empty",
        "above": run.log_folder.parent,
        "file": run.main,
    }[case]
    (elsewhere / "empty").mkdir()
    done = wfprov("pack", "--compss", given, cwd=elsewhere, status=3)
    assert str(given) in done.stderr
    assert "Traceback" not in done.stderr
    if case == "above":
        assert str(run.log_folder) in done.stderr
