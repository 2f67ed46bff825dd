"""A server on loopback that answers as it is told: for what the sandbox, as the real server, answers rarely."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SHELL = {"@id": "#shell", "name": "Shell Script"}
API = "application/vnd.api+json; charset=utf-8"


@dataclass(frozen=True)
class Said:
    """One answer."""

    status: int = 200
    kind: str = API
    body: bytes | str | dict[str, Any] | list[Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False  # the connection is closed without an answer
    cut: int | None = None  # bytes of the body after which the connection is closed

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


def resource(kind: str, identifier: str, relations: dict[str, Any] | None = None, **attributes: Any) -> Said:
    """An answer with one resource."""
    data = {"id": identifier, "type": kind, "attributes": attributes, "relationships": relations or {}}
    return Said(body={"data": data})


def workflow(identifier: str = "7", version: int = 1, **attributes: Any) -> Said:
    """A workflow of the team 1."""
    known = {"title": "Count words", "latest_version": version, "version": version, "license": "Apache-2.0",
             "creators": [{"given_name": "Ada", "family_name": "Example"}], "tags": [],
             "workflow_class": {"key": "shell", "title": "Shell"}, "policy": {"access": "no_access"}}  # fmt: skip
    return resource(
        "workflows", identifier, {"projects": {"data": [{"id": "1", "type": "projects"}]}}, **{**known, **attributes}
    )


@dataclass
class Scripted:
    """The server: what it says by method and path, and what it was asked."""

    address: str = ""
    says: dict[str, list[Said]] = field(default_factory=dict)  # "GET /path" -> answers in turn; the last one stays
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # "GET /path", headers

    def on(self, call: str, *answers: Said) -> None:
        self.says[call] = list(answers)

    def count(self, call: str) -> int:
        return sum(one == call for one, _ in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Scripted

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        call = f"{self.command} {path}"
        self.script.asked.append((call, dict(self.headers)))
        remaining = int(self.headers.get("Content-Length") or 0)
        while remaining > 0:
            remaining -= len(self.rfile.read(min(remaining, 1 << 16)))
        known = self.script.says.get(call)
        said = (known.pop(0) if len(known) > 1 else known[0]) if known else Said(404, "text/html", "<html>")
        if said.hangs_up:
            self.close_connection = True
            return
        self.send_response(said.status)
        self.send_header("Content-Type", said.kind)
        self.send_header("Content-Length", str(len(said.content)))
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.content[: said.cut])
        self.close_connection = self.close_connection or said.cut is not None

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def scripted() -> Iterator[Scripted]:
    """Run the server: one person, one team, nothing published yet."""
    script = Scripted()
    handler = type("Handler", (_Handler,), {"script": script})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    script.address = f"http://127.0.0.1:{server.server_port}"
    teams = {"projects": {"data": [{"id": "1", "type": "projects"}]}}
    script.on("GET /people/current", resource("people", "3", teams, title="Ada Example"))
    script.on("GET /projects/1", resource("projects", "1", title="Practice team"))
    script.on("GET /projects/1/workflows", Said(body={"data": []}))
    script.on("GET /workflows", Said(body={"data": []}))
    script.on("GET /workflow_classes", Said(kind="application/ld+json", body=[SHELL]))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
