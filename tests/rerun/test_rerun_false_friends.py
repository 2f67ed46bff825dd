"""What looks like a reproduced result and is none: a verdict must not call it so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Wfprov

Entity = dict[str, Any]


def packed(wfprov: Wfprov, place: Path, script: str, files: dict[str, str] | None = None, status: int = 0) -> Path:
    """Record a shell script in a folder that is gone afterwards; return the crate."""
    folder, crate = place / "at first", place / "crate"
    folder.mkdir()
    for name, text in {"job.sh": script, **(files or {})}.items():
        (folder / name).write_text(text)
    wfprov("run", "-q", "--", "sh", "job.sh", cwd=folder, status=status)
    wfprov("pack", "-q", "-o", crate, cwd=folder)
    shutil.rmtree(folder)
    return crate


def edit(crate: Path, change: Callable[[dict[str, Entity]], None]) -> None:
    """Change the metadata of a crate: entities by identifier."""
    metadata = crate / "ro-crate-metadata.json"
    document = json.loads(metadata.read_text())
    graph = {entity["@id"]: entity for entity in document["@graph"]}
    change(graph)
    document["@graph"] = list(graph.values())
    metadata.write_text(json.dumps(document))


def verdict_on(wfprov: Wfprov, crate: Path, *options: str, status: int = 1) -> dict[str, Any]:
    """Re-run and return the verdict."""
    folder = crate.parent / "again"
    words = ("rerun", crate, "--workdir", folder, "--trust", "--json", "--env", "current", *options)
    told: dict[str, Any] = json.loads(wfprov(*words, cwd=crate.parent, status=status).stdout)
    return told


def likenesses(verdict: dict[str, Any]) -> dict[str, str]:
    """Name -> what the comparison found."""
    return {one["name"]: one["likeness"] for one in verdict["outputs"]}


def test_a_file_that_lay_there_before_is_no_result(wfprov: Wfprov, tmp_path: Path) -> None:
    files = {"given": "a\n", "table": "head\n"}
    crate = packed(wfprov, tmp_path, "cat table given > other\necho head > table\n", files)
    (crate / "application_sources" / "job.sh").write_text("cat table given > other\n")
    verdict = verdict_on(wfprov, crate, "--allow", "job.sh")
    assert likenesses(verdict) == {"other": "identical", "table": "missing"}
    table = next(one for one in verdict["outputs"] if one["name"] == "table")
    assert table["detail"] == "it lay there before the run, which did not write it"


def test_results_of_which_some_can_not_be_compared_are_not_reproduced(wfprov: Wfprov, tmp_path: Path) -> None:
    crate = packed(wfprov, tmp_path, "echo 1 > one\necho 2 > two\n")
    (crate / "dataset" / "two").unlink()
    edit(crate, lambda graph: graph["dataset/two"].pop("sha256"))
    verdict = verdict_on(wfprov, crate)
    assert likenesses(verdict) == {"one": "identical", "two": "not comparable"}
    assert verdict["reason"] == "of 2 results, 1 identical, but 1 could not be compared"


def test_a_copy_in_the_crate_that_was_changed_proves_nothing(wfprov: Wfprov, tmp_path: Path) -> None:
    crate = packed(wfprov, tmp_path, "echo 1,2 > table.csv\n")
    (crate / "application_sources" / "job.sh").write_text("echo 1,3 > table.csv\n")
    (crate / "dataset" / "table.csv").write_bytes(b"1,3\r\n")
    edit(crate, lambda graph: graph["dataset/table.csv"].pop("contentSize", None))
    verdict = verdict_on(wfprov, crate, "--allow", "job.sh")
    assert likenesses(verdict) == {"table.csv": "different"}
    assert "not what was recorded" in verdict["outputs"][0]["detail"]


def test_a_folder_that_is_a_result_stands_for_its_files(wfprov: Wfprov, tmp_path: Path) -> None:
    crate = packed(wfprov, tmp_path, "mkdir -p out\necho 1 > 'out/a %20 b'\necho 2 > out/c\n")
    (crate / "application_sources" / "job.sh").write_text("mkdir -p out\necho 1 > 'out/a %20 b'\necho 3 > out/c\n")

    def as_one_folder(graph: dict[str, Entity]) -> None:
        files = [key for key in graph if key.startswith("dataset/out/")]
        where = next(graph[key]["alternateName"] for key in files).rpartition("/")[0]
        for key in files:
            del graph[key]
        graph["dataset/out/"] = {"@id": "dataset/out/", "@type": "Dataset", "alternateName": where}
        for entity in graph.values():
            for name in ("result", "hasPart"):
                if any(isinstance(one, dict) and one.get("@id") in files for one in entity.get(name, ())):
                    kept = [one for one in entity[name] if one["@id"] not in files]
                    entity[name] = [*kept, {"@id": "dataset/out/"}]

    edit(crate, as_one_folder)
    verdict = verdict_on(wfprov, crate, "--allow", "job.sh")
    assert likenesses(verdict) == {"out/a %20 b": "identical", "out/c": "different"}


@pytest.mark.parametrize("is_early", [True, False])
def test_a_failure_is_the_same_when_it_came_as_far(wfprov: Wfprov, tmp_path: Path, is_early: bool) -> None:
    crate = packed(wfprov, tmp_path, "read line < given\nexit 3\n", {"given": "a\n"}, status=3)
    options = []
    if is_early:
        (crate / "application_sources" / "job.sh").write_text("exit 3\n")
        options = ["--allow", "job.sh"]
    verdict = verdict_on(wfprov, crate, *options, status=int(is_early))
    assert verdict["result"] == ("differs" if is_early else "reproduced"), verdict["reason"]


def test_a_run_that_left_nothing_to_compare_is_not_reproduced(wfprov: Wfprov, tmp_path: Path) -> None:
    crate = packed(wfprov, tmp_path, "true\n")
    shutil.rmtree(crate / "logs", ignore_errors=True)
    verdict = verdict_on(wfprov, crate)
    assert (verdict["result"], verdict["reason"]) == (
        "differs",
        "it ended as recorded, and left nothing that could be compared",
    )


def test_linked_data_that_the_run_changes_stay_as_they_are(wfprov: Wfprov, tmp_path: Path) -> None:
    crate = packed(wfprov, tmp_path, "cat given >> table\n", {"given": "a\n", "table": "head\n"})
    (tmp_path / "mine").write_text("head\n")
    (tmp_path / "read").write_text("a\n")
    plan = json.loads(wfprov("rerun", crate, "--dry-run", "--json", cwd=tmp_path).stdout)
    table = next(file["key"] for file in plan["files"] if (file["recorded"] or "").endswith("/table"))
    verdict = verdict_on(
        *(wfprov, crate, "--link-data", "--data", f"{table}={tmp_path / 'mine'}"),
        *("--data", f"given={tmp_path / 'read'}"),
        status=0,
    )
    assert verdict["result"] == "reproduced"
    assert (tmp_path / "mine").read_text() == "head\n"
    assert (tmp_path / "again" / "work" / "given").is_symlink()
    assert (tmp_path / "again" / "work" / "table").read_text() == "head\na\n"
