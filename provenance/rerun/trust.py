"""What a user is shown before code from a crate runs, and when it may run without asking.

Comes in: the plan. Goes out: an :class:`Introduction`, whose texts are the crate's own words: nobody has checked them,
and they are cleaned where they are printed. Who recorded a crate makes no difference: it may have been changed since.
"""

from __future__ import annotations

from dataclasses import dataclass

from provenance.rerun.records import Plan
from provenance.run.model import Person

_LONGEST = 20  # authors and steps that are shown


@dataclass(frozen=True, slots=True)
class Introduction:
    """Who asks to run what here."""

    name: str
    authors: tuple[str, ...]  # as the crate names them
    source: str  # where the crate was fetched from, or its folder
    license: str | None
    commands: tuple[tuple[str, ...], ...]  # the words of each step, as they will be run
    is_isolated: bool
    builds: str | None  # the software that is fetched and built first, which runs code too
    fetched: tuple[str, ...] = ()  # addresses that data are fetched from


def describe(plan: Plan, *, is_isolated: bool = False) -> Introduction:
    """Put together what has to be known for consent."""
    about = plan.run.about
    return Introduction(
        name=about.name or plan.run.name or "without a name",
        authors=tuple(_person(person) for person in about.authors[:_LONGEST]),
        source=plan.origin.identifier or plan.origin.url or plan.origin.given,
        license=about.license,
        commands=tuple(step.words for step in plan.steps[:_LONGEST]),
        is_isolated=is_isolated,
        builds=None if plan.environment.is_ready else plan.environment.description,
        fetched=tuple(dict.fromkeys(file.url for file in plan.files if file.url is not None)),
    )


def refusal(is_trusted: bool, is_terminal: bool) -> str | None:
    """Tell why nothing can run: there is no consent and nobody to ask; None when there is, or somebody can be asked.

    Walls do not stand for consent: what is walled in still uses the machine, and its results are read afterwards.
    """
    if is_trusted or is_terminal:
        return None
    return (
        "code from a crate runs only with your consent, and there is no terminal to ask on; look at the plan with "
        "--dry-run, then say --trust, or --trust --isolate to keep it away from the network and your files"
    )


def _person(person: Person) -> str:
    name = person.name or person.orcid or person.email or "?"
    details = [text for text in (person.orcid, person.organization.name if person.organization else None) if text]
    return f"{name} ({', '.join(details)})" if details and details != [name] else name
