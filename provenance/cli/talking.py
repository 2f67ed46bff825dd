"""Shows on standard error what a long step tells; progress is drawn only where a terminal is."""

from __future__ import annotations

import sys
import time

from provenance.cli import text

_PAUSE = 0.1  # seconds between two drawings of the progress


class TerminalTalk:
    """Hears of the progress of fetching or of a re-run (:class:`provenance.rerun.talk.Talk`) and shows it."""

    def __init__(self, *, is_quiet: bool = False):
        self._is_quiet = is_quiet
        self._has_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._drawn = 0.0
        self._has_line = False

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self.close()
        if not self._is_quiet:
            text.write(f"wfprov: {text.clean(sentence)}", error=True)

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Draw how far it is."""
        now = time.monotonic()
        if self._is_quiet or not self._has_terminal or now - self._drawn < _PAUSE:
            return
        self._drawn, self._has_line = now, True
        share = f" of {text.size(total)} ({min(100, done * 100 // total)} %)" if total else ""
        line = text.fit(f"{what}: {text.size(done)}{share}", text.terminal_columns() - 1)
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the drawn line away."""
        if self._has_line:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
        self._has_line = False
