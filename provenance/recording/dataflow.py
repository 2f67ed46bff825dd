"""Which values came out of which task: what makes an edge when one task's result is passed to another.

In: objects that tasks return. Out: for an object that is passed to a task, the task that it came from. Objects are
told apart by identity. Nothing large is kept alive: objects are watched through weak references, and only small
values that have none (numbers, texts, small collections of them) are held, the newest few thousand.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, Dict, Optional, Protocol, Sequence, Tuple

_MOST_WATCHED = 100_000  # objects alive at once; about 30 MB of our own at most
_MOST_HELD = 2048  # of the newest values; as many older ones go with the next half
_LONGEST_HELD = 4096  # characters or bytes
_SHORTEST_HELD = 16  # shorter texts are often shared by the interpreter, which would make false edges
_MOST_ELEMENTS_HELD = 64
_MOST_ELEMENTS_WATCHED = 256  # of a returned collection
_FIRST_ELEMENTS = 256  # of an argument; the rest only when one of these came from a task
_MOST_ELEMENTS_ASKED = 20_000

PLAIN = frozenset([type(None), bool, int, float, complex, str, bytes])
_COLLECTIONS = frozenset([list, tuple, dict, set, frozenset])
# One object of these is used by everybody: having returned it means nothing.
_SHARED = (type, ModuleType, FunctionType, BuiltinFunctionType)


class Origin(Protocol):
    """A task that returned something."""

    @property
    def key(self) -> str:
        """Its global id; asked for only when an edge is written."""


class _Watched(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that knows the task that its object came from."""

    __slots__ = ("key", "task")
    key: int
    task: Origin


class Results:
    """Remembers which task returned an object; safe for threads."""

    def __init__(self) -> None:
        self._watched: OrderedDict[int, _Watched] = OrderedDict()
        # In two generations: leaving out the older one is cheaper than the oldest value each time.
        self.held: Dict[int, Tuple[Any, Origin]] = {}
        self.held_before: Dict[int, Tuple[Any, Origin]] = {}
        self.has_any = False  # whether anything was ever remembered

        def forget(reference: _Watched, watched: OrderedDict[int, _Watched] = self._watched) -> None:
            if watched.get(reference.key) is reference:
                watched.pop(reference.key, None)

        self._forget = forget

    def __len__(self) -> int:
        return len(self._watched) + len(self.held) + len(self.held_before)

    def remember(self, value: Any, task: Origin, constants: Tuple[Any, ...], given: Tuple[Any, ...]) -> None:
        """Note that ``task`` returned ``value``.

        Parameters
        ----------
        constants
            Of the function: they are shared with the rest of the module and are not results.
        given
            Its arguments: an immutable one that is only handed through is not a result either.
        """
        kind = type(value)
        if kind in PLAIN:
            self._remember_scalar(value, kind, task, constants, given)
        elif kind in _COLLECTIONS:
            if not value or any(value is constant for constant in constants):
                return
            self._remember_elements(value, kind, task, constants, given)
        else:
            self._watch(value, task)

    def origin(self, value: Any) -> Optional[str]:
        """Return the global id of the task that returned this very object; None when none did."""
        key = id(value)
        held = self.held.get(key) or self.held_before.get(key)
        if held is not None:
            return held[1].key if held[0] is value else None
        watched = self._watched.get(key)
        return watched.task.key if watched is not None and watched() is value else None

    def origins(self, value: Any) -> Sequence[str]:
        """Return the tasks that ``value``, or what stands one or two levels deep in it, came from."""
        kind = type(value)
        if kind in PLAIN:
            key = id(value)
            held = self.held.get(key) or self.held_before.get(key)
            return () if held is None or held[0] is not value else (held[1].key,)
        own = self.origin(value)
        if own is not None:
            return (own,)
        if kind not in _COLLECTIONS:
            return ()
        tasks: Dict[str, None] = {}
        self._ask_elements(value, kind, tasks, deeper=True)
        return list(tasks)

    def _ask_elements(self, value: Any, kind: type, tasks: Dict[str, None], *, deeper: bool) -> None:
        before = len(tasks)
        elements = value.values() if kind is dict else value
        for count, element in enumerate(elements):
            if count >= _MOST_ELEMENTS_ASKED or (count >= _FIRST_ELEMENTS and len(tasks) == before):
                break
            found = self.origin(element)
            if found is not None:
                tasks[found] = None
            elif deeper and type(element) in _COLLECTIONS:
                self._ask_elements(element, type(element), tasks, deeper=False)

    def _remember_elements(
        self, value: Any, kind: type, task: Origin, constants: Tuple[Any, ...], given: Tuple[Any, ...]
    ) -> None:
        elements = value.values() if kind is dict else value
        only_scalars, size = len(value) <= _MOST_ELEMENTS_HELD, 0
        for count, element in enumerate(elements):
            if count >= _MOST_ELEMENTS_WATCHED:
                break
            element_kind = type(element)
            if element_kind in PLAIN:
                size += len(element) if element_kind in (str, bytes) else 8
                self._remember_scalar(element, element_kind, task, constants, given)
            else:
                only_scalars = False
                if element_kind not in _COLLECTIONS:
                    self._watch(element, task)
        if only_scalars and size <= _LONGEST_HELD:
            self._hold(value, task)

    def _remember_scalar(
        self, value: Any, kind: type, task: Origin, constants: Tuple[Any, ...], given: Tuple[Any, ...]
    ) -> None:
        if kind is float or kind is complex:
            if value in (0.0, 1.0, -1.0):
                return
        elif kind is int:
            if -5 <= value <= 256:  # the interpreter has one object for each of these
                return
        elif kind is str or kind is bytes:
            if not _SHORTEST_HELD <= len(value) <= _LONGEST_HELD:
                return
        else:
            return
        for other in constants:
            if other is value:
                return
        for other in given:
            if other is value:
                return
        self._hold(value, task)

    def _hold(self, value: Any, task: Origin) -> None:
        held = self.held
        if len(held) >= _MOST_HELD:
            self.held_before = held
            held = self.held = {}
        held[id(value)] = (value, task)
        self.has_any = True

    def _watch(self, value: Any, task: Origin) -> None:
        if issubclass(type(value), _SHARED) or hasattr(type(value), "_value2member_map_"):
            return
        try:
            reference = _Watched(value, self._forget)
        except TypeError:  # its type has no weak references, and it may be large: not kept
            return
        reference.key, reference.task = id(value), task
        watched = self._watched
        watched.pop(reference.key, None)
        watched[reference.key] = reference
        self.has_any = True
        if len(watched) > _MOST_WATCHED:
            try:
                watched.popitem(last=False)
            except KeyError:
                return
