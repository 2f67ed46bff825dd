"""The pages of the sandbox: its workflows, their versions, files and diagram. Each says that it is for practice.

Comes in: rows of the store. Goes out: Flask responses with plain HTML, in which everything of a crate is text. Whoever
looks sees what the public may see, or all that is theirs after coming by the link that the command printed.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from provenance.sandbox import answers, asking
from provenance.sandbox.classes import CLASSES
from provenance.sandbox.rights import may
from provenance.sandbox.runs import runs_in
from provenance.sandbox.store import Row, Store

if TYPE_CHECKING:
    from flask import Flask, Response

_MOST_FILES = 500  # that are listed on a page
_MOST_TEXT = 100_000  # bytes of a file that are shown
_MONTH = 30 * 24 * 3600  # seconds
_ACCESS = {
    "no_access": "private",
    "view": "may see it",
    "download": "may see and download it",
    "edit": "may change it",
    "manage": "may do all with it",
}


def add_routes(app: Flask, store: Store) -> None:
    """Add the pages that are no calls of SEEK's, and the two clicks that make a DOI."""
    from flask import render_template, request

    @app.get("/")
    def first() -> Response:
        return front(store)

    @app.get("/login")
    def login() -> Response:
        key = request.args.get("key", "")
        if not key or store.one("select id from people where key = ?", key) is None:
            return front(store)
        response = answers.led_to("/")
        response.set_cookie(asking.cookie(request), key, max_age=_MONTH, httponly=True, samesite="Strict")
        return response

    @app.get("/sandbox.css")
    def style() -> Response:
        return answers.plain(200, render_template("sandbox.css"), "text/css")

    @app.post("/workflows/<int:workflow>/git/<int:version>/freeze")
    def freeze(workflow: int, version: int) -> Response:
        if _may_click(store, workflow):
            statement = "update versions set is_frozen = 1 where workflow = ? and version = ?"
            store.change(statement, workflow, version)
        return answers.led_to(f"/workflows/{workflow}?version={version}")

    @app.post("/workflows/<int:workflow>/mint_doi")
    def mint(workflow: int) -> Response:
        row = store.version(workflow, asking.version(request))
        if row is None:
            return answers.led_to("/workflows")
        if _may_click(store, workflow) and not lacks(store, row) and not row["doi"]:
            doi = f"10.5072/sandbox.workflow.{workflow}.{row['version']}"  # a prefix that is kept for tests
            statement = "update versions set doi = ? where workflow = ? and version = ?"
            store.change(statement, doi, workflow, row["version"])
        return answers.led_to(f"/workflows/{workflow}?version={row['version']}")


def lacks(store: Store, version: Row) -> list[str]:
    """What a version needs before it can have a DOI."""
    known = store.one("select access from workflows where id = ?", version["workflow"]) or {}
    needs = {
        "the version must be frozen": bool(version["is_frozen"]),
        "the public must be allowed to download it": known["access"] in ("download", "edit", "manage"),
        "it must have a creator": bool(json.loads(version["creators"])),
    }
    return [need for need, is_met in needs.items() if not is_met]


def front(store: Store, words: str = "") -> Response:
    """List the workflows that the visitor may see."""
    from flask import request

    who = asking.visitor(request, store)
    rows = []
    hidden = 0
    for known in store.all("select * from workflows order by updated desc"):
        version = store.version(known["id"])
        if version is None or words.casefold() not in str(version["title"]).casefold():
            continue
        if may(store, who, known["id"], "view"):
            count = len(store.versions(known["id"]))
            rows.append({**version, "access": _ACCESS[known["access"]], "count": count, "kind": _kind(version)})
        else:
            hidden += 1
    return _page("front.html", rows=rows, hidden=hidden, who=who, base=request.host_url.rstrip("/"), words=words)


def workflow(store: Store, number: int, version: int | None) -> Response:
    """Show a version of a workflow."""
    from flask import request

    row, known = store.version(number, version), store.one("select * from workflows where id = ?", number)
    who = asking.visitor(request, store)
    if row is None or known is None:
        return missing(f"version {version} of workflow {number}" if known else f"workflow {number}")
    if not may(store, who, number, "view"):
        return _page("private.html", 403, number=number)
    files = [(name, file.size, _address(row, name)) for name, file in store.files(row).items()]
    runs, steps = runs_in(json.loads(row["metadata"]))
    teams = [store.one("select title from teams where id = ?", team) or {} for team in store.teams_with(number)]
    shown = _page(
        "workflow.html",
        row=row,
        known=known,
        kind=_kind(row),
        access=_ACCESS[known["access"]],
        creators=[" ".join(filter(None, (one["given_name"], one["family_name"]))) for one in _listed(row["creators"])],
        tags=_listed(known["tags"]),
        links=_listed(known["links"]),
        teams=[team["title"] for team in teams],
        versions=list(reversed(store.versions(number))),
        files=files[:_MOST_FILES],
        count=len(files),
        size=sum(size for _, size, _ in files),
        runs=runs,
        steps=steps,
        may_download=may(store, who, number, "download"),
        may_click=may(store, who, number, "manage"),
        lacks=lacks(store, row),
        csrf=_csrf(who),
        web=(known["source"] or "").startswith(("http://", "https://")),
    )
    base = request.host_url.rstrip("/")
    address = f"{base}/workflows/{number}"
    shown.headers.add("Link", f'<{address}/ro_crate?version={row["version"]}>; rel="item"; type="application/zip"')
    if row["doi"]:
        shown.headers.add("Link", f'<https://doi.org/{row["doi"]}>; rel="cite-as"')
    return shown


def file(store: Store, version: Row, name: str, size: int, start: bytes) -> Response:
    """Show the beginning of a file as text."""
    content = start[:_MOST_TEXT]
    is_text = b"\0" not in content
    return _page(
        "file.html",
        row=version,
        name=name,
        size=size,
        text=content.decode("utf-8", "replace") if is_text else None,
        is_cut=size > len(content),
        download=_address(version, name, "download"),
    )


def classes() -> Response:
    """List the workflow types."""
    return _page("classes.html", classes=CLASSES)


def missing(what: str) -> Response:
    """Say that something is not there."""
    return _page("missing.html", 404, what=what)


def _may_click(store: Store, workflow: int) -> bool:
    """Whether a form came from a page of ours, by somebody with the right; or a program that has a token."""
    from flask import request

    by_token = asking.person(request, store)
    if by_token is not None:
        return may(store, by_token, workflow, "manage")
    who = asking.visitor(request, store)
    is_ours = who is not None and request.form.get("authenticity_token") == _csrf(who)
    return is_ours and may(store, who, workflow, "manage")


def _csrf(who: Row | None) -> str:
    return hashlib.sha256(f"form {who['key']}".encode()).hexdigest() if who else ""


def _kind(version: Row) -> str:
    return next((one["title"] for one in CLASSES if one["key"] == version["class"]), "unrecognized type")


def _listed(text: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(text)
    return found


def _address(row: Row, name: str, how: str = "blob") -> str:
    return f"/workflows/{row['workflow']}/git/{row['version']}/{how}/{quote(name, errors='replace')}"


def _page(template: str, status: int = 200, **values: object) -> Response:
    from flask import render_template

    return answers.plain(status, render_template(template, **values), "text/html")
