"""``@task``: the calls of a function are tasks."""

import functools
from typing import Any, Callable

from .._calls import call
from .._definition import Definition

Function = Callable[..., Any]


def task(*args: Any, **options: Any) -> Any:
    """Make the calls of a function tasks; the options are those of PyCOMPSs.

    Those that say how to schedule (``priority``, ``time_out``, ``is_replicated``, ``numba``, ...) have no meaning here.
    """
    if len(args) == 1 and not options and (callable(args[0]) or isinstance(args[0], (classmethod, staticmethod))):
        return _decorated(args[0], {})
    return functools.partial(_decorated, options=options)


def _decorated(function: Any, options: Any) -> Any:
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(_decorated(function.__func__, options))
    definition = Definition(function, options)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return call(definition, args, kwargs)

    return wrapper
