"""``environment/cpu.svg``, ``memory.svg`` and the like: what a run, or the nodes that it ran on, used over time.

Comes in: the Run with its series. Goes out: SVG text, drawn by hand: at most 300 points a host, each the peak of its
part of the time, readable on light and on dark ground.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from provenance.crate.metadata import readable
from provenance.run.model import Run, Series

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 52, 48
_POINTS = 300
_FEWEST = 3  # samples; less is no course
_MOST_HOSTS = 8
_TITLE_LIMIT = 60  # characters
_COLORS = ("#2f6db3", "#c2571a", "#2f8f5b", "#8a4fb0", "#b3261e", "#7a6a1f", "#1f7f8f", "#a03a78")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_STYLE = """
svg{color-scheme:light dark}text{font:12px system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif;fill:#51606e}
.title{font-size:15px;font-weight:600;fill:#1b2733}.ground{fill:#fff}.grid{stroke:#e1e6eb}.axis{stroke:#7b8a99}
.limit{stroke:#7b8a99;stroke-dasharray:5 4}.x{text-anchor:middle}.y{text-anchor:end}.line{fill:none;stroke-width:1.6}
.area{stroke:none;fill-opacity:.18}
@media(prefers-color-scheme:dark){text{fill:#b4c0cc}.title{fill:#eef2f6}.ground{fill:#151b22}.grid{stroke:#2b3540}
.line,.area{filter:brightness(1.5)}}
""".strip().replace("\n", "")
_SPANS = (  # seconds -> what an axis of time counts in
    (120, 1, "s"),
    (2 * 3600, 60, "min"),
    (3 * 86400, 3600, "h"),
    (math.inf, 86400, "d"),
)
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values from 0 to ``end``, counted in ``unit``; ``step`` apart there is a mark."""

    end: float
    step: float
    unit: float
    name: str

    def marks(self) -> list[tuple[float, str]]:
        count = math.floor(self.end / self.step + 1e-9)
        return [(n * self.step, f"{n * self.step / self.unit:.6g}") for n in range(count + 1)]


def plots(run: Run) -> Iterator[tuple[str, str, str]]:
    """Draw what there are enough samples of: name of the file, title, SVG text."""
    own = [series for series in run.series if not series.is_share]
    nodes = [series for series in run.series if series.is_share]
    limit = run.environment.cpu_limit or run.environment.cpu_count
    drawn = (
        ("cpu", "CPU use over time", _plot(run, own, "CPU", "processors", _cpu, float(limit) if limit else None)),
        ("memory", "Memory use over time", _plot(run, own, "Memory", "", _memory, None)),
        ("node-cpu", "CPU use of the nodes over time", _plot(run, nodes, "CPU of the nodes", "percent", _cpu, None)),
        (
            "node-memory",
            "Memory use of the nodes over time",
            _plot(run, nodes, "Memory of the nodes", "percent", lambda series: series.memory, None),
        ),
    )
    return ((name, title, text) for name, title, text in drawn if text is not None)


def _cpu(series: Series) -> Sequence[float]:
    return series.cpu


def _memory(series: Series) -> Sequence[float]:
    """Return the memory; the last sample, at the end of the run, finds no process: the one before holds on."""
    found = series.memory
    return (*found[:-1], found[-2]) if len(found) > 1 and not found[-1] else found


def _plot(  # noqa: PLR0917
    run: Run,
    series_of_hosts: Sequence[Series],
    what: str,
    unit: str,
    values_of: Callable[[Series], Sequence[float]],
    limit: float | None,
) -> str | None:
    drawable = [series for series in series_of_hosts if len(series.times) >= _FEWEST]
    courses = drawable[:_MOST_HOSTS]
    if not courses:
        return None
    if len(drawable) > len(courses):
        what = f"{what} ({len(courses)} of {len(drawable)} hosts)"
    start = run.start if run.start is not None else min(series.times[0] for series in courses)
    seconds = max((series.times[-1] - start) / 1e9 for series in courses)
    if seconds <= 0:
        return None
    lines = [
        _binned([(max(0.0, (time - start) / 1e9), value) for time, value in zip(each.times, values, strict=True)])
        for each in courses
        for values in [values_of(each)]
    ]
    most = max(value for line in lines for _, value in line)
    if limit is not None and len(courses) == 1 and limit <= 2 * most:
        most = max(most, limit)  # a limit far above would flatten the line
    across, up = _time_axis(seconds), _count_axis(most, unit) if unit else _size_axis(most)
    heading = _NO_XML.sub(" ", readable(f"{what} of {run.about.name or run.name}"))
    heading = heading if len(heading) <= _TITLE_LIMIT else heading[: _TITLE_LIMIT - 1] + "…"
    parts = [*_frame(heading, across, up)]
    if unit and limit is not None and limit <= up.end and len(courses) == 1:
        y = _y(limit, up)
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
    for line, color in zip(lines, _COLORS, strict=False):
        parts += _course(line, color, across, up, is_rate=bool(unit))
    if len(courses) > 1:
        parts += _legend([series.host for series in courses])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img"><title>{escape(heading)}</title><style>{_STYLE}</style>'
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>{"".join(parts)}</svg>\n'
    )


def _binned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the highest point of each part of the time, and the last."""
    if len(points) <= _POINTS:
        return points
    width = points[-1][0] / (_POINTS - 1) or 1.0
    bins: dict[int, tuple[float, float]] = {}
    for time, value in points[:-1]:
        number = int(time / width)
        if number not in bins or value > bins[number][1]:
            bins[number] = (time, value)
    return [*bins.values(), points[-1]][-_POINTS - 1 :]


def _time_axis(seconds: float) -> _Axis:
    for longest, unit, name in _SPANS:
        if seconds < longest:
            return _Axis(seconds, _step(seconds / unit) * unit, unit, f"time since the start ({name})")
    raise AssertionError("unreachable")


def _count_axis(most: float, name: str) -> _Axis:
    step = _step(max(most, 1.0))
    return _Axis(max(math.ceil(max(most, 1.0) / step - 1e-9) * step, step), step, 1.0, name)


def _size_axis(most: float) -> _Axis:
    power = 0
    while most / 1024**power >= 1024 and power < len(_SIZES) - 1:
        power += 1
    unit = 1024.0**power
    step = _step(max(most / unit, 1.0))
    return _Axis(max(1, math.ceil(most / unit / step - 1e-9)) * step * unit, step * unit, unit, _SIZES[power])


def _step(end: float) -> float:
    """Return a round distance that divides 0 to ``end`` into 4 to 10 parts."""
    rough = end / 8
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _x(time: float, across: _Axis) -> str:
    return f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * time / across.end:.1f}"


def _y(value: float, up: _Axis) -> str:
    return f"{_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / up.end:.1f}"


def _frame(heading: str, across: _Axis, up: _Axis) -> list[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = [
        f'<text class="title" x="{_LEFT}" y="24">{escape(heading)}</text>',
        f'<text x="8" y="{_TOP - 12}">{escape(up.name)}</text>',
        f'<text class="x" x="{(_LEFT + right) / 2:g}" y="{_HEIGHT - 8}">{escape(across.name)}</text>',
    ]
    for value, text in up.marks():
        y = _y(value, up)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="y" x="{_LEFT - 8}" y="{float(y) + 4:.1f}">{text}</text>')
    for time, text in across.marks():
        x = _x(time, across)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}"/>')
        parts.append(f'<text class="x" x="{x}" y="{bottom + 20}">{text}</text>')
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    return parts


def _course(line: list[tuple[float, float]], color: str, across: _Axis, up: _Axis, is_rate: bool) -> list[str]:
    points = [(_x(time, across), _y(value, up)) for time, value in line]
    left = points[0][0]
    if is_rate:  # a mean over the time since the point before
        left = f"{_LEFT}"
        path = f"M{left} {points[0][1]}" + "V".join(["", *(f"{y}H{x}" for x, y in points)])
    else:
        path = "M" + "L".join(f"{x} {y}" for x, y in points)
    area = f"{path}V{_HEIGHT - _BOTTOM}H{left}Z"
    return [
        f'<path class="area" fill="{color}" d="{area}"/>',
        f'<path class="line" stroke="{color}" d="{path}"/>',
    ]


def _legend(hosts: list[str]) -> list[str]:
    room = (_WIDTH - _LEFT - _RIGHT - 40) / len(hosts)
    names = [escape(_NO_XML.sub(" ", readable(host))[:14]) for host in hosts]
    return [
        f'<text x="{_LEFT + 40 + room * n:.0f}" y="{_TOP - 12}" style="fill:{color}">{name}</text>'
        for n, (name, color) in enumerate(zip(names, _COLORS, strict=False))
    ]
