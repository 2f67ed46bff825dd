"""The graph of tasks that an engine noted, drawn task by task as the engine's users know it.

Comes in: the Run with its graph. Goes out: SVG text, or None when the graph is too large to be looked at. Tasks are
circles with their numbers in the engine's colours, the main program's start and waits red octagons; tasks that did not
end well have a ring. Many tasks of one method at the same place of the graph stand together in a frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

from provenance.crate.svg_text import cut, safe
from provenance.crate.task_layout import Layout, Point, laid_out
from provenance.crate.task_shapes import Shapes, distinct_edges, shapes_of
from provenance.run.model import GraphNode, Run, Status

EDGES_LIMIT = 3_000
_TASKS_LIMIT = 3_000
_RADIUS, _RING, _ROOM = 15, 18, 40  # of a task; of the ring around one; the square that it stands in
_TASK_HEIGHT = 2 * _RADIUS + 2
_POINT_HEIGHT = 34
_FRAME_PAD = 8
_COLUMNS = 40  # most tasks beside each other in a frame
_MARGIN, _HEAD = 28, 40
_ROW = 24  # height of a row of the legend
_LEGEND_NAME, _LEGEND_ENTRIES = 40, 60
_LEAST_WIDTH = 360
_FALLBACK = "#dfe7ef"
_RINGS = {Status.FAILED: "failed", Status.CANCELED: "canceled", Status.RECOVERED: "recovered"}
_WORDS = {Status.FAILED: "failed", Status.CANCELED: "cancelled", Status.RECOVERED: "failed, and the run went on"}

_WAYS = {"way": "#6d7c8b", "main": "#aab6c1"}
_MARKER = (
    '<marker id="{0}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6" markerHeight="6" orient="auto">'
    '<path d="M0 1 10 5 0 9z" fill="{1}"/></marker>'
)
_STYLE = """
text{font-family:system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif}
text{font-size:12px;text-anchor:middle;fill:#1b2733}
.heading{font-size:16px;font-weight:600}.key{text-anchor:start}.note{font-size:11px;fill:#51606e}
.task circle,.swatch{stroke:#36424e;stroke-width:1}.point text{fill:#fff;font-weight:600}.light{fill:#fff}
.point polygon{stroke:#5c0000}.stream rect{fill:#a9a9a9;stroke:#36424e}.frame{fill:#f6f8fa;stroke:#b4bfca}
.way,.main{fill:none;stroke:#6d7c8b;stroke-width:1.3}.main{stroke:#aab6c1}.flowing{stroke-dasharray:5 4}
.task .failed,.failed{fill:none;stroke:#d0021b;stroke-width:3}
.task .canceled,.canceled{fill:none;stroke:#5b6670;stroke-width:2.4;stroke-dasharray:3.5 3}
.task .recovered,.recovered{fill:none;stroke:#e08a00;stroke-width:3;stroke-dasharray:10 3}
""".strip()


def task_diagram(run: Run) -> str | None:
    """Draw the graph of `run`, or return None: without one, without tasks in it, or when it would be too large."""
    graph = run.graph
    if graph is None or not any(node.kind == "task" for node in graph.nodes) or len(graph.nodes) > _TASKS_LIMIT:
        return None
    pairs = distinct_edges(graph)
    if len(pairs) > EDGES_LIMIT:
        return None
    shapes = shapes_of(run, graph, pairs)
    layout = laid_out([_size(block) for block in shapes.blocks], list(shapes.arrows))
    return None if layout is None else _Picture(run, shapes, layout).text()


def _size(block: tuple[GraphNode, ...]) -> tuple[float, float]:
    if len(block) > 1:
        columns = _columns(len(block))
        rows = -(-len(block) // columns)
        return columns * _ROOM + 2 * _FRAME_PAD, rows * _ROOM + 2 * _FRAME_PAD
    node = block[0]
    if node.kind == "task":
        return _ROOM, _TASK_HEIGHT
    return max(56.0, 7.6 * len(_shown(node)) + 24), _POINT_HEIGHT


def _columns(count: int) -> int:
    return min(_COLUMNS, max(10, math.ceil(math.sqrt(3 * count))))


def _shown(node: GraphNode) -> str:
    return cut(node.label or node.id, 24)


class _Picture:
    """Puts the parts of one drawing together."""

    def __init__(self, run: Run, shapes: Shapes, layout: Layout):
        self._run, self._shapes, self._layout = run, shapes, layout
        self._entries = list(_legend_entries(shapes))
        self._note = ""
        if shapes.hidden:
            arrows = "1 arrow" if shapes.hidden == 1 else f"{shapes.hidden:,} arrows"
            self._note = f"Not drawn, as others lead on from it: {arrows} from the main program"
        widest = max(_entry_width(text) for _, text in self._entries)
        self._width = max(max(layout.width, widest, 6 * len(self._note)) + 2 * _MARGIN, _LEAST_WIDTH)
        self._legend_columns = max(1, min(len(self._entries), 6, int((self._width - 2 * _MARGIN) // widest)))
        rows = -(-len(self._entries) // self._legend_columns)
        self._top = _MARGIN + _HEAD + rows * _ROW + (_ROW if self._note else 6)
        self._left = (self._width - layout.width) / 2

    def text(self) -> str:
        width, height = self._width, self._top + self._layout.height + _MARGIN
        heading = self._run.about.name or self._run.name
        about = "; ".join(text for _, text in self._entries)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
                f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="title desc">',
                f'<title id="title">{safe(f"Graph of the tasks of {heading}")}</title>',
                f'<desc id="desc">{safe(about)}</desc>',
                f"<style>{_STYLE}</style>",
                "<defs>",
                *(_MARKER.format(name, color) for name, color in _WAYS.items()),
                "</defs>",
                f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
                f'<text class="heading" x="{width / 2:.0f}" y="{_MARGIN + 4}">'
                f"{safe(cut(heading, max(20, int(width / 10))))}</text>",
                *self._legend(),
                f'<g transform="translate({self._left:.1f} {self._top:.1f})">',
                *self._ways(),
                *self._blocks(),
                "</g>",
                "</svg>\n",
            ]
        )

    def _legend(self) -> Iterator[str]:
        columns = self._legend_columns
        pitch = max(_entry_width(text) for _, text in self._entries)
        left = (self._width - columns * pitch) / 2
        rows = -(-len(self._entries) // columns)
        for number, (mark, text) in enumerate(self._entries):
            x = left + number // rows * pitch + 10
            y = _MARGIN + _HEAD + number % rows * _ROW
            yield f'<g transform="translate({x:.0f} {y})">{mark}<text class="key" x="16" y="4">{safe(text)}</text></g>'
        if self._note:
            y = _MARGIN + _HEAD + rows * _ROW - 2
            yield f'<text class="note" x="{self._width / 2:.0f}" y="{y}">{self._note}</text>'

    def _ways(self) -> Iterator[str]:
        blocks = self._shapes.blocks
        for (pair, told), route in zip(self._shapes.arrows.items(), self._layout.routes, strict=True):
            kinds = {blocks[end][0].kind for end in pair if len(blocks[end]) == 1} - {"task"}
            kind = "way flowing" if "stream" in kinds else "main" if kinds else "way"
            title = f"<title>{safe(told)}</title>" if told else ""
            head = "main" if kind == "main" else "way"
            yield f'<path class="{kind}" d="{_path(route)}" marker-end="url(#{head})">{title}</path>'

    def _blocks(self) -> Iterator[str]:
        for block, (x, y) in zip(self._shapes.blocks, self._layout.places, strict=True):
            if len(block) == 1:
                yield self._node(block[0], x, y)
                continue
            width, height = _size(block)
            name = self._shapes.method_of[block[0].id][0]
            yield f"<g><title>{safe(f'{len(block):,} tasks of {name}')}</title>"
            yield (
                f'<rect class="frame" x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.0f}" height="{height:.0f}"'
                ' rx="10"/>'
            )
            columns = _columns(len(block))
            for number, node in enumerate(block):
                row, column = divmod(number, columns)
                middle = x - width / 2 + _FRAME_PAD + (column + 0.5) * _ROOM
                yield self._task(node, middle, y + _FRAME_PAD + (row + 0.5) * _ROOM)
            yield "</g>"

    def _node(self, node: GraphNode, x: float, y: float) -> str:
        if node.kind == "task":
            return self._task(node, x, y + _TASK_HEIGHT / 2)
        width, height = _size((node,))
        middle = y + height / 2
        text = f'<text x="{x:.1f}" y="{middle + 4:.1f}">{safe(_shown(node))}</text>'
        if node.kind == "stream":
            box = f'<rect x="{x - width / 2:.1f}" y="{y:.1f}" width="{width:.0f}" height="{height}" rx="8"/>'
            return f'<g class="stream">{box}{text}</g>'
        color = _color(node.color, "#8B0000" if node.kind == "main" else "#d40000")
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in _octagon(x, middle, width / 2, height / 2))
        return (
            f'<g class="point"><title>{safe(node.label)}</title><polygon points="{points}" fill="{color}"/>{text}</g>'
        )

    def _task(self, node: GraphNode, x: float, y: float) -> str:
        color = _color(node.color, _FALLBACK)
        status = self._shapes.status_of.get(node.id)
        title = f"{self._shapes.method_of[node.id][0]} {node.id}"
        ring = ""
        if status in _RINGS:
            title += f": {_WORDS[status]}"
            ring = f'<circle class="{_RINGS[status]}" cx="{x:.1f}" cy="{y:.1f}" r="{_RING}"/>'
        if node.group:
            title += f" (group {cut(node.group, 60)})"
        shown = cut(node.id, 6)
        size = "" if len(shown) <= 3 else f' style="font-size:{36 / len(shown):.0f}px"'
        ink = ' class="light"' if _is_dark(color) else ""
        return (
            f'<g class="task"><title>{safe(title)}</title>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS - (1 if ring else 0)}" fill="{color}"/>{ring}'
            f'<text{ink} x="{x:.1f}" y="{y + 4:.1f}"{size}>{safe(shown)}</text></g>'
        )


def _legend_entries(shapes: Shapes) -> Iterator[tuple[str, str]]:
    for (name, color), count in list(shapes.methods.items())[:_LEGEND_ENTRIES]:
        yield (
            _swatch(_color(color, _FALLBACK)),
            f"{cut(name, _LEGEND_NAME)} · {count:,} task{'' if count == 1 else 's'}",
        )
    more = len(shapes.methods) - _LEGEND_ENTRIES
    if more > 0:
        yield "", f"{more} more methods"
    ended = list(shapes.status_of.values())
    for status, kind in _RINGS.items():
        if status in ended:
            yield f'<circle class="{kind}" r="8"/>', f"{_WORDS[status]} · {ended.count(status):,}"


def _swatch(color: str) -> str:
    return f'<circle class="swatch" r="8" fill="{color}"/>'


def _entry_width(text: str) -> float:
    return 7.0 * len(text) + 44


def _color(given: str | None, otherwise: str) -> str:
    color = given or ""
    is_color = len(color) == 7 and color[0] == "#" and all(digit in "0123456789abcdefABCDEF" for digit in color[1:])
    return color if is_color else otherwise


def _is_dark(color: str) -> bool:
    """Tell whether white is easier to read on `color` than black (relative luminance, WCAG 2)."""
    red, green, blue = (_linear(int(color[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _octagon(x: float, y: float, half_width: float, half_height: float) -> Iterable[Point]:
    corner = half_height * 0.58
    return (
        (x - half_width + corner, y - half_height),
        (x + half_width - corner, y - half_height),
        (x + half_width, y - half_height + corner),
        (x + half_width, y + half_height - corner),
        (x + half_width - corner, y + half_height),
        (x - half_width + corner, y + half_height),
        (x - half_width, y + half_height - corner),
        (x - half_width, y - half_height + corner),
    )


def _path(points: tuple[Point, ...]) -> str:
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        if abs(x1 - x2) < 0.5:
            if y1 != y2:
                parts.append(f"L{x2:.1f} {y2:.1f}")
        else:
            middle = (y1 + y2) / 2
            parts.append(f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
    return "".join(parts)
