"""``wfprov rerun``: the verdict on a run that is repeated as it was, or with one thing changed; the plan before it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Wfprov

WORK = """\
import sys
import tinycalc
from steps import scale

samples = int(sys.argv[sys.argv.index("--samples") + 1])
with open(sys.argv[1]) as given:
    numbers = [float(line) for line in given][:samples]
with open("out put.csv", "w") as table:
    table.write("n,value\\n")
    for n, value in enumerate(scale(numbers)):
        table.write(f"{n},{value * tinycalc.FACTOR}\\n")
"""
STEPS = "def scale(numbers):\n    return [number * 1.5 for number in numbers]\n"


def install(venv: Path, version: str, factor: float) -> None:
    """Put a package into an environment, in the place of another version of it."""
    site = next((venv / "lib").glob("python*/site-packages"))
    for old in site.glob("tinycalc-*"):
        shutil.rmtree(old)
    (site / "tinycalc.py").write_text(f"FACTOR = {factor}\n")
    info = site / f"tinycalc-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tinycalc\nVersion: {version}\n")
    names = ["tinycalc.py", f"{info.name}/METADATA", f"{info.name}/RECORD"]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in names))


@pytest.fixture(scope="module")
def place(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment and the crate of a run that took place elsewhere; what it ran on is gone."""
    place = tmp_path_factory.mktemp("repeated")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    install(place / "venv", "1.0", 2)
    folder = place / "my run #1"
    folder.mkdir()
    (folder / "work.py").write_text(WORK)
    (folder / "steps.py").write_text(STEPS)
    (folder / "numbers.txt").write_text("".join(f"{number}\n" for number in range(1, 51)))
    wfprov("run", "-q", "--", "../venv/bin/python", "work.py", "numbers.txt", "--samples", "20", cwd=folder)
    wfprov("pack", "-q", "-o", "../crate", cwd=folder)
    shutil.rmtree(folder)
    return place


def rerun(wfprov: Wfprov, crate: Path, folder: Path, *options: str, status: int | None = 0) -> dict[str, Any]:
    """Re-run with consent, and return the verdict."""
    done = wfprov("rerun", crate, "--workdir", folder, "--trust", "--json", *options, cwd=folder.parent, status=status)
    told: dict[str, Any] = json.loads(done.stdout)
    assert json.loads((folder / "verdict.json").read_text()) == told
    return told


def causes(verdict: dict[str, Any]) -> list[tuple[str, str, str | None, str | None]]:
    """What the verdict gives as the reason that the results differ."""
    found = verdict["divergence"]["differences"]
    return [(one["aspect"], one["what"], one["before"], one["after"]) for one in found]


def test_a_run_reproduces_where_its_folder_is_gone(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in (place / "crate").rglob("*"))
    verdict = rerun(wfprov, place / "crate", tmp_path / "again", "--pack")
    assert verdict["result"] == "reproduced"
    assert [(one["name"], one["likeness"]) for one in verdict["outputs"]] == [("out put.csv", "identical")]
    assert [one["finding"] for one in verdict["tasks"]] == ["same"]
    assert sorted((path, path.stat().st_mtime_ns) for path in (place / "crate").rglob("*")) == before
    told = json.loads((tmp_path / "again" / "crate-of-rerun" / "ro-crate-metadata.json").read_text())["@graph"]
    comment = next(entity for entity in told if entity["@id"] == "#repetition")
    assert (comment["name"], comment["text"]) == (verdict["result"], verdict["reason"])
    based_on = next(entity for entity in told if entity["@id"] == comment["isBasedOn"]["@id"])
    assert based_on["identifier"] == verdict["repeated"]


def test_another_parameter_is_named(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    verdict = rerun(wfprov, place / "crate", tmp_path / "again", "--set", "samples=10", status=1)
    assert verdict["result"] == "differs"
    assert causes(verdict) == [("parameters", "samples", "20", "10")]
    assert verdict["divergence"]["task"] == "work.py"


def test_a_changed_byte_of_an_input_stops_the_run_and_is_named(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    shutil.copytree(place / "crate", crate)
    numbers = crate / "dataset" / "numbers.txt"
    numbers.write_text(numbers.read_text().replace("\n7\n", "\n8\n"))
    stopped = rerun(wfprov, crate, tmp_path / "stopped", status=7)
    assert stopped["result"] == "could not run"
    assert "dataset/numbers.txt" in stopped["problems"][0]
    assert not (tmp_path / "stopped" / "work").exists()
    verdict = rerun(wfprov, crate, tmp_path / "again", "--allow", "numbers.txt", status=1)
    assert [cause[:2] for cause in causes(verdict)] == [("data", "numbers.txt")]
    assert "row 8, column 'value': recorded '21.0', now '24.0'" in verdict["outputs"][0]["detail"]
    tolerated = rerun(
        *(wfprov, crate, tmp_path / "tolerated", "--allow", "numbers.txt"), "--tolerance", "*.csv:abs=3", status=0
    )
    assert tolerated["result"] == "reproduced within tolerance"
    assert tolerated["outputs"][0]["absolute"] == 3.0


def test_other_data_are_named(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("1\n" * 50)
    option = f"numbers.txt={tmp_path / 'mine.txt'}"
    verdict = rerun(wfprov, place / "crate", tmp_path / "again", "--data", option, status=1)
    assert [cause[:2] for cause in causes(verdict)] == [("data", "numbers.txt")]
    assert [one["aspect"] for one in verdict["changes"]] == ["data"]


def test_a_changed_line_of_the_code_is_named(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    shutil.copytree(place / "crate", crate)
    (crate / "application_sources" / "steps.py").write_text(STEPS.replace("1.5", "1.6"))
    verdict = rerun(wfprov, crate, tmp_path / "again", "--allow", "steps.py", status=1)
    assert [cause[:2] for cause in causes(verdict)] == [("code", "steps.py")]


def test_another_version_of_a_package_is_named(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    install(place / "venv", "2.0", 3)
    try:
        verdict = rerun(wfprov, place / "crate", tmp_path / "again", "--env", "current", status=1)
    finally:
        install(place / "venv", "1.0", 2)
    assert causes(verdict) == [("packages", "tinycalc", "1.0", "2.0")]


def test_the_plan_names_all_that_is_missing_and_touches_nothing(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    shutil.copytree(place / "crate", crate)
    (crate / "dataset" / "numbers.txt").unlink()
    (crate / "application_sources" / "steps.py").write_text("changed")
    words = ("rerun", crate, "--workdir", "again", "--dry-run")
    shown = wfprov(*words, cwd=tmp_path, status=7).stdout
    plan = json.loads(wfprov(*words, "--json", cwd=tmp_path, status=7).stdout)
    assert len(plan["problems"]) == 2
    for sentence in plan["problems"]:
        assert sentence in shown
    assert not (tmp_path / "again").exists()
    assert [step["words"] for step in plan["steps"]] == [
        ["../venv/bin/python", "work.py", "numbers.txt", "--samples", "20"]
    ]


def test_without_consent_nothing_runs(wfprov: Wfprov, place: Path, tmp_path: Path) -> None:
    done = wfprov("rerun", place / "crate", "--workdir", "again", cwd=tmp_path, status=7)
    assert "--trust" in done.stdout
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--set", "n=1"), "no such argument (it has arg1=numbers.txt, samples=20)"),
        (("--set", "samples"), "NAME=VALUE"),
        (("--allow", "other.csv"), "other.csv"),
        (("--data", "numbers.txt=gone"), "there is no file gone"),
        (("--tolerance", "much"), "much"),
        (("--only", "nothing"), "nothing"),
    ],
)
def test_a_wrong_option_is_explained(
    wfprov: Wfprov, place: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = wfprov("rerun", place / "crate", "--dry-run", *options, cwd=tmp_path, status=2)
    assert said in done.stderr


def test_a_run_that_failed_fails_again_the_same_way(wfprov: Wfprov, tmp_path: Path) -> None:
    folder = tmp_path / "failing"
    folder.mkdir()
    (folder / "job.sh").write_text("echo begun > log.txt\ncat given.txt >> log.txt\nexit 3\n")
    (folder / "given.txt").write_text("given\n")
    wfprov("run", "-q", "--", "sh", "job.sh", cwd=folder, status=3)
    wfprov("pack", "-q", "-o", "../crate", cwd=folder)
    shutil.rmtree(folder)
    verdict = rerun(wfprov, tmp_path / "crate", tmp_path / "again")
    assert verdict["result"] == "reproduced"
    assert "failed with exit status 3 as recorded" in verdict["reason"]
    job = tmp_path / "crate" / "application_sources" / "job.sh"
    job.write_text(job.read_text().replace("exit 3", "exit 4"))
    other = rerun(wfprov, tmp_path / "crate", tmp_path / "other", "--allow", "job.sh", status=6)
    assert "failed with exit status 4; the recorded run failed with exit status 3" in other["reason"]


def test_a_file_that_the_run_changed_in_place_is_as_it_was_before(wfprov: Wfprov, tmp_path: Path) -> None:
    folder = tmp_path / "counting"
    folder.mkdir()
    (folder / "count.sh").write_text('n=$(cat count)\necho $((n + 1)) > count\necho "run $n" >> history\n')
    (folder / "count").write_text("41\n")
    (folder / "history").write_text("run 40\n")
    wfprov("run", "-q", "--", "sh", "count.sh", cwd=folder)
    wfprov("pack", "-q", "-o", "../crate", cwd=folder)
    verdict = rerun(wfprov, tmp_path / "crate", tmp_path / "again")
    assert verdict["result"] == "reproduced"
    assert (tmp_path / "again" / "work" / "count").read_text() == "42\n"
    assert (tmp_path / "again" / "work" / "history").read_text() == "run 40\nrun 41\n"
    assert {one["name"]: one["likeness"] for one in verdict["outputs"]} == {
        "count": "identical",
        "history": "identical",
    }


def test_a_program_and_a_file_of_elsewhere_that_are_not_here_are_missing(wfprov: Wfprov, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "work", Path(tempfile.mkdtemp(prefix="elsewhere-", dir="/tmp"))
    folder.mkdir()
    program = folder / "wfprov-test-program"
    program.write_text('#!/bin/sh\ncat "$1" > out\n')
    program.chmod(0o755)
    (elsewhere / "given").write_text("1\n")
    try:
        crate = tmp_path / "crate"
        words = ("run", "-q", "--", "./wfprov-test-program", elsewhere / "given")
        wfprov(*words, cwd=folder)
        wfprov("pack", "-q", "-o", crate, cwd=folder)
    finally:
        shutil.rmtree(elsewhere)
    shutil.rmtree(folder)
    metadata = crate / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"./wfprov-test-program ', '"wfprov-test-program '))
    plan = json.loads(wfprov("rerun", crate, "--dry-run", "--json", cwd=tmp_path, status=7).stdout)
    assert len(plan["problems"]) == 2, plan["problems"]
    assert plan["problems"][0].startswith("the program wfprov-test-program is not on this machine")
    assert f"{elsewhere}/given, outside of its folders" in plan["problems"][1]
