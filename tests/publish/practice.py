"""A sandbox that answers, and the command in front of it, for tests of publishing."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import requests

from provenance.cli import main
from provenance.publish.receipts import path_for, read
from provenance.publish.records import Receipt
from tests.sandbox.described import described

if TYPE_CHECKING:
    from provenance.sandbox.serving import Sandbox


@dataclass(frozen=True)
class Practice:
    """A sandbox that answers, and what was asked of it."""

    sandbox: Sandbox
    asked: list[tuple[str, str]]  # method and path of each request, in order

    @property
    def address(self) -> str:
        return self.sandbox.address

    @property
    def token(self) -> str:
        return self.sandbox.token

    @property
    def team(self) -> str:
        return self.sandbox.team

    def all(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Rows of what it keeps."""
        return self.sandbox.store.all(query, *values)

    def versions(self) -> list[tuple[int, int, str]]:
        """All versions that are stored: workflow, number, name."""
        rows = self.all("select * from versions order by workflow, version")
        return [(row["workflow"], row["version"], row["name"]) for row in rows]

    def uploads(self) -> list[str]:
        """The paths of all requests that could have changed something."""
        return [path for method, path in self.asked if method != "GET"]

    def create(self, crate: bytes) -> None:
        """Upload a crate as the web form does, which makes a new workflow each time."""
        session = requests.Session()
        session.trust_env = False
        made = session.post(
            f"{self.address}/workflows",
            headers={"Authorization": f"Token {self.token}", "Accept": "*/*"},
            data={"workflow[project_ids][]": self.team},
            files={"ro_crate": ("x.crate.zip", crate, "application/zip")},
            allow_redirects=False,
            timeout=60,
        )
        assert made.status_code == 200

    def workflow(self, number: int, token: str | None = None) -> dict[str, Any]:
        """The attributes of a workflow, as it is read back."""
        headers = {"Accept": "application/json", "Authorization": f"Token {token or self.token}"}
        request = urllib.request.Request(f"{self.address}/workflows/{number}", headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as answer:
            attributes: dict[str, Any] = json.load(answer)["data"]["attributes"]
            return attributes


@contextmanager
def practice(folder: Path) -> Iterator[Practice]:
    """Run a sandbox in a thread, for as long as the context lasts."""
    from provenance.sandbox.serving import sandbox

    asked: list[tuple[str, str]] = []
    with sandbox(folder) as running, described(running):
        inner = running.server.app

        def noting(environ: dict[str, Any], start: Any) -> Any:
            asked.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
            return inner(environ, start)

        running.server.app = noting
        thread = Thread(target=running.run, daemon=True)
        thread.start()
        try:
            yield Practice(running, asked)
        finally:
            running.stop()
            thread.join()


@dataclass
class Done:
    """What the command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Command:
    """Runs ``wfprov`` in this process, so that the validator is loaded once: ``run("publish", crate)``."""

    capsys: pytest.CaptureFixture[str]
    waits: list[float] = field(default_factory=list)  # seconds that it would have waited

    def __call__(self, *arguments: str | Path, status: int | None = 0) -> Done:
        self.capsys.readouterr()
        try:
            main([str(one) for one in arguments])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        out, err = self.capsys.readouterr()
        if status is not None and code != status:
            pytest.fail(f"wfprov {' '.join(map(str, arguments))}\nended with {code}, not {status}\n{out}\n{err}")
        return Done(code, out, err)


class Listener:
    """Somebody to talk to who agrees with everything and keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def warn(self, sentence: str) -> None:
        self.warned.append(sentence)

    def agree(self, question: str) -> bool:
        return True

    def begin(self, what: str, total: int) -> None:
        pass

    def advance(self, amount: int) -> None:
        pass


def receipt_of(crate: Path) -> Receipt:
    """The receipt beside a crate."""
    return read(path_for(crate))
