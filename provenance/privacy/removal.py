"""A text without its credentials: a marker in the place of each, in a form that the kind of file still allows.

Comes in: the bytes of a text file and its name. Goes out: the bytes as they may be passed on, and for each credential
its line and kind. JSON, YAML, TOML and shell files stay readable by their parsers: a value without quotes gets some.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from provenance.journal.credentials import spans
from provenance.privacy.literals import is_code_name, written_out
from provenance.privacy.suspicion import may_hold_credential

_ROUNDS = 8  # what stood in the shadow of another credential comes to light; more than this many never
_LONGEST_ADDRESS = 2000
_AUTHORITY = re.compile(r"://(?:[^\s\"'<>`@]*@)?([\w.-]+)")
_RESERVED = re.compile(r"(?i)(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid)\Z")
_YAML = (".yaml", ".yml", ".cwl")
_JSON = (".json", ".jsonld", ".ipynb", ".jsonl", ".toml", ".lock")
_SHELL = (".sh", ".bash", ".zsh", ".ksh", ".sbatch", ".slurm")
_SETTINGS = (*_YAML, *_JSON, *_SHELL, ".ini", ".cfg", ".conf", ".config", ".properties", ".xml", ".env", ".nml")
_YAML_LINE = re.compile(r"(\s*(?:-\s+)*(?:[^\s#\"'{\[][^#\"'{\[\n]*?:\s+)?(?:[&!]\S*\s+)*)(\S.*?)(\s+#.*|\s*)\Z", re.S)


@dataclass(frozen=True, slots=True)
class Removal:
    """A credential that was taken out of a file; never its value."""

    path: str  # in the crate
    line: int  # of the file as it was, from 1
    reason: str


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The bytes of a file as they may be passed on, and what was taken out."""

    content: bytes
    removals: tuple[Removal, ...] = ()


def is_settings_name(path: str) -> bool:
    """Tell by its name whether a file gives values to names: configuration, lock files, scripts of a shell."""
    return path.lower().endswith(_SETTINGS)


def without_credentials(content: bytes, path: str, *, settings: bool = False, examples_stay: bool = False) -> Cleaned:
    """Return ``content`` with ``[removed: reason]`` in the place of each credential.

    Parameters
    ----------
    path
        In the crate; its ending tells what quotes a marker needs.
    settings
        Also the values that are given to names such as ``password`` are credentials; off for data, in which such a
        column or key says nothing.
    examples_stay
        What is in an address whose host is reserved for examples stays: so write the authors of packages.
    """
    if not may_hold_credential(content, settings=settings):
        return Cleaned(content)
    text = content.decode("utf-8", "surrogateescape")
    removals: dict[tuple[int, str], int] = {}
    numbers = list(range(1, text.count("\n") + 2))  # the line in the original of each line of `text`
    for _ in range(_ROUNDS):
        found = written_out(spans(text, settings=settings), text, path)
        if examples_stay:
            found = [span for span in found if not is_example(text, span[0])]
        if not found:
            break
        text, numbers = _replaced(text, numbers, found, path, removals)
    listed = (Removal(path, line, reason) for (line, reason), count in removals.items() for _ in range(count))
    removed = tuple(sorted(listed, key=lambda one: (one.line, one.reason)))
    return Cleaned(text.encode("utf-8", "surrogateescape"), removed) if removed else Cleaned(content)


def told(removals: tuple[Removal, ...]) -> str | None:
    """Say in a sentence what was taken out of one file.

    >>> told((Removal("a", 3, "token"), Removal("a", 7, "password")))
    '2 credentials were removed from lines 3 and 7.'
    """
    if not removals:
        return None
    lines = sorted({removal.line for removal in removals})
    many = f"{len(removals)} credentials were" if len(removals) > 1 else "1 credential was"
    named = [str(line) for line in lines[:20]] + ([f"{len(lines) - 20} more"] if len(lines) > 20 else [])
    place = f"line {named[0]}" if len(named) == 1 else f"lines {', '.join(named[:-1])} and {named[-1]}"
    return f"{many} removed from {place}."


def is_example(text: str, place: int) -> bool:
    """Tell whether a place is in an address of a host that RFC 2606 and RFC 6761 reserve for examples."""
    begin = text.rfind("://", max(0, place - _LONGEST_ADDRESS), place)
    if begin < 0:
        return False
    match = _AUTHORITY.match(text, begin)
    if match is None or any(char in " \t\r\n\"'<>`" for char in text[begin:place]):
        return False
    return _RESERVED.search(match.group(1)) is not None


def _replaced(
    text: str,
    numbers: list[int],
    found: list[tuple[int, int, str]],
    path: str,
    removals: dict[tuple[int, str], int],
) -> tuple[str, list[int]]:
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    parts: list[str] = []
    place = 0
    for first, last, inside in _by_lines(found, starts, len(text)):
        begin, end = starts[first], starts[last + 1] if last + 1 < len(starts) else len(text)
        for start, _, reason in inside:
            key = (numbers[bisect_right(starts, start) - 1], reason)
            removals[key] = removals.get(key, 0) + 1
        parts += [text[place:begin], _marked(text[begin:end], begin, inside, path)]
        place = end
    parts.append(text[place:])
    replaced = "".join(parts)
    return replaced, _renumbered(text, found, numbers, starts)


def _renumbered(text: str, found: list[tuple[int, int, str]], numbers: list[int], starts: list[int]) -> list[int]:
    """Drop the numbers of the lines that ended within a credential (a key of many lines)."""
    gone: set[int] = set()
    for start, end, _ in found:
        first, last = bisect_right(starts, start) - 1, bisect_right(starts, max(start, end - 1)) - 1
        gone.update(range(first + 1, last + 1))
        if end > start and text[end - 1] == "\n":
            gone.add(last + 1)
    return [number for index, number in enumerate(numbers) if index not in gone] if gone else numbers


def _by_lines(
    found: list[tuple[int, int, str]], starts: list[int], length: int
) -> Iterator[tuple[int, int, list[tuple[int, int, str]]]]:
    """Group what was found by the lines that it stands in: first line, last line, the spans."""
    group: list[tuple[int, int, str]] = []
    first = last = -1
    for span in found:
        begins, ends = bisect_right(starts, span[0]) - 1, bisect_right(starts, min(span[1], length)) - 1
        if group and begins > last:
            yield first, last, group
            group = []
        if not group:
            first = begins
        last = max(last, ends) if group else ends
        group.append(span)
    if group:
        yield first, last, group


def _marked(line: str, offset: int, inside: list[tuple[int, int, str]], path: str) -> str:
    """Put markers into a line; `line` may be several when a credential goes over them."""
    name = path.lower()
    quote = "'" if name.endswith(_SHELL) else '"' if name.endswith(_JSON) else ""
    if name.endswith(_YAML):
        scalar = _plain_scalar(line, [(start - offset, end - offset) for start, end, _ in inside])
        if scalar is not None:
            begin, end = scalar
            marked = _with_markers(line[begin:end], offset + begin, inside, "")
            return line[:begin] + json.dumps(marked, ensure_ascii=False) + line[end:]
        quote = '"' if re.match(r"\s*(?:-\s+)*(?:[^\s#\"'{\[]\S*\s*:\s+)?[{\[]", line) else ""
    elif is_code_name(name) and any(line[start - offset : end - offset].isdigit() for start, end, _ in inside):
        quote = '"'
    return _with_markers(line, offset, inside, quote)


def _plain_scalar(line: str, inside: list[tuple[int, int]]) -> tuple[int, int] | None:
    """Find the value without quotes in a line of YAML that all of `inside` stand in; it needs quotes with a marker."""
    match = _YAML_LINE.match(line)
    if match is None or match.group(2)[0] in "\"'{[|>&*!":
        return None
    begin, end = match.span(2)
    if not match.group(1).strip():  # a line of a text of several lines
        return None
    return (begin, end) if all(begin <= start and stop <= end for start, stop in inside) else None


def _with_markers(line: str, offset: int, inside: list[tuple[int, int, str]], quote: str) -> str:
    parts, place, within = [], 0, ""
    for start, end, reason in inside:
        begin = max(place, start - offset)
        within = _quote_behind(within, line[place:begin]) if quote else ""
        needs = "" if within else quote
        parts += [line[place:begin], f"{needs}[removed: {reason}]{needs}"]
        place = max(begin, end - offset)
    return "".join((*parts, line[place:]))


def _quote_behind(within: str, text: str) -> str:
    """Return which quote is open behind a text, "" for none; ``within`` was open before it, none outlasts its line."""
    *earlier, last = text.split("\n")
    within = "" if earlier else within
    for match in re.finditer(r"\\.|[\"']", last, re.S):
        char = match.group()
        if len(char) > 1 and within == "'":  # a backslash is one there
            char = char[1]
        if char in "\"'":
            within = "" if char == within else within or char
    return within
