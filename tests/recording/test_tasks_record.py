"""``with provenance.record(...)``: code that is recorded without the launcher."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from provenance.errors import UsageError
from provenance.recording.dataflow import Results
from tests.recording.test_tasks import PROJECT, Recorded, read_journal


def run_program(tmp_path: Path, code: str, **variables: str) -> Recorded:
    work = tmp_path / "work"
    work.mkdir()
    (work / "program.py").write_text(textwrap.dedent(code))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=work,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folders = list((work / ".wfprov").glob("2*"))
    return Recorded(done, [event for folder in folders for event in read_journal(folder)])


def test_a_block_is_a_run_with_tasks_files_and_surroundings(tmp_path: Path) -> None:
    found = run_program(
        tmp_path,
        """
        import os, subprocess, provenance
        @provenance.task
        def write(path):
            with open(path, "w") as file: file.write("x")
        @provenance.task
        def read(path):
            subprocess.run(["cat", path], check=True, stdout=subprocess.DEVNULL)
            return open(path).read()
        before = dict(os.environ)
        write("not recorded")
        with provenance.record(name="a block") as folder:
            assert folder.name in os.environ["WFPROV_JOURNAL"]
            write("made"); read("made"); read("made")
            with provenance.record() as inner: assert inner == folder
        write("not recorded either")
        assert dict(os.environ) == before
        """,
    )
    (run,) = found.of("run")
    assert run["name"] == "a block" and run["command"][-1] == "program.py"
    assert len(found.calls("write")) == 1 and len(found.calls("read")) == 2
    (write,) = found.calls("write")
    made = [e for e in found.events if e["e"] in ("write", "close", "read") and e["p"].endswith("/made")]
    by_task = [(e["e"], e["task"]) for e in made if "task" in e]
    reads = [call["id"] for call in found.calls("read")]
    assert by_task == [("write", write["id"]), ("close", write["id"]), *(("read", r) for r in reads)]
    assert not any("not recorded" in str(e.get("p")) for e in found.events)
    assert {e["section"] for e in found.of("environment")} >= {"host", "interpreter", "packages"}
    assert [e["status"] for e in found.of("end") if "stdout" in e] == [0]
    (own,) = [e for e in found.of("process") if e["how"] == "python"]
    cats = [e for e in found.of("process") if e["exe"].endswith("/cat")]
    assert all(e["parent"] == own["id"] for e in cats)
    assert all(e["task"].endswith(f":{r}") for e, r in zip(cats, reads, strict=False))


def test_an_exception_leaves_the_block_and_fails_the_run(tmp_path: Path) -> None:
    found = run_program(
        tmp_path,
        """
        import provenance
        try:
            with provenance.record(): raise ValueError("wrong")
        except ValueError as error: print(error)
        """,
    )
    assert found.done.stdout == "wrong\n"
    assert [e["status"] for e in found.of("end") if "stdout" in e] == [1]


def test_a_missing_info_file_is_told_at_once(tmp_path: Path) -> None:
    import provenance

    with pytest.raises(UsageError, match="wfprov init"):
        provenance.record(info=tmp_path / "no.yaml")


class Thing:
    pass


class Returned(NamedTuple):
    """A task, as far as its results go."""

    key: str


def test_results_are_remembered_without_growing_or_keeping_large_things() -> None:
    results = Results()
    kept: list[Any] = []
    for number in range(20_000):
        results.remember(number + 0.5, Returned(f"p:{number}"), (), ())
        results.remember(Thing(), Returned(f"p:{number}"), (), ())
        results.remember([b"x" * 100_000], Returned(f"p:{number}"), (), ())
        if number % 1000 == 0:
            kept.append(Thing())
            results.remember(kept[-1], Returned(f"p:{number}"), (), ())
    assert len(results) <= 4096 + len(kept)
    assert [results.origin(thing) for thing in kept] == [f"p:{n}" for n in range(0, 20_000, 1000)]
    assert results.origin(Thing()) is None


def test_a_value_that_is_handed_through_is_no_result_unless_it_can_change() -> None:
    results = Results()
    number, thing = float("12.25"), Thing()
    results.remember(number, Returned("p:1"), (), (number,))
    results.remember(thing, Returned("p:2"), (), (thing,))
    assert results.origins([number]) == [] and results.origins({"a": [thing]}) == ["p:2"]
