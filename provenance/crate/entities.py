"""Small parts that all entities are made of: references, times, text, people, organizations,
licenses, file formats.

Comes in: values of the Run. Goes out: plain dictionaries and strings for JSON-LD (RO-Crate 1.1).
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from provenance.run.model import About, Data, Organization, Person, Status, Value

Entity = dict[str, Any]

_SPDX = "https://spdx.org/licenses/"
_SPDX_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*\Z")
_SLUG = re.compile(r"[^A-Za-z0-9_.-]+")
_TYPES_OF_VALUES = {
    "int": "Integer",
    "float": "Float",
    "bool": "Boolean",
    "str": "Text",
    "integer": "Integer",
    "number": "Number",
    "boolean": "Boolean",
    "text": "Text",
}
# Only what ships with Python, so that the same run gives the same crate on every machine.
_FORMATS = mimetypes.MimeTypes()
_FORMATS.types_map = (
    dict(mimetypes.MimeTypes(()).types_map[0]),
    dict(mimetypes.MimeTypes(()).types_map[1]),
)
_FURTHER_FORMATS = {
    ".csv": "text/csv",
    ".cwl": "application/x-yaml",
    ".dot": "text/vnd.graphviz",
    ".fasta": "text/x-fasta",
    ".gz": "application/gzip",
    ".h5": "application/x-hdf5",
    ".hdf5": "application/x-hdf5",
    ".ipynb": "application/x-ipynb+json",
    ".jl": "text/x-julia",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".md": "text/markdown",
    ".nc": "application/x-netcdf",
    ".npy": "application/x-npy",
    ".npz": "application/x-npz",
    ".parquet": "application/vnd.apache.parquet",
    ".patch": "text/x-diff",
    ".r": "text/x-r",
    ".sqlite": "application/vnd.sqlite3",
    ".toml": "application/toml",
    ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_BINARY = "application/octet-stream"
_STATUS = {
    Status.COMPLETED: "http://schema.org/CompletedActionStatus",
    Status.RECOVERED: "http://schema.org/CompletedActionStatus",
    Status.FAILED: "http://schema.org/FailedActionStatus",
    Status.CANCELED: "http://schema.org/FailedActionStatus",
    # Never left out: the run profiles take an action without status for completed.
    Status.RUNNING: "http://schema.org/ActiveActionStatus",
    Status.UNKNOWN: "http://schema.org/PotentialActionStatus",
}


def ref(identifier: str) -> Entity:
    """Refer to an entity."""
    return {"@id": identifier}


def refs(identifiers: Iterable[str]) -> Any:
    """Refer to entities: none gives None, one a single reference (RO-Crate 1.1 wants no list of
    one), more a list."""
    found = [{"@id": identifier} for identifier in identifiers]
    return found[0] if len(found) == 1 else found or None


def one_or_all(values: Iterable[str]) -> Any:
    """Give a single value alone, more as a list, none as None."""
    found = list(values)
    return found[0] if len(found) == 1 else found or None


def without_nothing(entity: Entity) -> Entity:
    """Leave out what is not known."""
    return {key: value for key, value in entity.items() if value is not None and value != ""}


def iso(nanoseconds: int | None) -> str | None:
    """Write a time in UTC with milliseconds and its zone, the form that the run profiles ask for."""
    if nanoseconds is None:
        return None
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    second = _second(seconds)
    return second and f"{second}.{rest // 1_000_000:03d}+00:00"


@lru_cache(maxsize=4096)  # files and tasks of a run crowd into few seconds
def _second(seconds: int) -> str | None:
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return None


def action_status(status: Status) -> str:
    """Name the status in schema.org's words."""
    return _STATUS[status]


def slug(text: str, limit: int = 60) -> str:
    """Make a readable part of an identifier."""
    return _SLUG.sub("-", text).strip("-.")[:limit] or "x"


def value_type(value: Value) -> str:
    """Name the type of a value with the words that a FormalParameter may use."""
    known = _TYPES_OF_VALUES.get((value.type or "").lower())
    if known:
        return known
    if isinstance(value.value, bool):
        return "Boolean"
    if isinstance(value.value, int):
        return "Integer"
    return "Float" if isinstance(value.value, float) else "Text"


def encoding_format(data: Data, is_text: bool | None) -> str:
    """Name the media type by the ending of the name, else by what its first bytes look like."""
    if data.encoding_format:
        return data.encoding_format
    return media_type(data.path) or ("text/plain" if is_text else _BINARY)


def media_type(path: str) -> str | None:
    """Name the media type by the ending of a file name, where the ending says it."""
    name = path.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        return None
    suffix = f".{suffix.lower()}"
    return _FURTHER_FORMATS.get(suffix) or _FORMATS.types_map[True].get(suffix)


def person(known: Person) -> list[Entity]:
    """Describe a person, and the institution where it is known."""
    organizations = organization(known.organization) if known.organization else []
    identifier = person_id(known)
    email = f"mailto:{known.email}" if known.email else None
    entity = {
        "@id": identifier,
        "@type": "Person",
        "name": known.name,
        "email": email,
        "affiliation": ref(organizations[0]["@id"]) if organizations else None,
    }
    return [without_nothing(entity), *organizations]


def person_id(known: Person) -> str:
    """The ORCID of a person, else an identifier made of the name."""
    return known.orcid or f"#person-{slug(known.name or known.email or 'unknown')}"


def organization(known: Organization) -> list[Entity]:
    """Describe an institution; nothing when nothing is known of it."""
    if not known.name and not known.ror:
        return []
    identifier = known.ror or f"#organization-{slug(known.name or '')}"
    entity = {"@id": identifier, "@type": "Organization", "name": known.name, "url": known.ror}
    return [without_nothing(entity)]


def publisher_of(about: About) -> Organization | None:
    """Who publishes a crate: as the user says, else the institution of the first author, as COMPSs takes it."""
    if about.publisher is not None:
        return about.publisher
    own = about.authors[0].organization if about.authors else None
    return own if own is not None and (own.name or own.ror) else None


def license_entity(text: str) -> Entity:
    """Describe a license given as SPDX identifier, URL or words."""
    if urlsplit(text).scheme in ("http", "https"):
        name = text.rstrip("/").rpartition("/")[2] or text
        return {"@id": text, "@type": "CreativeWork", "name": name, "url": text}
    if _SPDX_NAME.match(text):
        url = f"{_SPDX}{quote(text)}"
        return {"@id": url, "@type": "CreativeWork", "name": text, "identifier": text, "url": url}
    return {"@id": "#license", "@type": "CreativeWork", "name": "License", "description": text}
