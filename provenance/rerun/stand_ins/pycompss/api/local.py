"""``@local``: a function of the main program whose arguments are waited for."""

import functools
from typing import Any, Callable

from .api import compss_wait_on


def local(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wait for the arguments of a function before it is called."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        waited = [compss_wait_on(each) for each in args]
        return function(*waited, **{name: compss_wait_on(each) for name, each in kwargs.items()})

    return wrapper
