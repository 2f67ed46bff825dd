"""``@provenance.task``: the calls of a function become tasks of the run.

In: functions of any kind (plain, methods, generators, coroutines). Out: functions that do the same, and while a run
is being recorded write each call to its journal (:mod:`provenance.recording.calls`). When nothing is recorded a
call checks one variable and goes on.
"""

from __future__ import annotations

import functools
import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, Generator, Optional, Tuple, TypeVar, overload

from provenance.journal.events import ENV_JOURNAL

if TYPE_CHECKING:
    from provenance.recording.block import record
    from provenance.recording.calls import Call, Recorder, Tool

__all__ = ["record", "task"]

Function = TypeVar("Function", bound=Callable[..., Any])

_recorder: Optional[Recorder] = None
# The coroutine task around this one, as asyncio hands it to the tasks that it makes: (process id, task).
_around: ContextVar[Tuple[str, int]] = ContextVar("wfprov_task", default=("", 0))

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200  # inspect.CO_*, without importing inspect


@overload
def task(function: Function) -> Function: ...


@overload
def task(
    *, name: Optional[str] = None, value_limit: int = 1500, record_values: bool = True
) -> Callable[[Function], Function]: ...


def task(
    function: Optional[Function] = None,
    *,
    name: Optional[str] = None,
    value_limit: int = 1500,
    record_values: bool = True,
) -> Any:
    """Make each call of a function a task of the run that is being recorded.

    Works on functions, methods, class and static methods, generators (the task lasts until the generator is
    exhausted or closed), coroutine functions and asynchronous generators. The function behaves as before: same
    result, same exception, same name; it can be pickled.

    Parameters
    ----------
    name
        What the tool is called in the record; the function's qualified name by default.
    value_limit
        Characters of an argument or result that are recorded; what is longer is cut, with its digest.
    record_values
        False records neither arguments nor results, only the call, its times and its files.

    Examples
    --------
    >>> @task
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """
    if function is None:
        return functools.partial(task, name=name, value_limit=value_limit, record_values=record_values)
    if isinstance(function, (classmethod, staticmethod)):
        kind = type(function)
        return kind(_decorated(function.__func__, name, value_limit if record_values else None))
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"@provenance.task decorates functions and methods, not {function!r}")
    return _decorated(function, name, value_limit if record_values else None)


def _decorated(function: Callable[..., Any], name: Optional[str], limit: Optional[int]) -> Any:
    tool: Optional[Tool] = None

    def described() -> Tool:
        nonlocal tool
        if tool is None:
            from provenance.recording.signatures import tool_of

            tool = tool_of(function, name, limit)
        return tool

    code = getattr(function, "__code__", None)
    flags = getattr(code, "co_flags", 0)
    if flags & _COROUTINE:
        wrapper = _coroutine(function, described)
    elif flags & _ASYNC_GENERATOR:
        wrapper = _async_generator(function, described)
    elif flags & _GENERATOR:
        wrapper = _generator(function, described)
    else:
        wrapper = _plain(function, described)
    return functools.wraps(function)(wrapper)


def stand_in(function: Function, described_as: Callable[..., Any], name: str) -> Function:
    """Make each call of a function a task of another one that it executes in its own way.

    Parameters
    ----------
    described_as
        The function whose place, docstring and parameters are recorded.
    name
        What the tool is called in the record.
    """

    def described() -> Tool:
        from provenance.recording.signatures import tool_of

        return tool_of(described_as, name, 1500)

    result: Any = functools.wraps(function)(_plain(function, functools.lru_cache(maxsize=None)(described)))
    return result  # type: ignore[no-any-return]


def _plain(function: Callable[..., Any], described: Callable[[], Tool]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        recorder = _recorder
        if recorder is None:
            return function(*args, **kwargs)
        tool = described()
        call = recorder.begin(tool, args, kwargs)
        if call is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            recorder.fail(call, tool, error)
            raise
        recorder.complete(call, tool, result)
        return result

    return wrapper


def _generator(function: Callable[..., Any], described: Callable[[], Tool]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        recorder = _recorder
        if recorder is None:
            return (yield from function(*args, **kwargs))
        tool = described()
        call = recorder.begin(tool, args, kwargs)
        if call is None:
            return (yield from function(*args, **kwargs))
        recorder.suspend(call, call.previous)
        try:
            steps = function(*args, **kwargs)
            result = yield from _stepwise(steps, recorder, call, tool)
        except BaseException as error:
            _end_suspended(recorder, call, tool, error)
            raise
        call.previous = recorder.resume(call)
        recorder.complete(call, tool, result)
        return result

    return wrapper


def _coroutine(function: Callable[..., Any], described: Callable[[], Tool]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        recorder = _recorder
        if recorder is None:
            return await function(*args, **kwargs)
        tool = described()
        call = recorder.begin(tool, args, kwargs, _parent(recorder))
        if call is None:
            return await function(*args, **kwargs)
        recorder.suspend(call, call.previous)
        token = _around.set((call.process_id, call.id))
        try:
            result = await _Steps(function(*args, **kwargs), recorder, call)
        except BaseException as error:
            _end_suspended(recorder, call, tool, error)
            raise
        finally:
            _around.reset(token)
        call.previous = recorder.resume(call)
        recorder.complete(call, tool, result)
        return result

    return wrapper


def _async_generator(function: Callable[..., Any], described: Callable[[], Tool]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        recorder = _recorder
        call = None
        source = function(*args, **kwargs)
        if recorder is not None:
            tool = described()
            call = recorder.begin(tool, args, kwargs, _parent(recorder))
        if recorder is None or call is None:
            recorder = call = None
        else:
            recorder.suspend(call, call.previous)
        step = source.__anext__()
        try:
            while True:
                try:
                    item = await (step if recorder is None or call is None else _Steps(step, recorder, call))
                except StopAsyncIteration:
                    break
                if recorder is not None and call is not None:
                    recorder.remember(call, tool, item)
                try:
                    step = source.asend((yield item))
                except GeneratorExit:
                    closing = source.aclose()
                    await (closing if recorder is None or call is None else _Steps(closing, recorder, call))
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed to the user's generator
                    step = source.athrow(thrown)
        except BaseException as error:
            if recorder is not None and call is not None:
                _end_suspended(recorder, call, tool, error)
            raise
        if recorder is not None and call is not None:
            call.previous = recorder.resume(call)
            recorder.complete(call, tool, None)

    return wrapper


class _Steps:
    """An awaitable whose every step runs with the thread marked as inside the task."""

    __slots__ = ("_awaitable", "_call", "_recorder")

    def __init__(self, awaitable: Any, recorder: Recorder, call: Call) -> None:
        self._awaitable = awaitable
        self._recorder = recorder
        self._call = call

    def __await__(self) -> Generator[Any, Any, Any]:
        return _stepwise(self._awaitable.__await__(), self._recorder, self._call, None)


def _stepwise(steps: Any, recorder: Recorder, call: Call, yields: Optional[Tool]) -> Generator[Any, Any, Any]:
    """Drive a generator as ``yield from`` does, in the task while it runs and out of it while it waits.

    ``yields`` is the tool when what it yields are results of the task.
    """
    sent: Any = None
    thrown: Optional[BaseException] = None
    while True:
        previous = recorder.resume(call)
        try:
            item = steps.throw(thrown) if thrown is not None else steps.send(sent)
        except StopIteration as stop:
            return stop.value
        finally:
            thrown = None
            recorder.suspend(call, previous)
        if yields is not None:
            recorder.remember(call, yields, item)
        try:
            sent = yield item
        except GeneratorExit:
            previous = recorder.resume(call)
            try:
                steps.close()
            finally:
                recorder.suspend(call, previous)
            raise
        except BaseException as caught:  # noqa: BLE001 - handed to the user's generator
            thrown = caught


def _end_suspended(recorder: Recorder, call: Call, tool: Tool, error: BaseException) -> None:
    call.previous = recorder.resume(call)
    if isinstance(error, GeneratorExit):  # closed early, as its user wanted
        recorder.complete(call, tool, None)
    else:
        recorder.fail(call, tool, error)


def _parent(recorder: Recorder) -> int:
    process_id, number = _around.get()
    return number if process_id == recorder.channel.process_id else 0


def is_on() -> bool:
    """Return whether calls are being recorded."""
    return _recorder is not None


def switch_on(recorder: Optional[Recorder]) -> Optional[Recorder]:
    """Record calls from now on, or no more when None is given; returns what recorded before."""
    global _recorder  # the one variable that each call looks at
    before, _recorder = _recorder, recorder
    return before


def _record_if_asked() -> None:
    if ENV_JOURNAL not in os.environ:
        return
    from provenance.recording.calls import Recorder
    from provenance.recording.channel import open_channel

    channel = open_channel()
    if channel is not None:
        switch_on(Recorder(channel))


def __getattr__(name: str) -> Any:
    if name == "record":
        from provenance.recording.block import record

        return record
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_record_if_asked()
