"""Putting values into an information file without touching the rest of its text.

In: the text of a ``ro-crate-info.yaml`` that :func:`~provenance.run.info.read_info` has read, the place of a map in
it, keys and values that are missing there. Out: the text with them; comments, order and line ends stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from provenance.run.info_draft import EXAMPLES, quoted

Place = tuple[str | int, ...]
Remark = tuple[str, str]  # the key that it is about, and what is put behind a #
_NULLS = ("", "~", "null", "Null", "NULL")
_PLAIN = ("orcid", "ror")  # whose values are addresses, which need no quotes
# Other spellings of a key: where one stands there without a value, that is the place.
_SPELLINGS = {"e-mail": ("e-mail", "email"), "organisation_name": ("organisation_name", "organization_name")}


def person_places(text: str) -> tuple[tuple[Place, ...], Place | None]:
    """Return where the authors are, in their order, and where the agent is: the places of their maps.

    An agent that is written as an alias of an author (``Agent: *me``) has no place of its own.
    """
    content = _loaded(text)
    authors = tuple(_maps(content, "Authors"))
    agents = [place for key in ("Agent", "Submitter") for place in _maps(content, key)]
    if not agents or any(_inside(content, agents[0]) is _inside(content, each) for each in authors):
        return authors, None
    return authors, agents[0]


def publisher_place(text: str) -> Place | None:
    """Return where the publisher is, which is a text or a map."""
    content = _loaded(text)
    for key in ("Workflow Information", "COMPSs Workflow Information"):
        if isinstance(content.get(key), dict) and content[key].get("publisher"):
            return (key, "publisher")
    return None


def with_values(text: str, place: Place, values: Mapping[str, str], remarks: Sequence[Remark] = ()) -> str | None:
    """Return ``text`` with what is missing of ``values`` in the map at ``place``, and ``remarks`` as comments there.

    A publisher that is a plain text becomes a map with its name. None when the file is written in a way that this
    can't be done in, so that nothing is ever broken: the result is read again and compared.
    """
    tree = _Tree(text)
    if tree.root is None:
        return None
    node = _at(tree.root, place)
    there = _inside(_loaded(text), place)
    if isinstance(there, dict):
        # What is written once and referred to twice (``*me``) is filled in once.
        values = {key: value for key, value in values.items() if not _is_there(there, key)}
    expected = _expected(text, place, values)
    if isinstance(node, yaml.MappingNode):
        changed = tree.filled(node, dict(values), remarks)
    elif isinstance(node, yaml.ScalarNode) and node.style not in ("|", ">"):
        name = quoted(node.value.strip())
        inner = ", ".join([f"name: {name}", *(line(key, value) for key, value in values.items())])
        changed = text[: node.start_mark.index] + f"{{{inner}}}" + text[node.end_mark.index :]
    else:
        return None
    try:
        return changed if changed is not None and _loaded(changed) == expected else None
    except (yaml.YAMLError, RecursionError):
        return None


def line(key: str, value: str) -> str:
    """Return ``key: value`` as the file has it."""
    return f"{key}: {_value(key, value)}"


class _Tree(yaml.BaseLoader):
    """The nodes of a text; of an alias (``*name``), whose node is somewhere else, where it stands."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.alias_ends: dict[tuple[int, int], int] = {}
        self.root = self.get_single_node()

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node, and note the end of an alias."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) and event.end_mark is not None:
            self.alias_ends[id(parent), id(index)] = event.end_mark.index
        return super().compose_node(parent, index)

    def filled(self, node: yaml.MappingNode, values: dict[str, str], remarks: Sequence[Remark]) -> str | None:
        """Return the text with ``values`` in the map ``node``."""
        edits: list[tuple[int, int, str]] = []
        for key_node, value_node in node.value:
            # A key without value is filled where it stands.
            key = next((each for each in values if key_node.value in _spellings(each)), None)
            if key is not None and _is_empty(value_node):
                start, end = value_node.start_mark.index, value_node.end_mark.index
                blank = " " if self.text[start - 1 : start] == ":" else ""
                edits.append((start, end, blank + _value(key, values.pop(key))))
        anchor = self._anchor(node)
        if anchor is None:
            return None
        lines = [line(key, value) for key, value in values.items()]
        if node.flow_style:
            if lines:
                edits.append((anchor, anchor, "".join(f", {each}" for each in lines)))
        else:
            news = {key: [line(key, value)] for key, value in values.items()}
            for key, remark in remarks:
                if f"# {remark}{self.newline}" not in self.text[node.start_mark.index : node.end_mark.index]:
                    news.setdefault(key, []).append(f"# {remark}")
            lines = self._in_place_of_examples(node, news, edits)
            indent = " " * node.value[0][0].start_mark.column
            at = self._line_end(anchor)
            edits.append((at, at, "".join(f"{self.newline}{indent}{each}" for each in lines)))
        changed = self.text
        for start, end, replacement in sorted(edits, reverse=True):
            changed = changed[:start] + replacement + changed[end:]
        return changed

    def _in_place_of_examples(
        self, node: yaml.MappingNode, news: Mapping[str, list[str]], edits: list[tuple[int, int, str]]
    ) -> list[str]:
        """Replace the examples that ``wfprov init`` writes for keys; return the lines of keys that have none."""
        indent = self.newline + " " * node.value[0][0].start_mark.column
        left = []
        for key, lines in news.items():
            example = f"{indent}# {key}: {EXAMPLES.get(key)}{self.newline}"
            start = self.text.find(example, node.start_mark.index, node.end_mark.index)
            if start < 0:
                left += lines
            else:
                edits.append((start, start + len(example), "".join(indent + each for each in lines) + self.newline))
        return left

    def _anchor(self, node: yaml.MappingNode) -> int | None:
        """Return the end of the last value that stands on one line: what is put in comes behind it."""
        for key_node, value_node in reversed(node.value):
            alias = self.alias_ends.get((id(node), id(key_node)))
            if alias is not None:
                return alias
            if isinstance(value_node, yaml.ScalarNode) and value_node.style not in ("|", ">"):
                return int(value_node.end_mark.index)
        return None

    def _line_end(self, index: int) -> int:
        ends = [found for found in (self.text.find(mark, index) for mark in "\r\n") if found >= 0]
        return min(ends, default=len(self.text))


def _at(node: yaml.Node | None, place: Place) -> yaml.Node | None:
    for step in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        else:
            return None
    return node


def _inside(content: Any, place: Place) -> Any:
    for step in place:
        content = content[step]
    return content


def _expected(text: str, place: Place, values: Mapping[str, str]) -> Any:
    """Return what the file is to say afterwards; an alias shares what it refers to."""
    content = _loaded(text)
    above = _inside(content, place[:-1])
    target = above[place[-1]]
    if isinstance(target, dict):
        for key, value in values.items():
            spelling = next((each for each in _spellings(key) if each in target), key)
            target[spelling] = value
    else:
        above[place[-1]] = {"name": target.strip(), **values}
    return content


def _loaded(text: str) -> Any:
    content = yaml.load(text, Loader=yaml.BaseLoader)
    return content if isinstance(content, dict) else {}


def _maps(content: Mapping[str, Any], key: str) -> list[Place]:
    found = content.get(key)
    if isinstance(found, dict):
        return [(key,)]
    return [(key, n) for n, each in enumerate(found) if isinstance(each, dict)] if isinstance(found, list) else []


def _is_there(content: Mapping[str, Any], key: str) -> bool:
    found = (content.get(each) for each in _spellings(key))
    return any(isinstance(each, str) and each.strip() not in _NULLS for each in found)


def _spellings(key: str) -> tuple[str, ...]:
    return _SPELLINGS.get(key, (key,))


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and (not node.value.strip() or (not node.style and node.value in _NULLS))


def _value(key: str, value: str) -> str:
    return value if key in _PLAIN else quoted(value)
