"""Which kind of environment a re-run gets: the order of the kinds, and why a better one is not taken.

Comes in: the Run, its crate, what the user wishes. Goes out: the plan; later, from the plan, the environment itself.
Choosing looks at files and asks tools what they have; it fetches nothing, builds nothing, and executes nothing that a
crate names.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from provenance.errors import UsageError, WfprovError
from provenance.rerun.environments import current, images, locks, modules, task_images
from provenance.rerun.environments.offers import Offer, Refusal
from provenance.rerun.environments.requirements import PythonLock, python_locks
from provenance.rerun.records import EnvironmentPlan, Ready
from provenance.rerun.talk import Talk
from provenance.run.model import Run

KINDS = ("auto", "container", "lock", "modules", "current")
_AS_RECORDED = "what is here has every package that the run used, as recorded"


def choose(run: Run, crate: Path, wish: str = "auto") -> EnvironmentPlan:
    """Find the environment that is nearest to the recorded one.

    Parameters
    ----------
    run
        As it was read from ``crate``.
    crate
        Folder of the unpacked crate.
    wish
        One of :data:`KINDS`. A kind that can't be had is a plan with ``problems``.

    Raises
    ------
    UsageError
        There is no such kind.
    """
    if wish not in KINDS:
        raise UsageError(f"--env {wish}: there is no such environment; choose {', '.join(KINDS)}")
    found = python_locks(run, crate)
    plan = _best(run, crate, found) if wish == "auto" else _forced(wish, run, crate, found)
    return task_images.added(plan, run, crate)


def _best(run: Run, crate: Path, found: tuple[PythonLock, ...]) -> EnvironmentPlan:
    container = images.offer(run, crate)
    if isinstance(container, Offer):
        return container.plan
    plan, reasons = _without_container(run, crate, found)
    return replace(plan, why="; ".join([*_missed("container", container), *reasons]))


def _without_container(run: Run, crate: Path, found: tuple[PythonLock, ...]) -> tuple[EnvironmentPlan, list[str]]:
    """Take what is here when that is as good as what could be built, else the lock files; with modules, if any."""
    here = current.find(run, found)
    loaded = modules.offer(run, crate)
    reasons: list[str] = []
    plan, kind = here.offer.plan, modules.KIND
    if here.agrees:
        reasons += [_AS_RECORDED] if current.has_python(run, found) else []
    else:
        lock = locks.offer(run, crate, found)
        if isinstance(lock, Offer):
            plan, kind = lock.plan, locks.KIND
        else:
            reasons += _missed("lock file", lock)
    if isinstance(loaded, Offer):
        return _loading(plan, loaded, kind), reasons
    return plan, [*reasons, *_missed("modules", loaded)]


def _missed(what: str, answer: Offer | Refusal) -> list[str]:
    return [f"no {what}: {answer.why}"] if isinstance(answer, Refusal) and not answer.is_silent else []


def prepare(plan: EnvironmentPlan, crate: Path, run: Run, talk: Talk) -> Ready:
    """Build the environment of a plan, or find it in the cache. May fetch, and run code of packages: ask before.

    Raises
    ------
    NetworkError
        Something can't be fetched.
    WfprovError
        It can't be built, or the plan has problems.
    """
    if plan.problems:
        raise WfprovError(plan.problems[0])
    found = python_locks(run, crate)
    if plan.kind == images.KIND:
        return task_images.load(images.ready(plan, run, crate, talk), run, crate, talk)
    has_locks = plan.kind == locks.KIND
    ready = locks.ready(plan, run, crate, found, talk) if has_locks else current.ready(plan, run, found)
    ready = modules.add(ready, plan, crate, talk) if plan.details.get(modules.NAMES) else ready
    of_images = (one for one in plan.differences if one.aspect == images.KIND)
    ready = replace(ready, differences=tuple(dict.fromkeys((*of_images, *ready.differences))))
    return task_images.load(ready, run, crate, talk)


def _forced(wish: str, run: Run, crate: Path, found: tuple[PythonLock, ...]) -> EnvironmentPlan:
    if wish == current.KIND:
        return current.find(run, found).offer.plan
    answer: Offer | Refusal
    if wish == images.KIND:
        answer = images.offer(run, crate, is_forced=True)
    elif wish == locks.KIND:
        answer = locks.offer(run, crate, found)
    else:
        answer = modules.offer(run, crate)
        if isinstance(answer, Offer):
            return _loading(current.find(run, found).offer.plan, answer)
    if isinstance(answer, Offer):
        return answer.plan
    problem = f"--env {wish}: {answer.why}; choose another, e.g. --env current"
    return EnvironmentPlan(wish, "none", is_ready=False, problems=(problem,))


def _loading(plan: EnvironmentPlan, loaded: Offer, kind: str = modules.KIND) -> EnvironmentPlan:
    """Add the loading of modules to a plan."""
    details = {**plan.details, **loaded.plan.details}
    description = f"{loaded.plan.description}; {plan.description}"
    is_ready = plan.is_ready and loaded.plan.is_ready
    return replace(plan, kind=kind, description=description, details=details, is_ready=is_ready)
