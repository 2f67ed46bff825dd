"""Reads the files of a journal: what is there comes out as events, what is damaged is counted.

In: the folder of a run. Out: one :class:`JournalFile` a file, iterated for its events in the order of writing.
A file may end anywhere (its writer was killed), hold NUL bytes (room that a killed writer had reserved), lines
that are not JSON and events of a newer version: none of it raises.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Iterator, List, Optional

from provenance.errors import JournalError
from provenance.journal.events import FORMAT_VERSION, RUN_FILE, STRACE_FILE_PREFIX, Event

_BLOCK = 1 << 20  # bytes read at once
_NULS = re.compile(rb"\0+")
_BLANKS = b" \t\r"


class JournalFile:
    """One file of a journal; iterate for its events, then look at the counts.

    Attributes
    ----------
    path: the file
    unreadable: lines that are no JSON object, the cut-off last one not among them
    is_torn: the last line is cut off
    newer_version: the version of the format when it is newer than this reader, else None
    error: why reading stopped early, else None
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unreadable = 0
        self.is_torn = False
        self.newer_version: Optional[int] = None
        self.error: Optional[str] = None

    def __iter__(self) -> Iterator[Event]:
        self.unreadable, self.is_torn, self.newer_version, self.error = 0, False, None, None
        for event in self._decoded():
            version = event.get("v")
            if isinstance(version, int) and version > FORMAT_VERSION:
                self.newer_version = version
            yield event

    def _decoded(self) -> Iterator[Event]:
        rest = b""
        try:
            with self.path.open("rb") as file:
                while True:
                    block = file.read(_BLOCK)
                    if not block:
                        break
                    if b"\0" in block:
                        block = _NULS.sub(b"\n", block)
                    lines = (rest + block).split(b"\n")
                    rest = lines.pop()
                    yield from self._events(lines)
        except OSError as error:
            self.error = error.strerror or str(error)
        rest = rest.strip(_BLANKS)
        if not rest:
            return
        event = _event(rest)
        if event is None:
            self.is_torn = True
        else:
            yield event

    def _events(self, lines: List[bytes]) -> List[Event]:
        """Decode whole lines; all at once where every line is sound, which is twice as fast."""
        lines = [line for line in (line.strip(_BLANKS) for line in lines) if line]
        try:
            together = (b"[" + b",".join(lines) + b"]").decode("utf-8", "surrogateescape")
            events: List[Event] = json.loads(together)
            if len(events) == len(lines) and all(type(event) is dict for event in events):
                return events
        except (ValueError, RecursionError):
            pass  # at least one line is damaged: one by one
        found = [_event(line) for line in lines]
        self.unreadable += found.count(None)
        return [event for event in found if event is not None]


def _event(line: bytes) -> Optional[Event]:
    try:
        event = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def read(folder: Path) -> Iterator[JournalFile]:
    """Give the files of the journal in `folder`, the launcher's own first, the others by name.

    Files that strace wrote are left out: :mod:`provenance.journal.strace` reads those.

    Raises
    ------
    JournalError
        When `folder` is no folder or can't be listed.
    """
    try:
        names = sorted(path.name for path in folder.iterdir() if path.name.endswith(".jsonl"))
    except OSError as error:
        raise JournalError(
            f"{folder}: can't read this record of a run ({error.strerror}); "
            "'wfprov runs' lists the records that are there"
        ) from error
    names.sort(key=lambda name: name != RUN_FILE)
    for name in names:
        if not name.startswith(STRACE_FILE_PREFIX):
            yield JournalFile(folder / name)
