"""Uploading to the sandbox: submit, create and new version, with the answers that SEEK gives in each case.

Comes in: a Flask request. Goes out: a response; the table of cases is in ``docs/reference/workflowhub.md``.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.sandbox import answers, asking
from provenance.sandbox.archives import Stumble, examine
from provenance.sandbox.classes import CLASSES, class_of
from provenance.sandbox.descriptions import workflow_data
from provenance.sandbox.extracting import Facts, extract
from provenance.sandbox.licensing import is_known
from provenance.sandbox.reading import Crate, open_crate
from provenance.sandbox.rights import may
from provenance.sandbox.store import Row, Store

if TYPE_CHECKING:
    from flask import Request, Response

_TITLE, _DESCRIPTION = 255, 65_535  # characters
_CRATE, _PROJECTS = "/data/attributes/ro_crate", "/data/relationships/projects"
_NOT_MEMBER = "Can only associate projects that you are an active member of."
_GITHUB = re.compile(r"https?://github\.com/([^/]+)/([^/?#]+)")


class Uploads:
    """Takes uploads for a store."""

    def __init__(self, store: Store):
        self._store = store

    def submit(self, request: Request) -> Response:
        """``POST /workflows/submit``: idempotent by source and version."""
        person, form = asking.person(request, self._store), asking.form(request)
        if person is None:
            return _denied() if form == "json" else answers.led_to("/login")
        if not _has_fields(request) or "ro_crate" not in request.files:
            return answers.broken(form)
        return self._taken(request, person, is_submit=True)

    def create(self, request: Request) -> Response:
        """``POST /workflows``: always a new workflow."""
        person, form = asking.person(request, self._store), asking.form(request)
        if form == "json":
            return answers.misformed("A POST/PUT request must have a data record complying with JSONAPI specs")
        if person is None or not self._store.teams_of(person["id"]):
            return answers.refused(form, "/workflows")
        if not _has_fields(request):
            return answers.broken(form)
        if "ro_crate" not in request.files:  # it is taken for the ordinary form, which wants a title
            return answers.invalid(("can't be blank", "/data/attributes/title"))
        return self._taken(request, person, is_submit=False)

    def create_version(self, request: Request, workflow: int) -> Response:
        """``POST /workflows/{id}/create_version``: always a new version."""
        person, form = asking.person(request, self._store), asking.form(request)
        known = self._store.one("select * from workflows where id = ?", workflow)
        if known is None:
            return answers.not_found(form, f"Workflow with 'id'={workflow}")
        if not may(self._store, person, workflow, "edit") or person is None:
            return answers.refused(form, f"/workflows/{workflow}")
        if form == "json" or not _has_fields(request):
            return answers.broken("other" if form == "json" else form)
        if known["remote"]:
            return answers.invalid(("Cannot add RO-Crate to remote workflows.", _CRATE))
        if "ro_crate" not in request.files:
            return answers.invalid(("can't be blank", _CRATE))
        return self._taken(request, person, is_submit=False, workflow=workflow)

    def _taken(self, request: Request, person: Row, *, is_submit: bool, workflow: int | None = None) -> Response:
        received = request.files["ro_crate"].stream
        received.flush()
        try:
            crate = open_crate(examine(Path(received.name)))
            with self._store.lock:  # from looking whether it is there to having it: two at once are one version
                if is_submit:
                    met = self._met(crate, person)
                    if not isinstance(met, (int, type(None))):
                        return met
                    workflow = met
                elif crate.main is None:
                    return answers.invalid(("did not specify a main workflow.", _CRATE))
                return self._stored(request, person, crate, workflow)
        except Stumble as stumble:
            return _stumbled(stumble, asking.form(request), is_submit=is_submit)

    def _met(self, crate: Crate, person: Row) -> int | Response | None:  # noqa: PLR0911 (a table)
        """The workflow that a submission is a new version of, or the answer when it is none."""
        if crate.main is None:
            return answers.invalid(("did not specify a main workflow.", _CRATE))
        if crate.source is None:
            return answers.invalid(("source URL could not be determined.", _CRATE))
        if crate.version is None:
            return answers.invalid(("version could not be determined.", _CRATE))
        same = self._store.all("select id from workflows where source = ? order by id", crate.source)
        if len(same) > 1:
            return answers.invalid((f"{len(same)} workflows found matching the given ID.", _CRATE))
        if not same:
            return None
        workflow = int(same[0]["id"])
        for version in self._store.versions(workflow):
            if version["name"] == crate.version:
                return self._described(workflow, person)
        if not may(self._store, person, workflow, "edit"):
            return answers.invalid((f"You are not authorized to edit Workflow-{workflow}", _CRATE))
        return workflow

    def _stored(self, request: Request, person: Row, crate: Crate, workflow: int | None) -> Response:
        store, facts = self._store, extract(crate)
        named = [asking.whole(one) for one in request.form.getlist("workflow[project_ids][]")]
        known = {row["id"] for row in store.all("select id from teams")}
        mine = {row["id"] for row in store.teams_of(person["id"])}
        teams = [one for one in dict.fromkeys(named) if one in known and one is not None]
        if not mine or set(teams) - mine:
            return answers.invalid((_NOT_MEMBER, "/data/attributes/base"))
        row = _row(crate, facts, request)
        wrong = _wrong(row) + ([] if teams else [("can't be blank", _PROJECTS)])
        if wrong:
            return answers.invalid(*wrong)
        with store.together():
            if workflow is None:
                source = request.form.get("workflow[source_link_url]") or crate.source
                workflow = store.add_workflow(
                    person["id"], _as_stored(source) if source else None, list(facts.tags), teams
                )
                _linked(store, workflow, request)
            store.add_version(workflow, row, crate.archive, crate.names)
        return self._described(workflow, person)

    def _described(self, workflow: int, person: Row) -> Response:
        return answers.resource(workflow_data(self._store, workflow, person))


def _row(crate: Crate, facts: Facts, request: Request) -> Row:
    """What is kept of a version: what a form gives goes before what the crate says."""
    kind = class_of(facts.language)
    number = asking.whole(request.form.get("workflow[workflow_class_id]", ""))
    if number is not None:
        kind = CLASSES[number - 1] if 0 < number <= len(CLASSES) else None
    stated: Row = {
        "title": facts.title,
        "description": facts.description,
        "license": facts.license,
        "other_creators": facts.other_creators,
    }
    given = {name: value for name in stated if (value := request.form.get(f"workflow[{name}]"))}
    listing = "".join(f"{name} {crate.archive.files[name].identifier}\n" for name in crate.names)
    return {
        **stated,
        **given,
        "name": crate.version,
        "creators": json.dumps(facts.creators),
        "class": kind["key"] if kind else None,
        "metadata": json.dumps(facts.metadata),
        "diagram": facts.diagram,
        "main": facts.main,
        "commit": hashlib.sha1(listing.encode("utf-8", "replace"), usedforsecurity=False).hexdigest(),
    }


def _linked(store: Store, workflow: int, request: Request) -> None:
    prefix = "workflow[discussion_links_attributes][0]"
    url = request.form.get(f"{prefix}[url]")
    if url:
        link = {"id": "1", "label": request.form.get(f"{prefix}[label]") or None, "url": url}
        store.change("update workflows set links = ? where id = ?", json.dumps([link]), workflow)


def _wrong(row: Row) -> list[tuple[str, str]]:
    return [
        (text, f"/data/attributes/{name}")
        for name in ("title", "description", "license")
        for text in complaints(name, row[name])
    ]


def complaints(name: str, value: object) -> list[str]:
    """What is wrong with the title, description or license of a workflow."""
    text = value if isinstance(value, str) else ""
    if name == "title":
        if not text.strip():
            return ["can't be blank"]
        return [f"is too long (maximum is {_TITLE} characters)"] if len(text) > _TITLE else []
    if name == "description":
        return [f"is too long (maximum is {_DESCRIPTION} characters)"] if len(text) > _DESCRIPTION else []
    return ["isn't a recognized license"] if text and not is_known(text) else []


def _as_stored(source: str) -> str:
    """A GitHub address is cut to its repository when it is stored, while it is looked up as it stands."""
    found = _GITHUB.match(source)
    return f"https://github.com/{found[1]}/{found[2]}" if found else source


def _stumbled(stumble: Stumble, form: asking.Form, *, is_submit: bool) -> Response:
    if stumble.kind == "too large":
        page = "<html><body><h1>413 Request Entity Too Large</h1></body></html>"
        return answers.plain(413, page, "text/html")
    if stumble.kind == "empty folder":
        if is_submit:
            detail = f"The folder {stumble.reason} has no file"
            return answers.plain(500, json.dumps({"title": "RO-Crate Read Error", "detail": detail}), answers.JSON)
        return answers.refused(form, "/workflows")
    if is_submit or stumble.kind == "crash":
        return answers.broken(form)
    if stumble.kind == "extract":
        return answers.invalid(("could not be extracted, please check it is a valid RO-Crate.", _CRATE))
    return answers.invalid((f"could not be read: {stumble.reason}", _CRATE))


def _has_fields(request: Request) -> bool:
    return any(name.startswith("workflow[") for name in request.form)


def _denied() -> Response:
    response = answers.plain(401, "HTTP Basic: Access denied.\n", "text/html")
    response.headers["WWW-Authenticate"] = 'Basic realm="Application"'
    return response
