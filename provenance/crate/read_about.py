"""What only people know of a run: name, license, authors, agent, publisher, keywords, needed software.

Comes in: the graph, the main workflow, the run's and the engine's action (empty where there is none). Goes out: About.
"""

from __future__ import annotations

from provenance.crate import read_software, read_values
from provenance.crate.graph import Entity, Graph
from provenance.crate.repetition import source_addresses
from provenance.run.model import About, Organization

_SPDX = "https://spdx.org/licenses/"


def read_about(graph: Graph, main: Entity, action: Entity, organize: Entity) -> About:
    """Read it from the root, and from the main workflow what the root leaves open."""
    root = graph.root
    agents = read_values.people(graph, action, "agent") or read_values.people(graph, organize, "agent")
    authors = read_values.people(graph, root, "author", "creator")
    needed = graph.refs(main, "softwareRequirements") + graph.refs(root, "softwareRequirements")
    return About(
        name=graph.text(root, "name") or graph.text(main, "name"),
        description=graph.text(root, "description") or graph.text(main, "description"),
        license=_license(graph, root) or _license(graph, main),
        version=graph.text(root, "version") or graph.text(main, "version"),
        url=_url(graph, root) or _url(graph, main),
        keywords=_keywords(graph, root) or _keywords(graph, main),
        authors=authors or read_values.people(graph, main, "author", "creator"),
        agent=agents[0] if agents else None,
        publisher=_publisher(graph, root),
        software=read_software.needed_by_user(graph, needed),
        date_published=graph.text(root, "datePublished"),
    )


def _license(graph: Graph, entity: Entity) -> str | None:
    text = graph.text(entity, "license")
    named = graph.label(entity, "license") if text and text[0] == "#" else text
    return named.removeprefix(_SPDX) if named else None


def _publisher(graph: Graph, root: Entity) -> Organization | None:
    publishers = graph.refs(root, "publisher")
    if publishers:
        return read_values.organization(graph, publishers[0])
    plain = graph.text(root, "publisher")
    return Organization(name=plain) if plain else None


def _url(graph: Graph, entity: Entity) -> str | None:
    for text in source_addresses(graph, entity):
        if text.startswith(("http://", "https://")):
            return text
    return None


def _keywords(graph: Graph, entity: Entity) -> tuple[str, ...]:
    found = graph.texts(entity, "keywords")
    return tuple(word.strip() for text in found for word in text.split(",") if word.strip())
