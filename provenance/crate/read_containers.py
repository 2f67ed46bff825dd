"""ContainerImage entities -> the model's containers; any engine's crate.

Comes in: the graph and the actions of a crate. Goes out: :class:`ReadContainers`: the containers, and which of them the
run and each task used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from provenance.crate.container_entities import ENGINES
from provenance.crate.graph import Entity, Graph, local_name
from provenance.run.containers import from_reference
from provenance.run.model import Container

_KINDS = {name: kind for kind, name in ENGINES.items()}


class ReadContainers:
    """The images that the actions of a crate name."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._found: dict[str, Container] = {}

    @property
    def found(self) -> tuple[Container, ...]:
        """All images, in the order in which they were asked for."""
        return tuple(self._found.values())

    def of(self, action: Entity | None) -> tuple[str, ...]:
        """Return the keys of the images that an action names."""
        if action is None:
            return ()
        entities = self._graph.refs(action, "containerImage")
        for entity in entities:
            key = self._graph.id(entity)
            if key not in self._found:
                self._found[key] = self._container(key, entity)
        if entities:
            return tuple(self._graph.id(entity) for entity in entities)
        texts = tuple(self._graph.texts(action, "containerImage"))
        for text in texts:
            self._found.setdefault(text, from_reference(text, text))
        return texts

    def of_run(self, action: Entity | None, used_by_tasks: Iterable[str | None]) -> str | None:
        """Return the image that the run took place in: the first that its action names and no task used."""
        used = set(used_by_tasks)
        return next((key for key in self.of(action) if key not in used), None)

    def _container(self, key: str, entity: Entity) -> Container:
        graph = self._graph
        name = graph.text(entity, "name") or key
        registry = graph.text(entity, "registry")
        if registry and registry.startswith("file://"):
            registry = None
        registry = (registry.partition("://")[2] or registry).rstrip("/") if registry else None
        tag = graph.text(entity, "tag")
        image = graph.text(entity, "alternateName")
        if registry and name.startswith(registry + "/"):
            name = name[len(registry) + 1 :]
        if tag and name.endswith(":" + tag):
            name = name[: -len(tag) - 1]
        types = [*graph.ids(entity, "additionalType"), *graph.texts(entity, "additionalType")]
        kind = "apptainer" if any(local_name(each) == "SIFImage" for each in types) else "oci"
        kind = _KINDS.get(graph.text(entity, "applicationCategory") or "", kind)
        if image is None:
            image = f"{registry}/{name}" if registry else name
            image += f":{tag}" if tag else ""
        identifier = (graph.text(entity, "identifier") or "").removeprefix("sha256:")
        size = graph.text(entity, "contentSize") or ""
        return Container(
            key=key,
            kind=kind,
            image=image,
            registry=registry,
            name=name,
            tag=tag,
            sha256=graph.text(entity, "sha256"),
            image_id=identifier if re.fullmatch(r"[0-9a-f]{64}", identifier) else None,
            path=_path(graph.text(entity, "url")),
            size=int(size) if size.isascii() and size.isdecimal() else None,
        )


def _path(url: str | None) -> str | None:
    if not url or not url.startswith("file://"):
        return None
    return unquote(urlsplit(url).path, errors="surrogateescape") or None
