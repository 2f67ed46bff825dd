"""Both registers on this machine: a real web server that gives recorded answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ANSWERS = Path(__file__).parent / "answers"


@dataclass(frozen=True)
class Reply:
    """What the server sends back once."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # promise more than comes
    holds: bool = False  # and stay silent, until the asker goes


def recorded(name: str, status: int = 200, **headers: str) -> Reply:
    """Return an answer from the folder ``answers``."""
    return Reply(
        (ANSWERS / f"{name}.json").read_bytes(), status, {key.replace("_", "-"): headers[key] for key in headers}
    )


def as_json(content: Any, status: int = 200) -> Reply:
    return Reply(json.dumps(content).encode(), status)


@dataclass
class Registers:
    """Paths (``/v3.0/<iD>/person``) and searches (``q:...``, ``affiliation:...``), each with its replies in turn.

    The last reply to a question is given again and again; what has none is answered as by the real registers.
    """

    port: int
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path, headers

    def on(self, question: str, *replies: Reply) -> None:
        self.replies[question] = list(replies)

    @property
    def asked(self) -> list[str]:
        return [path for path, _ in self.requests]

    @property
    def environment(self) -> dict[str, str]:
        """For the command: these registers, and a proxy that is not there for everything else."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"), nowhere)
        return {
            **proxies,
            "NO_PROXY": "127.0.0.1",
            "WFPROV_ORCID_URL": f"http://127.0.0.1:{self.port}/v3.0",
            "WFPROV_ROR_URL": f"http://127.0.0.1:{self.port}/v2/",
        }

    def reply(self, target: str) -> Reply:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        question = next((f"{key}:{query[key][0]}" for key in ("q", "affiliation") if key in query), parts.path)
        replies = self.replies.get(question) or self.replies.get(question.partition(":")[0])
        if replies:
            return replies.pop(0) if len(replies) > 1 else replies[0]
        if "expanded-search" in parts.path:
            return recorded("orcid-search-none")
        if parts.path == "/v2/organizations":
            return recorded("ror-match-none")
        if parts.path.endswith("/employments"):
            return recorded("orcid-employments-none")
        return recorded("orcid-not-found", 404) if parts.path.startswith("/v3.0") else recorded("ror-not-found", 404)


@contextmanager
def served() -> Iterator[Registers]:
    """Serve on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            registers.requests.append((self.path, dict(self.headers)))
            reply = registers.reply(self.path)
            self.send_response(reply.status)
            headers = {"Content-Type": "application/json;charset=UTF-8", **reply.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body) + 100 * reply.cut))
            self.end_headers()
            try:
                self.wfile.write(reply.body)
                while reply.holds and self.connection.recv(1):
                    pass
            except OSError:
                self.close_connection = True
            self.close_connection = self.close_connection or reply.cut

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        registers = Registers(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield registers
        finally:
            server.shutdown()
            thread.join()
