"""Watches the files of this process by Python's audit events, for code that runs without the launcher.

In: a :class:`~provenance.recording.channel.WriterChannel`, which knows the task of each thread. Out: ``read``,
``write``, ``rename`` and ``delete`` events with their task, in the same journal file as the calls. The rules are those
of the hook that the launcher starts Python programs with; only who begins the file differs.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any, Optional

from provenance.journal.events import ENV_PARENT
from provenance.recording.capabilities import AUDIT_FOLDER
from provenance.recording.channel import WriterChannel


def watch_files(channel: WriterChannel, *, children_are_watched: bool) -> Any:
    """Begin to watch this process, and return the watch.

    An audit hook can't be taken out again, but the watch's ``stop`` silences it.

    Parameters
    ----------
    channel
        Where the events go.
    children_are_watched
        The shim is in the environment of started programs, so that they need no ``gap``.
    """
    _load("wfprov_audit_command")
    _load("wfprov_audit_programs")
    watch = _watch_type(_load("wfprov_audit"))(channel)
    watch.children_are_watched = children_are_watched
    channel.flush = watch.flush
    sys.addaudithook(watch.hear)
    os.register_at_fork(after_in_child=watch.forked)
    return watch


def _load(name: str) -> Any:
    """Load a module of the audit folder, which is not on the path of modules."""
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, str(AUDIT_FOLDER / f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(f"{AUDIT_FOLDER / name}.py is missing; install wfprov again")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _watch_type(module: Any) -> Any:
    class ChannelWatch(module.Watch):  # type: ignore[misc]
        """The journal file is begun by the channel's writer, also in a forked child."""

        def __init__(self, channel: WriterChannel) -> None:
            self._channel = channel
            super().__init__(channel.writer.folder, str(AUDIT_FOLDER))

        def _begin(self, how: str, parent: Optional[str], task: Optional[str]) -> None:
            self.id = os.environ[ENV_PARENT] = self._channel.process_id
            self.emit, self.current_task = self._channel.emit, self._channel.current_task
            self._forget()

    return ChannelWatch
