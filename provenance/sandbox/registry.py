"""What SEEK tells of itself and its people: accounts, teams, workflow classes, lists and searches of workflows.

Comes in: requests. Goes out: JSON:API, and JSON-LD for the classes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from provenance.sandbox import answers, asking, pages
from provenance.sandbox.classes import listed
from provenance.sandbox.descriptions import person_data, team_data
from provenance.sandbox.rights import may
from provenance.sandbox.store import Row, Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask, Response


def add_routes(app: Flask, store: Store) -> None:
    """Add the calls that tell something without changing it."""
    from flask import request

    def visible(identifiers: Iterable[int]) -> list[int]:
        who = asking.person(request, store)
        return [one for one in identifiers if may(store, who, one, "view")]

    def skeletons(identifiers: Iterable[int]) -> list[dict[str, object]]:
        titles = {one: (store.version(one) or {}).get("title") or "Untitled" for one in visible(identifiers)}
        return [answers.skeleton("workflows", one, title) for one, title in titles.items()]

    @app.get("/people/current")
    def current() -> Response:
        who = asking.person(request, store)
        if who is None:
            return answers.api({"errors": [{"title": "No user logged in"}]}, 404)
        return answers.resource(person_data(store, who))

    @app.get("/people")
    def people() -> Response:
        rows = store.all("select * from people order by id")
        return answers.index(answers.skeleton("people", one["id"], one["name"]) for one in rows)

    @app.get("/people/<int:person>")
    def one_person(person: int) -> Response:
        found = store.one("select * from people where id = ?", person)
        if found is None:
            return answers.not_found(asking.form(request), f"Person with 'id'={person}")
        return answers.resource(person_data(store, found))

    @app.get("/projects")
    def projects() -> Response:
        rows = store.all("select * from teams order by id")
        return answers.index(answers.skeleton("projects", one["id"], one["title"]) for one in rows)

    @app.get("/projects/<int:team>")
    def project(team: int) -> Response:
        found = store.one("select * from teams where id = ?", team)
        if found is None:
            return answers.not_found(asking.form(request), f"Project with 'id'={team}")
        return answers.resource(team_data(store, found, visible(_of_team(store, team))))

    @app.get("/projects/<int:team>/workflows")
    def of_team(team: int) -> Response:
        if store.one("select * from teams where id = ?", team) is None:
            return answers.not_found(asking.form(request), f"Project with 'id'={team}")
        return answers.index(skeletons(_of_team(store, team)))

    @app.get("/workflows")
    def workflows() -> Response:
        if asking.form(request) == "html":
            return pages.front(store)
        found = store.all("select id from workflows order by id")
        team, kind = request.args.get("filter[project]"), request.args.get("filter[workflow_type]")
        words = request.args.get("filter[query]", "")
        chosen = [
            one["id"]
            for one in found
            if (not team or team in map(str, store.teams_with(one["id"]))) and _is_meant(store, one["id"], kind, words)
        ]
        return answers.index(skeletons(chosen))

    @app.get("/search")
    def search() -> Response:
        if asking.form(request) == "html":
            return pages.front(store, request.args.get("q", ""))
        found = []
        if request.args.get("search_type", "workflows") in ("workflows", "all", ""):
            rows = store.all("select id from workflows order by id")
            found = skeletons(one["id"] for one in rows if _is_meant(store, one["id"], None, request.args.get("q", "")))
        return answers.api({"data": found, "jsonapi": answers.VERSION, "meta": answers.base()})

    @app.get("/workflow_classes")
    def classes() -> Response:
        form = asking.form(request)
        if form == "html":
            return pages.classes()
        if form != "linked":
            return answers.plain(406, "")
        return answers.plain(200, json.dumps(listed()), "application/ld+json")


def _of_team(store: Store, team: int) -> list[int]:
    return [one["workflow"] for one in store.all("select workflow from placed where team = ? order by workflow", team)]


def _is_meant(store: Store, workflow: int, kind: str | None, words: str) -> bool:
    latest: Row = store.version(workflow) or {}
    tags = store.one("select tags from workflows where id = ?", workflow) or {}
    text = " ".join((str(latest["title"]), str(latest["description"]), *json.loads(tags["tags"]))).casefold()
    return (not kind or kind == latest["class"]) and all(word in text for word in words.casefold().split())
