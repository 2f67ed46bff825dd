"""Two runs are recorded, something is changed between them, and exactly that is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from provenance.crate.read import read
from provenance.rerun.differences import explain
from provenance.rerun.records import Difference, Likeness
from provenance.rerun.two_runs import TwoRuns, compare_runs
from provenance.run.load import load
from tests.conftest import Wfprov

_MAIN = """
import sys
from pathlib import Path

import steps

source, out, factor = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[4])
out.mkdir(exist_ok=True)
steps.scale(source, out / "scaled.csv", factor)
steps.report(steps.total(out / "scaled.csv"), out / "total.txt")
"""
_STEPS = """
import tiny
from provenance import task


@task
def scale(source, target, factor):
    numbers = [float(line) * factor for line in source.read_text().split()]
    target.write_text("".join(f"{number}\\n" for number in numbers))


@task
def total(source):
    return sum(map(float, source.read_text().split())) * tiny.ONE + 0.123456789


@task
def report(value, target):
    target.write_text(f"total {value}\\n")
"""
_COMMAND = ("python", "main.py", "data in.csv", "out", "--factor", "2")


def _project(folder: Path) -> Path:
    """Make a project with a package of its own in `lib/site-packages`."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(_MAIN)
    (folder / "steps.py").write_text(_STEPS)
    (folder / "data in.csv").write_text("1.5\n2.5\n4\n")
    _install(folder, "1.0", 1)
    return folder


def _install(folder: Path, version: str, one: float) -> None:
    site = folder / "lib" / "site-packages"
    shutil.rmtree(site, ignore_errors=True)
    (site / "tiny").mkdir(parents=True)
    (site / "tiny" / "__init__.py").write_text(f"ONE = {one}\n")
    info = site / f"tiny-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
    (info / "RECORD").write_text(f"tiny/__init__.py,,\ntiny-{version}.dist-info/METADATA,,\n")


def _record(wfprov: Wfprov, folder: Path, *command: str) -> Path:
    """Run the project under the recorder; give the folder of the record."""
    site = folder / "lib" / "site-packages"
    wfprov("run", "--", *(command or _COMMAND), cwd=folder, env={"PYTHONPATH": str(site)}, status=None)
    return max((folder / ".wfprov").glob("*/run.jsonl")).parent


@pytest.fixture(scope="module")
def published(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crate of a run whose folder is gone."""
    top = tmp_path_factory.mktemp("published")
    folder = _project(top / "weekly #1")
    _record(wfprov, folder)
    wfprov("pack", "--data", "copy", "-o", str(top / "crate"), cwd=folder)
    shutil.rmtree(folder)
    return top / "crate"


def _repeat(wfprov: Wfprov, published: Path, folder: Path, change: Callable[[Path], tuple[str, ...]]) -> TwoRuns:
    _project(folder)
    command = change(folder)
    return compare_runs(read(published), load(_record(wfprov, folder, *command)))


def _names(found: tuple[Difference, ...]) -> list[tuple[str, str]]:
    return [(one.aspect, one.what) for one in found]


def _nothing(folder: Path) -> tuple[str, ...]:
    return ()


def _input(folder: Path) -> tuple[str, ...]:
    (folder / "data in.csv").write_text("1.5\n2.5\n5\n")  # one byte
    return ()


def _source(folder: Path) -> tuple[str, ...]:
    (folder / "steps.py").write_text(_STEPS.replace("* tiny.ONE", "* tiny.ONE * 3"))
    return ()


def _package(folder: Path) -> tuple[str, ...]:
    _install(folder, "2.0", 1.5)
    return ()


def _parameter(folder: Path) -> tuple[str, ...]:
    return (*_COMMAND[:-1], "3")


def test_a_run_that_was_repeated_as_it_was_has_no_difference(wfprov: Wfprov, published: Path, tmp_path: Path) -> None:
    found = _repeat(wfprov, published, tmp_path / "elsewhere", _nothing)
    assert _names(found.differences) == []
    assert not found.is_different and found.divergence is None
    assert {one.finding for one in found.tasks} == {"same"} and len(found.tasks) == 3
    assert [one.likeness for one in found.outputs] == [Likeness.IDENTICAL]


@pytest.mark.parametrize(
    ("change", "named", "task"),
    [
        (_input, ("data", "data in.csv"), "scale"),
        (_source, ("code", "steps.py"), "total"),
        (_package, ("packages", "tiny"), "total"),
        (_parameter, ("parameters", "factor"), "scale"),
    ],
)
def test_what_was_changed_is_named_and_nothing_else(
    wfprov: Wfprov,
    published: Path,
    tmp_path: Path,
    change: Callable[[Path], tuple[str, ...]],
    named: tuple[str, str],
    task: str,
) -> None:
    found = _repeat(wfprov, published, tmp_path / "elsewhere", change)
    assert _names(explain(found.differences)) == [named]
    assert found.is_different
    assert [one.likeness for one in found.outputs] == [Likeness.DIFFERENT]
    assert found.divergence is not None
    assert found.divergence.task == task
    assert _names(found.divergence.differences)[0] == named
    assert set(_names(found.divergence.differences)) == {named}


def test_a_task_that_draws_random_numbers_is_said_to_be_not_deterministic(wfprov: Wfprov, tmp_path: Path) -> None:
    records = []
    for name in ("first", "second"):
        folder = _project(tmp_path / name)
        steps = _STEPS.replace("import tiny", "import random\nimport tiny")
        (folder / "steps.py").write_text(steps.replace("0.123456789", "random.random()"))
        records.append(load(_record(wfprov, folder)))
    found = compare_runs(*records)
    assert explain(found.differences) == ()
    assert found.divergence is not None and found.divergence.task == "total"
    (cause,) = found.divergence.differences
    assert cause.what.startswith("not deterministic") and "seed" in cause.detail


def test_what_changed_since_the_last_run_of_a_folder(wfprov: Wfprov, tmp_path: Path) -> None:
    """The earlier run's outputs were written over, its source was edited: the first is in the next record, the
    second in git."""
    folder = _project(tmp_path / "project")
    for words in (
        ["init", "-q"],
        ["add", "main.py", "steps.py"],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "1"],
    ):
        assert os.spawnvpe(os.P_WAIT, "git", ["git", "-C", str(folder), *words], wfprov.environment) == 0
    _record(wfprov, folder)
    (folder / "steps.py").write_text(_STEPS.replace("* factor", "* factor * 2"))
    _record(wfprov, folder, *_COMMAND[:-1], "16")

    shown = wfprov("diff", cwd=folder, status=1).stdout
    assert "steps.py  changed (1 line)" in shown
    assert "+    numbers = [float(line) * factor * 2 for line" in shown
    assert "factor  2 -> 16" in shown
    assert "They part at scale: out/scaled.csv differs" in shown
    assert "data          the same (1 file)" in shown
    assert "environment   the same" in shown

    runs = sorted(one.parent.name for one in (folder / ".wfprov").glob("*/run.jsonl"))
    told = json.loads(wfprov("diff", *runs, "--json", cwd=folder, status=1).stdout)
    assert told["before"]["id"] == runs[0] and told["is_different"] is True
    assert {(one["aspect"], one["what"]) for one in told["differences"]} == {
        *(("code", "steps.py"), ("parameters", "factor"), ("outputs", "out/total.txt")),
        ("intermediates", "out/scaled.csv"),
    }
    assert "the same" in wfprov("diff", runs[1], runs[1], cwd=folder).stdout


def test_a_run_that_fails_now_is_told_by_the_task_that_failed(wfprov: Wfprov, published: Path, tmp_path: Path) -> None:
    def broken(folder: Path) -> tuple[str, ...]:
        (folder / "data in.csv").write_text("1.5\nnone\n4\n")
        return ()

    found = _repeat(wfprov, published, tmp_path / "elsewhere", broken)
    by_name = {one.name.partition(" (")[0]: one.finding for one in found.tasks}
    assert by_name == {"scale": "failed", "total": "missing", "report": "missing"}
    assert found.divergence is not None and found.divergence.task == "scale"
    assert _names(explain(found.differences, is_complete=False)) == [("data", "data in.csv")]
    assert [one.likeness for one in found.outputs] == [Likeness.MISSING]


@pytest.mark.parametrize(
    ("arguments", "status"), [(("no-such-run",), 2), (("gone.zip", "gone.zip"), 3), (("empty", "empty"), 3), ((), 2)]
)
def test_what_can_not_be_compared(wfprov: Wfprov, tmp_path: Path, arguments: tuple[str, ...], status: int) -> None:
    (tmp_path / "empty").mkdir()
    done = wfprov("diff", *arguments, cwd=tmp_path, status=status)
    assert done.stderr.startswith("wfprov: ") and "Traceback" not in done.stderr


def test_no_escape_sequence_of_a_crate_reaches_the_terminal(wfprov: Wfprov, tmp_path: Path) -> None:
    escape = "\x1b]0;owned\x07\x1b[31m\n\u202e"
    for name, value in (("a.json", "1"), ("b.json", f"2{escape}")):
        file = {"@id": f"data/{value}", "@type": "File", "name": f"in{escape}", "contentSize": value[0]}
        graph = [
            {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"}},
            {"@id": "./", "@type": "Dataset", "name": escape, "mentions": {"@id": f"#run-{escape}"}},
            {
                "@id": f"#run-{escape}",
                "@type": "CreateAction",
                "name": f"Run of {escape}",
                "instrument": {"@id": "#tool"},
                "description": f"'prog{escape}' --n {value[0]}",
                "object": [{"@id": "#n"}, {"@id": file["@id"]}],
                "error": escape,
            },
            {"@id": "#tool", "@type": "SoftwareApplication", "name": f"tool{escape}"},
            {"@id": "#n", "@type": "PropertyValue", "name": f"n{escape}", "value": value},
            file,
        ]
        (tmp_path / name).write_text(json.dumps({"@context": "", "@graph": graph}))
    for options in ((), ("--all",), ("--json",)):
        shown = wfprov("diff", "a.json", "b.json", *options, cwd=tmp_path, status=1).stdout
        assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown
        assert "n\\" in shown or options
