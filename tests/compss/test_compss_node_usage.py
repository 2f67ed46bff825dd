"""What the nodes of a COMPSs run used, as its profiler sampled it."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.engines.compss import node_usage

HEADER = "CPU,MEM,BYTE_SENT,BYTE_RECV,BYTE_READ_DISK,BYTE_WRITE_DISK,TIME_READ_DISK,TIME_WRITE_DISK,TIME"
START = 1767952860_500000000  # 2026-01-09T10:01:00.5Z
SECOND = 10**9


def write(folder: Path, text: str, host: str = "n1") -> Path:
    path = folder / f"resource_profiling_{host}.csv"
    path.write_text(text)
    return path


def test_sums_and_curve_of_a_node(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"{HEADER}\n0.5,15.0,100,10,0,20480,0,0,2026-01-09 11:01:03\n1.5,17.0,50,None,7,1,0,0,2026-01-09 11:01:08\n",
        "gs05r2b62-ib0-MASTER",
    )
    (node,), problems = node_usage.read([path], START)
    assert problems == []
    assert (node.host, node.is_master) == ("gs05r2b62-ib0", True)
    assert (node.cpu_average, node.cpu_most) == (1.0, 1.5)
    assert (node.memory_average, node.memory_least, node.memory_most) == (16.0, 15.0, 17.0)
    assert (node.sent, node.received, node.read, node.written) == (150, 10, 7, 20481)
    assert node.series is not None
    assert node.series.is_share
    assert [(time - START) / SECOND for time in node.series.times] == [2.5, 7.5]
    assert node.series.cpu == (0.5, 1.5)


@pytest.mark.parametrize("offset", [-12 * 60, -3 * 60 - 30, 0, 60, 5 * 60 + 45, 14 * 60])
@pytest.mark.parametrize("delay", [-120, 0, 240])
def test_any_time_zone_is_found(tmp_path: Path, offset: int, delay: int) -> None:
    shown = START // SECOND + offset * 60 + delay
    day, second = divmod(shown, 86400)
    assert day - 20462 in (-1, 0, 1)
    stamp = f"2026-01-{9 + day - 20462:02} {second // 3600:02}:{second % 3600 // 60:02}:{second % 60:02}"
    (node,), problems = node_usage.read([write(tmp_path, f"{HEADER}\n1,2,3,4,5,6,7,8,{stamp}\n")], START)
    assert problems == []
    assert node.series is not None
    assert node.series.times == ((START // SECOND + delay) * SECOND,)


def test_without_a_start_or_far_from_it_there_is_no_curve(tmp_path: Path) -> None:
    path = write(tmp_path, f"{HEADER}\n1,2,3,4,5,6,7,8,2026-01-09 11:08:30\n")
    for start in (START, None):
        (node,), problems = node_usage.read([path], start)
        assert node.series is None
        assert node.sent == 3
        assert "UTC" in problems[0].what


def test_a_node_that_came_later_has_the_zone_of_the_first(tmp_path: Path) -> None:
    early = write(tmp_path, f"{HEADER}\n1,2,3,4,5,6,7,8,2026-01-09 11:01:03\n", "a")
    late = write(tmp_path, f"{HEADER}\n1,2,3,4,5,6,7,8,2026-01-09 11:16:03\n", "b")
    nodes, problems = node_usage.read([late, early], START)
    assert problems == []
    assert [node.series and (node.series.times[0] - START) / SECOND for node in nodes] == [902.5, 2.5]


def test_the_end_of_summer_time_shows_an_hour_twice(tmp_path: Path) -> None:
    rows = "".join(f"1,2,3,4,5,6,7,8,2026-10-25 {t}\n" for t in ("02:59:50", "02:59:55", "02:00:00", "02:00:05"))
    start = 1792889985 * SECOND  # 2026-10-25T00:59:45Z
    (node,), problems = node_usage.read([write(tmp_path, f"{HEADER}\n{rows}")], start)
    assert problems == []
    assert node.series is not None
    assert [(time - start) // SECOND for time in node.series.times] == [5, 10, 15, 20]


def test_a_clock_that_was_set_back_gives_no_curve(tmp_path: Path) -> None:
    rows = "".join(f"1,2,3,4,5,6,7,8,2026-01-09 11:{t}\n" for t in ("01:03", "01:08", "00:20"))
    (node,), problems = node_usage.read([write(tmp_path, f"{HEADER}\n{rows}")], START)
    assert node.series is None
    assert len(problems) == 1


def test_columns_in_another_order_missing_counters_and_a_cut_last_line(tmp_path: Path) -> None:
    path = write(tmp_path, "TIME,MEM,CPU\n2026-01-09 10:01:03,15.0,None\n2026-01-09 10:01:08,16.0,3\n2026-01-09 10")
    (node,), problems = node_usage.read([path], START)
    assert (node.cpu_average, node.memory_average, node.sent) == (3.0, 15.5, None)
    assert node.series is not None
    assert len(node.series.times) == 1
    assert [(problem.line, problem.text) for problem in problems] == [(4, "2026-01-09 10")]


def test_files_without_samples_are_problems(tmp_path: Path) -> None:
    paths = [write(tmp_path, "", "a"), write(tmp_path, "Empty file", "b"), write(tmp_path, HEADER, "c")]
    nodes, problems = node_usage.read([*paths, tmp_path / "gone.csv"], START)
    assert nodes == []
    assert {problem.file for problem in problems} == {str(path) for path in [*paths, tmp_path / "gone.csv"]}
