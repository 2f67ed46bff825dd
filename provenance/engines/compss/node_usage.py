"""``resource_profiling_<host>.csv`` -> what each node used as a whole, and over time.

In: the files of COMPSs' profiler (from 3.4 on) and the start of the run. Out: a :class:`NodeUsage` a node. Processor
and memory are percents of the node, bytes are per interval. Times are local without a zone: the zone is taken from
the start of the run, of which the profiler's first sample is taken within minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from provenance.engines.compss.records import NodeUsage, Problem
from provenance.engines.compss.timestamps import MINUTE, wall_clock
from provenance.run.model import Series

_PREFIX = "resource_profiling_"
_MASTER = "-MASTER"
_NONE = ("", "None", "nan")
_MOST_NAMED = 100
_STEP = 15 * MINUTE  # of the offsets of time zones
_LEAST_OFFSET, _MOST_OFFSET = -12 * 60 * MINUTE, 14 * 60 * MINUTE
_LATEST_FIRST = 5 * MINUTE
_HOUR = 60 * MINUTE
_NOT_PLACED = "its local times can't be brought to UTC, so there is no curve of it"


@dataclass(slots=True)
class _Columns:
    """The values of one file; times are what the node's clock showed."""

    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    samples: list[tuple[int, float, float]] = field(default_factory=list)
    rows: int = 0


def read(paths: Iterable[Path], start: int | None) -> tuple[list[NodeUsage], list[Problem]]:
    """Read what the nodes used.

    Parameters
    ----------
    start
        Of the run; ns since the epoch. Without it there are no series.
    """
    problems: list[Problem] = []
    found: list[tuple[Path, _Columns]] = []
    for path in paths:
        try:
            with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
                columns = _columns(str(path), lines, problems)
        except OSError as error:
            problems.append(Problem(str(path), None, f"it can't be read: {error.strerror}"))
            continue
        if columns.rows:
            found.append((path, columns))
        else:
            problems.append(Problem(str(path), None, "it has no samples"))
    firsts = [columns.samples[0][0] for _, columns in found if columns.samples]
    offset = _offset(min(firsts), start) if firsts and start is not None else None
    nodes = []
    for path, columns in found:
        node = _node(path, columns)
        times = _times(columns, offset, start)
        if times is not None:
            node = replace(node, series=_series(node.host, times, columns))
        elif columns.samples:
            problems.append(Problem(str(path), None, _NOT_PLACED))
        nodes.append(node)
    return nodes, problems


def _columns(path: str, lines: Iterable[str], problems: list[Problem]) -> _Columns:
    columns = _Columns()
    names: list[str] = []
    unnamed = 0
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split(",")]
        if "CPU" in cells or "MEM" in cells:
            names = [cell.upper() for cell in cells]
        elif cells == [""]:
            continue
        elif not names or len(cells) != len(names) or not _take(columns, dict(zip(names, cells, strict=True))):
            unnamed += 1
            if unnamed <= _MOST_NAMED:
                what = "the sample is incomplete or can't be understood, and was left out"
                problems.append(Problem(path, number, what, line.rstrip("\n")[:200]))
    if unnamed > _MOST_NAMED:
        problems.append(Problem(path, None, f"{unnamed - _MOST_NAMED} more samples can't be understood"))
    return columns


def _take(columns: _Columns, row: dict[str, str]) -> bool:
    """Take one sample; return whether its cells are what they should be."""
    values: dict[str, float | None] = {}
    for name, cell in row.items():
        if name == "TIME":
            continue
        value = _number(cell)
        if value is None and cell not in _NONE:
            return False
        values[name] = value
    time = wall_clock(row.get("TIME", ""))
    if time is None:
        return False
    columns.rows += 1
    cpu, memory = values.get("CPU"), values.get("MEM")
    if cpu is not None:
        columns.cpu.append(cpu)
    if memory is not None:
        columns.memory.append(memory)
    if cpu is not None and memory is not None:
        columns.samples.append((time, cpu, memory))
    for name in ("BYTE_SENT", "BYTE_RECV", "BYTE_READ_DISK", "BYTE_WRITE_DISK"):
        value = values.get(name)
        if value is not None:
            columns.totals[name] = columns.totals.get(name, 0) + int(value)
    return True


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _node(path: Path, columns: _Columns) -> NodeUsage:
    name = path.name.removeprefix(_PREFIX).removesuffix(".csv")
    cpu, memory, totals = columns.cpu, columns.memory, columns.totals
    return NodeUsage(
        host=name.removesuffix(_MASTER) or name,
        is_master=name.endswith(_MASTER),
        cpu_average=_average(cpu),
        cpu_most=max(cpu, default=None),
        memory_average=_average(memory),
        memory_least=min(memory, default=None),
        memory_most=max(memory, default=None),
        sent=totals.get("BYTE_SENT"),
        received=totals.get("BYTE_RECV"),
        read=totals.get("BYTE_READ_DISK"),
        written=totals.get("BYTE_WRITE_DISK"),
    )


def _average(values: Sequence[float]) -> float | None:
    return round(math.fsum(values) / len(values), 3) if values else None


def _offset(first: int, start: int) -> int | None:
    """Return the offset of the zone in which the first sample is nearest to the start of the run."""
    offset = round((first - start) / _STEP) * _STEP
    is_zone = _LEAST_OFFSET <= offset <= _MOST_OFFSET
    return offset if is_zone and abs(first - offset - start) <= _LATEST_FIRST else None


def _times(columns: _Columns, offset: int | None, start: int | None) -> list[int] | None:
    """Return the samples' times in UTC; None when they can't be told.

    Clocks that are put back at the end of summer time show an hour twice.
    """
    if offset is None or start is None or not columns.samples:
        return None
    times: list[int] = []
    for shown, _, _ in columns.samples:
        time = shown - offset
        if times and time < times[-1]:
            offset -= _HOUR
            time += _HOUR
            if time < times[-1] or time - times[-1] > _HOUR // 4:
                return None
        times.append(time)
    return times if times[0] >= start - _LATEST_FIRST else None


def _series(host: str, times: Sequence[int], columns: _Columns) -> Series:
    return Series(
        host,
        tuple(times),
        tuple(cpu for _, cpu, _ in columns.samples),
        tuple(memory for _, _, memory in columns.samples),
        is_share=True,
    )
