"""JSON and JSON Lines, by values: the order of keys and the layout don't count, numbers are compared as numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from provenance.rerun.comparing.contract import Comparer, Context, Finding, NotOfThisKind, TooLarge
from provenance.rerun.comparing.numbers import Deviation, shown, shown_pair
from provenance.rerun.comparing.text import open_text
from provenance.rerun.comparing.wording import Wording

_ENDINGS = (".json", ".geojson", ".jsonld", ".ipynb", ".topojson")
_LINES_ENDINGS = (".jsonl", ".ndjson", ".jsonlines", ".geojsonl")
_IN_MEMORY = 8  # bytes in memory for each byte of a file, about
_LONGEST_NUMBER = 4000  # digits; Python refuses to convert more


class _Literal(str):
    """A number that neither int nor float can hold, as it was written."""


def _compare(before: Path, after: Path, context: Context) -> Finding:
    context.check_size(before, after, factor=_IN_MEMORY)
    comparison = _Comparison(context)
    comparison.compare(_read(before), _read(after))
    return comparison.finding("JSON")


def _compare_lines(before: Path, after: Path, context: Context) -> Finding:
    comparison = _Comparison(context)
    deviation = comparison.deviation
    for recorded, now in zip_longest(_values(before, context), _values(after, context)):
        if recorded is None or now is None:
            line, value = recorded or now or (0, None)
            which = "is missing" if now is None else "was not recorded"
            deviation.differ(f"line {line}: {shown(_as_text(value), mark='')} {which}")
            break
        comparison.compare(recorded[1], now[1], f"line {recorded[0]}, ")
    return comparison.finding("JSON Lines")


def _read(file: Path) -> Any:
    return _parse(file.read_bytes())


def _values(file: Path, context: Context) -> Iterator[tuple[int, Any]]:
    longest = context.options.limit // _IN_MEMORY
    with open_text(file) as stream:
        line = 0
        while text := stream.readline(longest + 1):
            line += 1
            if len(text) > longest:
                raise TooLarge("a line is too long")
            if text.strip():
                yield line, _parse(text)


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_float=_float)
    except RecursionError:
        raise TooLarge("it is nested too deeply") from None
    except ValueError:  # also of bytes that are no text
        raise NotOfThisKind from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key twice")  # which of the values counts is up to the reader
    return found


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_NUMBER else _Literal(text)


def _float(text: str) -> float | str:
    value = float(text)
    return _Literal(text) if math.isinf(value) else value


class _Comparison:
    def __init__(self, context: Context) -> None:
        self.deviation = Deviation(context.tolerance)
        self._wording = Wording(context, has_stamps=False)

    def finding(self, how: str) -> Finding:
        form = "".join(f", {form}" for form in self._wording.forms)
        return self.deviation.finding(
            how, f"equal but for layout, order of keys{form} or how numbers are written", "values"
        )

    def compare(self, before: Any, after: Any, where: str = "") -> None:
        """Compare two values in the order of the recorded one; a stack, because they may be nested deeply."""
        waiting: list[tuple[str, Any, Any]] = [("", before, after)]
        while waiting:
            pointer, one, other = waiting.pop()
            if isinstance(one, dict) and isinstance(other, dict):
                waiting.extend(reversed(self._members(where, pointer, one, other)))
            elif isinstance(one, list) and isinstance(other, list):
                if len(one) != len(other):
                    self._differ(where, pointer, f"recorded {len(one):,} items, now {len(other):,}")
                pairs = enumerate(zip(one, other, strict=False))
                waiting.extend(reversed([(f"{pointer}/{at}", a, b) for at, (a, b) in pairs]))
            elif not self._agree(one, other):
                self._differ(where, pointer, shown_pair(_as_text(one), _as_text(other), mark=""))

    def _members(
        self, where: str, pointer: str, before: dict[str, Any], after: dict[str, Any]
    ) -> list[tuple[str, Any, Any]]:
        both = []
        for key, value in before.items():
            inner = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key in after:
                both.append((inner, value, after[key]))
            else:
                self._differ(where, inner, f"recorded {shown(_as_text(value), mark='')}, now missing")
        for key, value in after.items():
            if key not in before:
                inner = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
                self._differ(where, inner, f"not recorded, now {shown(_as_text(value), mark='')}")
        return both

    def _agree(self, before: Any, after: Any) -> bool:
        if _is_number(before) and _is_number(after):
            return self.deviation.within(before, after)
        if type(before) is not type(after):
            return False
        if type(before) is str:
            return self._wording.agree(before, after)
        return bool(before == after)

    def _differ(self, where: str, pointer: str, detail: str) -> None:
        self.deviation.differ(f"{where}{pointer or 'the whole value'}: {detail}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_text(value: Any) -> str:
    """Write a value for people, without writing all of a large one."""
    if isinstance(value, dict):
        return f"an object with {len(value):,} keys"
    if isinstance(value, list):
        return f"a list of {len(value):,} items"
    if isinstance(value, str):
        return str(value) if isinstance(value, _Literal) else json.dumps(value[:1000], ensure_ascii=False)
    return json.dumps(value)


COMPARERS = (
    Comparer("JSON", lambda name, _: name.endswith(_ENDINGS), _compare),
    Comparer("JSON Lines", lambda name, _: name.endswith(_LINES_ENDINGS), _compare_lines),
)
