"""What a SEEK server's refusals mean, as sentences that say what to do.

Comes in: the status, content type and body of an answer, and what was asked for. Goes out: a
:class:`~provenance.errors.RefusedError` or :class:`~provenance.errors.ServerError`. The shapes are those of
``docs/reference/workflowhub.md``: JSON:API errors (also as text/plain), bare title and detail, plain text, nothing,
HTML.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from provenance.errors import NetworkError, RefusedError, ServerError

_LIMIT = 300  # characters of a server's own words that are shown
_TEAM = "/data/relationships/projects"
_UNSAID = (
    "it does not say why; it does so for a token that it does not accept, for members of no team, and for a crate with "
    "an empty folder: look at them in this order"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a server."""

    status: int
    content_type: str
    body: bytes
    location: str | None = None
    wait: float | None = None  # seconds after which the server wants to be asked again

    def json(self) -> Any:
        """The JSON in it, whatever its content type says; None when there is none."""
        try:
            return json.loads(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            return None

    @property
    def is_json(self) -> bool:
        """Whether it says that it is JSON."""
        return "json" in self.content_type


class UploadError(NetworkError):
    """An upload had no answer that says what became of it."""

    def __init__(self, message: str, *, may_have_arrived: bool, wait: float | None = None):
        super().__init__(message)
        self.may_have_arrived = may_have_arrived  # the server has all of it, and may still be busy with it
        self.wait = wait  # seconds after which the server wants to be asked again


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error in an answer."""

    text: str
    pointer: str = ""


def complaints(answer: Answer) -> list[Complaint]:
    """The errors that an answer names, in the server's words."""
    found = answer.json()
    if isinstance(found, dict):
        listed = found.get("errors")
        errors = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else [found]
        told = [_complaint(error) for error in errors]
        return [one for one in told if one.text]
    if "html" in answer.content_type:
        return []
    text = answer.body[:4096].decode("utf-8", "replace").strip()
    return [Complaint(_shown(text))] if text and not text.startswith("<") else []


def _complaint(error: dict[str, Any]) -> Complaint:
    title, source = error.get("title"), error.get("source")
    detail = next((error[key] for key in ("detail", "details", "message", "error") if error.get(key)), None)
    pointer = source.get("pointer") if isinstance(source, dict) else None
    parts = [str(part) for part in (title, detail) if isinstance(part, (str, int)) and str(part).strip()]
    return Complaint(_shown(": ".join(dict.fromkeys(parts))), pointer if isinstance(pointer, str) else "")


def _shown(text: str) -> str:
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= _LIMIT else plain[: _LIMIT - 1] + "…"


def explained(  # noqa: PLR0911, PLR0912 (a table)
    answer: Answer, server: str, doing: str, *, is_upload: bool = False
) -> NetworkError | RefusedError:
    """Turn an answer that is no success into an error; `doing` says what was asked for, e.g. "submit the crate"."""
    said = complaints(answer)
    words = "; ".join(one.text for one in said)
    status, start = answer.status, f"{server} did not {doing}"
    if status == 401:
        return RefusedError(
            f"{start}: it does not accept the token; make one under My Profile > Actions > API Tokens there, and set "
            "WORKFLOWHUB_TOKEN or run 'wfprov login'"
        )
    if status in (301, 302, 303, 307, 308):
        return _redirected(answer, server, start)
    if status == 403:
        return RefusedError(f"{start}: {words or 'forbidden'}; ask a manager of the workflow or team for the right to")
    if status == 404:
        return RefusedError(f"{start}: {words or 'it is not there'}; look at the id, and whether you may see it")
    if status == 406 and is_upload:
        return RefusedError(f"{start}: {_UNSAID}")
    if status in (406, 415):
        return ServerError(f"{start}: it does not speak the form that was asked for ({status}); is it a SEEK server?")
    if status == 410:
        return RefusedError(f"{start}: the workflow was retracted")
    if status == 413:
        return RefusedError(
            f"{start}: the crate is too large for it; refer to the data instead of copying them "
            "(wfprov pack --data reference), or deposit them elsewhere and name their address as an input"
        )
    if status == 429:
        return ServerError(f"{start}: it wants fewer requests; try again in some minutes")
    if status == 422 or (status == 400 and said):
        return RefusedError(f"{start}: {_advice(said, words)}")
    if status == 500 and is_upload and not answer.body.strip():
        return RefusedError(
            f"{start} and says nothing (500): that is how it refuses a crate that it can't read or a call without a "
            "team; run 'wfprov publish --check' on the crate, and look at --team"
        )
    if status == 500 and is_upload and "RO-Crate Read Error" in words:
        return RefusedError(f"{start}: {words}; an empty folder is listed, put a file into it or take it out")
    if status >= 500:
        return ServerError(
            f"{start}: it has trouble of its own ({status}{': ' + words if words else ''}); try again later"
        )
    return ServerError(f"{start}: it answered {status}{': ' + words if words else ''}, which is not understood")


def _redirected(answer: Answer, server: str, start: str) -> NetworkError | RefusedError:
    """SEEK answers refusals of calls that are not JSON by leading to a page: which one tells the reason."""
    target = answer.location or ""
    is_here = target.startswith("/") or target == server or target.startswith(f"{server}/")
    if not is_here or target.startswith("//"):
        return ServerError(f"{start}: it leads elsewhere ({_shown(target) or 'nowhere'}); give its real address")
    path = target.removeprefix(server).partition("?")[0].rstrip("/")
    if path.endswith("/login"):
        return RefusedError(f"{start}: it does not accept the token; run 'wfprov login' or set WORKFLOWHUB_TOKEN")
    if path.endswith("/workflows") or path == "":
        return RefusedError(f"{start}: {_UNSAID}")
    if "/workflows/" in path:
        return RefusedError(f"{start}: you may not change {_shown(path)}; ask its manager, or publish a new workflow")
    return ServerError(f"{start}: it leads to {_shown(target)}; give the server's real address")


def _advice(said: list[Complaint], words: str) -> str:  # noqa: PLR0911 (a table)
    pointers = {one.pointer for one in said}
    lower = words.lower()
    if _TEAM in pointers or "associate project" in lower or "active member" in lower:
        return f"{words}; name a team that you are a member of: --team (wfprov publish --dry-run lists yours)"
    if "workflows found matching" in lower:
        return f"{words}; say which with --new-version-of ID"
    if "not authorized to edit" in lower:
        return (
            f"{words}; the same source address belongs to somebody else's workflow: ask its manager, or give your "
            "own address as url: in ro-crate-info.yaml"
        )
    if "source url" in lower:
        return f"{words}; write url: in ro-crate-info.yaml and pack again"
    if "version could not" in lower:
        return f"{words}; write version: in ro-crate-info.yaml and pack again"
    if "main workflow" in lower:
        return f"{words}; the crate needs a mainEntity of type ComputationalWorkflow"
    if any(pointer.endswith("/license") for pointer in pointers):
        return f"{words}; write an SPDX identifier as license: in ro-crate-info.yaml"
    if any(pointer.endswith("/title") for pointer in pointers):
        return f"{words}; write name: of 1 to 255 characters in ro-crate-info.yaml"
    if "remote workflows" in lower:
        return f"{words}; its versions come from a git repository: publish a new workflow instead"
    if "could not be" in lower:
        return f"{words}; run 'wfprov publish --check' on the crate"
    return words or "it does not say why"
