"""A server on this machine that gives out files as told: with ranges and tags, broken off, redirected, or wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What is at an address."""

    content: bytes = b""
    kind: str = "application/octet-stream"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str | None = None
    modified: str | None = None
    has_ranges: bool = True
    breaks: list[int] = field(default_factory=list)  # bytes of each answer after which the connection breaks
    is_chunked: bool = False


@dataclass
class Server:
    """The server, what it gives out, and what it was asked."""

    address: str
    files: dict[str, Served] = field(default_factory=dict)
    asked: list[tuple[str, Message]] = field(default_factory=list)

    def put(self, path: str, content: bytes = b"", **more: object) -> str:
        """Give something out; returns its address."""
        self.files[path] = Served(content, **more)  # type: ignore[arg-type]
        return self.address + path

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]


@contextmanager
def serving() -> Iterator[Server]:
    """A server in a thread, for as long as the context lasts."""
    files: dict[str, Served] = {}
    asked: list[tuple[str, Message]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append((self.path, self.headers))
            found = files.get(self.path)
            if found is None:
                found = Served(b"not here", status=404, kind="text/plain")
            self._answer(found)

        def _answer(self, found: Served) -> None:
            start, status = 0, found.status
            wanted = self.headers.get("Range")
            if wanted and found.has_ranges and self.headers.get("If-Range") in (None, found.etag, found.modified):
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                status = 206 if start < len(found.content) else 416
            body = found.content[start:] if status != 416 else b""
            self.send_response(status)
            self.send_header("Content-Type", found.kind)
            size = len(found.content)
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            if status == 416:
                self.send_header("Content-Range", f"bytes */{size}")
            if found.etag:
                self.send_header("ETag", found.etag)
            if found.modified:
                self.send_header("Last-Modified", found.modified)
            if found.is_chunked:
                self.send_header("Transfer-Encoding", "chunked")
            elif "Content-Length" not in found.headers:
                self.send_header("Content-Length", str(len(body)))
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.end_headers()
            cut = found.breaks.pop(0) if found.breaks else None
            sent = body if cut is None else body[:cut]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(sent), sent) if found.is_chunked and sent else sent)
            if cut is not None:
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            elif found.is_chunked:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", files, asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
