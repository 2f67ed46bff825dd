"""What a crate says of a task is what the task did; and a crate never takes the place of something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provenance.crate.settings import PackSettings
from provenance.crate.write import write
from provenance.errors import UsageError
from tests.conftest import Wfprov


def packed(place: Path, wfprov: Wfprov, *command: str) -> dict[str, dict[str, Any]]:
    wfprov("run", "--quiet", "--", *command, cwd=place)
    wfprov("pack", "--quiet", "-o", "crate", "--force", cwd=place)
    graph = json.loads((place / "crate/ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def ids_of(action: dict[str, Any], slot: str) -> list[str]:
    found = action.get(slot) or []
    return [one["@id"] for one in (found if isinstance(found, list) else [found])]


def files_of(graph: dict[str, dict[str, Any]], action: dict[str, Any], slot: str) -> set[str]:
    return {one for one in ids_of(action, slot) if "File" in graph[one]["@type"]}


def task_of(graph: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    (task,) = [one for one in graph.values() if one["@type"] == "CreateAction" and one["name"].startswith(name + " (")]
    return task


def test_a_path_that_is_only_written_is_no_object(tmp_path: Path, wfprov: Wfprov) -> None:
    (tmp_path / "in.txt").write_text("b\na\n")
    graph = packed(tmp_path, wfprov, "sh", "-c", "rm -f out.txt; sort in.txt -o out.txt; wc -l out.txt; true")
    sort = task_of(graph, "sort")
    assert files_of(graph, sort, "object") == {"dataset/in.txt"}
    assert files_of(graph, sort, "result") == {"dataset/out.txt"}
    assert files_of(graph, task_of(graph, "rm"), "object") == set()
    assert files_of(graph, task_of(graph, "wc"), "object") == {"dataset/out.txt"}
    # The path is still told, as the parameter that it was.
    values = [graph[one] for one in ids_of(task_of(graph, "rm"), "object")]
    assert "out.txt" in {one.get("value") for one in values}
    # Nothing leads from a tool's output to its own input.
    for connection in (one for one in graph.values() if one["@type"] == "ParameterConnection"):
        source, target = (connection[end]["@id"].split("-")[2] for end in ("sourceParameter", "targetParameter"))
        assert source != target


def test_short_tasks_have_their_duration(tmp_path: Path, wfprov: Wfprov) -> None:
    graph = packed(tmp_path, wfprov, "sh", "-c", "echo x > a; cat a > b")
    seconds = float(graph["#task-1-wall_time"]["value"])
    assert 0 < seconds < 1
    shown = wfprov("inspect", "--tasks", "1", "crate", cwd=tmp_path).stdout
    assert " 0 s" not in shown


@pytest.mark.parametrize("precious", [".git/config", ".wfprov/run/run.jsonl", "notes.txt"])
def test_force_does_not_replace_a_project_that_holds_a_crates_metadata(
    tmp_path: Path, wfprov: Wfprov, precious: str
) -> None:
    from provenance import run

    (tmp_path / "a").write_text("x")
    wfprov("run", "--quiet", "--", "cat", "a", cwd=tmp_path)
    recorded = run.load(run.find(tmp_path, None))
    project = tmp_path / "project"
    write(recorded, project)
    kept = project / precious
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("mine")
    with pytest.raises(UsageError, match="more than a crate"):
        write(recorded, project, PackSettings(force=True))
    assert kept.read_text() == "mine"
    kept.unlink()
