"""Where a SEEK server has the crate of a workflow, and which version that is.

Comes in: the number of a workflow, with a version or without. Goes out: the addresses of its crate and of its page. How
SEEK answers is told in ``docs/reference/workflowhub.md``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from provenance.errors import RefusedError, ServerError
from provenance.rerun.sources import Registries, Seek
from provenance.web.client import Client

_LARGEST = 16 << 20  # bytes of the description of a workflow
_WANTS_LOGIN = (401, 403)


@dataclass(frozen=True, slots=True)
class SeekCrate:
    """A version of a workflow."""

    version: str
    title: str | None
    page: str  # with the version in it
    download: str
    identifier: str  # its DOI's address, else that of its page
    token: str | None = field(default=None, repr=False)


def find(source: Seek, client: Client, registries: Registries) -> SeekCrate:
    """Ask the server.

    Raises
    ------
    ServerError
        There is no such workflow or version, or the server is no SEEK.
    RefusedError
        It is not for everybody.
    """
    status, told, token = _asked(source, source.version, client, registries)
    if status == 404 and source.version is not None:
        _refuse_version(source, client, registries)
    if status == 404:
        raise ServerError(f"{source.server} has no workflow {source.workflow}; look at the number on its page")
    attributes = _attributes(source, status, told)
    version = source.version or _number(attributes.get("latest_version")) or _number(attributes.get("version"))
    if version is None:
        raise ServerError(f"{source.server} does not say which version of workflow {source.workflow} is the latest")
    address = f"{source.server}/workflows/{source.workflow}"
    page = f"{address}?version={version}"
    title = attributes.get("title")
    return SeekCrate(
        version,
        title if isinstance(title, str) else None,
        page,
        f"{address}/ro_crate?version={version}",
        _doi(attributes, version) or page,
        token,
    )


def _asked(source: Seek, version: str | None, client: Client, registries: Registries) -> tuple[int, Any, str | None]:
    status, told = _get(source, version, client, None)
    if status not in _WANTS_LOGIN:
        return status, told, None
    token = registries.token(source.server) if registries.token is not None and source.is_trusted else None
    if token:
        status, told = _get(source, version, client, token)
    if status in _WANTS_LOGIN:
        advice = (
            "your token does not open it; ask its owners"
            if token
            else f"if a token of yours opens it, run 'wfprov login --to {source.server}' and give it as "
            f"workflowhub:{source.workflow} --from {source.server}"
        )
        raise RefusedError(f"workflow {source.workflow} of {source.server} is not for everybody; {advice}")
    return status, told, token


def _get(source: Seek, version: str | None, client: Client, token: str | None) -> tuple[int, Any]:
    address = f"{source.server}/workflows/{source.workflow}" + (f"?version={version}" if version else "")
    with client.get(address, {"Accept": "application/json"}, token) as reply:
        body = reply.body(_LARGEST)
        status = reply.status
    try:
        return status, json.loads(body)
    except (ValueError, RecursionError):
        return status, None


def _attributes(source: Seek, status: int, told: Any) -> dict[str, Any]:
    data = told.get("data") if isinstance(told, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if status != 200 or not isinstance(attributes, dict):
        raise ServerError(
            f"{source.server} does not answer as a SEEK server does (HTTP status {status}); look at the address, or "
            "try again later"
        )
    return attributes


def _refuse_version(source: Seek, client: Client, registries: Registries) -> None:
    status, told, _ = _asked(source, None, client, registries)
    if status != 200:
        return
    versions = _attributes(source, status, told).get("versions")
    listed = versions if isinstance(versions, list) else []
    numbers = [number for one in listed if isinstance(one, dict) and (number := _number(one.get("version")))]
    raise ServerError(
        f"workflow {source.workflow} of {source.server} has no version {source.version}, only "
        + (", ".join(numbers[:20]) or "others")
    )


def _doi(attributes: dict[str, Any], version: str) -> str | None:
    versions = attributes.get("versions")
    for one in versions if isinstance(versions, list) else []:
        if isinstance(one, dict) and _number(one.get("version")) == version and isinstance(one.get("doi"), str):
            return f"https://doi.org/{one['doi']}" if one["doi"].startswith("10.") else str(one["doi"])
    own = attributes.get("doi")
    is_this = _number(attributes.get("version")) in (version, None)
    return f"https://doi.org/{own}" if isinstance(own, str) and own.startswith("10.") and is_this else None


def _number(value: Any) -> str | None:
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() else None
