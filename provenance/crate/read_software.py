"""The software of a crate: what the bill of materials lists, what entities say, the files to rebuild it from.

Comes in: the graph and the payload of a crate that wfprov wrote; other crates have what is common to all. Goes out:
the Run's Software and EnvironmentFiles.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from provenance.crate.entities import Entity
from provenance.crate.environment_files import BILL_OF_MATERIALS
from provenance.crate.graph import Graph
from provenance.crate.layout import ENVIRONMENT
from provenance.crate.lock_files import REBUILD
from provenance.crate.read_values import software
from provenance.crate.sbom import PREFIX
from provenance.crate.source import Payload
from provenance.run.model import EnvironmentFile, Software

_BILL_LIMIT = 1 << 28  # bytes
_TEXT_LIMIT = 16_000_000  # bytes of a lock file that are read
_BINARY = frozenset(["package", "source"])


def listed(graph: Graph, payload: Payload) -> tuple[Software, ...]:
    """Return what the bill of materials lists, used and installed; nothing when there is none that can be read."""
    if BILL_OF_MATERIALS not in graph:
        return ()
    try:
        bill = json.loads(payload.text(BILL_OF_MATERIALS, _BILL_LIMIT) or "{}")
    except (ValueError, RecursionError):
        return ()
    components = bill.get("components") if isinstance(bill, dict) else None
    return tuple(_components(components)) if isinstance(components, list) else ()


def described(graph: Graph, entities: Iterable[Entity]) -> tuple[Software, ...]:
    """Return the packages among required software, which tell their kind; what the user listed tells none."""
    return tuple(known for entity in entities if (known := package(graph, entity)) is not None)


def package(graph: Graph, entity: Entity) -> Software | None:
    """Return the software that an entity of a used package describes; None for other entities."""
    kind = graph.text(entity, "applicationCategory")
    if kind is None or "SoftwareApplication" not in graph.types(entity):
        return None
    purl = graph.text(entity, "identifier")
    url = graph.text(entity, "url")
    version = graph.text(entity, "version")
    return Software(
        name=graph.text(entity, "name") or graph.id(entity),
        version=None if (version or "").startswith("sha256:") else version,
        url=None if url == purl or (url or "").startswith("file://") else url,
        kind=kind,
        purl=purl,
        architecture=graph.text(entity, "processorRequirements"),
        sha256=graph.text(entity, "sha256"),
        origin=graph.text(entity, "installUrl"),
        is_used=True,
        license=graph.label(entity, "license"),
    )


def needed_by_user(graph: Graph, entities: Iterable[Entity]) -> tuple[Software, ...]:
    """Return the software that the user listed, in whatever crate: all that is no package found by recording."""
    found = (software(graph, entity) for entity in entities if package(graph, entity) is None)
    return tuple(dict.fromkeys(found))


def files(graph: Graph, payload: Payload) -> tuple[EnvironmentFile, ...]:
    """Return the files that the environment is rebuilt from."""
    return tuple(_files(graph, payload))


def _files(graph: Graph, payload: Payload) -> Iterator[EnvironmentFile]:
    for identifier, entity in graph:
        kind = graph.text(entity, "additionalType")
        if not identifier.startswith(f"{ENVIRONMENT}/") or kind is None:
            continue
        found = payload.find(identifier)
        path = found[2] if found is not None else None
        text = payload.text(identifier, _TEXT_LIMIT) if path is None and kind not in _BINARY else None
        said = graph.text(entity, "description") or ""
        yield EnvironmentFile(
            target=identifier.removeprefix(f"{ENVIRONMENT}/").rstrip("/"),
            about=graph.text(entity, "name") or identifier,
            kind=kind,
            text=text,
            path=path,
            rebuild=tuple(said.removeprefix(REBUILD).split("\n")) if said.startswith(REBUILD) else (),
        )


def _components(components: list[Any]) -> Iterator[Software]:
    for component in components:
        if not isinstance(component, dict) or component.get("type") == "container":
            continue
        name = component.get("name")
        if not isinstance(name, str):
            continue
        said = {
            str(each.get("name")).removeprefix(PREFIX): str(each.get("value"))
            for each in _dicts(component.get("properties"))
        }
        addresses = {each.get("type"): each.get("url") for each in _dicts(component.get("externalReferences"))}
        used = said.get("used")
        yield Software(
            name=name,
            version=_text(component.get("version")),
            url=_text(addresses.get("website")) or said.get("url"),
            path=said.get("path"),
            kind=said.get("kind"),
            purl=said.get("purl") or _text(component.get("purl")),
            architecture=said.get("architecture"),
            sha256=_text(next((each.get("content") for each in _dicts(component.get("hashes"))), None)),
            installer=said.get("installer"),
            origin=_text(addresses.get("distribution")) or said.get("origin"),
            is_editable=said.get("editable") == "true",
            is_used=None if used is None else used == "true",
            license=_license(component),
        )


def _license(component: dict[str, Any]) -> str | None:
    for choice in _dicts(component.get("licenses")):
        if isinstance(choice.get("expression"), str):
            return str(choice["expression"])
        known = choice.get("license")
        if isinstance(known, dict):
            text = known.get("text")
            content = text.get("content") if isinstance(text, dict) else None
            return _text(content) or _text(known.get("id")) or _text(known.get("name"))
    return None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
