"""An information file, filled in from the registers.

In: the text of the file, the persons and the publisher that it names, the registers. Out: :class:`FilledIn`, the text
with what was found, and what became of each missing thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provenance.lookup.complete import Finding, Registers
from provenance.run.info_edit import Place, Remark, line, person_places, publisher_place, with_values
from provenance.run.model import About, Organization, Person

_REMARKS = 5  # candidates that are written into the file for one key


@dataclass(frozen=True, slots=True)
class FilledIn:
    """What came of it."""

    text: str
    about: About  # persons and publisher as they are now
    findings: tuple[Finding, ...]
    by_hand: tuple[str, ...]  # lines that could not be put into the text, with whom they are about


def fill_in(text: str, about: About, registers: Registers) -> FilledIn:
    """Fill in the authors, the agent and the publisher of an information file.

    What is sure becomes a key with its value, each candidate a line that begins with ``#``. ``about`` is what
    :func:`~provenance.run.info.read_info` reads in ``text``.
    """
    work = _Work(text, registers)
    author_places, agent_place = person_places(text)
    authors = [work.person(place, each) for place, each in zip(author_places, about.authors, strict=True)]
    agent = about.agent
    if agent is not None and agent_place is not None:
        agent = work.person(agent_place, agent)
    publisher, publisher_at = about.publisher, publisher_place(text)
    if publisher is not None and publisher_at is not None:
        publisher = work.publisher(publisher_at, publisher)
    now = About(authors=tuple(authors), agent=agent, publisher=publisher)
    return FilledIn(work.text, now, tuple(dict.fromkeys(work.findings)), tuple(dict.fromkeys(work.by_hand)))


class _Work:
    """The text as it grows."""

    def __init__(self, text: str, registers: Registers) -> None:
        self.text = text
        self.findings: list[Finding] = []
        self.by_hand: list[str] = []
        self._registers = registers

    def person(self, place: Place, person: Person) -> Person:
        before = _person_keys(person)
        completed, findings = self._registers.complete_person(person)
        after = _person_keys(completed)
        news = {key: value for key, value in after.items() if key not in before}
        self._put(place, news, findings, person.name or person.orcid or "")
        return completed

    def publisher(self, place: Place, publisher: Organization) -> Organization:
        subject = f"{publisher.name or publisher.ror}, publisher"
        completed, findings = self._registers.complete_organization(publisher, subject)
        news = {}
        if completed.name and not publisher.name:
            news["name"] = completed.name
        if completed.ror and not publisher.ror:
            news["ror"] = completed.ror
        self._put(place, news, findings, subject)
        return completed

    def _put(self, place: Place, news: dict[str, str], findings: Sequence[Finding], subject: str) -> None:
        self.findings += findings
        remarks = [remark for each in findings if each.value is None for remark in _remarks(each)]
        if not news and not remarks:
            return
        text = with_values(self.text, place, news, remarks)
        if text is None and remarks and news:
            text = with_values(self.text, place, news)
        if text is not None:
            self.text = text
        else:
            self.by_hand += [f"{subject}: {line(key, value)}" for key, value in news.items()]


def _person_keys(person: Person) -> dict[str, str]:
    organization = person.organization or Organization()
    values = {
        "name": person.name,
        "orcid": person.orcid,
        "e-mail": person.email,
        "organisation_name": organization.name,
        "ror": organization.ror,
    }
    return {key: value for key, value in values.items() if value}


def _remarks(finding: Finding) -> list[Remark]:
    remarks = []
    for each in finding.candidates[:_REMARKS]:
        what = ", ".join(part for part in (each.name, each.details) if part)
        remarks.append((finding.key, line(finding.key, each.value) + (f"  # {what}" if what else "")))
    return remarks
