"""Strace's log as journal events: what the shim would have written, as far as system calls tell.

In comes the file ``strace.<host>`` of a run folder; out comes one stream of events of all its
processes in the order of the log. Each event has a field ``process`` with the id of the process
image it belongs to, since one log holds all of them. States are unknown (``s`` is null), and so is
whether a file that was opened for writing has really been changed: it is taken to be. Nor is its
closing seen: ``close`` comes with the next use of that path, at the latest with the end of the
process.
"""

from __future__ import annotations

import json
import posixpath
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from provenance.journal.events import FORMAT_VERSION, RUN_FILE, STRACE_FILE_PREFIX, Event
from provenance.journal.strace_lines import Argument, Line, lines

_NO_DATA = ("/proc/", "/sys/", "/dev/")
_OUTPUTS = (1, 2)
_TICKS_A_SECOND = 100  # the unit of si_utime in what the kernel shows to programs, on every architecture
_CHILD = re.compile(r"si_code=(\w+).*?si_pid=(\d+).*?si_status=(\w+)(?:.*?si_utime=(\d+))?(?:.*?si_stime=(\d+))?")
_STARTS = {"fork", "vfork", "clone", "clone3"}
_SIGNALS = {one.name: int(one) for one in signal.Signals}
_OVERWRITTEN = re.compile(r"\x7f+")  # by strace_credentials
_MARKER = "[removed: credential]"
_LIBRARY = re.compile(r"\.so(?:\.[\d.]+)?$")
_AT_SYMLINK_NAMES = ("symlink", "symlinkat")


def events(path: Path, *, every_read: bool = False) -> Iterator[Event]:
    """Yield the events in the log `path`; damaged or cut lines are passed over.

    Accesses have a field ``tid`` with the thread that made them.

    Parameters
    ----------
    every_read
        Tell also of repeated reads of one file by one process, which may belong to several tasks.

    Raises
    ------
    OSError
        When the log can't be read.
    """
    run = _run_event(path.with_name(RUN_FILE))
    host = path.name[len(STRACE_FILE_PREFIX) :] or str(run.get("host", "localhost"))
    streams = [run.get(name, {}).get("path", "") for name in ("stdout", "stderr")]
    reading = _Reading(host, str(run.get("cwd", "/")), int(run.get("pid", 0)), streams, every_read)
    with path.open("rb") as log:
        for line in lines(log):
            yield from reading.read(line)
    yield from reading.rest()


@dataclass
class _Image:
    """One program running in one process, or a forked copy of it."""

    pid: int
    ppid: int
    cwd: str
    id: str = ""
    how: str = "exec"
    exe: str = ""
    argv: Optional[List[str]] = None
    parent: str = ""
    start: int = 0
    started_by: int = 0  # the thread of the parent
    is_announced: bool = False
    seen: Set[Tuple[str, int]] = field(default_factory=set)
    written: Dict[str, None] = field(default_factory=dict)
    libraries: Dict[str, None] = field(default_factory=dict)
    standard: Dict[int, str] = field(default_factory=dict)  # files that standard output and error were turned to


class _Reading:
    """Follows the processes of one log."""

    def __init__(self, host: str, cwd: str, launcher: int, streams: List[str], every_read: bool) -> None:
        self._every_read = every_read
        self._host, self._cwd, self._launcher = host, cwd, launcher
        self._streams = frozenset(streams)  # the run's own, which every program inherits and few write to
        self._images: Dict[int, _Image] = {}  # by thread
        self._early: Dict[int, List[Line]] = {}  # lines of a process whose start has not yet returned
        self._starting: Set[int] = set()
        self._writers: Dict[str, List[_Image]] = {}  # by path: who has opened it for writing since its last use
        self._changes: Dict[str, int] = {}  # by path: how often it has come to mean something else
        self._killed: Dict[int, Tuple[int, int, str]] = {}  # pid -> time, signal, image of the parent

    def read(self, line: Line) -> Iterator[Event]:
        if line.kind == "begins":
            self._starting.add(line.tid)
            return
        image = self._images.get(line.tid)
        if image is None:
            if self._images and self._starting and line.tid not in self._early:
                self._early[line.tid] = []
            if line.tid in self._early:
                self._early[line.tid].append(line)
                return
            image = self._images[line.tid] = _Image(line.tid, self._launcher, self._cwd)
        if line.kind == "call":
            yield from self._call(image, line)
        elif line.kind == "signal":
            yield from self._signal(image, line)
        elif line.kind == "exit":
            yield from self._exit(image, line)
        elif line.kind == "superseded":
            self._images.pop(line.result, None)

    def rest(self) -> Iterator[Event]:
        """Yield what the end of the log leaves open."""
        self._starting.clear()
        early, self._early = self._early, {}
        for held in early.values():
            for line in held:
                yield from self.read(line)
        for pid, (t, number, parent) in self._killed.items():
            if parent:
                yield {"e": "wait", "t": t, "pid": pid, "signal": number, "process": parent}

    def _call(self, image: _Image, line: Line) -> Iterator[Event]:
        if line.name in _STARTS:
            yield from self._started(image, line)
        elif line.name in ("execve", "execveat"):
            yield from self._executed(image, line)
        elif line.name == "chdir":
            image.cwd = _absolute(image.cwd, line.arguments[0].text)
        elif line.name in ("dup2", "dup3"):
            if line.result in _OUTPUTS:
                path = line.path or ""
                image.standard[line.result] = path if path.startswith("/") and _is_data(path) else ""
        elif line.name == "fchdir":
            image.cwd = line.arguments[0].path or image.cwd
        else:
            for event in _access(image, line):
                yield from self._announced(image, line.t)
                yield from self._used(image, {**event, "tid": line.tid})

    def _used(self, image: _Image, event: Event) -> Iterator[Event]:
        """Yield the end of earlier writing to the paths of `event`, and the event if it is new."""
        path: str = event["p"]
        to: str = event.get("to", path)
        for named in (path, to):
            for writer in self._writers.pop(named, ()):
                if writer.written.pop(named, path) is None:
                    yield {
                        "e": "close",
                        "t": event["t"],
                        "p": named,
                        "s": None,
                        "process": writer.id,
                    }
            if event["e"] != "read":
                self._changes[named] = self._changes.get(named, 0) + 1
        if event["e"] == "read":
            if _LIBRARY.search(path):
                image.libraries[path] = None
            version = (path, self._changes.get(path, 0))
            if version in image.seen and not self._every_read:
                return
            image.seen.add(version)
        elif event["e"] == "write":
            self._writers.setdefault(path, []).append(image)
            image.written[path] = None
        yield {**event, "process": image.id}

    def _started(self, image: _Image, line: Line) -> Iterator[Event]:
        self._starting.discard(line.tid)
        child = line.result
        if any("CLONE_THREAD" in argument.text for argument in line.arguments):
            self._images[child] = image
        else:
            yield from self._announced(image, line.t)
            forked = _Image(child, image.pid, image.cwd, how="fork", exe=image.exe, argv=image.argv)
            forked.parent, forked.standard = image.id, dict(image.standard)
            forked.started_by = line.tid
            self._images[child] = forked
        for held in self._early.pop(child, []):
            yield from self.read(held)
        if not self._starting:
            # Their start was not seen to return; they are taken as they are.
            early, self._early = self._early, {}
            for lines_held in early.values():
                for held in lines_held:
                    yield from self.read(held)

    def _executed(self, image: _Image, line: Line) -> Iterator[Event]:
        at_descriptor = line.name == "execveat"
        named = line.arguments[1 if at_descriptor else 0]
        arguments = next((found.items for found in line.arguments if found.items), ())
        exe = _path(image, line.arguments[0] if at_descriptor else None, named)
        if image.is_announced:
            yield from _closes(image, line.t)
        new = _Image(image.pid, image.ppid, image.cwd, exe=exe, argv=[_OVERWRITTEN.sub(_MARKER, a) for a in arguments])
        # The forked half that came before and did nothing is left out.
        new.parent = image.id if image.is_announced else image.parent
        new.started_by = 0 if image.is_announced else image.started_by
        for tid in [tid for tid, found in self._images.items() if found is image]:
            del self._images[tid]
        self._images[image.pid] = new
        yield from self._announced(new, line.t)
        new.standard = image.standard
        for path in sorted(set(new.standard.values()) - self._streams - {""}):
            yield from self._used(new, {"e": "write", "t": line.t, "p": path, "s": None, "mode": "inherited"})

    def _announced(self, image: _Image, t: int) -> Iterator[Event]:
        """Yield the ``process`` event of `image`, the first time."""
        if image.is_announced:
            return
        image.is_announced, image.start = True, t
        image.id = f"{self._host}-{image.pid}-{t:x}"
        event: Event = {
            **{
                "e": "process",
                "v": FORMAT_VERSION,
                "id": image.id,
                "t": t,
                "host": self._host,
                "pid": image.pid,
            },
            **{
                "ppid": image.ppid,
                "how": image.how,
                "exe": image.exe,
                "cwd": image.cwd,
                "process": image.id,
            },
        }
        if image.argv is not None:
            event["argv"] = image.argv
        if image.parent:
            event["parent"] = image.parent
        if image.started_by:
            event["tid"] = image.started_by
        yield event

    def _signal(self, image: _Image, line: Line) -> Iterator[Event]:
        found = _CHILD.search(line.name) if line.name.startswith("SIGCHLD") else None
        if found is None or found[1] not in ("CLD_EXITED", "CLD_KILLED", "CLD_DUMPED"):
            return
        yield from self._announced(image, line.t)
        self._killed.pop(int(found[2]), None)
        event: Event = {"e": "wait", "t": line.t, "pid": int(found[2]), "process": image.id}
        if found[1] == "CLD_EXITED":
            event["status"] = int(found[3])
        else:
            event["signal"] = _SIGNALS.get(found[3], 0)
        event["utime"] = int(found[4] or 0) / _TICKS_A_SECOND
        event["stime"] = int(found[5] or 0) / _TICKS_A_SECOND
        yield event

    def _exit(self, image: _Image, line: Line) -> Iterator[Event]:
        self._images.pop(line.tid, None)
        if line.tid != image.pid:
            return  # a thread
        yield from self._announced(image, line.t)
        words = line.name.split()
        if words[:2] == ["exited", "with"]:
            yield from _closes(image, line.t)
            yield {"e": "end", "t": line.t, "status": int(words[2]), "process": image.id}
        elif words[:2] == ["killed", "by"]:
            yield from _closes(image, line.t)
            parent = self._images.get(image.ppid)
            self._killed[image.pid] = (
                line.t,
                _SIGNALS.get(words[2], 0),
                parent.id if parent else "",
            )


def _access(image: _Image, line: Line) -> Iterator[Event]:
    """Yield the events of a call on files, without their process."""
    given = line.arguments
    if line.name in ("openat", "openat2"):
        yield from _opened(line, _path(image, given[0], given[1], line.path), given[2].text)
    elif line.name == "open":
        yield from _opened(line, _path(image, None, given[0], line.path), given[1].text)
    elif line.name == "creat":
        yield from _opened(line, _path(image, None, given[0], line.path), "O_WRONLY|O_CREAT|O_TRUNC")
    elif line.name == "truncate":
        yield from _opened(line, _path(image, None, given[0]), "O_WRONLY")
    elif line.name in ("unlink", "unlinkat"):
        path = _path(image, given[0], given[1]) if line.name == "unlinkat" else _path(image, None, given[0])
        is_folder = line.name == "unlinkat" and "AT_REMOVEDIR" in given[2].text
        if _is_data(path) and not is_folder:
            yield {"e": "delete", "t": line.t, "p": path, "s": None}
    elif line.name in ("rename", "renameat", "renameat2", "link", "linkat"):
        yield from _moved(image, line)
    elif line.name in _AT_SYMLINK_NAMES:
        at = given[1] if line.name == "symlinkat" else None
        to = _path(image, at, given[-1])
        target = _absolute(posixpath.dirname(to), given[0].text)
        yield {"e": "link", "t": line.t, "p": target, "to": to, "s": None, "soft": True}


def _moved(image: _Image, line: Line) -> Iterator[Event]:
    given = line.arguments
    if line.name in ("rename", "link"):
        old, new = _path(image, None, given[0]), _path(image, None, given[1])
    else:
        old, new = _path(image, given[0], given[1]), _path(image, given[2], given[3])
    if not (_is_data(old) and _is_data(new)):
        return
    if line.name.startswith("link"):
        yield {"e": "link", "t": line.t, "p": old, "to": new, "s": None, "soft": False}
        return
    event: Event = {"e": "rename", "t": line.t, "p": old, "to": new, "s": None}
    if any("RENAME_EXCHANGE" in argument.text for argument in given[4:]):
        event["exchange"] = True
    yield event


def _opened(line: Line, path: str, flags: str) -> Iterator[Event]:
    if not _is_data(path) or "O_DIRECTORY" in flags or "O_PATH" in flags or "O_TMPFILE" in flags:
        return
    writes = "O_WRONLY" in flags or "O_RDWR" in flags
    if not writes:
        yield {"e": "read", "t": line.t, "p": path, "s": None}
        return
    mode = "update"
    if "O_TRUNC" in flags:
        mode = "truncate"
    elif "O_APPEND" in flags:
        mode = "append"
    if "O_CREAT" in flags and "O_EXCL" in flags:
        mode = "create"
    event: Event = {"e": "write", "t": line.t, "p": path, "s": None, "mode": mode}
    if "O_RDWR" in flags:
        event["rw"] = True
    yield event


def _closes(image: _Image, t: int) -> Iterator[Event]:
    if image.libraries:
        yield {"e": "libraries", "t": t, "paths": list(image.libraries), "process": image.id}
        image.libraries.clear()
    for path in image.written:
        yield {"e": "close", "t": t, "p": path, "s": None, "process": image.id}
    image.written.clear()


def _is_data(path: str) -> bool:
    return not path.startswith(_NO_DATA) or path.startswith("/dev/shm/")


def _path(image: _Image, at: Optional[Argument], named: Argument, opened: Optional[str] = None) -> str:
    """Return `named` relative to descriptor `at`; the kernel (`opened`) decides on ``..``."""
    base = image.cwd
    if at is not None and at.path is not None:
        base = at.path
        if at.text == "AT_FDCWD":
            image.cwd = base
    if not named.text:
        return base
    if opened is not None and ".." in named.text.split("/"):
        return opened
    return _absolute(base, named.text)


def _absolute(base: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(base, path))
    return joined[1:] if joined.startswith("//") else joined


def _run_event(path: Path) -> Dict[str, Any]:
    try:
        with path.open("rb") as file:
            event = json.loads(file.readline())
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}
