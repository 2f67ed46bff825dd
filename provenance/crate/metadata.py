"""Writes ``ro-crate-metadata.json`` entity by entity, one a line, so that memory does not grow with
the crate.

Comes in: entities as plain dictionaries. Goes out: chunks of UTF-8. Text that is not valid Unicode
(bytes of a file name that are not UTF-8) is shown with ``\\xff`` escapes, since JSON readers
disagree about lone surrogates.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from provenance.crate.entities import Entity

CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]
# A term that Provenance Run Crate 0.5 uses and neither context defines.
BUILD_INSTRUCTIONS = {"buildInstructions": "https://codemeta.github.io/terms/buildInstructions"}
_BLOCK = 256  # entities that are written together


def _encoder() -> Callable[[Any], str]:
    """Make the encoder once: json's own makes it anew in each call, which costs more than a small
    entity does."""
    make = getattr(json.encoder, "c_make_encoder", None)
    slow = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
    if make is None:
        return slow.encode
    fast = make(None, slow.default, json.encoder.encode_basestring, None, ": ", ", ", False, False, False)
    return lambda entity: "".join(fast(entity, 0))


_encode = _encoder()


def document(entities: Iterable[Entity], with_build_instructions: bool = False) -> Iterator[bytes]:
    """Write a whole JSON-LD document; an identifier that comes again is left out."""
    context = [*CONTEXT, *([BUILD_INSTRUCTIONS] if with_build_instructions else [])]
    seen: set[str] = set()
    lines: list[str] = []
    separator = f'{{"@context": {_encode(context)},\n"@graph": [\n'
    for entity in entities:
        if entity["@id"] in seen:
            continue
        seen.add(entity["@id"])
        lines.append(_line(entity))
        if len(lines) >= _BLOCK:
            yield _block(separator, lines)
            separator = ",\n"
            lines.clear()
    if lines:
        yield _block(separator, lines)
    yield b"\n]}\n"


def _block(separator: str, lines: list[str]) -> bytes:
    return (separator + ",\n".join(lines)).encode()


def _line(entity: Entity) -> str:
    try:
        line = _encode(entity)
        if not line.isascii():
            line.encode()
    except (UnicodeEncodeError, ValueError):
        return _encode(_clean(entity))
    return line


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, dict):
        return {readable(key): _clean(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return value


def readable(text: str) -> str:
    """Show what is not valid Unicode with escapes; other text as it is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        try:
            return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:
            return text.encode("utf-8", "backslashreplace").decode()
    return text
