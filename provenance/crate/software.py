"""Programs, libraries, interpreters and tools as entities, and the identifiers that they have.

Comes in: the Run's software and tools. Goes out: SoftwareApplication entities. Process Run Crate asks for absolute
URIs as identifiers of software: what has a web page has a fragment of that one, all else (tools of the workflow, what
it was executed with) a fragment of the workflow's own stable address. Where the user gave none, the identifier stays
local to the crate.
"""

from __future__ import annotations

from provenance.crate.entities import Entity, slug, without_nothing
from provenance.crate.layout import file_uri
from provenance.run.model import Run, Software, Tool

_WEB = ("https://", "http://")


def software_id(run: Run, known: Software) -> str:
    """Name a piece of software by its web page, name and version; two versions are two entities."""
    name = slug(known.name) + (f"-{slug(known.version)}" if known.version else "")
    if known.url and known.url.startswith(_WEB):
        return f"{_page(known.url)}#{name}"
    return f"{_home(run)}#software-{name}"


def tool_ids(run: Run, tools: dict[str, Tool]) -> dict[str, str]:
    """Name each tool's entity; a number keeps tools of the same name apart."""
    home, found = _home(run), {}
    taken: set[str] = set()
    for key, tool in tools.items():
        name, number = slug(tool.name, 40), 1
        free = name
        while free in taken:
            number += 1
            free = f"{name}-{number}"
        taken.add(free)
        found[key] = f"{home}#tool-{free}"
    return found


def software_entity(run: Run, software: Software) -> Entity:
    """Describe a program or library with what is known; without a web page, its place on the
    machine is its URL."""
    return without_nothing(
        {
            "@id": software_id(run, software),
            "@type": "SoftwareApplication",
            "name": software.name,
            "version": software.version,
            "url": software.url or (file_uri(run.host, software.path) if software.path else None),
        }
    )


def _home(run: Run) -> str:
    """The workflow's stable address, empty when the user gave none on the web."""
    url = run.about.url or ""
    return _page(url) if url.startswith(_WEB) else ""


def _page(url: str) -> str:
    return url.partition("#")[0]
