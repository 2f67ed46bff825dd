"""States of files in COMPSs' logs and in our record: which is which, also where workers were not watched."""

from __future__ import annotations

from dataclasses import replace

from provenance.engines.compss.merged_data import MergedData, merge_data
from provenance.run.model import Data, Role, Run, Status, Task

PATH = "/nowhere/a.txt"
SAVED = "/nowhere/.wfprov/run/saved/1"


def theirs(version: int, role: Role, *, is_last: bool = False, path: str = PATH) -> Data:
    """As COMPSs' logs give it: what is on the disk is the last state."""
    size = 9 if is_last else None
    content = path if is_last else None
    return Data(f"{path}@{version}", path, role, version, size=size, content=content, is_gone=not is_last)


def ours(
    version: int, role: Role, size: int, content: str | None = None, mtime: int = 0, changed: bool = False
) -> Data:
    return Data(
        f"ours@{version}",
        PATH,
        role,
        version,
        size=size,
        mtime_ns=mtime,
        content=content,
        is_gone=content is None,
        changed_after=changed,
    )


def run(*data: Data, tasks: tuple[Task, ...] = ()) -> Run:
    return Run(
        "id",
        "name",
        Status.COMPLETED,
        data=data,
        tasks=tasks,
        inputs=tuple(one.key for one in data if one.role is Role.INPUT),
        outputs=tuple(one.key for one in data if one.role is Role.OUTPUT),
    )


def merge(from_logs: Run, recorded: Run) -> MergedData:
    return merge_data(from_logs, recorded, lambda path: path.startswith("/opt/COMPSs/"))


def task(key: str, start: int | None, inputs: tuple[str, ...]) -> Task:
    return Task(key, "f", Status.COMPLETED, start=start, inputs=inputs)


READ = theirs(0, Role.INPUT, is_last=True)
CHANGED = (theirs(0, Role.INPUT), theirs(1, Role.OUTPUT, is_last=True))


def test_an_input_that_both_saw_is_one_file() -> None:
    found = merge(run(READ), run(ours(0, Role.INPUT, 9, PATH)))
    assert [one.key for one in found.data] == [READ.key]
    assert found.inputs == (READ.key,)
    assert not found.data[0].is_gone and found.data[0].size == 9


def test_an_input_that_changed_after_the_run_is_described_as_it_was() -> None:
    found = merge(run(READ), run(ours(0, Role.INPUT, 5, None, changed=True)))
    (one,) = found.data
    assert (one.size, one.content, one.changed_after) == (5, None, True)


def test_saved_content_is_that_of_the_first_state() -> None:
    recorded = run(ours(0, Role.INPUT, 4, SAVED), ours(1, Role.OUTPUT, 9, PATH))
    first, last = merge(run(*CHANGED), recorded).data
    assert (first.content, first.size, first.is_gone) == (SAVED, 4, False)
    assert (last.content, last.is_gone) == (PATH, False)


def test_a_worker_that_was_not_watched_wrote_the_last_state() -> None:
    recorded = run(ours(0, Role.INPUT, 4, None, changed=True))
    first, last = merge(run(*CHANGED), recorded).data
    assert (first.size, first.is_gone) == (4, True)
    assert (last.size, last.content, last.changed_after) == (9, PATH, False)


def test_what_a_worker_overwrote_without_reading_was_there_before_all_the_same() -> None:
    recorded = run(ours(1, Role.INTERMEDIATE, 4, None, mtime=15), ours(2, Role.OUTPUT, 9, PATH, mtime=25))
    states = (theirs(0, Role.INPUT), theirs(1, Role.INTERMEDIATE), theirs(2, Role.OUTPUT, is_last=True))
    for started in (10, None):
        found = merge(run(*states, tasks=(task("t", started, (states[0].key,)),)), recorded)
        assert [one.role for one in found.data] == [Role.INPUT, Role.INTERMEDIATE, Role.OUTPUT]
        assert found.inputs == (states[0].key,)
        assert found.data[1].size == 4


def test_what_the_main_program_wrote_before_is_no_input_of_the_run() -> None:
    recorded = run(ours(1, Role.INTERMEDIATE, 9, PATH, mtime=5))
    for started in (10, None):
        found = merge(run(READ, tasks=(task("t", started, (READ.key,)),)), recorded)
        assert [one.role for one in found.data] == [Role.OUTPUT]
        assert (found.inputs, found.outputs) == ((), (READ.key,))


def test_what_the_main_program_wrote_before_a_task_changed_it() -> None:
    recorded = run(ours(1, Role.INTERMEDIATE, 4, None, mtime=5), ours(2, Role.OUTPUT, 9, PATH, mtime=15))
    found = merge(run(*CHANGED, tasks=(task("t", 10, (CHANGED[0].key,)),)), recorded)
    assert [one.role for one in found.data] == [Role.INTERMEDIATE, Role.OUTPUT]
    assert found.inputs == ()
    assert found.data[0].size == 4


def test_what_the_main_program_wrote_after_tasks_had_read_it_is_another_state() -> None:
    recorded = run(ours(0, Role.INPUT, 4, SAVED), ours(1, Role.OUTPUT, 9, PATH, mtime=20))
    found = merge(run(READ, tasks=(task("t", 10, (READ.key,)),)), recorded)
    first, last = found.data
    assert (first.key, first.content, first.role) == (READ.key, SAVED, Role.INPUT)
    assert (last.content, last.role) == (PATH, Role.OUTPUT)
    assert found.outputs == (last.key,)


def test_what_the_main_program_read_before_a_task_wrote_it_anew() -> None:
    recorded = run(ours(0, Role.INPUT, 4, SAVED), ours(1, Role.OUTPUT, 9, PATH))
    written = theirs(1, Role.OUTPUT, is_last=True)
    found = merge(run(written), recorded)
    assert {(one.role, one.content) for one in found.data} == {(Role.OUTPUT, PATH), (Role.INPUT, SAVED)}
    assert len(found.inputs) == 1 and found.outputs == (written.key,)


def test_files_of_compss_and_scratch_are_left_out_and_software_stays() -> None:
    listed = [
        Data("1", "/opt/COMPSs/Runtime/a.sh", Role.SOURCE),
        Data("2", "/w/.compss_submission_command_line.txt", Role.OUTPUT, 1),
        Data("3", "/w/COMPSs_RO-Crate_1/dataset/a", Role.OUTPUT, 1),
        Data("4", "/w/mine/ro-crate-metadata.json", Role.OUTPUT, 1),
        Data("5", "/w/mine/dataset/a", Role.OUTPUT, 1),
        Data("6", "/tmp/d1v2.IT", Role.INTERMEDIATE, 1, is_gone=True),
        Data("7", "/usr/lib/libc.so", Role.SOFTWARE),
        Data("8", "/w/theirs/ro-crate-metadata.json", Role.INPUT),
        Data("9", "/w/report", Role.OUTPUT, 1),
    ]
    found = merge(run(), run(*listed))
    assert [one.key for one in found.data] == ["7", "8", "9"]
    assert (found.inputs, found.outputs) == (("8",), ("9",))


def test_no_two_data_have_one_key() -> None:
    other = replace(ours(0, Role.INPUT, 1, "/b"), path="/b", key=READ.key)
    found = merge(run(READ), run(other))
    assert len({one.key for one in found.data}) == 2
