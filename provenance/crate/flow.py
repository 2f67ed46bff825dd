"""What flows between the tools of a run: the graph that the diagram shows, one node a tool.

Comes in: the Run. Goes out: nodes in order of first start, and flows with the number of files and
values in each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from provenance.run.model import Run, Status, Tool

INPUTS = "inputs"
OUTPUTS = "outputs"
_TOOLS_LIMIT = 30  # more are shown as one node
_MORE = "more"


@dataclass(frozen=True, slots=True)
class Node:
    """A tool, or the inputs or outputs of the whole."""

    key: str
    title: str
    subtitle: str
    is_data: bool = False
    has_failures: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """So many files and values go from one node to another."""

    source: str
    target: str
    files: int
    values: int

    @property
    def label(self) -> str:
        """Say what flows, e.g. ``12 files, 1 value``."""
        parts = [_counted(self.files, "file")] if self.files else []
        return ", ".join([*parts, _counted(self.values, "value")] if self.values else parts)


def flow_graph(run: Run, tools: dict[str, Tool]) -> tuple[list[Node], list[Flow]]:
    """Reduce the tasks of ``run`` to its tools and what went between them."""
    shown = dict(list(tools.items())[:_TOOLS_LIMIT]) if len(tools) > _TOOLS_LIMIT + 1 else tools
    place = {key: (f"tool {key}" if key in shown else _MORE) for key in tools}
    files, values = _flows(run, place)
    loops = {source for source, target in (*files, *values) if source == target}
    flows = [
        Flow(source, target, len(files.get((source, target), ())), values[source, target])
        for source, target in dict.fromkeys((*files, *values))
        if source != target
    ]
    nodes = _tool_nodes(run, shown, place, loops)
    if any(flow.source == INPUTS for flow in flows):
        nodes.insert(0, Node(INPUTS, "Inputs", _counted(len(set(run.inputs)), "file"), is_data=True))
    if any(flow.target == OUTPUTS for flow in flows):
        nodes.append(Node(OUTPUTS, "Outputs", _counted(len(set(run.outputs)), "file"), is_data=True))
    return nodes, flows


def sorted_out(nodes: list[Node], flows: list[Flow]) -> tuple[list[str], list[Flow]]:
    """Tell which flows close a circle, and order the nodes so that all others lead onwards.

    Times don't tell: a tool that gathers may have been started before the one that feeds it.

    Returns
    -------
    tuple
        The keys of the nodes, sources first, and the flows that go back.
    """
    onwards: dict[str, list[Flow]] = defaultdict(list)
    for flow in flows:
        onwards[flow.source].append(flow)
    finished: dict[str, None] = {}
    entered: set[str] = set()
    back = []
    for node in nodes:
        if node.key in entered:
            continue
        entered.add(node.key)
        way = [(node.key, iter(onwards[node.key]))]
        while way:
            key, left = way[-1]
            following = next(left, None)
            if following is None:
                finished[key] = None
                way.pop()
            elif following.target not in entered:
                entered.add(following.target)
                way.append((following.target, iter(onwards[following.target])))
            elif following.target not in finished:
                back.append(following)
    return list(finished)[::-1], back


def _flows(run: Run, place: dict[str, str]) -> tuple[dict[tuple[str, str], set[str]], Counter[tuple[str, str]]]:
    files: dict[tuple[str, str], set[str]] = defaultdict(set)
    values: Counter[tuple[str, str]] = Counter()
    inputs, outputs = set(run.inputs), set(run.outputs)
    where = {}
    for task in run.tasks:
        node = where[task.key] = place[task.tool]
        for key in inputs.intersection(task.inputs):
            files[INPUTS, node].add(key)
        for key in outputs.intersection(task.outputs):
            files[node, OUTPUTS].add(key)
    for edge in run.edges:
        if edge.source in where and edge.target in where:
            between = where[edge.source], where[edge.target]
            if edge.data is not None:
                files[between].add(edge.data)
            else:
                values[between] += 1
    return files, values


def _tool_nodes(run: Run, shown: dict[str, Tool], place: dict[str, str], loops: set[str]) -> list[Node]:
    counts: Counter[str] = Counter(place[task.tool] for task in run.tasks)
    failed: Counter[str] = Counter(place[task.tool] for task in run.tasks if task.status is Status.FAILED)
    titles = {place[key]: tool.name for key, tool in shown.items()}
    hidden = len(place) - len(shown)
    if hidden:
        titles[_MORE] = f"{hidden} more tools"
    nodes = []
    for key, title in titles.items():
        parts = [_counted(counts[key], "task")]
        if failed[key]:
            parts.append(f"{failed[key]} failed")
        if key in loops:
            parts.append("feeds itself")
        nodes.append(Node(key, title, " · ".join(parts), has_failures=bool(failed[key])))
    return nodes


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
