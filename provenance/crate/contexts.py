"""The JSON-LD contexts that ship with wfprov, so that a crate is checked without network.

Comes in: the metadata of a crate. Goes out: a response cache in a folder of the caller's, in the form in which
roc-validator reads it (an SQLite file of requests-cache), and what had to be assumed about contexts that don't ship.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

_PROFILES = files("provenance") / "profiles"
_CACHE_NAME = "contexts"


def context_urls(document: dict[str, Any]) -> list[str]:
    """The addresses in the crate's ``@context``."""
    listed = document.get("@context")
    return [entry for entry in (listed if isinstance(listed, list) else [listed]) if isinstance(entry, str)]


def seed_cache(folder: Path, document: dict[str, Any]) -> tuple[Path, tuple[str, ...]]:
    """Write the contexts that ``document`` needs to a cache in ``folder``.

    A context that doesn't ship is taken to define the terms that no other one does: what it really says can't be
    known without network, and reporting all its terms as undefined would be wrong more often than right.

    Returns
    -------
    tuple
        Path for the validator's ``cache_path``, and the addresses of the contexts that were assumed.
    """
    from requests import PreparedRequest, Response
    from requests.adapters import BaseAdapter
    from requests_cache import CachedSession
    from urllib3 import HTTPResponse

    shipped: dict[str, str] = json.loads((_PROFILES / "contexts.json").read_text("utf-8"))
    bodies = {url: (_PROFILES / "contexts" / name).read_bytes() for url, name in shipped.items()}
    unknown = tuple(url for url in context_urls(document) if url.startswith("http") and url not in bodies)
    if unknown:
        assumed = json.dumps({"@context": dict(_assumed_terms(document, bodies, unknown[0]))}).encode()
        bodies.update(dict.fromkeys(unknown, assumed))

    class Shipped(BaseAdapter):
        """Answers from the package's own data, in the place of a connection."""

        def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
            response = Response()
            response.status_code = 200
            response.url = request.url or ""
            response.request = request
            response.headers["Content-Type"] = "application/ld+json"
            response.raw = HTTPResponse(
                BytesIO(bodies[asked[-1]]),
                status=200,
                headers=dict(response.headers),
                preload_content=False,
            )
            return response

        def close(self) -> None:
            """Nothing is open."""

    asked: list[str] = []
    cache = folder / _CACHE_NAME
    with CachedSession(cache_name=str(cache), backend="sqlite", expire_after=-1) as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, Shipped())
        for url in bodies:
            asked.append(url)
            session.get(url)
    return cache, unknown


def _assumed_terms(document: dict[str, Any], bodies: dict[str, bytes], address: str) -> Iterator[tuple[str, str]]:
    defined: set[str] = set()
    for url in context_urls(document):
        if url in bodies:
            defined.update(json.loads(bodies[url])["@context"])
    listed = document.get("@context")
    for entry in listed if isinstance(listed, list) else [listed]:
        if isinstance(entry, dict):
            defined.update(entry)
    graph = document.get("@graph")
    used = {key for entity in (graph if isinstance(graph, list) else []) if isinstance(entity, dict) for key in entity}
    separator = "" if address.endswith(("/", "#")) else "#"
    for term in sorted(used - defined):
        if term and term[0] != "@" and ":" not in term:
            yield term, address + separator + term
