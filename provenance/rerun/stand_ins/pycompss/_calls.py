"""What happens when a task is called, and what its failure means to the others.

In: a :class:`~._definition.Definition` and the arguments of a call. Out: the result, where COMPSs would give an object
that stands for it. Failures follow the policy of the task: RETRY and FAIL end the application, IGNORE goes on with
empty results, CANCEL_SUCCESSORS cancels what would use them.
"""

import inspect
import os
import shutil
import sys
import threading
import traceback
from typing import Any, Dict, Iterator, List, Optional, Set

from ._definition import Definition
from .api.exceptions import COMPSsException

_DEEPEST = 6  # nesting of collections that are looked through
_state = threading.local()


class ApplicationFailed(SystemExit):
    """A task failed for good: COMPSs ends the application, whatever that would have caught."""


class Canceled:
    """Stands for the result of a task that was canceled or has failed."""

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Group:
    """Tasks that are waited for together."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.error: Optional[COMPSsException] = None


groups: List[Group] = []  # those that are open, the innermost last
known_groups: Dict[str, Group] = {}
_lost_files: Set[str] = set()
_lost_objects: List[Any] = []  # kept, so that none of the same identity comes later


def is_inside_task() -> bool:
    """Tell whether a task is being executed in this thread: what it calls are plain functions."""
    return bool(getattr(_state, "is_inside", False))


def call(definition: Definition, args: Any, kwargs: Any) -> Any:
    """Execute a task that the main program calls."""
    if is_inside_task():
        return definition.function(*args, **kwargs)
    bound = definition.signature.bind(*args, **kwargs)
    if any(group.error is not None for group in groups) or _needs_what_is_lost(definition, bound):
        return _cancel(definition, bound)
    if definition.settings.chunk_size:
        _reduce_in_chunks(definition, bound)
    return _executed(definition, bound)


def _executed(definition: Definition, bound: inspect.BoundArguments) -> Any:
    _state.is_inside = True
    try:
        result = definition.run(bound)
    except NotImplementedError:
        if definition.settings.missing is not None:
            raise
        return _failed(definition, bound)
    except COMPSsException as error:
        if not groups:
            return _failed(definition, bound)
        for group in groups:
            group.error = error
        return _cancel(definition, bound)
    except Exception:  # noqa: BLE001 - the task's policy says what becomes of it
        return _failed(definition, bound)
    finally:
        _state.is_inside = False
    _found(definition, bound)
    several = isinstance(definition.results, int) and definition.results > 1
    return list(result) if several and isinstance(result, tuple) else result


def _reduce_in_chunks(definition: Definition, bound: inspect.BoundArguments) -> None:
    """Put the results of chunks into the place of a collection until it is a chunk itself."""
    size = definition.settings.chunk_size or 0
    name = next((each for each in bound.arguments if definition.parameter(each).kind == "collection"), None)
    if name is None or size < 2:
        return
    items = list(bound.arguments[name])
    while len(items) > size:
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        items = []
        for chunk in chunks:
            bound.arguments[name] = chunk
            items.append(chunk[0] if len(chunk) == 1 else _executed(definition, bound))
    bound.arguments[name] = items


def _failed(definition: Definition, bound: inspect.BoundArguments) -> Any:
    traceback.print_exc()
    sys.stderr.flush()
    if definition.policy == "CANCEL_SUCCESSORS":
        return _cancel(definition, bound)
    if definition.policy != "IGNORE":
        sys.stderr.write(f"the task {definition.name} failed, and the application with it\n")
        raise ApplicationFailed(1)
    defaults = definition.settings.defaults
    for name, value in bound.arguments.items():
        parameter = definition.parameter(name)
        if parameter.kind == "file" and parameter.is_written and isinstance(value, str):
            if isinstance(defaults.get(name), str):
                shutil.copyfile(defaults[name], value)
            elif not os.path.exists(value):
                with open(value, "wb"):
                    pass
    return defaults.get("returns")


def _cancel(definition: Definition, bound: inspect.BoundArguments) -> Any:
    for name, value in bound.arguments.items():
        parameter = definition.parameter(name)
        if parameter.is_written:
            for one in _leaves(value):
                if parameter.is_path and isinstance(one, str):
                    _lost_files.add(os.path.abspath(one))
                elif not parameter.is_path:
                    _lost_objects.append(one)
    count = definition.results
    return [Canceled() for _ in range(count)] if isinstance(count, int) and count > 1 else Canceled()


def _found(definition: Definition, bound: inspect.BoundArguments) -> None:
    """A file that a later task wrote anew can be used again."""
    if not _lost_files:
        return
    for name, value in bound.arguments.items():
        parameter = definition.parameter(name)
        if parameter.is_path and parameter.is_written:
            _lost_files.difference_update(os.path.abspath(one) for one in _leaves(value) if isinstance(one, str))


def _needs_what_is_lost(definition: Definition, bound: inspect.BoundArguments) -> bool:
    for name, value in bound.arguments.items():
        parameter = definition.parameter(name)
        if not parameter.is_read:
            continue
        for one in _leaves(value):
            if isinstance(one, Canceled) or any(one is lost for lost in _lost_objects):
                return True
            if parameter.is_path and isinstance(one, str) and os.path.abspath(one) in _lost_files:
                return True
    return False


def _leaves(value: Any, depth: int = 0) -> Iterator[Any]:
    if isinstance(value, (list, tuple, dict)) and depth < _DEEPEST:
        if depth == 0:
            yield value
        for one in value.values() if isinstance(value, dict) else value:
            yield from _leaves(one, depth + 1)
    else:
        yield value
