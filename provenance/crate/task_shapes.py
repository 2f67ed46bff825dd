"""What of an engine's graph of tasks is drawn: its nodes, tasks of like place together, and the arrows that matter.

Comes in: the Run with its graph. Goes out: :class:`Shapes`. Of several edges between two nodes one arrow is left. An
arrow from the main program (its start, or a point where it waited) is left out where a task also comes after another
one that follows the same point: it says nothing of the order that the other arrows do not say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from provenance.run.model import GraphNode, Run, Status, TaskGraph

TOGETHER = 10  # more tasks of a method that come after the same and before the same are drawn as one block
_MAIN_KINDS = ("main", "sync", "barrier")
_MOST_LABELS = 6

Method = tuple[str, str | None]  # name and colour: an engine may show two methods of the same name


@dataclass(frozen=True, slots=True)
class Shapes:
    """What is to be drawn."""

    blocks: tuple[tuple[GraphNode, ...], ...]  # each of one node, or of many tasks of a method
    arrows: dict[tuple[int, int], str]  # numbers of blocks, and what is known of the arrow
    methods: Counter[Method]  # with the number of their tasks, in order of appearance
    method_of: dict[str, Method]  # by node
    status_of: dict[str, Status]  # by node, where the run tells it
    hidden: int  # arrows from the main program that were left out


def distinct_edges(graph: TaskGraph) -> dict[tuple[str, str], list[str]]:
    """Return the pairs of nodes that have edges, with the first labels of these."""
    known = {node.id for node in graph.nodes}
    pairs: dict[tuple[str, str], list[str]] = {}
    for source, target, label in graph.edges:
        if source == target or source not in known or target not in known:
            continue
        labels = pairs.setdefault((source, target), [])
        if label and len(labels) <= _MOST_LABELS:
            labels.append(label)
    return pairs


def methods_of(run: Run, graph: TaskGraph) -> dict[str, Method]:
    """Return the method of each task of a graph; where the graph does not surely name it, as the run knows it."""
    names = {tool.key: tool.name for tool in run.tools}
    tool_of = {task.key: names.get(task.tool, "") for task in run.tasks}
    found = {}
    for node in graph.nodes:
        if node.kind == "task":
            name = node.label
            if not name or " or " in name:
                name = tool_of.get(f"task-{node.id}") or name or "unknown method"
            found[node.id] = (name, node.color)
    return found


def shapes_of(run: Run, graph: TaskGraph, pairs: dict[tuple[str, str], list[str]]) -> Shapes:
    """Decide what is drawn of a graph; `pairs` as :func:`distinct_edges` gives them."""
    method_of = methods_of(run, graph)
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        before[target].append(source)
    hidden = _implied(graph, before)
    shown = {pair: labels for pair, labels in pairs.items() if pair not in hidden}
    blocks = _blocks(graph, shown, method_of)
    number_of = {node.id: number for number, block in enumerate(blocks) for node in block}
    arrows: dict[tuple[int, int], str] = {}
    for (source, target), labels in shown.items():
        pair = number_of[source], number_of[target]
        if pair not in arrows:
            several = len(blocks[pair[0]]) > 1 or len(blocks[pair[1]]) > 1
            arrows[pair] = "" if several else _told(source, target, labels)
    statuses = {f"task-{node.id}": node.id for node in graph.nodes if node.kind == "task"}
    return Shapes(
        blocks=blocks,
        arrows=arrows,
        methods=Counter(method_of.values()),
        method_of=method_of,
        status_of={statuses[task.key]: task.status for task in run.tasks if task.key in statuses},
        hidden=len(hidden),
    )


def _told(source: str, target: str, labels: list[str]) -> str:
    more = [*labels[:_MOST_LABELS], "…"] if len(labels) > _MOST_LABELS else labels
    return f"{source} → {target}" + (f": {', '.join(more)}" if more else "")


@dataclass(slots=True)
class _Walk:
    """Which points of the main program come before each node, as bits of a number."""

    before: dict[str, list[str]]
    bit_of: dict[str, int]
    known: dict[str, int] = field(default_factory=dict)

    def points_before(self, node: str) -> int:
        """Return the points before `node`; a cycle is cut where it closes."""
        way = [node]
        while way:
            current = way[-1]
            if current not in self.known:
                self.known[current] = 0
                way.extend(source for source in self.before.get(current, ()) if source not in self.known)
                continue
            way.pop()
            points = 0
            for source in self.before.get(current, ()):
                points |= self.known.get(source, 0) | self.bit_of.get(source, 0)
            self.known[current] = points
        return self.known[node]


def _implied(graph: TaskGraph, before: dict[str, list[str]]) -> set[tuple[str, str]]:
    bit_of = {node.id: 1 << place for place, node in enumerate(n for n in graph.nodes if n.kind in _MAIN_KINDS)}
    walk = _Walk(before, bit_of)
    implied = set()
    for target, sources in before.items():
        if len(sources) < 2:
            continue
        for source in sources:
            bit = bit_of.get(source)
            if bit and any(walk.points_before(other) & bit for other in sources if other != source):
                implied.add((source, target))
    return implied


def _blocks(
    graph: TaskGraph, pairs: dict[tuple[str, str], list[str]], method_of: dict[str, Method]
) -> tuple[tuple[GraphNode, ...], ...]:
    before: dict[str, set[str]] = defaultdict(set)
    after: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs:
        before[target].add(source)
        after[source].add(target)
    alike: dict[object, list[GraphNode]] = {}
    for node in graph.nodes:
        key: object = node.id
        if node.kind == "task":
            key = (method_of[node.id], frozenset(before.get(node.id, ())), frozenset(after.get(node.id, ())))
        alike.setdefault(key, []).append(node)
    blocks: list[tuple[GraphNode, ...]] = []
    for nodes in alike.values():
        blocks += [tuple(nodes)] if len(nodes) > TOGETHER else [(node,) for node in nodes]
    return tuple(blocks)
