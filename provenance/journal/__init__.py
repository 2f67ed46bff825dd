"""The journal of a run: the format of its events, the writer and the reader. Standard library only.

``read`` is imported on first use: this package is imported inside users' processes, which never read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provenance.journal.reader import JournalFile, read

__all__ = ["JournalFile", "read"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from provenance.journal import reader

        value = globals()[name] = getattr(reader, name)
        return value
    raise AttributeError(f"module 'provenance.journal' has no attribute {name!r}")
