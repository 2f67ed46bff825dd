"""What a user may write for a crate, and what is meant by it.

Comes in: a text, e.g. ``workflowhub:838.1``, a DOI, an address, a path. Goes out: one of :class:`Local`, :class:`Seek`,
:class:`Zenodo`, :class:`Doi`, :class:`Page`. No server is asked; the file system is, whether a path exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from provenance.errors import UsageError
from provenance.web.addresses import is_encrypted_or_here, split

WORKFLOWHUB, ZENODO, RESOLVER = "https://workflowhub.eu", "https://zenodo.org", "https://doi.org"
ZENODO_VARIABLE, DOI_VARIABLE = "WFPROV_ZENODO_URL", "WFPROV_DOI_URL"
FORMS = (
    "a folder, a zip, an http(s) address, workflowhub:ID or workflowhub:ID.VERSION, the page of a workflow on a SEEK "
    "server, or a DOI"
)
_SEEK = re.compile(r"workflowhub:(\d{1,18})(?:\.(\d{1,9}))?", re.IGNORECASE)
_SEEK_PATH = re.compile(r"(.*)/workflows/(\d{1,18})(?:/ro_crate)?/?")
_DOI = re.compile(r"10\.\d{4,9}(?:\.\d+)*/\S+")
_DOI_ADDRESS = re.compile(r"https?://(?:dx\.|www\.)?doi\.org/(10\..+)", re.IGNORECASE)
# Its DOIs tell the workflow and the version; the landing page is that of the workflow.
_WORKFLOWHUB_DOI = re.compile(r"10\.48546/workflowhub\.workflow\.(\d{1,18})(?:\.(\d{1,9}))?", re.IGNORECASE)
_ZENODO_DOI = re.compile(r"10\.5281/zenodo\.(\d{1,18})", re.IGNORECASE)
_ZENODO_HOSTS = ("zenodo.org", "www.zenodo.org")
_ZENODO_PATH = re.compile(r"/(?:api/)?records?/(\d{1,18})(?:/files/(.+?)(?:/content)?)?/?", re.DOTALL)
_ZENODO_DOI_PATH = re.compile(r"/doi/10\.5281/zenodo\.(\d{1,18})/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Registries:
    """Where registries are asked; other addresses serve practice instances and tests."""

    workflowhub: str = WORKFLOWHUB
    zenodo: str = ZENODO
    doi: str = RESOLVER
    # The user's token for a SEEK server; asked for when the server was named by the user and wants one.
    token: Callable[[str], str | None] | None = field(default=None, repr=False)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], token: Callable[[str], str | None] | None = None
    ) -> Registries:
        """Take other addresses from ``WFPROV_ZENODO_URL`` and ``WFPROV_DOI_URL``.

        Raises
        ------
        UsageError
            One is neither https nor on this machine.
        """
        return cls(
            zenodo=server_address(environment.get(ZENODO_VARIABLE) or ZENODO),
            doi=server_address(environment.get(DOI_VARIABLE) or RESOLVER),
            token=token,
        )


@dataclass(frozen=True, slots=True)
class Local:
    """A file or folder of this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class Seek:
    """A workflow on a SEEK server."""

    server: str
    workflow: str
    version: str | None = None  # None: the latest
    is_trusted: bool = False  # the user named the server itself, so it may get the user's token


@dataclass(frozen=True, slots=True)
class Zenodo:
    """A record of Zenodo."""

    server: str
    record: str
    file: str | None = None  # the one that is meant


@dataclass(frozen=True, slots=True)
class Doi:
    """A DOI that only the resolver knows."""

    doi: str


@dataclass(frozen=True, slots=True)
class Page:
    """An address of which only its answer tells what it is."""

    url: str


Source = Local | Seek | Zenodo | Doi | Page


def understood(text: str, server: str | None = None, registries: Registries | None = None) -> Source:
    """Tell what is meant.

    Parameters
    ----------
    server
        A SEEK server for what is written as ``workflowhub:`` or as WorkflowHub's DOI; None for WorkflowHub itself.

    Raises
    ------
    UsageError
        It is none of the forms that there are.
    """
    registries = registries or Registries()
    hub = server_address(server) if server else registries.workflowhub
    numbers = _SEEK.fullmatch(text)
    if numbers:
        return Seek(hub, numbers[1], numbers[2], is_trusted=True)
    if text.lower().startswith("workflowhub:"):
        raise UsageError(f"{text!r} names no workflow; write workflowhub:ID or workflowhub:ID.VERSION, e.g. 838.1")
    is_local = os.path.lexists(text) and "\0" not in text if text else False
    doi = None if is_local else _doi(text, registries)
    if doi is not None:
        return _named_by_doi(doi, hub, registries)
    if not is_local and "://" in text:
        found = at_address(text, registries)
        return replace(found, is_trusted=True) if isinstance(found, Seek) and found.server == hub else found
    if not is_local:
        raise UsageError(f"{text!r} is not there, and no crate is named so; give {FORMS}")
    return Local(Path(text))


def server_address(text: str) -> str:
    """Return the address of a server without a slash at its end; https is added where nothing is written.

    Raises
    ------
    UsageError
        It is no address, or neither https nor on this machine.
    """
    parts = split(text if "://" in text else f"https://{text}")
    if parts is None or parts.query or parts.fragment or parts.username or not is_encrypted_or_here(parts):
        raise UsageError(f"{text!r} is no address of a server: write https://HOST (http:// for this machine alone)")
    return parts.geturl().rstrip("/")


def _doi(text: str, registries: Registries) -> str | None:
    if text.lower().startswith("doi:"):
        named = text[4:].strip()
        if not _DOI.fullmatch(named):
            raise UsageError(f"{text!r} is no DOI; write it as doi:10.5281/zenodo.1234567")
        return named
    found = _DOI_ADDRESS.fullmatch(text)
    if found:
        return unquote(found[1])
    if text.startswith(f"{registries.doi}/10."):
        return unquote(text[len(registries.doi) + 1 :])
    return text if _DOI.fullmatch(text) else None


def _named_by_doi(doi: str, hub: str, registries: Registries) -> Source:
    workflow = _WORKFLOWHUB_DOI.fullmatch(doi)
    if workflow:
        return Seek(hub, workflow[1], workflow[2], is_trusted=True)
    record = _ZENODO_DOI.fullmatch(doi)
    return Zenodo(registries.zenodo, record[1]) if record else Doi(doi)


def at_address(url: str, registries: Registries) -> Source:
    """Tell what an address stands for.

    Raises
    ------
    UsageError
        It is neither http nor https, or has a password in it.
    """
    parts = split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        raise UsageError(f"{url!r} is no address that a crate is fetched from; give {FORMS}")
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"the address on {parts.hostname} has a user's name or password in it; download it yourself")
    server = parts._replace(path="", query="", fragment="").geturl()
    if parts.hostname in _ZENODO_HOSTS or server == registries.zenodo:
        doi = _ZENODO_DOI_PATH.fullmatch(parts.path)
        record = _ZENODO_PATH.fullmatch(parts.path)
        if doi:
            return Zenodo(registries.zenodo, doi[1])
        if record:
            return Zenodo(registries.zenodo, record[1], unquote(record[2]) if record[2] else None)
    workflow = _SEEK_PATH.fullmatch(parts.path)
    if workflow:
        version = _version(url)
        if not is_encrypted_or_here(parts):
            server = "https" + server[len("http") :]
        return Seek(server + workflow[1], workflow[2], version)
    return Page(url.partition("#")[0])


def _version(url: str) -> str | None:
    told = parse_qs(urlsplit(url).query).get("version", [])
    if not told:
        return None
    if len(told) > 1 or not (told[0].isascii() and told[0].isdigit()):
        raise UsageError(f"{url!r} names no version; write ?version=N")
    return told[0]


def folder_name(source: Source) -> str:
    """Suggest a name for the folder that a crate is fetched to."""
    if isinstance(source, Seek):
        return f"workflow-{source.workflow}" + (f"-{source.version}" if source.version else "")
    if isinstance(source, Zenodo):
        return f"zenodo-{source.record}"
    if isinstance(source, Doi):
        last = source.doi
    elif isinstance(source, Page):
        last = unquote(urlsplit(source.url).path.rstrip("/").rpartition("/")[2])
    else:
        last = source.path.name
    stem = last.removesuffix(".zip").removesuffix(".crate")
    plain = re.sub(r"[^\w.+-]", "_", stem, flags=re.ASCII).strip("._-")
    return plain[:80] or "crate"
