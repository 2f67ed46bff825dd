"""Which runs are recorded in a place, without reading more of them than that takes.

In: the folder that holds ``.wfprov``. Out: :class:`RunSummary` objects, or the folder of one run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from provenance.errors import UsageError
from provenance.journal.credentials import hide_in_command
from provenance.journal.events import RUN_FILE, STRACE_FILE_PREFIX, Event
from provenance.journal.reader import JournalFile
from provenance.run.ending import how_it_ended
from provenance.run.model import Status

RECORDS = ".wfprov"
INFO_FILE = "ro-crate-info.yaml"
_BLOCK = 1 << 20  # bytes
_MOST_COUNTED = 1 << 28  # bytes of a journal; above it tasks are not counted
_MOST_CANDIDATES = 10


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a list of runs says about one of them; times in nanoseconds since the epoch, size in bytes."""

    id: str
    folder: Path
    name: str
    status: Status
    command: tuple[str, ...]
    start: int | None
    end: int | None
    tasks: int | None  # calls of decorated functions, else programs executed; None when there is too much to count
    size: int  # of the record


def is_run_folder(folder: Path) -> bool:
    """Tell whether a folder is the record of a run."""
    return (folder / RUN_FILE).is_file() and not folder.is_symlink()


def list_runs(root: Path) -> list[RunSummary]:
    """Return the runs recorded in ``<root>/.wfprov`` (or in `root` itself when it has that name), oldest first."""
    summaries = [_summary(folder) for folder in _run_folders(root)]
    return sorted(summaries, key=lambda run: (run.start or 0, run.id))


def find(root: Path, wanted: str | None = None) -> Path:
    """Return the folder of one run.

    Parameters
    ----------
    root
        The folder that holds ``.wfprov``.
    wanted
        An id, the beginning of one, or the path of a run folder; None for the latest run.

    Raises
    ------
    UsageError
        When no run or more than one fits; the message lists the candidates.
    """
    if wanted and os.sep in wanted and is_run_folder(Path(wanted)):
        return Path(wanted)
    folders = _run_folders(root)
    if not folders:
        raise UsageError(
            f"there are no recorded runs in {_records(root)}; record one with 'wfprov run -- COMMAND', "
            "or name another place with --record-dir"
        )
    if wanted is None:
        return max(folders, key=_start)
    exact = [folder for folder in folders if folder.name == wanted]
    fitting = exact or [folder for folder in folders if wanted and folder.name.startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"{wanted!r} fits several runs: {_names(fitting)}; give more of the id")
    raise UsageError(f"there is no run {wanted!r} in {_records(root)}; there are: {_names(folders)}")


def _records(root: Path) -> Path:
    return root if root.name == RECORDS else root / RECORDS


def _run_folders(root: Path) -> list[Path]:
    try:
        return sorted(folder for folder in _records(root).iterdir() if is_run_folder(folder))
    except OSError:
        return []


def _names(folders: list[Path]) -> str:
    latest = sorted(folders, key=_start, reverse=True)
    shown = ", ".join(folder.name for folder in latest[:_MOST_CANDIDATES])
    more = len(latest) - _MOST_CANDIDATES
    return f"{shown} and {more} more" if more > 0 else shown


def _start(folder: Path) -> tuple[int, str]:
    for event in JournalFile(folder / RUN_FILE):
        if event.get("e") == "run" and isinstance(event.get("t"), int):
            return event["t"], folder.name
    return 0, folder.name


def _summary(folder: Path) -> RunSummary:
    header: Event = {}
    ending: Event | None = None
    for event in JournalFile(folder / RUN_FILE):
        if event.get("e") == "run":
            header = event
        elif event.get("e") == "end":
            ending = event
    command = tuple(hide_in_command(str(word) for word in header.get("command") or ()))
    files = [entry for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False)]
    start, end = header.get("t"), (ending or {}).get("t")
    return RunSummary(
        id=folder.name,
        folder=folder,
        name=str(header.get("name") or _name_of(command) or folder.name),
        status=how_it_ended(header, ending)[0],
        command=command,
        start=start if isinstance(start, int) else None,
        end=end if isinstance(end, int) else None,
        tasks=_count_tasks(files),
        size=_size(folder),
    )


def _name_of(command: tuple[str, ...]) -> str:
    """Return the script of a command as far as the command alone tells, else its program."""
    for word in command[1:3] if "-c" not in command[1:2] else ():
        if "." in word and not word.startswith("-"):
            return word.rstrip("/").rpartition("/")[2]
    return command[0].rpartition("/")[2] if command else ""


def _size(folder: Path) -> int:
    """Return the bytes that a record takes on the disk: reserved room of a running one is not counted."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(where, name))
            except OSError:
                continue
            total += min(status.st_size, status.st_blocks * 512) if status.st_blocks else status.st_size
    return total


def _count_tasks(files: list[os.DirEntry[str]]) -> int | None:
    if any(entry.name.startswith(STRACE_FILE_PREFIX) for entry in files):
        return None
    journals = [e for e in files if e.name.endswith(".jsonl") and e.name != RUN_FILE]
    if sum(entry.stat().st_size for entry in journals) > _MOST_COUNTED:
        return None
    counts = [_count_in(Path(entry.path)) for entry in journals]
    return sum(calls for calls, _ in counts) or sum(programs for _, programs in counts)


def _count_in(path: Path) -> tuple[int, int]:
    """Return how many calls and how many executed programs begin in a journal file."""
    calls = executed = 0
    kept = b""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                whole = kept + block
                end = whole.rfind(b"\n") + 1
                calls += whole.count(b'"e":"task"', 0, end)
                executed += whole.count(b'"how":"exec"', 0, end)
                kept = whole[end:].replace(b"\0", b"")
    except OSError:
        return 0, 0
    return calls, executed


def info_file_of(folder: Path) -> Path | None:
    """Return the ``ro-crate-info.yaml`` that belongs to a run: the one it was given, else that of its folder."""
    for event in JournalFile(folder / RUN_FILE):
        if event.get("e") == "run":
            given, cwd = event.get("info"), event.get("cwd")
            candidates = [given, os.path.join(str(cwd), INFO_FILE)]
            return next((Path(c) for c in candidates if c and Path(c).is_file()), None)
    return None
