"""``@on_failure``: what becomes of the others when a task fails."""

from typing import Any, Callable

from .._definition import settings_of

Function = Callable[..., Any]


def on_failure(*_: Any, management: str = "RETRY", **defaults: Any) -> Callable[[Function], Function]:
    """Say what becomes of the others, and what the results of a task are whose failure is ignored.

    Parameters
    ----------
    management
        RETRY, CANCEL_SUCCESSORS, FAIL or IGNORE.
    defaults
        ``returns`` and names of parameters: what they are after a failure.
    """

    def decorate(function: Function) -> Function:
        settings = settings_of(function)
        settings.on_failure, settings.defaults = management, defaults
        return function

    return decorate


OnFailure = on_failure
