"""Asks for what strangers name, and follows where servers lead: encrypted, a few times, never into private networks.

Comes in: an address. Goes out: a :class:`Reply`, whose body is read piece by piece, or a
:class:`~provenance.errors.NetworkError` that says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urljoin, urlsplit

from provenance.errors import NetworkError, ServerError
from provenance.web.addresses import Reach, is_encrypted_or_here, is_loopback, reach_as_written, reach_of, split
from provenance.web.failures import in_words
from provenance.web.session import guard, new_session

if TYPE_CHECKING:
    import requests

_CONNECT, _READ = 10, 60  # seconds
_CHUNK = 1 << 16
_REDIRECTS = 10
_MOVED = (301, 302, 303, 307, 308)
_WHERE = {Reach.LOOPBACK: "to this machine itself", Reach.PRIVATE: "into a private network"}


class BrokenConnectionError(NetworkError):
    """A connection could not be made or broke; another try may do."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; the body is read as long as the context of :meth:`Client.get` lasts."""

    url: str  # address that answered, after all redirects
    status: int
    headers: Mapping[str, str]  # names in any case
    _response: requests.Response

    @property
    def kind(self) -> str:
        """Media type without parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def chunks(self) -> Iterator[bytes]:
        """The body, piece by piece.

        Raises
        ------
        BrokenConnectionError
            The connection broke.
        """
        with _explained(self.url):
            yield from self._response.iter_content(_CHUNK)

    def body(self, most: int) -> bytes:
        """The whole body.

        Raises
        ------
        ServerError
            It has more than ``most`` bytes.
        """
        content = bytearray()
        for chunk in self.chunks():
            content += chunk
            if len(content) > most:
                raise ServerError(f"{self.url} answers with more than {most >> 20} MiB, which is not what is asked for")
        return bytes(content)


class Client:
    """Sends GET requests. The first server that it speaks with sets how far the others may reach."""

    def __init__(self, reach: Reach | None = None, except_for: str | None = None):
        """Make a client.

        Parameters
        ----------
        reach
            How close to this machine the addresses may be. None: as close as the first, which the user named.
        except_for
            Address of a server that may be asked wherever it is.
        """
        self._reach = reach
        self._exempt = _place(split(except_for)) if except_for else None
        self._session = new_session()
        self._session.headers["Accept-Encoding"] = "identity"  # sizes and digests are those of the file
        guard(self._session, self._admit)

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None, token: str | None = None) -> Iterator[Reply]:
        """Ask, and follow redirects: from https to https only, with the token for the first server alone.

        Raises
        ------
        NetworkError
            The server can't be reached, or it leads where nobody should be led.
        """
        first = _checked(url)
        for _ in range(_REDIRECTS + 1):
            parts = _checked(url)
            self._admit_as_written(parts)
            sent = dict(headers or {})
            if token and _place(parts) == _place(first):
                sent["Authorization"] = f"Token {token}"
            with self._asked(url, parts, sent) as reply:
                target = reply.headers.get("Location")
                if reply.status not in _MOVED or not target:
                    yield reply
                    return
            url = self._followed(parts, _as_text(target))
        raise ServerError(f"{first.hostname} sends round in circles; look at the address, or try again later")

    @contextmanager
    def _asked(self, url: str, parts: SplitResult, headers: Mapping[str, str]) -> Iterator[Reply]:
        # A proxy of the environment can't reach this machine's own loopback.
        self._session.trust_env = not is_loopback(parts.hostname or "")
        with _explained(url):
            response = self._session.get(
                url, headers=headers, timeout=(_CONNECT, _READ), stream=True, allow_redirects=False
            )
        try:
            yield Reply(url, response.status_code, response.headers, response)
        finally:
            response.close()

    def _followed(self, asked: SplitResult, location: str) -> str:
        url = asked.geturl()
        try:
            target = urljoin(url, location).partition("#")[0]
        except ValueError:
            target = ""
        parts = split(target)
        is_plain_already = asked.scheme == "http" and not is_loopback(asked.hostname or "")
        if parts is None or parts.scheme not in ("http", "https") or parts.username or parts.password:
            raise ServerError(f"{url} leads to {location!a:.200}, which is no address to follow")
        if not is_encrypted_or_here(parts) and not is_plain_already:
            raise ServerError(f"{url} leads to {target!a:.200}, which is not encrypted (https) and so is not followed")
        if self._reach is None:  # no connection was made by ourselves: it went through a proxy
            self._reach = Reach.PUBLIC
        return target

    def _admit_as_written(self, parts: SplitResult) -> None:
        reach = reach_as_written(parts.hostname or "")
        if reach is not None:
            self._judge(parts.hostname or "", _port(parts), reach)

    def _admit(self, host: str, port: int, addresses: Sequence[str]) -> None:
        self._judge(host, port, max(reach_of(address) for address in addresses))

    def _judge(self, host: str, port: int, reach: Reach) -> None:
        if self._reach is None:
            self._reach = reach
        if reach > self._reach and (host.strip("[]"), port) != self._exempt:
            raise ServerError(f"{host} leads {_WHERE[reach]}, and nobody from outside may send there; it is not asked")


def _checked(url: str) -> SplitResult:
    parts = split(url)
    if parts is None or parts.scheme not in ("http", "https"):
        raise NetworkError(f"{url!a:.200} is no http(s) address")
    return parts


def _place(parts: SplitResult | None) -> tuple[str, int] | None:
    return None if parts is None else (parts.hostname or "", _port(parts))


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _as_text(location: str) -> str:
    """Headers are read as Latin-1, while addresses in them are UTF-8 where they are not ASCII."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location


@contextmanager
def _explained(url: str) -> Iterator[None]:
    import requests

    host = urlsplit(url).hostname
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise NetworkError(
            f"{host}: its certificate is not accepted ({in_words(error)}); "
            "look at the address and at the clock of this machine"
        ) from None
    except requests.exceptions.ProxyError as error:
        raise NetworkError(
            f"{host} can't be reached through the proxy ({in_words(error)}); check HTTPS_PROXY and NO_PROXY"
        ) from None
    except requests.exceptions.Timeout:
        raise BrokenConnectionError(f"{host} does not answer in time; try again later") from None
    except (requests.exceptions.RequestException, HTTPException, OSError, ValueError) as error:
        # ValueError: urllib3 and http.client raise it, and others that inherit it, for what is no HTTP.
        raise BrokenConnectionError(
            f"{host}: the connection failed ({in_words(error)}); look at the network: compute nodes often have none"
        ) from None
