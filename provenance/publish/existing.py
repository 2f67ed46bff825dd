"""What a server has already for the source of a crate: whether sending it is new, a new version, or nothing at all.

Comes in: a server, what the crate says of itself, the teams. Goes out: :class:`~provenance.publish.records.Existing`.
No call of SEEK finds a workflow by its source, so the workflows that come into question are found by title and by
earlier receipts, and the source is read from their metadata.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from provenance.publish.preflight_texts import source_of
from provenance.publish.records import Account, CrateFacts, Existing, Standing, Workflow
from provenance.publish.seek import Seek

_MOST_CANDIDATES = 40  # workflows whose metadata are read


def existing(seek: Seek, facts: CrateFacts, account: Account, known: Iterable[str] = ()) -> Existing:
    """Find the workflow that the server will take a crate for.

    Parameters
    ----------
    known
        Ids of workflows that this crate was published as before, from receipts.
    """
    if facts.source is None:
        return Existing(Standing.UNKNOWN)
    candidates = _candidates(seek, facts, account, known)
    looked_at = candidates[:_MOST_CANDIDATES]
    found = [one for one in looked_at if _has_source(seek, one, facts.source)]
    if not found:
        return Existing(Standing.NEW if len(candidates) == len(looked_at) else Standing.UNKNOWN)
    if len(found) > 1:
        return Existing(Standing.AMBIGUOUS, found[0], others=tuple(found[1:]))
    return described(seek, found[0], facts.version, account)


def described(seek: Seek, workflow: str, version: str | None, account: Account) -> Existing:
    """Say what sending a crate of some version to a workflow will mean."""
    about = seek.read(workflow)
    names = version_names(seek, about)
    number = next((number for number, name in reversed(names) if version and name == version), None)
    is_ours = bool(set(about.teams) & {team.id for team in account.teams})
    if not is_ours:
        standing = Standing.SOMEBODY_ELSES
    else:
        standing = Standing.ALREADY_THERE if number is not None else Standing.NEW_VERSION
    return Existing(standing, workflow, about.title, number, tuple(name for _, name in names), about.teams)


def numbered(seek: Seek, workflow: Workflow, version: str | None) -> Workflow:
    """Set the number of the version that has a name: an answer to an upload may speak of the latest one."""
    number = next((number for number, name in reversed(seek.version_names(workflow.id)) if name == version), None)
    return workflow if number is None else replace(workflow, version=number)


def twins(there: Existing, version: str | None) -> list[str]:
    """Tell whether a crate that was sent more than once is there more than once."""
    if there.standing is Standing.AMBIGUOUS:
        listed = ", ".join((there.workflow or "", *there.others))
        return [f"several workflows have this source now ({listed}): delete those that are too many on their pages"]
    if version is not None and there.versions.count(version) > 1:
        return [f"workflow {there.workflow} has version {version} more than once: a manager can delete one on its page"]
    return []


def version_names(seek: Seek, about: Workflow) -> list[tuple[int, str]]:
    """List number and name of all versions: only TRS tells the names; SEEK calls the nameless "Version N"."""
    told = dict(seek.version_names(about.id))
    numbers = sorted({*told, *(number for number, _, _ in about.versions if number)})
    return [(number, told.get(number) or f"Version {number}") for number in numbers]


def _candidates(seek: Seek, facts: CrateFacts, account: Account, known: Iterable[str]) -> list[str]:
    title = (facts.name or "").casefold()
    listed: dict[str, str] = dict.fromkeys(known, title)
    for team in account.teams:
        listed |= {identifier: name for identifier, name in seek.workflows(team.id) if identifier not in listed}
    if facts.name:
        listed |= {one: name for one, name in seek.workflows(query=facts.name) if one not in listed}
    words = set(title.split())

    def strangeness(identifier: str) -> tuple[bool, int]:
        name = listed[identifier].casefold()
        return name != title, -len(words & set(name.split()))

    return sorted(listed, key=strangeness)


def _has_source(seek: Seek, workflow: str, source: str) -> bool:
    document = seek.metadata(workflow)
    return document is not None and source_of(_entities(document)) == source


def _entities(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    graph = document.get("@graph")
    listed = graph if isinstance(graph, list) else []
    return {one["@id"]: one for one in listed if isinstance(one, dict) and isinstance(one.get("@id"), str)}
