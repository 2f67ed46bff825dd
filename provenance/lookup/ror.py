"""The register of institutions: ROR's API, version 2.

In: a ROR id or a name. Out: what the record says, as plain values. Of the names of a record, which may be in several
languages, the one marked ``ror_display`` is its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from provenance.errors import ServerError
from provenance.lookup.connection import Connection
from provenance.lookup.content import member, members, text, texts
from provenance.run.identifiers import ror_url
from provenance.run.model import Organization

ADDRESS = "https://api.ror.org/v2"
_PAGE = "https://ror.org/"
_CANDIDATES = 20  # of one search


@dataclass(frozen=True, slots=True)
class InstitutionRecord:
    """What the register says of an institution."""

    ror: str  # full URL
    name: str | None = None
    names: tuple[str, ...] = ()  # in all languages; without abbreviations, which many institutions share
    country: str | None = None
    status: str = "active"  # or "inactive": it is no more; "withdrawn": the record was a mistake
    successors: tuple[Organization, ...] = ()
    trouble: str | None = None  # why there is nothing


class Ror:
    """Asks the register."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def institution(self, ror: str) -> InstitutionRecord:
        """Return what the record of ``ror`` (full URL) says.

        Raises
        ------
        NetworkError
            The register can't be reached or does not answer as it should.
        """
        answer = self._connection.get(f"/organizations/{ror.removeprefix(_PAGE)}")
        # An id that it does not take comes back as a list of errors, once with status 404 and once with 200.
        if answer.status != 200 or members(answer.content, "errors"):
            return InstitutionRecord(ror, trouble="not known to the register")
        record = _record(answer.content)
        if record is None:
            raise ServerError(f"{self._connection.host} answers with JSON that is no record; try again later")
        return record

    def matches(self, name: str) -> tuple[tuple[InstitutionRecord, bool], ...]:
        """Return the institutions that ``name`` may mean, the best first; True with the one that ROR itself chose.

        Raises
        ------
        NetworkError
            The register can't be reached or does not answer as it should.
        """
        answer = self._connection.get("/organizations", {"affiliation": name})
        items = member(answer.content, "items")
        if answer.status != 200 or not isinstance(items, list):
            raise ServerError(f"{self._connection.host} can't search for {name!a}; try again later")
        found: dict[str, tuple[InstitutionRecord, bool]] = {}
        for each in items[:_CANDIDATES]:
            record = _record(member(each, "organization"))
            if record is not None and record.status == "active":
                found.setdefault(record.ror, (record, member(each, "chosen") is True))
        return tuple(found.values())


def _record(content: Any) -> InstitutionRecord | None:
    ror = _valid(text(content, "id"))
    if ror is None:
        return None
    name, first_label, names = None, None, []
    for each in members(content, "names"):
        value = text(each, "value")
        kinds = texts(each, "types")
        if value:
            names += [] if kinds == ("acronym",) else [value]
            name = name or (value if "ror_display" in kinds else None)
            first_label = first_label or (value if "label" in kinds else None)
    successors = [
        Organization(name=text(each, "label"), ror=successor)
        for each in members(content, "relationships")
        if (text(each, "type") or "").lower() == "successor" and (successor := _valid(text(each, "id")))
    ]
    locations = members(content, "locations")
    return InstitutionRecord(
        ror=ror,
        name=name or first_label or (names[0] if names else None),
        names=tuple(dict.fromkeys(names)),
        country=text(locations[0], "geonames_details", "country_name") if locations else None,
        status=(text(content, "status") or "active").lower(),
        successors=tuple(successors),
    )


def _valid(ror: str | None) -> str | None:
    try:
        return ror_url(ror) if ror else None
    except ValueError:
        return None
