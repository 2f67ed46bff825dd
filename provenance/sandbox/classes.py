"""The workflow classes that the sandbox knows, in the form in which SEEK lists them.

The first five are those that SEEK ships with; the others stand for what people added to WorkflowHub's own.
"""

from __future__ import annotations

from typing import Any

CLASSES: tuple[dict[str, Any], ...] = (
    {"key": "cwl", "title": "Common Workflow Language", "alternateName": "CWL",
     "identifier": "https://w3id.org/cwl/v1.2/", "url": "https://www.commonwl.org/"},
    {"key": "galaxy", "title": "Galaxy", "identifier": "https://galaxyproject.org/", "url": "https://galaxyproject.org/"},
    {"key": "knime", "title": "KNIME", "identifier": "https://www.knime.com/", "url": "https://www.knime.com/"},
    {"key": "nextflow", "title": "Nextflow", "identifier": "https://www.nextflow.io/", "url": "https://www.nextflow.io/"},
    {"key": "snakemake", "title": "Snakemake", "identifier": "https://snakemake.readthedocs.io/",
     "url": "https://snakemake.readthedocs.io/"},
    {"key": "compss", "title": "COMPSs", "url": "http://compss.bsc.es/"},
    {"key": "python", "title": "Python", "identifier": "https://www.python.org/", "url": "https://www.python.org/"},
    {"key": "shell", "title": "Shell Script", "alternateName": "Shell"},
)  # fmt: skip


def listed() -> list[dict[str, Any]]:
    """The classes as ``GET /workflow_classes`` gives them in JSON-LD."""
    names = ("alternateName", "identifier", "url")
    return [
        {"@id": f"#{one['key']}", "name": one["title"], **{name: one[name] for name in names if name in one}}
        for one in CLASSES
    ]


def class_of(language: dict[str, Any]) -> dict[str, Any] | None:
    """Find the class of a language by SEEK's rule: the first exact hit of the first property that has one."""
    identifier = language.get("identifier")
    if isinstance(identifier, dict):
        identifier = identifier.get("@id")
    names = (language.get("name"), language.get("alternateName"))
    key = str(language.get("@id", "")).lstrip("#")
    wanted = [("identifier", identifier), *(("title", name) for name in names)]
    wanted += [*(("alternateName", name) for name in names), ("key", key), ("url", language.get("url"))]
    for field, value in wanted:
        for one in CLASSES:
            if isinstance(value, str) and value and one.get(field) == value:
                return one
    return None
