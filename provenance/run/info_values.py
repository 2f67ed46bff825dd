"""The values of an information file: read from YAML nodes, checked, each problem with its line.

In: nodes of a composed YAML document. Out: text, lists, booleans, numbers; problems collected instead of raised,
so that the user sees all of them at once.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import yaml

from provenance.errors import InfoError
from provenance.run.identifiers import orcid_url, plausible_email, ror_url

__all__ = [
    "Fields",
    "Problems",
    "expand_home",
    "orcid_url",
    "plausible_email",
    "positive_integer",
    "ror_url",
    "web_address",
]

Checked = TypeVar("Checked")

# As YAML 1.1 has them: what COMPSs' own reader takes.
_BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NULLS = ("", "~", "null", "Null", "NULL")
_WEB_ADDRESS = re.compile(r"https?://[^\s/]+\S*", re.I)


def web_address(text: str) -> str:
    """Return ``text`` when it is an http or https address; raises :class:`ValueError` otherwise."""
    if _WEB_ADDRESS.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a web address; write it as https://...")
    return text


def positive_integer(text: str) -> int:
    """Return ``text`` as a whole number above 0; raises :class:`ValueError` otherwise."""
    if re.fullmatch(r"\+?[0-9][0-9_]{0,17}", text) is None or int(text) == 0:
        raise ValueError(f"{text!r} is not a whole number above 0")
    return int(text)


def expand_home(text: str) -> str:
    """Return a path with a leading ``~`` replaced by the home folder."""
    return os.path.expanduser(text) if text.startswith("~") else text


class Problems:
    """What is wrong with a file, by line."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[tuple[int, str]] = []

    def add(self, line: int, message: str) -> None:
        """Note that ``line`` (from 1) is wrong."""
        if (line, message) not in self._found:
            self._found.append((line, message))

    def replace(self, line: int, old: str, new: str) -> None:
        """Put a better message in the place of one that was noted."""
        self._found = [(line, new) if problem == (line, old) else problem for problem in self._found]

    def raise_if_any(self) -> None:
        """Raise an :class:`InfoError` with everything that was noted, in the order of the lines."""
        if self._found:
            self._found.sort(key=lambda problem: problem[0])
            raise InfoError("\n".join(f"{self._file}:{line}: {what}" for line, what in self._found))


class Fields:
    """One map of the file: its known keys, with typed access to their values."""

    def __init__(self, node: yaml.Node, place: str, known: Sequence[str], problems: Problems) -> None:
        self._problems = problems
        self._place = place
        self._known = known
        self._line = node.start_mark.line + 1
        self._nodes: dict[str, yaml.Node] = {}
        self._unknown: dict[str, int] = {}
        if isinstance(node, yaml.MappingNode):
            self._take(node, merged=False)
            self._report_unknown()
        elif not _is_null(node):
            problems.add(self._line, f"{place} must be a map of 'key: value' lines")

    def _take(self, node: yaml.MappingNode, *, merged: bool) -> None:
        lines: dict[str, int] = {}
        merges: list[yaml.Node] = []
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.add(line, "a key must be plain text")
                continue
            key = key_node.value.strip()
            if key == "<<":
                merges += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif key in lines:
                self._problems.add(line, f"{key!r} is given twice (first in line {lines[key]})")
            elif key in self._known:
                if not (merged and key in self._nodes):
                    self._nodes[key] = value
            else:
                self._unknown[key] = line
            lines.setdefault(key, line)
        for each in merges:
            if isinstance(each, yaml.MappingNode) and each is not node and not merged:
                self._take(each, merged=True)

    def _report_unknown(self) -> None:
        for key, line in self._unknown.items():
            self._problems.add(line, self._unknown_message(key))

    def _unknown_message(self, key: str) -> str:
        by_lower = {known.lower(): known for known in self._known}
        close = difflib.get_close_matches(key.lower(), by_lower, n=1, cutoff=0.6)
        if close:
            return f"unknown key {key!r}; did you mean {by_lower[close[0]]!r}?"
        return f"unknown key {key!r} in {self._place}; known: {', '.join(self._known)}"

    def explain_misplaced(self, elsewhere: Mapping[str, str]) -> None:
        """Say of unknown keys that are right in another place where they belong (key -> place)."""
        for key, line in self._unknown.items():
            if key in elsewhere:
                self._problems.replace(line, self._unknown_message(key), f"{key!r} belongs {elsewhere[key]}")

    def has(self, key: str) -> bool:
        """Return whether the key is there with a value."""
        return key in self._nodes and not _is_null(self._nodes[key])

    def is_text(self, key: str) -> bool:
        """Return whether the key has plain text as its value."""
        return isinstance(self._nodes.get(key), yaml.ScalarNode)

    def problem(self, key: str | None, message: str) -> None:
        """Note a problem with the value of ``key``, or with the map as a whole."""
        node = self._nodes.get(key) if key is not None else None
        self._problems.add(self._line if node is None else node.start_mark.line + 1, message)

    def not_both(self, one: str, other: str) -> None:
        """Note a problem when both keys are there."""
        if self.has(one) and self.has(other):
            self.problem(other, f"both {one!r} and {other!r} are given; keep one")

    def text(self, key: str) -> str | None:
        """Return the text of ``key``; None when it is absent or empty."""
        if not self.has(key):
            return None
        node = self._nodes[key]
        if not isinstance(node, yaml.ScalarNode):
            self.problem(key, f"{key!r} must be text")
            return None
        return str(node.value).strip() or None

    def texts(self, key: str) -> list[str]:
        """Return the texts of ``key``, which is one text or a list of them."""
        if not self.has(key):
            return []
        node = self._nodes[key]
        found = []
        for each in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(each, yaml.ScalarNode):
                self._problems.add(each.start_mark.line + 1, f"{key!r} must be text or a list of texts")
            elif not _is_null(each) and each.value.strip():
                found.append(each.value.strip())
        return found

    def boolean(self, key: str) -> bool | None:
        """Return whether ``key`` is true or false; None when it is absent."""
        text = self.text(key)
        if text is None:
            return None
        if text.lower() not in _BOOLEANS:
            self.problem(key, f"{key!r} must be true or false, not {text!r}")
        return _BOOLEANS.get(text.lower())

    def checked(self, key: str, check: Callable[[str], Checked]) -> Checked | None:
        """Return what ``check`` makes of the text of ``key``; its :class:`ValueError` becomes a problem."""
        text = self.text(key)
        if text is None:
            return None
        try:
            return check(text)
        except ValueError as error:
            self.problem(key, f"{key}: {error}")
            return None

    def map(self, key: str, known: Sequence[str]) -> Fields | None:
        """Return the map that is the value of ``key``; None when it is absent."""
        if not self.has(key):
            return None
        return Fields(self._nodes[key], repr(key), known, self._problems)

    def maps(self, key: str, known: Sequence[str]) -> list[Fields]:
        """Return the maps of ``key``, which is one map or a list of them."""
        if not self.has(key):
            return []
        node = self._nodes[key]
        each = node.value if isinstance(node, yaml.SequenceNode) else [node]
        return [Fields(one, repr(key), known, self._problems) for one in each if not _is_null(one)]


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _NULLS
