"""Speaks with a sandbox as any HTTP client does: no redirect is followed, no proxy asked."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import requests

from provenance.sandbox.serving import Sandbox, sandbox
from tests.publish.crates import metadata
from tests.sandbox.described import Described, described

JSON, ANY, LINKED = "application/json", "*/*", "application/ld+json"
FILES = {"count.sh": b"wc -w 'data/text one.txt'\n", "data/text one.txt": b"one two three\n"}


@dataclass(frozen=True)
class Client:
    """A sandbox that answers."""

    sandbox: Sandbox
    described: Described

    def ask(
        self, method: str, path: str, accept: str | None = JSON, token: str | None = "", **more: Any
    ) -> requests.Response:
        """Ask with the person's token, another's, or none."""
        session = requests.Session()
        session.trust_env = False
        headers = dict(more.pop("headers", {}))
        if accept is not None:
            headers["Accept"] = accept
        if token is not None:
            headers["Authorization"] = f"Token {token or self.sandbox.token}"
        address = self.sandbox.address + path
        return session.request(method, address, headers=headers, allow_redirects=False, timeout=60, **more)

    def get(self, path: str, accept: str | None = JSON, token: str | None = "", **more: Any) -> requests.Response:
        return self.ask("GET", path, accept, token, **more)

    def send(
        self,
        crate: bytes,
        path: str = "/workflows/submit",
        accept: str | None = JSON,
        token: str | None = "",
        teams: tuple[str, ...] | None = None,
        **fields: str,
    ) -> requests.Response:
        """Upload a crate; `fields` are those of ``workflow[...]``."""
        teams = (self.sandbox.team,) if teams is None else teams
        form = [("workflow[project_ids][]", team) for team in teams]
        form += [(f"workflow[{name}]", value) for name, value in fields.items()]
        files = {"ro_crate": ("count.crate.zip", io.BytesIO(crate), "application/zip")}
        return self.ask("POST", path, accept, token, data=form, files=files)

    def patch(self, workflow: int, attributes: dict[str, Any], token: str | None = "") -> requests.Response:
        """Change a workflow."""
        body = {"data": {"id": str(workflow), "type": "workflows", "attributes": attributes}}
        return self.ask("PATCH", f"/workflows/{workflow}", JSON, token, json=body)

    def person(self, name: str, *teams: str) -> str:
        """Somebody else: the token."""
        return str(self.sandbox.store.add_person(name, teams)["token"])

    def count(self) -> int:
        """How many versions there are."""
        found = self.sandbox.store.one("select count(*) as number from versions")
        assert found is not None
        return int(found["number"])


@contextmanager
def serving(folder: Path, **options: Any) -> Iterator[Client]:
    """A sandbox in a thread, for as long as the context lasts."""
    with sandbox(folder, **options) as running, described(running) as checked:
        thread = Thread(target=running.run, daemon=True)
        thread.start()
        try:
            yield Client(running, checked)
        finally:
            running.stop()
            thread.join()


def crate(document: dict[str, Any] | None = None, files: dict[str, bytes] | None = None, **root: Any) -> bytes:
    """The zip of a small crate; ``root`` changes properties of the root, None takes them out."""
    document = metadata(**root) if document is None else document
    return zipped({**(FILES if files is None else files), "ro-crate-metadata.json": json.dumps(document).encode()})


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip; a name that ends with a slash is a folder."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def said(answer: requests.Response) -> list[tuple[str, str]]:
    """The errors in an answer: text and pointer."""
    return [
        (one.get("detail") or one.get("details") or one.get("title"), one.get("source", {}).get("pointer", ""))
        for one in answer.json()["errors"]
    ]
