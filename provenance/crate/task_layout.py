"""Where the parts of a graph stand when it is drawn from above to below, and which way its arrows take.

Comes in: the size of each part and the arrows between them, by number. Goes out: a :class:`Layout`, or None for a graph
that would be too wide or too deep to be looked at. Parts stand in layers by the longest way from the start (Sugiyama,
Tagawa and Toda 1981), ordered by the barycentre of their neighbours; in a layer each stands as near to its neighbours
as there is room (pool adjacent violators), and arrows pass layers between the parts.
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDEST, DEEPEST = 6_000, 9_600  # pixels: some 115 tasks beside each other, or 135 behind each other
_MOST_BENDS = 12_000
_GAP, _BEND_GAP = 12, 7
_BEND_WIDTH = 4
_LAYER_GAP, _MOST_LAYER_GAP = 38, 170
_SWEEPS, _SHIFTS = 8, 10

Point = tuple[float, float]
Arrow = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """Places from (0, 0), right and down."""

    width: float
    height: float
    places: tuple[Point, ...]  # of each part: the middle of its upper side
    routes: tuple[tuple[Point, ...], ...]  # of each arrow


def laid_out(sizes: Sequence[tuple[float, float]], arrows: Sequence[Arrow]) -> Layout | None:
    """Lay a graph out.

    Parameters
    ----------
    sizes
        Width and height of each part.
    arrows
        Numbers of source and target, each pair once, no part to itself. Cycles are allowed.
    """
    drawing = _Drawing(sizes, arrows)
    if drawing.is_too_large():
        return None
    drawing.order()
    drawing.shift()
    layout = drawing.layout()
    return layout if layout.width <= WIDEST and layout.height <= DEEPEST else None


class _Drawing:
    """Parts and bends, by number: a bend is where an arrow passes a layer."""

    def __init__(self, sizes: Sequence[tuple[float, float]], arrows: Sequence[Arrow]):
        self._sizes = sizes
        self._widths = [width for width, _ in sizes]
        rank = _ranks(len(sizes), arrows)
        self._is_upwards = [rank[source] > rank[target] for source, target in arrows]
        downwards = [(b, a) if up else (a, b) for (a, b), up in zip(arrows, self._is_upwards, strict=True)]
        self._depths = _depths(rank, downwards)
        self._x: list[float] = []
        self._layers: list[list[int]] = [[] for _ in range(max(self._depths, default=0) + 1)]
        self._ways: list[list[int]] = []
        bends = sum(self._depths[b] - self._depths[a] - 1 for a, b in downwards)
        self._is_tangled = bends > _MOST_BENDS
        if self._is_tangled:
            return
        self._connect(downwards)

    def _connect(self, downwards: list[Arrow]) -> None:
        depths, widths = self._depths, self._widths
        for source, target in downwards:
            first = len(depths)
            depths.extend(range(depths[source] + 1, depths[target]))
            widths.extend([_BEND_WIDTH] * (len(depths) - first))
            self._ways.append([source, *range(first, len(depths)), target])
        self._up: list[list[int]] = [[] for _ in depths]
        self._down: list[list[int]] = [[] for _ in depths]
        for way in self._ways:
            for above, below in pairwise(way):
                self._down[above].append(below)
                self._up[below].append(above)
        seen = [False] * len(depths)
        for start in range(len(self._sizes)):
            if self._up[start]:
                continue
            left = [start]
            while left:
                part = left.pop()
                if not seen[part]:
                    seen[part] = True
                    self._layers[depths[part]].append(part)
                    left.extend(reversed(self._down[part]))
        self._heights = [max((self._height(part) for part in layer), default=0.0) for layer in self._layers]

    def _height(self, part: int) -> float:
        return self._sizes[part][1] if part < len(self._sizes) else 0.0

    def is_too_large(self) -> bool:
        if self._is_tangled:
            return True
        widest = max(sum(self._widths[p] for p in layer) + _BEND_GAP * len(layer) for layer in self._layers)
        return widest > WIDEST or sum(self._heights) + _LAYER_GAP * len(self._layers) > DEEPEST

    def order(self) -> None:
        """Order the parts of each layer, so that few arrows cross."""
        best, fewest = [list(layer) for layer in self._layers], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            layers, near = (self._layers, self._up) if sweep % 2 == 0 else (self._layers[::-1], self._down)
            position = self._positions()
            for layer in layers:
                middle = {
                    p: sum(position[n] for n in near[p]) / len(near[p]) if near[p] else position[p] for p in layer
                }
                layer.sort(key=middle.__getitem__)
                for place, part in enumerate(layer):
                    position[part] = place / len(layer)
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(layer) for layer in self._layers], crossings
        self._layers = best

    def _positions(self) -> list[float]:
        position = [0.0] * len(self._depths)
        for layer in self._layers:
            for place, part in enumerate(layer):
                position[part] = place / len(layer)
        return position

    def _crossings(self) -> int:
        position = self._positions()
        crossings = 0
        for layer in self._layers:
            ends: list[float] = []
            for part in layer:
                reached = sorted(position[below] for below in self._down[part])
                crossings += sum(len(ends) - bisect(ends, end) for end in reached)
                for end in reached:
                    insort(ends, end)
        return crossings

    def shift(self) -> None:
        """Give each part its place from left to right, near to its neighbours."""
        self._x = [0.0] * len(self._depths)
        for layer in self._layers:
            self._spread(layer, [0.0] * len(layer), [1.0] * len(layer))
        for number in range(_SHIFTS):
            is_last = number >= _SHIFTS - 4
            for layer in self._layers if number % 2 == 0 else self._layers[::-1]:
                wanted, weights = [], []
                for part in layer:
                    up, down = self._up[part], self._down[part]
                    near = up if number % 2 == 0 else down
                    if is_last or not near:  # where several come together, in their middle
                        near = up + down if len(up) == len(down) else max(up, down, key=len)
                    wanted.append(sum(self._x[n] for n in near) / len(near) if near else self._x[part])
                    weights.append(4.0 if part >= len(self._sizes) else 1.0 if near else 0.1)
                self._spread(layer, wanted, weights)

    def _spread(self, layer: list[int], wanted: list[float], weights: list[float]) -> None:
        """Place a layer with the least squares from what is wanted that leave everything its room."""
        offsets = [0.0]
        for one, other in pairwise(layer):
            gap = _GAP if one < len(self._sizes) and other < len(self._sizes) else _BEND_GAP
            offsets.append(offsets[-1] + (self._widths[one] + self._widths[other]) / 2 + gap)
        pools: list[tuple[float, float, int]] = []  # weighted sum, weight, number of parts
        for place, weight, offset in zip(wanted, weights, offsets, strict=True):
            total, heavy, count = (place - offset) * weight, weight, 1
            while pools and pools[-1][0] * heavy > total * pools[-1][1]:
                before = pools.pop()
                total, heavy, count = total + before[0], heavy + before[1], count + before[2]
            pools.append((total, heavy, count))
        number = 0
        for total, heavy, count in pools:
            for _ in range(count):
                self._x[layer[number]] = total / heavy + offsets[number]
                number += 1

    def layout(self) -> Layout:
        x, layers = self._x, self._layers
        left = min(x[p] - self._widths[p] / 2 for layer in layers for p in layer)
        right = max(x[p] + self._widths[p] / 2 for layer in layers for p in layer)
        tops, y = [], 0.0
        for layer, height in zip(layers, self._heights, strict=True):
            tops.append(y)
            reach = max((abs(x[p] - x[below]) for p in layer for below in self._down[p]), default=0.0)
            y += height + min(_MOST_LAYER_GAP, _LAYER_GAP + reach / 9)
            bottom = tops[-1] + height
        places = []
        for part, (_, height) in enumerate(self._sizes):
            depth = self._depths[part]
            places.append((x[part] - left, tops[depth] + (self._heights[depth] - height) / 2))
        routes = []
        for way, is_upwards in zip(self._ways, self._is_upwards, strict=True):
            points: list[Point] = []
            for part in way:
                depth = self._depths[part]
                middle, top = x[part] - left, tops[depth]
                points += ((middle, top), (middle, top + self._heights[depth]))
            source, target = way[0], way[-1]
            points[0] = (places[source][0], places[source][1] + self._sizes[source][1])
            points[-1] = places[target]
            routes.append(tuple(reversed(points)) if is_upwards else tuple(points))
        return Layout(right - left, bottom, tuple(places), tuple(routes))


def _ranks(count: int, arrows: Sequence[Arrow]) -> list[int]:
    """Number the parts so that sources come before targets, but for the arrows that close a cycle."""
    following: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in arrows:
        following[source].append(target)
        waiting[target] += 1
    rank = [-1] * count
    free = [part for part in range(count - 1, -1, -1) if not waiting[part]]
    placed = 0
    rest = iter(range(count))
    while placed < count:
        part = free.pop() if free else next(part for part in rest if rank[part] < 0)
        if rank[part] >= 0:
            continue
        rank[part] = placed
        placed += 1
        for target in following[part]:
            waiting[target] -= 1
            if not waiting[target] and rank[target] < 0:
                free.append(target)
    return rank


def _depths(rank: list[int], downwards: list[Arrow]) -> list[int]:
    """Return the layer of each part: one below the lowest that it comes after; a start is just above what follows."""
    depths = [0] * len(rank)
    highest: dict[int, int] = {}
    waits = {target for _, target in downwards}
    for source, target in sorted(downwards, key=lambda arrow: rank[arrow[0]]):
        depths[target] = max(depths[target], depths[source] + 1)
    for source, target in downwards:
        if source not in waits:
            highest[source] = min(highest.get(source, depths[target]), depths[target])
    for source, below in highest.items():
        depths[source] = below - 1
    return depths
