"""What there is to know of a function before its first call: its name, place, docstring and parameters.

In: a callable. Out: a :class:`~provenance.recording.calls.Tool`. For functions written in Python the code object
tells it all, so that ``inspect`` (10 ms) is imported only for other callables.
"""

from __future__ import annotations

import os
from types import CodeType, FunctionType
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from provenance.recording.calls import Tool

_VARARGS, _VARKEYWORDS = 0x04, 0x08  # inspect.CO_*


class _Parameters(NamedTuple):
    names: List[str]
    positional: int
    rest: Optional[str]
    defaults: Dict[str, Any]


def tool_of(function: Callable[..., Any], name: Optional[str], limit: Optional[int]) -> Tool:
    """Return the tool that ``function`` is.

    Parameters
    ----------
    name
        What to call it instead of its qualified name.
    limit
        Characters of a recorded value; None when values are not recorded.
    """
    code = getattr(function, "__code__", None)
    code = code if isinstance(code, CodeType) else None
    if isinstance(function, FunctionType) and not hasattr(function, "__wrapped__"):
        parameters = _of_code(function)
    else:
        parameters = _of_signature(function)
    qualified = _text(function, "__qualname__") or _text(function, "__name__") or type(function).__name__
    file = None if code is None else code.co_filename
    if file is not None and not file.startswith("<"):
        file = os.path.abspath(file)
    return Tool(
        name=name or qualified,
        module=_text(function, "__module__"),
        file=file,
        line=None if code is None else code.co_firstlineno,
        end_line=None if code is None else _last_line(code),
        doc=_clean(_text(function, "__doc__")),
        parameters=parameters.names,
        positional=parameters.positional,
        rest=parameters.rest,
        defaults=parameters.defaults,
        has_owner=parameters.names[:1] in (["self"], ["cls"]) and "." in qualified,
        code=code,
        limit=limit,
    )


def _of_code(function: FunctionType) -> _Parameters:
    code = function.__code__
    positional = code.co_argcount
    count = positional + code.co_kwonlyargcount
    names = list(code.co_varnames[:count])
    rest = code.co_varnames[count] if code.co_flags & _VARARGS else None
    given = function.__defaults__ or ()
    defaults = dict(zip(names[positional - len(given) : positional], given))  # noqa: B905 - Python 3.8
    defaults.update(function.__kwdefaults__ or {})
    return _Parameters(names, positional, rest, defaults)


def _of_signature(function: Callable[..., Any]) -> _Parameters:
    import inspect

    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # built-in functions do not tell
        return _Parameters([], 0, "argument", {})
    by_position = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_keyword = [p for p in found if p.kind is p.KEYWORD_ONLY]
    rest = next((p.name for p in found if p.kind is p.VAR_POSITIONAL), None)
    plain = by_position + by_keyword
    defaults = {p.name: p.default for p in plain if p.default is not p.empty}
    return _Parameters([p.name for p in plain], len(by_position), rest, defaults)


def _text(function: Callable[..., Any], attribute: str) -> Optional[str]:
    value = getattr(function, attribute, None)
    return value if isinstance(value, str) else None


def _last_line(code: CodeType) -> int:
    """Return the last line with code, also in the functions inside."""
    import dis

    last = code.co_firstlineno
    for _, line in dis.findlinestarts(code):
        if line is not None:
            last = max(last, line)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            last = max(last, _last_line(constant))
    return last


def _clean(doc: Optional[str]) -> Optional[str]:
    """Return a docstring without its indentation (PEP 257); None when it is empty."""
    if doc is None:
        return None
    lines = doc.expandtabs().splitlines()
    margins = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    margin = min(margins) if margins else 0
    text = "\n".join([lines[0].strip(), *(line[margin:].rstrip() for line in lines[1:])] if lines else [])
    return text.strip() or None
