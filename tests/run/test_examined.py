"""What an examination found out: kept beside the journal, as the model's software, and for each tool."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from provenance import environment
from provenance.run import load
from provenance.run.installed import Owners, was_used
from provenance.run.model import Software, Status
from provenance.run.software_summary import locks_in_words, software_in_words
from tests.run.journals import Journal, put

PACKAGES = "/srv/env/lib/python3.11/site-packages"
NUMPY = {"name": "numpy", "version": "2.0", "kind": "python", "purl": "pkg:pypi/numpy@2.0", "is_used": True}
SIX = {"name": "six", "version": "1.16", "kind": "python", "is_used": False}
GAWK = {"name": "gawk", "version": "1:5.2", "kind": "deb", "purl": "pkg:deb/debian/gawk@1:5.2", "architecture": "amd64"}
LIBC = {"name": "libc6", "version": "2.36", "kind": "deb"}
CPYTHON = {"name": "CPython", "version": "3.11.7", "kind": "python-interpreter", "path": "/srv/env/bin/python"}
SECTIONS = [
    (
        "software",
        {
            "python:numpy": NUMPY,
            "python:six": SIX,
            "deb:gawk": GAWK,
            "deb:libc6": LIBC,
            "python-interpreter:C": CPYTHON,
        },
    ),
    ("software", {"program:python3.11": {"name": "python3.11", "kind": "program", "path": "/usr/bin/python3.11"}}),
    (
        "owners",
        {
            f"{PACKAGES}/numpy/": "python:numpy",
            f"{PACKAGES}/six.py": "python:six",
            "/usr/bin/gawk": "deb:gawk",
            "/usr/lib/libc.so.6": "deb:libc6",
            "/usr/bin/python3.11": "python-interpreter:C",
        },
    ),
    (
        "files",
        {"requirements.txt": {"about": "Packages", "kind": "requirements", "text": "numpy==2.0\n", "rebuild": ["uv"]}},
    ),
    ("gap", {"what": "rpm packages", "why": "the database can't be read"}),
]


@pytest.fixture
def examined(monkeypatch):
    """An examination that finds SECTIONS, and how often it was made."""
    calls: list[object] = []

    def examine(used, recorded):
        calls.append(used)
        return iter(SECTIONS)

    monkeypatch.setattr(environment, "examine", examine)
    return calls


def a_run(work: Path) -> Journal:
    journal = Journal(work)
    journal.run("sh", "x.sh")
    journal.section("packages", numpy="2.0", six="1.16", gone="0.1")
    shell = journal.process("sh", "x.sh", exe="/usr/bin/dash")
    awk = journal.process("gawk", "1", parent=shell)
    journal.event(awk, "libraries", paths=["/usr/lib/libc.so.6"])
    journal.write(awk, work / "a.txt")
    python = journal.process("python", "t.py", exe="/usr/bin/python3.11", parent=shell)
    journal.read(python, put(work / "t.py", "", journal.start - 1))
    journal.read(python, f"{PACKAGES}/numpy/__pycache__/core.cpython-311.pyc", s=[1, 1, 1, 1])
    journal.write(python, work / "b.txt")
    for process in (awk, python, shell):
        journal.end(process)
    journal.end_run()
    return journal


def test_packages_software_and_files_are_in_the_environment(tmp_path, examined):
    run = load(a_run(tmp_path).save(), examine=True)
    assert [(one.name, one.kind, one.is_used) for one in run.environment.packages] == [
        ("gone", None, None),  # uninstalled since
        ("numpy", "python", True),
        ("six", "python", False),
    ]
    # What the interpreter's owner is known of is not told again as a program of nobody's.
    assert [one.name for one in run.environment.software] == ["gawk", "libc6", "CPython"]
    assert run.environment.software[0].architecture == "amd64"
    (lock,) = run.environment.files
    assert (lock.target, lock.text, lock.rebuild) == ("requirements.txt", "numpy==2.0\n", ("uv",))
    assert "rpm packages" in [gap.what for gap in run.gaps]
    assert [was_used(one) for one in run.environment.packages] == [False, True, False]
    assert software_in_words(run.environment) == "Python 3.11.7 with 3 packages (1 used), 2 Debian packages"
    assert locks_in_words(run.environment) == "requirements.txt"


def test_tools_have_what_their_executions_used_the_owner_of_the_program_first(tmp_path, examined):
    tools = {tool.name: tool for tool in load(a_run(tmp_path).save(), examine=True).tools}
    assert [one.name for one in tools["gawk"].requirements] == ["gawk", "libc6"]
    assert tools["gawk"].version == "1:5.2"
    assert [one.name for one in tools["t.py"].requirements] == ["CPython", "numpy"]
    assert tools["t.py"].version is None
    assert tools["t.py"].software.version == "3.11.7"


def test_a_tool_that_lists_what_is_installed_does_not_need_it_all(tmp_path, monkeypatch):
    metadata = {f"{PACKAGES}/numpy-2.0.dist-info/": "python:numpy", f"{PACKAGES}/six-1.16.dist-info/": "python:six"}
    monkeypatch.setattr(environment, "examine", lambda used, recorded: iter([*SECTIONS, ("owners", metadata)]))
    journal = Journal(tmp_path)
    journal.run("python", "t.py")
    python = journal.process("python", "t.py", exe="/usr/bin/python3.11")
    journal.read(python, put(tmp_path / "t.py", "", journal.start - 1))
    for name in ("numpy-2.0.dist-info/entry_points.txt", "six-1.16.dist-info/METADATA"):
        journal.read(python, f"{PACKAGES}/{name}", s=[1, 1, 1, 1])
    journal.write(python, tmp_path / "b.txt")
    journal.end(python)
    journal.end_run()
    (tool,) = load(journal.save(), examine=True).tools
    assert [one.name for one in tool.requirements] == ["CPython"]


def test_functions_have_what_their_process_used_and_what_they_started(tmp_path, examined):
    journal = Journal(tmp_path)
    journal.run("python", "wf.py")
    python = journal.process("python", "wf.py", exe="/usr/bin/python3.11")
    journal.read(python, f"{PACKAGES}/numpy/a.py", s=[1, 1, 1, 1])
    journal.tool(python, 1, "fit")
    journal.task(python, 1)
    journal.process("gawk", parent=python, task=f"{python}:1")
    journal.done(python, 1)
    journal.end(python)
    journal.end_run()
    (tool,) = load(journal.save(), examine=True).tools
    assert {one.name for one in tool.requirements} == {"CPython", "numpy", "gawk"}


def test_a_second_packing_says_the_same_without_looking_again(tmp_path, examined):
    folder = a_run(tmp_path).save()
    first = load(folder, examine=True)
    assert load(folder, examine=True) == first
    assert load(folder) == first
    assert len(examined) == 1
    assert (folder / "examined.jsonl").stat().st_mode & 0o077 == 0


def test_a_damaged_examination_is_made_again(tmp_path, examined):
    folder = a_run(tmp_path).save()
    first = load(folder, examine=True)
    kept = folder / "examined.jsonl"
    kept.write_text(kept.read_text()[:-20])
    assert load(folder).environment.files == ()
    assert load(folder, examine=True) == first
    assert len(examined) == 2


def test_a_run_that_still_goes_on_is_examined_but_nothing_is_kept(tmp_path, examined):
    journal = Journal(tmp_path, start=time.time_ns() + 10**10)  # we ourselves are its recorder
    journal.run("gawk", host=socket.gethostname(), pid=os.getpid())
    journal.process("gawk")
    folder = journal.save()
    run = load(folder, examine=True)
    assert run.status is Status.RUNNING
    assert run.environment.files
    assert not (folder / "examined.jsonl").exists()


def test_a_record_that_cannot_be_written_is_no_error(tmp_path, examined):
    folder = a_run(tmp_path).save()
    (folder / "examined.jsonl").mkdir()  # whoever we are, a file can't take the place of a folder
    assert load(folder, examine=True).environment.files
    assert not list(folder.glob("*.partial"))


def test_lock_files_are_kept_with_their_text_and_packages_by_their_path(tmp_path, monkeypatch):
    lock, wheel = put(tmp_path / "renv.lock", '{"R": 1}', 1), put(tmp_path / "a.whl", "zip", 1)
    raw = tmp_path / "raw.lock"
    raw.write_bytes(b"\xff\xfe")
    files = {
        "locks/renv.lock": {"about": "R", "kind": "lock", "path": str(lock)},
        "packages/a.whl": {"about": "a", "kind": "package", "path": str(wheel)},
        "raw.lock": {"about": "raw", "kind": "lock", "path": str(raw)},
        "../outside": {"about": "x", "kind": "lock", "text": "x"},
        "nothing": {"about": "x", "kind": "lock"},
    }
    monkeypatch.setattr(environment, "examine", lambda used, recorded: iter([("files", files)]))
    folder = a_run(tmp_path).save()
    load(folder, examine=True)
    lock.unlink()
    found = {file.target: (file.text, file.path) for file in load(folder).environment.files}
    assert found == {
        "locks/renv.lock": ('{"R": 1}', None),
        "packages/a.whl": (None, str(wheel)),
        "raw.lock": (None, str(raw)),
    }


@pytest.mark.parametrize("bad", [{"x": 3}, {"x": {}}, {"x": {"name": 7}}, {"x": None}])
def test_sections_of_an_unexpected_form_are_left_out(tmp_path, monkeypatch, bad):
    answers = [("software", bad), ("owners", {"/usr/bin/gawk": "x", "/a": 3}), ("files", bad)]
    monkeypatch.setattr(environment, "examine", lambda used, recorded: iter(answers))
    run = load(a_run(tmp_path).save(), examine=True)
    assert run.environment.software == ()
    assert run.environment.files == ()
    assert all(tool.requirements == () for tool in run.tools)


def test_paths_that_are_no_valid_text_survive_in_the_kept_file(tmp_path, monkeypatch):
    odd = "/opt/\udcff"
    answers = [
        ("software", {"program:x": {"name": "x\udcff", "kind": "program", "path": odd}}),
        ("owners", {odd: "program:x"}),
    ]
    monkeypatch.setattr(environment, "examine", lambda used, recorded: iter(answers))
    folder = a_run(tmp_path).save()
    load(folder, examine=True)
    (found,) = load(folder).environment.software
    assert (found.name, found.path) == ("x\udcff", odd)
    assert json.loads((folder / "examined.jsonl").read_text().splitlines()[0])["section"] == "software"


def test_owners_are_found_by_path_else_by_the_innermost_folder():
    owners = Owners({"/a/": "outer", "/a/b/": "inner", "/a/b/c.py": "file", "/a/bc/": "other"})
    found = [owners.find(path) for path in ("/a/x", "/a/b/x/y", "/a/b/c.py", "/a/bc/d", "/a/b", "/z/a/b/c.py", "a")]
    assert found == ["outer", "inner", "file", "other", "outer", None, None]


def test_what_is_not_said_to_be_used_counts_unless_it_is_a_distribution():
    kinds = ["deb", "module", "python", "conda", None]
    assert [was_used(Software("x", kind=kind)) for kind in kinds] == [True, True, False, False, False]
