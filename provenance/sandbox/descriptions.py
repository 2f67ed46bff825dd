"""Workflows, people and teams in the JSON:API that SEEK answers with.

Comes in: rows of the store. Goes out: resources; their forms are checked against SEEK's API description.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from provenance.sandbox.answers import base
from provenance.sandbox.classes import CLASSES
from provenance.sandbox.rights import may
from provenance.sandbox.store import Row, Store

_UNRECOGNIZED = {"title": "Unrecognized workflow type", "key": None, "description": None}
_OF_WORKFLOWS = (
    *("creators", "submitter", "people", "projects", "investigations", "studies", "assays", "publications", "sops"),
    *("presentations", "data_files", "documents"),
)
_OF_PEOPLE = (
    *("projects", "institutions", "investigations", "studies", "assays", "data_files", "documents", "models", "sops"),
    *("publications", "presentations", "events", "collections", "workflows"),
)
_OF_PROJECTS = (
    *("organisms", "people", "institutions", "investigations", "studies", "assays", "data_files", "documents"),
    *("models", "sops", "publications", "presentations", "events", "programmes", "workflows", "collections"),
    *("file_templates", "placeholders", "human_diseases", "project_administrators", "pals", "asset_housekeepers"),
    "asset_gatekeepers",
)


def workflow_data(store: Store, workflow: int, person: Row | None, number: int | None = None) -> dict[str, Any] | None:
    """A version of a workflow; None when there is none."""
    known, version = store.one("select * from workflows where id = ?", workflow), store.version(workflow, number)
    if known is None or version is None:
        return None
    teams = store.teams_with(workflow)
    attributes = _attributes(store, known, version)
    if may(store, person, workflow, "manage"):
        attributes["policy"] = {"access": known["access"], "permissions": json.loads(known["permissions"])}
    submitter = [known["submitter"]]
    related = {"submitter": ("people", submitter), "people": ("people", submitter), "projects": ("projects", teams)}
    links = {"self": f"/workflows/{workflow}?version={version['version']}"}
    if version["diagram"]:
        links["diagram"] = f"/workflows/{workflow}/diagram?version={version['version']}"
    return {
        "id": str(workflow),
        "type": "workflows",
        "attributes": attributes,
        "relationships": _relations(_OF_WORKFLOWS, related),
        "links": links,
        "meta": _meta(known["uuid"], known["created"], known["updated"]),
    }


def _attributes(store: Store, known: Row, version: Row) -> dict[str, Any]:
    versions = store.versions(known["id"])
    kind = next((one for one in CLASSES if one["key"] == version["class"]), None)
    return {
        "discussion_links": json.loads(known["links"]),
        "title": version["title"],
        "license": version["license"],
        "description": version["description"],
        "latest_version": versions[-1]["version"],
        "tags": json.loads(known["tags"]),
        "versions": [_version(known, one) for one in versions],
        "version": version["version"],
        "revision_comments": None,  # comments of uploads are dropped where versions are kept in git
        "created_at": known["created"],
        "updated_at": known["updated"],
        "doi": version["doi"],
        "content_blobs": [_blob(version)],
        "creators": json.loads(version["creators"]),
        "other_creators": version["other_creators"],
        "workflow_class": {"title": kind["title"], "key": kind["key"], "description": None} if kind else _UNRECOGNIZED,
        "operation_annotations": [],
        "topic_annotations": [],
        "internals": {},
        "tools": [],
    }


def _blob(version: Row) -> dict[str, Any]:
    """The crate itself: the description of the API wants one at least, and files that are kept in git are none."""
    name = f"workflow-{version['workflow']}-{version['version']}.crate.zip"
    link = f"{base()['base_url']}/workflows/{version['workflow']}/ro_crate?version={version['version']}"
    unknown = dict.fromkeys(("url", "md5sum", "sha1sum", "size"))
    return {"original_filename": name, "content_type": "application/zip", "link": link, **unknown}


def _version(known: Row, version: Row) -> dict[str, Any]:
    root, number = base()["base_url"], version["version"]
    described = {
        "version": number,
        "revision_comments": None,
        "url": f"{root}/workflows/{known['id']}?version={number}",
        "commit": version["commit"],
        "ref": f"refs/tags/version-{number}" if version["is_frozen"] else "refs/heads/main",
        "tree": f"{root}/workflows/{known['id']}/git/{number}/tree",
        "doi": version["doi"],
    }
    return {**described, "remote": known["remote"]} if known["remote"] else described


def person_data(store: Store, person: Row) -> dict[str, Any]:
    """A person."""
    given, _, family = str(person["name"]).rpartition(" ")
    workflows = [row["id"] for row in store.all("select id from workflows where submitter = ?", person["id"])]
    teams = [row["id"] for row in store.teams_of(person["id"], with_former=True)]
    return {
        "id": str(person["id"]),
        "type": "people",
        "attributes": {
            "avatar": None,
            "title": person["name"],
            "description": None,
            "first_name": given or family,
            "last_name": family,
            "orcid": person["orcid"],
            "mbox_sha1sum": None,
            "expertise": [],
            "tools": [],
        },
        "relationships": _relations(
            _OF_PEOPLE, {"projects": ("projects", teams), "workflows": ("workflows", workflows)}
        ),
        "links": {"self": f"/people/{person['id']}"},
        "meta": _meta(person["uuid"], person["created"], person["created"]),
    }


def team_data(store: Store, team: Row, workflows: list[int]) -> dict[str, Any]:
    """A team, with those of its workflows that may be seen."""
    people = [row["person"] for row in store.all("select person from members where team = ?", team["id"])]
    keepers = [team["gatekeeper"]] if team["gatekeeper"] else []
    related = {
        "people": ("people", people),
        "workflows": ("workflows", workflows),
        "asset_gatekeepers": ("people", keepers),
    }
    return {
        "id": str(team["id"]),
        "type": "projects",
        "attributes": {
            "discussion_links": [],
            "avatar": None,
            "title": team["title"],
            "description": None,
            "web_page": None,
            "wiki_page": None,
            "default_license": None,
            "start_date": None,
            "end_date": None,
            "topic_annotations": [],
            "members": [],
        },
        "relationships": _relations(_OF_PROJECTS, related),
        "links": {"self": f"/projects/{team['id']}"},
        "meta": _meta(team["uuid"], team["created"], team["created"]),
    }


def _relations(names: Iterable[str], related: dict[str, tuple[str, list[int]]]) -> dict[str, Any]:
    described = {}
    for name in names:
        kind, identifiers = related.get(name, ("", []))
        described[name] = {"data": [{"id": str(one), "type": kind} for one in dict.fromkeys(identifiers)]}
    return described


def _meta(identifier: str, created: str, modified: str) -> dict[str, str]:
    return {"created": created, "modified": modified, "uuid": identifier, **base()}
