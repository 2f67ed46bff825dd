"""Who may do what with a workflow: its submitter everything, others what the policy gives them.

Comes in: a person (or nobody) and a workflow. Goes out: one of SEEK's levels, from no_access to manage.
"""

from __future__ import annotations

import json

from provenance.sandbox.store import LEVELS, Row, Store


def may(store: Store, person: Row | None, workflow: int, level: str) -> bool:
    """Whether somebody has a right; false for a workflow that is not there."""
    known = store.one("select * from workflows where id = ?", workflow)
    return known is not None and LEVELS.index(_level(store, person, known)) >= LEVELS.index(level)


def _level(store: Store, person: Row | None, workflow: Row) -> str:
    if person is None:
        return str(workflow["access"])
    if workflow["submitter"] == person["id"]:
        return LEVELS[-1]
    mine = {("people", str(person["id"]))} | {("projects", str(row["id"])) for row in store.teams_of(person["id"])}
    given = [
        one["access"]
        for one in json.loads(workflow["permissions"])
        if (one["resource"]["type"], one["resource"]["id"]) in mine
    ]
    return str(max([workflow["access"], *given], key=LEVELS.index))


def is_held_back(store: Store, person: Row, workflow: int) -> bool:
    """Whether a gatekeeper of one of its teams must agree before the public sees more of a workflow."""
    keepers = [
        row["gatekeeper"]
        for row in store.all(
            "select gatekeeper from teams join placed on placed.team = teams.id where workflow = ?", workflow
        )
    ]
    return any(one is not None and one != person["id"] for one in keepers)
