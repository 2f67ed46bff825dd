"""The published crate of a COMPSs run, and ours of an equivalent run: ours says all that both can say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.run.model import Status
from tests.compss.packed import pack, sha256
from tests.conftest import PROJECT, Wfprov

CRATE = "data/crates/compss-lysozyme-4d44d8b"


@pytest.fixture
def published(shared: Path) -> Path:
    if not (shared / CRATE / "ro-crate-metadata.json").is_file():
        pytest.skip("no published crate beside the project")
    return shared / CRATE


def names(graph: dict[str, dict[str, object]], action: dict[str, object], key: str) -> set[str]:
    """Files of an action by their names below the working folder."""
    found = [one["@id"] for one in action[key]]  # type: ignore[attr-defined]
    return {
        one.removeprefix("dataset/").removeprefix("lysozyme_in_water/")
        for one in found
        if one != "./" and "File" in graph[one]["@type"]  # type: ignore[operator]
    }


@pytest.mark.parametrize("version", ["3.3.1", "3.4"])
def test_ours_says_what_the_published_crate_says(tmp_path: Path, wfprov: Wfprov, published: Path, version: str) -> None:
    from scripts.lysozyme_run import HOSTS, lay_out

    theirs = {
        one["@id"]: one for one in json.loads((published / "ro-crate-metadata.json").read_text("utf-8"))["@graph"]
    }
    (action,) = [one for one in theirs.values() if one["@type"] == "CreateAction"]
    run = lay_out(published, tmp_path, version)
    packed = pack(wfprov, run.log_folder, tmp_path / "crate", "--info", run.work_folder / "FULL.yaml")
    ours = packed.action
    for key in ("object", "result"):
        assert names(packed.graph, ours, key) == names(theirs, action, key), key
    for name in (*names(theirs, action, "object"), *names(theirs, action, "result")):
        (entity,) = packed.states(run.path(name))
        published_file = theirs[f"dataset/lysozyme_in_water/{name}"]
        assert int(entity["contentSize"]) == published_file["contentSize"]
        assert entity["sha256"] == sha256(packed.crate / entity["@id"])
    assert packed.run.host == HOSTS[0]
    assert packed.run.status is Status.COMPLETED
    assert packed.run.about.name == "Lysozyme in water full simulation"
    assert packed.run.environment.job is not None
    assert packed.run.environment.job.id == "3846825"
    assert len(packed.tasks) == (28 if version == "3.4" else 0)
    assert {one.host for one in packed.tasks} == (set(HOSTS) if version == "3.4" else set())
    measured = {one.name: str(one.value) for one in packed.run.resources.extra} if packed.run.resources else {}
    assert measured["overall.lysozyme_in_water_full.assemble_tpr.executions"] == "6"
    if version == "3.3.1":
        assert measured["gs12r1b10-ib0.lysozyme_in_water_full.energy_minimization.maxTime"] == "144902"


def test_the_page_is_made_by_the_command_that_it_names(tmp_path: Path, published: Path) -> None:
    pytest.importorskip("rocrate_validator")
    page = (PROJECT / "docs/explanation/compss-compared.md").read_text(encoding="utf-8")
    assert "scripts/compss_compared.py" in page
    command = [sys.executable, "scripts/compss_compared.py", published, tmp_path]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("|")]
    shown = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("|")]
    assert [row for row in rows if row not in shown] == []
    people = json.loads((published / "ro-crate-metadata.json").read_text("utf-8"))["@graph"]
    for name in (one["name"] for one in people if one["@type"] == "Person"):
        assert name not in page
