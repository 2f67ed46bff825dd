"""Sections of the surroundings without the credentials that are in their texts.

In: sections, as their parts give them. Out: the same, with a marker in the place of each credential: names of modules,
addresses of channels and of images are written by people and may hold one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec

from provenance.journal.credentials import hide

_P = ParamSpec("_P")


def screened(
    sections: Callable[_P, Iterator[tuple[str, dict[str, Any]]]],
) -> Callable[_P, Iterator[tuple[str, dict[str, Any]]]]:
    """Have what a function yields looked through."""

    @wraps(sections)
    def yielding(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[tuple[str, dict[str, Any]]]:
        for section, data in sections(*args, **kwargs):
            text = json.dumps(data, ensure_ascii=False)
            yield section, data if hide(text) == text else _hidden(data)

    return yielding


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, (list, tuple)):
        return [_hidden(part) for part in value]
    return {hide(key): _hidden(part) for key, part in value.items()} if isinstance(value, dict) else value
