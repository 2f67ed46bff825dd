"""Persons and institutions, filled in from the registers: what is sure goes in, what is not is left to the user.

In: a :class:`~provenance.run.model.Person` or :class:`~provenance.run.model.Organization` that lacks something. Out:
the same with what was found, and :class:`Finding` for each thing that was looked for. What is there is never changed.

An identifier tells for sure. A name alone does not: it is enough only where one record alone has it and something
else agrees, the institution or the e-mail address of a person, the choice of ROR's own matching for an institution.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from provenance.errors import NetworkError
from provenance.lookup.content import words
from provenance.lookup.orcid import Orcid, PersonMatch, PersonRecord
from provenance.lookup.ror import InstitutionRecord, Ror
from provenance.run.model import Organization, Person

_MOST = 10  # candidates that are told


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the things that may be meant; the user chooses."""

    value: str  # what the key would be: an identifier, a name, an address
    name: str = ""  # who or what that is
    details: str = ""  # institutions, country


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one missing thing."""

    subject: str  # whom it is about, as the user wrote it
    key: str  # as in the information file: name, orcid, e-mail, organisation_name, ror
    value: str | None = None  # what was filled in
    explanation: str = ""  # how sure that is, or why there is nothing
    candidates: tuple[Candidate, ...] = ()
    more: int = 0  # candidates that are not told


class Registers:
    """Both registers, and what could not be asked of them."""

    def __init__(self, orcid: Orcid, ror: Ror, today: datetime.date) -> None:
        """``today`` tells the employments that have ended from those that have not."""
        self._orcid = orcid
        self._ror = ror
        self._today = today
        self.failures: list[NetworkError] = []  # each once

    def complete_person(self, person: Person) -> tuple[Person, tuple[Finding, ...]]:
        """Fill in name, ORCID iD, public e-mail address and institution of a person."""
        subject = person.name or person.orcid or ""
        found: list[Finding] = []
        if person.orcid:
            person = self._by_orcid(person, subject, found)
        elif person.name:
            person = self._by_name(person, person.name, found)
        if person.organization:
            institution = person.organization.name or person.organization.ror
            about = f"{institution} (institution of {subject})"
            organization, more = self.complete_organization(person.organization, about)
            person = replace(person, organization=organization)
            found += more
        return person, tuple(found)

    def complete_organization(
        self, organization: Organization, subject: str = ""
    ) -> tuple[Organization, tuple[Finding, ...]]:
        """Fill in the name or the ROR id of an institution that has the other one alone."""
        about = subject or organization.name or organization.ror or ""
        try:
            if organization.ror and not organization.name:
                record = self._ror.institution(organization.ror)
                finding = _name_of(record, organization.ror, about)
            elif organization.name and not organization.ror:
                finding = _ror_of(self._ror.matches(organization.name), organization.name, about)
            else:
                return organization, ()
        except NetworkError as error:
            self._note(error)
            missing = "ror" if organization.name else "organisation_name"
            return organization, (Finding(about, missing, explanation="could not be asked"),)
        if finding.value and finding.key == "ror":
            organization = replace(organization, ror=finding.value)
        elif finding.value:
            organization = replace(organization, name=finding.value)
        return organization, (finding,)

    def _by_orcid(self, person: Person, subject: str, found: list[Finding]) -> Person:
        orcid = person.orcid or ""
        try:
            record = self._orcid.person(orcid)
            found += _about_record(record, person, subject)
            if record.trouble:
                return person
            if not person.name and record.name:
                person = replace(person, name=record.name)
            if not person.email and _main_email(record):
                person = replace(person, email=_main_email(record))
            if person.organization is None:
                finding, employer = _employer(self._orcid.employers(orcid, self._today), subject)
                found += finding
                person = replace(person, organization=employer)
            elif person.organization.name and not person.organization.ror:
                employers = self._orcid.employers(orcid, self._today)
                ror = _ror_of_employer(employers, person.organization.name)
                if ror:
                    found.append(Finding(subject, "ror", ror, "of the employment there, by the ORCID iD"))
                    person = replace(person, organization=replace(person.organization, ror=ror))
        except NetworkError as error:
            self._note(error)
            missing = "name" if not person.name else "organisation_name"
            if not person.name or person.organization is None:
                found.append(Finding(subject, missing, explanation="could not be asked"))
        return person

    def _by_name(self, person: Person, name: str, found: list[Finding]) -> Person:
        try:
            matches, total = self._orcid.search(name)
        except NetworkError as error:
            self._note(error)
            found.append(Finding(name, "orcid", explanation="could not be asked"))
            return person
        finding = _orcid_of(person, name, matches, total)
        found.append(finding)
        return replace(person, orcid=finding.value) if finding.value else person

    def _note(self, error: NetworkError) -> None:
        if str(error) not in map(str, self.failures):
            self.failures.append(error)


def _about_record(record: PersonRecord, person: Person, subject: str) -> list[Finding]:
    """Tell what a record gives a person with this ORCID iD, and what is wrong with it."""
    if record.trouble:
        return [Finding(subject, "orcid" if person.name else "name", explanation=f"the record is {record.trouble}")]
    found = []
    if record.orcid != person.orcid:
        found.append(
            Finding(
                subject,
                "orcid",
                explanation="this iD was replaced by another one; put it in",
                candidates=(Candidate(record.orcid, record.name or ""),),
            )
        )
    if not person.name:
        why = "by the ORCID iD" if record.name else "the name is private"
        found.append(Finding(subject, "name", record.name, why))
    elif record.name and not set(words(record.name)) & set(words(person.name)):
        found.append(Finding(subject, "orcid", explanation=f"the record is that of {record.name}; is a digit wrong?"))
    if not person.email and record.emails:
        main = _main_email(record)
        several = tuple(Candidate(each) for each in record.emails) if main is None else ()
        why = "public in the ORCID record" if main else "several are public, choose one"
        found.append(Finding(subject, "e-mail", main, why, several[:_MOST], max(0, len(several) - _MOST)))
    return found


def _main_email(record: PersonRecord) -> str | None:
    return record.emails[0] if len(record.emails) == 1 or record.has_main_email else None


def _employer(employers: Sequence[Organization], subject: str) -> tuple[list[Finding], Organization | None]:
    if len(employers) == 1:
        why = "the one current employment, by the ORCID iD"
        found = [Finding(subject, "organisation_name", employers[0].name, why)]
        if employers[0].ror:
            found.append(Finding(subject, "ror", employers[0].ror, "of that employment"))
        return found, employers[0]
    if not employers:
        return [Finding(subject, "organisation_name", explanation="no current employment is public")], None
    candidates = tuple(Candidate(each.name or "", details=each.ror or "") for each in employers)
    return [
        Finding(
            subject,
            "organisation_name",
            explanation="several current employments, choose one",
            candidates=candidates[:_MOST],
            more=max(0, len(candidates) - _MOST),
        )
    ], None


def _ror_of_employer(employers: Sequence[Organization], name: str) -> str | None:
    found = {each.ror for each in employers if each.ror and each.name and words(each.name) == words(name)}
    return found.pop() if len(found) == 1 else None


def _orcid_of(person: Person, name: str, matches: Sequence[PersonMatch], total: int) -> Finding:
    """Decide which of the people that a search found is ``person``."""
    wanted = words(name)
    same = [each for each in matches if wanted and any(words(one) == wanted for one in each.names)]
    institution = person.organization.name if person.organization else None
    agreeing = [each for each in same if _agrees(each, person.email, institution)]
    if len(agreeing) == 1 and total <= len(matches):
        what = "e-mail address" if _has(person.email, agreeing[0].emails) else "institution"
        return Finding(name, "orcid", agreeing[0].orcid, f"likely: the only one of this name with this {what}")
    if not matches:
        return Finding(name, "orcid", explanation="nobody of this name is in the register")
    told = agreeing or same or list(matches)
    if len(told) == 1 and same:
        why = "one has this name, but nothing else tells that it is the same person"
    else:
        why = "several have this name, choose one" if same else "nobody has just this name; similar ones"
    candidates = tuple(Candidate(each.orcid, each.names[0], "; ".join(each.institutions[:3])) for each in told[:_MOST])
    unseen = max(0, total - len(matches)) if not agreeing else 0
    return Finding(name, "orcid", None, why, candidates, len(told) - len(candidates) + unseen)


def _agrees(match: PersonMatch, email: str | None, institution: str | None) -> bool:
    wanted = words(institution) if institution else ()
    return _has(email, match.emails) or bool(wanted and any(words(each) == wanted for each in match.institutions))


def _has(email: str | None, emails: Sequence[str]) -> bool:
    return email is not None and email.casefold() in (each.casefold() for each in emails)


def _name_of(record: InstitutionRecord, asked: str, subject: str) -> Finding:
    key = "organisation_name"
    if record.trouble:
        return Finding(subject, key, explanation=f"the ROR id is {record.trouble}")
    successors = tuple(Candidate(each.ror or "", each.name or "") for each in record.successors)
    if record.ror != asked:
        other = (Candidate(record.ror, record.name or "", record.country or ""),)
        return Finding(subject, key, None, "the register answers with another ROR id; put it in", other)
    if record.status == "withdrawn":
        why = "the ROR id was withdrawn" + ("; take its successor" if successors else "")
        return Finding(subject, key, None, why, successors)
    if record.status != "active":
        why = f"by the ROR id; the institution is {record.status}" + ("; successor" if successors else "")
        return Finding(subject, key, record.name, why, successors)
    return Finding(subject, key, record.name, "by the ROR id" if record.name else "the record has no name")


def _ror_of(matches: Sequence[tuple[InstitutionRecord, bool]], name: str, subject: str) -> Finding:
    """Decide which of the institutions that ROR's matching found is meant by ``name``."""
    wanted = words(name)
    same = [(each, chosen) for each, chosen in matches if wanted and any(words(one) == wanted for one in each.names)]
    if len(same) == 1 and same[0][1]:
        record = same[0][0]
        shown = f"{record.name}, {record.country}" if record.country else record.name
        return Finding(subject, "ror", record.ror, f"likely: the only one of this name, {shown}")
    if not matches:
        return Finding(subject, "ror", explanation=f"no institution like {name!r} is in the register")
    told = [record for record, _ in same or matches]
    if len(told) == 1:
        sure = "one has this name, but the register is not sure"
        why = sure if same else "none has just this name; a similar one"
    else:
        why = "several have this name, choose one" if same else "none has just this name; similar ones"
    candidates = tuple(Candidate(each.ror, each.name or "", each.country or "") for each in told[:_MOST])
    return Finding(subject, "ror", None, why, candidates, len(told) - len(candidates))
