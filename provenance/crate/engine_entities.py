"""What only an engine tells of a run: its own arguments, recovered tasks, and attempts that had to be repeated.

Comes in: the Run and its tasks. Goes out: PropertyValue and Comment entities that the actions refer to.
"""

from __future__ import annotations

from collections.abc import Iterator

from provenance.crate.entities import Entity, iso, ref
from provenance.run.model import Attempt, Run, Status, Task

ENGINE_ARGUMENT = "#engine-argument-"  # how the identifiers begin
RECOVERED = "#status-recovered"
_RECOVERED: Entity = {
    "@id": RECOVERED,
    "@type": "Comment",
    "text": "Recovered: not executed in this run, its results were taken from a checkpoint of an earlier one.",
}


def engine_arguments(run: Run) -> Iterator[Entity]:
    """Describe the words of the command line that were for the engine and not for the workflow."""
    for number, argument in enumerate(run.engine_arguments, 1):
        yield {
            "@id": f"{ENGINE_ARGUMENT}{number}",
            "@type": "PropertyValue",
            "name": argument.name,
            # An option without a value is switched on by being there.
            "value": True if argument.value is None else argument.value,
            "description": "Argument of the workflow engine.",
        }


def task_comments(identifier: str, task: Task) -> list[Entity]:
    """Say of a task what its status alone does not: that it was recovered, or took more than one attempt."""
    comments = [_RECOVERED] if task.status is Status.RECOVERED else []
    if len(task.attempts) > 1:
        sentences = [_attempt(number, attempt) for number, attempt in enumerate(task.attempts, 1)]
        text = " ".join(sentences)
        told: Entity = {"@id": f"{identifier}-attempts", "@type": "Comment", "text": text, "about": ref(identifier)}
        comments.append(told)
    return comments


def _attempt(number: int, attempt: Attempt) -> str:
    where = f" on {attempt.host}" if attempt.host else ""
    begun = f", from {iso(attempt.start)}" if attempt.start is not None else ""
    ended = f" to {iso(attempt.end)}" if begun and attempt.end is not None else ""
    return f"Attempt {number}{where}{begun}{ended}: {attempt.status.value}."
