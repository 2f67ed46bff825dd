"""Journal -> tables: every event of a journal to its place in :class:`~provenance.run.recorded.Recorded`.

In: the folder of a run. Out: the filled tables, without the credentials that stood in command lines and
messages. What can't be read is counted and named as a gap, so that a damaged
journal still gives what is left of it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from provenance import journal
from provenance.journal.credentials import hide, hide_in_command
from provenance.journal.events import EXAMINED_FILE, RUN_FILE, STRACE_FILE_PREFIX, Event
from provenance.run.model import Gap
from provenance.run.recorded import (
    CLOSE,
    DELETE,
    LINK,
    READ,
    RENAME,
    SAVE,
    WRITE,
    Access,
    Call,
    Image,
    Recorded,
    State,
    resources_of,
)


def collect(folder: Path) -> Recorded:
    """Read the whole journal in `folder`.

    Raises
    ------
    JournalError
        When the folder can't be read.
    """
    recorded = Recorded(folder)
    collector = _Collector(recorded)
    for file in journal.read(folder):
        if file.path.name == EXAMINED_FILE:
            continue  # found out later, not recorded: see :mod:`.examined`
        if file.path.name == RUN_FILE:
            collector.take_launcher(file)
        else:
            collector.take_process(file)
        collector.note_damage(file)
    logs = sorted(folder.glob(STRACE_FILE_PREFIX + "*"))
    if logs:
        from provenance.journal import strace

        for log in logs:
            collector.take_process(strace.events(log, every_read=bool(recorded.calls)))
    collector.close()
    return recorded


class _Collector:
    def __init__(self, recorded: Recorded) -> None:
        self.recorded = recorded
        self.paths: dict[str, str] = {}
        self.image: Image | None = None
        self.order = 0
        self.damaged = 0
        self.unknown: Counter[str] = Counter()
        self.by_children: list[tuple[int, int]] = []  # index of an access, pid of the child that made it
        self.by_threads: list[tuple[int, int]] = []  # index of an access, the thread that made it
        self.started_by: list[tuple[Image, int]] = []  # the thread that started a process

    def take_launcher(self, events: Iterable[Event]) -> None:
        recorded = self.recorded
        for event in events:
            kind = event.get("e")
            if kind == "run":
                recorded.header = {**event, "command": _words(event.get("command"), str(event.get("cwd") or "/"))}
            elif kind == "end":
                recorded.ending = event
            elif kind == "environment":
                data = event.get("data")
                if isinstance(data, dict):
                    recorded.sections.setdefault(str(event.get("section")), {}).update(data)
            elif kind == "sample":
                recorded.samples.append(event)
            elif kind == "gap":
                self._gap(event)
            else:
                self.unknown[str(kind)] += 1
            self._see(event.get("t"))

    def take_process(self, events: Iterable[Event]) -> None:
        self.image = None
        for event in events:
            kind = event.get("e")
            handler = _HANDLERS.get(kind)  # type: ignore[arg-type]
            if handler is None:
                self.unknown[str(kind)] += 1
                continue
            name = event.get("i") or event.get("process")
            if name and kind != "process":  # one file with the events of several processes
                self.image = self.recorded.images.get(name) or self._unannounced(str(name), event)
            try:
                handler(self, event)
            except (KeyError, TypeError, ValueError, AttributeError):
                self.damaged += 1
        if self.image is not None:
            self._see(self.image.last)

    def note_damage(self, file: journal.JournalFile) -> None:
        name = file.path.name
        add = self.recorded.gaps.append
        if file.unreadable:
            add(Gap(f"{file.unreadable} lines of {name}", "they are damaged and can't be read"))
        if file.is_torn:
            add(Gap(f"the last line of {name}", "its writer was stopped while writing it"))
        if file.error:
            add(Gap(f"a part of {name}", f"it can't be read: {file.error}"))
        if file.newer_version:
            why = f"a newer wfprov wrote it (format {file.newer_version}); what is known was read"
            add(Gap(f"parts of {name}", why))

    def close(self) -> None:
        recorded = self.recorded
        self._give_to_children()
        for image in recorded.images.values():
            if not image.exe and not image.argv and image.how == "exec":
                recorded.gaps.append(Gap(f"the start of process {image.pid} on {image.host}", "its event was lost"))
        if recorded.calls and self.by_threads:
            from provenance.run import threads

            threads.unite_processes(recorded)
            threads.attribute(recorded, self.by_threads, self.started_by)
        recorded.accesses.sort()
        if self.damaged:
            recorded.gaps.append(Gap(f"{self.damaged} events", "they are incomplete"))
        for kind, count in self.unknown.items():
            why = "this version of wfprov does not know the kind"
            recorded.gaps.append(Gap(f"{count} events of kind {kind!r}", why))

    def _see(self, time: object) -> None:
        if isinstance(time, int) and time > self.recorded.last:
            self.recorded.last = time

    def _unannounced(self, name: str, event: Event) -> Image | None:
        """Make the image of a process whose first event was lost; its id says host and pid."""
        host, pid = [*name.rsplit("-", 2), ""][:2]
        time = event.get("t")
        if not pid.isdecimal() or not isinstance(time, int):
            return None
        image = Image(name, int(pid), time, "exec", "", (), "/", host, None, None, last=time)
        return self.recorded.images.setdefault(name, image)

    def _give_to_children(self) -> None:
        """What a child did between vfork and exec stands in its parent's name: give it to what it became."""
        if not self.by_children:
            return
        starts: dict[tuple[str, int], list[tuple[int, Image]]] = {}
        for image in self.recorded.images.values():
            starts.setdefault((image.host, image.pid), []).append((image.start, image))
        for index, pid in self.by_children:
            access = self.recorded.accesses[index]
            followed = [pair for pair in starts.get((access.image.host, pid), ()) if pair[0] >= access.time]
            if followed:
                became = min(followed, key=lambda pair: pair[0])[1]
                self.recorded.accesses[index] = access._replace(image=became, task=0)

    def _current(self) -> Image:
        if self.image is None:
            raise ValueError("an event before the one that says which process this is")
        return self.image

    def _gap(self, event: Event) -> None:
        path = event.get("path")
        what, why = str(event.get("what", "something")), str(event.get("why", ""))
        self.recorded.gaps.append(Gap(what, why, path if isinstance(path, str) else None))

    def _process(self, event: Event) -> None:
        start = int(event["t"])
        image = Image(
            id=str(event["id"]),
            pid=int(event["pid"]),
            start=start,
            how=str(event.get("how", "exec")),
            exe=str(event.get("exe") or ""),
            argv=tuple(_words(event.get("argv"), str(event.get("cwd") or "/"))),
            cwd=str(event.get("cwd") or "/"),
            host=str(event.get("host") or ""),
            parent=event.get("parent"),
            task=event.get("task"),
            ppid=int(event.get("ppid") or 0),
            last=start,
        )
        known = self.recorded.images.get(image.id)
        if known is not None and not known.exe and not known.argv:  # it stood in for a late event
            for name in ("start", "how", "exe", "argv", "cwd", "parent", "task", "ppid"):
                setattr(known, name, getattr(image, name))
        self.image = self.recorded.images.setdefault(image.id, image)
        if isinstance(event.get("tid"), int):
            self.started_by.append((self.image, event["tid"]))

    def _access(self, event: Event, kind: int, state: Any, extra: Any = None) -> None:
        image = self._current()
        path = event["p"]
        time = event["t"]
        if not (isinstance(path, str) and path[:1] == "/" and isinstance(time, int)):
            raise ValueError("no path or no time")
        task = event.get("task") or 0
        if isinstance(event.get("pid"), int):
            self.by_children.append((len(self.recorded.accesses), event["pid"]))
        if isinstance(event.get("tid"), int):
            self.by_threads.append((len(self.recorded.accesses), event["tid"]))
        image.last = max(image.last, time)
        self.order += 1
        self.recorded.accesses.append(
            Access(
                time,
                self.order,
                kind,
                self.paths.setdefault(path, path),
                None if state is None else State(*map(int, state)),
                image,
                task if isinstance(task, int) else 0,
                extra,
            )
        )

    def _read(self, event: Event) -> None:
        self._access(event, READ, event.get("s"))

    def _write(self, event: Event) -> None:
        extra = (event.get("mode") or "update", bool(event.get("rw")))
        self._access(event, WRITE, event.get("s"), extra)

    def _close(self, event: Event) -> None:
        self._access(event, CLOSE, event.get("s"))

    def _rename(self, event: Event) -> None:
        to, over = str(event["to"]), event.get("over")
        over = None if over is None else State(*map(int, over))
        is_folder = bool(event.get("dir"))
        extra = (self.paths.setdefault(to, to), over, is_folder, bool(event.get("exchange")))
        self._access(event, RENAME, event.get("s"), extra)

    def _link(self, event: Event) -> None:
        to = str(event["to"])
        extra = (self.paths.setdefault(to, to), bool(event.get("soft")))
        self._access(event, LINK, event.get("s"), extra)

    def _delete(self, event: Event) -> None:
        self._access(event, DELETE, event.get("s"))

    def _save(self, event: Event) -> None:
        self._access(event, SAVE, event.get("s"), str(event["as"]))

    def _wait(self, event: Event) -> None:
        image = self._current()
        int(event["t"]), int(event["pid"])
        image.last = max(image.last, event["t"])
        self.recorded.waits.append((image.host, event))

    def _unwatched(self, event: Event) -> None:
        int(event["t"]), int(event["pid"])
        self.recorded.unwatched.append((self._current(), event))

    def _tool(self, event: Event) -> None:
        self.recorded.tools[(self._current().id, int(event["id"]))] = event

    def _task(self, event: Event) -> None:
        image = self._current()
        parent = event.get("parent")
        call = Call(
            key=f"{image.id}:{event['id']}",
            image=image,
            tool=(image.id, int(event["tool"])),
            start=int(event["t"]),
            args=[arg for arg in event.get("args") or () if isinstance(arg, dict)],
            parent=f"{image.id}:{parent}" if isinstance(parent, int) else parent,
            thread=event["tid"] if isinstance(event.get("tid"), int) else None,
        )
        image.last = max(image.last, call.start)
        self.recorded.calls[call.key] = call

    def _done(self, event: Event) -> None:
        call = self.recorded.calls[f"{self._current().id}:{event['id']}"]
        call.end = int(event["t"])
        call.image.last = max(call.image.last, call.end)
        call.status = str(event.get("status"))
        value = event.get("value")
        call.value = value if isinstance(value, dict) else None
        error = event.get("error")
        call.error = None if error is None else hide(str(error))
        call.use = resources_of(event)
        paths = event.get("paths")
        for arg in call.args:
            if isinstance(paths, dict) and isinstance(path := paths.get(arg.get("name")), str):
                arg.setdefault("path", path)

    def _edge(self, event: Event) -> None:
        target = f"{self._current().id}:{event['task']}"
        self.recorded.passed.append((str(event["from"]), target, str(event.get("arg") or "")))

    def _libraries(self, event: Event) -> None:
        image = self._current()
        told = (path for path in event["paths"] if isinstance(path, str))
        image.libraries = tuple(dict.fromkeys((*image.libraries, *told)))

    def _end(self, event: Event) -> None:
        image = self._current()
        image.end = int(event["t"])
        image.last = max(image.last, image.end)
        status = event.get("status")
        image.status = status if isinstance(status, int) else None
        image.use = resources_of(event)
        lost = event.get("lost")
        if isinstance(lost, int) and lost > 0:
            what = f"{lost} events of process {image.pid} ({image.exe or 'unknown program'})"
            self.recorded.gaps.append(Gap(what, "they could not be written"))


def _words(command: object, cwd: str) -> list[str]:
    """Return a command line as it may leave the record: those of older versions were written as they were."""
    if not isinstance(command, list):
        return []
    return hide_in_command((str(word) for word in command), lambda word: os.path.lexists(os.path.join(cwd, word)))


_HANDLERS = {
    "process": _Collector._process,
    "read": _Collector._read,
    "write": _Collector._write,
    "close": _Collector._close,
    "rename": _Collector._rename,
    "link": _Collector._link,
    "delete": _Collector._delete,
    "save": _Collector._save,
    "wait": _Collector._wait,
    "unwatched": _Collector._unwatched,
    "tool": _Collector._tool,
    "task": _Collector._task,
    "done": _Collector._done,
    "edge": _Collector._edge,
    "libraries": _Collector._libraries,
    "end": _Collector._end,
    "gap": _Collector._gap,
}
