"""The forms that the decorators around ``@task`` have: those that change nothing here, and those that need COMPSs."""

from typing import Any, Callable

from ._definition import settings_of

Function = Callable[..., Any]


def without_meaning(*args: Any, **_: Any) -> Any:
    """Return the function as it is: what the decorator says is for the runtime."""
    if len(args) == 1 and callable(args[0]):
        return args[0]
    return lambda function: function


def needs_compss(why: str) -> Callable[..., Any]:
    """Return a decorator whose tasks say, when they are called, why they can't be executed."""

    def decorator(*_: Any, **options: Any) -> Callable[[Function], Function]:
        def decorate(function: Function) -> Function:
            settings_of(function).missing = why.format_map({key: str(value) for key, value in options.items()})
            return function

        return decorate

    return decorator
