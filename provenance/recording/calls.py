"""What is written down of a call: the ``tool``, ``task``, ``edge`` and ``done`` events.

In: a function with its arguments, then its result or exception. Out: lines through a
:class:`~provenance.recording.channel.Channel`. Whatever goes wrong in here never reaches the caller: it is counted,
and written once as a gap.
"""

from __future__ import annotations

import os
import threading
from resource import RUSAGE_THREAD, getrusage
from sys import modules
from threading import get_native_id
from time import time_ns
from types import CodeType
from typing import Any, Dict, List, Optional, Sequence, Tuple

from provenance.journal.credentials import looks_like_credential
from provenance.recording import values
from provenance.recording.channel import Channel
from provenance.recording.dataflow import PLAIN, Results
from provenance.recording.values import fragment, quoted, removed

_MOST_EXTRA = 50  # elements of *args and **kwargs that are written one by one
_RETURNED = ',"value":{"name":"return",'
_MOST_KEYWORDS_KEPT = 200  # names of **kwargs may be different each time
_LEAST_EXACT, _MOST_EXACT = -(1 << 53), 1 << 53  # integers that every reader of JSON takes as they are
_LONGEST_EXPECTED = 1024  # characters of a path
_LONGEST_DOC = 2000  # characters of a docstring
_WORTH_TELLING = 1_000_000  # nanoseconds: what a shorter call used says nothing
_SUSPENDS = 0x20 | 0x80 | 0x200  # inspect.CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR

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
        # What stands before a plain number that is passed by position, ready to be used.
        self.by_position = [
            (each, head, None, None)
            if each in self.hidden or (has_owner and not index)
            else (each, head, head + '"type":"int","value":%d}', head + '"type":"float","value":%r}')
            for index, (each, head) in enumerate(zip(self.names, self.heads))  # noqa: B905 - Python 3.8
        ]
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
        self.constants: Arguments = code.co_consts if code is not None else ()
        self.suspends = code is not None and bool(code.co_flags & _SUSPENDS)
        self._keyword_heads: Dict[str, Optional[str]] = {}
        self.declared: Tuple[object, int] = (None, 0)  # epoch, id in it

    def _default_text(self, name: str, value: Any) -> Optional[str]:
        if name in self.hidden and value is not None:
            return _head(name) + removed() + "}"
        if type(value) in (type(None), bool, int, float):
            return _head(name) + fragment(value) + "}"
        return None  # a mutable one may have changed by the next call

    def head_of(self, name: str) -> Optional[str]:
        """Return what stands before a keyword argument's value; None when its name is that of a credential."""
        try:
            return self._keyword_heads[name]
        except KeyError:
            head = None if name in self.hidden or looks_like_credential(name) else _head(name)
            if len(self._keyword_heads) < _MOST_KEYWORDS_KEPT:
                self._keyword_heads[name] = head
            return head

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

    __slots__ = ("began", "given", "id", "previous", "process_id", "unfound", "used")

    @property
    def key(self) -> str:
        """The global id of the task."""
        return f"{self.process_id}:{self.id}"

    def __init__(self, number: int, previous: int, process_id: str) -> None:
        self.id = number
        self.previous = previous  # the task that the thread was in before
        self.process_id = process_id
        self.unfound: Optional[List[Tuple[str, Any]]] = None  # arguments that may name a file that the call makes
        self.given: Arguments = ()
        self.began = 0  # nanoseconds since the epoch
        self.used: Any = None  # what the thread had used then; None of a call that is suspended in between


def _used(call: Call, now: int) -> str:
    """Return the CPU time that the thread spent within a call, as fields; "" for a call too short to tell."""
    before = call.used
    if before is None or now - call.began < _WORTH_TELLING:
        return ""
    call.used = None
    used = getrusage(RUSAGE_THREAD)
    return ',"utime":%.6f,"stime":%.6f' % (used.ru_utime - before.ru_utime, used.ru_stime - before.ru_stime)


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
            if channel.tells_thread and not tool.suspends and "greenlet" not in modules:
                within += ',"tid":%d' % get_native_id()
            line = '{"e":"task","t":%d,"id":%d,"tool":%d,"args":[%s]%s}\n'
            call.began = time_ns()
            channel.emit((line % (call.began, task, number, texts, within)).encode("ascii"))
            if self.results.has_any:
                self._edges(tool, args, kwargs, task)
            if not tool.suspends:
                call.used = getrusage(RUSAGE_THREAD)
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
        used = _used(call, now)
        channel = self.channel
        if call.process_id is not channel.process_id:  # a forked child ran on to the end of its parent's call
            return
        try:
            channel.end(call.id, call.previous)
            text = used
            if result is not None:
                if tool.hides_result or tool.limit is None:
                    text += "" if tool.limit is None else _RETURNED + removed() + "}"
                elif type(result) is float and result - result == 0:
                    text += ',"value":{"name":"return","type":"float","value":%r}' % result
                else:
                    text += _RETURNED + fragment(result, tool.limit) + "}"
                if result is not True and result is not False:
                    self.results.remember(result, call, tool.constants, call.given)
            if call.unfound:
                text += _found_now(call.unfound)
            line = '{"e":"done","t":%d,"id":%d,"status":"completed"%s}\n' % (now, call.id, text)
            channel.emit(line.encode("ascii"))
            call.given = ()  # the call may be remembered as the origin of its result: nothing else is kept alive
            call.unfound = None
        except Exception as error:  # noqa: BLE001 - the user's result is returned
            self._note_loss(error)

    def fail(self, call: Call, tool: Tool, error: BaseException) -> None:
        """Write that the call raised ``error``; an exit without an error code is no failure."""
        now = time_ns()
        used = _used(call, now)
        channel = self.channel
        if call.process_id is not channel.process_id:
            return
        try:
            channel.end(call.id, call.previous)
            status = '"failed","error":' + quoted(values.error_text(error, tool.limit or values.DEFAULT_LIMIT))
            if isinstance(error, SystemExit) and error.code in (None, 0):
                status = '"completed"'
            text = used + (_found_now(call.unfound) if call.unfound else "")
            line = '{"e":"done","t":%d,"id":%d,"status":%s%s}\n' % (now, call.id, status, text)
            channel.emit(line.encode("ascii"))
            call.given = ()
            call.unfound = None
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
            self.results.remember(value, call, tool.constants, call.given)
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
        for (name, head, whole, real), value in zip(tool.by_position, args):  # noqa: B905 - fewer are given
            kind = type(value)
            if whole is None or real is None:
                text = removed() if name in tool.hidden else _owner(value)
            elif kind is float and value - value == 0:  # neither infinite nor not a number
                texts.append(real % value)
                continue
            elif kind is int and _LEAST_EXACT < value < _MOST_EXACT:
                texts.append(whole % value)
                continue
            else:
                text = fragment(value, limit)
                if kind not in _NEVER_PATHS and ',"path":' not in text:
                    _expect_file(call, name, value)
            texts.append(head + text + "}")
        if kwargs or tool.defaults or len(args) > len(tool.names):
            self._other_arguments(tool, args, kwargs, call, texts)
        call.given = args if not kwargs else (*args, *kwargs.values())
        return ",".join(texts)

    def _other_arguments(self, tool: Tool, args: Arguments, kwargs: Keywords, call: Call, texts: List[str]) -> None:
        """Add what was passed beyond the positional parameters, by keyword, and by default."""
        limit = tool.limit or 0
        given = len(args)
        if given > len(tool.names):
            texts += self._rest(tool, args, limit)
        for name, value in kwargs.items():
            shown = tool.head_of(name)
            if shown is None:
                texts.append(_head(name) + removed() + "}")
                continue
            text = fragment(value, limit)
            if type(value) not in _NEVER_PATHS and ',"path":' not in text:
                _expect_file(call, name, value)
            texts.append(shown + text + "}")
        for name, position in tool.default_positions:
            if position >= given and name not in kwargs:
                known = tool.default_texts[name]
                if known is None:
                    value = tool.defaults[name]
                    text = fragment(value, limit)
                    if type(value) not in _NEVER_PATHS and ',"path":' not in text:
                        _expect_file(call, name, value)
                    known = _head(name) + text + "}"
                texts.append(known)

    def _rest(self, tool: Tool, args: Arguments, limit: int) -> List[str]:
        first = len(tool.names)
        name = tool.rest or "argument"
        shown = args[first : first + _MOST_EXTRA]
        texts = [_head(f"{name}[{index}]") + fragment(value, limit) + "}" for index, value in enumerate(shown)]
        if len(args) - first > len(shown):
            texts.append(_head(name) + f'"type":"tuple","value":"tuple of {len(args) - first}"}}')
        return texts

    def _edges(self, tool: Tool, args: Arguments, kwargs: Keywords, task: int) -> None:
        results = self.results
        origins = results.origins
        index = -1
        for value in args:
            index += 1
            key = id(value)
            if key not in results.held and key not in results.held_before and type(value) in PLAIN:
                continue
            found = origins(value)
            if found:
                names = tool.names
                name = names[index] if index < len(names) else f"{tool.rest}[{index - len(names)}]"
                for origin in found:
                    self._edge(task, origin, name)
        for name, value in kwargs.items():
            for origin in origins(value):
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


_NEVER_PATHS = frozenset([type(None), bool, int, float, complex, bytes, list, tuple, dict, set, frozenset])


def _head(name: str) -> str:
    return '{"name":' + quoted(name) + ","


def _owner(value: Any) -> str:
    kind = value if issubclass(type(value), type) else type(value)
    name = quoted(values.type_name(kind))
    return f'"type":{name},"value":{name}'


def _expect_file(call: Call, name: str, value: Any) -> None:
    """Note an argument that names no file yet, when it may name one that the call makes."""
    if type(value) is str:
        # A question to the file system at the end of each call is worth it only for what looks like a path.
        if ("/" not in value and "." not in value) or len(value) > _LONGEST_EXPECTED or "\n" in value:
            return
    elif not hasattr(type(value), "__fspath__"):
        return
    if call.unfound is None:
        call.unfound = []
    call.unfound.append((name, value))


def _found_now(unfound: List[Tuple[str, Any]]) -> str:
    """Which of the arguments name a file now that did not when the call began."""
    found = []
    for name, value in unfound:
        path = values.existing_path(os.fsdecode(os.fspath(value)))
        if path is not None:
            found.append(f"{quoted(name)}:{quoted(path)}")
    return f',"paths":{{{",".join(found)}}}' if found else ""
