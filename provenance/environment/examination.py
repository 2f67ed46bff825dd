"""The parts of an examination, one after the other; each knows one kind of software.

In: what a run used, and what was recorded of its surroundings when it began. Out: the sections that
:func:`provenance.environment.examine` documents. A part that fails becomes a gap.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from provenance.environment import Section, Used
from provenance.environment.containers import inside
from provenance.environment.machine import host as machine

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
    why = _why_another_system(recorded)
    if why is not None:
        yield "gap", {"what": "packages of the system, MPI and BLAS", "why": why}
    elif host := _other_host(recorded):
        why_other = f"it was examined on {platform.node()}, and is what is installed there"
        yield "gap", {"what": f"the software of {host}", "why": why_other}
    for name, what in _PARTS.items():
        if why is not None and name.startswith("system."):
            continue
        try:
            part = import_module(f"provenance.environment.{name}")
            yield from part.examine(used, recorded)
        except Exception as error:  # noqa: BLE001 - a part that fails must not keep a run from being packed
            yield "gap", {"what": what, "why": f"they could not be examined ({type(error).__name__}: {error})"}


def _why_another_system(recorded: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Tell why files of the system are not those of the run: it is packed elsewhere; None when they may be."""
    then, now = recorded.get("host", {}).get("system"), machine.operating_system()
    # A machine that was upgraded in between is the same one; what it then has in other versions is told by its parts.
    if _other_host(recorded) and isinstance(then, str) and _release(then) != _release(now):
        return f"the run took place on {then}, and this is {now}"
    kind = recorded.get("container", {}).get("kind")
    here = inside.describe().get("kind")
    if kind == here or not recorded.get("host"):
        return None
    if kind is None:
        return f"the run took place outside of this container ({here})"
    return f"the run took place in a container ({kind}), and it is not packed in there"


def _release(system: str) -> str:
    """Return the name and the release of a system without its updates.

    >>> _release("Ubuntu 22.04.3 LTS")
    'Ubuntu 22.04'
    """
    found = re.match(r"\D*\d+(?:\.\d+)?", system)
    return found.group() if found else system


def _other_host(recorded: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the machine of the run when this is another one, which may have the same software: nodes of a cluster."""
    then = recorded.get("host", {}).get("hostname")
    return then if isinstance(then, str) and then != platform.node() else None
