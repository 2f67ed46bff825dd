"""Programs, libraries, interpreters and tools as entities, and the identifiers that they have.

Comes in: the Run's software and tools. Goes out: SoftwareApplication entities. Process Run Crate asks for absolute
URIs as identifiers of software, and its validator wants a web address (a package URL is none): what has a web page has
a fragment of that one, all else (tools of the workflow, what it was executed with) a fragment of the workflow's own
stable address. Where the user gave none, the identifier stays local to the crate. The fragment of a package is its
package URL without the scheme, so that two architectures of a package are two entities.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import quote

from provenance.crate.entities import Entity, license_entity, ref, slug, without_nothing
from provenance.crate.layout import file_uri
from provenance.run.installed import was_used
from provenance.run.licenses import spdx_identifier
from provenance.run.model import Run, Software, Tool

_WEB = ("https://", "http://")
_IN_FRAGMENTS = "/?:@!$&'()*+,;=-._~%"


def software_id(run: Run, known: Software) -> str:
    """Name a piece of software by its web page and its package URL, else by name and version; what differs in these
    is another entity."""
    page = _page(known.url) if known.url and known.url.startswith(_WEB) else None
    if known.purl:
        return f"{page or _home(run)}#{quote(known.purl.removeprefix('pkg:'), safe=_IN_FRAGMENTS)}"
    name = slug(known.name) + (f"-{slug(known.version)}" if known.version else "")
    if known.kind is not None:
        # Two programs of one name, and names that differ in what an identifier leaves out, stay apart.
        place = repr((known.name, known.version, known.architecture, known.sha256 or known.path))
        name = f"{slug(known.kind)}-{name}-{sha256(place.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
    return f"{page}#{name}" if page else f"{_home(run)}#software-{name}"


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
    """Describe a program or library with what is known.

    Without a web page its package URL, and without that its place on the machine or its origin, is its URL. What kind
    of package it is stands in ``applicationCategory``.
    """
    place = file_uri(run.host, software.path) if software.path else None
    return without_nothing(
        {
            "@id": software_id(run, software),
            "@type": "SoftwareApplication",
            "applicationCategory": software.kind,
            "name": software.name,
            # As tools have it: what has no version is known by its content.
            "version": software.version or (f"sha256:{software.sha256}" if software.sha256 else None),
            "url": software.url
            or software.purl
            or place
            or (software.origin if "://" in (software.origin or "") else None),
            "identifier": software.purl,
            "sha256": software.sha256,
            "processorRequirements": software.architecture,
            "installUrl": _install_url(software),
            "license": ref(license_entity(terms)["@id"]) if (terms := _license(software)) else None,
        }
    )


def software_entities(run: Run, software: Software) -> list[Entity]:
    """Describe a program or library, and the license that its entity refers to."""
    entity, terms = software_entity(run, software), _license(software)
    return [entity, license_entity(terms)] if terms else [entity]


def used_software(run: Run) -> list[Software]:
    """List what the run executed or loaded: the packages first, then all else."""
    return [one for one in (*run.environment.packages, *run.environment.software) if was_used(one)]


def _license(software: Software) -> str | None:
    """Return the license as SPDX names it; words that it has no name for are left to the bill of materials."""
    return spdx_identifier(software.license) if software.license else None


def _install_url(software: Software) -> str | None:
    """Where it was installed from, when that is a place that others can reach."""
    origin = software.origin or ""
    return origin if origin.removeprefix("git+").startswith(_WEB) else None


def _home(run: Run) -> str:
    """The workflow's stable address, empty when the user gave none on the web."""
    url = run.about.url or ""
    return _page(url) if url.startswith(_WEB) else ""


def _page(url: str) -> str:
    return url.partition("#")[0]
