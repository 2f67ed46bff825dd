"""Everything that a comparison of two runs finds, in one go.

Comes in: two Runs and, for a re-run, what lay where. Goes out: :class:`TwoRuns`: the pairs of data and tasks, the
outputs compared by content, the differences, and where the runs part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from provenance.rerun.contents import AGREEING, Contents
from provenance.rerun.data_pairs import DataPairs, pair_data
from provenance.rerun.differences import differences, matters
from provenance.rerun.divergence import first_divergence
from provenance.rerun.places import Places, places
from provenance.rerun.records import Comparison, Difference, Divergence, Likeness, Placement, TaskComparison
from provenance.rerun.task_pairs import TaskPairs, pair_tasks
from provenance.run.model import Run

_MOST_COMPARED = 500  # outputs that are compared by content


@dataclass(frozen=True)
class TwoRuns:
    """Two runs and what is not the same in them."""

    before: Run
    after: Run
    data: DataPairs
    pairs: TaskPairs
    contents: Contents
    outputs: tuple[Comparison, ...]
    tasks: tuple[TaskComparison, ...]
    differences: tuple[Difference, ...]
    divergence: Divergence | None

    @property
    def is_different(self) -> bool:
        """Whether anything but the machine, the times and software that was not used differs."""
        return matters(self.differences)


def compare_runs(
    before: Run, after: Run, placement: Placement | None = None, outputs: Sequence[Comparison] | None = None
) -> TwoRuns:
    """Compare two runs.

    Parameters
    ----------
    placement
        For a re-run: what lay where.
    outputs
        What is known of the outputs already; otherwise they are compared here, by content where that is at hand.
    """
    where = places(before, after, placement)
    data = pair_data(before, after, where)
    tasks, pairs = pair_tasks(before, after, data)
    if outputs is None:
        outputs = tuple(_outputs(before, after, data, where))
    contents = Contents({one.key: one.likeness for one in outputs if one.key is not None})
    found = differences(before, after, where, data=data, tasks=tasks, contents=contents)
    found = tuple(_with_finding(one, outputs) for one in found)
    is_parted = any(one.aspect in ("outputs", "status", "tasks") for one in found)
    parted = first_divergence(before, after, pairs, contents.likeness, found) if is_parted else None
    return TwoRuns(before, after, data, pairs, contents, tuple(outputs), tasks, found, parted)


def _outputs(before: Run, after: Run, data: DataPairs, where: Places) -> Iterator[Comparison]:
    """Compare the outputs: by digest, and where these differ by content."""
    contents = Contents()
    count = 0
    for key in before.outputs:
        one = data.before.get(key)
        if one is None:
            continue
        name, other = data.name(one), data.partner(key)
        if other is None:
            yield Comparison(name, Likeness.MISSING, key)
            continue
        likeness = contents.likeness(one, other)
        first, second = contents.content(one), contents.content(other)
        if likeness in AGREEING or first is None or second is None or count >= _MOST_COMPARED:
            yield Comparison(name, likeness, key, "SHA-256" if likeness is not Likeness.UNKNOWN else "")
            continue
        count += 1
        from provenance.rerun.comparing import Options, compare_files

        roots = ((where.before.root, where.after.root),) if where.before.root and where.after.root else ()
        finding = compare_files(first, second, Options(paths=tuple((a, b) for a, b in roots if a and b)))
        yield Comparison(name, finding.likeness, key, finding.how, finding.detail, finding.absolute, finding.relative)
    for key in after.outputs:
        if key in data.after and key not in data.before_of:
            yield Comparison(data.name(data.after[key], is_before=False), Likeness.EXTRA)


def _with_finding(difference: Difference, outputs: Sequence[Comparison]) -> Difference:
    """Tell of an output what the comparison of its content found."""
    if difference.aspect != "outputs":
        return difference
    for one in outputs:
        if one.name == difference.what and one.likeness is Likeness.DIFFERENT and one.detail:
            return replace(difference, detail=f"{difference.detail}: {one.detail}")
    return difference
