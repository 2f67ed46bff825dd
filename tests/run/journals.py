"""Writes small journals by hand: one method an event, times that rise by themselves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MILLISECOND = 1_000_000


class Journal:
    """A run folder that grows event by event; the run takes place in `work`."""

    def __init__(self, work: Path, start: int | None = None, run_id: str = "20260101T000000Z-000000") -> None:
        self.work = work
        self.folder = work / ".wfprov" / run_id
        self.folder.mkdir(parents=True)
        self.now = start or 1_700_000_000_000_000_000
        self.start = self.now
        self._run_lines: list[dict[str, Any]] = []
        self._lines: list[dict[str, Any]] = []
        self._pid = 100

    def tick(self) -> int:
        self.now += MILLISECOND
        return self.now

    def run(self, *command: str, **more: Any) -> None:
        event = {"e": "run", "v": 1, "id": self.folder.name, "t": self.start, "command": list(command)}
        event |= {"cwd": str(self.work), "user": "u", "host": "h", "pid": 99, "version": "0.1.0"}
        event |= {"trace": "preload", "save_limit": 10, "stdout": {"kind": "null"}, "stderr": {"kind": "null"}}
        self._run_lines.append(event | more)

    def section(self, section: str, **data: Any) -> None:
        self._run_lines.append({"e": "environment", "t": self.now, "section": section, "data": data})

    def end_run(self, **more: Any) -> None:
        self._run_lines.append({"e": "end", "t": self.tick(), "status": 0} | more)

    def process(
        self, *argv: str, exe: str | None = None, how: str = "exec", pid: int | None = None, **more: Any
    ) -> str:
        if pid is None:
            self._pid += 1
            pid = self._pid
        time = self.tick()
        process = f"h-{pid}-{time:x}"
        event = {"i": process, "e": "process", "v": 1, "id": process, "t": time, "host": "h", "pid": pid}
        event |= {"ppid": 99, "how": how, "exe": exe or f"/usr/bin/{argv[0]}", "argv": list(argv)}
        self._lines.append(event | {"cwd": str(self.work)} | more)
        return process

    def event(self, process: str, kind: str, **more: Any) -> None:
        self._lines.append({"i": process, "e": kind, "t": self.tick()} | more)

    def read(self, process: str, path: Path | str, **more: Any) -> None:
        self.event(process, "read", p=str(path), **({"s": state(path)} | more))

    def write(self, process: str, path: Path | str, content: str | None = "made\n", **more: Any) -> None:
        """Open, write (for real, unless `content` is None) and close."""
        before = state(path)
        mode = more.pop("mode", "truncate" if before else "create")
        task = {"task": more["task"]} if "task" in more else {}
        self.event(process, "write", **({"p": str(path), "s": before, "mode": mode} | more))
        if content is not None:
            put(path, content, self.now)
        self.event(process, "close", p=str(path), s=state(path), **task)

    def delete(self, process: str, path: Path | str, **more: Any) -> None:
        self.event(process, "delete", p=str(path), s=state(path), **more)
        Path(path).unlink()

    def rename(self, process: str, path: Path, to: Path, **more: Any) -> None:
        over = {"over": state(to)} if state(to) else {}
        self.event(process, "rename", p=str(path), to=str(to), s=state(path), **over, **more)
        path.rename(to)

    def tool(self, process: str, number: int, name: str, **more: Any) -> None:
        event = {"id": number, "name": name, "module": "__main__", "file": str(self.work / "wf.py"), "line": number}
        self.event(process, "tool", **(event | more))

    def task(
        self, process: str, number: int, tool: int = 1, args: tuple[dict[str, Any], ...] = (), **more: Any
    ) -> None:
        self.event(process, "task", id=number, tool=tool, args=list(args), **more)

    def done(self, process: str, number: int, status: str = "completed", **more: Any) -> None:
        self.event(process, "done", id=number, status=status, **more)

    def end(self, process: str, status: int = 0) -> None:
        self.event(process, "end", status=status, utime=0.1, stime=0.2, maxrss=1000, lost=0)

    def save(self) -> Path:
        for name, lines in (("run.jsonl", self._run_lines), ("h-boot.jsonl", self._lines)):
            text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
            (self.folder / name).write_text(text, encoding="ascii")
        return self.folder


def put(path: Path | str, content: str, mtime_ns: int) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def state(path: Path | str) -> list[int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev]
