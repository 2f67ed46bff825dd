"""The Run: what happened, as plain dataclasses; made from a journal by :func:`load`.

``find`` and ``list_runs`` look for recorded runs, ``load`` reads one, :mod:`.model` has the dataclasses.
"""

from __future__ import annotations

from provenance.run.listing import RunSummary, find, list_runs
from provenance.run.load import load
from provenance.run.model import Data, Edge, Gap, Role, Run, Status, Task, Tool, Value

__all__ = [
    "Data",
    "Edge",
    "Gap",
    "Role",
    "Run",
    "RunSummary",
    "Status",
    "Task",
    "Tool",
    "Value",
    "find",
    "list_runs",
    "load",
]
