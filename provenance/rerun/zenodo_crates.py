"""What a record of Zenodo holds, and which of its files is the crate.

Comes in: the number of a record. Goes out: its files with sizes and digests, as its API lists them
(``GET /api/records/N``; the number of all versions together leads to the latest).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from provenance.crate.source import METADATA_NAMES
from provenance.errors import CrateError, RefusedError, ServerError, UsageError
from provenance.rerun.digests import NAMES
from provenance.rerun.remote_folder import RemoteFile
from provenance.rerun.sources import Zenodo
from provenance.web.client import Client

_LARGEST = 32 << 20  # bytes of the description of a record
_HEXADECIMAL = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True)
class ZenodoRecord:
    """A version of a record."""

    record: str
    page: str
    identifier: str  # its DOI's address, else that of its page
    files: tuple[RemoteFile, ...]
    is_newer: bool  # another record was asked for


def find(source: Zenodo, client: Client) -> ZenodoRecord:
    """Ask the server.

    Raises
    ------
    ServerError
        There is no such record, or the server answers otherwise than Zenodo does.
    RefusedError
        Its files are not for everybody.
    """
    with client.get(f"{source.server}/api/records/{source.record}", {"Accept": "application/json"}) as reply:
        status, body = reply.status, reply.body(_LARGEST)
    if status in (404, 410):
        raise ServerError(f"{source.server} has no record {source.record} (HTTP status {status}); look at its number")
    if status in (401, 403):
        raise RefusedError(f"record {source.record} of {source.server} is not for everybody; ask its owners")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    number = _number(told.get("id")) if isinstance(told, dict) else None
    if status != 200 or not isinstance(told, dict) or number is None:
        raise ServerError(f"{source.server} does not answer as Zenodo does (HTTP status {status}); try again later")
    files = tuple(_files(source.server, number, told))
    if not files:
        raise RefusedError(f"{source.server}/records/{number} lists no files; they may be restricted: ask its owners")
    page = f"{source.server}/records/{number}"
    doi = told.get("doi")
    identifier = f"https://doi.org/{doi}" if isinstance(doi, str) and doi.startswith("10.") else page
    return ZenodoRecord(number, page, identifier, files, number != source.record)


def choose(found: ZenodoRecord, name: str | None) -> RemoteFile | None:
    """The file that is the crate's zip; None when the record's files themselves are the crate.

    Raises
    ------
    UsageError
        There are several, or there is none of the name that was given.
    CrateError
        There is none.
    """
    if name is not None:
        for file in found.files:
            if file.name == name:
                return file
        raise UsageError(f"{found.page} has no file {name!r}, only {_listing(found.files)}")
    zips = [file for file in found.files if file.name.lower().endswith(".zip")]
    crates = [file for file in zips if file.name.lower().endswith(".crate.zip")]
    if len(crates) == 1:
        return crates[0]
    if any(file.name in METADATA_NAMES for file in found.files):
        return None
    if not zips:
        raise CrateError(f"{found.page} has no zip, only {_listing(found.files)}; is it another record?")
    if len(zips) > 1:
        raise UsageError(
            f"{found.page} has more than one zip: {_listing(zips)}; give the address of one, as "
            f"{found.page}/files/{quote(zips[0].name)}"
        )
    return zips[0]


def _files(server: str, record: str, told: dict[str, Any]) -> list[RemoteFile]:
    listed = told.get("files")
    if isinstance(listed, dict):  # as InvenioRDM tells it
        entries = listed.get("entries")
        listed = list(entries.values()) if isinstance(entries, dict) else entries
    found = []
    for one in listed if isinstance(listed, list) else []:
        name = one.get("key") if isinstance(one, dict) else None
        if not isinstance(name, str) or not name:
            continue
        links = one.get("links") if isinstance(one.get("links"), dict) else {}
        url = links.get("content") or links.get("self")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            url = f"{server}/api/records/{record}/files/{quote(name)}/content"
        size = one.get("size")
        found.append(RemoteFile(name, url, size if isinstance(size, int) else None, _digests(one.get("checksum"))))
    return found


def _digests(checksum: Any) -> dict[str, str]:
    name, _, digest = str(checksum or "").lower().partition(":")
    return {name: digest} if name in NAMES and _HEXADECIMAL.fullmatch(digest) else {}


def _listing(files: Any) -> str:
    names = [repr(file.name) for file in files]
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _number(value: Any) -> str | None:
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() else None
