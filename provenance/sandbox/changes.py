"""Changing a workflow by PATCH: texts, tags, class, creators, links, teams and sharing policy, with SEEK's traps.

Comes in: a Flask request. Goes out: a response with the workflow as it then is; what was held back is seen there only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from provenance.sandbox import answers, asking
from provenance.sandbox.classes import CLASSES
from provenance.sandbox.descriptions import workflow_data
from provenance.sandbox.rights import is_held_back, may
from provenance.sandbox.store import LEVELS, Row, Store, now
from provenance.sandbox.uploads import complaints

if TYPE_CHECKING:
    from flask import Request, Response

_TEXTS = ("title", "description", "license", "other_creators")
_OF_CREATORS = ("given_name", "family_name", "affiliation", "orcid")
_RESOURCES = ("people", "favourite_groups", "work_groups", "projects", "programmes", "institutions")


def update(store: Store, request: Request, workflow: int) -> Response:  # noqa: PLR0911 (a table)
    """``PATCH`` or ``PUT /workflows/{id}``."""
    form, person = asking.form(request), asking.person(request, store)
    if store.version(workflow) is None:
        return answers.not_found(form, f"Workflow with 'id'={workflow}")
    body = request.get_json(silent=True, force=True)
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        return answers.misformed("A POST/PUT request must have a data record complying with JSONAPI specs")
    if data.get("type") != "workflows":
        return answers.misformed(f"data:type does not match: {data.get('type')} instead of workflows")
    if str(data.get("id")) != str(workflow):
        return answers.misformed("id specified by the PUT request does not match object-id in the JSON input")
    if person is None or not may(store, person, workflow, "edit"):
        return answers.refused(form, f"/workflows/{workflow}")
    attributes, relations = _map(data.get("attributes")), _map(data.get("relationships"))
    wrong = [
        (text, f"/data/attributes/{name}")
        for name in _TEXTS[:3]
        if name in attributes
        for text in complaints(name, attributes[name])
    ]
    if wrong:
        return answers.invalid(*wrong)
    with store.together():
        _texts(store, workflow, attributes)
        _lists(store, workflow, attributes)
        _teams(store, workflow, person, relations)
        if may(store, person, workflow, "manage"):  # without it, a policy is dropped without a word
            _policy(store, workflow, person, _map(attributes.get("policy")))
        store.change("update workflows set updated = ? where id = ?", now(), workflow)
    if form != "json":
        return answers.led_to(f"/workflows/{workflow}")
    return answers.resource(workflow_data(store, workflow, person))


def _texts(store: Store, workflow: int, attributes: Mapping[str, Any]) -> None:
    given = {name: attributes[name] for name in _TEXTS if name in attributes}
    changed: Row = {name: value or None for name, value in given.items() if isinstance(value, (str, type(None)))}
    kind = attributes.get("workflow_class")
    if isinstance(kind, dict):  # a key that is not known takes the class away
        changed["class"] = next((one["key"] for one in CLASSES if one["key"] == kind.get("key")), None)
    creators = attributes.get("creators")
    if isinstance(creators, list):
        people = [{name: one.get(name) or None for name in _OF_CREATORS} for one in creators if isinstance(one, dict)]
        changed["creators"] = json.dumps(people)
    latest = (store.version(workflow) or {})["version"]
    for name, value in changed.items():
        statement = f'update versions set "{name}" = ? where workflow = ? and version = ?'
        store.change(statement, value, workflow, latest)


def _lists(store: Store, workflow: int, attributes: Mapping[str, Any]) -> None:
    tags, links = attributes.get("tags"), attributes.get("discussion_links")
    if isinstance(tags, list):  # they are joined with commas, so that one with a comma becomes two
        parts = (part.strip() for part in ",".join(map(str, tags)).split(","))
        store.change(
            "update workflows set tags = ? where id = ?", json.dumps(list(dict.fromkeys(filter(None, parts)))), workflow
        )
    if isinstance(links, list):
        known = json.loads((store.one("select links from workflows where id = ?", workflow) or {})["links"])
        for one in filter(_is_link, links):
            same = next((each for each in known if each["id"] == str(one.get("id"))), None)
            link = {"id": same["id"] if same else str(len(known) + 1), "label": one.get("label"), "url": one["url"]}
            if same:
                known[known.index(same)] = link
            else:  # without its id it is a new one, each time
                known.append(link)
        store.change("update workflows set links = ? where id = ?", json.dumps(known), workflow)


def _is_link(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("url"), str) and bool(value["url"])


def _teams(store: Store, workflow: int, person: Row, relations: Mapping[str, Any]) -> None:
    listed = _map(relations.get("projects")).get("data")
    if not isinstance(listed, list):
        return
    mine = {row["id"] for row in store.teams_of(person["id"])}
    named = [asking.whole(str(one.get("id"))) for one in listed if isinstance(one, dict)]
    teams = [one for one in named if one is not None and one in mine | set(store.teams_with(workflow))]
    if teams:
        store.place(workflow, teams)


def _policy(store: Store, workflow: int, person: Row, policy: Mapping[str, Any]) -> None:
    access, permissions = policy.get("access"), policy.get("permissions")
    known = store.one("select access from workflows where id = ?", workflow) or {}
    if access in LEVELS:
        is_more = LEVELS.index(access) > LEVELS.index(known["access"])
        if not (is_more and is_held_back(store, person, workflow)):
            store.change("update workflows set access = ? where id = ?", access, workflow)
    if isinstance(permissions, list):
        kept = [one for one in map(_permission, permissions) if one is not None]
        store.change("update workflows set permissions = ? where id = ?", json.dumps(kept), workflow)


def _permission(value: Any) -> dict[str, Any] | None:
    resource, access = _map(_map(value).get("resource")), _map(value).get("access")
    if resource.get("type") not in _RESOURCES or access not in LEVELS:
        return None
    return {"resource": {"id": str(resource.get("id")), "type": resource["type"]}, "access": access}


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
