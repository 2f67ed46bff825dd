"""Writes what a COMPSs run leaves behind: its log folder and its working folder, and keeps what is true of it.

    run = CompssRun(tmp_path, version="3.4")
    a = run.file("inputs/a b.txt", "1\\n")
    c = run.path("outputs/c.txt")
    run.task("mod.f", [file_in("a", a), file_out("c", c), scalar("n", 4)], makes={c: "2\\n"})
    run.finish()

then ``run.log_folder``, ``run.work_folder`` are there and ``run.truth`` says what was read, written and executed. The
formats are those of ``docs/reference/compss-files.md``. Files get the time that the run had when it wrote them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.compss import run_files
from tests.compss.run_files import Dot

SECOND = 1_000_000_000
START = 1_773_655_921_123_456_789  # 2026-03-16T10:12:01.123456789Z
READING = ("IN", "IN_DELETE")
_CODES = {"IN": "0", "OUT": "1", "INOUT": "2"}
_RANK = ("UNKNOWN", "CANCELED", "FAILED", "RECOVERED", "FINISHED")


class Parameter(NamedTuple):
    """A parameter of a task; `value` is a path, a list of paths for a collection, or any other value."""

    name: str
    type: str
    direction: str
    value: Any
    python_type: str = "str"
    is_array: bool = False

    @property
    def paths(self) -> list[str]:
        if self.type in ("FILE_T", "DIRECTORY_T"):
            return [str(self.value)]
        return [str(one) for one in self.value] if self.type == "COLLECTION_T" else []


def file_in(name: str, path: str | Path, direction: str = "IN") -> Parameter:
    return Parameter(name, "FILE_T", direction, str(path))


def file_out(name: str, path: str | Path) -> Parameter:
    return Parameter(name, "FILE_T", "OUT", str(path))


def file_inout(name: str, path: str | Path, direction: str = "INOUT") -> Parameter:
    return Parameter(name, "FILE_T", direction, str(path))


def directory(name: str, path: str | Path, direction: str = "IN") -> Parameter:
    return Parameter(name, "DIRECTORY_T", direction, str(path))


def collection(name: str, paths: Sequence[str | Path], direction: str = "IN") -> Parameter:
    """A collection of files, or of the directories among them."""
    return Parameter(name, "COLLECTION_T", direction, [str(one) for one in paths], "list")


def scalar(name: str, value: Any, type: str = "LONG_T", python_type: str = "int", is_array: bool = False) -> Parameter:
    return Parameter(name, type, "IN", value, python_type, is_array)


@dataclass
class TrueTask:
    """What a task did."""

    id: int
    signature: str
    status: str
    statuses: tuple[str, ...]
    host: str
    start: int | None  # ns; of the first attempt
    end: int | None  # of the last
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


@dataclass
class Truth:
    """What happened. Paths of the run as a whole, in the order of their first access."""

    start: int
    end: int | None = None
    inputs: dict[str, bool] = field(default_factory=dict)  # path -> is a directory
    outputs: dict[str, bool] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    tasks: list[TrueTask] = field(default_factory=list)

    @property
    def in_out(self) -> list[str]:
        """Paths that were there before and were changed."""
        return [path for path in self.inputs if path in self.outputs]


class CompssRun:
    """One run; times go on by themselves, a task after the other."""

    def __init__(
        self,
        folder: Path,
        version: str = "3.4",
        *,
        host: str = "s01r2b24-ib0",
        workers: int = 1,
        slurm: int | None = None,
        application: str = "app.py",
        version_text: str | None = None,
        digits: int = 6,
        debug: bool = False,
        work_folder: Path | None = None,
        hosts: Sequence[str] = (),
        start: int = START,
    ):
        """`version` chooses the dialect, `version_text` what the log says; `digits` are those of the master's times.

        `hosts` are the names of the workers, instead of a number of them; `start` is in ns.
        """
        self.version, self.host, self.slurm, self.application = version, host, slurm, application
        named = [host] if workers < 2 else [f"{host}-w{i}" for i in range(1, workers + 1)]
        self.hosts = list(hosts) or named
        self.work_folder = work_folder or folder / "work"
        self.log_folder = folder / ".COMPSs" / (str(slurm) if slurm else f"{application}_01")
        self.main = self.work_folder / "src" / self._main_name()
        self.debug = debug
        self.truth = Truth(self._cut(start, digits))
        self.graph = Dot.empty()
        self.now = start
        self._digits = digits
        self._version_text = version_text or version
        self._lines: list[str] = []
        self._worker_lines: dict[str, list[str]] = {one: [] for one in self.hosts}
        self._states: dict[str, tuple[int, int, int]] = {}  # path -> number, version, task that wrote it
        self._executions: list[tuple[str, str, int]] = []  # host, signature, ms
        self._functions: dict[str, dict[str, list[tuple[str, str, str]]]] = {}
        self.work_folder.mkdir(parents=True, exist_ok=True)
        (self.log_folder / "jobs").mkdir(parents=True, exist_ok=True)

    # ---- files of the user

    def path(self, name: str | Path) -> str:
        """Absolute path of a file of the working folder."""
        return os.path.join(self.work_folder, name)

    def file(self, name: str | Path, text: str | bytes = "") -> str:
        """Write a file, now as the run counts; gives its absolute path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(content)
        os.utime(path, ns=(self.now, self.now))
        return path

    def folder(self, name: str | Path) -> str:
        """Make an empty folder."""
        path = self.path(name)
        os.makedirs(path, exist_ok=True)
        return path

    def delete(self, path: str) -> None:
        """The file or folder is deleted, without a word in the log."""
        self.truth.deleted.add(path)
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)

    # ---- what happens

    def task(
        self,
        signature: str,
        parameters: Sequence[Parameter] = (),
        *,
        statuses: Sequence[str] = ("FINISHED",),
        host: str | None = None,
        ms: int = 20,
        at: int | None = None,
        makes: Mapping[str, str | bytes] | None = None,
        values: Sequence[tuple[str, str, str, str]] = (),
        error: str = "ValueError: oops",
        has_worker_log: bool = True,
    ) -> int:
        """Execute a task and return its number.

        `statuses` are its status lines, one an attempt; none leaves it without an end. `at` is when it begins, ns, for
        tasks side by side. `makes` are files that it writes: path -> content. `values` are lines that only the master
        writes: name, type, value, direction.
        """
        number = len(self.truth.tasks) + 1
        host = host or self.hosts[(number - 1) % len(self.hosts)]
        self._note_function(signature, parameters)
        self.graph.task(number, signature)
        final = max(statuses, key=_RANK.index, default="UNKNOWN")
        true = TrueTask(number, signature, final, tuple(statuses), host, None, None)
        self.truth.tasks.append(true)
        self._access_lines(number, parameters, true)
        if self.version == "3.4":
            self._lines += [" ".join(("parameter", *one)) for one in values]
            declared = "::".join(f"{one.name}.{one.type}.{one.direction}" for one in parameters)
            # The writer cuts two characters off, whether there was a separator or not.
            self._lines.append(
                f"task {number} {signature} {declared}" if declared else f"task {number} {signature}"[:-1]
            )
            self._lines += [f"task {number} status {one}" for one in statuses]
        if final not in ("CANCELED", "RECOVERED"):
            self._attempts(true, parameters, ms, self.now if at is None else at, error, has_worker_log)
        for path, content in (makes or {}).items():
            self.file(path, content)
        for one in parameters:
            if one.direction == "IN_DELETE" and final not in ("CANCELED",):
                self.delete(str(one.value))
        return number

    def sync(self, *waited_for: int, label: str = "sync") -> None:
        """The main program waits for tasks."""
        self.graph.sync(waited_for, label)

    def line(self, text: str) -> None:
        """Put any line into ``dataprovenance.log``, as it stands."""
        self._lines.append(text)

    def worker_line(self, text: str, host: str | None = None) -> None:
        """Put any line into the log of a worker."""
        self._worker_lines[host or self.hosts[0]].append(text)

    def master_failed(self) -> None:
        self._lines.append("master status FAILED")

    def _access_lines(self, number: int, parameters: Sequence[Parameter], true: TrueTask) -> None:
        is_canceled = true.status == "CANCELED"
        reads = False
        for one in parameters:
            for path in one.paths:
                is_directory = one.type == "DIRECTORY_T" or (one.type == "COLLECTION_T" and os.path.isdir(path))
                url = f"{'dir' if is_directory else 'file'}://{self.host}{path}"
                kind = "DIRECTORY_T" if is_directory else "FILE_T"
                name = one.name.partition(".")[0]
                line = (
                    f"file {name} {kind} {url} {one.direction}" if self.version == "3.4" else f"{url} {one.direction}"
                )
                self._lines.append(line)
                identity, version, writer = self._states.get(path, (len(self._states) + 1, 1, 0))
                if one.direction != "OUT":
                    reads = True
                    true.inputs.append(path)
                    if path not in self.truth.outputs:
                        self.truth.inputs.setdefault(path, is_directory)
                    self.graph.edge(writer or self.graph.main, number, f"d{identity}v{version}")
                if one.direction not in READING:
                    version, writer = version + 1, number
                    if not is_canceled:
                        true.outputs.append(path)
                        self.truth.outputs.setdefault(path, is_directory)
                self._states[path] = (identity, version, writer)
        if not reads:
            self.graph.edge(self.graph.main, number)

    def _attempts(
        self, true: TrueTask, parameters: Sequence[Parameter], ms: int, at: int, error: str, has_worker_log: bool
    ) -> None:
        names = ["NEW", "RESUBMITTED", "RESUBMITTED_FILES"]
        for attempt, status in enumerate(true.statuses or ("UNKNOWN",)):
            start, end = at, at + ms * 1_000_000
            at = end
            self.now = max(self.now, end)
            self._executions.append((true.host, true.signature, ms))
            lines = [f"STARTTIME={_worker_time(start)}"]
            for one in parameters:
                code = _CODES.get(one.direction, one.direction)
                about = f"BASICTYPE={one.python_type} IS_ARRAY={one.is_array} CONTENT={one.value}"
                lines.append(f"PARAMETER={one.name} DIRECTION={code} {about}")
            if status != "UNKNOWN":
                lines.append(f"ENDTIME={_worker_time(end)}")
            if has_worker_log:
                true.start = self._cut(start, 6) if true.start is None else true.start
                true.end = self._cut(end, 6) if status != "UNKNOWN" else None
            failed = status == "FAILED"
            if failed or self.debug:
                out, err = run_files.job_log(true.signature, error if failed else None)
                for extension, text in (("out", out), ("err", err)):
                    name = f"job{true.id}_{names[min(attempt, 2)]}.{extension}"
                    self._log_file(f"jobs/{name}", text)
                    if failed:
                        lines.append(f"LOGFILE={self.log_folder}/jobs/{name}")
            if has_worker_log:
                self._worker_lines.setdefault(true.host, [])
                self._worker_lines[true.host] += [f"HOST={true.host} TASK={true.id} {line}" for line in lines]

    # ---- the end

    def finish(
        self,
        arguments: Sequence[str] = (),
        *,
        flags: Sequence[str] = ("--provenance", "--lang=python"),
        submission: str | None = None,
        info: Mapping[str, Any] | None = None,
        info_text: str | None = None,
        has_end: bool = True,
        has_graph: bool = True,
        rotate: int = 1,
        drawing: str | None = None,
        sources: Mapping[str, str] | None = None,
    ) -> CompssRun:
        """Write all files.

        `info` goes under ``COMPSs Workflow Information``, `info_text` is the whole file instead ("" for none);
        `rotate` is the number of parts of each worker's log; `sources` are files below ``src/`` to add or replace.
        """
        self.now += SECOND
        self.truth.end = self._cut(self.now, self._digits) if has_end and self.version != "3.3" else None
        self._log_file("dataprovenance.log", "".join(line + "\n" for line in self._log_lines(has_end)))
        if has_graph:
            self._log_file("monitor/complete_graph.dot", self.graph.text())
        if drawing is not None:
            self._log_file("monitor/complete_graph.svg", drawing)
        for name in ("runtime.log", "resources.log", "pycompss.log", "monitor/COMPSs_state.xml"):
            self._log_file(name, "")
        if self.version == "3.4":
            self._write_worker_logs(rotate)
            self._write_node_usage()
        else:
            self.file("App_Profile.json", run_files.profile(self._per_host(), self._by_method(None)))
        self._write_sources(sources or {})
        words = ["enqueue_compss", "--qos=gp_debug", "--num_nodes=2"] if self.slurm else ["runcompss"]
        line = submission or " ".join([*words, *flags, str(self.main), *arguments])
        dot = "." if self.version == "3.4" else ""
        self.file(f"{dot}compss_submission_command_line.txt", line + "\n")
        if self.slurm:
            self._write_console()
        text = _info_text(info or {}) if info_text is None else info_text
        if text:
            self.file("ro-crate-info.yaml", text)
        return self

    def _log_lines(self, has_end: bool) -> list[str]:
        start, end = (
            _instant(self.truth.start, self._digits),
            _instant(self._cut(self.now, self._digits), self._digits),
        )
        if self.version == "3.3":
            return [self._version_text, self.application, "App_Profile.json", *self._lines]
        profile = [] if self.version == "3.4" else ["App_Profile.json"]
        head = [self._version_text, self.application, *profile, start]
        if not has_end:
            return [*head, *self._lines]
        statistics = [
            line
            for resource, methods in [*self._per_host().items(), ("overall", self._by_method(None))]
            for signature, times in methods.items()
            for line in run_files.statistic_lines(resource, signature, times)
        ]
        return [*head, *self._lines, *statistics, end]

    def _by_method(self, host: str | None) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {one.signature: [] for one in self.truth.tasks}
        for at, signature, ms in self._executions:
            if host in (None, at):
                found[signature].append(ms)
        return found

    def _per_host(self) -> dict[str, dict[str, list[int]]]:
        return {host: self._by_method(host) for host in self.hosts}

    def _write_worker_logs(self, rotate: int) -> None:
        for host, lines in self._worker_lines.items():
            size = max(1, -(-len(lines) // rotate))
            parts = [lines[i : i + size] for i in range(0, len(lines), size)] or [[]]
            for age, part in enumerate(reversed(parts)):
                suffix = f".{age}" if age else ""
                text = "".join(line + "\n" for line in part) or "Empty file"
                self._log_file(f"workers/{host}/Log/static_binding_dp.out{suffix}", text)
            self._log_file(f"workers/{host}/Log/static_binding_worker.out", "Empty file")

    def _write_node_usage(self) -> None:
        stamps = []
        at = self.truth.start
        while at <= self.now:
            stamps.append(f"{_clock(at):%Y-%m-%d %H:%M:%S}")
            at += 5 * SECOND
        for i, host in enumerate(self.hosts):
            name = f"{host}-MASTER" if self.slurm and i == 0 else host if self.slurm else "localhost"
            self._log_file(f"stats/resource_profiling_{name}.csv", run_files.usage_rows(stamps, i))
            if not self.slurm:
                return

    def _write_console(self) -> None:
        finished = any(line == "master status FAILED" for line in self._lines)
        ending = "[ERRMGR]  -  Shutting down COMPSs...\n" if finished else "[(9000)    API]  -  Execution Finished\n"
        self.file(
            f"compss-{self.slurm}.out",
            f"----------------- Executing {self.application} --------------------------\n\n"
            f"[(443)    API]  -  Starting COMPSs Runtime v{self._version_text} (build 20260316-0106.r0123abc)\n"
            f"{ending}\n------------------------------------------------------------\n",
        )
        self.file(f"compss-{self.slurm}.err", "WARNING: COMPSs Properties file is null. Setting default values\n")

    def _main_name(self) -> str:
        return (
            self.application
            if "." not in self.application or self.application.endswith(".py")
            else (self.application.replace(".", "/") + ".java")
        )

    def _note_function(self, signature: str, parameters: Sequence[Parameter]) -> None:
        if "(" in signature:
            return
        parts = signature.split(".")
        split = next((i for i, part in enumerate(parts[:-1]) if part[:1].isupper()), len(parts) - 1)
        module = self._functions.setdefault("/".join(parts[:split]), {})
        module.setdefault(".".join(parts[split:]), [(one.name, one.type, one.direction) for one in parameters])

    def _write_sources(self, more: Mapping[str, str]) -> None:
        texts = {str(self.main.relative_to(self.work_folder / "src")): "# The main program.\n"}
        for module, functions in self._functions.items():
            if module and not self.application.endswith(".java"):
                texts[f"{module}.py"] = run_files.python_module(functions)
        if not self.application.endswith(".py"):
            name = self.application.rpartition(".")[2]
            texts[str(self.main.relative_to(self.work_folder / "src"))] = f"public class {name} {{\n}}\n"
        for name, text in {**texts, **more}.items():
            path = self.file(f"src/{name}", text)
            os.utime(path, ns=(self.truth.start - SECOND, self.truth.start - SECOND))

    def _log_file(self, name: str, text: str) -> None:
        path = self.log_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))

    @staticmethod
    def _cut(ns: int, digits: int) -> int:
        unit = 10 ** (9 - digits)
        return ns // unit * unit


def _clock(ns: int) -> datetime:
    return datetime.fromtimestamp(ns // SECOND, timezone.utc)


def _instant(ns: int, digits: int) -> str:
    """As the master writes a time: 0 to 9 fraction digits."""
    fraction = f".{ns % SECOND:09d}"[: digits + 1] if digits else ""
    return f"{_clock(ns):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _worker_time(ns: int) -> str:
    return f"{_clock(ns):%Y-%m-%dT%H:%M:%S}.{ns % SECOND // 1000:06d}+0000"


def _info_text(more: Mapping[str, Any]) -> str:
    workflow = {
        "name": "Sample",
        "description": "A sample run.",
        "license": "Apache-2.0",
        "sources": ["src/"],
        **more,
    }
    author = {
        "name": "Ada Example",
        "e-mail": "ada@example.org",
        "orcid": "https://orcid.org/0000-0002-1825-0097",
        "organisation_name": "Example Institute",
        "ror": "https://ror.org/05sd8tv96",
    }
    known = {"COMPSs Workflow Information": workflow, "Authors": [author], "Agent": author}
    return yaml.safe_dump(known, sort_keys=False, allow_unicode=True)


def snapshot(*folders: Path) -> dict[str, tuple[int, int, str]]:
    """All that is below the folders: mode, time of the last change, and a digest of the content or the link."""
    found = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            about = path.lstat()
            if stat.S_ISREG(about.st_mode):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                digest = str(path.readlink()) if path.is_symlink() else ""
            found[str(path)] = (about.st_mode, about.st_mtime_ns, digest)
    return found


def files_below(paths: Iterable[str]) -> list[str]:
    """The files among `paths` and in the directories among them."""
    found = []
    for path in paths:
        if os.path.isdir(path):
            found += [os.path.join(at, name) for at, _, names in os.walk(path) for name in names]
        elif os.path.isfile(path):
            found.append(path)
    return found
