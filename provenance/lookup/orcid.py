"""The register of people: ORCID's public API, version 3.0.

In: an ORCID iD or a name. Out: what the record shows to everybody, as plain values. The API hides what is private or
limited: a private name is ``null``, private addresses are left out.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from provenance.errors import ServerError
from provenance.lookup.connection import Connection
from provenance.lookup.content import member, members, text, texts
from provenance.run.identifiers import orcid_url, plausible_email, ror_url
from provenance.run.model import Organization

ADDRESS = "https://pub.orcid.org/v3.0"
_PAGE = "https://orcid.org/"
_ROWS = 50  # that one search gives at most
# error-code of an answer with status 409 -> what it says of the record
_STATES = {9018: "locked", 9036: "not claimed yet by its owner", 9044: "deactivated"}


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """What a record shows of a person."""

    orcid: str  # full URL; another one than was asked for where that was replaced
    name: str | None = None  # as the person wants to be credited, else given and family name
    emails: tuple[str, ...] = ()  # public ones, the main one first
    has_main_email: bool = False
    trouble: str | None = None  # why there is nothing: "deactivated", "locked", ...


@dataclass(frozen=True, slots=True)
class PersonMatch:
    """One person that a search by name found."""

    orcid: str
    names: tuple[str, ...]  # how the person is to be called first, then the other names
    emails: tuple[str, ...]
    institutions: tuple[str, ...]  # of now and of before


class Orcid:
    """Asks the register."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def person(self, orcid: str) -> PersonRecord:
        """Return what the record of ``orcid`` (full URL) shows.

        Raises
        ------
        NetworkError
            The register can't be reached or does not answer as it should.
        """
        answer = self._connection.get(f"/{_bare(orcid)}/person")
        if answer.status != 200:
            return PersonRecord(orcid, trouble=_trouble(answer.status, answer.content))
        content = self._map(answer.content)
        name = text(content, "name", "credit-name", "value") or _full_name(
            text(content, "name", "given-names", "value"), text(content, "name", "family-name", "value")
        )
        if name and name.startswith("Given Names Deactivated"):
            # As records that were deactivated before 2024 are still served by some instances.
            return PersonRecord(orcid, trouble="deactivated")
        emails = sorted(_emails(content), key=lambda each: not each[1])
        return PersonRecord(
            orcid=_answered(content, orcid),
            name=name,
            emails=tuple(dict.fromkeys(address for address, _ in emails)),
            has_main_email=any(is_main for _, is_main in emails),
        )

    def employers(self, orcid: str, today: datetime.date) -> tuple[Organization, ...]:
        """Return where the person of ``orcid`` works ``today``: the employments that have not ended, each once.

        Raises
        ------
        NetworkError
            The register can't be reached or does not answer as it should.
        """
        answer = self._connection.get(f"/{_bare(orcid)}/employments")
        if answer.status != 200:
            return ()
        found: dict[str, Organization] = {}
        for group in members(self._map(answer.content), "affiliation-group"):
            for each in members(group, "summaries"):
                summary = member(each, "employment-summary")
                organization = _organization(member(summary, "organization"))
                if organization.name and not _is_over(member(summary, "end-date"), today):
                    # The same post may be told by the person and by the institution.
                    key = organization.ror or organization.name.casefold()
                    found.setdefault(key, organization)
        return _without_doubles(tuple(found.values()))

    def search(self, name: str) -> tuple[tuple[PersonMatch, ...], int]:
        """Return the people with all words of ``name`` in their names, and how many the register knows in all.

        Raises
        ------
        NetworkError
            The register can't be reached or does not answer as it should.
        """
        quoted = [_quoted(word) for word in name.split()]
        whole = _quoted(" ".join(name.split()))
        # given-and-family-names alone finds letters with and without their accents.
        query = f"given-and-family-names:({' AND '.join(quoted)}) OR credit-name:{whole} OR other-names:{whole}"
        answer = self._connection.get("/expanded-search/", {"q": query, "start": "0", "rows": str(_ROWS)})
        if answer.status != 200:
            raise ServerError(f"{self._connection.host} can't search for {name!a} (HTTP status {answer.status})")
        content = self._map(answer.content)
        matches = []
        for each in members(content, "expanded-result")[:_ROWS]:
            orcid = _valid(text(each, "orcid-id"))
            names = (
                text(each, "credit-name"),
                _full_name(text(each, "given-names"), text(each, "family-names")),
                *texts(each, "other-name"),
            )
            known = tuple(dict.fromkeys(one for one in names if one))
            if orcid and known:
                matches.append(PersonMatch(orcid, known, texts(each, "email"), texts(each, "institution-name")))
        count = member(content, "num-found")
        total = count if isinstance(count, int) and not isinstance(count, bool) else 0
        return tuple(matches), max(total, len(matches))

    def _map(self, content: Any) -> dict[str, Any]:
        if not isinstance(content, dict):
            raise ServerError(f"{self._connection.host} answers with JSON that is no record; try again later")
        return content


def _bare(orcid: str) -> str:
    return orcid.removeprefix(_PAGE)


def _valid(orcid: str | None) -> str | None:
    try:
        return orcid_url(orcid) if orcid else None
    except ValueError:
        return None


def _answered(content: dict[str, Any], asked: str) -> str:
    """Return whose record came: the path of a record begins with its iD, and a replaced iD leads to another."""
    path = text(content, "path") or ""
    return _valid(path.strip("/").partition("/")[0]) or asked


def _trouble(status: int, content: Any) -> str:
    state = _STATES.get(code) if isinstance(code := member(content, "error-code"), int) else None
    if state:
        return state
    return "not known to the register" if status == 404 else f"not given out (HTTP status {status})"


def _full_name(given: str | None, family: str | None) -> str | None:
    return " ".join(part for part in (given, family) if part) or None


def _emails(content: dict[str, Any]) -> list[tuple[str, bool]]:
    found = []
    for each in members(content, "emails", "email"):
        address = text(each, "email")
        if address and str(member(each, "visibility")).lower() == "public":
            try:
                found.append((plausible_email(address), member(each, "primary") is True))
            except ValueError:
                continue
    return found


def _organization(content: Any) -> Organization:
    identified = member(content, "disambiguated-organization")
    ror = None
    if text(identified, "disambiguation-source") == "ROR":
        try:
            ror = ror_url(text(identified, "disambiguated-organization-identifier") or "")
        except ValueError:
            ror = None
    return Organization(name=text(content, "name"), ror=ror)


def _without_doubles(found: tuple[Organization, ...]) -> tuple[Organization, ...]:
    """Leave out an institution without ROR id where the same name is there with one."""
    known = {each.name.casefold() for each in found if each.name and each.ror}
    return tuple(each for each in found if each.ror or not each.name or each.name.casefold() not in known)


def _is_over(end: Any, today: datetime.date) -> bool:
    """Return whether the end, of which month and day may be unknown, is certainly past; a future end is none yet."""
    if not isinstance(end, dict):
        return False
    year, month, day = (_number(text(end, part, "value")) for part in ("year", "month", "day"))
    return (year or 0, month or 12, day or 31) < (today.year, today.month, today.day)


def _number(digits: str | None) -> int | None:
    return int(digits) if digits and digits.isascii() and digits.isdigit() and len(digits) < 5 else None


def _quoted(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
