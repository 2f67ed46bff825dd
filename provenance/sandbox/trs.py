"""The calls of GA4GH's Tool Registry Service that SEEK answers, the only ones that tell the names of versions.

Comes in: requests. Goes out: TRS JSON; errors have a code and a message. Files are told of CWL, Nextflow, Galaxy and
Snakemake workflows only, and always those of the latest version, whichever is asked for.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from provenance.sandbox import answers, asking
from provenance.sandbox.archives import chunks
from provenance.sandbox.files import zipped
from provenance.sandbox.rights import may
from provenance.sandbox.store import Row, Store

if TYPE_CHECKING:
    from flask import Flask, Response

_ROOT = "/ga4gh/trs/v2"
_TYPES = {"cwl": "CWL", "nextflow": "NFL", "galaxy": "GALAXY", "snakemake": "SMK"}
_MOST = 4 << 20  # bytes of a descriptor
_KIND = {"id": "Workflow", "name": "Workflow", "description": "A computational workflow"}


def add_routes(app: Flask, store: Store) -> None:
    """Add the calls."""
    from flask import request

    def seen(workflow: int) -> Row | None:
        who = asking.person(request, store)
        return store.version(workflow) if may(store, who, workflow, "view") else None

    @app.get(f"{_ROOT}/service-info")
    def service() -> Response:
        about = {
            "id": "wfprov-sandbox",
            "name": "wfprov sandbox, for practice",
            "type": {"group": "org.ga4gh", "artifact": "TRS", "version": "2.0.1"},
            "organization": {"name": "your own machine", "url": answers.base()["base_url"]},
            "version": "1.19.0",
            "environment": "test",
        }
        return _said(about)

    @app.get(f"{_ROOT}/toolClasses")
    def kinds() -> Response:
        return _said([_KIND])

    @app.get(f"{_ROOT}/tools")
    def tools() -> Response:
        identifiers = [row["id"] for row in store.all("select id from workflows order by id")]
        return _said([_tool(store, one) for one in identifiers if seen(one) is not None])

    @app.get(f"{_ROOT}/tools/<int:workflow>")
    def tool(workflow: int) -> Response:
        return _missing("tool") if seen(workflow) is None else _said(_tool(store, workflow))

    @app.get(f"{_ROOT}/tools/<int:workflow>/versions")
    def versions(workflow: int) -> Response:
        return _missing("tool") if seen(workflow) is None else _said(_tool(store, workflow)["versions"])

    @app.get(f"{_ROOT}/tools/<int:workflow>/versions/<int:number>")
    def version(workflow: int, number: int) -> Response:
        found = store.version(workflow, number) if seen(workflow) is not None else None
        return _missing("version") if found is None else _said(_version(found))

    @app.get(f"{_ROOT}/tools/<int:workflow>/versions/<int:number>/containerfile")
    def containerfile(workflow: int, number: int) -> Response:
        return _missing("container file")

    @app.get(f"{_ROOT}/tools/<int:workflow>/versions/<int:number>/<kind>/<any(files, descriptor, tests):what>")
    @app.get(f"{_ROOT}/tools/<int:workflow>/versions/<int:number>/<kind>/<any(descriptor):what>/<path:name>")
    def of_type(workflow: int, number: int, kind: str, what: str, name: str = "") -> Response:
        latest = seen(workflow)
        if latest is None or store.version(workflow, number) is None or _TYPES.get(latest["class"]) != kind:
            return _missing(what)
        if what == "tests":
            return _said([])
        if what == "files":
            asked = store.version(workflow, number) or latest
            return zipped(store, asked) if request.args.get("format") == "zip" else _said(_files(store, asked))
        path = name or latest["main"]
        if path not in store.files(latest):
            return _missing("descriptor")
        return _said(_wrapped(store, latest, path))


def _tool(store: Store, workflow: int) -> dict[str, Any]:
    found, latest = store.versions(workflow), store.version(workflow) or {}
    return {
        "url": f"{answers.base()['base_url']}{_ROOT}/tools/{workflow}",
        "id": str(workflow),
        "organization": "",
        "name": latest["title"],
        "description": latest["description"] or "",
        "toolclass": _KIND,
        "has_checker": False,
        "versions": [_version(one) for one in found],
    }


def _version(version: Row) -> dict[str, Any]:
    kind = _TYPES.get(version["class"])
    address = f"{_ROOT}/tools/{version['workflow']}/versions/{version['version']}"
    people = json.loads(version["creators"])
    return {
        "author": [" ".join(filter(None, (one["given_name"], one["family_name"]))) for one in people],
        "name": version["name"],
        "url": answers.base()["base_url"] + address,
        "id": str(version["version"]),
        "descriptor_type": [kind] if kind else [],
        "is_production": False,
    }


def _files(store: Store, version: Row) -> list[dict[str, str]]:
    return [
        {"path": path, "file_type": "PRIMARY_DESCRIPTOR" if path == version["main"] else "OTHER"}
        for path in store.files(version)
    ]


def _wrapped(store: Store, version: Row, path: str) -> dict[str, Any]:
    content = b"".join(chunks(store.archive(version), path))[:_MOST]
    place = f"/workflows/{version['workflow']}/git/{version['version']}/raw/{quote(path, errors='replace')}"
    return {
        "content": content.decode("utf-8", "replace"),
        "checksum": [{"type": "sha256", "checksum": hashlib.sha256(content).hexdigest()}],
        "url": answers.base()["base_url"] + place,
    }


def _said(content: Any) -> Response:
    return answers.plain(200, json.dumps(content), answers.JSON)


def _missing(what: str) -> Response:
    return answers.plain(404, json.dumps({"code": 404, "message": f"Couldn't find {what}"}), answers.JSON)
