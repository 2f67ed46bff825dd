"""What a run used: programs, interpreters in their environments, libraries, modules, container engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance import environment
from provenance.environment import Used
from provenance.run import load
from provenance.run.used import engine_command
from tests.run.journals import Journal, put


@pytest.fixture
def asked(monkeypatch):
    """The questions that the examination was asked; it finds nothing."""
    questions: list[Used] = []

    def examine(used, recorded):
        questions.append(used)
        return iter(())

    monkeypatch.setattr(environment, "examine", examine)
    return questions


def used(asked: list[Used], journal: Journal) -> Used:
    load(journal.save(), examine=True)
    return asked[-1]


def test_programs_are_told_once_and_forks_are_none(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("sh", "x.sh")
    shell = journal.process("sh", "x.sh", exe="/usr/bin/dash")
    journal.process(how="fork", exe="/usr/bin/dash", parent=shell)
    journal.process("sort", parent=shell)
    journal.process("sort", parent=shell)
    journal.event(shell, "unwatched", pid=500, exe="/opt/static", argv=["static"], cwd=str(tmp_path), why="static")
    journal.end_run()
    found = used(asked, journal)
    assert found.programs == ("/opt/static", "/usr/bin/dash", "/usr/bin/sort")
    assert found.folders == (str(tmp_path),)
    assert found.run_folder == journal.folder
    assert found.start == journal.start
    assert found.end is not None and found.end > journal.start


def test_libraries_of_the_loader_and_those_that_were_opened_as_files(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("a")
    process = journal.process("a")
    journal.event(process, "libraries", paths=["/usr/lib/libm.so.6", "linux-vdso.so.1"])
    journal.read(process, "/usr/lib/x/libblas.so.3", s=[1, 1, 1, 1])
    journal.end_run()
    assert used(asked, journal).libraries == ("/usr/lib/libm.so.6", "/usr/lib/x/libblas.so.3")


def test_a_python_is_told_by_its_path_in_the_environment_that_it_was_started_in(tmp_path, asked):
    venv = tmp_path / "venv"
    put(venv / "pyvenv.cfg", "home = /usr/bin\n", 1)
    journal = Journal(tmp_path)
    journal.run("python", "x.py")
    for argv, prefix in ((f"{venv}/bin/python3", venv), ("python", tmp_path / "other"), ("python3", None)):
        process = journal.process(argv, "x.py", exe="/usr/bin/python3.11")
        if prefix:
            journal.read(process, prefix / "pyvenv.cfg", s=[1, 1, 1, 1])
    journal.end_run()
    found = used(asked, journal)
    assert found.interpreters == (f"{venv}/bin/python3", f"{tmp_path}/other/bin/python", "/usr/bin/python3.11")
    assert found.programs == ("/usr/bin/python3.11",)


def test_modules_count_by_their_source_and_what_each_start_reads_does_not(tmp_path, asked):
    packages = "/usr/lib/python3/dist-packages"
    journal = Journal(tmp_path)
    journal.run("python3", "x.py")
    process = journal.process("python3", "x.py", exe="/usr/bin/python3.11")
    for name in ("numpy/__pycache__/core.cpython-311.pyc", "six.py", "a.pth", "__editable___b_finder.py"):
        journal.read(process, f"{packages}/{name}", s=[1, 1, 1, 1])
    journal.read(process, "/proc/cpuinfo", s=[1, 1, 1, 1])
    journal.read(process, put(tmp_path / "x.py", "", journal.start - 1))
    journal.read(process, put(tmp_path / "data.csv", "1\n", journal.start - 1))
    journal.end_run()
    found = used(asked, journal)
    assert found.files == tuple(sorted([str(tmp_path / "x.py"), f"{packages}/numpy/core.py", f"{packages}/six.py"]))


def test_engagements_of_engines_also_unwatched_and_started_again_by_themselves(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("sh")
    shell = journal.process("sh", exe="/usr/bin/dash")
    first = journal.process("podman", "run", "img", parent=shell)
    journal.process("podman", "run", "img", parent=first)  # in its own name space
    journal.process("podman", "images", parent=shell)
    argv = ["apptainer", "exec", "x.sif", "true"]
    journal.event(shell, "unwatched", pid=500, exe="/usr/bin/apptainer", argv=argv, cwd="/tmp", why="setuid")
    journal.end_run()
    found = used(asked, journal).engagements
    assert [each.argv for each in found] == [("podman", "run", "img"), tuple(argv)]
    assert found[0].process == first
    assert found[0].cwd == str(tmp_path)
    assert found[1].process.startswith(shell)
    assert found[1].cwd == "/tmp"


@pytest.mark.parametrize(
    ("argv", "is_engine"),
    [
        (["docker", "--context", "x", "run", "--rm", "busybox"], True),
        (["sudo", "-n", "docker", "run", "busybox"], True),
        (["singularity", "exec", "a.sif", "true"], True),
        (["ch-run", "/img", "--", "true"], True),
        (["srun", "--container-image=ubuntu", "true"], True),
        (["srun", "-n", "2", "true"], False),
        (["docker", "ps"], False),
        (["sudo", "ls", "-l"], False),
        (["cat", "podman", "run"], False),
        ([], False),
    ],
)
def test_which_command_lines_start_a_container(argv, is_engine):
    exe = f"/usr/bin/{argv[0]}" if argv else "/usr/bin/true"
    assert (engine_command(exe, argv) is not None) == is_engine


def test_nothing_is_examined_unless_asked(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("true")
    journal.process("true")
    journal.end_run()
    load(journal.save())
    assert asked == []
    assert not Path(journal.folder, "examined.jsonl").exists()


def test_the_name_that_a_program_was_called_by_is_kept_where_it_is_another(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("make")
    journal.process("make", exe="/usr/bin/make")
    journal.process("cc", exe="/usr/bin/gcc-12")
    journal.process("./tool", exe="/opt/tool")
    journal.end_run()
    assert used(asked, journal).called == (str(tmp_path / "tool"), "/usr/bin/cc")


def test_a_command_of_which_nothing_was_watched_is_used_all_the_same(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("static", program="/opt/bin/static")
    journal.end_run()
    assert used(asked, journal).programs == ("/opt/bin/static",)


def test_a_watched_command_is_told_by_its_process(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("cc", program="/usr/bin/cc")
    journal.process("cc", exe="/usr/bin/gcc-12")
    journal.end_run()
    assert used(asked, journal).programs == ("/usr/bin/gcc-12",)


def test_a_program_that_the_run_built_is_nothing_that_it_needs(tmp_path, asked):
    journal = Journal(tmp_path)
    journal.run("make")
    journal.process("make", exe="/usr/bin/make")
    linker = journal.process("ld", exe="/usr/bin/ld")
    journal.write(linker, tmp_path / "heat")
    journal.process("./heat", exe=str(tmp_path / "heat"))
    journal.process("./old", exe=str(tmp_path / "old"))
    journal.write(linker, tmp_path / "old")
    journal.end_run()
    assert used(asked, journal).programs == (str(tmp_path / "old"), "/usr/bin/ld", "/usr/bin/make")
