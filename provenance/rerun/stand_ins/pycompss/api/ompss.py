"""``@ompss``: a task that starts a program of OmpSs."""

from typing import Any

from .._programs import starts_program


def ompss(*_: Any, **options: Any) -> Any:
    """Start the program with the arguments of the task."""
    return starts_program(options)


OmpSs = ompss
