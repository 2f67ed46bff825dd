"""Why a request failed, in few words: the innermost cause of what the HTTP library raises."""

from __future__ import annotations

from typing import Any

_DEEPEST = 10  # errors within errors


def in_words(error: BaseException) -> str:
    """Return the cause in few words, without addresses of objects."""
    cause = _innermost(error)
    if isinstance(cause, OSError) and cause.strerror:
        return str(cause.strerror)
    told = _told(cause)
    text = told if isinstance(told, str) else str(cause)
    return text.rpartition("object at 0x")[2].partition(": ")[2][:200] if "object at 0x" in text else text[:200]


def kind(error: BaseException) -> str:
    """Return the name of the cause's class, for where the words might hold what was sent."""
    return type(_innermost(error)).__name__


def _innermost(error: BaseException) -> BaseException:
    for _ in range(_DEEPEST):
        inner = _told(error)
        if not isinstance(inner, BaseException):
            break
        error = inner
    return error


def _told(error: BaseException) -> Any:
    return getattr(error, "reason", None) or (error.args[-1] if error.args else None)
