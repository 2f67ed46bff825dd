"""Downloads what a crate only refers to, as far as a stranger's crate may make us ask for something.

Comes in: an address as the crate has it. Goes out: the file, or why it is not asked for.
"""

from __future__ import annotations

from pathlib import Path

from provenance.errors import NetworkError
from provenance.rerun.download import Wanted, download
from provenance.rerun.talk import Silence, Talk
from provenance.web.addresses import Reach, is_loopback, reach_as_written, split
from provenance.web.client import Client


def is_fetchable(url: str, came_from: str | None = None) -> str | None:
    """Say why an address of a crate is not asked for; None when it may be.

    What a name stands for is looked at when it is connected to, by :func:`fetch_file`.

    Parameters
    ----------
    came_from
        Address that the crate itself came from. Its own server may be asked when it is one of this machine.
    """
    parts = split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        return "it is no http or https address"
    if any(char.isspace() or not char.isprintable() for char in url):
        return "it has blanks or control characters in it"
    if parts.username is not None or parts.password is not None:
        return "it has a user's name or password in it"
    reach = reach_as_written(parts.hostname or "")
    if reach is Reach.LOOPBACK and _server(url) != _own_server(came_from):
        return "it leads to this machine itself"
    if reach is Reach.PRIVATE:
        return "it leads into a private network"
    return None


def fetch_file(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    talk: Talk | None = None,
    came_from: str | None = None,
    limit: int | None = None,
) -> None:
    """Download a file that a crate refers to, to ``target``, which is not there yet.

    Parameters
    ----------
    size, sha256
        As the crate records them; what differs is an error.
    came_from
        See :func:`is_fetchable`.
    limit
        Bytes that it may have at most.

    Raises
    ------
    NetworkError
        It may not be asked for, can't be had, or is not the file that was recorded.
    """
    reason = is_fetchable(url, came_from)
    if reason is not None:
        raise NetworkError(f"{url!a:.200} is not fetched: {reason}; get it by hand and give it with --data")
    digests = {"sha256": sha256.lower()} if sha256 else {}
    client = Client(Reach.PUBLIC, except_for=_own_address(came_from))
    download(Wanted(url, size, digests, limit), target, client, talk or Silence())


def _own_address(came_from: str | None) -> str | None:
    """The address that a crate came from, when that is on this machine."""
    parts = split(came_from) if came_from else None
    return came_from if parts is not None and is_loopback(parts.hostname or "") else None


def _own_server(came_from: str | None) -> tuple[str, str, int | None] | None:
    own = _own_address(came_from)
    return _server(own) if own else None


def _server(url: str) -> tuple[str, str, int | None] | None:
    parts = split(url)
    return (parts.scheme, parts.hostname or "", parts.port) if parts is not None else None
