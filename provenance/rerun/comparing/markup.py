"""XML, SVG and HTML, by elements: the order of attributes, comments and listed time stamps don't count.

Identifiers that a program makes up anew in each run are not guessed at. Entities that a document declares are never
expanded.
"""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path
from typing import Any

from provenance.rerun.comparing.contract import (
    MEBIBYTE,
    Comparer,
    Context,
    Finding,
    MissingLibrary,
    NotOfThisKind,
    TooLarge,
    Unreadable,
)
from provenance.rerun.comparing.numbers import Deviation, shown, shown_pair
from provenance.rerun.comparing.text import check_text, open_text
from provenance.rerun.comparing.wording import Wording

_XML_ENDINGS = (".xml", ".svg", ".xhtml", ".gml", ".kml", ".gpx", ".graphml", ".vtu", ".vtp", ".xmf", ".xdmf", ".rdf")
_HTML_ENDINGS = (".html", ".htm")
_IN_MEMORY = 16  # bytes in memory for each byte of a file, about
_LONGEST_HTML = 8 * MEBIBYTE  # the parser is made for pages, not for data

_Event = tuple[str, str, Any]  # what it is, the name of the element, its attributes or its text
_END: _Event = ("end of the file", "", "")


class _Events:
    """Gathers what a parser sees: a list of starts with attributes, texts, ends and instructions."""

    def __init__(self) -> None:
        self.found: list[_Event] = []
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._flush()
        self._path.append(tag)
        self.found.append(("start", tag, attributes))

    def end(self, tag: str) -> None:
        self._flush()
        self.found.append(("end", tag, ""))

    def data(self, text: str) -> None:
        self._text.append(text)

    def pi(self, target: str, text: str | None = None) -> None:
        self._flush()
        self.found.append(("instruction", target, text or ""))

    def close(self) -> list[_Event]:
        self._flush()
        return self.found

    def _flush(self) -> None:
        if self._text:
            self.found.append(("text", "", "".join(self._text)))
            self._text.clear()


class _Page(HTMLParser):
    """Hands the parts of an HTML page to :class:`_Events`."""

    def __init__(self, events: _Events) -> None:
        super().__init__(convert_charrefs=True)
        self._events = events

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._events.start(tag, {name: value or "" for name, value in reversed(attrs)})

    def handle_endtag(self, tag: str) -> None:
        self._events.end(tag)

    def handle_data(self, data: str) -> None:
        self._events.data(data)

    def handle_decl(self, decl: str) -> None:
        self._events.pi("declaration", decl)

    def handle_pi(self, data: str) -> None:
        self._events.pi("instruction", data)

    def unknown_decl(self, data: str) -> None:
        self._events.pi("section", data)


def _compare_xml(before: Path, after: Path, context: Context) -> Finding:
    context.check_size(before, after, factor=_IN_MEMORY)
    return _compare_events(_read_xml(before), _read_xml(after), context, "XML")


def _compare_html(before: Path, after: Path, context: Context) -> Finding:
    check_text(before, after)
    context.check_size(before, after, factor=_IN_MEMORY)
    if max(before.stat().st_size, after.stat().st_size) > _LONGEST_HTML:
        raise TooLarge(f"it has more than {_LONGEST_HTML:,} bytes")
    return _compare_events(_read_html(before), _read_html(after), context, "HTML")


def _read_xml(file: Path) -> list[_Event]:
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import DefusedXMLParser
    except ImportError:
        raise MissingLibrary("defusedxml") from None
    from xml.etree.ElementTree import ParseError

    events = _Events()
    parser = DefusedXMLParser(target=events, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    try:
        with file.open("rb") as stream:
            while block := stream.read(MEBIBYTE):
                parser.feed(block)
        parser.close()
    except ParseError:
        raise NotOfThisKind from None
    except DefusedXmlException as error:
        raise Unreadable(f"it declares entities, which are not expanded ({type(error).__name__})") from None
    return events.found


def _read_html(file: Path) -> list[_Event]:
    events = _Events()
    page = _Page(events)
    with open_text(file) as stream:
        page.feed(stream.read())
    page.close()
    return events.close()


def _compare_events(before: list[_Event], after: list[_Event], context: Context, how: str) -> Finding:
    wording = Wording(context, has_stamps=True)
    deviation = Deviation(context.tolerance)
    path: list[str] = []
    for one, other in zip_longest(before, after, fillvalue=_END):
        if one[0] == "start":
            path.append(one[1])
        elif one[0] == "end":
            _leave(path, one[1])
        if one == other:
            continue
        where = "/" + "/".join(part.rpartition("}")[2] for part in path[-6:])
        if one[:2] != other[:2]:
            deviation.differ(f"{where}: recorded {_named(one)}, now {_named(other)}")
            break
        if one[0] == "start":
            _compare_attributes(where, one[2], other[2], wording, deviation)
        elif not wording.agree(one[2], other[2], deviation):
            deviation.differ(f"{where}: {shown_pair(one[2].strip(), other[2].strip())}")
    form = ", ".join(wording.forms) or "order of attributes, comments or how it is written"
    return deviation.finding(how, f"equal but for {form}", "places")


def _leave(path: list[str], tag: str) -> None:
    """Take an element that ends off the path; in HTML others may end with it, or it may never have begun."""
    if path and path[-1] == tag:
        path.pop()
    elif tag in path:
        while path.pop() != tag:
            pass


def _compare_attributes(
    where: str, before: dict[str, str], after: dict[str, str], wording: Wording, deviation: Deviation
) -> None:
    for name in {**before, **after}:
        plain = name.rpartition("}")[2]
        if name not in after:
            deviation.differ(f"{where}/@{plain}: recorded {shown(before[name])}, now missing")
        elif name not in before:
            deviation.differ(f"{where}/@{plain}: not recorded, now {shown(after[name])}")
        elif not wording.agree(before[name], after[name], deviation):
            deviation.differ(f"{where}/@{plain}: {shown_pair(before[name], after[name])}")


def _named(event: _Event) -> str:
    kind, name, content = event
    plain = name.rpartition("}")[2]
    return {
        "start": f"<{plain}>",
        "end": f"</{plain}>",
        "text": f"the text {shown((content or '').strip())}",
        "instruction": f"<?{plain}>",
    }.get(kind, kind)


COMPARERS = (
    Comparer("XML", lambda name, head: name.endswith(_XML_ENDINGS) or head.lstrip()[:5] == b"<?xml", _compare_xml),
    Comparer(
        "HTML",
        lambda name, head: name.endswith(_HTML_ENDINGS) or head.lstrip()[:14].lower() == b"<!doctype html",
        _compare_html,
        is_apart=True,  # some pages take its parser a time that grows with the square of their size
    ),
)
