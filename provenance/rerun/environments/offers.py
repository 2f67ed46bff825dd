"""What the makers of environments answer: what they would do, or why they can't.

Comes in: nothing. Goes out: :class:`Offer` and :class:`Refusal`, which the order of kinds chooses among.
"""

from __future__ import annotations

from dataclasses import dataclass

from provenance.rerun.records import EnvironmentPlan


@dataclass(frozen=True, slots=True)
class Offer:
    """An environment that can be had."""

    plan: EnvironmentPlan


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an environment of a kind can't be had."""

    why: str
    is_silent: bool = False  # the record has nothing of the kind, so nobody misses it
