"""The shipped examples, recorded, packed and checked as their READMEs say."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import pytest

from provenance.crate.validate import Issue, validate
from tests.conftest import PROJECT, Wfprov

EXAMPLES = PROJECT / "examples"
MADE_BY_RUNNING = shutil.ignore_patterns("results", "out", "rods", "heat", "summary.csv", ".wfprov")


@dataclass(frozen=True)
class Packed:
    """An example that was recorded and packed: its folder, its crate, and what was printed."""

    folder: Path
    crate: Path
    stdout: str
    stderr: str

    @property
    def graph(self) -> dict[str, dict[str, Any]]:
        """The crate's entities by identifier."""
        text = (self.crate / "ro-crate-metadata.json").read_text(encoding="utf-8")
        return {entity["@id"]: entity for entity in json.loads(text)["@graph"]}

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The entities of one type."""
        return [each for each in self.graph.values() if kind in _list(each["@type"])]

    def names(self, role: str) -> set[str]:
        """Base names of the run's inputs (``object``) or outputs (``result``) that are files."""
        graph = self.graph
        runs = [graph[each["@id"]] for each in _list(graph["./"].get("mentions"))]
        run = next(each for each in runs if "CreateAction" in _list(each["@type"]))
        files = [each["@id"] for each in _list(run.get(role))]
        return {
            unquote(PurePosixPath(each).name)
            for each in files
            if each in graph and "File" in _list(graph[each]["@type"])
        }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def record_and_pack(wfprov: Wfprov, folder: Path, example: str, *command: str) -> Packed:
    """Copy an example to ``folder``, record it there and pack it."""
    here = folder / example
    shutil.copytree(EXAMPLES / example, here, ignore=MADE_BY_RUNNING)
    recorded = wfprov("run", "--", *command, cwd=here)
    crate = folder / "crate"
    wfprov("pack", "--info", "ro-crate-info.yaml", "--output", crate, cwd=here)
    return Packed(here, crate, recorded.stdout, recorded.stderr)


def findings(packed: Packed) -> tuple[Issue, ...]:
    """What the validator finds in the crate at the recommended level."""
    return validate(packed.crate, level="recommended").issues


def tasks_by_tool(wfprov: Wfprov, packed: Packed) -> Counter[str]:
    """How many tasks each tool of the crate has."""
    shown = json.loads(wfprov("inspect", packed.crate, "--json", cwd=packed.folder).stdout)
    run = shown["crates"][0]["run"]
    tools = {tool["key"]: tool["name"] for tool in run["tools"]}
    return Counter(tools[task["tool"]] for task in run["tasks"])


@pytest.fixture(scope="module")
def model_selection(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("python example")
    command = ("python", "workflow.py", "config/design.json", "results")
    return record_and_pack(wfprov, folder, "model-selection", *command)


@pytest.fixture(scope="module")
def shell_pipeline(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    folder = tmp_path_factory.mktemp("shell example")
    command = ("bash", "pipeline.sh", "data/readings june.csv", "data/stations.csv", "out")
    return record_and_pack(wfprov, folder, "shell-pipeline", *command)


@pytest.fixture(scope="module")
def make_c(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return record_and_pack(wfprov, tmp_path_factory.mktemp("make example"), "make-c", "make", "-j2")


class TestModelSelection:
    """The Python workflow with tasks; the demo below validates it."""

    def test_runs_as_it_would_without_a_recording(self, model_selection: Packed) -> None:
        assert "Chosen: **quadratic**" in model_selection.stdout
        assert model_selection.stdout == (model_selection.folder / "results" / "report.md").read_text()
        assert len(list((model_selection.folder / "results" / "simulations").iterdir())) == 24

    def test_every_call_is_a_task(self, wfprov: Wfprov, model_selection: Packed) -> None:
        counts = {name.split(".")[-1]: n for name, n in tasks_by_tool(wfprov, model_selection).items()}
        assert counts == {
            "sample_designs": 1,
            "simulate": 24,
            "gather": 1,
            "cross_validate": 5,
            "choose": 1,
            "fit": 1,
            "report": 1,
        }

    def test_what_went_in_and_came_out(self, model_selection: Packed) -> None:
        assert "design.json" in model_selection.names("object")
        assert model_selection.names("result") == {"model.joblib", "report.md"}
        described = {PurePosixPath(each["@id"]).name for each in model_selection.of_type("File")}
        simulated = {f"design-{number:03}.csv" for number in range(24)}
        assert described >= {"designs.csv", "outcomes.csv"} | simulated
        assert described >= {"workflow.py", "sampling.py", "beam.py", "models.py"}

    def test_runs_without_a_recording(self, tmp_path: Path) -> None:
        pytest.importorskip("sklearn")
        done = subprocess.run(
            [sys.executable, "workflow.py", "config/design.json", tmp_path],
            cwd=EXAMPLES / "model-selection",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Chosen: **quadratic**" in done.stdout
        assert done.stderr == ""

    def test_says_what_is_missing(self, tmp_path: Path) -> None:
        # A module of the same name that can't be found, as where scikit-learn is not installed.
        (tmp_path / "sklearn.py").write_text("raise ModuleNotFoundError('No module named sklearn')")
        done = subprocess.run(
            [sys.executable, "workflow.py", "config/design.json", tmp_path / "results"],
            cwd=EXAMPLES / "model-selection",
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "pip install 'wfprov[examples]'" in done.stderr
        assert "Traceback" not in done.stderr


class TestShellPipeline:
    """The shell script, in which nothing is marked."""

    def test_runs_as_it_would_without_a_recording(self, shell_pipeline: Packed) -> None:
        means = "coast,17.16,58\nvalley,14.17,59\nmountain,3.97,57\n"
        assert shell_pipeline.stdout == means
        out = shell_pipeline.folder / "out"
        assert (out / "mean by region.csv").read_text() == means
        assert len((out / "faulty.txt").read_text().splitlines()) == 6
        with gzip.open(out / "clean readings.csv.gz", "rt") as clean:
            assert len(clean.readlines()) == 174

    def test_every_program_is_a_task(self, wfprov: Wfprov, shell_pipeline: Packed) -> None:
        counts = tasks_by_tool(wfprov, shell_pipeline)
        expected = {"grep": 2, "tail": 2, "sort": 3, "join": 1, "gzip": 1, "cat": 1}
        assert {name: counts[name] for name in expected} == expected
        assert sum(n for name, n in counts.items() if "awk" in name) == 1

    def test_what_went_in_and_came_out(self, shell_pipeline: Packed) -> None:
        assert shell_pipeline.names("object") == {"readings june.csv", "stations.csv"}
        results = {"faulty.txt", "clean readings.csv.gz", "mean by region.csv"}
        assert shell_pipeline.names("result") == results

    def test_nothing_is_found_at_the_recommended_level(self, shell_pipeline: Packed) -> None:
        assert findings(shell_pipeline) == ()


@pytest.mark.skipif(not (shutil.which("make") and shutil.which("cc")), reason="no make or compiler")
class TestMakeAndC:
    """The Makefile that compiles and runs a C program."""

    def test_runs_as_it_would_without_a_recording(self, make_c: Packed) -> None:
        lines = (make_c.folder / "summary.csv").read_text().splitlines()
        assert lines[0] == "diffusivity,highest"
        highest = [float(line.split(",")[1]) for line in lines[1:]]
        assert highest == pytest.approx([71.141077, 48.560102, 29.370598, 10.936987])

    def test_reproduces(self, wfprov: Wfprov, make_c: Packed, tmp_path: Path) -> None:
        done = wfprov("rerun", make_c.crate, "--workdir", "again", "--trust", cwd=tmp_path)
        assert done.stdout.splitlines()[-1] == "reproduced: of 5 results, 5 identical"

    def test_the_runs_of_the_program_share_one_tool(self, wfprov: Wfprov, make_c: Packed) -> None:
        assert tasks_by_tool(wfprov, make_c)["heat"] == 4

    def test_what_went_in_and_came_out(self, make_c: Packed) -> None:
        rods = {"0.02.txt", "0.05.txt", "0.1.txt", "0.2.txt"}
        assert make_c.names("object") == {"initial.txt"}
        described = {PurePosixPath(each["@id"]).name for each in make_c.of_type("File")}
        assert described >= {"Makefile", "heat.c", "heat"}
        assert make_c.names("result") == {"summary.csv", *rods}

    def test_nothing_is_found_at_the_recommended_level(self, make_c: Packed) -> None:
        assert findings(make_c) == ()


def test_the_demo_ends_with_a_crate_in_which_nothing_is_found(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    checkout = tmp_path / "a clean checkout"
    shutil.copytree(PROJECT / "scripts", checkout / "scripts")
    shutil.copytree(EXAMPLES, checkout / "examples", ignore=MADE_BY_RUNNING)
    (checkout / ".venv").symlink_to(sys.prefix)
    for left_behind in ("model-selection/.wfprov/run", "crate/ro-crate-metadata.json"):  # by a demo before
        (checkout / "demo" / left_behind).parent.mkdir(parents=True)
        (checkout / "demo" / left_behind).write_text("old")
    # It stops at the first command that fails, and `validate` fails when it finds something.
    shown = subprocess.run([checkout / "scripts" / "demo"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert not (checkout / "demo" / "model-selection" / ".wfprov" / "run").exists()
    assert (checkout / "demo" / "crate" / "ro-crate-preview.html").is_file()
    assert "demo/crate/ro-crate-preview.html" in shown.stdout
