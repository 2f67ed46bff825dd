"""``@binary``: a task that starts a program."""

from typing import Any

from .._decorators import needs_compss
from .._programs import starts_program


def binary(*_: Any, **options: Any) -> Any:
    """Start a program with the arguments of the task; in a container (``engine``, ``image``) it needs COMPSs."""
    if options.get("engine") or options.get("image"):
        return needs_compss("runs a program in a container image")(**options)
    return starts_program(options)


Binary = binary
