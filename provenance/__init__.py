"""wfprov: put it in front of any workflow run and get a crate that says what happened.

For code that is recorded: :func:`provenance.task` makes the calls of a function tasks of the run, and
:func:`provenance.record` records a block of code without the launcher. Both are imported on first use, need only
the standard library and cost next to nothing when no run is being recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provenance.recording.tasks import record, task

__all__ = ["record", "task"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        from provenance.recording import tasks

        value = globals()[name] = getattr(tasks, name)
        return value
    raise AttributeError(f"module 'provenance' has no attribute {name!r}")
