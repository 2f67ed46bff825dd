"""The plan, the question and the verdict of a re-run, in lines for a terminal.

Comes in: values of :mod:`provenance.rerun.records`. Goes out: lines; all text of a crate in them is cleaned.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from provenance.cli import text
from provenance.rerun.records import (
    NOT_TOLD,
    Agreement,
    Comparison,
    Difference,
    Divergence,
    Likeness,
    Plan,
    Presence,
    Requirement,
    Result,
    Step,
    TaskComparison,
    Verdict,
)
from provenance.rerun.trust import Introduction

_SHOWN = 12  # lines of a kind
_LABEL = 12  # columns
_NEEDS = ("cores", "memory", "time", "room on disk", "accelerator")
_GOOD = (Likeness.IDENTICAL, Likeness.EQUAL)


def plan_lines(plan: Plan, workdir: Path) -> Iterator[str]:
    """Say what will be done, with what, on what, and what stands in the way."""
    run = plan.run
    yield _line(
        "crate", f"{run.about.name or run.name} ({plan.origin.identifier or plan.origin.url or plan.origin.given})"
    )
    seconds = (run.end - run.start) / 1e9 if run.start is not None and run.end is not None else None
    when = [text.moment(run.start) if run.start is not None else None, run.status.value]
    when.append(f"took {text.duration(seconds)}" if seconds is not None else None)
    yield _line("recorded", ", ".join(part for part in when if part))
    for step in plan.steps[:_SHOWN]:
        yield from _step_lines(step)
    yield from _more(len(plan.steps))
    yield _line("folder", plan.placement.folder)
    yield from _software_lines(plan)
    yield from _data_lines(plan)
    yield from _machine_lines(plan.machine)
    yield from _listed("changed", [_difference(one) for one in plan.changes])
    yield from _listed("may differ", plan.likely)
    yield from _listed("missing", plan.problems, len(plan.problems))


def _step_lines(step: Step) -> Iterator[str]:
    yield _line("command", _words(step.words))
    for rewrite in step.rewrites[:_SHOWN]:
        if rewrite.before != rewrite.after:
            yield _line("", f"{rewrite.before} -> {rewrite.after} ({rewrite.why})")


def _software_lines(plan: Plan) -> Iterator[str]:
    environment = plan.environment
    yield _line("software", environment.description)
    if environment.why:
        yield _line("", environment.why)
    yield from _listed("", [_difference(one) for one in environment.differences])


def _data_lines(plan: Plan) -> Iterator[str]:
    files = [file for file in plan.files if not file.is_directory]
    counted = Counter(file.presence for file in files)
    size = sum(file.size or 0 for file in files)
    where = ", ".join(f"{counted[kind]:,} {kind.value}" for kind in Presence if counted[kind])
    yield _line("files", f"{text.plural(len(files), 'file')}, {text.size(size)}" + (f": {where}" if where else ""))
    agreed = Counter(
        check.agreement for file, check in zip(plan.files, plan.checks, strict=True) if not file.is_directory
    )
    for kind in Agreement:
        if agreed[kind]:
            yield _line("", f"{agreed[kind]:,}: {kind.value}")
    yield from _listed("", [f"from {file.url}" for file in files if file.presence is Presence.REMOTE])
    here = [
        f"{file.recorded} from {file.content}" for file in files if file.presence in (Presence.HERE, Presence.GIVEN)
    ]
    yield from _listed("", here)


def _machine_lines(found: Sequence[Requirement]) -> Iterator[str]:
    needed = [f"{one.what} {one.recorded}" for one in found if one.what in _NEEDS]
    if needed:
        yield _line("machine", ", ".join(needed))
    lacking = [one for one in found if one.is_enough is False]
    yield from _listed("" if needed else "machine", [f"{one.what}: {one.recorded}, here {one.here}" for one in lacking])


def introduction_lines(shown: Introduction) -> Iterator[str]:
    """Say whose code asks to run here."""
    yield ""
    yield text.clean(f"This runs code of {shown.name}")
    yield _line("by", ", ".join(shown.authors) or "nobody who is named")
    yield _line("from", shown.source)
    for words in shown.commands[:_SHOWN]:
        yield _line("as", _words(words))
    if shown.builds:
        yield _line("after", f"building {shown.builds}")
    walls = "without network, away from your files" if shown.is_isolated else "with your rights, and all your files"
    yield _line("here", walls + ("" if shown.is_isolated else " (--isolate keeps it away from them)"))


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Say what was the same and what was not."""
    yield ""
    good = [one for one in verdict.outputs if one.likeness in _GOOD]
    other = [one for one in verdict.outputs if one.likeness not in _GOOD]
    shown = [*other[:_SHOWN], *good[: max(0, _SHOWN - len(other))]]
    for one in shown:
        yield from _output_lines(one)
    if len(verdict.outputs) > len(shown):
        yield f"  and {len(verdict.outputs) - len(shown):,} more (verdict.json has them all)"
    tasks = Counter(one.finding for one in verdict.tasks)
    if tasks:
        yield _line("tasks", ", ".join(f"{count:,} {finding}" for finding, count in tasks.most_common()))
        yield from _listed("", [_task(one) for one in verdict.tasks if one.finding != "same"])
    if verdict.divergence is not None:
        yield from _divergence_lines(verdict.divergence)
    elif verdict.result not in (Result.REPRODUCED, Result.TOLERATED, Result.NOT_RUN):
        yield from _listed("otherwise", [_difference(one) for one in verdict.differences])
    yield from _listed("note", verdict.problems)
    for line in f"{verdict.result.value}: {verdict.reason}".split("\n"):
        yield text.clean(line)


def _output_lines(one: Comparison) -> Iterator[str]:
    yield text.clean(f"  {one.likeness.value:<18}{one.name}" + (f"  ({one.how})" if one.how else ""))
    if one.likeness in _GOOD and not one.absolute:
        return
    if one.detail:
        yield text.clean(f"  {'':<18}{one.detail}")
    if one.absolute is not None or one.relative is not None:
        parts = [
            f"{amount:.3g} {kind}"
            for amount, kind in ((one.absolute, "absolute"), (one.relative, "relative"))
            if amount is not None
        ]
        yield f"  {'':<18}largest deviation: {', '.join(parts)}"


def _divergence_lines(found: Divergence) -> Iterator[str]:
    yield _line("parts at", found.task)
    if found.outputs:
        yield _line("", f"differs: {', '.join(found.outputs[:_SHOWN])}")
    yield from _listed("", [_cause(one) for one in found.differences])


def _cause(one: Difference) -> str:
    if one.aspect == NOT_TOLD:
        return one.what + (f" ({one.detail})" if one.detail else "")
    return f"because of {_difference(one)}"


def _task(one: TaskComparison) -> str:
    return f"{one.finding}: {one.name}" + (f" ({one.detail})" if one.detail else "")


def _difference(one: Difference) -> str:
    change = ""
    if one.before is not None or one.after is not None:
        before, after = ("none" if value is None else value for value in (one.before, one.after))
        change = f"  {before} -> {after}"
    return f"{one.aspect} {one.what}{change}" + (f" ({one.detail})" if one.detail else "")


def _listed(label: str, sentences: Sequence[str], most: int = _SHOWN) -> Iterator[str]:
    for index, sentence in enumerate(sentences[:most]):
        yield _line(label if index == 0 else "", sentence)
    yield from _more(len(sentences), most)


def _more(count: int, most: int = _SHOWN) -> Iterator[str]:
    if count > most:
        yield _line("", f"and {count - most:,} more")


def _line(label: str, said: object) -> str:
    return text.clean(f"{label:<{_LABEL}}{said}")


def _words(words: Sequence[str]) -> str:
    return shlex.join(words)
