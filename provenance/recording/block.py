"""``with provenance.record(...)``: records a block of code in a program that was started without the launcher.

In: what the user calls the run. Out: a run folder like the launcher's. Files of this process are watched by an
audit hook, programs that it starts by the shim where that is built. Nothing in here raises into the block.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, List, Optional, Type, Union

from provenance.errors import UsageError
from provenance.journal.events import ENV_JOURNAL, RUN_FILE
from provenance.journal.writer import JournalWriter, LineFile, command_line, encode
from provenance.recording import capabilities, folder, tasks, watch
from provenance.recording.calls import Recorder
from provenance.recording.channel import WriterChannel
from provenance.recording.hook import watch_files
from provenance.recording.limits import DEFAULT_SAVE_LIMIT, DESCRIBE_SECONDS
from provenance.recording.run_event import run_event
from provenance.recording.streams import stream
from provenance.recording.surroundings import Describing
from provenance.recording.values import error_text


class record:  # noqa: N801 - read as a verb: `with provenance.record():`
    """Record what the block does: its tasks, its files, the programs it starts.

    Inside a run that is being recorded already (by ``wfprov run`` or another block) it changes nothing. A run
    whose record can't be written goes on unrecorded, with a warning on the recorder's own account.

    Parameters
    ----------
    name
        What to call the run.
    folder
        The folder that gets ``.wfprov``; the working folder by default.
    info
        Path of the run's ``ro-crate-info.yaml``.

    Raises
    ------
    UsageError
        ``info`` names no file.

    Examples
    --------
    >>> import provenance
    >>> with provenance.record(name="calibration") as run_folder:  # doctest: +SKIP
    ...     fit(load("data.csv"))
    """

    def __init__(
        self,
        name: Optional[str] = None,
        folder: Union[str, os.PathLike[str], None] = None,
        info: Union[str, os.PathLike[str], None] = None,
    ) -> None:
        if info is not None and not os.path.isfile(info):
            raise UsageError(f"there is no file {os.fspath(info)}; 'wfprov init' writes one")
        self._name = name
        self._root = None if folder is None else os.fspath(folder)
        self._info = None if info is None else os.path.abspath(info)
        self._recording: Optional[_Recording] = None

    def __enter__(self) -> Optional[Path]:
        """Begin; returns the run folder, None when the block is not recorded."""
        if tasks.is_on():
            outer = os.environ.get(ENV_JOURNAL)
            return Path(outer) if outer else None
        try:
            self._recording = _Recording(self._root, self._name, self._info)
        except Exception as error:  # noqa: BLE001 - the block runs in any case
            import warnings

            warnings.warn(f"this run is not recorded: {error_text(error)}", RuntimeWarning, stacklevel=2)
            return None
        return self._recording.folder

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.end(error)


class _Recording:
    """A run folder being written by this process."""

    def __init__(self, root: Optional[str], name: Optional[str], info: Optional[str]) -> None:
        self._pid = os.getpid()
        self._start = time.time_ns()
        self._used = _usage()
        run_id = folder.new_run_id(self._start)
        self.folder = _make_folder(root, run_id)
        self._file = LineFile(str(self.folder / RUN_FILE))
        shim, _ = capabilities.find_shim()
        self._command = command_line()
        self._cwd = os.getcwd()
        event = run_event(
            *(run_id, self._start, self._command, self._cwd),
            trace="audit",
            save_limit=DEFAULT_SAVE_LIMIT,
            name=name,
            info=info,
        )
        event["python"] = True
        if not self._file.append(encode(event)):
            raise OSError(f"{self.folder} can't be written")
        self._describing = self._describe(dict(os.environ))
        self._variables = _switch_on_for_children(self.folder, shim, self._start)
        self._channel = WriterChannel(JournalWriter(self.folder))
        recorder = Recorder(self._channel)  # before the watch: after a fork it goes first as well
        self._watch = watch_files(self._channel, children_are_watched=bool(shim))
        tasks.switch_on(recorder)

    def end(self, error: Optional[BaseException]) -> None:
        """Stop, and write how the block ended."""
        tasks.switch_on(None)
        self._watch.stop()
        for name, (before, ours) in self._variables.items():
            if os.environ.get(name) == ours or name not in _CHANGED_BY_USERS:
                _set_variable(name, before)
        if os.getpid() != self._pid:  # a forked child that ran out of the block
            return
        used = {key: value - self._used.get(key, 0) for key, value in _usage().items()}
        used["maxrss"] = _usage()["maxrss"]
        normal = error is None or (isinstance(error, SystemExit) and error.code in (None, 0))
        status = 0 if normal else 1
        self._channel.writer.event({"e": "end", "status": status, **used, "lost": self._channel.writer.lost})
        self._channel.writer.close()
        event: Dict[str, Any] = {"e": "end", "t": time.time_ns(), "status": status, **used}
        event.update(stdout=stream(1), stderr=stream(2))
        self._file.append(encode(event))
        if self._describing is not None and not self._describing.wait(DESCRIBE_SECONDS):
            self._gap(f"not described within {DESCRIBE_SECONDS:g} s of the end")
        self._file.close()

    def _describe(self, environment: Dict[str, str]) -> Optional[Describing]:
        try:
            return Describing(self._command, self._cwd, self.folder, environment)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            self._gap(error_text(error))
            return None

    def _gap(self, why: str) -> None:
        self._file.append(encode({"e": "gap", "t": time.time_ns(), "what": "environment", "why": why}))


# Users may set these themselves within the block; then their value stays.
_CHANGED_BY_USERS = ("LD_PRELOAD", "PYTHONPATH")


def _switch_on_for_children(run_folder: Path, shim: str, start: int) -> Dict[str, Any]:
    """Put the recording into our environment; returns name -> (value before, value now)."""
    trace = capabilities.Trace("preload", shim) if shim else capabilities.Trace("audit")
    plan = watch.plan((), os.environ, trace, str(run_folder), start=start, save_limit=DEFAULT_SAVE_LIMIT)
    wanted = plan.environment
    changed = {}
    for name in set(wanted) | set(os.environ):
        before, now = os.environ.get(name), wanted.get(name)
        if before != now:
            changed[name] = (before, now)
            _set_variable(name, now)
    return changed


def _set_variable(name: str, value: Optional[str]) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _make_folder(root: Optional[str], run_id: str) -> Path:
    failures: List[OSError] = []
    for place in (folder.record_root(root, os.environ), *folder.fallback_roots(os.environ)):
        try:
            return folder.make_run_folder(place, run_id)
        except OSError as failure:
            failures.append(failure)
    raise OSError(folder.explain(failures))


def _usage() -> Dict[str, float]:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "utime": own.ru_utime + children.ru_utime,
        "stime": own.ru_stime + children.ru_stime,
        "maxrss": max(own.ru_maxrss, children.ru_maxrss) * 1024,
    }
