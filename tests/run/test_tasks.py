"""Which programs and calls are tasks, how they ended, and what went from one to another."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.run import Run, Status, load
from tests.run.journals import Journal, put, state
from tests.synthetic_journal import write_journal

HOUR = 3600 * 10**9


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    found = Journal(tmp_path)
    found.run("python", "wf.py")
    return found


def before(journal: Journal, name: str) -> Path:
    return put(journal.work / name, "before\n", journal.start - HOUR)


def finish(journal: Journal, **ending: object) -> Run:
    journal.end_run(**ending)
    return load(journal.save())


def names(run: Run) -> list[str]:
    tools = {tool.key: tool.name for tool in run.tools}
    return [tools[task.tool] for task in run.tasks]


def test_redirections_of_the_forked_shell_belong_to_the_program_that_follows(journal: Journal) -> None:
    script = before(journal, "run.sh")
    shell = journal.process("sh", "run.sh")
    journal.read(shell, script)
    fork = journal.process("sh", "run.sh", how="fork", pid=500, parent=shell)
    out = journal.work / "out.txt"
    journal.event(fork, "write", p=str(out), s=None, mode="create")
    sort = journal.process("sort", "-n", pid=500, parent=fork)
    put(out, "1\n", journal.now)
    journal.event(sort, "write", p=str(out), s=None, mode="inherited")
    journal.event(sort, "close", p=str(out), s=state(out))
    journal.end(sort)
    journal.event(shell, "wait", pid=500, status=0)
    journal.end(shell)
    run = finish(journal)
    assert names(run) == ["sort"]
    assert [Path(p).name for p in run.tasks[0].outputs] == ["out.txt"]
    assert run.main == str(script)
    assert run.language is not None
    assert run.language.name == "Shell"


def test_what_the_shell_itself_opened_goes_to_the_program_that_wrote(journal: Journal) -> None:
    shell = journal.process("sh", "-c", "prog < in.txt > out.txt")
    source, out, empty = before(journal, "in.txt"), journal.work / "out.txt", journal.work / "empty.txt"
    journal.read(shell, source)
    journal.event(shell, "write", p=str(out), s=None, mode="create")
    journal.event(shell, "write", p=str(empty), s=None, mode="create")
    prog = journal.process("prog", exe=str(journal.work / "prog"), parent=shell)
    journal.read(prog, source)
    put(out, "x\n", journal.now)
    journal.event(prog, "write", p=str(out), s=None, mode="inherited")
    journal.event(prog, "close", p=str(out), s=state(out))
    journal.end(prog)
    journal.event(shell, "close", p=str(out), s=state(out))
    journal.event(shell, "close", p=str(empty), s=[0, journal.now, 1, 2])
    journal.end(shell)
    run = finish(journal)
    assert names(run) == ["prog"]
    assert {Path(p).name for p in run.tasks[0].outputs} == {"out.txt", "empty.txt"}


def test_forked_pool_and_pythons_own_helpers_are_part_of_their_program(journal: Journal) -> None:
    top = journal.process("python", "wf.py")
    journal.read(top, before(journal, "wf.py"))
    worker = journal.process("python", "wf.py", how="fork", parent=top)
    helper = journal.process("python", "-c", "from multiprocessing.spawn import spawn_main; spawn_main()", parent=top)
    for process, name in ((worker, "a.txt"), (helper, "b.txt")):
        journal.write(process, journal.work / name)
    for process in (worker, helper, top):
        journal.end(process)
    run = finish(journal)
    assert names(run) == ["wf.py"]
    assert len(run.tasks[0].outputs) == 2


def test_programs_that_only_start_others_are_no_tasks(journal: Journal) -> None:
    make = journal.process("make")
    journal.read(make, before(journal, "Makefile"))
    shell = journal.process("sh", "-c", "./sim > x", parent=make)
    sim = journal.process("./sim", exe=str(before(journal, "sim")), parent=shell)
    journal.write(sim, journal.work / "x")
    for process in (sim, shell, make):
        journal.end(process)
    run = finish(journal)
    assert names(run) == ["sim"]
    assert run.main == str(journal.work / "Makefile")
    assert run.language is not None
    assert run.language.name == "GNU Make"
    assert run.tools[0].source_key == str(journal.work / "sim")


def test_parts_of_a_compiler_are_the_compiler(journal: Journal) -> None:
    gcc = journal.process("gcc", "-o", "x", "x.c")
    part = journal.process("cc1", "x.c", exe="/usr/lib/gcc/x86_64-linux-gnu/12/cc1", parent=gcc)
    journal.read(part, before(journal, "x.c"))
    linker = journal.process("ld", exe="/usr/bin/ld", parent=gcc)
    journal.write(linker, journal.work / "x")
    for process in (part, linker, gcc):
        journal.end(process)
    run = finish(journal)
    assert names(run) == ["gcc"]
    assert [Path(p).name for p in run.tasks[0].inputs + run.tasks[0].outputs] == ["x.c", "x"]


def test_a_lone_command_is_a_task_even_without_data(journal: Journal) -> None:
    date = journal.process("date", "-u")
    journal.end(date)
    run = finish(journal)
    assert names(run) == ["date"]
    assert run.main is None


def test_python_module_and_options_as_arguments(journal: Journal) -> None:
    python = journal.process("python", "-m", "pkg.tool", "--threads", "4", "--rate=0.1", "-v", "in.txt")
    journal.read(python, before(journal, "in.txt"))
    journal.read(python, before(journal, "pkg/tool.py"))
    journal.end(python)
    run = finish(journal)
    assert names(run) == ["pkg.tool"]
    assert run.main == str(journal.work / "pkg" / "tool.py")
    values = {value.name: value.value for value in run.tasks[0].arguments}
    assert values == {"threads": "4", "rate": "0.1", "v": "in.txt"}
    assert run.tasks[0].arguments[2].data_key == str(journal.work / "in.txt")


def test_credentials_on_a_command_line_are_not_told(journal: Journal) -> None:
    python = journal.process("fetch", "--api-key", "hunter2", "--password=hunter2")
    journal.end(python)
    assert "hunter2" not in repr(finish(journal))


@pytest.mark.parametrize(
    ("wait", "status", "error"),
    [
        ({"status": 3}, Status.FAILED, "exit status 3"),
        ({"signal": 9}, Status.FAILED, "ended by signal 9 (SIGKILL)"),
        ({"signal": 13}, Status.COMPLETED, None),
        ({}, Status.UNKNOWN, None),
    ],
)
def test_end_of_a_program_that_its_parent_saw(
    journal: Journal, wait: dict[str, int], status: Status, error: str | None
) -> None:
    shell = journal.process("sh", "-c", "x; y")
    child = journal.process("x", pid=700, parent=shell)
    if wait:
        journal.event(shell, "wait", pid=700, **wait)
    journal.end(shell)
    run = finish(journal)
    task = next(task for task in run.tasks if task.key == child)
    assert (task.status, task.error) == (status, error)
    assert bool([gap for gap in run.gaps if "end of 1 program" in gap.what]) == (not wait)


def test_unwatched_program_is_a_task_and_a_gap(journal: Journal) -> None:
    shell = journal.process("sh", "-c", "./static in")
    argv = ["./static", "in"]
    journal.event(shell, "unwatched", pid=800, exe="/x/static", argv=argv, cwd="/x", why="static")
    journal.event(shell, "wait", pid=800, status=0)
    journal.end(shell)
    run = finish(journal)
    assert names(run) == ["static"]
    assert run.tasks[0].status is Status.COMPLETED
    assert run.tasks[0].command == ("./static", "in")
    assert any("statically linked" in gap.why for gap in run.gaps)


def decorated(journal: Journal) -> str:
    process = journal.process("python", "wf.py")
    journal.read(process, before(journal, "wf.py"))
    journal.tool(process, 1, "load", doc="Load.", params=["path"])
    journal.tool(process, 2, "fit")
    return process


def test_calls_are_tasks_and_the_rest_belongs_to_the_run(journal: Journal) -> None:
    process = decorated(journal)
    source = before(journal, "in.csv")
    argument = {"name": "path", "type": "str", "value": str(source), "path": str(source)}
    journal.task(process, 1, args=(argument,))
    journal.read(process, source, task=1)
    journal.done(process, 1, value={"type": "float", "value": 0.123456789})
    journal.task(process, 2, tool=2)
    journal.task(process, 3, tool=1, parent=2)
    child = journal.process("awk", "{}", parent=process, task=f"{process}:3")
    journal.write(child, journal.work / "made.txt")
    journal.end(child)
    journal.done(process, 3)
    journal.event(process, "edge", task=2, arg="model", **{"from": f"{process}:1"})
    journal.done(process, 2, "failed", error="ValueError: no")
    journal.write(process, journal.work / "report.txt")
    journal.end(process)
    run = finish(journal)
    assert names(run) == ["load", "fit", "load"]
    load_task, fit, nested = run.tasks
    assert load_task.arguments[0].data_key == str(source)
    assert [Path(p).name for p in nested.outputs] == ["made.txt"]
    assert nested.parent == fit.key
    assert (fit.status, fit.error) == (Status.FAILED, "ValueError: no")
    assert [(e.source, e.target, e.argument) for e in run.edges] == [(load_task.key, fit.key, "model")]
    assert {Path(p).name for p in run.outputs} == {"made.txt", "report.txt"}
    assert run.tools[0].description == "Load."


def test_equal_values_across_processes_are_edges_only_when_they_say_something(journal: Journal) -> None:
    one, two = decorated(journal), decorated(journal)
    values = [0.123456789, 7, True, "short", "a text that is long enough", 0.5]
    for number, value in enumerate(values, 1):
        journal.task(one, number)
        journal.done(one, number, value={"type": "x", "value": value})
        journal.task(two, number, args=({"name": "x", "type": "x", "value": value},))
        journal.done(two, number)
    for process in (one, two):
        journal.end(process)
    run = finish(journal)
    assert {e.source for e in run.edges} == {f"{one}:1", f"{one}:5"}


def test_results_collected_in_a_list_are_edges(journal: Journal) -> None:
    one, two = decorated(journal), decorated(journal)
    for number, value in enumerate([0.123456789, 2.5], 1):
        journal.task(one, number)
        journal.done(one, number, value={"type": "float", "value": value})
    journal.task(two, 1, args=({"name": "all", "type": "list", "value": "[0.123456789, 2.5]"},))
    journal.done(two, 1)
    journal.end(one)
    journal.end(two)
    assert [(e.source, e.argument) for e in finish(journal).edges] == [(f"{one}:1", "all")]


def test_call_of_a_killed_process_has_failed(journal: Journal) -> None:
    top = journal.process("sh", "-c", "x")
    process = journal.process("python", "wf.py", pid=900, parent=top)
    journal.tool(process, 1, "work")
    journal.task(process, 1)
    journal.event(top, "wait", pid=900, signal=9)
    journal.end(top)
    task = finish(journal, status=137).tasks[0]
    assert task.status is Status.FAILED
    assert "SIGKILL" in (task.error or "")


def test_run_without_an_end_can_be_loaded(journal: Journal) -> None:
    process = decorated(journal)
    journal.task(process, 1)
    journal.write(process, journal.work / "half.txt", task=1)
    run = load(journal.save())
    assert run.status is Status.UNKNOWN
    assert run.tasks[0].status is Status.UNKNOWN
    assert len(run.outputs) == 1
    assert any("the end of the run" in gap.what for gap in run.gaps)


def test_folder_that_was_opened_and_has_gone_is_no_data(journal: Journal) -> None:
    process = journal.process("python", "wf.py")
    folder = journal.work / "temporary"
    journal.read(process, folder, s=None)
    journal.write(process, folder / "x.txt")
    journal.delete(process, folder / "x.txt")
    folder.rmdir()
    journal.end(process)
    assert finish(journal).inputs == ()


def test_first_program_ended_as_the_launcher_saw(journal: Journal) -> None:
    journal.process("python", "wf.py")
    task = finish(journal, status=None, signal=15).tasks[0]
    assert (task.status, task.signal) == (Status.FAILED, 15)


def test_failed_run_names_its_last_failed_task(journal: Journal) -> None:
    process = journal.process("prog")
    journal.end(process, status=2)
    run = finish(journal, status=2)
    assert run.status is Status.FAILED
    assert run.error == "exit status 2; last failed task: prog: exit status 2"


def test_every_truncation_of_a_journal_loads(tmp_path: Path) -> None:
    folder = write_journal(tmp_path / "records", 6, 4, tmp_path / "data")
    file = next(path for path in folder.iterdir() if path.name != "run.jsonl")
    whole = file.read_bytes()
    tasks = []
    for end in range(0, len(whole), 97):
        file.write_bytes(whole[:end])
        tasks.append(len(load(folder).tasks))
    assert tasks == sorted(tasks)
    assert tasks[-1] == 4


def test_damaged_events_are_gaps(journal: Journal) -> None:
    process = journal.process("prog")
    journal.event(process, "read", p=5, s="x")
    journal.event(process, "task", id=1)
    journal.event(process, "of the future", x=1)
    journal.event("h-77-abc", "read", p="/x/y.txt", s=None)
    journal.end(process)
    run = finish(journal)
    text = " ".join(gap.what for gap in run.gaps)
    assert "2 events" in text
    assert "of the future" in text
    assert "77" in text


def test_synthetic_journal_has_what_it_promises(tmp_path: Path) -> None:
    run = load(write_journal(tmp_path / "records", 20, 10, tmp_path / "data"))
    assert (len(run.tasks), len(run.inputs), len(run.outputs)) == (10, 10, 10)
    assert all(data.content == data.path for data in run.data)
    assert run.gaps == ()
