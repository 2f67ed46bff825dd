"""What goes between the methods of an engine's graph: the graph folded, one node a method, for graphs of any size.

Comes in: the Run with its graph. Goes out: nodes in order of appearance and flows with the number of their edges, as
:mod:`.diagram` draws them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from provenance.crate.flow import Flow, Node
from provenance.crate.task_shapes import methods_of
from provenance.run.model import Run, Status, TaskGraph

_METHODS_LIMIT = 30  # more are shown as one node
_MAIN, _WAITS, _STREAMS, _MORE = "main", "waits", "streams", "more"
_POINTS = ("sync", "barrier")


@dataclass(frozen=True, slots=True)
class Dependencies(Flow):
    """So many tasks of one method wait for tasks of another; ``files`` is the number of edges."""

    @property
    def label(self) -> str:
        """Say how many, e.g. ``12 edges``."""
        return _counted(self.files, "edge")


def folded(run: Run, graph: TaskGraph) -> tuple[list[Node], list[Flow]]:
    """Fold a graph by method.

    The points at which the main program waited are one node: it starts tasks above, and waits for them below.
    """
    method_of = methods_of(run, graph)
    shown = list(dict.fromkeys(method_of.values()))
    hidden = set(shown[_METHODS_LIMIT:]) if len(shown) > _METHODS_LIMIT + 1 else set()
    key_of = {method: _MORE if method in hidden else f"method {number}" for number, method in enumerate(shown)}
    place: dict[str, str] = {}
    for node in graph.nodes:
        method = method_of.get(node.id)
        place[node.id] = key_of[method] if method else _STREAMS if node.kind == "stream" else _MAIN
    edges = Counter((place.get(source), place.get(target)) for source, target, _ in graph.edges)
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for (source, target), count in edges.items():
        if source is not None and target is not None and not source == target == _MAIN:
            counts[source, _WAITS if target == _MAIN else target] += count
    flows: list[Flow] = [
        Dependencies(source, target, count, 0) for (source, target), count in counts.items() if source != target
    ]
    ends = {end for flow in flows for end in (flow.source, flow.target)}
    nodes = _method_nodes(run, graph, place, {a for a, b in counts if a == b}, len(hidden))
    points = Counter(node.kind for node in graph.nodes)
    if _MAIN in ends:
        nodes.insert(0, Node(_MAIN, "Main program", "starts tasks", is_data=True))
    if points["stream"]:
        nodes.append(Node(_STREAMS, "Streams", _counted(points["stream"], "stream"), is_data=True))
    if _WAITS in ends:
        waits = sum(points[kind] for kind in _POINTS)
        nodes.append(Node(_WAITS, "Main program", f"waits {_counted(waits, 'time')}", is_data=True))
    return nodes, flows


def _method_nodes(run: Run, graph: TaskGraph, place: dict[str, str], loops: set[str], hidden: int) -> list[Node]:
    counts = Counter(place[node.id] for node in graph.nodes if node.kind == "task")
    titles = {place[node]: name for node, (name, _) in methods_of(run, graph).items()}
    failed_tasks = {task.key for task in run.tasks if task.status is Status.FAILED}
    failed: Counter[str] = Counter()
    if failed_tasks:
        failed.update(place[node.id] for node in graph.nodes if f"task-{node.id}" in failed_tasks)
    nodes = []
    for key, count in counts.items():
        parts = [_counted(count, "task")]
        if failed[key]:
            parts.append(f"{failed[key]} failed")
        if key in loops:
            parts.append("feeds itself")
        title = f"{hidden} more methods" if key == _MORE else titles[key]
        nodes.append(Node(key, title, " · ".join(parts), has_failures=bool(failed[key])))
    return nodes


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
