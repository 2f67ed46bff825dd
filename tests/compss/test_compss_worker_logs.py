"""What the workers of a COMPSs run wrote down of its tasks."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.engines.compss import worker_logs
from provenance.engines.compss.records import Execution, Problem, TaskExecutions

START, END = "2026-03-16T10:12:01.123456+0000", "2026-03-16T11:12:01.138456+0100"
START_NS, END_NS = 1773655921123456000, 1773655921138456000


def read(folder: Path, *texts: str) -> tuple[dict[int, TaskExecutions], list[Problem]]:
    paths = []
    for number, text in enumerate(texts):
        paths.append(folder / f"{number}.out")
        paths[-1].write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
    return worker_logs.read(paths)


def content_of(folder: Path, line: str) -> str | None:
    tasks, problems = read(folder, f"{line}\n")
    assert problems == []
    return tasks[1].values["x"].content


def test_times_place_and_values_of_a_task(tmp_path: Path) -> None:
    tasks, problems = read(
        tmp_path,
        f"HOST=n1 TASK=1 STARTTIME={START}\n"
        "HOST=n1 TASK=1 PARAMETER=bsize DIRECTION=0 BASICTYPE=int IS_ARRAY=False CONTENT=4\n"
        "HOST=n1 TASK=1 PARAMETER=c DIRECTION=2 BASICTYPE=numpy.ndarray,float64 IS_ARRAY=True CONTENT=[1. 2.]\n"
        f"HOST=n1 TASK=1 ENDTIME={END}\n"
        "HOST=n1 TASK=1 LOGFILE=/home/u/my jobs/jobs/job7_NEW.err\n",
    )
    assert problems == []
    known = tasks[1]
    assert known.executions == [Execution("n1", START_NS, END_NS)]
    assert known.logs == ["job7_NEW.err"]
    size, c = known.values["bsize"], known.values["c"]
    assert (size.content, size.type, size.element_type, size.direction, size.is_array) == (
        "4",
        "int",
        None,
        "IN",
        False,
    )
    assert (c.content, c.type, c.element_type, c.direction, c.is_array) == (
        "[1. 2.]",
        "numpy.ndarray",
        "float64",
        "INOUT",
        True,
    )


def test_keys_come_in_any_order_and_the_older_name_of_the_type_is_known(tmp_path: Path) -> None:
    tasks, problems = read(
        tmp_path,
        f"STARTTIME={START} TASK=1 HOST=n1\n"
        "TASK=1 CONTENT=two words PYTHONTYPE=str DIRECTION=IN PARAMETER=x HOST=n1 DESCRIPTION=what it is\n",
    )
    assert problems == []
    value = tasks[1].values["x"]
    assert (value.content, value.type, value.direction) == ("two words", "str", "IN")
    assert value.description == "what it is"
    assert tasks[1].executions == [Execution("n1", START_NS, None)]


def test_a_value_that_spans_lines(tmp_path: Path) -> None:
    content = content_of(
        tmp_path,
        "HOST=n TASK=1 PARAMETER=x BASICTYPE=numpy.ndarray CONTENT=[[1 2]\n [3 4]\n\n [5 6]] DIRECTION=0 IS_ARRAY=True",
    )
    assert content == "[[1 2]\n [3 4]\n\n [5 6]]"


def test_content_may_look_like_pairs(tmp_path: Path) -> None:
    fixed = "HOST=n TASK=1 PARAMETER=x DIRECTION=0 BASICTYPE=str IS_ARRAY=False"
    for content in (
        "a TASK=9 b",
        "NAME=x VALUE=y",
        "k=v HOST=elsewhere",
        "see ENDTIME=now",
        "x STARTTIME=2026-03-16T10:12:01Z",
        " two  blanks ",
        "",
    ):
        assert content_of(tmp_path, f"{fixed} CONTENT={content}") == content
    behind = "HOST=n TASK=1 PARAMETER=x CONTENT={} DIRECTION=0 BASICTYPE=str IS_ARRAY=False"
    for content in ("a DIRECTION=1 b", "DIRECTION=2", "is IS_ARRAY=True", "TASK=2 HOST=m"):
        assert content_of(tmp_path, behind.format(content)) == content


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(st.characters(blacklist_characters="\n", blacklist_categories=("Cs",))).filter(
        lambda text: " DESCRIPTION=" not in text
    ),
    more=st.lists(st.sampled_from(["TASK=3", "HOST=x", "DIRECTION=1", "IS_ARRAY=True", "CONTENT=", "A=b", "b"])),
)
def test_any_content_comes_back_when_it_is_last(tmp_path_factory, text: str, more: list[str]) -> None:
    content = " ".join([text, *more])
    line = f"HOST=n TASK=1 PARAMETER=x DIRECTION=0 BASICTYPE=str IS_ARRAY=False CONTENT={content}"
    assert content_of(tmp_path_factory.getbasetemp(), line) == content


def test_a_resubmitted_task_has_several_executions_in_order_of_their_start(tmp_path: Path) -> None:
    later = START.replace("10:12", "10:13")
    tasks, problems = read(
        tmp_path,
        f"HOST=b TASK=1 STARTTIME={later}\nHOST=b TASK=1 PARAMETER=x BASICTYPE=int CONTENT=2\n"
        f"HOST=b TASK=1 ENDTIME={later}\n",
        f"HOST=a TASK=1 STARTTIME={START}\nHOST=a TASK=1 PARAMETER=x BASICTYPE=int CONTENT=1\n"
        "HOST=a TASK=1 PARAMETER=y BASICTYPE=int CONTENT=3\n",
    )
    assert problems == []
    runs = tasks[1].executions
    assert [(run.host, run.start is not None, run.end is not None) for run in runs] == [
        ("a", True, False),
        ("b", True, True),
    ]
    assert {name: value.content for name, value in tasks[1].values.items()} == {"x": "2", "y": "3"}


def test_an_end_without_a_start(tmp_path: Path) -> None:
    tasks, problems = read(tmp_path, f"HOST=a TASK=1 ENDTIME={END}\n")
    assert problems == []
    assert tasks[1].executions == [Execution("a", None, END_NS)]


def test_times_with_any_fraction_and_offset(tmp_path: Path) -> None:
    for fraction in ("", ".1", ".123", ".123456", ".123456789"):
        for zone in ("Z", "+0000", "+00:00", "-0000"):
            tasks, problems = read(tmp_path, f"HOST=a TASK=1 STARTTIME=2026-03-16T10:12:01{fraction}{zone}\n")
            assert problems == []
            digits = int(fraction[1:].ljust(9, "0")) if fraction else 0
            assert tasks[1].executions[0].start == 1773655921000000000 + digits


def test_an_empty_file_stops_nothing(tmp_path: Path) -> None:
    tasks, problems = read(tmp_path, "Empty file", "", f"HOST=a TASK=1 STARTTIME={START}\n")
    assert problems == []
    assert list(tasks) == [1]


def test_a_long_value_is_cut(tmp_path: Path) -> None:
    tasks, _ = read(tmp_path, f"HOST=a TASK=1 PARAMETER=x CONTENT={'y' * 150_000} IS_ARRAY=False\n")
    value = tasks[1].values["x"]
    assert (len(value.content or ""), value.cut_from) == (100_000, 150_000)


def test_lines_that_make_no_sense_are_named_and_counted(tmp_path: Path) -> None:
    bad = "HOST=a TASK=one ENDTIME=x\n" * 70 + "[INFO] hello\n" + f"HOST=a TASK=1 STARTTIME={START}\nstray\n" * 50
    tasks, problems = read(tmp_path, bad)
    assert len(tasks[1].executions) == 50
    assert len(problems) == 101
    assert problems[0].line == 1
    assert "TASK=one" in problems[0].text
    assert problems[-1].what.startswith("21 more lines")


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    tasks, problems = worker_logs.read([tmp_path / "gone.out"])
    assert tasks == {}
    assert problems[0].file == str(tmp_path / "gone.out")


def test_bytes_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    tasks, problems = read(tmp_path, f"HOST=n TASK=1 PARAMETER=x BASICTYPE=str CONTENT=/data/{name}\n")
    assert problems == []
    assert tasks[1].values["x"].content == f"/data/{name}"
