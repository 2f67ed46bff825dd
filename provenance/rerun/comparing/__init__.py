"""Comparing two files by what is in them: a recorded output and that of the new run.

Comes in: two paths and :class:`Options`. Goes out: a :class:`Finding`. The comparers are listed in
:mod:`~provenance.rerun.comparing.registry`; ``docs/reference/comparing.md`` says what each takes as equal.
"""

from provenance.rerun.comparing.comparison import compare_files
from provenance.rerun.comparing.contract import (
    Comparer,
    Context,
    Finding,
    MissingLibrary,
    NotOfThisKind,
    Options,
    Period,
    TooLarge,
    Unreadable,
)
from provenance.rerun.comparing.tolerances import parse_tolerance, tolerance_for

__all__ = [
    "Comparer",
    "Context",
    "Finding",
    "MissingLibrary",
    "NotOfThisKind",
    "Options",
    "Period",
    "TooLarge",
    "Unreadable",
    "compare_files",
    "parse_tolerance",
    "tolerance_for",
]
