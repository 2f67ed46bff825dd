"""Which role each file gets, one rule at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provenance.run import Data, Role, Run, load
from provenance.run.model import About
from tests.run.journals import Journal, put

HOUR = 3600 * 10**9


@dataclass
class Words:
    about: About = field(default_factory=About)
    sources: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    main_file: str | None = None


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    found = Journal(tmp_path)
    found.run("python", "wf.py")
    return found


def before(journal: Journal, name: str, content: str = "before\n") -> Path:
    return put(journal.work / name, content, journal.start - HOUR)


def python(journal: Journal, *argv: str) -> str:
    """Start a Python program whose script is read."""
    script = before(journal, argv[0])
    process = journal.process("python", *argv)
    journal.read(process, script)
    return process


def finish(journal: Journal, *processes: str, info: Words | None = None) -> Run:
    for process in processes:
        journal.end(process)
    journal.end_run()
    return load(journal.save(), info)


def data(run: Run, path: Path, version: int | None = None) -> Data:
    found = [d for d in run.data if d.path == str(path) and version in (None, d.version)]
    assert len(found) == 1, [(d.path, d.version, d.role) for d in run.data]
    return found[0]


def test_script_input_configuration_and_output(journal: Journal) -> None:
    process = python(journal, "wf.py")
    for name in ("table.csv", "settings.yaml", "run_config.json", "points.json"):
        journal.read(process, before(journal, name))
    journal.write(process, journal.work / "out.csv")
    run = finish(journal, process)
    roles = {Path(d.path).name: d.role for d in run.data}
    assert roles == {
        "wf.py": Role.SOURCE,
        "table.csv": Role.INPUT,
        "settings.yaml": Role.CONFIGURATION,
        "run_config.json": Role.CONFIGURATION,
        "points.json": Role.INPUT,
        "out.csv": Role.OUTPUT,
    }
    assert all(d.reason for d in run.data)
    assert run.main == data(run, journal.work / "wf.py").key
    assert [Path(p).name for p in run.outputs] == ["out.csv"]
    assert len(run.inputs) == 4


def test_what_another_task_made_something_from_is_intermediate(journal: Journal) -> None:
    first, second = python(journal, "a.py"), python(journal, "b.py")
    middle, last = journal.work / "middle.txt", journal.work / "last.txt"
    journal.write(first, middle)
    journal.read(second, middle)
    journal.write(second, last)
    run = finish(journal, first, second)
    assert data(run, middle).role is Role.INTERMEDIATE
    assert data(run, last).role is Role.OUTPUT
    assert [(e.source, e.target, e.data) for e in run.edges] == [(first, second, data(run, middle).key)]


def test_what_others_only_looked_at_stays_an_output(journal: Journal) -> None:
    first = python(journal, "a.py")
    out = journal.work / "out.txt"
    journal.write(first, out)
    look = journal.process("cat", "out.txt")
    journal.read(look, out)
    assert data(finish(journal, first, look), out).role is Role.OUTPUT


def test_temporary_files_are_scratch_and_those_that_were_read_intermediate(journal: Journal) -> None:
    first, second = python(journal, "a.py"), python(journal, "b.py")
    own, shared = journal.work / "own.tmp", journal.work / "shared.tmp"
    journal.write(first, own)
    journal.delete(first, own)
    journal.write(first, shared)
    journal.read(second, shared)
    journal.delete(second, shared)
    run = finish(journal, first, second)
    assert data(run, own).role is Role.SCRATCH
    assert data(run, shared).role is Role.INTERMEDIATE
    assert data(run, shared).is_gone
    assert data(run, shared).content is None


def test_rename_into_place_gives_one_output_under_the_final_name(journal: Journal) -> None:
    process = python(journal, "a.py")
    before(journal, "out.txt", "old\n")
    temporary, out = journal.work / "out.txt.tmp", journal.work / "out.txt"
    journal.write(process, temporary)
    journal.rename(process, temporary, out)
    run = finish(journal, process)
    assert data(run, out).role is Role.OUTPUT
    assert data(run, out).content == str(out)
    assert not any(d.path == str(temporary) for d in run.data)


def test_renamed_folder_takes_its_files_along(journal: Journal) -> None:
    process = python(journal, "a.py")
    building, built = journal.work / "building", journal.work / "built"
    journal.write(process, building / "deep" / "x.txt")
    journal.rename(process, building, built, dir=True)
    run = finish(journal, process)
    assert data(run, built / "deep" / "x.txt").role is Role.OUTPUT
    assert len(run.outputs) == 1


def test_file_changed_in_place_has_two_versions(journal: Journal) -> None:
    process = python(journal, "a.py")
    both = before(journal, "both.txt")
    journal.read(process, both)
    (journal.folder / "saved").mkdir()
    (journal.folder / "saved" / "1").write_text("before\n")
    journal.event(process, "save", p=str(both), s=None, **{"as": "saved/1"})
    journal.write(process, both, "afterwards\n", mode="update", rw=True)
    run = finish(journal, process)
    old, new = data(run, both, 0), data(run, both, 1)
    assert (old.role, new.role) == (Role.INPUT, Role.OUTPUT)
    assert Path(old.content or "").read_text() == "before\n"
    assert new.content == str(both)
    assert run.tasks[0].inputs == (old.key,)
    assert run.tasks[0].outputs == (new.key,)


def test_truncated_without_a_look_is_output_alone(journal: Journal) -> None:
    process = python(journal, "a.py")
    out = before(journal, "out.txt")
    journal.write(process, out)
    assert data(finish(journal, process), out).role is Role.OUTPUT


def test_opened_for_update_and_left_as_it_was_is_only_read(journal: Journal) -> None:
    process = python(journal, "a.py")
    base = before(journal, "data.db")
    journal.write(process, base, None, mode="update", rw=True)
    run = finish(journal, process)
    assert data(run, base).role is Role.INPUT
    assert run.outputs == ()


def test_opened_for_appending_and_left_as_it_was_is_nothing(journal: Journal) -> None:
    process = python(journal, "a.py")
    log = before(journal, "notes.txt")
    journal.write(process, log, None, mode="append")
    assert not [d for d in finish(journal, process).data if d.path == str(log)]


def test_change_after_the_run_is_told_and_not_passed_off(journal: Journal) -> None:
    process = python(journal, "a.py")
    used, out = before(journal, "used.txt"), journal.work / "out.txt"
    journal.read(process, used)
    journal.write(process, out)
    gone = journal.work / "gone.txt"
    journal.write(process, gone)
    journal.end(process)
    journal.end_run()
    folder = journal.save()
    put(used, "edited\n", journal.now + HOUR)
    put(out, "edited\n", journal.now + HOUR)
    gone.unlink()
    run = load(folder)
    for path in (used, out):
        assert data(run, path).changed_after
        assert data(run, path).content is None
    assert data(run, gone).role is Role.OUTPUT
    assert (data(run, gone).is_gone, data(run, gone).changed_after) == (True, False)


@pytest.mark.parametrize(
    "path",
    [
        "/usr/lib/x86_64-linux-gnu/libm.so.6",
        "/etc/passwd",
        "/home/someone/.config/matplotlib/matplotlibrc",
        "/home/someone/.cache/fontconfig/a.cache",
        "/data/envs/x/lib/python3.11/site-packages/numpy/core/a.csv",
        "/data/project/__pycache__/a.cpython-311.pyc",
        "/data/project/.git/config",
        "/proc/cpuinfo",
    ],
)
def test_software_is_no_data(journal: Journal, path: str) -> None:
    process = python(journal, "a.py")
    journal.read(process, path, s=[1, 1, 1, 1])
    run = finish(journal, process)
    assert data(run, Path(path)).role is Role.SOFTWARE
    assert run.inputs == ()


def test_data_named_on_the_command_line_is_data_wherever_it_lies(journal: Journal) -> None:
    path = "/usr/local/share/data/words.txt"
    process = python(journal, "a.py", "--words", path, "--base=/opt/reference")
    journal.read(process, path, s=[1, 1, 1, 1])
    journal.read(process, "/opt/reference/chr1.fa", s=[1, 1, 1, 1])
    journal.read(process, "/opt/other/lib.dat", s=[1, 1, 1, 1])
    run = finish(journal, process)
    assert data(run, Path(path)).role is Role.INPUT
    assert data(run, Path("/opt/reference/chr1.fa")).role is Role.INPUT
    assert data(run, Path("/opt/other/lib.dat")).role is Role.SOFTWARE


def test_folder_of_the_run_below_opt_is_the_users_own() -> None:
    from provenance.run.software import SoftwareRules

    rules = SoftwareRules(["/opt/project"], [])
    assert rules.reason("/opt/project/lib/data.txt") is None
    assert rules.reason("/opt/elsewhere/data.txt") is not None
    assert SoftwareRules(["/"], []).reason("/usr/share/x") is not None


def test_bytecode_tells_which_source_was_used(journal: Journal) -> None:
    process = python(journal, "a.py")
    module = before(journal, "pkg/helper.py")
    cached = before(journal, "pkg/__pycache__/helper.cpython-311.pyc")
    journal.read(process, cached)
    run = finish(journal, process)
    assert data(run, module).role is Role.SOURCE
    assert data(run, cached).role is Role.SOFTWARE


def test_source_outside_of_the_project_that_was_imported(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "project")
    journal.run("python", "a.py")
    module = put(tmp_path / "shared" / "tools.py", "x = 1\n", journal.start - HOUR)
    process = python(journal, "a.py")
    journal.read(process, module)
    assert data(finish(journal, process), module).role is Role.SOURCE


def test_compiled_program_of_the_project_is_source_and_one_made_in_the_run_is_not(journal: Journal) -> None:
    old = before(journal, "old")
    one = journal.process("./old", exe=str(old))
    compiler = journal.process("gcc", "-o", "new", "new.c")
    code = before(journal, "new.c")
    journal.read(compiler, code)
    new = journal.work / "new"
    journal.write(compiler, new)
    two = journal.process("./new", exe=str(new))
    journal.write(two, journal.work / "out.txt")
    run = finish(journal, one, compiler, two)
    assert data(run, old).role is Role.SOURCE
    assert data(run, code).role is Role.SOURCE
    assert data(run, new).role is Role.INTERMEDIATE
    task = {task.key: task for task in run.tasks}
    assert task[compiler].inputs == (data(run, code).key,)
    assert [(e.source, e.target) for e in run.edges] == [(compiler, two)]


def test_one_file_reached_by_two_names_is_one_data(journal: Journal) -> None:
    process = python(journal, "a.py")
    real = before(journal, "real.txt")
    link = journal.work / "link.txt"
    link.symlink_to("real.txt")
    journal.read(process, link)
    journal.read(process, real)
    found = data(finish(journal, process), real)
    assert found.role is Role.INPUT
    assert "link.txt" in (found.description or "")


def test_symbolic_link_that_the_run_made_and_took_away(journal: Journal) -> None:
    process = python(journal, "a.py")
    real, link = before(journal, "real.txt"), journal.work / "staged.txt"
    journal.event(process, "link", p=str(real), to=str(link), soft=True)
    journal.read(process, link, s=[7, journal.start - HOUR, real.stat().st_ino, real.stat().st_dev])
    journal.event(process, "delete", p=str(link), s=[8, 1, 1, 1])
    run = finish(journal, process)
    assert data(run, real).role is Role.INPUT
    assert data(run, real).content == str(real)


def test_hard_link_into_place_keeps_the_file_when_its_first_name_goes(journal: Journal) -> None:
    process = python(journal, "a.py")
    temporary, out = journal.work / "t.tmp", journal.work / "out.txt"
    journal.write(process, temporary)
    out.hardlink_to(temporary)
    journal.event(process, "link", p=str(temporary), to=str(out), soft=False)
    journal.delete(process, temporary)
    run = finish(journal, process)
    assert data(run, out).role is Role.OUTPUT
    assert data(run, out).content == str(out)


def test_folders_and_pipes_are_no_data(journal: Journal) -> None:
    import os

    process = python(journal, "a.py")
    (journal.work / "folder").mkdir()
    os.mkfifo(journal.work / "pipe")
    journal.read(process, journal.work / "folder")
    journal.read(process, journal.work / "pipe")
    run = finish(journal, process)
    assert [Path(d.path).name for d in run.data] == ["a.py"]


def test_the_user_has_the_last_word(journal: Journal) -> None:
    process = python(journal, "a.py")
    for name in ("model.yaml", "seed.txt", "skip/me.txt", "lookup.dat"):
        journal.read(process, before(journal, name))
    journal.write(process, journal.work / "middle.txt")
    second = python(journal, "b.py")
    journal.read(second, journal.work / "middle.txt")
    journal.write(second, journal.work / "last.txt")
    before(journal, "unseen.csv")
    info = Words(
        inputs=("model.yaml", "unseen.csv"),
        ignore=("skip",),
        sources=("*.dat",),
        outputs=("middle.txt",),
    )
    run = finish(journal, process, second, info=info)
    roles = {Path(d.path).name: d.role for d in run.data}
    assert roles["model.yaml"] is Role.INPUT
    assert roles["unseen.csv"] is Role.INPUT
    assert roles["me.txt"] is Role.IGNORED
    assert roles["lookup.dat"] is Role.SOURCE
    assert roles["middle.txt"] is Role.OUTPUT
    assert "ro-crate-info.yaml" in data(run, journal.work / "model.yaml").reason


def test_sources_dot_does_not_make_data_code(journal: Journal) -> None:
    process = python(journal, "a.py")
    journal.read(process, before(journal, "table.csv"))
    before(journal, "other.py")
    run = finish(journal, process, info=Words(sources=(".",)))
    assert data(run, journal.work / "table.csv").role is Role.INPUT
    assert data(run, journal.work / "other.py").role is Role.SOURCE


def test_standard_output_of_the_run_is_a_log_and_no_output(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    log = tmp_path / "log.txt"
    journal.run("python", "a.py", stdout={"kind": "file", "path": str(log), "offset": 3})
    process = python(journal, "a.py")
    journal.write(process, log, mode="inherited")
    journal.end(process)
    journal.end_run(stdout={"kind": "file", "path": str(log), "offset": 8})
    run = load(journal.save())
    assert run.outputs == ()
    assert [(each.name, each.path, each.start, each.end) for each in run.logs] == [("stdout", str(log), 3, 8)]


@pytest.mark.parametrize("name", ["with blank.txt", "a\nb.txt", "-dash", "100%#?.txt", "bytes-\udcff.txt", "é漢.txt"])
def test_any_name_works(journal: Journal, name: str) -> None:
    process = python(journal, "a.py")
    journal.write(process, journal.work / name)
    found = data(finish(journal, process), journal.work / name)
    assert found.role is Role.OUTPUT
    assert found.content == str(journal.work / name)
