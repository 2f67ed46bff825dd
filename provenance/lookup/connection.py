"""How a public register is asked: one GET at a time, with limits, and never anywhere else.

In: the address of a register, a path and a query. Out: :class:`Answer`, its status and its JSON, or a
:class:`~provenance.errors.NetworkError`. Nothing is sent but the query and the name of this program; nothing is
trusted: an answer may be slow, large, broken or a web page of whoever stands between.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from provenance.errors import NetworkError, ServerError, UsageError
from provenance.web.addresses import is_encrypted_or_here, split
from provenance.web.failures import in_words
from provenance.web.session import new_session

if TYPE_CHECKING:
    import requests

_CONNECT, _READ = 5.0, 15.0  # seconds
_WHOLE = 60.0  # seconds that one answer may take from its first to its last byte
_LARGEST = 1 << 20  # bytes of an answer, unpacked
_TRIES = 3
_LONGEST_WAIT = 30.0  # seconds that a register may ask to wait
_REDIRECTS = 3
_MOVED = (301, 302, 303, 307, 308)
# Of these the registers tell in the answer what is the matter with a record.
_ABOUT_THE_RECORD = (400, 404, 409, 410)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a register said."""

    status: int
    content: Any  # parsed JSON; None where an error came without any


class Connection:
    """A register at one address. Answers are kept, so that nothing is asked twice; so is a failure to reach it."""

    def __init__(self, address: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """``address`` is that of the API; ``sleep`` waits so many seconds before another try.

        Raises
        ------
        UsageError
            It is no https address. Plain http is taken for this machine alone, for one's own instance of a register.
        """
        self._address = checked_address(address)
        self._sleep = sleep
        self._session: requests.Session | None = None
        self._answers: dict[str, Answer] = {}
        self._failure: NetworkError | None = None

    @property
    def host(self) -> str:
        """The name of the server, for people."""
        return urlsplit(self._address).netloc

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Ask, and return what came: the status is 200, or 400, 404, 409, 410 for what is the matter with a record.

        Raises
        ------
        NetworkError
            The server can't be reached; it then is not tried again.
        ServerError
            It answers with an error, or with something that is no JSON.
        """
        url = self._address + path + (f"?{urlencode(query)}" if query else "")
        if self._failure is not None:
            raise self._failure
        if url not in self._answers:
            self._answers[url] = self._ask(url)
        return self._answers[url]

    def _ask(self, url: str) -> Answer:
        for tried in range(1, _TRIES + 1):
            status, headers, content = self._follow(url)
            if status != 429 and status < 500:
                break
            wait = _wanted_wait(headers.get("Retry-After"), default=float(2 ** (tried - 1)))
            if tried == _TRIES or wait > _LONGEST_WAIT:
                raise self._failed(ServerError(self._busy(status, wait)))
            self._sleep(wait)
        if status == 200:
            return Answer(status, self._parsed(content, headers.get("Content-Type", "")))
        if status in _ABOUT_THE_RECORD:
            try:
                return Answer(status, json.loads(content))
            except (ValueError, RecursionError):
                return Answer(status, None)
        raise ServerError(f"{self.host} answers with HTTP status {status}; try again later")

    def _busy(self, status: int, wait: float) -> str:
        if status == 429:
            when = f"in {wait:.0f} s" if wait > _LONGEST_WAIT else "later"
            return f"{self.host} takes no more questions for now (HTTP status 429); try again {when}"
        return f"{self.host} has trouble (HTTP status {status}); try again later"

    def _follow(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        """Fetch ``url``, and where it moved to as long as that is the same server."""
        for _ in range(_REDIRECTS + 1):
            status, headers, content = self._fetch(url)
            if status not in _MOVED or "Location" not in headers:
                return status, headers, content
            try:
                target = urljoin(url, headers["Location"])
                is_same = urlsplit(target)[:2] == urlsplit(self._address)[:2]
            except ValueError:
                is_same = False
            if not is_same:
                raise self._failed(
                    ServerError(
                        f"{self.host} sends to another server ({headers['Location']!a:.200}), which is not followed; "
                        "does the network want a login?"
                    )
                )
            url = target
        raise self._failed(ServerError(f"{self.host} sends round in circles; try again later"))

    def _fetch(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        import requests

        try:
            with self._open_session().get(
                url, timeout=(_CONNECT, _READ), stream=True, allow_redirects=False
            ) as response:
                return response.status_code, response.headers, self._body(response)
        except requests.exceptions.SSLError as error:
            raise self._failed(
                NetworkError(f"{self.host} can't be trusted: its certificate does not fit ({in_words(error)})")
            ) from None
        except requests.exceptions.ProxyError as error:
            raise self._failed(
                NetworkError(
                    f"{self.host} can't be reached through the proxy ({in_words(error)}); "
                    "check HTTPS_PROXY and NO_PROXY"
                )
            ) from None
        except requests.exceptions.Timeout:
            raise self._failed(NetworkError(f"{self.host} does not answer in time; try again later")) from None
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            # ValueError: urllib3 and http.client raise it, and others that inherit it, for what is no HTTP.
            raise self._failed(
                NetworkError(f"{self.host} can't be reached ({in_words(error)}); check the network, or try again later")
            ) from None

    def _body(self, response: requests.Response) -> bytes:
        end = time.monotonic() + _WHOLE
        content = bytearray()
        for part in response.iter_content(1 << 16):
            content += part
            if len(content) > _LARGEST:
                raise ServerError(f"{self.host} answers with more than {_LARGEST >> 20} MiB, which is not read")
            if time.monotonic() > end:
                raise self._failed(NetworkError(f"{self.host} is too slow; try again later"))
        return bytes(content)

    def _parsed(self, content: bytes, kind: str) -> Any:
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            what = "a web page" if "html" in kind.lower() or content.lstrip()[:1] == b"<" else "something"
            raise ServerError(
                f"{self.host} answers with {what} that is no JSON; does the network or a proxy want a login?"
            ) from None

    def _open_session(self) -> requests.Session:
        if self._session is None:
            self._session = new_session()
            self._session.headers["Accept"] = "application/json"
        return self._session

    def _failed(self, error: NetworkError) -> NetworkError:
        self._failure = error
        return error


def checked_address(address: str) -> str:
    """Return the address of an API without a slash at its end.

    Raises
    ------
    UsageError
        It is no https address, nor an http address of this machine.
    """
    parts = split(address.strip())
    if parts is not None and is_encrypted_or_here(parts):
        more = parts.query or parts.fragment or parts.username or parts.password
        if not more:
            return address.strip().rstrip("/")
    raise UsageError(
        f"{address!a} is not the address of a register: write https://HOST/PATH (http:// for this machine alone)"
    )


def _wanted_wait(header: str | None, default: float) -> float:
    """Return the seconds of a Retry-After header; its other form, a date, counts as the default."""
    text = (header or "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
