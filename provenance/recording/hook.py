"""Watches the files of this process by Python's audit events, for code that runs without the launcher.

In: a :class:`~provenance.recording.channel.WriterChannel`, which knows the task of each thread. Out: ``read``,
``write``, ``rename`` and ``delete`` events with their task, in the same journal file as the calls. The rules are those
of the hook that the launcher starts Python programs with; only where the lines go, and whose they are, differs.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from threading import get_ident
from typing import Any, Callable, Dict, Optional, Set

from provenance.journal.events import ENV_PARENT, ENV_TASK
from provenance.recording.capabilities import AUDIT_FOLDER
from provenance.recording.channel import WriterChannel


def watch_files(channel: WriterChannel, *, children_are_watched: bool) -> FileWatch:
    """Begin to watch this process; an audit hook can't be taken out again, but :meth:`FileWatch.stop` silences it.

    Parameters
    ----------
    channel
        Where the events go.
    children_are_watched
        The shim is in the environment of started programs, so that they need no ``gap``.
    """
    _load("wfprov_audit_programs")
    watch_type = _watch_type(_load("wfprov_audit"))
    return FileWatch(watch_type(channel, children_are_watched), channel)


class FileWatch:
    """The watch of this process."""

    def __init__(self, watch: Any, channel: WriterChannel) -> None:
        self._watch = watch
        channel.flush = watch.flush
        sys.addaudithook(watch.hear)
        os.register_at_fork(after_in_child=watch.forked)

    def stop(self) -> None:
        """Note the state of what was written, and hear nothing more."""
        self._watch.flush(None)
        self._watch._handlers = {}


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


class _OfTask(Dict[Any, Any]):
    """A map by path that keeps what each task did apart, so that a file read by two tasks is told of twice."""

    def __init__(self, current_task: Callable[[], int]) -> None:
        super().__init__()
        self._current_task = current_task

    def get(self, path: str, otherwise: Any = None) -> Any:
        return super().get((self._current_task(), path), otherwise)

    def __setitem__(self, path: str, state: Any) -> None:
        super().__setitem__((self._current_task(), path), state)

    def __contains__(self, path: object) -> bool:
        return super().__contains__((self._current_task(), path))

    def pop(self, path: Any, *otherwise: Any) -> Any:
        return super().pop((self._current_task(), path), *otherwise)


def _watch_type(module: Any) -> Any:
    class Watch(module._Watch):  # type: ignore[misc]
        def __init__(self, channel: WriterChannel, children_are_watched: bool) -> None:
            self._channel = channel
            self._children_are_watched = children_are_watched
            super().__init__(channel.writer.folder, str(AUDIT_FOLDER))

        def _begin(self, how: str, parent: Optional[str]) -> None:
            # The journal file is begun by its writer, also in a forked child.
            self._id = os.environ[ENV_PARENT] = self._channel.process_id
            current = self._channel.current_task
            self._read, self._written = _OfTask(current), _OfTask(current)
            self._gaps: Set[Any] = set()
            self._saves = 0

        def _event(self, kind: str, t: Optional[int] = None, **encoded: Any) -> None:
            task = self._channel.current_task()
            if task:
                encoded.setdefault("task", str(task))
            fields = "".join(f',"{name}":{value}' for name, value in encoded.items())
            line = f'{{"e":"{kind}","t":{t or module.time.time_ns()}{fields}}}\n'
            self._channel.emit(line.encode("ascii"))

        def _program(self, program: Any, words: Any, env: Any) -> None:
            task = self._channel.current_task()
            if task:
                os.environ[ENV_TASK] = f"{self._channel.process_id}:{task}"
            else:
                os.environ.pop(ENV_TASK, None)
            if not self._children_are_watched:
                super()._program(program, words, env)

        def flush(self, task: Optional[int]) -> None:
            """Note the state of the files that a task, or all, wrote."""
            if not self._written and ENV_TASK not in os.environ:
                return
            thread = get_ident()
            was_hearing = thread in self._hearing
            self._hearing.add(thread)
            try:
                os.environ.pop(ENV_TASK, None)
                for (of, path), before in list(self._written.items()):
                    if task is not None and of != task:
                        continue
                    now = module._state(path)
                    if now is not None and now != before:
                        more: Dict[str, Any] = {"task": str(of)} if of else {}
                        self._event("close", p=module._quoted(path), s=module._listed(now), **more)
                    dict.pop(self._written, (of, path), None)
            finally:
                if not was_hearing:
                    self._hearing.discard(thread)

    return Watch
