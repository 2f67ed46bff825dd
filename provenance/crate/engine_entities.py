"""What only an engine tells of a run: its own arguments, recovered tasks, and attempts that had to be repeated.

Comes in: the Run and its tasks. Goes out: PropertyValue and Comment entities that the actions refer to.
"""

from __future__ import annotations

from collections.abc import Iterator

from provenance.crate.entities import Entity, iso, ref
from provenance.run.model import Attempt, Run, Status, Task

ENGINE_ARGUMENT = "#engine-argument-"  # how the identifiers begin
RECOVERED = "#status-recovered"
CANCELED = "#status-canceled"
_NOT_EXECUTED = {
    Status.RECOVERED: (RECOVERED, "Recovered: its results were taken from a checkpoint of an earlier run."),
    Status.CANCELED: (CANCELED, "Canceled: another task had failed, or the run was stopped."),
}
_NO_END = "It was not executed in this run. The end given for it is that of the run, by which its fate was decided."


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
    comments: list[Entity] = []
    if task.status in _NOT_EXECUTED:
        identifier_of_status, text = _NOT_EXECUTED[task.status]
        has_own_end = task.end is not None
        comments.append(
            {
                "@id": f"{identifier_of_status}-at-its-end" if has_own_end else identifier_of_status,
                "@type": "Comment",
                "text": text if has_own_end else f"{text} {_NO_END}",
            }
        )
    if len(task.attempts) > 1:
        sentences = [_attempt(number, attempt) for number, attempt in enumerate(task.attempts, 1)]
        text = " ".join(sentences)
        told: Entity = {"@id": f"{identifier}-attempts", "@type": "Comment", "text": text, "about": ref(identifier)}
        comments.append(told)
    return comments


def end_of(task: Task, run: Run) -> int | None:
    """When a task ended; the end of the run for one that was not executed: the run profiles ask for an end, and by then
    it was certain."""
    return run.end if task.end is None and task.status in _NOT_EXECUTED else task.end


def _attempt(number: int, attempt: Attempt) -> str:
    where = f" on {attempt.host}" if attempt.host else ""
    begun = f", from {iso(attempt.start)}" if attempt.start is not None else ""
    ended = f" to {iso(attempt.end)}" if begun and attempt.end is not None else ""
    return f"Attempt {number}{where}{begun}{ended}: {attempt.status.value}."
