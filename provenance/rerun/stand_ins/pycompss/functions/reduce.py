"""Reductions of lists by a task."""

from collections import deque
from typing import Any, Callable, Iterable


def merge_reduce(function: Callable[[Any, Any], Any], data: Iterable[Any], chunk: int = 48) -> Any:
    """Reduce pairs, the results going to the end of the line, until one is left."""
    queue = deque(data)
    while len(queue) > 1:
        first, second = queue.popleft(), queue.popleft()
        queue.append(function(first, second))
    return queue[0] if queue else None


def merge_n_reduce(function: Callable[..., Any], arity: int, data: Iterable[Any]) -> Any:
    """Reduce ``arity`` elements at a time, the results going to the end of the line, until one is left."""
    queue = deque(data)
    while len(queue) > 1:
        taken = [queue.popleft() for _ in range(min(arity, len(queue)))]
        queue.append(function(*taken))
    return queue[0] if queue else None


def simple_reduce(function: Callable[[Any, Any], Any], data: Iterable[Any]) -> Any:
    """Reduce from the first element to the last."""
    found, *rest = data
    for each in rest:
        found = function(found, each)
    return found
