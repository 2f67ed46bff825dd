"""A session that gives nothing away: no cookie, nothing of ``~/.netrc``, and no answer leads anywhere by itself.

Comes in: nothing, or the rule of which addresses may be connected to. Goes out: a :class:`requests.Session`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import provenance

if TYPE_CHECKING:
    import requests

# Gets a host, a port and the addresses that the host stands for, before any is connected to; raises to refuse them.
Admit = Callable[[str, int, Sequence[str]], None]


def new_session() -> requests.Session:
    """Make a session with our name in it; whoever uses it passes ``allow_redirects=False``."""
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = f"wfprov/{provenance.__version__}"
    # Without it, requests would send what ~/.netrc has for the server.
    session.auth = lambda request: request
    # Else requests would look where an answer leads to, and read all of that answer, however large.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def guard(session: requests.Session, admit: Admit) -> None:
    """Have every address looked at before it is connected to, and connect to the very one that was looked at.

    A name that is looked up twice can stand for two addresses. Through a proxy it is the proxy that looks names up.
    """
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import HTTPError

    class Guarded:
        """Connects to addresses that were admitted."""

        _dns_host: str
        host: str
        port: int

        def _new_conn(self) -> socket.socket:
            host = self._dns_host
            addresses = _looked_up(host, self.port)
            if addresses:
                admit(host, self.port, addresses)
            try:
                for index, address in enumerate(addresses or [host]):
                    self._dns_host = address
                    try:
                        return super()._new_conn()  # type: ignore[misc,no-any-return]
                    except (OSError, HTTPError):
                        if index + 1 >= len(addresses):
                            raise
            finally:
                self._dns_host = host
            raise AssertionError("unreachable")

    class GuardedHTTP(Guarded, HTTPConnection):
        """Plain."""

    class GuardedHTTPS(Guarded, HTTPSConnection):
        """Encrypted."""

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = GuardedHTTP

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = GuardedHTTPS

    class Adapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options)
            self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}

    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter())


def _looked_up(host: str, port: int) -> list[str]:
    """The addresses of a host; none when there is none, which the library then says in its own words."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))
