"""``ro-crate-preview.html``, made by rocrate from a graph that is cut to what a page can show.

Comes in: the root, main workflow and data entities. Goes out: HTML. The only module that uses
rocrate, which takes longer to load than a small crate takes to write: :func:`renderer` loads it, so
that this can be done beside other work.
"""

from __future__ import annotations

import html
import json
import tempfile
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from provenance.crate.entities import Entity
from provenance.crate.metadata import document, readable

PREVIEW_FILE = "ro-crate-preview.html"
_SHOWN = 200  # data entities on the page


def page_content(root: Entity, main: Entity, language: Entity, data: Iterable[Entity], data_count: int) -> bytes:
    """Cut the graph to what the page shows: of more than 200 files the first ones, which it says."""
    shown = list(islice(data, _SHOWN))
    description = str(root.get("description") or "")
    if data_count > len(shown):
        description += f" (The page lists {len(shown)} of {data_count} files; all are in ro-crate-metadata.json.)"
    graph = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            "about": {"@id": "./"},
        },
        _shown(root, "name", "datePublished", "keywords")
        | {
            "description": _text(description),
            "hasPart": [{"@id": main["@id"]}, *({"@id": entity["@id"]} for entity in shown)],
            "mainEntity": {"@id": main["@id"]},
        },
        _shown(main, "name", "programmingLanguage"),
        _shown(language, "name"),
        *(_shown(entity, "name") for entity in shown),
    ]
    return b"".join(document(graph))


def renderer() -> Callable[[bytes], bytes]:
    """Load rocrate, and give the function that makes the page from its graph."""
    from rocrate.model.preview import Preview
    from rocrate.rocrate import ROCrate

    def render(content: bytes) -> bytes:
        with tempfile.TemporaryDirectory(prefix="wfprov-preview-") as folder:
            (Path(folder) / "ro-crate-metadata.json").write_bytes(content)
            page: str = Preview(ROCrate(folder)).generate_html()
        return page.encode("utf-8", "backslashreplace")

    return render


def _shown(entity: Entity, *properties: str) -> Entity:
    kept = {"@id": entity["@id"], "@type": entity["@type"]}
    return kept | {name: _escaped(entity[name]) for name in properties if name in entity}


def _escaped(value: Any) -> Any:
    """Escape for HTML, which rocrate's template does not do."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [_escaped(part) for part in value]
    return json.loads(json.dumps(value))


def _text(text: str) -> str:
    return html.escape(readable(text))
