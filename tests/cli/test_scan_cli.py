"""``wfprov scan`` and ``wfprov pack --publishable`` as a user calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import PROJECT, Wfprov


@pytest.fixture(scope="module")
def recorded(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An example that was recorded in the home folder of somebody."""
    work = tmp_path_factory.mktemp("machine") / "home" / "adalove" / "pipeline"
    shutil.copytree(PROJECT / "examples" / "shell-pipeline", work)
    wfprov("run", "--", "bash", "pipeline.sh", "data/readings june.csv", "data/stations.csv", "out", cwd=work)
    return work


def test_scan_lists_and_fix_mends(wfprov: Wfprov, recorded: Path, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    wfprov("pack", "-o", crate, cwd=recorded)
    found = wfprov("scan", crate, cwd=tmp_path, status=1).stdout
    assert "home folder" in found and "adalove" in found and "secret" not in found
    fixed = json.loads(wfprov("scan", "--fix", "--json", crate, cwd=tmp_path).stdout)
    assert fixed["clean"] and fixed["written"]["crate"] == str(tmp_path / "crate-publishable")
    assert "adalove" in (tmp_path / "crate.names.json").read_text()
    assert "nothing found" in wfprov("scan", tmp_path / "crate-publishable", cwd=tmp_path).stdout
    wfprov("validate", tmp_path / "crate-publishable", "--level", "recommended", cwd=tmp_path)


def test_pack_publishable(wfprov: Wfprov, recorded: Path, tmp_path: Path) -> None:
    report = json.loads(
        wfprov("pack", "--publishable", "--zip", "--json", "-o", tmp_path / "c.zip", cwd=recorded).stdout
    )
    assert report["names_file"] == str(tmp_path / "c.names.json") and report["removed"] == []
    assert json.loads(wfprov("scan", "--json", tmp_path / "c.zip", cwd=tmp_path).stdout)["clean"]
    wfprov("validate", tmp_path / "c.zip", "--level", "recommended", cwd=tmp_path)
    again = wfprov("pack", "--publishable", "-o", tmp_path / "c.zip", cwd=recorded, status=2)
    assert "--force" in again.stderr


def test_what_can_not_be_read_ends_with_3(wfprov: Wfprov, tmp_path: Path) -> None:
    assert "nothing" in wfprov("scan", tmp_path / "nothing", cwd=tmp_path, status=3).stderr


@pytest.mark.parametrize("option", ["--output", "--names"])
def test_options_of_the_copy_need_fix(wfprov: Wfprov, tmp_path: Path, option: str) -> None:
    assert "--fix" in wfprov("scan", tmp_path, option, tmp_path / "x", cwd=tmp_path, status=2).stderr
