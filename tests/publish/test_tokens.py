"""The token: where it comes from, and that nothing shows it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import responses

from provenance.errors import NetworkError, UsageError, WfprovError
from provenance.publish import tokens
from provenance.publish.connection import Connection, checked_address
from provenance.publish.publishing import publish
from provenance.publish.records import Wish
from provenance.publish.seek import Seek
from tests.conftest import PROJECT
from tests.publish.crates import write_crate
from tests.publish.practice import Command, Listener, Practice
from tests.publish.scripted import API, Said, scripted

ODD = "odd\"'\\{0}%s<b>&;$(id)~0123456789"


@pytest.fixture
def keyring_file(tmp_path: Path) -> Path:
    return tmp_path / "keyring.json"


def wfprov(*arguments: str | Path, keyring_file: Path | None, given: str = "", **environment: str) -> tuple[int, str]:
    """Run the command with a keyring in a file; the backend is chosen once in a process."""
    known = {name: value for name, value in os.environ.items() if name != "WORKFLOWHUB_TOKEN"}
    known |= {"PYTHON_KEYRING_BACKEND": "tests.publish.filed_keyring.FiledKeyring", "PYTHONPATH": str(PROJECT)}
    known |= {"FILED_KEYRING": str(keyring_file or ""), **environment}
    done = subprocess.run(
        [Path(sys.executable).parent / "wfprov", *arguments], env=known, input=given, capture_output=True, text=True,
        check=False, timeout=120, cwd=PROJECT,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_login_publish_logout(tmp_path: Path, here: Practice, keyring_file: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    status, said = wfprov("publish", crate, "--to", here.address, "--dry-run", keyring_file=keyring_file)
    assert (status, "wfprov login" in said) == (2, True)
    status, said = wfprov("login", "--to", here.address, keyring_file=keyring_file, given=f"{here.token}\n")
    assert status == 0, said
    assert "Practice team" in said
    assert here.token not in said
    status, said = wfprov("publish", crate, "--to", f"{here.address}/", "--dry-run", keyring_file=keyring_file)
    assert status == 0, said
    assert wfprov("logout", "--to", here.address, keyring_file=keyring_file)[0] == 0
    assert here.token not in keyring_file.read_text()
    assert "there was none" in wfprov("logout", "--to", here.address, keyring_file=keyring_file)[1]
    assert wfprov("publish", crate, "--to", here.address, "--dry-run", keyring_file=keyring_file)[0] == 2


def test_a_token_that_is_not_accepted_is_not_kept(here: Practice, keyring_file: Path) -> None:
    status, said = wfprov("login", "--to", here.address, keyring_file=keyring_file, given="wrong" * 8 + "\n")
    assert status == 4
    assert "wrongwrong" not in said
    assert not keyring_file.exists()


@pytest.mark.parametrize("backend", ["keyring.backends.null.Keyring", "keyring.backends.fail.Keyring", "no.such.Thing"])
def test_a_machine_without_a_keyring(here: Practice, backend: str) -> None:
    given = f"{here.token}\n"
    status, said = wfprov("login", "--to", here.address, keyring_file=None, given=given, PYTHON_KEYRING_BACKEND=backend)
    assert status == 9, said
    assert "WORKFLOWHUB_TOKEN" in said
    assert "Traceback" not in said
    assert here.token not in said


def test_a_locked_keyring(tmp_path: Path, here: Practice) -> None:
    status, said = wfprov("login", "--to", here.address, keyring_file=None, given=f"{here.token}\n")
    assert (status, "KeyringLocked" in said) == (9, True)
    crate = write_crate(tmp_path / "crate")
    status, said = wfprov("publish", crate, "--to", here.address, "--dry-run", keyring_file=None)
    assert status == 2
    status, said = wfprov(
        "publish", crate, "--to", here.address, "--dry-run", keyring_file=None, WORKFLOWHUB_TOKEN=here.token
    )
    assert status == 0, said


@pytest.mark.parametrize("given", ["a b", "ä" * 40, "a\nb", "\x1b[31m" + "x" * 30, "\udcff"])
def test_what_can_be_no_token(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(tokens.VARIABLE, given)
    with pytest.raises(UsageError) as raised:
        tokens.find("https://workflowhub.eu")
    assert given not in str(raised.value)


@pytest.mark.usefixtures("run")
def test_nothing_shows_it(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    failures = [Said(401, "text/html", b""), Said(hangs_up=True), Said(200, API, b"x"), Said(500, "text/html", b"<")]
    for said in failures:
        with scripted() as server:
            server.on("POST /workflows/submit", said)
            talk = Listener()
            with pytest.raises(WfprovError) as raised:
                publish(Wish(crate, server.address), ODD, talk, lambda _: None)
            assert next(h["Authorization"] for _, h in server.asked) == f"Token {ODD}"
        shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value) + str(talk.said + talk.warned)
        assert ODD not in shown
        assert "0123456789" not in shown
    seek = Seek("https://example.org", ODD)
    assert "0123456789" not in repr(seek) + repr(vars(seek)) + repr(vars(seek._connection))


def test_it_is_not_in_what_is_written_or_printed(tmp_path: Path, run: Command, here: Practice) -> None:
    here.sandbox.store.change("update people set token = ?", ODD)
    os.environ["WORKFLOWHUB_TOKEN"] = ODD
    crate = write_crate(tmp_path / "crate")
    try:
        done = run("publish", crate, "--to", here.address, "--yes", "--json", "--access", "view")
        again = run("publish", "--status", tmp_path / "crate.publication.json", "--json")
    finally:
        del os.environ["WORKFLOWHUB_TOKEN"]
    shown = done.out + done.err + again.out + again.err + (tmp_path / "crate.publication.json").read_text()
    assert "0123456789" not in shown


@responses.activate
def test_no_netrc_is_used_and_no_redirect_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine example.org login ada password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    responses.get("https://example.org/a", status=302, headers={"Location": "https://elsewhere.example.org/"})
    for token in (None, "x" * 40):
        answer = Connection("https://example.org", token).get("/a")
        assert answer.status == 302
        sent = responses.calls[-1].request.headers.get("Authorization")
        assert sent == (f"Token {token}" if token else None)
    assert len(responses.calls) == 2


@responses.activate
def test_an_error_of_the_library_is_told_without_its_request() -> None:
    responses.get("https://example.org/a", body=ConnectionError("Authorization: Token " + ODD))
    with pytest.raises(NetworkError) as raised:
        Connection("https://example.org", ODD, lambda _: None).get("/a")
    buffer = io.StringIO()
    traceback.print_exception(raised.value, file=buffer)
    assert ODD not in buffer.getvalue()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("workflowhub.eu", "https://workflowhub.eu"),
        ("https://workflowhub.eu/", "https://workflowhub.eu"),
        ("https://seek.example.org:8443/path//", "https://seek.example.org:8443/path"),
        ("http://[::1]:3000/", "http://[::1]:3000"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://localhost:3000", "http://localhost:3000"),
    ],
)
def test_addresses(given: str, meant: str) -> None:
    assert checked_address(given) == meant


@pytest.mark.parametrize("given", ["http://127.0.0.1.example.org", "http://localhost.example.org", "http://[::2]", ""])
def test_what_is_not_this_machine(given: str) -> None:
    with pytest.raises(UsageError):
        checked_address(given)
