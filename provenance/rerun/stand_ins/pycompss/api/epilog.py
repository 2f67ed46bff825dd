"""``@epilog``: a program that is started after a task."""

from typing import Any, Callable

from .._programs import starts_beside


def epilog(*_: Any, **options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Start a program after the task."""
    return starts_beside(options, is_before=False)


Epilog = epilog
