"""Why a task, or a whole run, came to another result: what differs there, the likeliest cause first.

Comes in: what differs between two runs, and what is known of the task. Goes out:
:class:`~provenance.rerun.records.Difference`; where nothing differs, one that says so and what to look at.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from provenance.environment.python.distributions import normal_name
from provenance.rerun.records import NOT_TOLD, Difference
from provenance.run.model import Run, Task, Tool

NOTHING_SEEN = "not deterministic, or something that was not seen"
_NOTHING = (None, "None", "none", "")  # as a value: a seed of these is none
_OF_NUMBERS = frozenset(["architecture", "CPU", "microarchitecture", "accelerators"])
_SEED = re.compile(r"(^|[^a-z])(seed|random[-_]?state|rng)([^a-z]|$)", re.I)
_THREADS = re.compile(r"THREADS|CPUS_PER_TASK|NPROCS|NTASKS|^(threads|jobs|workers|n[-_]?jobs|cores|cpus|j|np)$", re.I)


@dataclass(frozen=True, slots=True)
class Place:
    """The task at which two runs part; without a task it is the run as a whole."""

    task: Task | None = None
    tool: Tool | None = None
    source: str | None = None  # name of the file that the tool's code is in
    arguments: tuple[Difference, ...] = ()  # of the task, that no other task returned
    is_fed: bool = False  # other tasks gave it something else than before
    fails_now: bool = False  # it completed before


def likely_causes(before: Run, place: Place, found: Iterable[Difference]) -> tuple[Difference, ...]:
    """List what differs at a place: its own code, other code, software that it used, parameters, the rest."""
    of: dict[str, list[Difference]] = defaultdict(list)
    for one in found:
        of[one.aspect].append(one)
    used = _used_packages(place.tool)
    causes = sorted(of["code"], key=lambda one: one.what != place.source)
    causes += sorted((*of["packages"], *of["software"]), key=lambda one: normal_name(one.what) not in used)
    causes += [*place.arguments, *of["parameters"], *of["command"]]
    if place.task is None or place.is_fed:
        causes += of["data"]
    causes += [*of["container"], *of["variables"]]
    causes += [one for one in of["machine"] if one.what in _OF_NUMBERS]
    if place.is_fed:
        causes += [one for one in of["tasks"] if one.detail.partition(":")[0].endswith(("missing", "failed"))]
    if not causes:
        causes.append(Difference(NOT_TOLD, NOTHING_SEEN, detail=_hint(before, place)))
    return tuple(dict.fromkeys(causes))


def _used_packages(tool: Tool | None) -> frozenset[str]:
    return frozenset(normal_name(one.name) for one in tool.requirements) if tool is not None else frozenset()


def _hint(before: Run, place: Place) -> str:
    """Say what makes results different each time, as far as arguments and variables tell."""
    if place.fails_now:
        return "what it printed tells more; what the recorded run looked at without reading it is in no crate"
    task = place.task
    variables = dict(before.environment.variables)
    given = (*(task.arguments if task else ()), *before.arguments)
    names = [value.name for value in given if value.value not in _NOTHING]
    names = list(dict.fromkeys([*names, *variables]))
    seeds = [name for name in names if _SEED.search(name)]
    threads = [name for name in names if _THREADS.search(name)]
    if seeds:
        said = f"a seed was set ({', '.join(seeds[:3])}); is it used for all random numbers?"
    else:
        said = "does it draw random numbers without a seed, note the time, or read its standard input?"
    if threads:
        shown = ", ".join(f"{name}={variables[name]}" if name in variables else name for name in threads[:3])
        said += f" With several threads ({shown}) sums may be added up in another order."
    return said
