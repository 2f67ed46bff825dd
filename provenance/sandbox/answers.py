"""The forms in which SEEK answers: JSON:API, errors, plain text, a page that one is led to.

Comes in: what is to be said. Goes out: Flask responses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from provenance.sandbox.asking import Form

if TYPE_CHECKING:
    from flask import Response

JSON_API = "application/vnd.api+json"
JSON = "application/json"
VERSION = {"version": "1.0"}
API_VERSION = "0.3"


def plain(status: int, text: str, kind: str = "text/plain") -> Response:
    """An answer of some text."""
    from flask import Response

    return Response(text, status=status, content_type=f"{kind}; charset=utf-8")


def api(content: Any, status: int = 200) -> Response:
    """An answer in JSON:API."""
    return plain(status, json.dumps(content), JSON_API)


def resource(content: Any) -> Response:
    """One thing in JSON:API."""
    return api({"data": content, "jsonapi": VERSION})


def invalid(*found: tuple[str, str]) -> Response:
    """What is wrong with what was sent: each a sentence, and the place that it is about."""
    return api({"errors": [{"source": {"pointer": pointer}, "detail": text} for text, pointer in found]}, 422)


def misformed(text: str) -> Response:
    """A request that is no JSON:API: the answer is JSON that says it is plain text."""
    return plain(422, json.dumps({"errors": [{"detail": text}]}))


def not_found(form: Form, what: str) -> Response:
    """Something is not there, or no such address."""
    if form == "json":
        return api({"errors": [{"title": "Not found", "detail": f"Couldn't find {what}"}]}, 404)
    from provenance.sandbox import pages

    return pages.missing(what)


def refused(form: Form, path: str) -> Response:
    """A right is missing: JSON says so, a browser is led to a page, and for other forms there is no answer."""
    if form == "json":
        return api(
            {"errors": [{"title": "Forbidden", "details": "You are not authorized to perform this action."}]}, 403
        )
    return led_to(path) if form == "html" else plain(406, "")


def led_to(path: str) -> Response:
    """A page to go on with."""
    from flask import request

    response = plain(302, "<html><body>You are being redirected.</body></html>", "text/html")
    response.headers["Location"] = request.host_url.rstrip("/") + path
    return response


def broken(form: Form) -> Response:
    """The server broke off: nothing for programs, a page for browsers."""
    page = "<html><body><h1>We're sorry, but something went wrong.</h1></body></html>"
    return plain(500, page, "text/html") if form == "html" else plain(500, "")


def index(rows: Iterable[dict[str, Any]]) -> Response:
    """List things, each with id, type, title and address only: all, or a page of them when one is asked for."""
    from flask import request

    from provenance.sandbox.asking import whole

    data = list(rows)
    page = whole(request.args.get("page", "") or request.args.get("page[number]", ""))
    size = whole(request.args.get("per_page", "") or request.args.get("page[size]", ""))
    length = 1_000_000 if page is None and size is None else max(1, min(size or 7, 1_000_000))
    number, last = max(1, page or 1), max(1, -(-len(data) // length))

    def address(of: int) -> str:
        return f"{request.path}?page%5Bnumber%5D={of}&page%5Bsize%5D={length}"

    return api(
        {
            "data": data[(number - 1) * length : number * length],
            "jsonapi": VERSION,
            "links": {
                "self": address(number),
                "first": address(1),
                "prev": address(number - 1) if number > 1 else None,
                "next": address(number + 1) if number < last else None,
                "last": address(last),
            },
            "meta": base(),
        }
    )


def base() -> dict[str, str]:
    """What every answer tells of the server."""
    from flask import request

    return {"base_url": request.host_url.rstrip("/"), "api_version": API_VERSION}


def skeleton(kind: str, identifier: int, title: str) -> dict[str, Any]:
    """How an index lists something."""
    return {
        "id": str(identifier),
        "type": kind,
        "attributes": {"title": title},
        "links": {"self": f"/{kind}/{identifier}"},
    }
