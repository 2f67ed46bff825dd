"""Answers that the sandbox does not give: of gateways, proxies, other servers, and of a server in trouble."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.publish.sending import LOOKS
from tests.publish.crates import write_crate
from tests.publish.practice import Command
from tests.publish.scripted import API, Said, Scripted, scripted, workflow

TOKEN = "quite-a-secret-token-0123456789abcdefghij"
HTML = "text/html; charset=utf-8"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setenv("WORKFLOWHUB_TOKEN", TOKEN)
    with scripted() as running:
        yield running


def errors(text: str, pointer: str | None = None) -> dict[str, object]:
    one: dict[str, object] = {"title": "Invalid attribute", "detail": text}
    return {"errors": [{**one, "source": {"pointer": pointer}} if pointer else one]}


# What the server says to /submit -> exit status, words of the message, times that it is sent.
TO_SUBMIT = [
    (Said(401, HTML, "HTTP Basic: Access denied.\n"), 4, "does not accept the token", 1),
    (Said(403, API, {"errors": [{"title": "Forbidden", "details": "read only"}]}), 4, "Forbidden: read only", 1),
    (Said(404, HTML, "<html>"), 4, "not there", 1),
    (Said(413, HTML, "<html>Request Entity Too Large"), 4, "--data reference", 1),
    (Said(422, "text/plain", '{"errors":[{"title":"x","detail":"could not be read"}]}'), 4, "could not be read", 1),
    (Said(422, "text/plain", "plain words"), 4, "plain words", 1),
    (Said(422, API, errors("can't be blank", "/data/relationships/projects")), 4, "--team", 1),
    (Said(422, API, errors("Mitglied sein", "/data/relationships/projects")), 4, "--team", 1),
    (Said(422, API, errors("isn't a recognized license", "/data/attributes/license")), 4, "SPDX identifier", 1),
    (Said(422, API, errors("is too long", "/data/attributes/title")), 4, "1 to 255 characters", 1),
    (Said(422, API, errors("2 workflows found matching the given ID.")), 4, "--new-version-of", 1),
    (Said(422, API, errors("You are not authorized to edit Workflow-9")), 4, "somebody else's", 1),
    (Said(422, API, errors("source URL could not be determined.")), 4, "url:", 1),
    (Said(422, API, errors("version could not be determined.")), 4, "version:", 1),
    (Said(422, API, errors("did not specify a main workflow.")), 4, "mainEntity", 1),
    (Said(422, API, b""), 4, "does not say why", 1),
    (Said(422, HTML, "<html>no"), 4, "does not say why", 1),
    (Said(500, "text/plain", b""), 4, "--check", 1),
    (Said(500, API, {"title": "RO-Crate Read Error", "detail": "results is empty"}), 4, "empty folder", 1),
    (Said(500, HTML, "<html>We're sorry"), 5, "trouble of its own (500)", 1),
    (Said(500, API, {"code": 500, "message": "no room"}), 5, "no room", 1),
    (Said(501, API, {"error": "no git"}), 5, "no git", 1),
    (Said(429, HTML, "<html>slow down"), 5, "fewer requests", 4),
    (Said(429, HTML, "<html>", {"Retry-After": "100000"}), 5, "fewer requests", 1),
    (Said(503, HTML, "<html>maintenance", {"Retry-After": "7"}), 5, "503", 4),
    (Said(502, HTML, "<html>bad gateway"), 5, "502", 2),
    (Said(504, HTML, "<html>gateway time-out"), 5, "504", 2),
    (Said(hangs_up=True), 5, "the connection failed", 2),
    (Said(cut=10, body=b"x" * 100), 5, "the connection failed", 2),
    (Said(200, API, '{"data": {"id": "1'), 5, "ended in the middle", 2),
    (Said(200, HTML, "<html>Log in to the network"), 5, "something else than SEEK", 1),
    (Said(200, "text/plain", '{"data": {"id": "1"}}'), 5, "something else than SEEK", 1),
    (Said(200, API, {"data": []}), 5, "something else than SEEK", 1),
    (Said(200, API, ["data"]), 5, "something else than SEEK", 1),
    (Said(204, API, b""), 5, "something else than SEEK", 1),
    (Said(302, HTML, b"", {"Location": "/login"}), 4, "does not accept the token", 1),
    (Said(302, HTML, b"", {"Location": "/workflows"}), 4, "does not say why", 1),
    (Said(302, HTML, b"", {"Location": "/workflows/9?a=b"}), 4, "may not change /workflows/9", 1),
    (Said(302, HTML, b"", {"Location": "https://portal.example.org/login"}), 5, "leads elsewhere", 1),
    (Said(302, HTML, b"", {"Location": "//portal.example.org/login"}), 5, "leads elsewhere", 1),
    (Said(307, HTML, b"", {}), 5, "leads elsewhere", 1),
    (Said(301, HTML, b"", {"Location": "/somewhere"}), 5, "real address", 1),
    (Said(406, API, b""), 4, "does not say why", 1),
    (Said(410, HTML, "<html>"), 4, "retracted", 1),
    (Said(418, "text/plain", "\x1b[31mteapot"), 5, "teapot", 1),
]  # fmt: skip


@pytest.mark.parametrize(("said", "status", "words", "times"), TO_SUBMIT, ids=lambda one: getattr(one, "status", None))
def test_what_is_said_to_an_upload(
    tmp_path: Path, run: Command, server: Scripted, said: Said, status: int, words: str, times: int
) -> None:
    server.on("POST /workflows/submit", said)
    crate = write_crate(tmp_path / "crate")
    done = run("publish", crate, "--to", server.address, "--yes", status=status)
    assert words in done.err
    assert server.count("POST /workflows/submit") == times
    assert TOKEN not in done.err + done.out
    assert "\x1b" not in done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.glob("*.json"))  # nothing arrived: no receipt


def test_after_a_gateways_time_out_it_looks_longer_than_the_server_can_be_busy(
    tmp_path: Path, run: Command, server: Scripted
) -> None:
    server.on("POST /workflows/submit", Said(504, HTML, "<html>"), workflow())
    server.on("GET /workflows/7/ro_crate", Said(403, API, {"errors": [{"title": "Forbidden"}]}))
    crate = write_crate(tmp_path / "crate")
    done = run("publish", crate, "--to", server.address, "--yes")
    assert server.count("POST /workflows/submit") == 2
    assert run.waits[: len(LOOKS)] == list(LOOKS)
    assert sum(LOOKS) > 300  # after which SEEK's own gateway gives up
    assert "could not be fetched to compare it" in done.out


def test_what_arrived_meanwhile_is_not_sent_again(tmp_path: Path, run: Command, server: Scripted) -> None:
    there = Said(body={"data": [{"id": "7", "type": "workflows", "attributes": {"title": "Count words"}}]})
    nothing = Said(body={"data": []})
    server.on("POST /workflows/submit", Said(504, HTML, "<html>"))
    server.on("GET /workflows", nothing, nothing, nothing, there)
    server.on("GET /workflows/7", workflow())
    server.on("GET /ga4gh/trs/v2/tools/7/versions", Said(body=[{"id": "1", "name": "1.0"}]))
    crate = write_crate(tmp_path / "crate")
    server.on("GET /workflows/7/ro_crate_metadata", Said(body=(crate / "ro-crate-metadata.json").read_bytes()))
    done = run("publish", crate, "--to", server.address, "--yes")
    assert server.count("POST /workflows/submit") == 1
    assert "it arrived" in done.err
    assert (tmp_path / "crate.publication.json").is_file()


@pytest.mark.parametrize("said", [Said(500, "text/plain", b""), Said(504, HTML, "<html>"), Said(hangs_up=True)])
def test_a_new_version_of_a_named_workflow_is_sent_once(
    tmp_path: Path, run: Command, server: Scripted, said: Said
) -> None:
    server.on("GET /workflows/7", workflow())
    server.on("POST /workflows/7/create_version", said)
    crate = write_crate(tmp_path / "crate")
    status = 4 if said.status == 500 else 5
    done = run("publish", crate, "--to", server.address, "--yes", "--new-version-of", "7", status=status)
    assert server.count("POST /workflows/7/create_version") == 1
    if status == 5:
        assert "could make two" in done.err


def test_a_new_version_of_a_named_workflow_never_asks_for_json(tmp_path: Path, run: Command, server: Scripted) -> None:
    server.on("GET /workflows/7", workflow())
    server.on("POST /workflows/7/create_version", workflow(version=2))
    crate = write_crate(tmp_path / "crate")
    run("publish", crate, "--to", server.address, "--yes", "--new-version-of", "7")
    assert [h["Accept"] for call, h in server.asked if call.endswith("create_version")] == ["*/*"]


# What the server says to the question whose the token is -> exit status, words.
TO_A_QUESTION = [
    (Said(404, API, {"errors": [{"title": "No user logged in"}]}), 4, "does not accept the token"),
    (Said(401, HTML, "denied"), 4, "does not accept the token"),
    (Said(200, HTML, "<html>"), 5, "something else than SEEK"),
    (Said(301, HTML, b"", {"Location": "https://elsewhere.example.org/"}), 5, "leads elsewhere"),
    (Said(503, HTML, b""), 5, "503"),
    (Said(hangs_up=True), 5, "the connection failed"),
    (Said(200, API, b"[" * 200_000), 5, "something else than SEEK"),
    (Said(200, API, {"data": {"id": "3", "relationships": {"projects": 5}, "attributes": []}}), 2, "no team"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "status", "words"), TO_A_QUESTION, ids=lambda one: getattr(one, "status", None))
def test_what_is_said_to_the_first_question(
    tmp_path: Path, run: Command, server: Scripted, said: Said, status: int, words: str
) -> None:
    server.on("GET /people/current", said)
    done = run("publish", write_crate(tmp_path / "crate"), "--to", server.address, "--yes", status=status)
    assert words in done.err
    assert TOKEN not in done.err + done.out
    assert {call for call, _ in server.asked} == {"GET /people/current"}


def test_questions_are_asked_again_when_the_server_is_busy(tmp_path: Path, run: Command, server: Scripted) -> None:
    whose = server.says["GET /people/current"]
    server.on("GET /people/current", Said(503, HTML, b"", {"Retry-After": "9"}), Said(hangs_up=True), *whose)
    run("publish", write_crate(tmp_path / "crate"), "--to", server.address, "--dry-run")
    assert run.waits[:2] == [9.0, 4.0]


def test_no_redirect_is_followed_and_no_token_sent_elsewhere(tmp_path: Path, run: Command, server: Scripted) -> None:
    with scripted() as other:
        for call in ("GET /people/current", "POST /workflows/submit"):
            server.on(call, Said(302, HTML, b"", {"Location": f"{other.address}{call.split()[1]}"}))
            run("publish", write_crate(tmp_path / call[:3] / "crate"), "--to", server.address, "--yes", status=5)
            server.on("GET /people/current", scripted_person())
        assert other.asked == []


def scripted_person() -> Said:
    with scripted() as fresh:
        return fresh.says["GET /people/current"][0]


def test_somebody_elses_workflow_is_no_success(tmp_path: Path, run: Command, server: Scripted) -> None:
    """Where the same source and version are there already, but hidden, /submit answers with their workflow."""
    theirs = workflow("9", policy=None)
    body = theirs.body
    assert isinstance(body, dict)
    body["data"]["relationships"]["projects"]["data"] = [{"id": "44", "type": "projects"}]
    server.on("POST /workflows/submit", theirs)
    done = run("publish", write_crate(tmp_path / "crate"), "--to", server.address, "--yes", status=4)
    assert "somebody else's workflow 9" in done.err
    assert not (tmp_path / "crate.publication.json").exists()


@pytest.mark.parametrize(
    "back",
    [
        Said(200, "application/zip", b"no zip"),
        Said(200, "application/zip", b"", {}),
        Said(200, "application/zip", b"PK\x03\x04" + b"\x00" * 40),
    ],
)
def test_a_published_crate_that_is_none_is_told(tmp_path: Path, run: Command, server: Scripted, back: Said) -> None:
    server.on("POST /workflows/submit", workflow())
    server.on("GET /workflows/7/ro_crate", back)
    done = run("publish", write_crate(tmp_path / "crate"), "--to", server.address, "--yes", status=5)
    assert "can't be read" in done.out
    assert "not what was sent" in done.err
    assert (tmp_path / "crate.publication.json").is_file()


def test_a_download_that_breaks_off_is_told_and_the_receipt_stays(
    tmp_path: Path, run: Command, server: Scripted
) -> None:
    server.on("POST /workflows/submit", workflow())
    server.on("GET /workflows/7/ro_crate", Said(200, "application/zip", b"PK" * 1000, cut=100))
    done = run("publish", write_crate(tmp_path / "crate"), "--to", server.address, "--yes")
    assert "could not be fetched to compare it" in done.out
    assert (tmp_path / "crate.publication.json").is_file()
