"""From what the comparison found to a verdict.

Comes in: the plan, how the new run ended, the comparison of both runs. Goes out: a
:class:`~provenance.rerun.records.Verdict`. *Reproduced* means that results were compared and are
equal, all of them; a run that completes and leaves nothing to compare did not reproduce anything. A failed run without
results reproduces when it fails the same way.
"""

from __future__ import annotations

import signal as signals
from collections import Counter
from collections.abc import Sequence

from provenance.rerun.differences import explain
from provenance.rerun.fixed_paths import fixed_paths, with_fixed_paths
from provenance.rerun.records import Comparison, Difference, Likeness, Plan, Result, TaskComparison, Verdict
from provenance.rerun.two_runs import TwoRuns
from provenance.run.model import Repetition, Run, Status

_SAME = (Likeness.IDENTICAL, Likeness.EQUAL, Likeness.TOLERATED)
_OTHER = (Likeness.DIFFERENT, Likeness.MISSING, Likeness.EXTRA)


def not_run(plan: Plan, reason: str, problems: Sequence[str] = ()) -> Verdict:
    """Say that the run could not be repeated."""
    return Verdict(
        Result.NOT_RUN,
        reason,
        plan.origin,
        repeated=plan.run.id,
        checks=plan.checks,
        changes=plan.changes,
        problems=tuple(problems),
    )


def judge(
    plan: Plan,
    outputs: Sequence[Comparison],
    compared: TwoRuns | None,
    *,
    status: int | None,
    signal: int | None,
    record: str | None,
    problems: Sequence[str] = (),
    is_isolated: bool = False,
) -> Verdict:
    """Say whether the run reproduced.

    Parameters
    ----------
    compared
        What the comparison of both runs found; None when the new one was not recorded.
    status, signal
        How the new run ended.
    problems
        What went wrong on our side, for people.
    is_isolated
        The recorded paths were in place.
    """
    tasks = compared.tasks if compared is not None else ()
    unused = [one for one in compared.differences if _is_unused(one)] if compared is not None else []
    result, reason = _result(plan, outputs, tasks, unused, status, signal)
    is_complete = _ended_as_recorded(plan, status, signal)
    parted = compared.divergence if compared is not None and result is not Result.REPRODUCED else None
    if not is_isolated:
        found = tuple(fixed_paths(plan.placement, plan.steps, plan.files))
        parted = with_fixed_paths(parted, found, plan.placement)
    return Verdict(
        result,
        reason,
        plan.origin,
        repeated=plan.run.id,
        run=compared.after.id if compared is not None else None,
        record=record,
        outputs=tuple(outputs),
        tasks=tuple(tasks),
        checks=plan.checks,
        changes=plan.changes,
        differences=explain(compared.differences, plan.changes, is_complete) if compared is not None else plan.changes,
        divergence=parted,
        problems=tuple(problems),
    )


def _result(  # noqa: PLR0911, PLR0917
    plan: Plan,
    outputs: Sequence[Comparison],
    tasks: Sequence[TaskComparison],
    unused: Sequence[Difference],
    status: int | None,
    signal: int | None,
) -> tuple[Result, str]:
    ended = ending(status, signal)
    if not _ended_as_recorded(plan, status, signal):
        if status == 0:
            return Result.DIFFERS, f"it completed; the recorded run {_recorded_ending(plan.run)}"
        failed = [task.name for task in tasks if task.finding == "failed"]
        where = f"; failed in {', '.join(failed[:3])}" if failed else ""
        return Result.FAILED, f"it {ended}; the recorded run {_recorded_ending(plan.run)}{where}"
    same_end = "" if status == 0 else f", and it {ended} as recorded"
    counted = Counter(one.likeness for one in outputs)
    other = [f"{counted[kind]} {kind.value}" for kind in _OTHER if counted[kind]]
    total = sum(counted[kind] for kind in (*_SAME, *_OTHER))
    if other:
        return Result.DIFFERS, f"of {total} results, {', '.join(other)}{same_end}"
    if not total and counted[Likeness.UNKNOWN]:
        return Result.DIFFERS, "no result could be compared: neither SHA-256 nor content was recorded"
    if not total:
        return _without_results(tasks, unused, same_end)
    same = [f"{counted[kind]} {kind.value}" for kind in _SAME if counted[kind]]
    if counted[Likeness.UNKNOWN]:
        said = f"{', '.join(same)}, but {counted[Likeness.UNKNOWN]} could not be compared{same_end}"
        return Result.DIFFERS, f"of {total + counted[Likeness.UNKNOWN]} results, {said}"
    unlike = sum(task.finding != "same" for task in tasks)
    graph = f"; {unlike} tasks are not as recorded" if unlike else ""
    said = f"of {total} results, {', '.join(same)}{same_end}{graph}"
    return (Result.TOLERATED if counted[Likeness.TOLERATED] else Result.REPRODUCED), said


def _without_results(
    tasks: Sequence[TaskComparison], unused: Sequence[Difference], same_end: str
) -> tuple[Result, str]:
    """Judge a run that has no results: only a failure can be the same without them."""
    unlike = [task for task in tasks if task.finding != "same"]
    if unlike:
        return Result.DIFFERS, f"there are no results to compare, and {len(unlike)} tasks are not as recorded{same_end}"
    if not same_end or not tasks:
        return Result.DIFFERS, f"it ended as recorded, and left nothing that could be compared{same_end}"
    if unused:
        # It may have come to the same exit status before it came to where the recorded run failed.
        names = ", ".join(one.what for one in unused[:3])
        return Result.DIFFERS, f"there are no results to compare, and it did not use {names}{same_end}"
    said = f"there are no results to compare; the same {len(tasks)} tasks ended the same way{same_end}"
    return Result.REPRODUCED, said


def _is_unused(one: Difference) -> bool:
    return one.aspect in ("code", "data") and one.detail.startswith("not ") and one.detail.endswith(" now")


def _ended_as_recorded(plan: Plan, status: int | None, signal: int | None) -> bool:
    run = plan.run
    if any(step.task is not None for step in plan.steps):
        return status == 0
    if run.status is Status.FAILED:
        if run.exit_code is None and run.signal is None:
            return status != 0
        return (run.exit_code, run.signal) == (status, signal)
    return status == 0


def ending(status: int | None, signal: int | None) -> str:
    """Say how a command ended."""
    if signal is not None:
        try:
            return f"was ended by signal {signal} ({signals.Signals(signal).name})"
        except ValueError:
            return f"was ended by signal {signal}"
    return "completed" if status == 0 else f"failed with exit status {status}"


def _recorded_ending(run: Run) -> str:
    if run.status is Status.FAILED and (run.exit_code or run.signal):
        return ending(run.exit_code, run.signal)
    return run.status.value if run.status is not Status.RUNNING else "was not seen to end"


def repetition(plan: Plan, verdict: Verdict, path: str | None, sha256: str | None) -> Repetition:
    """Tell the crate of the new run which run it repeats.

    Parameters
    ----------
    path
        The file ``verdict.json``.
    sha256
        Of the metadata of the repeated crate.
    """
    changes = [
        f"{one.aspect}: {one.what}" + (f" {one.before or '?'} -> {one.after}" if one.after else "")
        for one in plan.changes
    ]
    return Repetition(
        run=plan.run.id,
        name=plan.run.about.name or plan.run.name,
        url=plan.origin.identifier or plan.origin.url,
        sha256=sha256,
        result=verdict.result.value,
        reason=verdict.reason,
        changes=tuple(changes),
        verdict=path,
    )
