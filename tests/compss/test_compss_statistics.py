"""The statistics of methods: ``App_Profile.json``, and the lines at the end of ``dataprovenance.log``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.engines.compss.records import OVERALL, Statistic
from provenance.engines.compss.statistics import StatisticLines, read_profile
from tests.compss import run_files

durations = st.lists(st.integers(1, 2**31 - 2), min_size=1, max_size=5)
signatures = st.sampled_from(["mod.f", "mod.Class.g", "multiply(FILE_T,INT_T)matmul.files.Matmul"])
hosts = st.sampled_from(["s01r2b24-ib0", "localhost", "n2"])
scratch = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def expected(resource: str, signature: str, times: list[int]) -> Statistic:
    return Statistic(resource, signature, len(times), max(times), sum(times) // len(times), min(times))


def lines(*rows: str) -> list[Statistic]:
    collected = StatisticLines()
    assert all(collected.take(row) for row in rows)
    return collected.statistics()


@scratch
@given(
    per_host=st.dictionaries(hosts, st.dictionaries(signatures, durations)),
    whole=st.dictionaries(signatures, durations),
)
def test_a_profile_is_read_as_it_was_written(tmp_path: Path, per_host: dict, whole: dict) -> None:
    path = tmp_path / "App_Profile.json"
    path.write_text(run_files.profile(per_host, whole), encoding="utf-8")
    told = [expected(host, *one) for host, methods in per_host.items() for one in methods.items()]
    told += [expected(OVERALL, *one) for one in whole.items()]
    assert read_profile(path) == (told, [])


def test_a_method_that_never_ran_has_no_times(tmp_path: Path) -> None:
    path = tmp_path / "App_Profile.json"
    path.write_text(run_files.profile({"h": {"mod.f": []}}, {"mod.f": []}))
    never = (0, None, None, None)
    assert read_profile(path) == ([Statistic("h", "mod.f", *never), Statistic(OVERALL, "mod.f", *never)], [])


def test_a_profile_that_was_indented_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "App_Profile.json"
    text = run_files.profile({"h": {"mod.f": [3, 4]}}, {"mod.f": [3, 4]})
    path.write_text(text)
    once = read_profile(path)
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(json.loads(text), indent=1).encode())
    assert read_profile(path) == once


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]", b"null", b'{"resources": 3}'])
def test_a_damaged_profile_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "App_Profile.json"
    path.write_bytes(content)
    told, problems = read_profile(path)
    assert told == []
    assert [problem.file for problem in problems] == [str(path)]


def test_the_rest_of_a_profile_is_read_when_a_part_is_strange(tmp_path: Path) -> None:
    path = tmp_path / "App_Profile.json"
    good = {"maxTime": 4, "executions": 1, "avgTime": 4, "minTime": 4}
    odd = {"maxTime": "4", "executions": True, "avgTime": None}
    content = {"resources": {"h": 7, "n2": {"implementations": {"f": good, "g": 1, "o": odd}}}, "implementations": {}}
    path.write_text(json.dumps(content))
    told, problems = read_profile(path)
    assert told == [Statistic("n2", "f", 1, 4, 4, 4), Statistic("n2", "o", None, None, None, None)]
    assert [problem.text for problem in problems] == ["h", "n2 g"]


def test_a_profile_that_is_not_there_is_named(tmp_path: Path) -> None:
    told, problems = read_profile(tmp_path / "gone.json")
    assert told == []
    assert problems[0].file.endswith("gone.json")


@given(told=st.dictionaries(st.tuples(hosts | st.just(OVERALL), signatures), durations, max_size=4), order=st.randoms())
def test_lines_in_any_order_give_the_statistics(told: dict, order) -> None:
    rows = [row for (host, method), times in told.items() for row in run_files.statistic_lines(host, method, times)]
    order.shuffle(rows)
    assert sorted(lines(*rows)) == sorted(expected(*key, times) for key, times in told.items())


def test_none_in_a_line_is_not_known() -> None:
    assert lines("h mod.f executions None", "h mod.f maxTime None", "h mod.f avgTime 100", "h mod.f minTime None") == [
        Statistic("h", "mod.f", None, None, None, None)
    ]


def test_times_are_kept_when_the_log_ends_before_the_count() -> None:
    assert lines("h mod.f maxTime 59", "h mod.f avgTime 40") == [Statistic("h", "mod.f", None, 59, 40, None)]


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31), 2**63 - 1, -(2**63)])
def test_the_bounds_of_integers_are_no_durations(value: int) -> None:
    assert lines("h mod.f executions 3", f"h mod.f minTime {value}", "h mod.f maxTime 5") == [
        Statistic("h", "mod.f", 3, 5, None, None)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h mod.f",
        "h mod.f meanTime 4",
        "h mod.f maxTime 4.5",
        "h maxTime 4",
        "h mod.f maxTime 4 ms",
        "h m f maxTime 4",
    ],
)
def test_what_is_no_statistic(text: str) -> None:
    assert not StatisticLines().take(text)
