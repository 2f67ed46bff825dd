"""The parts of our own record of a run that an engine is known by: what was called, started and written.

In: the folder of a recorded run. Out: a :class:`Record`. Only lines of the journal in which a name occurs that
matters are understood, so that a record of millions of events is looked through in about the time of reading it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provenance.journal.events import RUN_FILE, Event
from provenance.journal.reader import JournalFile

_BLANK = b" \t\r\n\0"
_BLOCK = 1 << 20  # bytes read at once


@dataclass(frozen=True, slots=True)
class Started:
    """A program that was seen to start."""

    argv: tuple[str, ...]
    cwd: str
    time: int  # ns since the epoch


@dataclass(frozen=True, slots=True)
class Record:
    """What a record says of the command, and of programs and files with a name that was asked for."""

    folder: Path
    command: tuple[str, ...]
    cwd: str
    name: str | None = None  # that the user gave
    info: str | None = None  # the information file that the user named
    host: str | None = None
    start: int | None = None  # ns since the epoch
    end: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    output: str | None = None  # the file that standard output went to
    started: tuple[Started, ...] = ()  # in order of time
    written: tuple[str, ...] = ()  # absolute paths


def read_head(folder: Path) -> Record:
    """Read what the launcher wrote: the command and how it ended."""
    header: Event = {}
    ending: Event = {}
    for event in JournalFile(folder / RUN_FILE):
        if event.get("e") == "run":
            header = event
        elif event.get("e") == "end":
            ending = event
    output = header.get("stdout")
    return Record(
        folder=folder,
        command=_words(header.get("command")),
        cwd=_text(header.get("cwd")) or "/",
        name=_text(header.get("name")),
        info=_text(header.get("info")),
        host=_text(header.get("host")),
        start=_whole(header.get("t")),
        end=_whole(ending.get("t")),
        exit_code=_whole(ending.get("status")),
        signal=_whole(ending.get("signal")),
        output=_text(output.get("path")) if isinstance(output, dict) and output.get("kind") == "file" else None,
    )


def read(folder: Path, programs: Iterable[str], files: Iterable[str] = (), largest: int | None = None) -> Record:
    """Read a record.

    Parameters
    ----------
    folder
        Of one run, ``.wfprov/<run id>``.
    programs, files
        Names, or parts of them: what was started and written with one of them in its path is told. Where a run was
        watched with strace, neither is.
    largest
        Bytes of a journal that is looked through; of a larger one only the command is told.
    """
    head = read_head(folder)
    wanted_programs, wanted_files = tuple(programs), tuple(files)
    names = [name.encode() for name in (*wanted_programs, *wanted_files)]
    started: list[Started] = []
    written: dict[str, None] = {}
    paths = sorted(path for path in folder.glob("*.jsonl") if path.name != RUN_FILE)
    if largest is not None and sum(_size(path) for path in paths) > largest:
        return head
    for path in paths:
        for event in _events(path, names):
            kind = event.get("e")
            if kind == "process" and event.get("how") == "exec":
                argv = _words(event.get("argv"))
                if any(name in word for word in argv[:2] for name in wanted_programs):
                    started.append(Started(argv, _text(event.get("cwd")) or head.cwd, _whole(event.get("t")) or 0))
            elif kind in ("write", "close", "rename"):
                target = _text(event.get("to") if kind == "rename" else event.get("p"))
                if target is not None and any(name in target for name in wanted_files):
                    written[target] = None
    started.sort(key=lambda program: program.time)
    return Record(
        **{name: getattr(head, name) for name in Record.__dataclass_fields__ if name not in ("started", "written")},
        started=tuple(started),
        written=tuple(written),
    )


def _events(path: Path, names: Sequence[bytes]) -> Iterator[Event]:
    for line in _lines(path, names):
        try:
            event = json.loads(line.strip(_BLANK).decode("utf-8", "surrogateescape"))
        except (ValueError, RecursionError):
            continue  # damaged; the loading of the record counts such lines
        if isinstance(event, dict):
            yield event


def _lines(path: Path, names: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the lines with one of the names in them; most blocks have none, and are not split into lines."""
    rest = b""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                whole = rest + block
                end = whole.rfind(b"\n") + 1
                rest = whole[end:]
                if any(name in whole for name in names):
                    yield from (line for line in whole[:end].split(b"\n") if any(name in line for name in names))
    except OSError:
        return  # told when the record is loaded
    if any(name in rest for name in names):
        yield rest


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
