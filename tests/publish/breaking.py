"""A proxy on loopback in front of a server, which breaks one connection at a place that a test names."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from threading import Thread
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


class Place(Enum):
    """Where the connection of an upload breaks."""

    IN_UPLOAD = "in the upload"  # after so many bytes of it were passed on
    UNHEARD = "unheard"  # the whole upload was taken from the client, and not passed on
    BEFORE_ANSWER = "before the answer"  # the server has answered; nothing is passed on
    IN_ANSWER = "in the answer"  # after so many bytes of it
    AT_CONNECT = "at connect"


@dataclass(frozen=True)
class Break:
    """One break."""

    place: Place
    after: int = 0  # bytes
    with_reset: bool = False  # RST in the place of FIN


@dataclass
class Proxy:
    """Passes requests on, one a connection; breaks the first uploads as it was told."""

    target: tuple[str, int]
    breaks: list[Break] = field(default_factory=list)
    address: str = ""
    uploads: int = 0

    def serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head, body = _head(client)
            if not head.startswith(b"POST"):
                self._pass_on(client, head, body, None)
                return
            self.uploads += 1
            self._pass_on(client, head, body, self.breaks.pop(0) if self.breaks else None)

    def _pass_on(self, client: socket.socket, head: bytes, body: bytes, broken: Break | None) -> None:
        if broken and broken.place is Place.AT_CONNECT:
            _close(client, broken)
            return
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        limit = broken.after if broken and broken.place is Place.IN_UPLOAD else None
        with socket.create_connection(self.target) as server:
            is_heard = not (broken and broken.place is Place.UNHEARD)
            if is_heard:
                server.sendall(head)
            read = 0
            while True:
                if is_heard:
                    server.sendall(body if limit is None else body[: max(0, limit - read)])
                read += len(body)
                if limit is not None and read >= limit:
                    _close(client, broken)
                    return
                if read >= length:
                    break
                if not (body := client.recv(1 << 16)):
                    return
            if not is_heard:
                _close(client, broken)
                return
            self._answer(client, server, broken)

    def _answer(self, client: socket.socket, server: socket.socket, broken: Break | None) -> None:
        answer = b""
        while part := server.recv(1 << 16):
            answer += part
        if broken and broken.place is Place.BEFORE_ANSWER:
            _close(client, broken)
        elif broken and broken.place is Place.IN_ANSWER:
            client.sendall(answer[: min(broken.after, len(answer) - 1)])
            _close(client, broken)
        else:
            client.sendall(answer)


def _head(client: socket.socket) -> tuple[bytes, bytes]:
    """The head of a request, told to end the connection after its answer, and what came of the body with it."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = client.recv(1 << 16)
        if not part:
            raise ConnectionError
        raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""]), body


def _close(client: socket.socket, broken: Break | None) -> None:
    if broken and broken.with_reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@contextmanager
def breaking(address: str, *breaks: Break) -> Iterator[Proxy]:
    """Run the proxy in front of a server."""
    parts = urlsplit(address)
    proxy = Proxy((parts.hostname or "", parts.port or 0), list(breaks))
    listener = socket.create_server(("127.0.0.1", 0))
    proxy.address = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                Thread(target=proxy.serve, args=(client,), daemon=True).start()

    thread = Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
