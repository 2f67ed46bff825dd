"""``@prolog``: a program that is started before a task."""

from typing import Any, Callable

from .._programs import starts_beside


def prolog(*_: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Start a program before the task."""
    return starts_beside(options, is_before=True)


Prolog = prolog
