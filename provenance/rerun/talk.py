"""What a long step tells while it goes on; the command line prints it, others may keep it."""

from __future__ import annotations

from typing import Protocol


class Talk(Protocol):
    """Hears of the progress of a re-run."""

    def say(self, sentence: str) -> None:
        """Hear a sentence about what is done now; it may hold text of a crate or a server as it came."""

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Hear how many bytes of ``what`` are done, of how many; None when that is not known."""


class Silence:
    """Hears, and says nothing."""

    def say(self, sentence: str) -> None:
        """Say nothing."""

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Show nothing."""
