"""``diagram.svg``: which drawing of a run a crate gets.

Comes in: the Run and its tools. Goes out: an SVG, and why it is not that of the engine where there is one. The engine's
own drawing is the first choice, then the engine's graph drawn task by task, then the tools, or methods, of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from provenance.crate.diagram import diagram, flow_diagram
from provenance.crate.engine_drawing import UnfitDrawingError, drawing_of
from provenance.crate.graph_flow import folded
from provenance.crate.task_diagram import task_diagram
from provenance.run.model import Run, Tool


class Drawing(NamedTuple):
    """A diagram of a run."""

    content: bytes
    missing: tuple[str, ...] = ()  # what could not be taken into it, for people


def draw(run: Run, tools: dict[str, Tool]) -> Drawing:
    """Draw a run, or take what its engine drew of it.

    Parameters
    ----------
    tools
        That the crate describes, as :func:`~provenance.crate.diagram.diagram` takes them.
    """
    missing: tuple[str, ...] = ()
    if run.drawing is not None:
        try:
            return Drawing(drawing_of(Path(run.drawing)))
        except UnfitDrawingError as unfit:
            missing = (f"The engine's drawing of its graph: {unfit}, so wfprov drew one ({run.drawing})",)
    return Drawing(_drawn(run, tools).encode("utf-8", "backslashreplace"), missing)


def _drawn(run: Run, tools: dict[str, Tool]) -> str:
    by_task = task_diagram(run)
    if by_task is not None:
        return by_task
    has_graph = run.graph is not None and any(node.kind == "task" for node in run.graph.nodes)
    if run.graph is None or not has_graph or (tools and run.tasks):
        return diagram(run, tools)
    return flow_diagram(run.about.name or run.name, *folded(run, run.graph))
