"""``wfprov rerun --only``: one task, or what is needed for one file, with the published intermediates for the rest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Wfprov

JOB = """\
sort -o "sorted lines.txt" given.txt
head -n 2 "sorted lines.txt" > first.txt
cp "sorted lines.txt" copy.txt
rm "sorted lines.txt"
cp copy.txt last.txt
"""


@pytest.fixture(scope="module")
def crate(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("partial")
    (folder / "job").mkdir()
    (folder / "job" / "job.sh").write_text(JOB)
    (folder / "job" / "given.txt").write_text("c\nb\na\n")
    wfprov("run", "-q", "--", "sh", "job.sh", cwd=folder / "job")
    wfprov("pack", "-q", "-o", "../crate", cwd=folder / "job")
    shutil.rmtree(folder / "job")
    return folder / "crate"


def only(
    wfprov: Wfprov, crate: Path, folder: Path, what: str, status: int = 0, *options: str
) -> tuple[list[str], dict]:  # type: ignore[type-arg]
    """Repeat a part; return the programs that were started, and the verdict."""
    words = ("rerun", crate, "--only", what, "--workdir", folder, "--trust", "--json", *options)
    verdict = json.loads(wfprov(*words, cwd=folder.parent, status=status).stdout)
    plan = folder / "plan.json"
    steps = json.loads(plan.read_text())["steps"] if plan.exists() else []
    return [step["words"][0] for step in steps], verdict


def test_a_file_is_made_again_from_what_was_published(wfprov: Wfprov, crate: Path, tmp_path: Path) -> None:
    started, verdict = only(wfprov, crate, tmp_path / "again", "last.txt")
    assert started == ["cp"]
    assert verdict["result"] == "reproduced"
    assert [one["name"] for one in verdict["outputs"]] == ["last.txt"]


def test_an_intermediate_that_is_gone_is_made_first(wfprov: Wfprov, crate: Path, tmp_path: Path) -> None:
    started, verdict = only(wfprov, crate, tmp_path / "again", "copy.txt")
    assert started == ["sort", "cp"]
    assert verdict["result"] == "reproduced"


def test_a_task_whose_result_was_not_kept_reproduces_nothing(wfprov: Wfprov, crate: Path, tmp_path: Path) -> None:
    started, verdict = only(wfprov, crate, tmp_path / "again", "sort", 1)
    assert started == ["sort"]
    assert [(one["name"], one["likeness"]) for one in verdict["outputs"]] == [("sorted lines.txt", "not comparable")]
    assert "no result could be compared" in verdict["reason"]


def test_what_went_through_a_redirection_is_no_command(wfprov: Wfprov, crate: Path, tmp_path: Path) -> None:
    started, verdict = only(wfprov, crate, tmp_path / "again", "first.txt", 7)
    assert started == []
    assert "redirection" in verdict["problems"][0]


@pytest.mark.parametrize(("what", "said"), [("cp", "several are called so"), ("nothing", "no task and no file")])
def test_a_name_that_is_not_one_task_is_explained(
    wfprov: Wfprov, crate: Path, tmp_path: Path, what: str, said: str
) -> None:
    done = wfprov("rerun", crate, "--only", what, "--dry-run", cwd=tmp_path, status=2)
    assert said in done.stderr
