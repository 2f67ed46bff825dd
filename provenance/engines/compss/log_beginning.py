"""What the first lines of a ``dataprovenance.log`` tell of where its run took place.

In: the log; at most its first 64 KiB are read. Out: :class:`LogBeginning`. The log as a whole is the matter of
:mod:`.provenance_log`; this is for finding the files that belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provenance.engines.compss.timestamps import instant

_LONGEST = 64 * 1024
_NO_PROFILE = ("", "null")


@dataclass(frozen=True, slots=True)
class LogBeginning:
    """The application, the name of its profile, the first folders with files that tasks used, and the start."""

    application: str | None = None
    profile: str | None = None
    folders: tuple[str, ...] = ()
    start: int | None = None  # ns since the epoch, for the versions that write it


def beginning(log: Path) -> LogBeginning:
    """Read the beginning of a log; one that can't be read tells nothing."""
    try:
        with log.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8", "surrogateescape")
    except OSError:
        return LogBeginning()
    lines = text.split("\n")
    if len(text.encode("utf-8", "surrogateescape")) == _LONGEST:
        lines.pop()  # cut somewhere
    application = lines[1].strip() if len(lines) > 1 else ""
    third = lines[2].strip() if len(lines) > 2 else ""
    has_profile = third not in _NO_PROFILE and instant(third) is None and "://" not in third
    folders = dict.fromkeys(folder for line in lines[2:] if (folder := _folder(line)) is not None)
    start = next((time for line in lines[2:4] if (time := instant(line.strip())) is not None), None)
    return LogBeginning(application or None, third if has_profile else None, tuple(folders), start)


def _folder(line: str) -> str | None:
    """Return the folder above the file or folder that a line names; blanks in it don't matter here."""
    _, mark, rest = line.partition("://")
    start = rest.find("/")
    if not mark or start < 0:
        return None
    path = rest[start:].rpartition(" ")[0]
    return path.rpartition("/")[0] or "/"
