"""The graph of tasks that COMPSs draws, from ``monitor/complete_graph.dot``.

In: the file, in the language of Graphviz as the COMPSs runtime writes it: a statement a line, tasks as numbers, colours
that a legend at the end explains. Out: a TaskGraph, nodes and edges in the order of the file, and the problems.

A run that was killed leaves what it had noted beside it, in ``complete_graph.dot.tmp`` and ``complete_legend.dot.tmp``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from provenance.engines.compss.records import Problem
from provenance.run.model import GraphNode, TaskGraph

_MOST_NAMED = 20  # problems that are told one by one
_PLAIN_EDGE = re.compile(r'(\w+) -> (\w+)(?: \[label="(\w+)"\])?;')  # nearly all are so
_EDGE = re.compile(r"(\S+) -> ([^\s\[;]+)\s*((?:\[.*\])?)\s*;?")
_NODE = re.compile(r"([^\s\[;=]+)\s*\[(.*)\]\s*;?")
# Names of groups are written without escapes, so a quotation mark ends a label only where one can end.
_LABEL = re.compile(r'(?<!\w)label="((?:\\.|[^\\])*?)"(?=\s*(?:[,;\]]|\w+=|$))')
_FILL = re.compile(r'fillcolor="(#[0-9A-Fa-f]{6})"')
_LEGEND_ROW = re.compile(r'<td align="right">(.*?)</td>\s*<td bgcolor="(#[0-9A-Fa-f]{6})">', re.DOTALL)
_SUBGRAPH = re.compile(r"subgraph\s*(.*?)\s*\{")
_SETTING = re.compile(r"(\w+)\s*=.*;?")
_DEFAULTS = ("node", "edge", "graph")  # statements that are set for all that follows
_CLUSTERS = ("clusterTasks", "cluster")
_SYNCHRONIZATION, _STREAM = "Synchro", "Stream"
_POINTS = ("main", "sync", "barrier")


def read(path: Path) -> tuple[TaskGraph | None, list[Problem]]:
    """Read a graph; None when it has no nodes or can't be read."""
    reader, problems = _read(path)
    if reader is None:
        return None, problems
    noted = path.with_name(f"{path.name}.tmp")
    if not (reader.is_closed and reader.nodes) and noted.is_file():
        more, _ = _read(noted)
        if more is not None and len(more.nodes) + len(more.edges) > len(reader.nodes) + len(reader.edges):
            more.legend += reader.legend + _noted_legend(path)
            reader, problems = more, more.problems
    if not reader.nodes and not reader.edges:
        what = "the graph is empty: COMPSs noted no task in it"
        return None, [*problems, Problem(str(path), None, what)]
    reader.complete()
    return reader.graph(), reader.problems


def _read(path: Path) -> tuple[_Reader | None, list[Problem]]:
    reader = _Reader(str(path))
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            reader.take(lines)
    except OSError as error:
        return None, [Problem(str(path), None, f"it can't be read: {error.strerror}")]
    return reader, reader.problems


def _noted_legend(path: Path) -> list[str]:
    """Return the legend of a run that did not come to write it into its graph."""
    try:
        text = path.with_name("complete_legend.dot.tmp").read_text("utf-8", "surrogateescape")
    except OSError:  # the graph is told without its legend, which becomes a problem where one is missed
        return []
    return [text]


@dataclass(slots=True)
class _Reader:
    """Takes the lines of one file."""

    path: str
    nodes: dict[str, GraphNode] = field(default_factory=dict)
    edges: list[tuple[str, str, str | None]] = field(default_factory=list)
    legend: list[str] = field(default_factory=list)  # pieces of its text
    problems: list[Problem] = field(default_factory=list)
    is_closed: bool = False
    _groups: list[str | None] = field(default_factory=list)  # that the current line lies in, outermost first
    _looks: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)  # label and colour of attributes
    _unread: int = 0

    def take(self, lines: Iterable[str]) -> None:
        names: dict[str, str] = {}  # each name once in memory
        name_of, plain_edge, take_edge = names.setdefault, _PLAIN_EDGE.fullmatch, self.edges.append
        is_legend = False
        depth = 0
        for number, raw in enumerate(lines, 1):
            line = raw.strip()
            if not line:
                continue
            if is_legend:
                self.legend.append(raw)
                self.is_closed = line == "}"
                continue
            plain = plain_edge(line)
            if plain is not None:
                source, target, label = plain.groups()
                take_edge((name_of(source, source), name_of(target, target), label))
                continue
            # The last statement and the brace that ends the graph share a line.
            closes = line[-1] == "}"
            if closes:
                line = line[:-1].rstrip()
            found = _EDGE.fullmatch(line) if " -> " in line else None
            if found is not None:
                source, target, more = found.groups()
                take_edge((name_of(source, source), name_of(target, target), _label(more)))
            elif line.startswith("subgraph legend"):
                is_legend = True
            elif line.endswith("{"):
                depth += 1
                self._open(line)
            elif line:
                self._statement(line, number)
            if closes:
                depth -= 1
                if self._groups:
                    self._groups.pop()
        self.is_closed = self.is_closed or (depth == 0 and not is_legend and bool(self.edges or self.nodes))

    def _open(self, line: str) -> None:
        found = _SUBGRAPH.fullmatch(line)
        name = found.group(1) if found else ""
        group = self._groups[-1] if self._groups else None
        for prefix in _CLUSTERS:
            if name.startswith(prefix):
                group = name.removeprefix(prefix)
                break
        self._groups.append(group)

    def _statement(self, line: str, number: int) -> None:
        found = _NODE.fullmatch(line)
        if found is not None:
            name, attributes = found.groups()
            if name not in _DEFAULTS:
                self.nodes[name] = self._node(name, attributes)
            return
        setting = _SETTING.fullmatch(line)
        if setting is not None:
            label = _label(line) if line.startswith("label") else None
            if label is not None and self._groups and self._groups[-1] is not None:
                self._groups[-1] = label
            return
        self._unread += 1
        if self._unread <= _MOST_NAMED:
            what = "the statement can't be understood, and was left out of the graph"
            self.problems.append(Problem(self.path, number, what, line[:200]))

    def _node(self, name: str, attributes: str) -> GraphNode:
        look = self._looks.get(attributes)
        if look is None:
            fill = _FILL.search(attributes)
            look = self._looks[attributes] = _label(attributes), fill.group(1) if fill else None
        label, color = look
        kind = _kind(name, label or "")
        shown = label or ("" if kind == "task" else name)
        return GraphNode(name, shown, kind, color, self._groups[-1] if self._groups else None)

    def complete(self) -> None:
        """Add the nodes that only edges name, give the tasks the names of their methods, and say what is missing."""
        if self._unread > _MOST_NAMED:
            what = f"{self._unread - _MOST_NAMED} more statements can't be understood"
            self.problems.append(Problem(self.path, None, what))
        missed = {name for edge in self.edges for name in edge[:2]} - self.nodes.keys()
        for name in sorted(missed, key=_order):
            kind = _kind(name, "main" if name == f"{_SYNCHRONIZATION}0" else "")
            self.nodes[name] = GraphNode(name, {"task": "", "stream": name}.get(kind, kind), kind)
        if missed:
            what = f"nodes that only edges name, so that their methods are not known: {len(missed)}"
            self.problems.append(Problem(self.path, None, what))
        if not self.is_closed:
            what = "it ends before its end: COMPSs did not come to complete it, and later tasks are not in it"
            self.problems.append(Problem(self.path, None, what))
        methods: dict[str, dict[str, None]] = {}
        for method, color in _LEGEND_ROW.findall("".join(self.legend)):
            methods.setdefault(color.lower(), {})[method.strip()] = None
        label_of = {color: " or ".join(names) for color, names in methods.items()}
        unnamed = 0
        for name, node in self.nodes.items():
            if node.kind == "task" and not node.label:
                label = label_of.get((node.color or "").lower(), "")
                unnamed += not label and name not in missed
                self.nodes[name] = GraphNode(name, label, "task", node.color, node.group)
        if unnamed:
            what = f"tasks whose method the legend does not name: {unnamed}"
            self.problems.append(Problem(self.path, None, what))

    def graph(self) -> TaskGraph:
        return TaskGraph(tuple(self.nodes.values()), tuple(self.edges))


def _kind(name: str, label: str) -> str:
    if name.startswith(_SYNCHRONIZATION):
        return label if label in _POINTS else "sync"
    return "stream" if name.startswith(_STREAM) else "task"


def _order(name: str) -> tuple[int, str]:
    return int(name) if name.isascii() and name.isdigit() else 0, name


def _label(attributes: str) -> str | None:
    found = _LABEL.search(attributes)
    return found.group(1).replace('\\"', '"') if found else None
