"""The parts of an examination, one after the other; each knows one kind of software.

In: what a run used, and what was recorded of its surroundings when it began. Out: the sections that
:func:`provenance.environment.examine` documents. A part that fails becomes a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from provenance.environment import Section, Used

# Module of this package -> what it examines, for people. Each has `examine(used, recorded) -> Iterator[Section]`.
_PARTS = {
    "python.packages": "Python packages",
    "conda": "conda packages",
    "system.packages": "packages of the system",
    "modules": "environment modules and Spack",
    "project_locks": "lock files of the project",
    "system.parallel": "MPI, BLAS and accelerator libraries",
    "containers.started": "containers",
}


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the sections of all parts; see :func:`provenance.environment.examine`."""
    for name, what in _PARTS.items():
        try:
            part = import_module(f"provenance.environment.{name}")
            yield from part.examine(used, recorded)
        except Exception as error:  # noqa: BLE001 - a part that fails must not keep a run from being packed
            yield "gap", {"what": what, "why": f"they could not be examined ({type(error).__name__}: {error})"}
