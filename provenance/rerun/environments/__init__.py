"""The software of a re-run: which environment it is to have, and having it.

Comes in: the Run and the crate that it was read from. Goes out: an :class:`~provenance.rerun.records.EnvironmentPlan`
(:func:`choose`, which only looks), then a :class:`~provenance.rerun.records.Ready` environment (:func:`prepare`, which
builds or finds what was built before). What each kind of environment is made from is in ``docs/reference/
rerun-environments.md``.
"""

from __future__ import annotations

from provenance.rerun.environments.choosing import KINDS, choose, prepare
from provenance.rerun.environments.current import programs_path
from provenance.rerun.environments.starting import Bind, contained, container_words

__all__ = ["KINDS", "Bind", "choose", "contained", "container_words", "prepare", "programs_path"]
