"""What is written down of a call: the ``tool``, ``task``, ``edge`` and ``done`` events.

In: a function with its arguments, then its result or exception. Out: lines through a
:class:`~provenance.recording.channel.Channel`. Whatever goes wrong in here never reaches the caller: it is counted,
and written once as a gap.
"""

from __future__ import annotations

import os
import threading
from time import time_ns
from types import CodeType
from typing import Any, Dict, List, Optional, Sequence, Tuple

from provenance.recording import values
from provenance.recording.channel import Channel
from provenance.recording.dataflow import Results
from provenance.recording.values import fragment, looks_like_credential, quoted, removed

_MOST_EXTRA = 50  # elements of *args and **kwargs that are written one by one
_LONGEST_DOC = 2000  # characters of a docstring

Arguments = Tuple[Any, ...]
Keywords = Dict[str, Any]


class Tool:
    """A function that becomes tasks, with all that can be prepared before its first call.

    Parameters
    ----------
    name, module, file, line, end_line, doc
        As the ``tool`` event has them.
    parameters
        Names that arguments are bound to by position, then those by keyword alone.
    positional
        How many of the parameters take arguments by position.
    rest
        Name of the parameter for further positional arguments (``*args``), if any.
    defaults
        Name -> value of the parameters that may be left out.
    has_owner
        The first argument is the object or class that the method belongs to.
    code
        Code object of the function, when it is written in Python.
    limit
        Characters of a recorded value; None when values are not recorded.
    """

    def __init__(
        self,
        *,
        name: str,
        module: Optional[str],
        file: Optional[str],
        line: Optional[int],
        end_line: Optional[int],
        doc: Optional[str],
        parameters: Sequence[str],
        positional: int,
        rest: Optional[str],
        defaults: Dict[str, Any],
        has_owner: bool,
        code: Optional[CodeType],
        limit: Optional[int],
    ) -> None:
        self.fields: Dict[str, Any] = {"name": name, "module": module, "file": file, "line": line}
        self.fields.update(end_line=end_line, doc=doc)
        self.parameters = list(parameters)
        self.names = self.parameters[:positional]
        self.heads = [_head(parameter) for parameter in self.names]
        self.hidden = frozenset(each for each in parameters if looks_like_credential(each))
        self.rest = rest
        self.defaults = defaults
        self.default_texts = {each: self._default_text(each, value) for each, value in defaults.items()}
        by_keyword = 1 << 30  # no number of positional arguments reaches it
        self.default_positions = [
            (each, self.names.index(each) if each in self.names else by_keyword) for each in defaults
        ]
        self.has_owner = has_owner
        self.code = code
        self.limit = limit
        self.hides_result = looks_like_credential(name.rpartition(".")[2])
        self.declared: Tuple[object, int] = (None, 0)  # epoch, id in it

    def _default_text(self, name: str, value: Any) -> Optional[str]:
        if name in self.hidden and value is not None:
            return _head(name) + removed() + "}"
        if type(value) in (type(None), bool, int, float):
            return _head(name) + fragment(value) + "}"
        return None  # a mutable one may have changed by the next call

    def event(self, number: int) -> bytes:
        """Return the line that declares this tool as ``number``."""
        parts = [f'{{"e":"tool","t":{time_ns()},"id":{number}']
        for key, value in self.fields.items():
            if value is not None:
                text = str(value) if isinstance(value, int) else quoted(str(value)[:_LONGEST_DOC])
                parts.append(f',"{key}":{text}')
        parameters = self.parameters + ([self.rest] if self.rest else [])
        parts.append(f',"params":[{",".join(quoted(each) for each in parameters)}]}}\n')
        return "".join(parts).encode("ascii")


class Call:
    """A task that has begun."""

    __slots__ = ("given", "id", "previous", "process_id", "unfound")

    def __init__(self, number: int, previous: int, process_id: str) -> None:
        self.id = number
        self.previous = previous  # the task that the thread was in before
        self.process_id = process_id
        self.unfound: List[Tuple[str, Any]] = []  # arguments that may name a file that the call makes
        self.given: Arguments = ()


class Recorder:
    """Turns calls into events of one run."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.results = Results()
        self.lost = 0
        self._epoch = object()  # another one after a fork: ids begin again in the child's own file
        self._declaring = threading.Lock()
        os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        self._epoch = object()
        self._declaring = threading.Lock()
        self.lost = 0
        try:
            self.channel.after_fork()
        except Exception as error:  # noqa: BLE001 - a fork must not fail because of us
            self._note_loss(error)

    # ---- the life of a task

    def begin(self, tool: Tool, args: Arguments, kwargs: Keywords, parent: int = 0) -> Optional[Call]:
        """Write that a call begins and mark the thread; None when that failed.

        ``parent`` is the task around this one where the thread does not tell (coroutines).
        """
        channel = self.channel
        call = None
        try:
            epoch, number = tool.declared
            if epoch is not self._epoch:
                number = self._declare(tool)
            task = channel.next_id()
            call = Call(task, channel.begin(task), channel.process_id)
            texts = self._arguments(tool, args, kwargs, call) if tool.limit is not None else ""
            parent = call.previous or parent
            within = ',"parent":%d' % parent if parent else ""
            line = '{"e":"task","t":%d,"id":%d,"tool":%d,"args":[%s]%s}\n'
            channel.emit((line % (time_ns(), task, number, texts, within)).encode("ascii"))
            if self.results.any():
                self._edges(tool, args, kwargs, task)
        except Exception as error:  # noqa: BLE001 - the user's call goes on
            self._note_loss(error)
        except BaseException:  # Ctrl-C while in here: the call will not take place
            if call is not None:
                channel.end(call.id, call.previous)
            raise
        return call

    def complete(self, call: Call, tool: Tool, result: Any) -> None:
        """Write that the call returned ``result``."""
        now = time_ns()
        channel = self.channel
        if call.process_id is not channel.process_id:  # a forked child ran on to the end of its parent's call
            return
        try:
            channel.end(call.id, call.previous)
            text = ""
            if result is not None:
                if tool.limit is not None:
                    described = removed() if tool.hides_result else fragment(result, tool.limit)
                    text = ',"value":{"name":"return",' + described + "}"
                if result is not True and result is not False:
                    origin = f"{call.process_id}:{call.id}"
                    self.results.remember(result, origin, tool.code, call.given)
            if call.unfound:
                text += _found_now(call.unfound)
            line = '{"e":"done","t":%d,"id":%d,"status":"completed"%s}\n' % (now, call.id, text)
            channel.emit(line.encode("ascii"))
        except Exception as error:  # noqa: BLE001 - the user's result is returned
            self._note_loss(error)

    def fail(self, call: Call, tool: Tool, error: BaseException) -> None:
        """Write that the call raised ``error``; an exit without an error code is no failure."""
        now = time_ns()
        channel = self.channel
        if call.process_id is not channel.process_id:
            return
        try:
            channel.end(call.id, call.previous)
            status = '"failed","error":' + quoted(values.error_text(error, tool.limit or values.DEFAULT_LIMIT))
            if isinstance(error, SystemExit) and error.code in (None, 0):
                status = '"completed"'
            text = _found_now(call.unfound) if call.unfound else ""
            line = '{"e":"done","t":%d,"id":%d,"status":%s%s}\n' % (now, call.id, status, text)
            channel.emit(line.encode("ascii"))
        except Exception as problem:  # noqa: BLE001 - the user's exception is raised
            self._note_loss(problem)

    # ---- tasks that are suspended and resumed

    def suspend(self, call: Call, previous: int) -> None:
        """Take the thread out of the task."""
        if call.process_id is self.channel.process_id:
            self.channel.switch(previous)

    def resume(self, call: Call) -> int:
        """Put the thread into the task again; returns its previous one."""
        if call.process_id is self.channel.process_id:
            return self.channel.switch(call.id)
        return 0

    def remember(self, call: Call, tool: Tool, value: Any) -> None:
        """Note a value that a generator yielded."""
        try:
            origin = f"{call.process_id}:{call.id}"
            self.results.remember(value, origin, tool.code, call.given)
        except Exception as error:  # noqa: BLE001 - the user's value is yielded
            self._note_loss(error)

    # ---- parts

    def _declare(self, tool: Tool) -> int:
        with self._declaring:
            epoch, number = tool.declared
            if epoch is not self._epoch:
                number = self.channel.next_id()
                self.channel.emit(tool.event(number))
                tool.declared = (self._epoch, number)
            return number

    def _arguments(self, tool: Tool, args: Arguments, kwargs: Keywords, call: Call) -> str:
        limit = tool.limit or 0
        texts = []
        unfound = call.unfound
        hidden = tool.hidden
        for head, name, value in zip(tool.heads, tool.names, args):  # noqa: B905 - Python 3.8; fewer are given
            if name in hidden:
                texts.append(head + removed() + "}")
                continue
            if tool.has_owner and not texts:
                texts.append(head + _owner(value) + "}")
                continue
            text = fragment(value, limit)
            if '"value":"' in text and ',"path":' not in text and _may_name_file(value):
                unfound.append((name, value))
            texts.append(head + text + "}")
        given = len(args)
        if given > len(tool.names):
            texts += self._rest(tool, args, limit)
        for name, value in kwargs.items():
            if name in hidden or looks_like_credential(name):
                texts.append(_head(name) + removed() + "}")
                continue
            text = fragment(value, limit)
            if '"value":"' in text and ',"path":' not in text and _may_name_file(value):
                unfound.append((name, value))
            texts.append(_head(name) + text + "}")
        for name, position in tool.default_positions:
            if position >= given and name not in kwargs:
                texts.append(tool.default_texts[name] or _head(name) + fragment(tool.defaults[name], limit) + "}")
        call.given = args if not kwargs else (*args, *kwargs.values())
        return ",".join(texts)

    def _rest(self, tool: Tool, args: Arguments, limit: int) -> List[str]:
        first = len(tool.names)
        name = tool.rest or "argument"
        shown = args[first : first + _MOST_EXTRA]
        texts = [_head(f"{name}[{index}]") + fragment(value, limit) + "}" for index, value in enumerate(shown)]
        if len(args) - first > len(shown):
            texts.append(_head(name) + f'"type":"tuple","value":"tuple of {len(args) - first}"}}')
        return texts

    def _edges(self, tool: Tool, args: Arguments, kwargs: Keywords, task: int) -> None:
        names = tool.names
        for index, value in enumerate(args):
            if type(value) not in _NEVER_RESULTS:
                for origin in self.results.origins(value):
                    name = names[index] if index < len(names) else f"{tool.rest}[{index - len(names)}]"
                    self._edge(task, origin, name)
        for name, value in kwargs.items():
            if type(value) not in _NEVER_RESULTS:
                for origin in self.results.origins(value):
                    self._edge(task, origin, name)

    def _edge(self, task: int, origin: str, name: str) -> None:
        line = '{"e":"edge","t":%d,"task":%d,"from":%s,"arg":%s}\n'
        self.channel.emit((line % (time_ns(), task, quoted(origin), quoted(name))).encode("ascii"))

    def _note_loss(self, error: Exception) -> None:
        self.lost += 1
        if self.lost > 1:
            return
        try:
            why = quoted(values.error_text(error, 300))
            line = f'{{"e":"gap","t":{time_ns()},"what":"calls of tasks","why":{why}}}\n'
            self.channel.emit(line.encode("ascii"))
        except Exception:  # noqa: BLE001 - nothing is left to tell it to
            self.lost += 1


_NEVER_RESULTS = frozenset([type(None), bool])


def _head(name: str) -> str:
    return '{"name":' + quoted(name) + ","


def _owner(value: Any) -> str:
    kind = value if issubclass(type(value), type) else type(value)
    name = quoted(values.type_name(kind))
    return f'"type":{name},"value":{name}'


def _may_name_file(value: Any) -> bool:
    if type(value) is str:
        # A question to the file system at the end of each call is worth it only for what looks like a path.
        return ("/" in value or "." in value) and len(value) < 1024 and "\n" not in value
    return hasattr(type(value), "__fspath__")


def _found_now(unfound: List[Tuple[str, Any]]) -> str:
    """Which of the arguments name a file now that did not when the call began."""
    found = []
    for name, value in unfound:
        path = values.existing_path(os.fsdecode(os.fspath(value)))
        if path is not None:
            found.append(f"{quoted(name)}:{quoted(path)}")
    return f',"paths":{{{",".join(found)}}}' if found else ""
