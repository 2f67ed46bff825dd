"""Decorated tasks under each way of watching files: the same tasks with the same files, and one process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from provenance.run.load import load
from provenance.run.model import Role, Run, Status
from tests.recording.test_tasks import PROJECT

TRACES = [
    "audit",
    pytest.param("strace", marks=pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")),
    "preload",
]
PASSING = """
import provenance

@provenance.task
def make(path):
    with open(path, "w") as file: file.write("hello")

@provenance.task
def use(path, out):
    with open(path) as file, open(out, "w") as other: other.write(file.read() * 2)

make("a.txt")
use("a.txt", "b.txt")
"""
STARTING = """
import multiprocessing, subprocess, threading, provenance

@provenance.task
def started(out):
    with open(out, "w") as file:
        subprocess.run(["echo", "hello"], stdout=file, check=True)

@provenance.task
def copied(path, out):
    with open(path) as file, open(out, "w") as other: other.write(file.read())

started("a")
threads = [threading.Thread(target=copied, args=("a", f"t{n}")) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
child = multiprocessing.get_context("fork").Process(target=copied, args=("a", "p"))
child.start(); child.join()
"""
FOLDERS = """
import os, provenance

@provenance.task
def fill(outdir="results/"):
    os.makedirs(outdir)
    with open(outdir + "x", "w") as file: file.write("1")

@provenance.task
def total(folder, here, out):
    with open(os.path.join(folder, "x")) as file, open(out, "w") as other: other.write(file.read())

fill()
total("results", ".", "sum")
"""


def recorded(tmp_path: Path, trace: str, code: str) -> Run:
    work = tmp_path / "work"
    work.mkdir()
    (work / "script.py").write_text(textwrap.dedent(code))
    command = [sys.executable, "-m", "provenance.cli", "run", "-q", "--trace", trace, "--"]
    wfprov = Path(sys.executable).with_name("wfprov")
    if wfprov.exists():
        command = [str(wfprov), *command[3:]]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [*command, sys.executable, "script.py"], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (work / ".wfprov").glob("2*")
    return load(folder)


def files(run: Run) -> list[tuple[str, list[str], list[str]]]:
    tools = {tool.key: tool.name for tool in run.tools}
    path = {data.key: data.path.rpartition("/")[2] for data in run.data}
    return sorted(
        (tools[task.tool], [path[key] for key in task.inputs], [path[key] for key in task.outputs])
        for task in run.tasks
    )


@pytest.mark.parametrize("trace", TRACES)
def test_two_tasks_that_pass_a_file_are_all_there_is(trace: str, tmp_path: Path) -> None:
    run = recorded(tmp_path, trace, PASSING)
    assert files(run) == [("make", [], ["a.txt"]), ("use", ["a.txt"], ["b.txt"])]
    assert {task.status for task in run.tasks} == {Status.COMPLETED} and run.gaps == ()
    named = [{value.name: value.data_key for value in task.arguments} for task in run.tasks]
    a, b = (next(d.key for d in run.data if d.path.endswith(name)) for name in ("/a.txt", "/b.txt"))
    assert named == [{"path": a}, {"path": a, "out": b}]  # neither was there when its task began


@pytest.mark.parametrize("trace", TRACES)
def test_programs_threads_and_forked_children_of_tasks(trace: str, tmp_path: Path) -> None:
    run = recorded(tmp_path, trace, STARTING)
    copies = [("copied", ["a"], [name]) for name in ("p", "t0", "t1", "t2", "t3")]
    assert files(run) == [*copies, ("started", [], ["a"])]
    assert {task.status for task in run.tasks} == {Status.COMPLETED}
    assert not any("end" in gap.what for gap in run.gaps)


def test_folders_that_arguments_name_are_data_with_the_role_of_what_is_in_them(tmp_path: Path) -> None:
    run = recorded(tmp_path, "audit", FOLDERS)
    (folder,) = [data for data in run.data if data.is_directory]  # not the one the run took place in
    assert folder.path.endswith("/work/results") and folder.content == folder.path
    assert folder.role is Role.INTERMEDIATE
    fill, total = run.tasks
    assert [value.data_key for value in fill.arguments] == [folder.key]
    assert folder.key in fill.outputs and folder.key not in fill.inputs
    assert [value.data_key for value in total.arguments][:2] == [folder.key, None]
    assert folder.key in total.inputs and folder.key not in total.outputs
