"""Which addresses lead where: this machine itself, a private network, or the internet.

Comes in: a host name or an IP address as text. Goes out: a :class:`Reach`, or whether it is this machine. No name is
looked up here.
"""

from __future__ import annotations

import ipaddress
import socket
from enum import IntEnum
from urllib.parse import SplitResult, urlsplit

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Reach(IntEnum):
    """Where an address leads; the larger, the less of a stranger's business it is."""

    PUBLIC = 0
    PRIVATE = 1  # of a site, a link, a cloud's own services, or reserved
    LOOPBACK = 2  # this machine


def is_loopback(host: str) -> bool:
    """Whether a host is written as this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_encrypted_or_here(parts: SplitResult) -> bool:
    """Whether what is sent to an address can't be read on its way: https, or http that stays on this machine."""
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def split(address: str) -> SplitResult | None:
    """Take an address apart; None when it is none, has no host, or a port that is no number."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None


def reach_of(address: str) -> Reach:
    """Where an IP address leads, also one that stands in another: IPv4 in IPv6, in 6to4, in NAT64.

    Raises
    ------
    ValueError
        It is no IP address.
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return reach_of(str(inner))
    if found.is_loopback or found.is_unspecified:  # 0.0.0.0 leads here, too
        return Reach.LOOPBACK
    return Reach.PUBLIC if found.is_global and not found.is_multicast else Reach.PRIVATE


def reach_as_written(host: str) -> Reach | None:
    """Where a host leads as far as its spelling tells; None for names that would have to be looked up.

    The short and odd spellings of IPv4, which resolvers take too, count: ``127.1``, ``0x7f000001``, ``2130706433``.
    """
    plain = host.rstrip(".").lower()
    if plain == "localhost" or plain.endswith(".localhost"):
        return Reach.LOOPBACK
    try:
        return reach_of(plain)
    except ValueError:
        pass
    try:
        return reach_of(socket.inet_ntoa(socket.inet_aton(plain)))
    except (OSError, ValueError):
        return None
