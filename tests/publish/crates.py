"""Small crates for tests of publishing."""

from __future__ import annotations

import copy
import json
import zipfile
from pathlib import Path
from typing import Any

ORCID = "https://orcid.org/0000-0002-1825-0097"
SOURCE = "https://example.org/workflows/count"


def metadata(**root: Any) -> dict[str, Any]:
    """Metadata of a small crate that can be published; ``root`` changes properties of the root, None takes them out."""
    graph: list[dict[str, Any]] = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [
                {"@id": "https://w3id.org/ro/crate/1.1"},
                {"@id": "https://w3id.org/workflowhub/workflow-ro-crate/1.0"},
            ],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": "Count words",
            "description": "Counts the words of a text.",
            "datePublished": "2026-11-22",
            "license": {"@id": "https://spdx.org/licenses/Apache-2.0"},
            "author": {"@id": ORCID},
            "isBasedOn": SOURCE,
            "version": "1.0",
            "keywords": ["words", "count"],
            "mainEntity": {"@id": "count.sh"},
            "hasPart": [{"@id": "count.sh"}, {"@id": "data/"}, {"@id": "data/text%20one.txt"}],
        },
        {
            "@id": "count.sh",
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "count.sh",
            "programmingLanguage": {"@id": "#shell"},
        },
        {"@id": "#shell", "@type": "ComputerLanguage", "name": "Shell Script"},
        {"@id": "data/", "@type": "Dataset", "name": "data", "hasPart": {"@id": "data/text%20one.txt"}},
        {"@id": "data/text%20one.txt", "@type": "File", "name": "text one.txt"},
        {"@id": "https://spdx.org/licenses/Apache-2.0", "@type": "CreativeWork", "name": "Apache-2.0"},
        {"@id": ORCID, "@type": "Person", "name": "Ada Example"},
    ]
    for name, value in root.items():
        graph[1][name] = value
        if value is None:
            del graph[1][name]
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}


def entity(document: dict[str, Any], identifier: str) -> dict[str, Any]:
    """The entity of an identifier."""
    found: dict[str, Any] = next(one for one in document["@graph"] if one["@id"] == identifier)
    return found


def write_crate(folder: Path, document: dict[str, Any] | None = None, **root: Any) -> Path:
    """Write a crate to a folder."""
    (folder / "data").mkdir(parents=True)
    (folder / "count.sh").write_text("wc -w 'data/text one.txt'\n")
    (folder / "data/text one.txt").write_text("one two three\n")
    document = document if document is not None else metadata(**root)
    (folder / "ro-crate-metadata.json").write_text(json.dumps(document, indent=1))
    return folder


def zipped(crate: Path, top: str = "") -> Path:
    """Zip a crate's folder, with a folder within the zip or without."""
    target = crate.with_name(crate.name + ".zip")
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(crate.rglob("*")):
            archive.write(path, top + str(path.relative_to(crate)))
    return target


def changed(document: dict[str, Any], identifier: str, **values: Any) -> dict[str, Any]:
    """A copy of metadata in which one entity is changed; None takes a property out."""
    made = copy.deepcopy(document)
    found = entity(made, identifier)
    for name, value in values.items():
        found[name.replace("at_", "@")] = value
        if value is None:
            del found[name.replace("at_", "@")]
    return made
