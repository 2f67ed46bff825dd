"""Which states each file of a COMPSs run had, and what became of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.engines.compss.data import RunData
from provenance.engines.compss.file_states import FileStates
from provenance.engines.compss.records import Access, LoggedTask
from provenance.engines.compss.tasks import edges
from provenance.run.model import Data, Role

DIRECTIONS = ["IN", "OUT", "INOUT", "CONCURRENT", "COMMUTATIVE", "IN_DELETE"]


def states_of(*calls: tuple[str, str] | tuple[str, str, bool]) -> FileStates:
    """One task a call: path, direction, and whether it ran."""
    states = FileStates()
    for number, (path, direction, *ran) in enumerate(calls, 1):
        access = Access("master", path, False, direction, "f")
        states.take_task(LoggedTask(number, "m.f", accesses=(access,)), not ran or bool(ran[0]))
    return states


def data_of(states: FileStates, end: int | None = None, sources: tuple[str, ...] = ()) -> list[Data]:
    data = RunData(end, lambda path: False)
    for path, history in states.histories.items():
        data.add_history(history, path in sources)
    data.add_parts(states.histories.values())
    return data.data


def roles(data: list[Data]) -> list[tuple[int, Role, bool]]:
    return [(each.version, each.role, each.is_gone) for each in data]


def test_a_file_changed_twice_has_three_states(tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_text("the last")
    states = states_of((str(path), "INOUT"), (str(path), "INOUT"), (str(path), "IN"))
    data = data_of(states)
    assert roles(data) == [(0, Role.INPUT, True), (1, Role.INTERMEDIATE, True), (2, Role.OUTPUT, False)]
    assert len({each.key for each in data}) == 3
    assert data[2].size == 8
    assert data[2].content == str(path)
    found = {(edge.source, edge.target, edge.data) for edge in edges(states.histories.values())}
    assert found == {("task-1", "task-2", data[1].key), ("task-2", "task-3", data[2].key)}


def test_what_the_run_wrote_before_is_no_input(tmp_path: Path) -> None:
    path = tmp_path / "made"
    path.touch()
    assert roles(data_of(states_of((str(path), "OUT"), (str(path), "IN")))) == [(1, Role.OUTPUT, False)]


def test_an_output_that_is_not_there_any_more_is_gone(tmp_path: Path) -> None:
    assert roles(data_of(states_of((str(tmp_path / "no"), "OUT")))) == [(1, Role.OUTPUT, True)]


def test_a_file_that_compss_deleted_is_intermediate_only_when_the_run_wrote_it(tmp_path: Path) -> None:
    made, given_ = str(tmp_path / "made"), str(tmp_path / "given")
    data = data_of(states_of((made, "OUT"), (made, "IN_DELETE"), (given_, "IN_DELETE")))
    assert roles(data) == [(1, Role.INTERMEDIATE, True), (0, Role.INPUT, True)]


@pytest.mark.parametrize("direction", ["CONCURRENT", "COMMUTATIVE"])
def test_tasks_that_share_a_file_make_one_state_of_it(direction: str) -> None:
    states = states_of(("/f", "OUT"), ("/f", direction), ("/f", direction), ("/f", "IN"))
    (history,) = states.histories.values()
    assert [state.writers for state in history.states] == [[1], [2, 3]]
    assert [state.readers for state in history.states] == [[2, 3], [4]]


@pytest.mark.parametrize("direction", ["CONCURRENT", "COMMUTATIVE"])
def test_who_reads_a_shared_file_does_not_wait_for_tasks_that_came_after(direction: str) -> None:
    states = states_of(("/c", direction), ("/c", direction), ("/c", "IN"), ("/c", direction))
    data_of(states)
    found = {(edge.source, edge.target) for edge in edges(states.histories.values())}
    assert found == {("task-1", "task-3"), ("task-2", "task-3"), ("task-1", "task-4"), ("task-2", "task-4")}


def test_a_task_that_never_ran_reads_but_makes_nothing() -> None:
    states = states_of(("/c", "INOUT"), ("/c", "INOUT", False), ("/new", "OUT", False), ("/new", "IN", False))
    assert [state.writers for state in states.histories["/c"].states] == [[], [1]]
    assert states.histories["/c"].states[1].readers == [2]
    assert states.histories["/new"].states == []  # neither an input nor an output of the run
    assert states.uses[3][0].written is None
    assert states.uses[4][0].read is None


def test_one_task_with_the_same_file_twice_does_not_wait_for_itself() -> None:
    states = FileStates()
    accesses = (Access("h", "/f", False, "INOUT", "a"), Access("h", "/f", False, "IN", "b"))
    states.take_task(LoggedTask(1, "m.f", accesses=accesses), True)
    assert list(edges(states.histories.values())) == []


@given(st.lists(st.tuples(st.sampled_from(["/a", "/b"]), st.sampled_from(DIRECTIONS)), max_size=12))
def test_states_agree_with_the_rule_of_compss_for_any_order(calls: list[tuple[str, str]]) -> None:
    inputs, outputs = set(), set()
    for path, direction in calls:
        if direction != "OUT" and path not in outputs:
            inputs.add(path)
        if direction not in ("IN", "IN_DELETE"):
            outputs.add(path)
    with_tasks, without = states_of(*calls), FileStates()
    without.take_accesses(Access("h", path, False, direction) for path, direction in calls)
    for states in (with_tasks, without):
        found = states.histories.values()
        assert {each.path for each in found if each.states[0].version == 0} == inputs
        assert {each.path for each in found if each.states[-1].version > 0} == outputs
        for each in found:
            versions = [state.version for state in each.states]
            assert versions == list(range(versions[0], versions[0] + len(versions)))


def test_a_folder_is_data_with_all_that_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "rows"
    (folder / "row0").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "row0" / "a b#?%.txt").touch()
    (folder / "row0" / "up").symlink_to(folder)  # a circle
    states = FileStates()
    states.take_accesses([Access("h", str(folder), True, "IN")])
    data = data_of(states)
    assert {(each.path.removeprefix(str(folder)), each.is_directory) for each in data} == {
        ("", True),
        ("/empty", True),
        ("/row0/a b#?%.txt", False),
    }
    assert {each.role for each in data} == {Role.INPUT}


def test_what_a_task_wrote_into_a_folder_that_another_read_stays_an_output(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("given", "out/made", "out/beside"):
        (tmp_path / name).touch()
    states = FileStates()
    states.take_accesses(
        [
            Access("h", str(tmp_path), True, "IN"),
            Access("h", f"{tmp_path}/out", True, "OUT"),
            Access("h", f"{tmp_path}/out/made", False, "OUT"),
        ]
    )
    found = {each.path.removeprefix(str(tmp_path)): each.role for each in data_of(states)}
    assert found == {
        "": Role.INPUT,
        "/out": Role.OUTPUT,
        "/out/made": Role.OUTPUT,
        "/out/beside": Role.OUTPUT,
        "/given": Role.INPUT,
    }


def test_a_symbolic_link_keeps_its_path_and_is_read_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("12345")
    (tmp_path / "link").symlink_to("real")
    (data,) = data_of(states_of((f"{tmp_path}/link", "IN")))
    assert (data.path, data.size) == (f"{tmp_path}/link", 5)


def test_a_file_changed_after_the_run_says_so(tmp_path: Path) -> None:
    end = 1_700_000_000_000_000_000
    for name, seconds in (("during", -1), ("clock", 59), ("after", 61)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, ns=(end, end + seconds * 1_000_000_000))
    data = data_of(states_of(*((f"{tmp_path}/{name}", "IN") for name in ("during", "clock", "after"))), end)
    assert [each.description is not None for each in data] == [False, False, True]
    assert all(each.content for each in data)


def test_a_file_that_holds_credentials_by_its_name_stays_out(tmp_path: Path) -> None:
    (tmp_path / "id_rsa").write_text("x")
    (data,) = data_of(states_of((f"{tmp_path}/id_rsa", "IN")))
    assert data.content is None
    assert not data.is_gone


def test_a_source_that_tasks_read_is_a_source_and_one_that_they_wrote_is_an_output() -> None:
    data = data_of(states_of(("/s.py", "IN"), ("/t.py", "OUT")), sources=("/s.py", "/t.py"))
    assert [each.role for each in data] == [Role.SOURCE, Role.OUTPUT]


def test_names_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\xfe"
    Path(os.fsdecode(raw)).write_text("x")
    (data,) = data_of(states_of((os.fsdecode(raw), "IN")))
    assert os.fsencode(data.path) == raw
    assert data.size == 1
