"""``diagram.svg``: the tools of a run as boxes in layers, and the data that went between them.

Comes in: the Run. Goes out: SVG text, drawn by hand: layers by the longest way from the start, long
flows led around the boxes, flows that go back dashed.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from provenance.crate.flow import INPUTS, OUTPUTS, Flow, Node, flow_graph, sorted_out
from provenance.crate.svg_text import cut, safe
from provenance.run.model import Run, Tool

_BOX_WIDTH, _BOX_HEIGHT = 224, 56
_GAP, _ROW_GAP, _MARGIN = 44, 78, 32
_BEND_WIDTH = 40  # room beside boxes for a flow that passes a layer
_ROW_LIMIT = 6  # boxes beside each other
_SWEEPS = 6
_TITLE_LIMIT, _LABEL_LIMIT = 25, 26  # characters
_TITLE_HEIGHT = 40
_LABEL_HEIGHT = 14
_LANE = 18  # between flows that go back

_STYLE = """
text{font-family:system-ui,'Segoe UI','DejaVu Sans',Helvetica,Arial,sans-serif;text-anchor:middle;fill:#1b2733}
.heading{font-size:16px;font-weight:600}.title{font-size:14px;font-weight:600}.subtitle{font-size:12px;fill:#51606e}
.failed{fill:#b3261e}.label{font-size:11px;fill:#51606e;paint-order:stroke;stroke:#fff;stroke-width:4px}
.tool{fill:#eef4fb;stroke:#4a78a8;stroke-width:1.4}.broken{fill:#fdeeee;stroke:#b3261e;stroke-width:1.4}
.data{fill:#f3f1e7;stroke:#8c8155;stroke-width:1.4}.flow{fill:none;stroke:#7b8a99;stroke-width:1.5}
.back{stroke-dasharray:5 4}
""".strip()


@dataclass(slots=True)
class _Place:
    """A box, or a bend of a flow that passes its layer; ``x`` is its middle, ``y`` its top."""

    node: Node | None
    layer: int
    x: float = 0.0
    y: float = 0.0
    up: list[_Place] = field(default_factory=list)
    down: list[_Place] = field(default_factory=list)

    @property
    def width(self) -> int:
        return _BOX_WIDTH if self.node else _BEND_WIDTH

    @property
    def top(self) -> tuple[float, float]:
        return self.x, self.y

    @property
    def bottom(self) -> tuple[float, float]:
        return self.x, self.y + _BOX_HEIGHT


def diagram(run: Run, tools: dict[str, Tool]) -> str:
    """Draw the run."""
    nodes, flows = flow_graph(run, tools) if tools else ([Node("run", run.name, "the run as a whole")], [])
    return flow_diagram(run.about.name or run.name, nodes, flows)


def flow_diagram(heading: str, nodes: list[Node], flows: list[Flow]) -> str:
    """Draw nodes and what flows between them."""
    order, back = sorted_out(nodes, flows)
    forward = [flow for flow in flows if flow not in back]
    places, routes = _placed(nodes, order, forward)
    layers = _layers(places, routes)
    width = _arrange(layers)
    right = max(place.x + place.width / 2 for layer in layers for place in layer)
    lanes = right + _LANE * (len(back) + 1)  # where the flows that go back are led up, beside all boxes
    if back:
        width = max(width, lanes + max(_label_width(flow.label) for flow in back))
    height = layers[-1][0].y + _BOX_HEIGHT + _MARGIN
    drawn = [_path([routes_one[0].bottom, *_bends(routes_one), routes_one[-1].top]) for _, routes_one in routes]
    taken = [_Area.of_box(place) for place in places.values()]
    labels = []
    for number, flow in enumerate(back, 1):
        source, target, lane = places[flow.source], places[flow.target], right + _LANE * number
        drawn.append(_back_path(source, target, lane, number))
        x, y = lane + 2 + _label_width(flow.label) / 2, (source.y + target.y + _BOX_HEIGHT) / 2
        while any(_Area.of_label(x, y, flow.label).meets(other) for other in taken):
            y += _LABEL_HEIGHT
        taken.append(_Area.of_label(x, y, flow.label))
        labels.append(_text(x, y + 4, "label", flow.label))
    for flow, route in routes:
        x, y = _label_place(flow, route, taken)
        taken.append(_Area.of_label(x, y, flow.label))
        labels.append(_text(x, y + 4, "label", flow.label))
    boxes = [_box(place) for layer in layers for place in layer if place.node]
    about = "; ".join(f"{cut(node.title, 60)}: {node.subtitle}" for node in nodes)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{safe(f"Workflow diagram of {heading}")}</title>',
            f'<desc id="desc">{safe(about)}</desc>',
            f"<style>{_STYLE}</style>",
            '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path d="M0 0 10 5 0 10z" fill="#7b8a99"/></marker></defs>',
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
            _text(width / 2, _MARGIN - 4, "heading", cut(heading, max(20, int(width / 10)))),
            *drawn,
            *boxes,
            *labels,
            "</svg>\n",
        ]
    )


def _placed(
    nodes: list[Node], order: list[str], forward: list[Flow]
) -> tuple[dict[str, _Place], list[tuple[Flow, list[_Place]]]]:
    """Give each node its layer, at most six boxes in one, and each flow the bends with which it
    passes layers; ``order`` has sources before targets."""
    incoming: dict[str, list[str]] = defaultdict(list)
    for flow in forward:
        incoming[flow.target].append(flow.source)
    depth: dict[str, int] = {}
    for key in order:
        # Below the inputs, also what reads none of them, and so all that follows from it.
        least = 0 if key == INPUTS or INPUTS not in order else 1
        depth[key] = max((depth[source] + 1 for source in incoming[key]), default=least)
        depth[key] = max(depth[key], least)
    if OUTPUTS in depth:
        depth[OUTPUTS] = max(level + (key != OUTPUTS) for key, level in depth.items())
    by_depth: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        by_depth[depth[node.key]].append(node)
    places: dict[str, _Place] = {}
    layer = 0
    for level in sorted(by_depth):
        members = by_depth[level]
        rows = -(-len(members) // _ROW_LIMIT)
        per_row = -(-len(members) // rows)
        for start in range(0, len(members), per_row):
            for node in members[start : start + per_row]:
                places[node.key] = _Place(node, layer)
            layer += 1
    routes = []
    for flow in forward:
        source, target = places[flow.source], places[flow.target]
        bends = [_Place(None, number) for number in range(source.layer + 1, target.layer)]
        route = [source, *bends, target]
        for above, below in pairwise(route):
            above.down.append(below)
            below.up.append(above)
        routes.append((flow, route))
    return places, routes


def _layers(places: dict[str, _Place], routes: list[tuple[Flow, list[_Place]]]) -> list[list[_Place]]:
    layers: dict[int, list[_Place]] = defaultdict(list)
    for place in places.values():
        layers[place.layer].append(place)
    for _, route in routes:
        for bend in route[1:-1]:
            layers[bend.layer].append(bend)
    return [layers[number] for number in sorted(layers)]


def _arrange(layers: list[list[_Place]]) -> float:
    """Order each layer by the middle of its neighbours, back and forth, and give places; returns
    the width."""
    widest = max(sum(p.width for p in layer) + _GAP * (len(layer) - 1) for layer in layers)
    width = max(widest + 2 * _MARGIN, 360)
    for number, layer in enumerate(layers):
        _spread(layer, width)
        for place in layer:
            place.y = _MARGIN + _TITLE_HEIGHT + number * (_BOX_HEIGHT + _ROW_GAP)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            layer.sort(key=lambda place: _middle(place.up if downwards else place.down, place.x))
            _spread(layer, width)
    return width


def _middle(neighbours: list[_Place], otherwise: float) -> float:
    return sum(place.x for place in neighbours) / len(neighbours) if neighbours else otherwise


def _spread(layer: list[_Place], width: float) -> None:
    x = (width - sum(place.width for place in layer) - _GAP * (len(layer) - 1)) / 2
    for place in layer:
        place.x = x + place.width / 2
        x += place.width + _GAP


def _bends(route: list[_Place]) -> list[tuple[float, float]]:
    return [point for bend in route[1:-1] for point in (bend.top, bend.bottom)]


def _path(points: list[tuple[float, float]]) -> str:
    parts = [f"M{points[0][0]:.0f} {points[0][1]:.0f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        if x1 == x2:
            parts.append(f"L{x2:.0f} {y2:.0f}")
        else:
            middle = (y1 + y2) / 2
            parts.append(f"C{x1:.0f} {middle:.0f} {x2:.0f} {middle:.0f} {x2:.0f} {y2:.0f}")
    return f'<path class="flow" d="{"".join(parts)}" marker-end="url(#arrow)"/>'


def _back_path(source: _Place, target: _Place, lane: float, number: int) -> str:
    """Lead a flow that goes back out below its source, up beside all boxes, and in above its target."""
    off = _BOX_WIDTH / 4
    x1, y1 = source.x + off, source.y + _BOX_HEIGHT
    x2, y2 = target.x + off, target.y
    low, high = y1 + 12 + 3 * (number % 5), y2 - 16 - 3 * (number % 5)
    curve = (
        f"M{x1:.0f} {y1:.0f}Q{x1:.0f} {low:.0f} {x1 + 12:.0f} {low:.0f}H{lane - 12:.0f}"
        f"Q{lane:.0f} {low:.0f} {lane:.0f} {low - 12:.0f}V{high + 12:.0f}"
        f"Q{lane:.0f} {high:.0f} {lane - 12:.0f} {high:.0f}H{x2 + 12:.0f}Q{x2:.0f} {high:.0f} {x2:.0f} {y2:.0f}"
    )
    return f'<path class="flow back" d="{curve}" marker-end="url(#arrow)"/>'


@dataclass(frozen=True, slots=True)
class _Area:
    """A part of the picture that is taken, by its edges."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of_box(cls, place: _Place) -> _Area:
        half = _BOX_WIDTH / 2
        return cls(place.x - half, place.y, place.x + half, place.y + _BOX_HEIGHT)

    @classmethod
    def of_label(cls, x: float, y: float, label: str) -> _Area:
        half = _label_width(label) / 2
        return cls(x - half, y - _LABEL_HEIGHT / 2, x + half, y + _LABEL_HEIGHT / 2)

    def meets(self, other: _Area) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def _label_width(label: str) -> float:
    return 6.4 * len(label) + 4


def _label_place(flow: Flow, route: list[_Place], taken: list[_Area]) -> tuple[float, float]:
    """Find a place on the flow's line where its label meets no box and no other label.

    Near the target when many flows leave the source, else near the source: there the lines are apart.
    """
    if len(route[0].down) > len(route[-1].up):
        curves, shares = list(pairwise(route))[::-1], (0.68, 0.5, 0.8, 0.36, 0.25)
    else:
        curves, shares = list(pairwise(route)), (0.36, 0.5, 0.68, 0.25, 0.8)
    places = [_on_curve(above.bottom, below.top, share) for above, below in curves for share in shares]
    places += [(bend.x, bend.y + _BOX_HEIGHT / 2) for bend in route[1:-1]]
    for x, y in places:
        area = _Area.of_label(x, y, flow.label)
        if not any(area.meets(other) for other in taken):
            return x, y
    return places[0]


def _on_curve(start: tuple[float, float], end: tuple[float, float], t: float) -> tuple[float, float]:
    """The point at ``t`` of the curve that :func:`_path` draws, which leaves and arrives upright."""
    (x1, y1), (x2, y2) = start, end
    middle = (y1 + y2) / 2
    return x1 + (x2 - x1) * t * t * (3 - 2 * t), y1 * (1 - t) ** 3 + 3 * middle * t * (1 - t) + y2 * t**3


def _box(place: _Place) -> str:
    node = place.node
    assert node is not None
    kind = "data" if node.is_data else "broken" if node.has_failures else "tool"
    radius = _BOX_HEIGHT / 2 if node.is_data else 8
    x, y = place.x - _BOX_WIDTH / 2, place.y
    tone = "subtitle failed" if node.has_failures else "subtitle"
    return (
        f"<g><title>{safe(node.title)}</title>"
        f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="{radius:.0f}"/>'
        + _text(place.x, y + 24, "title", cut(node.title, _TITLE_LIMIT))
        + _text(place.x, y + 42, tone, cut(node.subtitle, _LABEL_LIMIT + 6))
        + "</g>"
    )


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{safe(text)}</text>'
