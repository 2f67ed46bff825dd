"""How long a function takes."""

import functools
import time
from typing import Any, Callable


def timeit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives its result and the seconds that it took, in a list."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        begin = time.time()
        result = function(*args, **kwargs)
        return [result, time.time() - begin]

    return wrapper
