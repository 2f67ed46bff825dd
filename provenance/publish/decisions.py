"""The small decisions of publishing: which teams, what the standing means, whether the answer is what was asked for.

Comes in: values of :mod:`.records`. Goes out: choices and sentences; nothing is asked or sent here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provenance.errors import RefusedError, UsageError
from provenance.publish.records import (
    Account,
    Existing,
    Finding,
    Preflight,
    Standing,
    Talk,
    Team,
    Weight,
    Wish,
    Workflow,
)
from provenance.publish.seek import ACCESS


def chosen_teams(wanted: tuple[str, ...], account: Account) -> tuple[Team, ...]:
    """Find the teams that a user means, by id or name; without a wish, the only one.

    Raises
    ------
    UsageError
        No such team, several of that name, or several to choose from.
    """
    listing = ", ".join(f"{team.title or 'unnamed'} ({team.id})" for team in account.teams)
    if not account.teams:
        raise UsageError(
            f"{account.name} is in no team; join one or make one on the server's page, under Teams, then publish again"
        )
    if not wanted:
        if len(account.teams) == 1:
            return account.teams
        raise UsageError(f"{account.name} is in several teams; choose with --team: {listing}")
    found: dict[str, Team] = {}
    for name in wanted:
        plain = name.strip().casefold()
        meant = [team for team in account.teams if team.id == name.strip()]
        meant = meant or [team for team in account.teams if team.title.casefold() == plain]
        if len(meant) != 1:
            why = "several teams of this name" if meant else "no such team of yours"
            raise UsageError(f"--team {name}: {why}; yours are {listing}")
        found[meant[0].id] = meant[0]
    return tuple(found.values())


def in_words(there: Existing) -> str:
    """Say what sending a crate will mean."""
    named = f"workflow {there.workflow}" + (f', "{there.title}"' if there.title else "")
    return {
        Standing.NEW: "this will be a new workflow",
        Standing.NEW_VERSION: f"this will be a new version of {named}, after {len(there.versions)}",
        Standing.ALREADY_THERE: f"it is there already: version {there.version} of {named}",
        Standing.SOMEBODY_ELSES: f"the source is known as {named}, which belongs to none of your teams",
        Standing.AMBIGUOUS: f"several workflows have this source: {', '.join((there.workflow or '', *there.others))}",
        Standing.UNKNOWN: "it can't be told whether this is a new workflow or a new version",
    }[there.standing]


def refuse(there: Existing) -> None:
    """Stop where sending would change what is somebody else's, or could mean several things.

    Raises
    ------
    RefusedError
        It would.
    """
    if there.standing is Standing.SOMEBODY_ELSES:
        raise RefusedError(
            f"workflow {there.workflow} has the same source and belongs to none of your teams: ask its manager, or "
            "give your own address as url: in ro-crate-info.yaml and pack again"
        )
    if there.standing is Standing.AMBIGUOUS:
        listed = ", ".join((there.workflow or "", *there.others))
        raise RefusedError(f"several workflows have this source: {listed}; say which with --new-version-of ID")


def tell(findings: Iterable[Finding], talk: Talk) -> None:
    """Tell the findings of a pre-flight, the serious ones first."""
    order = list(Weight)
    for one in sorted(findings, key=lambda finding: (order.index(finding.weight), finding.point)):
        where = f"{one.entity}: " if one.entity else ""
        sentence = f"{one.weight.value}: {where}{one.message}; {one.mend}"
        (talk.say if one.weight is Weight.MENDED else talk.warn)(sentence)


def answered(
    workflow: Workflow, checked: Preflight, teams: tuple[Team, ...], wish: Wish, kind: str | None
) -> list[str]:
    """Name what the server made of a crate otherwise than it should have; `kind` is the workflow class it should be."""
    facts, told = checked.facts, []
    missing = [team.title or team.id for team in teams if team.id not in workflow.teams]
    if workflow.teams and missing:
        told.append(f"the workflow is not in the team {', '.join(missing)}")
    if kind is not None and workflow.class_key != kind:
        told.append(f"the type of the workflow is {workflow.class_key or 'not set'}, not {kind}; choose it on the page")
    if facts.license and workflow.license != facts.license:
        told.append(f"the license is {workflow.license or 'not set'}, not {facts.license}")
    if facts.creators and len(workflow.creators) < len(facts.creators):
        told.append(f"{len(workflow.creators)} of {len(facts.creators)} creators were taken over")
    if wish.access is not None and workflow.access not in (None, ACCESS[wish.access]):
        told.append(
            f"the public's access is {workflow.access}, not {ACCESS[wish.access]}: "
            "a gatekeeper of the team may have to agree"
        )
    lost = [tag for tag in wish.tags if tag not in workflow.tags]
    if lost:
        told.append(f"the tags {', '.join(lost)} were not set")
    return told


def class_key(language: Mapping[str, object], classes: list[dict[str, Any]]) -> str | None:
    """Find the workflow class that SEEK takes a language for, by its own rule; None when it knows none."""
    identifier = _identifier(language.get("identifier"))
    names = [name for key in ("name", "alternateName") if isinstance(name := language.get(key), str)]
    key, url = str(language.get("@id", "")).lstrip("#"), _identifier(language.get("url"))
    wanted = [("identifier", identifier), *(("name", name) for name in names)]
    wanted += [*(("alternateName", name) for name in names), ("@id", key), ("url", url)]
    for name, value in wanted:
        for one in classes:
            found = _identifier(one.get(name))
            if value and found is not None and (found.lstrip("#") if name == "@id" else found) == value:
                return str(one.get("@id", "")).lstrip("#")
    return None


def _identifier(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("@id")
    return value if isinstance(value, str) else None
