"""The way from this process into its journal: through the shim when it is loaded, else a file of our own.

In: finished lines of JSON, and which task a thread is in. Out: both, to the journal and to whatever watches file
accesses: the shim, or an audit hook that the launcher had Python load. What is switched on here is read by
:mod:`provenance.recording.tasks`.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
from typing import Any, Callable, Dict, Optional

from provenance.journal import events
from provenance.journal.writer import JournalWriter

_SHIM_VERSION = 1


class Channel:
    """What a recorded call needs; the attributes are plain callables, as each call uses them several times.

    Attributes
    ----------
    emit
        Appends one line (bytes, with its line feed).
    next_id
        Returns a number for a task or a tool, unique in this process.
    begin
        Marks the calling thread as inside a task; returns the thread's previous task, 0 for none.
    end
        ``end(task, previous)``: the task is over, the thread goes back to the previous one.
    switch
        Sets the thread's task alone, for code that is suspended and resumed; returns the previous one.
    process_id
        Id of this process image; another one after a fork.
    tells_thread
        Tasks are to say in which thread they are, as who watches the files can tell only that.
    """

    emit: Callable[[bytes], object]
    next_id: Callable[[], int]
    begin: Callable[[int], int]
    end: Callable[[int, int], None]
    switch: Callable[[int], int]
    process_id: str
    tells_thread = False

    def after_fork(self) -> None:
        """Become the channel of a forked child."""
        raise NotImplementedError


class ShimChannel(Channel):
    """Through the shim that is loaded into this process: one file for its events and ours."""

    def __init__(self) -> None:
        import ctypes

        # PyDLL keeps the interpreter's lock: the calls are shorter than giving it away and taking it back.
        library = ctypes.PyDLL(None)
        try:
            version = library.wfprov_shim_version()
        except AttributeError:
            raise OSError("the shim is not loaded") from None
        if version != _SHIM_VERSION:
            raise OSError(f"the shim has version {version}")
        self._ask_process_id = library.wfprov_process_id
        self._ask_process_id.restype = ctypes.c_char_p
        emit = library.wfprov_emit
        emit.argtypes, emit.restype = (ctypes.c_char_p, ctypes.c_size_t), None
        self.emit = lambda line: emit(line, len(line))
        self._ask_id = library.wfprov_next_id
        self._ask_id.argtypes, self._ask_id.restype = (), ctypes.c_long
        self.begin = library.wfprov_task_begin
        self.begin.argtypes, self.begin.restype = (ctypes.c_long,), ctypes.c_long
        self.switch = library.wfprov_task_switch
        self.switch.argtypes, self.switch.restype = (ctypes.c_long,), ctypes.c_long
        self.end = library.wfprov_task_end
        self.end.argtypes, self.end.restype = (ctypes.c_long, ctypes.c_long), None
        self.after_fork()
        if not self.process_id:
            raise OSError("the shim is not recording")

    def after_fork(self) -> None:
        """Ask the shim for the child's id."""
        self.process_id = os.fsdecode(self._ask_process_id() or b"")
        # Asked once, for four billion numbers: interpreters that share this process get others.
        self.next_id = itertools.count(((self._ask_id() - 1) << 32) + 1).__next__


class _ThreadTask(threading.local):
    task = 0


class WriterChannel(Channel):
    """Through a journal file of our own; which task a thread is in is kept here, for the audit hook to ask."""

    def __init__(self, writer: JournalWriter) -> None:
        self._thread = _ThreadTask()
        self.flush: Optional[Callable[[int], object]] = None  # set by who notes the end of a task's writing
        self._use(writer)

    def _use(self, writer: JournalWriter) -> None:
        self.writer = writer
        self.emit = writer.line
        self.process_id = writer.process_id
        self.next_id = itertools.count(1).__next__

    def after_fork(self) -> None:
        """Go on in a file of the child's own, within the task that forked it."""
        task, parent = self._thread.task, self.process_id
        self._thread.task = 0
        within = f"{parent}:{task}" if task else None
        self.writer.abandon()
        self._use(JournalWriter(self.writer.folder, how="fork", parent=parent, task=within))

    def current_task(self) -> int:
        """Return the task that the calling thread is in, 0 for none."""
        return self._thread.task

    def switch(self, task: int) -> int:
        """Set the thread's task; return the previous one."""
        thread = self._thread
        previous = thread.task
        thread.task = task
        return previous

    begin = switch

    def end(self, task: int, previous: int) -> None:
        """Note what the task wrote, and go back to the previous one."""
        if self.flush is not None:
            self.flush(task)
        self._thread.task = previous


class WatchChannel(WriterChannel):
    """Through the journal file that the audit hook of this process has begun, which goes on through ours."""

    def __init__(self, watch: Any) -> None:
        self._watch = watch
        super().__init__(self._join())
        self._share()

    def _join(self) -> JournalWriter:
        return JournalWriter(self._watch.journal, begun_as=self._watch.id)

    def _share(self) -> None:
        self._watch.emit, self._watch.current_task = self.emit, self.current_task
        self.flush = self._watch.flush

    def after_fork(self) -> None:
        """Join the child's file, which the hook has begun: it was there first."""
        self._thread.task = 0
        self.writer.abandon()
        self._use(self._join())
        self._share()


def _watch_of(folder: str) -> Any:
    """Return the audit hook's watch of this process; None when it has none, or one of another run."""
    watch = getattr(sys.modules.get("wfprov_audit"), "current", None)
    return watch if watch is not None and watch.journal == folder else None


def open_channel(environment: Optional[Dict[str, str]] = None) -> Optional[Channel]:
    """Return the channel to the run that the environment names; None when nothing is being recorded."""
    variables = os.environ if environment is None else environment
    folder = variables.get(events.ENV_JOURNAL)
    if not folder or not os.path.isabs(folder):
        return None
    try:
        return ShimChannel()
    except (ImportError, OSError):  # an interpreter without ctypes, or the shim is not here
        pass
    if not os.path.isdir(folder):
        return None
    watch = _watch_of(folder)
    if watch is not None:
        return WatchChannel(watch)
    channel = WriterChannel(
        JournalWriter(folder, parent=variables.get(events.ENV_PARENT), task=variables.get(events.ENV_TASK))
    )
    channel.tells_thread = True
    return channel
