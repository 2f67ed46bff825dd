"""One server over HTTP: https only, the token in its header alone, no redirect followed, bounded in time and size.

Comes in: requests of :mod:`.seek`. Goes out: :class:`~provenance.publish.answers.Answer`, or a
:class:`~provenance.errors.NetworkError` that says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from provenance.errors import NetworkError, OutputError, ServerError, UsageError
from provenance.publish.answers import Answer
from provenance.web.addresses import is_encrypted_or_here, is_loopback
from provenance.web.failures import kind
from provenance.web.session import new_session

if TYPE_CHECKING:
    import requests

_CONNECT, _READ, _UPLOAD_READ = 10, 60, 900  # seconds; an upload is unpacked and stored before it is answered
_MOST = 64 << 20  # bytes of an answer that is kept in memory
_CHUNK = 1 << 20
_WHOLE = 600  # seconds that an answer which is kept in memory may take from its first to its last byte
_ATTEMPTS = 3
_TROUBLE = (429, 502, 503, 504)
_LONGEST_WAIT = 30.0  # seconds that a server may ask to wait


def checked_address(server: str) -> str:
    """Return the address of a server without a trailing slash.

    Raises
    ------
    UsageError
        It is no address, or neither https nor on this machine: a token must not travel in the clear.
    """
    text = server if "://" in server else f"https://{server}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{server} is no address of a server: {error}") from None
    if not parts.hostname or parts.query or parts.fragment or parts.username:
        raise UsageError(f"{server} is no address of a server; write it as https://workflowhub.eu")
    if not is_encrypted_or_here(parts):
        raise UsageError(f"{server}: only https is spoken, so that nobody reads the token on its way")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def wait(seconds: float) -> None:
    """Wait before something is tried again."""
    time.sleep(seconds)


class Connection:
    """Sends requests to one server."""

    def __init__(self, server: str, token: str | None, pause: Callable[[float], None] = wait):
        self.server = checked_address(server)
        self._pause = pause
        self._session = new_session()
        # A proxy of the environment can't reach this machine's own loopback.
        self._session.trust_env = not is_loopback(urlsplit(self.server).hostname or "")
        self._auth = _Token(token)

    def __repr__(self) -> str:
        return f"Connection({self.server!r})"

    def get(self, path: str, accept: str = "application/json", **parameters: str) -> Answer:
        """Read something; tried again when the connection breaks or the server is overloaded.

        Raises
        ------
        NetworkError
            No answer could be had.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            wait = 2.0**attempt
            try:
                answer = self._send("GET", path, accept, params=parameters, timeout=(_CONNECT, _READ))
                wait = wait if answer.wait is None else answer.wait
                if answer.status not in _TROUBLE or attempt == _ATTEMPTS or wait > _LONGEST_WAIT:
                    return answer
            except ServerError:
                raise
            except NetworkError:
                if attempt == _ATTEMPTS:
                    raise
            self._pause(wait)
        raise AssertionError("unreachable")

    def patch(self, path: str, body: dict[str, Any]) -> Answer:
        """Change something; sending it twice does no harm, but it is sent once."""
        return self._send("PATCH", path, "application/json", json=body, timeout=(_CONNECT, _READ))

    def upload(self, path: str, accept: str, body: Any, content_type: str) -> Answer:
        """Send a form with a file, once: whether it may be sent again is for others to say."""
        timeout = (_CONNECT, _UPLOAD_READ)
        return self._send("POST", path, accept, data=body, headers={"Content-Type": content_type}, timeout=timeout)

    def download(self, path: str, target: IO[bytes], accept: str = "application/json", **parameters: str) -> Answer:
        """Write what is answered to a file; the answer has no body then. A refusal has its body.

        Raises
        ------
        NetworkError
            The connection broke.
        OutputError
            There is no room for the file.
        """
        with self._asked("GET", path, accept, params=parameters, timeout=(_CONNECT, _READ)) as response:
            if response.status_code != 200 or "html" in response.headers.get("Content-Type", ""):
                return _answer(response)
            for chunk in response.iter_content(_CHUNK):
                _write(target, chunk)
            return Answer(200, response.headers.get("Content-Type", ""), b"")

    def _send(self, method: str, path: str, accept: str, **options: Any) -> Answer:
        with self._asked(method, path, accept, **options) as response:
            return _answer(response)

    @contextmanager
    def _asked(self, method: str, path: str, accept: str, **options: Any) -> Iterator[requests.Response]:
        import requests

        headers = {"Accept": accept, **options.pop("headers", {})}
        options |= {"headers": headers, "auth": self._auth, "allow_redirects": False, "stream": True}
        try:
            with self._session.request(method, self.server + path, **options) as response:
                yield response
        except requests.exceptions.SSLError:
            why = "its certificate is not accepted; look at the address and at the clock of this machine"
        except requests.exceptions.ConnectTimeout:
            why = f"no connection within {_CONNECT} s; look at the network, or at the proxy of this machine"
        except requests.exceptions.Timeout:
            why = "it did not answer in time"
        except requests.exceptions.ProxyError:
            why = "the proxy can't be reached; look at https_proxy"
        except (requests.exceptions.RequestException, HTTPException, OSError, ValueError) as error:
            # ValueError: urllib3 and http.client raise it, and others that inherit it, for what is no HTTP.
            why = f"the connection failed ({kind(error)}); look at the network: login nodes often have none"
        else:
            return
        # Raised here, not within: the library's own error would show the request, and with it the header.
        raise NetworkError(f"{self.server}: {why}")


class _Token:
    """Puts the token into the header; shown nowhere."""

    def __init__(self, token: str | None):
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Token {self._token}"
        return request

    def __repr__(self) -> str:
        return "<token>"


def _answer(response: requests.Response) -> Answer:
    body = bytearray()
    end = time.monotonic() + _WHOLE
    for chunk in response.iter_content(65536):
        body += chunk
        if len(body) > _MOST:
            raise ServerError(f"{response.url}: the answer is longer than any that is expected; is it a SEEK server?")
        if time.monotonic() > end:
            raise ServerError(f"{response.url}: the answer comes too slowly; try again later")
    headers = response.headers
    wait = headers.get("Retry-After", "").strip()
    return Answer(
        response.status_code,
        headers.get("Content-Type", ""),
        bytes(body),
        headers.get("Location"),
        float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 10 else None,
    )


def _write(target: IO[bytes], chunk: bytes) -> None:
    try:
        target.write(chunk)
    except OSError as error:
        raise OutputError(f"no room for what is downloaded: {error.strerror}; make room for temporary files") from None
