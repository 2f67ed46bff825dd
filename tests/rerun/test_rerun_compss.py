"""Crates of COMPSs runs: what is executed to repeat them, and where their files were."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.crate.read import read
from provenance.engines.compss.records import Submission
from provenance.rerun import engines
from provenance.rerun.engines.compss_layout import find_layout
from provenance.run.model import Data, Role, Run, Software, Status
from tests.compss.stand_in import StandIn
from tests.conftest import Wfprov
from tests.rerun.compss_crates import (
    Told,
    crate_of_compss,
    executed,
    generated,
    needs_generator,
    outputs_of,
    recognised,
    told_of,
)

SHARED = Path(__file__).parents[3] / "shared" / "data" / "crates"
VERSIONS = ("3.3", "3.3.1", "3.4")


@pytest.fixture(autouse=True)
def without_compss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folders = os.environ["PATH"].split(os.pathsep)
    there = [folder for folder in folders if not (Path(folder) / "runcompss").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(there))


def _published(run: Path, crate: Path) -> Path:
    """Leave nothing of a run but its crate."""
    shutil.rmtree(run)
    return crate


@needs_generator
@pytest.mark.parametrize("version", VERSIONS)
def test_crate_of_ours_runs_again_without_compss(version: str, tmp_path: Path, wfprov: Wfprov) -> None:
    run = generated(tmp_path / "run", "--version", version)
    (log,) = (run / "dotCOMPSs").iterdir()
    wfprov("pack", "--compss", log, "--workdir", run / "work", "-o", tmp_path / "crate", cwd=tmp_path)
    crate = _published(run, tmp_path / "crate")

    executed(crate, tmp_path / "new")

    results = outputs_of(crate, tmp_path / "new")
    assert len(results) == 4
    assert all(results.values())
    assert any("content from before" in note for note in recognised(crate).notes)


@needs_generator
@pytest.mark.parametrize(
    ("version", "base"), [("3.3", None), ("3.3.1", ""), ("3.4", None)], ids=["3.3", "3.3.1-flat", "3.4"]
)
def test_crate_of_compss_runs_again_without_compss(version: str, base: str | None, tmp_path: Path) -> None:
    run = generated(tmp_path / "run", "--version", version, "--slurm", "123" if version == "3.3" else "0")
    crate = crate_of_compss(run / "work", tmp_path / "crate", told_of(run), base)
    _published(run, crate)
    before = {path: path.read_bytes() for path in crate.rglob("*") if path.is_file()}

    executed(crate, tmp_path / "new")

    results = outputs_of(crate, tmp_path / "new")
    assert len(results) == 4
    assert all(results.values())
    assert {path: path.read_bytes() for path in crate.rglob("*") if path.is_file()} == before


@needs_generator
def test_runcompss_is_used_where_it_is_and_site_flags_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = generated(tmp_path / "run", "--slurm", "123")
    crate = _published(run, crate_of_compss(run / "work", tmp_path / "crate", told_of(run)))
    site = StandIn(tmp_path / "site")
    for name, value in site.environment(os.environ["PATH"]).items():
        monkeypatch.setenv(name, value)

    recipe = recognised(crate)

    work = run / "work"
    assert recipe.words[:4] == (
        "runcompss",
        "--lang=python",
        f"--pythonpath={work}/src",
        f"{work}/src/matmul_files.py",
    )
    (told,) = (note for note in recipe.notes if "left out" in note)
    assert told.split(": ", 1)[1].split() == [
        "--qos=gp_debug",
        "--num_nodes=2",
        "--exec_time=10",
        "--worker_working_dir=local_disk",
    ]
    executed(crate, tmp_path / "new")
    assert all(outputs_of(crate, tmp_path / "new").values())
    assert list(site.logs.iterdir())


@needs_generator
def test_folders_whose_place_no_word_tells_are_named_and_not_guessed(tmp_path: Path) -> None:
    run = generated(tmp_path / "run", "--case", "directory", "--version", "3.4")
    crate = crate_of_compss(run / "work", tmp_path / "crate", told_of(run))

    problems = recognised(crate).problems

    assert {problem.split()[6] for problem in problems} == {
        f"dataset/{name}" for name in ("row0", "row1", "B", "C_row0", "C_row1")
    }


def _crate(folder: Path, line: str, told: Told | None = None) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.py").write_text("", encoding="utf-8")
    told = told or Told("3.3", "src/app.py", line)
    return crate_of_compss(folder, folder.parent / f"{folder.name}-crate", told)


def test_java_needs_compss(tmp_path: Path) -> None:
    crate = _crate(tmp_path / "work", "runcompss --lang=java --classpath=/x/app.jar app.App 1")

    (problem,) = recognised(crate).problems

    assert "Java" in problem
    assert "runcompss" in problem


def test_without_submission_line_the_arguments_are_not_guessed(tmp_path: Path) -> None:
    crate = _crate(tmp_path / "work", "")
    (crate / "compss_submission_command_line.txt").unlink()

    recipe = recognised(crate)

    assert recipe.words == ()
    assert "line that it was submitted with" in recipe.problems[0]


def test_blanks_in_paths_are_found_by_what_the_crate_has(tmp_path: Path) -> None:
    work = tmp_path / "my work"
    for name in ("in put/a.txt", "out/b.txt"):
        (work / name).parent.mkdir(parents=True)
        (work / name).write_text("x", encoding="utf-8")
    line = f"runcompss --qos=debug {work}/src/app.py in put/a.txt --out=out/b.txt 3"
    told = Told("3.4", "src/app.py", line, (str(work / "in put/a.txt"),), (str(work / "out/b.txt"),))

    recipe = recognised(_crate(work, line, told))

    assert recipe.words[2:] == ("in put/a.txt", "--out=out/b.txt", "3")
    assert set(recipe.paths.values()) >= {str(work / "in put/a.txt"), str(work / "out/b.txt")}


def test_referenced_data_tell_their_own_path(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "a 100%.txt").write_text("x", encoding="utf-8")
    path = str(work / "a 100%.txt")
    told = Told("3.3", "src/app.py", f"runcompss {work}/src/app.py", inputs=(path,), persists=False)

    recipe = recognised(_crate(work, told.line, told))

    assert recipe.paths[f"file://{told.host}{path}"] == path


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published crates are not here")
def test_published_crate_is_understood() -> None:
    crate = SHARED / "compss-lysozyme-4d44d8b"

    recipe = recognised(crate)

    root = "/home/bsc/bsc019057/Tutorial_2024/lysozyme_in_water"
    assert recipe.words == (
        "python3",
        f"{root}/./src/lysozyme_in_water_full.py",
        "config/",
        "dataset_small/",
        "output/",
    )
    assert recipe.problems == ()
    assert recipe.run is not None
    assert recipe.run.cwd == root
    files = {data.key: data.original for data in recipe.run.data}
    assert files["dataset/lysozyme_in_water/config/ions.mdp"] == f"{root}/config/ions.mdp"
    assert files["application_sources/launch_full.sh"] == f"{root}/launch_full.sh"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published crates are not here")
@pytest.mark.parametrize("name", ["galaxy-collection-wf", "nextflow-nf-prov-test-run-1", "snakemake-crcc-img-convert"])
def test_other_engines_are_named_and_nothing_is_executed(name: str) -> None:
    recipe = recognised(SHARED / name)

    assert recipe.words == ()
    assert recipe.problems[0].startswith("this crate tells that ")
    assert name.split("-", maxsplit=1)[0] in recipe.problems[0].lower()
    assert "wfprov can't start" in recipe.problems[0]


_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)


@settings(deadline=None, max_examples=60)
@given(
    root=st.lists(_NAMES, min_size=1, max_size=4),
    members=st.lists(st.lists(_NAMES, min_size=1, max_size=3), min_size=1, max_size=5, unique_by=tuple),
    data=st.data(),
)
def test_place_of_data_is_the_recorded_one_or_none(
    root: list[str], members: list[list[str]], data: st.DataObject
) -> None:
    folder = "/" + "/".join(root)
    base = root[-1]
    # Identifiers as an engine writes them: not encoded, so that what looks encoded would be read as such.
    keys = [f"dataset/{base}/{'/'.join(member)}" for member in members]
    if any("%" in key or "://" in key for key in keys):
        return
    named = data.draw(st.sampled_from(members))
    argument = "/".join([folder, *named])
    run = Run(
        "r",
        "r",
        Status.COMPLETED,
        main="application_sources/app.py",
        engine=Software("COMPSs"),
        data=tuple(Data(key, key, Role.INPUT) for key in keys),
    )
    line = Submission("", "runcompss", application="/elsewhere/app.py", arguments=(argument,))

    layout = find_layout(run, line)

    found = [layout.paths.get(key) for key in keys]
    expected = ["/".join([folder, *member]) for member in members]
    assert found == expected or layout.problems
    assert all(".." not in PurePosixPath(path).parts for path in layout.paths.values())


def test_hostile_identifiers_get_no_place(tmp_path: Path) -> None:
    keys = ["dataset/../../etc/passwd", "application_sources/%2e%2e/%2e%2e/x", "/etc/passwd", "file://h/../etc/x", "#x"]
    run = Run("r", "r", Status.COMPLETED, main="app.py", data=tuple(Data(key, key, Role.INPUT) for key in keys))

    assert find_layout(run, Submission("", "runcompss", application="app.py")).paths == {}


def test_plain_commands_of_ours_are_left_alone(tmp_path: Path, wfprov: Wfprov) -> None:
    wfprov("run", "--", "sh", "-c", "echo x > out", cwd=tmp_path)
    wfprov("pack", "-o", tmp_path / "crate", cwd=tmp_path)

    assert engines.recognise(read(tmp_path / "crate"), tmp_path / "crate") is None


@needs_generator
@pytest.mark.skipif(find_spec("provenance.cli.rerun") is None, reason="the command is not there")
@pytest.mark.parametrize("version", ["3.3", "3.4"])
def test_command_says_reproduced(version: str, tmp_path: Path, wfprov: Wfprov) -> None:
    run = generated(tmp_path / "run", "--version", version)
    if version == "3.4":
        (log,) = (run / "dotCOMPSs").iterdir()
        wfprov("pack", "--compss", log, "--workdir", run / "work", "-o", tmp_path / "crate", cwd=tmp_path)
    else:
        crate_of_compss(run / "work", tmp_path / "crate", told_of(run))
    _published(run, tmp_path / "crate")

    done = wfprov("rerun", "crate", "--workdir", "new", "--trust", "--env", "current", "--json", cwd=tmp_path)

    assert json.loads(done.stdout)["result"] == "reproduced"
