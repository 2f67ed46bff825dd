"""Which file of one run is which file of the other.

Comes in: two Runs and how their files are called (:mod:`.places`). Goes out: :class:`DataPairs`, one partner at most
for each data of sources, configuration, inputs, outputs and intermediates. Paired by name, then, for what is left, by
the role and base name that only one file of each run has. What the tasks tell is added by :mod:`.task_pairs`.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from provenance.rerun.places import Places, Side, without_chance
from provenance.run.listing import INFO_FILE
from provenance.run.model import Data, Role, Run

COMPARED = frozenset([Role.SOURCE, Role.CONFIGURATION, Role.INPUT, Role.OUTPUT, Role.INTERMEDIATE])
_GIVEN = frozenset([Role.CONFIGURATION, Role.INPUT])
_MADE = frozenset([Role.OUTPUT, Role.INTERMEDIATE])
_EARLIER = "earlier_states/"  # where a crate has the states of a file before its last


@dataclass
class DataPairs:
    """The data of two runs, and which of them are the same file."""

    before: dict[str, Data]  # by key
    after: dict[str, Data]
    places: Places
    after_of: dict[str, str] = field(default_factory=dict)  # key before -> key after
    before_of: dict[str, str] = field(default_factory=dict)

    def join(self, before: str, after: str) -> None:
        """Make a pair of two keys, unless one of them has a partner already."""
        if before not in self.after_of and after not in self.before_of:
            self.after_of[before] = after
            self.before_of[after] = before

    def partner(self, before: str) -> Data | None:
        """Give the data of the other run."""
        key = self.after_of.get(before)
        return None if key is None else self.after[key]

    def name(self, data: Data, is_before: bool = True) -> str:
        """Call data as people know them."""
        return (self.places.before if is_before else self.places.after).name(data)


def pair_data(before: Run, after: Run, places: Places) -> DataPairs:
    """Find the data of two runs that are the same file in the same state of the run."""
    pairs = DataPairs({d.key: d for d in before.data}, {d.key: d for d in after.data}, places)
    first = [data for data in before.data if is_compared(data)]
    second = [data for data in after.data if is_compared(data)]
    by_name = (_grouped(first, places.before), _grouped(second, places.after))
    for name, states in by_name[0].items():
        _join_states(pairs, states, by_name[1].get(name, []))
    _join_single(pairs, first, second, _kind_and_base_name)
    # The one input that was given in the place of another one.
    _join_single(
        pairs,
        (data for data in first if data.role in _GIVEN),
        (data for data in second if data.role in _GIVEN),
        _kind_and_suffix,
    )
    return pairs


def is_compared(data: Data) -> bool:
    """Tell whether data are part of what a run did; what users say about a run for its crate is not."""
    return data.role in COMPARED and posixpath.basename(data.path) != INFO_FILE


def _grouped(data: Iterable[Data], side: Side) -> dict[str, list[Data]]:
    groups: dict[str, list[Data]] = defaultdict(list)
    for each in data:
        groups[without_chance(side.name(each))].append(each)
    return groups


def _join_states(pairs: DataPairs, first: Sequence[Data], second: Sequence[Data]) -> None:
    """Pair the states of one file: those that were there before the run, and from the last one backwards those after.

    What one run took for its output another may have taken for an intermediate, when nothing read it there.
    """
    for is_given in (True, False):
        sides = [
            sorted((d for d in states if (d.role in _MADE) is not is_given), key=_order) for states in (first, second)
        ]
        for one, other in zip(reversed(sides[0]), reversed(sides[1]), strict=False):
            pairs.join(one.key, other.key)
    left = [d for d in first if d.key not in pairs.after_of]
    rest = [d for d in second if d.key not in pairs.before_of]
    if len(first) == len(second) == 1 and left and rest:
        pairs.join(left[0].key, rest[0].key)


def _order(data: Data) -> tuple[int, bool, int, str]:
    return data.version, _EARLIER not in data.path, len(data.path), data.path


def _join_single(
    pairs: DataPairs, first: Iterable[Data], second: Iterable[Data], called: Callable[[Data], Hashable]
) -> None:
    """Pair what is the only one of its kind among what has no partner in either run."""
    left: dict[Hashable, list[str]] = defaultdict(list)
    rest: dict[Hashable, list[str]] = defaultdict(list)
    for data in first:
        if data.key not in pairs.after_of:
            left[called(data)].append(data.key)
    for data in second:
        if data.key not in pairs.before_of:
            rest[called(data)].append(data.key)
    for kind, keys in left.items():
        if len(keys) == 1 and len(rest.get(kind, ())) == 1:
            pairs.join(keys[0], rest[kind][0])


def _kind_and_base_name(data: Data) -> Hashable:
    return _kind(data), posixpath.basename((data.original or data.path).rstrip("/"))


def _kind_and_suffix(data: Data) -> Hashable:
    return data.role, posixpath.splitext(data.original or data.path)[1]


def _kind(data: Data) -> str:
    return "given" if data.role in _GIVEN else "made" if data.role in _MADE else data.role.value
