"""``@reduction``: a task that reduces a collection, chunk by chunk."""

from typing import Any, Callable

from .._definition import settings_of

Function = Callable[..., Any]


def reduction(*_: Any, chunk_size: Any = 0, **__: Any) -> Callable[[Function], Function]:
    """Say how many elements a task reduces at a time; by default all."""

    def decorate(function: Function) -> Function:
        settings_of(function).chunk_size = int(chunk_size)
        return function

    return decorate


Reduction = reduction
