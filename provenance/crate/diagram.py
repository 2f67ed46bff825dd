"""``diagram.svg``: the tools of a run as boxes in layers, and the data that went between them.

Comes in: the Run. Goes out: SVG text, drawn by hand: layers by the longest way from the start, long
flows led around the boxes, flows that go back dashed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from provenance.crate.flow import INPUTS, OUTPUTS, Flow, Node, flow_graph
from provenance.crate.metadata import readable
from provenance.run.model import Run, Tool

_BOX_WIDTH, _BOX_HEIGHT = 224, 56
_GAP, _ROW_GAP, _MARGIN = 44, 78, 32
_BEND_WIDTH = 40  # room beside boxes for a flow that passes a layer
_ROW_LIMIT = 6  # boxes beside each other
_SWEEPS = 6
_TITLE_LIMIT, _LABEL_LIMIT = 25, 26  # characters
_TITLE_HEIGHT = 40
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")

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
    order = {node.key: number for number, node in enumerate(nodes)}
    forward = [flow for flow in flows if order[flow.source] < order[flow.target]]
    back = [flow for flow in flows if order[flow.source] > order[flow.target]]
    places, routes = _placed(nodes, forward)
    layers = _layers(places, routes)
    width = _arrange(layers)
    right = max(place.x + place.width / 2 for layer in layers for place in layer)
    width = max(width, right + _MARGIN + (70 if back else 0))
    height = layers[-1][0].y + _BOX_HEIGHT + _MARGIN
    heading = f"{run.about.name or run.name}"
    drawn = [_path([routes_one[0].bottom, *_bends(routes_one), routes_one[-1].top]) for _, routes_one in routes]
    drawn += [_back_path(places[flow.source], places[flow.target], right) for flow in back]
    labels = [_label(flow, route) for flow, route in routes]
    labels += [_text(right + 24, (places[f.source].y + places[f.target].y) / 2 + 28, "label", f.label) for f in back]
    boxes = [_box(place) for layer in layers for place in layer if place.node]
    about = "; ".join(f"{_cut(node.title, 60)}: {node.subtitle}" for node in nodes)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{_safe(f"Workflow diagram of {heading}")}</title>',
            f'<desc id="desc">{_safe(about)}</desc>',
            f"<style>{_STYLE}</style>",
            '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"'
            ' orient="auto"><path d="M0 0 10 5 0 10z" fill="#7b8a99"/></marker></defs>',
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
            _text(width / 2, _MARGIN - 4, "heading", _cut(heading, max(20, int(width / 10)))),
            *drawn,
            *boxes,
            *labels,
            "</svg>\n",
        ]
    )


def _placed(nodes: list[Node], forward: list[Flow]) -> tuple[dict[str, _Place], list[tuple[Flow, list[_Place]]]]:
    """Give each node its layer, at most six boxes in one, and each flow the bends with which it
    passes layers."""
    depth: dict[str, int] = {}
    incoming: dict[str, list[str]] = defaultdict(list)
    for flow in forward:
        incoming[flow.target].append(flow.source)
    for node in nodes:
        depth[node.key] = max((depth[source] + 1 for source in incoming[node.key]), default=0)
    if any(node.key == INPUTS for node in nodes):
        depth |= {node.key: max(1, depth[node.key]) for node in nodes if node.key != INPUTS}
    by_depth: dict[int, list[Node]] = defaultdict(list)
    last = max(depth.values())
    for node in nodes:
        by_depth[last if node.key == OUTPUTS else depth[node.key]].append(node)
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


def _back_path(source: _Place, target: _Place, right: float) -> str:
    x1, y1 = source.x + _BOX_WIDTH / 2, source.y + _BOX_HEIGHT * 0.7
    x2, y2 = target.x + _BOX_WIDTH / 2, target.y + _BOX_HEIGHT * 0.3
    x = right + 56
    curve = f"M{x1:.0f} {y1:.0f}C{x:.0f} {y1:.0f} {x:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
    return f'<path class="flow back" d="{curve}" marker-end="url(#arrow)"/>'


def _label(flow: Flow, route: list[_Place]) -> str:
    """Write the label near the target when many flows leave the source, else near the source, so
    few labels meet."""
    if len(route[0].down) > len(route[-1].up):
        (x1, y1), (x2, y2), share = route[-2].bottom, route[-1].top, 0.68
    else:
        (x1, y1), (x2, y2), share = route[0].bottom, route[1].top, 0.36
    eased = share * share * (3 - 2 * share)  # the curve leaves and arrives upright
    return _text(x1 + (x2 - x1) * eased, y1 + (y2 - y1) * share + 4, "label", flow.label)


def _box(place: _Place) -> str:
    node = place.node
    assert node is not None
    kind = "data" if node.is_data else "broken" if node.has_failures else "tool"
    radius = _BOX_HEIGHT / 2 if node.is_data else 8
    x, y = place.x - _BOX_WIDTH / 2, place.y
    tone = "subtitle failed" if node.has_failures else "subtitle"
    return (
        f"<g><title>{_safe(node.title)}</title>"
        f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="{radius:.0f}"/>'
        + _text(place.x, y + 24, "title", _cut(node.title, _TITLE_LIMIT))
        + _text(place.x, y + 42, tone, _cut(node.subtitle, _LABEL_LIMIT + 6))
        + "</g>"
    )


def _text(x: float, y: float, kind: str, text: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{_safe(text)}</text>'


def _cut(text: str, limit: int) -> str:
    """Cut the middle out of a long name; the ends of qualified names and file names tell most."""
    text = " ".join(text.split()) or "unnamed"
    if len(text) <= limit:
        return text
    head = limit // 3
    return f"{text[:head]}…{text[len(text) - (limit - head - 1) :]}"


def _safe(text: str) -> str:
    return escape(_NO_XML.sub("�", readable(text)))
