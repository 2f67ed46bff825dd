"""What literals and small entities of a crate mean: times, sizes, statuses, software, people.

Comes in: text as crates of several engines write it. Goes out: values of the Run model; None where it can't be told.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from provenance.crate.engine_entities import RECOVERED
from provenance.crate.graph import Entity, Graph, local_name
from provenance.run.model import Measurement, Organization, Person, ResourceUse, Software, Status, Value

_TIME = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?"
    r"\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?\s*$"
)
_LARGEST = 1 << 63  # bytes: no file system has files as large as that
_PLAIN_SIZE = 19  # digits that are less than that in any case
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kKMGTP]?)(i?)(B|[bB]ytes?)?\s*$")
_VERSION_TAIL = re.compile(r"^(.*\S)[\s:/@=-]+v?(\d+(?:\.\d+)+\S*)$")
_ORCID = re.compile(r"(?:https?://)?orcid\.org/(\d{4}-\d{4}-\d{4}-\d{3}[\dX])", re.IGNORECASE)
_ROR = re.compile(r"(?:https?://)?ror\.org/(\w+)", re.IGNORECASE)

# Languages that more than one engine executes, so that the language does not name the engine.
_SHARED_LANGUAGES = frozenset(
    [
        "cwl",
        "wdl",
        "python",
        "java",
        "r",
        "c",
        "c++",
        "fortran",
        "julia",
        "perl",
        "bash",
        "shell",
        "sh",
        "make",
        "makefile",
        "jupyter",
        "matlab",
        "javascript",
        "typescript",
        "ruby",
        "rust",
        "go",
    ]
) | {
    "common workflow language",
    "workflow description language",
    "jupyter notebook",
    "unix shell",
    "posix shell",
}

_STATUSES = {
    "CompletedActionStatus": Status.COMPLETED,
    "FailedActionStatus": Status.FAILED,
    "ActiveActionStatus": Status.RUNNING,
    "PotentialActionStatus": Status.UNKNOWN,
}

# Names of measured values, letters only -> field of ResourceUse.
_RESOURCE_FIELDS = {
    "cpuuser": "cpu_user",
    "usercputime": "cpu_user",
    "cpusystem": "cpu_system",
    "systemcputime": "cpu_system",
    "maxmemory": "max_memory",
    "peakmemory": "max_memory",
}
# Of those that only our own crates give, in these units: other engines write other quantities under such names.
_OWN_RESOURCE_FIELDS = {
    "average_cpu": "NUM",
    "max_cpu": "NUM",
    "max_total_memory": "BYTE",
    "average_memory": "BYTE",
    "read_bytes": "BYTE",
    "written_bytes": "BYTE",
}

_OWN_LENGTH = len("2026-01-02T03:04:05.678+00:00")
_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = date(1970, 1, 1).toordinal()


class Moment(NamedTuple):
    """A time and whether it was written with its zone."""

    nanoseconds: int
    has_zone: bool


def moment(text: str | None) -> Moment | None:
    """Parse an ISO 8601 time; without zone it is taken as UTC, without time of day as midnight."""
    if text is not None and len(text) == _OWN_LENGTH and text.endswith("+00:00"):  # as wfprov writes it
        try:
            return Moment((datetime.fromisoformat(text) - _START) // _MICROSECOND * 1000, has_zone=True)
        except ValueError:
            pass  # it may be one of the other forms
    match = _TIME.match(text or "")
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups("0")
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    if int(hour) > 24 or int(minute) > 59 or int(second) > 60:
        return None
    seconds = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second) - _offset(zone)
    return Moment(seconds * 10**9 + int(fraction.ljust(9, "0")), zone != "0")


def _offset(zone: str) -> int:
    """Seconds that a zone such as ``+01:00`` is ahead of UTC."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if zone[0] == "-" else seconds


def size(text: str | None) -> int | None:
    """Parse ``contentSize``: bytes, or a number with a unit such as ``1.2 MB`` (powers of 1000) or ``KiB`` (1024)."""
    if text is not None and text.isdecimal() and len(text) < _PLAIN_SIZE:
        return int(text)
    match = _SIZE.match(text or "")
    if not match:
        return None
    number, prefix, binary, _ = match.groups()
    power = " KMGTP".index(prefix.upper() or " ")
    try:
        found = int(float(number) * (1024 if binary else 1000) ** power) if "." in number or power else int(number)
    except (ValueError, OverflowError):
        return None
    return found if found < _LARGEST else None


def number(text: str | None) -> float | None:
    """Parse a measured value."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if value - value == 0 else None  # neither infinite nor NaN


def status(graph: Graph, action: Entity) -> tuple[Status, bool]:
    """How the action ended, and whether the crate says so itself.

    An action without ``actionStatus`` counts as completed (Process Run Crate 0.5), unless it has an ``error`` or an
    exit status that is not 0.
    """
    text = graph.text(action, "actionStatus")
    known = _STATUSES.get(local_name(text)) if text else None
    if known is Status.FAILED and graph.text(action, "error") == "canceled":
        return Status.CANCELED, True
    if known is Status.COMPLETED and any(one.startswith(RECOVERED) for one in graph.ids(action, "comment")):
        return Status.RECOVERED, True
    if known is not None:
        return known, True
    if text:
        plain = local_name(text).lower().removesuffix("actionstatus")
        return next((s for s in Status if s.value == plain), Status.UNKNOWN), True
    if graph.text(action, "error") or exit_code(graph, action):
        return Status.FAILED, True
    return Status.COMPLETED, False


def exit_code(graph: Graph, action: Entity) -> int | None:
    """The exit status, which some engines write beside the profile's properties."""
    text = graph.text(action, "exitCode", "exitStatus")
    return int(text) if text and re.fullmatch(r"-?\d{1,9}", text) else None


def software(graph: Graph, entity: Entity) -> Software:
    """A program, language or engine; a version at the end of the name is split off."""
    identifier = graph.id(entity)
    name = graph.text(entity, "name", "alternateName") or identifier.lstrip("#") or "unnamed"
    version = graph.text(entity, "softwareVersion", "version")
    tail = _VERSION_TAIL.match(name)
    if tail and version in (None, tail[2]):
        name, version = tail[1], tail[2]
    url = graph.text(entity, "url") or (identifier if identifier.startswith("http") else None)
    return Software(name=name, version=version, url=url)


def is_engine_language(language: Software) -> bool:
    """Tell whether a workflow language belongs to one engine, such as Galaxy or Snakemake, and so names it."""
    return language.name.lower() not in _SHARED_LANGUAGES


def value(graph: Graph, entity: Entity, is_return: bool = False) -> Value:
    """A ``PropertyValue``: named as the formal parameter that it is an example of when it has no name itself."""
    parameters = graph.refs(entity, "exampleOfWork")
    kinds = [graph.text(entity, "additionalType")]
    kinds += [graph.text(parameter, "additionalType") for parameter in parameters]
    names = [graph.text(parameter, "name") for parameter in parameters]
    name = graph.text(entity, "name") or next(filter(None, names), None) or graph.id(entity).lstrip("#") or "value"
    kind = next(filter(None, kinds), None)
    raw = entity.get("value")
    shown = raw if isinstance(raw, (str, int, float, bool)) else ", ".join(graph.texts(entity, "value")) or None
    full = re.fullmatch(r"Cut from (\d{1,15}) characters\.", graph.text(entity, "description") or "")
    return Value(
        name=name,
        value=shown,
        type=local_name(kind) if kind and "://" in kind else kind,
        cut_from=int(full[1]) if full else None,
        sha256=graph.text(entity, "sha256"),
        is_return=is_return,
    )


def people(graph: Graph, entity: Entity, *properties: str) -> tuple[Person, ...]:
    """The people that the first of ``properties`` with any gives, as entities or as plain names."""
    for name in properties:
        entities = graph.refs(entity, name)
        found = [person(graph, found) for found in entities]
        if not entities:
            found = [Person(name=text) for text in graph.texts(entity, name)]
        if found:
            return tuple(found)
    return ()


def person(graph: Graph, entity: Entity) -> Person:
    """A person; an organization in the place of a person is one that has no name of its own."""
    identifier = graph.id(entity)
    if "Organization" in graph.types(entity):
        return Person(organization=organization(graph, entity))
    parts = [graph.text(entity, part) for part in ("givenName", "familyName")]
    name = graph.text(entity, "name") or " ".join(filter(None, parts)) or None
    orcid = next(
        (
            found
            for text in (
                identifier,
                *graph.texts(entity, "identifier"),
                *graph.texts(entity, "url"),
            )
            if (found := _ORCID.match(text))
        ),
        None,
    )
    email = graph.text(entity, "email")
    for contact in graph.refs(entity, "contactPoint"):
        email = email or graph.text(contact, "email")
    affiliations = graph.refs(entity, "affiliation", "worksFor")
    plain = graph.text(entity, "affiliation")
    employer = organization(graph, affiliations[0]) if affiliations else Organization(name=plain) if plain else None
    return Person(
        name=name or (None if orcid else identifier.lstrip("#") or None),
        orcid=f"https://orcid.org/{orcid[1].upper()}" if orcid else None,
        email=email.removeprefix("mailto:") if email else None,
        organization=employer,
    )


def organization(graph: Graph, entity: Entity) -> Organization:
    """An institution."""
    identifier = graph.id(entity)
    ror = _ROR.match(identifier) or _ROR.match(graph.text(entity, "identifier") or "")
    name = graph.text(entity, "name") or (None if ror else identifier.lstrip("#") or None)
    return Organization(name=name, ror=f"https://ror.org/{ror[1]}" if ror else None)


def resources(values: list[Measurement]) -> ResourceUse:
    """Sort measured values into the ones that the Run model names, and the rest."""
    known: dict[str, float] = {}
    extra = []
    for item in values:
        field = _RESOURCE_FIELDS.get(re.sub(r"[^a-z]", "", item.name.lower()))
        if _OWN_RESOURCE_FIELDS.get(item.name) == local_name(item.unit or ""):
            field = item.name
        amount = number(str(item.value))
        if field and amount is not None and field not in known:
            known[field] = amount
        else:
            extra.append(item)

    def whole(field: str) -> int | None:
        amount = known.get(field)
        return int(amount) if amount is not None else None

    return ResourceUse(
        cpu_user=known.get("cpu_user"),
        cpu_system=known.get("cpu_system"),
        max_memory=whole("max_memory"),
        average_cpu=known.get("average_cpu"),
        max_cpu=known.get("max_cpu"),
        max_total_memory=whole("max_total_memory"),
        average_memory=whole("average_memory"),
        read_bytes=whole("read_bytes"),
        written_bytes=whole("written_bytes"),
        extra=tuple(extra),
    )
