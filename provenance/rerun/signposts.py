"""Where a page says that its files are: typed links in the header of an answer and in the head of a page.

Comes in: the header ``Link`` and the page. Goes out: links with relation, media type and profile. The conventions are
those of FAIR Signposting (``rel="item"``) and of RO-Crate (``profile="https://w3id.org/ro/crate"``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^",;\s]+))*)')
_PARAMETER = re.compile(r'([\w*-]+)\s*=\s*(?:"([^"]*)"|([^",;\s]+))')
_MOST = 1000
_ZIPS = ("application/zip", "application/x-zip-compressed")
_CRATE = "w3id.org/ro/crate"


@dataclass(frozen=True, slots=True)
class Signpost:
    """A typed link."""

    url: str
    relations: frozenset[str]
    kind: str = ""  # media type
    profile: str = ""

    @property
    def is_zip(self) -> bool:
        """Whether it leads to a zip that belongs to the page."""
        return "item" in self.relations and (self.kind in _ZIPS or (not self.kind and self.url.endswith(".zip")))

    @property
    def is_crate_zip(self) -> bool:
        """Whether that zip is said to be a crate."""
        return self.is_zip and (_CRATE in self.profile or self.url.partition("?")[0].endswith(".crate.zip"))

    @property
    def is_metadata(self) -> bool:
        """Whether it leads to a crate's metadata."""
        return "describedby" in self.relations and "json" in self.kind and _CRATE in self.profile


def signposts(base: str, header: str, page: str) -> tuple[Signpost, ...]:
    """Read the links of a page at the address ``base``."""
    found = [
        _signpost(base, match[1], {name.lower(): one or other for name, one, other in _PARAMETER.findall(match[2])})
        for match in _LINK.finditer(header)
    ]
    reader = _Head()
    reader.feed(page)
    found += [_signpost(base, attributes.get("href", ""), attributes) for attributes in reader.links]
    return tuple(dict.fromkeys(one for one in found[:_MOST] if one is not None))


def _signpost(base: str, href: str, told: dict[str, str]) -> Signpost | None:
    try:
        url = urljoin(base, href.strip())
    except ValueError:
        return None
    relations = frozenset(told.get("rel", "").lower().split())
    return Signpost(url, relations, told.get("type", "").lower().strip(), told.get("profile", ""))


class _Head(HTMLParser):
    """Collects the ``<link>`` elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Hear of an element."""
        if tag == "link":
            self.links.append({name: value or "" for name, value in attrs})
