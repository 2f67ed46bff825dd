"""Reading ``dataprovenance.log``: each kind of record of each dialect, and what is damaged."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.engines.compss import provenance_log
from provenance.engines.compss.records import (
    STATUSES,
    Access,
    Dialect,
    LoggedTask,
    LoggedValue,
    ProvenanceLog,
    Statistic,
    TaskParameter,
)
from provenance.errors import JournalError

START, END = "2026-03-16T10:12:01.123456Z", "2026-03-16T10:12:02.349456Z"
START_NS = 1_773_655_921_123_456_000
END_NS = 1_773_655_922_349_456_000
HEAD = ("3.4", "matmul_files.py", START)
OLD_HEAD = ("3.3", "matmul_files.py", "App_Profile.json")
DIRECTIONS = ("IN", "OUT", "INOUT", "CONCURRENT", "COMMUTATIVE", "IN_DELETE")


def never(path: str) -> bool:
    raise AssertionError(f"the disk was asked for {path!r}, although the line has one reading")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "dataprovenance.log"


def read(log: Path, *lines: str, exists=never, end: str = "\n") -> ProvenanceLog:
    text = "\n".join(lines) + end
    log.write_bytes(text.encode("utf-8", "surrogateescape"))
    return provenance_log.read(log, exists=exists)


# The dialects


def test_accesses_of_the_first_dialect_have_no_tasks_and_no_times(log: Path) -> None:
    found = read(
        log,
        *OLD_HEAD,
        "file://s01r2b24-ib0/home/u/inputs/A.0 IN",
        "file://s01r2b24-ib0/home/u/outputs/C.0 INOUT",
        "dir://s01r2b24-ib0/home/u/rows/row0 IN_DELETE",
    )
    assert found == ProvenanceLog(
        path=str(log),
        dialect=Dialect.ACCESSES,
        version="3.3",
        application="matmul_files.py",
        profile="App_Profile.json",
        accesses=[
            Access("s01r2b24-ib0", "/home/u/inputs/A.0", False, "IN", line=4),
            Access("s01r2b24-ib0", "/home/u/outputs/C.0", False, "INOUT", line=5),
            Access("s01r2b24-ib0", "/home/u/rows/row0", True, "IN_DELETE", line=6),
        ],
    )


@pytest.mark.parametrize("profile", ["", "null"])
def test_a_run_without_profile_names_none(log: Path, profile: str) -> None:
    found = read(log, "3.3.rc2403", "matmul.files.Matmul", profile, "file://h/a IN")
    assert (found.version, found.application, found.profile) == ("3.3.rc2403", "matmul.files.Matmul", None)
    assert [access.path for access in found.accesses] == ["/a"]


def test_the_second_dialect_has_times_and_statistics(log: Path) -> None:
    found = read(
        log,
        "3.3.1",
        *OLD_HEAD[1:],
        START,
        "file://h/a IN",
        "h                    mod.f                                    executions      8",
        "h                    mod.f                                    maxTime         59",
        "overall              mod.f                                    executions      8",
        END,
    )
    assert (found.dialect, found.start, found.end) == (Dialect.TIMED, START_NS, END_NS)
    assert [access.path for access in found.accesses] == ["/a"]
    assert found.statistics == [
        Statistic("h", "mod.f", 8, 59, None, None),
        Statistic("overall", "mod.f", 8, None, None, None),
    ]
    assert not found.problems


def test_the_third_dialect_gives_each_task_the_files_before_it(log: Path) -> None:
    found = read(
        log,
        *HEAD,
        "file a FILE_T file://h/in/a IN",
        "file rows DIRECTORY_T dir://h/rows INOUT",
        "parameter bsize LONG_T 4 IN",
        "task 1 mod.f a.FILE_T.IN::rows.DIRECTORY_T.INOUT::bsize.LONG_T.IN",
        "task 1 status FINISHED",
        "file a FILE_T file://h/in/b IN",
        "task 2 mod.f a.FILE_T.IN",
        "file last FILE_T file://h/out OUT",
        END,
    )
    assert (found.dialect, found.start, found.end) == (Dialect.TASKS, START_NS, END_NS)
    assert found.tasks == [
        LoggedTask(
            1,
            "mod.f",
            (
                TaskParameter("a", "FILE_T", "IN"),
                TaskParameter("rows", "DIRECTORY_T", "INOUT"),
                TaskParameter("bsize", "LONG_T", "IN"),
            ),
            (
                Access("h", "/in/a", False, "IN", "a", 4),
                Access("h", "/rows", True, "INOUT", "rows", 5),
            ),
            (LoggedValue("bsize", "LONG_T", "4", "IN"),),
            ["FINISHED"],
            7,
        ),
        LoggedTask(
            2, "mod.f", (TaskParameter("a", "FILE_T", "IN"),), (Access("h", "/in/b", False, "IN", "a", 9),), line=10
        ),
    ]
    assert found.accesses == [Access("h", "/out", False, "OUT", "last", 11)]
    assert (found.problems, found.unread, found.profile, found.has_failed) == ([], 0, None, False)


@pytest.mark.parametrize("fraction", ["", *("." + "123456789"[:digits] for digits in range(1, 10))])
@pytest.mark.parametrize("offset", ["Z", "+00:00", "+0000"])
def test_any_number_of_fraction_digits_tells_the_dialect(log: Path, fraction: str, offset: str) -> None:
    stamp = "2026-03-16T10:12:01" + fraction + offset
    nanoseconds = 1_773_655_921 * 10**9 + int(fraction[1:].ljust(9, "0") or 0)
    for head, dialect in ((["3.4", "a.py"], Dialect.TASKS), (["3.3.1", "a.py", "p.json"], Dialect.TIMED)):
        found = read(log, *head, stamp, stamp)
        assert (found.dialect, found.start, found.end) == (dialect, nanoseconds, nanoseconds)


def test_lines_and_not_the_version_tell_the_dialect(log: Path) -> None:
    tasks = read(log, "3.3", "a.py", START, "file a FILE_T file://h/a IN", "task 1 mod.f a.FILE_T.IN")
    assert (tasks.dialect, tasks.version, len(tasks.tasks)) == (Dialect.TASKS, "3.3", 1)
    plain = read(log, "3.4", "a.py", "App_Profile.json", "file://h/a IN")
    assert (plain.dialect, plain.version, len(plain.accesses)) == (Dialect.ACCESSES, "3.4", 1)


def test_java_signatures_are_kept_whole(log: Path) -> None:
    signature = "multiply(FILE_T,FILE_T,OBJECT_T)matmul.files.MatmulImpl"
    found = read(
        log,
        "3.4",
        "matmul.files.Matmul",
        START,
        "file arg0 FILE_T file://h/a IN",
        f"task 1 {signature} arg0.FILE_T.IN::arg1.OBJECT_T.INOUT",
        f"h                    {signature} executions      1",
        END,
    )
    assert found.tasks[0].signature == found.statistics[0].signature == signature
    assert found.tasks[0].parameters == (
        TaskParameter("arg0", "FILE_T", "IN"),
        TaskParameter("arg1", "OBJECT_T", "INOUT"),
    )
    assert not found.problems


def test_elements_of_collections_come_one_by_one(log: Path) -> None:
    found = read(
        log,
        *HEAD,
        "file col FILE_T file://h/0 IN",
        "file col FILE_T file://h/1 IN",
        "file @value FILE_T file://h/2 OUT",
        "file #kwarg_x FILE_T file://h/3 OUT",
        "task 1 mod.f col.COLLECTION_T.IN::@value.0.FILE_T.OUT::#kwarg_x.FILE_T.OUT",
    )
    (task,) = found.tasks
    assert [(one.name, one.path) for one in task.accesses] == [
        *(("col", "/0"), ("col", "/1")),
        *(("@value", "/2"), ("#kwarg_x", "/3")),
    ]
    assert task.parameters[1] == TaskParameter("@value.0", "FILE_T", "OUT")


# Statuses


def test_statuses_come_before_after_or_far_after_their_task(log: Path) -> None:
    found = read(
        log,
        *HEAD,
        "task 1 status FAILED",
        "task 1 mod.f n.LONG_T.IN",
        "task 2 mod.f n.LONG_T.IN",
        "task 3 mod.f n.LONG_T.IN",
        "task 2 status CANCELED",
        "task 1 status FINISHED",
    )
    assert {task.id: task.statuses for task in found.tasks} == {1: ["FAILED", "FINISHED"], 2: ["CANCELED"], 3: []}
    assert not found.problems


def test_an_unknown_status_and_a_status_of_no_task_are_named(log: Path) -> None:
    found = read(log, *HEAD, "task 1 mod.f n.LONG_T.IN", "task 1 status ASLEEP", "task 9 status FAILED")
    assert found.tasks[0].statuses == []
    assert [problem.line for problem in found.problems] == [5, 6]
    assert "ASLEEP" in found.problems[0].what
    assert "9" in found.problems[1].what


def test_the_master_tells_that_the_run_failed(log: Path) -> None:
    assert read(log, *HEAD, "master status FAILED", END).has_failed


def test_a_task_that_is_told_twice_loses_no_file(log: Path) -> None:
    found = read(log, *HEAD, "task 1 mod.f n.LONG_T.IN", "file a FILE_T file://h/a IN", "task 1 mod.g a.FILE_T.IN", END)
    assert [task.signature for task in found.tasks] == ["mod.f"]
    assert [access.path for access in found.accesses] == ["/a"]
    assert [problem.line for problem in found.problems] == [6]


# Tasks without parameters: their signature lacks its last letter


def test_a_signature_that_was_cut_is_completed_from_the_statistics(log: Path) -> None:
    found = read(log, *HEAD, "task 5 mod.", f"overall {'mod.f':40} executions 1", END)
    assert (found.tasks[0].id, found.tasks[0].signature, found.tasks[0].parameters) == (5, "mod.f", ())
    assert not found.problems


@pytest.mark.parametrize("known", [[], ["mod.f", "mod.g"]])
def test_a_signature_that_nothing_completes_is_kept_and_named(log: Path, known: list[str]) -> None:
    found = read(log, *HEAD, "task 5 mod.", *(f"overall {one} executions 1" for one in known), END)
    assert found.tasks[0].signature == "mod."
    assert [problem.line for problem in found.problems] == [4]


def test_a_parameter_that_is_no_declaration_is_named(log: Path) -> None:
    found = read(log, *HEAD, "task 1 mod.f a.FILE_T.IN::oops::b.LONG_T.IN", END)
    assert [one.name for one in found.tasks[0].parameters] == ["a", "b"]
    assert [problem.text for problem in found.problems] == ["oops"]


# Paths

PATHS = [
    "/data/with blank/a b.txt",
    "/data/a IN",
    "/data/ IN b",
    "/data/two  blanks  ",
    "/data/a::b#c?d%20e",
    "/data/ñandú/数据.txt",
    "/data/task 5 status FAILED IN",
    "/data/file a FILE_T file://h/x OUT",
    "/data/-n",
    "/data//double",
    "/data/tab\tand\rreturn",
    "/data/not-utf8-\udcff\udcfe",
    "/",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_any_path_is_kept_as_it_was(log: Path, path: str, direction: str) -> None:
    plain = read(log, *OLD_HEAD, f"file://host{path} {direction}", f"dir://{path} {direction}")
    assert plain.accesses == [Access("host", path, False, direction, line=4), Access("", path, True, direction, line=5)]
    typed = read(log, *HEAD, f"file a FILE_T file://host{path} {direction}", "task 1 mod.f a.FILE_T.IN")
    assert typed.tasks[0].accesses == (Access("host", path, False, direction, "a", 4),)
    assert not plain.problems
    assert not typed.problems


def test_the_type_ends_a_parameter_name_with_blanks(log: Path) -> None:
    found = read(log, *HEAD, "file @key my FILE name FILE_T file://h/a b IN", "task 1 mod.f")
    assert [(one.name, one.path) for one in found.tasks[0].accesses] == [("@key my FILE name", "/a b")]


@pytest.mark.parametrize("path", ["/d", "/d d"])
def test_either_the_address_or_the_type_tells_a_directory(log: Path, path: str) -> None:
    found = read(log, *HEAD, f"file a DIRECTORY_T file://h{path} IN", f"file b FILE_T dir://h{path} IN")
    assert [one.is_directory for one in found.accesses] == [True, True]


@pytest.mark.parametrize("line", ["file a FILE_T shared://disk/a IN", "file a FILE_T relative/a IN"])
def test_other_addresses_are_counted_and_named(log: Path, line: str) -> None:
    found = read(log, *HEAD, line, END)
    assert (found.unread, found.accesses) == (1, [])
    assert [(problem.line, problem.text) for problem in found.problems] == [(4, line)]


@pytest.mark.parametrize("typed", [False, True])
def test_a_name_with_a_line_break_is_put_together_when_it_is_there(log: Path, tmp_path: Path, typed: bool) -> None:
    name = tmp_path / "two\nlines"
    name.write_text("x")
    head, address = (HEAD, "file a FILE_T file://h") if typed else (OLD_HEAD, "file://h")
    found = read(log, *head, f"{address}{name} IN", f"{address}{tmp_path}/other OUT", exists=os.path.lexists)
    assert [(one.path, one.line) for one in found.accesses] == [(str(name), 4), (f"{tmp_path}/other", 6)]
    assert (found.unread, found.problems) == (0, [])


def test_a_name_with_a_line_break_that_is_gone_is_counted(log: Path, tmp_path: Path) -> None:
    found = read(log, *OLD_HEAD, f"file://h{tmp_path}/two", "lines IN", "file://h/a IN", exists=os.path.lexists)
    assert [one.path for one in found.accesses] == ["/a"]
    assert found.unread == 2
    assert [problem.line for problem in found.problems] == [4, 5]


def test_a_file_without_direction_is_taken_with_a_doubt_when_it_is_there(log: Path, tmp_path: Path) -> None:
    found = read(log, *OLD_HEAD, f"file://h{tmp_path}", "file://h/gone", "file://h/a OUT", exists=os.path.lexists)
    assert [(one.path, one.direction, bool(one.doubt)) for one in found.accesses] == [
        (str(tmp_path), "IN", True),
        ("/a", "OUT", False),
    ]
    assert found.unread == 1
    assert [problem.line for problem in found.problems] == [4, 5]


# Damaged files


def test_a_log_without_end_line_has_no_end(log: Path) -> None:
    found = read(log, *HEAD, "task 1 mod.f n.LONG_T.IN")
    assert (found.start, found.end, found.problems) == (START_NS, None, [])


@pytest.mark.parametrize(
    "line", ["file a FILE_T file://h/data/in", "file a FILE_T file://h/data/a INO", "file a FI", "ta"]
)
def test_a_last_line_that_is_cut_off_is_counted(log: Path, line: str) -> None:
    found = read(log, *HEAD, "task 1 mod.f n.LONG_T.IN", line, end="", exists=lambda path: True)
    assert (len(found.tasks), found.accesses, found.unread) == (1, [], 1)
    assert {problem.line for problem in found.problems} == {5}


@pytest.mark.parametrize(("head", "address"), [(HEAD, "file a FILE_T file://h/a"), (OLD_HEAD, "file://h/a")])
def test_a_direction_that_may_be_cut_off_is_doubted(log: Path, head: Sequence[str], address: str) -> None:
    found = read(log, *head, f"{address} IN", end="")  # of INOUT, or of IN_DELETE
    (access,) = found.accesses
    assert access.direction == "IN"
    assert access.doubt
    assert [problem.line for problem in found.problems] == [4]


def test_an_end_line_without_line_break_is_whole(log: Path) -> None:
    found = read(log, *HEAD, END, end="")
    assert (found.end, found.problems) == (END_NS, [])


@pytest.mark.parametrize("lines", [HEAD[:1], HEAD[:2], HEAD])
def test_a_log_may_end_in_its_head(log: Path, lines: Sequence[str]) -> None:
    found = read(log, *lines)
    assert (found.version, found.tasks, found.accesses, found.unread) == ("3.4", [], [], 0)


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n"])
def test_an_empty_log_says_so(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    found = provenance_log.read(log)
    assert (found.version, found.tasks, found.accesses) == (None, [], [])
    assert "empty" in found.problems[0].what


def test_line_ends_of_windows_a_byte_order_mark_and_blank_lines(log: Path) -> None:
    lines = [
        *HEAD,
        "",
        "file a FILE_T file://h/a b IN",
        "   ",
        "task 1 mod.f a.FILE_T.IN",
        "task 1 status FINISHED",
        END,
    ]
    log.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode() + b"\r\n")
    found = provenance_log.read(log, exists=never)
    assert (found.version, found.dialect, found.start, found.end) == ("3.4", Dialect.TASKS, START_NS, END_NS)
    assert [one.path for one in found.tasks[0].accesses] == ["/a b"]
    assert found.tasks[0].statuses == ["FINISHED"]
    assert (found.unread, found.problems) == (0, [])


def test_a_log_whose_head_was_cut_off_gives_its_records(log: Path) -> None:
    records = ["file a FILE_T file://h/a IN", "task 1 mod.f a.FILE_T.IN", "task 1 status FINISHED", END]
    for head in ([], ["3.4"], ["3.4", "a.py"]):
        found = read(log, *head, *records)
        assert (found.version, found.dialect) == (head[0] if head else None, Dialect.TASKS)
        assert [(task.id, len(task.accesses), task.statuses) for task in found.tasks] == [(1, 1, ["FINISHED"])]
        assert (found.unread, [problem.line for problem in found.problems]) == (0, [len(head) + 1])


def test_a_value_of_no_task_is_named(log: Path) -> None:
    found = read(log, *HEAD, "parameter n LONG_T 4 5 IN", END)
    assert [problem.text for problem in found.problems] == ["4 5"]


def test_of_many_unread_lines_the_first_are_named_and_all_are_counted(log: Path) -> None:
    found = read(log, *HEAD, *(f"? {number} " + "x" * 300 for number in range(250)), "file a FILE_T file://h/a IN", END)
    assert (found.unread, len(found.problems), len(found.accesses)) == (250, 100, 1)
    assert found.problems[0].line == 4
    assert found.problems[0].text == ("? 0 " + "x" * 300)[:200]


# Not a log


def test_another_file_is_refused_by_name(log: Path) -> None:
    with pytest.raises(JournalError, match=r"dataprovenance\.log is no dataprovenance\.log"):
        read(log, *(f"this is line {number} of a letter" for number in range(50)))


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.log"):
        with pytest.raises(JournalError, match=f"{path} can't be read"):
            provenance_log.read(path)


# Any log

paths = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"])).map(lambda text: "/" + text)
hosts = st.from_regex(r"[a-z0-9.-]{0,12}", fullmatch=True)
names = st.from_regex(r"[#@]?[A-Za-z_][A-Za-z_0-9]{0,9}", fullmatch=True)
directions = st.sampled_from(DIRECTIONS)
signatures = st.from_regex(r"[a-z]{1,6}\.([A-Z][a-z]{1,5}\.)?[a-z]{1,6}", fullmatch=True) | st.from_regex(
    r"[a-z]{1,6}\((FILE_T|OBJECT_T)(,INT_T)?\)[a-z]{1,5}\.[A-Z][a-z]{1,5}", fullmatch=True
)
kinds = st.sampled_from(["FILE_T", "LONG_T", "STRING_64_T", "COLLECTION_T", "DIRECTORY_T"])
values = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


class Told(NamedTuple):
    files: list[tuple[str, str, str, bool, str]]  # name, host, path, whether it is a directory, direction
    values: list[LoggedValue]
    signature: str
    parameters: list[TaskParameter]
    statuses: list[str]
    late: bool  # whether the statuses come at the end


files = st.lists(st.tuples(names, hosts, paths, st.booleans(), directions), max_size=4)
told_tasks = st.builds(
    Told,
    files,
    st.lists(st.builds(LoggedValue, names, kinds, values, directions), max_size=2),
    signatures,
    st.lists(st.builds(TaskParameter, names, kinds, directions), min_size=1, max_size=3),
    st.lists(st.sampled_from(list(STATUSES)), max_size=3),
    st.booleans(),
)
scratch = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@scratch
@given(told=st.lists(told_tasks, max_size=6), rest=files)
def test_any_tasks_are_read_as_they_were_written(log: Path, told: list[Told], rest: list) -> None:
    lines, late, expected = [*HEAD], [], []

    def tell(some: list) -> tuple[Access, ...]:
        found = []
        for name, host, path, is_directory, direction in some:
            kind, scheme = ("DIRECTORY_T", "dir") if is_directory else ("FILE_T", "file")
            lines.append(f"file {name} {kind} {scheme}://{host}{path} {direction}")
            found.append(Access(host, path, is_directory, direction, name, len(lines)))
        return tuple(found)

    for number, one in enumerate(told, 1):
        accesses = tell(one.files)
        lines += [f"parameter {' '.join(value)}" for value in one.values]
        lines.append(f"task {number} {one.signature} " + "::".join(".".join(each) for each in one.parameters))
        expected.append(
            LoggedTask(
                number, one.signature, tuple(one.parameters), accesses, tuple(one.values), one.statuses, len(lines)
            )
        )
        (late if one.late else lines).extend(f"task {number} status {status}" for status in one.statuses)
    left = tell(rest)
    found = read(log, *lines, *late, END)
    assert found.tasks == expected
    assert found.accesses == list(left)
    assert (found.unread, found.problems, found.end) == (0, [], END_NS)


@scratch
@given(told=st.lists(st.tuples(hosts, paths, st.booleans(), directions), max_size=12), is_timed=st.booleans())
def test_any_accesses_are_read_as_they_were_written(log: Path, told: list, is_timed: bool) -> None:
    lines = [*OLD_HEAD, START] if is_timed else [*OLD_HEAD]
    expected = []
    for host, path, is_directory, direction in told:
        lines.append(f"{'dir' if is_directory else 'file'}://{host}{path} {direction}")
        expected.append(Access(host, path, is_directory, direction, line=len(lines)))
    found = read(log, *lines)
    assert found.accesses == expected
    assert (found.unread, found.problems) == (0, [])


pieces = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(
        [
            *("file a FILE_T ", "file://h/a ", "dir://", "IN", "OUT\n", "task 1 ", "task 2 mod.f ", "status FAILED"),
            *("\n", "\n", " ", "a.FILE_T.IN::", "parameter n LONG_T 4 IN\n", "master status FAILED\n", START, "3.4\n"),
            *("overall mod.f maxTime 99999999999\n", "None", "\ufeff", "\r\n", "\0"),
        ]
    ),
)


@scratch
@given(text=st.lists(pieces, max_size=40).map("".join), present=st.booleans())
def test_any_text_is_read_or_refused(log: Path, text: str, present: bool) -> None:
    log.write_text(text, encoding="utf-8", newline="")
    try:
        found = provenance_log.read(log, exists=lambda path: present)
    except JournalError:
        return
    lines = text.count("\n") + (not text.endswith("\n"))
    assert found.unread <= lines
    assert len(found.problems) <= 100
    assert found.unread == 0 or found.problems
    assert all(problem.line is None or 1 <= problem.line <= lines for problem in found.problems)


@scratch
@given(content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(log: Path, content: bytes) -> None:
    log.write_bytes(content)
    with contextlib.suppress(JournalError):
        provenance_log.read(log)


strange = st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"])).map(lambda text: "?" + text)


@scratch
@given(rows=st.lists(strange | st.just("file a FILE_T file://h/a IN"), max_size=60))
def test_every_line_is_read_or_counted(log: Path, rows: list[str]) -> None:
    found = read(log, *HEAD, *rows, "task 1 mod.f a.FILE_T.IN", END)
    numbers = [number for number, row in enumerate(rows, 4) if row.startswith("?")]
    assert found.unread == len(numbers)
    assert [problem.line for problem in found.problems] == numbers
    assert len(found.tasks[0].accesses) == len(rows) - len(numbers)
