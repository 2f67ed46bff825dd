"""Starts a command under watch and writes what the launcher knows of it into ``run.jsonl``.

In come :class:`LaunchSettings` and a function that describes the surroundings; out goes an
:class:`Outcome`. Once the command runs nothing that fails here changes how it runs or ends: it
becomes a warning or a ``gap`` event.
"""

from __future__ import annotations

import errno
import os
import resource
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from provenance.errors import LaunchError
from provenance.journal.events import ENV_JOURNAL, RUN_FILE, Event
from provenance.journal.writer import LineFile, encode
from provenance.recording import capabilities, folder, signals, strace_watch, watch
from provenance.recording.capabilities import Trace
from provenance.recording.limits import DEFAULT_SAMPLE_INTERVAL, DEFAULT_SAVE_LIMIT, DESCRIBE_SECONDS
from provenance.recording.run_event import run_event
from provenance.recording.sampler import Sampler, sampler
from provenance.recording.streams import stream

# The tracer writes its last line a moment after the command's end.
_STRACE_SECONDS = 1.0

Describe = Callable[[Sequence[str], str, Path], Iterable[Tuple[str, Dict[str, Any]]]]
Say = Callable[[str], None]


@dataclass(frozen=True)
class LaunchSettings:
    """What to start and how to record it.

    Attributes
    ----------
    command
        The program and its arguments, as :func:`os.fsdecode` makes them.
    record_root
        The folder that gets ``.wfprov``; None for ``$WFPROV_DIR`` or the working folder.
    name, info
        What the user calls the run, and the path of the user's ``ro-crate-info.yaml``.
    trace
        One of :data:`provenance.recording.capabilities.TRACES`.
    save_limit
        Bytes; files that existed before and are not larger are saved before they are overwritten.
    sample_interval
        Seconds between two looks at what the processes of the run use; 0 for none.
    """

    command: Tuple[str, ...]
    record_root: Optional[str] = None
    name: Optional[str] = None
    info: Optional[str] = None
    trace: str = "auto"
    save_limit: int = DEFAULT_SAVE_LIMIT
    sample_interval: float = DEFAULT_SAMPLE_INTERVAL


@dataclass(frozen=True)
class Outcome:
    """How the command ended, and where its record is.

    Attributes
    ----------
    run_folder
        None when the run could not be recorded.
    status, signal
        Exit status of the command, or the number of the signal that ended it; the other one is
        None.
    warnings
        What went wrong on our side, a sentence each.
    """

    run_folder: Optional[Path]
    status: Optional[int]
    signal: Optional[int]
    warnings: Tuple[str, ...] = ()


def launch(settings: LaunchSettings, describe: Optional[Describe] = None, say: Say = lambda _: None) -> Outcome:
    """Run the command and record it; return when it has ended.

    Parameters
    ----------
    settings
        What to start and how to record it.
    describe
        Called in a thread beside the running command with the command, its folder and the run
        folder; each ``(section, data)`` it yields becomes an ``environment`` event.
    say
        Called before the start with a sentence when the run is recorded otherwise than the user
        expects.

    Raises
    ------
    LaunchError
        When the command can't be started; ``exit_status`` is 126 or 127 as a shell has it.
    """
    start = time.time_ns()
    environment = dict(os.environ)
    trace = capabilities.choose(settings.trace, environment)
    recording = _Recording.begin(settings, trace, start, say)
    if recording is None:
        plan = watch.unwatched(settings.command, environment)
    else:
        if trace.why:
            say(f"watching with {_SPOKEN[trace.name]}: {trace.why}; 'wfprov doctor' says more")
        run_folder = str(recording.folder)
        plan = watch.plan(
            settings.command,
            environment,
            trace,
            run_folder,
            start=start,
            save_limit=settings.save_limit,
        )
    with signals.blocked() as mask:
        witness = signals.Witness()
        try:
            pid = _start(settings.command, plan, trace, mask)
        except LaunchError:
            witness.dismiss()
            if recording is not None:
                recording.discard()
            raise
        _fill_standard_descriptors()
        if recording is not None and trace.name == "strace":
            recording.keep_secrets(pid)
        if recording is not None:
            recording.sample(pid, trace, settings.sample_interval)
        if recording is not None and describe is not None:
            recording.describe(describe)
        status, usage = signals.await_end(pid, witness)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        if recording is None:
            return Outcome(None, code, number)
        recording.end(pid, trace, code, number, usage)
        return Outcome(recording.folder, code, number, tuple(recording.warnings))


_SPOKEN = {
    "strace": "strace (slower)",
    "audit": "Python's audit hook (sees Python programs only)",
    "off": "nothing",
}


class _Recording:
    """The launcher's own part of a record: ``run.jsonl``."""

    def __init__(self, run_folder: Path, command: Sequence[str], cwd: str) -> None:
        self.folder = run_folder
        self.warnings: List[str] = []
        self._command, self._cwd = command, cwd
        self._file = LineFile(str(run_folder / RUN_FILE))
        self._describing: Optional[threading.Thread] = None
        self._sampler: Optional[Sampler] = None

    @classmethod
    def begin(cls, settings: LaunchSettings, trace: Trace, start: int, say: Say) -> Optional[_Recording]:
        """Make a run folder and write the first event, here or at the next place that takes it."""
        run_id = folder.new_run_id(start)
        cwd = _working_folder()
        chosen = folder.record_root(settings.record_root, os.environ)
        failures: List[OSError] = []
        for root in (chosen, *folder.fallback_roots(os.environ)):
            try:
                run_folder = folder.make_run_folder(root, run_id)
            except OSError as failure:
                failures.append(failure)
                continue
            recording = cls(run_folder, settings.command, cwd)
            event = run_event(
                *(run_id, start, settings.command, cwd),
                trace=trace.name,
                save_limit=settings.save_limit,
                name=settings.name,
                info=settings.info,
                program=capabilities.find_program(settings.command[0], os.environ),
            )
            if recording._write(event):
                if failures:
                    say(f"the record goes to {run_folder}: {folder.explain(failures)}")
                return recording
            failures.append(OSError(errno.ENOSPC, "can't be written", str(run_folder)))
            recording.discard()
        say(f"this run is not recorded: {folder.explain(failures)}; choose another folder with --record-dir")
        return None

    def discard(self) -> None:
        """Take the record away: nothing was run."""
        self._file.close()
        for name in (RUN_FILE, watch.LINK):
            with suppress(OSError):  # it was never made
                (self.folder / name).unlink()
        try:
            self.folder.rmdir()
        except OSError as error:
            self.warnings.append(f"{self.folder} could not be removed: {error.strerror}")

    def keep_secrets(self, pid: int) -> None:
        """Have the credentials that strace writes overwritten as they come, also when we are killed."""
        try:
            strace_watch.begin(watch.strace_log(str(self.folder)), pid, self._cwd)
        except OSError as error:  # no process left: it is done at the end
            self.warnings.append(f"until its end the record holds command lines as they were: {error.strerror}")

    def sample(self, pid: int, trace: Trace, interval: float) -> None:
        """Begin to note what the processes of the run use, beside the command."""
        apart = "strace" if trace.name == "strace" else ""
        try:
            self._sampler = sampler(pid, str(self.folder), self._write, interval, apart)
            if self._sampler is not None:
                self._sampler.start()
        except (OSError, RuntimeError, ValueError) as error:  # no thread left: do without
            self._sampler = None
            self._gap("resource use over time", f"{type(error).__name__}: {error}")

    def describe(self, describe: Describe) -> None:
        """Begin to describe the surroundings, beside the command."""
        self._describing = threading.Thread(target=self._describe, args=(describe,), daemon=True)
        self._describing.start()

    def end(
        self,
        pid: int,
        trace: Trace,
        code: Optional[int],
        number: Optional[int],
        usage: resource.struct_rusage,
    ) -> None:
        """Write the end of the command, then what was not seen of it."""
        if self._sampler is not None:
            self._sampler.stop(usage.ru_utime + usage.ru_stime)
        ended: Event = {
            "e": "end",
            "t": time.time_ns(),
            "utime": usage.ru_utime,
            "stime": usage.ru_stime,
        }
        ended["maxrss"] = usage.ru_maxrss * 1024
        ended.update({"status": code} if number is None else {"signal": number})
        ended.update({"stdout": stream(1), "stderr": stream(2)})
        self._write(ended)
        if trace.name == "strace":
            log = watch.strace_log(str(self.folder))
            _await_strace(log, pid)
            try:
                strace_watch.finish(log, self._cwd)
            except OSError as error:
                self.warnings.append(f"{log} may hold credentials of command lines: {error.strerror}; look through it")
        elif trace.name != "off" and not _has_written(self.folder, pid):
            program = capabilities.find_program(self._command[0], os.environ) or self._command[0]
            why = capabilities.why_unwatched(Path(program), trace.name)
            self._gap(program, f"the command itself was not watched: {why}", pid=pid)
        if self._describing is not None:
            self._describing.join(DESCRIBE_SECONDS)
            if self._describing.is_alive():
                self._gap("environment", f"not described within {DESCRIBE_SECONDS:g} s of the end")
        self._show_to_outer()
        if not self.folder.is_dir():
            self.warnings.append(f"the record {self.folder} was removed during the run")
        elif self._file.lost:
            self.warnings.append(f"the record {self.folder} is not complete: it could not be written to the end")

    def _describe(self, describe: Describe) -> None:
        try:
            # The command goes first where both want the same processor; on Linux this is the thread's own.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
            for section, data in describe(self._command, self._cwd, self.folder):
                self._write({"e": "environment", "t": time.time_ns(), "section": section, "data": data})
        except Exception as error:  # noqa: BLE001 - no fault of ours may reach the run; it is written down
            self._gap("environment", f"{type(error).__name__}: {error}")

    def _gap(self, what: str, why: str, **more: Any) -> None:
        self._write({"e": "gap", "t": time.time_ns(), "what": what, "why": why, **more})

    def _write(self, event: Event) -> bool:
        return self._file.append(encode(event))

    def _show_to_outer(self) -> None:
        """Hand the journal to the recording around this one, whose watch ended where ours began."""
        outer = os.environ.get(ENV_JOURNAL, "")
        if not os.path.isabs(outer) or outer == str(self.folder):
            return
        for path in sorted(self.folder.rglob("*")):
            if path.name == RUN_FILE or path.suffix == ".count" or path.is_symlink() or not path.is_file():
                continue
            target = Path(outer) / path.relative_to(self.folder)
            if path.parent == self.folder:  # both recordings have a file of this host
                target = target.with_name(f"{self.folder.name}-{path.name}")
            try:
                target.parent.mkdir(exist_ok=True, mode=0o700)
                os.link(path, target)
            except OSError as error:
                if error.errno != errno.EEXIST:
                    self._gap(str(path), f"not handed to the recording around this one: {error.strerror}")


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # removed under us
        return os.environ.get("PWD", "/")


def _start(command: Sequence[str], plan: watch.Plan, trace: Trace, mask: Iterable[int]) -> int:
    """Start what was planned, in our group, with the signals as they were; return its id."""
    program = plan.command[0]
    if not program:
        raise _not_started(program, OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
    if trace.name == "strace" and plan.command != tuple(command):
        # Strace itself would start and then complain: find out before, as the kernel does.
        found = capabilities.find_program(command[0], os.environ)
        if found is None or not os.path.exists(found):
            raise _not_started(command[0], OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
        if os.path.isdir(found) or not os.access(found, os.X_OK):
            raise _not_started(command[0], OSError(errno.EACCES, os.strerror(errno.EACCES)))
    try:
        return _spawn(program, plan.command, plan.environment, mask)
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            # A script without a first line: shells run it themselves, so it is expected to work.
            path = capabilities.find_program(program, os.environ) or program
            return _spawn("/bin/sh", ("/bin/sh", path, *plan.command[1:]), plan.environment, mask)
        raise _not_started(program, error) from error


def _spawn(program: str, command: Sequence[str], environment: Dict[str, str], mask: Iterable[int]) -> int:
    return os.posix_spawnp(program, tuple(command), environment, setsigmask=mask, setsigdef=signals.RESET_FOR_CHILD)


def _not_started(program: str, error: OSError) -> LaunchError:
    if error.errno == errno.ENOENT and "/" not in program:
        return LaunchError(f"{program}: command not found")
    raised = LaunchError(f"{program}: {error.strerror}")
    if error.errno != errno.ENOENT:
        raised.exit_status = 126
    return raised


def _fill_standard_descriptors() -> None:
    """Put the null device where a standard stream is closed, lest a file of ours take its place."""
    fd = os.open(os.devnull, os.O_RDWR)
    while fd <= 2:
        fd = os.dup(fd)
    os.close(fd)


def _has_written(folder: Path, pid: int) -> bool:
    """Tell whether the process `pid` stands in the journal; it is the first of its host to write."""
    mark = f'"pid":{pid},'.encode()
    for path in folder.glob("*.jsonl"):
        if path.name == RUN_FILE:
            continue
        try:
            with path.open("rb") as file:
                if mark in file.read(1 << 16):
                    return True
        except OSError:
            return True  # removed meanwhile: not to be told any more
    return False


def _await_strace(log: str, pid: int) -> None:
    """Wait a moment until strace has written the end of process `pid`."""
    ends = (f"{pid} ".encode(), b"+++ ")
    until = time.monotonic() + _STRACE_SECONDS
    while time.monotonic() < until:
        try:
            with open(log, "rb") as file:  # noqa: PTH123 - needs to be cheap
                file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
                lines = file.read().splitlines()
        except OSError:
            return
        if any(line.startswith(ends[0]) and ends[1] in line for line in lines):
            return
        time.sleep(0.01)
