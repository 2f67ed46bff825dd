"""Who wrote a crate: we, or an engine or tool of its own.

Comes in: the crate's folder. Goes out: whether its command line is one that our recorder saw.
"""

from __future__ import annotations

from pathlib import Path

from provenance.crate import read_actions
from provenance.crate.graph import Graph
from provenance.crate.source import open_crate

_OUR_RUN = "#run-"


def graph_of(crate: Path) -> Graph:
    """Read the crate's metadata."""
    document, _ = open_crate(crate)
    return Graph(document, crate)


def is_ours(graph: Graph) -> bool:
    """Tell whether wfprov wrote the crate: only then is the description of an action a command line as it was."""
    action = read_actions.sort_out(graph).run
    return "#engine-run" in graph or (action is not None and graph.id(action).startswith(_OUR_RUN))
