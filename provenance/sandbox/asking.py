"""What a request asks for, as Rails understands it: who asks, in which form the answer is wanted, which version.

Comes in: a Flask request. Goes out: plain values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from provenance.sandbox.store import Row, Store

if TYPE_CHECKING:
    from flask import Request

Form = Literal["json", "linked", "html", "other"]
_AS_A_BROWSER = re.compile(r",\s*\*/\*|\*/\*\s*,")


def form(request: Request) -> Form:
    """The form in which the answer is wanted: a wish for anything, or that of a browser, means HTML."""
    accept = request.headers.get("Accept", "").strip()
    if not accept or accept == "*/*" or _AS_A_BROWSER.search(accept):
        return "html"
    for part in accept.split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in ("application/json", "application/vnd.api+json", "text/x-json"):
            return "json"
        if kind == "application/ld+json":
            return "linked"
        if kind in ("text/html", "application/xhtml+xml", "*/*"):
            return "html"
    return "other"


def person(request: Request, store: Store) -> Row | None:
    """Whom the token belongs to: ``Token X``, ``Token token="X"`` or ``Bearer X``."""
    kind, _, rest = request.headers.get("Authorization", "").partition(" ")
    if kind not in ("Token", "Bearer"):
        return None
    return store.person_of(rest.strip().removeprefix("token=").strip('"'))


def version(request: Request) -> int | None:
    """The version that is asked for; None for the latest."""
    return whole(request.args.get("version", ""))


def whole(text: str) -> int | None:
    """A whole number that a database can hold."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def cookie(request: Request) -> str:
    """The name of the cookie of those who look at the pages; browsers keep cookies for all ports of a host together."""
    return f"wfprov_sandbox_{request.host.rpartition(':')[2]}"


def visitor(request: Request, store: Store) -> Row | None:
    """Who looks at the pages: whoever came by the link that the command printed, or has a token."""
    key = request.cookies.get(cookie(request), "")
    by_link = store.one("select * from people where key = ?", key) if key else None
    return person(request, store) or by_link
