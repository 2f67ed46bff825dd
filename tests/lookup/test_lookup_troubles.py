"""What can go wrong between the user and a register: never a traceback, always a file, and a status that says so."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from provenance.errors import NetworkError, ServerError, UsageError
from provenance.lookup import connection
from provenance.lookup.connection import Connection, checked_address
from provenance.run.info import read_info
from tests.conftest import Wfprov
from tests.lookup.registers import Registers, Reply, as_json, recorded

SAMPLE = "0000-0002-1825-0097"
PERSON = f"/v3.0/{SAMPLE}/person"
EMPLOYMENTS = f"/v3.0/{SAMPLE}/employments"
HTML = Reply(b"<html><body>Log in</body></html>", headers={"Content-Type": "text/html"})
UNPACKED = Reply(gzip.compress(b" " * (3 << 20)), headers={"Content-Encoding": "gzip"})


def test_without_network_the_file_is_written_all_the_same(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    environment = {**registers.environment, "WFPROV_ORCID_URL": "", "WFPROV_ROR_URL": ""}
    arguments = ("--author", SAMPLE, "--author", "Ada Example", "--organisation", "Example Institute")
    done = wfprov("init", "--lookup", *arguments, cwd=tmp_path, env=environment, status=5)
    assert "pub.orcid.org can't be reached through the proxy" in done.stderr
    assert "api.ror.org can't be reached" in done.stderr
    assert "written without what could not be asked" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout.count("could not be asked") == 4
    about = read_info(tmp_path / "ro-crate-info.yaml").about
    assert [author.name for author in about.authors] == [None, "Ada Example"]
    assert registers.asked == []


def test_a_copy_is_written_too_and_what_one_register_knows_is_in_it(
    wfprov: Wfprov, registers: Registers, tmp_path: Path
) -> None:
    registers.on("affiliation:Example Institute", recorded("ror-match-chosen"))
    registers.on("/v3.0/expanded-search/", Reply(status=503, headers={"Retry-After": "0"}))
    registers.on("q", Reply(status=503, headers={"Retry-After": "0"}))
    file = tmp_path / "ro-crate-info.yaml"
    file.write_text("Authors:\n- name: Ada Example\n  organisation_name: Example Institute\n- name: Bo\n")
    done = wfprov("init", "--lookup", cwd=tmp_path, env=registers.environment, status=5)
    assert "has trouble (HTTP status 503)" in done.stderr
    assert "ror: https://ror.org/0examp183" in (tmp_path / "ro-crate-info.completed.yaml").read_text()
    assert len([path for path in registers.asked if "expanded" in path]) == 3, "three tries, and not again for Bo"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (HTML, "answers with a web page that is no JSON"),
        (Reply(b""), "answers with something that is no JSON"),
        (Reply(b'{"name": '), "no JSON"),
        (Reply(b"\xff\xfe\xfa{"), "no JSON"),
        (Reply(b"[" * 200_000), "no JSON"),
        (Reply(b"1" * 6000), "no JSON"),
        (as_json([]), "JSON that is no record"),
        (as_json("text"), "JSON that is no record"),
        (Reply(b" " * (2 << 20)), "more than 1 MiB"),
        (UNPACKED, "more than 1 MiB"),
        (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), "can't be reached"),
        (Reply(b"{", cut=True), "can't be reached"),
        (Reply(status=403), "HTTP status 403"),
        (Reply(status=204, body=b""), "HTTP status 204"),
        (Reply(status=302, headers={"Location": "https://login.example.org/"}), "sends to another server"),
        (Reply(status=302, headers={"Location": "//["}), "sends to another server"),
        (Reply(b" " * (2 << 20), 302, {"Location": PERSON}), "more than 1 MiB"),
        (Reply(status=302, headers={"Location": PERSON}), "sends round in circles"),
        (Reply(status=429, headers={"Retry-After": "900"}), "try again in 900 s"),
    ],
)
def test_answers_that_are_none(wfprov: Wfprov, registers: Registers, tmp_path: Path, reply: Reply, told: str) -> None:
    registers.on(PERSON, reply)
    done = wfprov("init", "--lookup", "--author", SAMPLE, cwd=tmp_path, env=registers.environment, status=5)
    assert told in done.stderr and "Traceback" not in done.stderr
    assert read_info(tmp_path / "ro-crate-info.yaml").about.authors[0].orcid == f"https://orcid.org/{SAMPLE}"


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"name": [], "emails": {"email": {}}, "path": 1},
        {"name": {"credit-name": "x", "given-names": {"value": 7}}, "emails": {"email": [None, 1, {"email": []}]}},
        {"name": {"credit-name": {"value": " \t\n"}}, "emails": {"email": [{"email": "no", "visibility": "PUBLIC"}]}},
    ],
)
def test_values_of_wrong_types_are_as_if_missing(
    wfprov: Wfprov, registers: Registers, tmp_path: Path, content: object
) -> None:
    registers.on(PERSON, as_json(content))
    registers.on(EMPLOYMENTS, as_json({"affiliation-group": [3, {"summaries": [{"employment-summary": "x"}, None]}]}))
    done = wfprov("init", "--lookup", "--author", SAMPLE, cwd=tmp_path, env=registers.environment)
    assert "name is private" in done.stdout and read_info(tmp_path / "ro-crate-info.yaml").about.authors[0].name is None


def test_a_busy_register_is_asked_again(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    registers.on(PERSON, Reply(status=429, headers={"Retry-After": "0"}), recorded("orcid-person"))
    wfprov("init", "--lookup", "--author", SAMPLE, cwd=tmp_path, env=registers.environment)
    assert read_info(tmp_path / "ro-crate-info.yaml").about.authors[0].name == "Josiah Carberry"
    assert registers.asked.count(PERSON) == 2


def test_a_certificate_that_is_none(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    environment = {**registers.environment, "WFPROV_ORCID_URL": f"https://127.0.0.1:{registers.port}/v3.0"}
    done = wfprov("init", "--lookup", "--author", SAMPLE, cwd=tmp_path, env=environment, status=5)
    assert "Traceback" not in done.stderr and "127.0.0.1" in done.stderr


def test_how_long_it_waits(registers: Registers) -> None:
    waits: list[float] = []
    asking = Connection(f"http://127.0.0.1:{registers.port}", sleep=waits.append)
    registers.on("/a", Reply(status=500))
    with pytest.raises(ServerError):
        asking.get("/a")
    assert waits == [1, 2]
    with pytest.raises(ServerError):
        asking.get("/other")
    assert registers.asked == ["/a"] * 3, "a register that is down is left alone"


@pytest.mark.parametrize(("header", "waits"), [("7", [7, 7]), ("31", []), ("-1", [1, 2]), ("x" * 50, [1, 2])])
def test_a_wish_to_wait_is_granted_within_limits(registers: Registers, header: str, waits: list[float]) -> None:
    waited: list[float] = []
    registers.on("/a", Reply(status=429, headers={"Retry-After": header}))
    with pytest.raises(ServerError):
        Connection(f"http://127.0.0.1:{registers.port}", sleep=waited.append).get("/a")
    assert waited == waits


def test_a_silent_server_is_not_waited_for(registers: Registers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_READ", 0.1)
    registers.on("/a", Reply(b"1", cut=True, holds=True))
    with pytest.raises(NetworkError, match=r"does not answer in time|can't be reached"):
        Connection(f"http://127.0.0.1:{registers.port}").get("/a")


def test_nor_is_one_that_never_ends(registers: Registers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_WHOLE", -1.0)
    registers.on("/a", Reply(b"1"))
    with pytest.raises(NetworkError, match="too slow"):
        Connection(f"http://127.0.0.1:{registers.port}").get("/a")


def test_nothing_is_asked_twice(registers: Registers) -> None:
    registers.on("/a", as_json({"a": 1}))
    asking = Connection(f"http://127.0.0.1:{registers.port}/")
    assert asking.get("/a").content == asking.get("/a").content == {"a": 1}
    assert registers.asked == ["/a"]


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(NetworkError, match="can't be reached"):
        Connection("http://127.0.0.1:1").get("/a")


@pytest.mark.parametrize(
    "address",
    [
        *("http://pub.orcid.org/v3.0", "http://127.0.0.1.example.org", "http://localhost.example.org", "ftp://a"),
        *(
            "https://",
            "https://user:secret@pub.orcid.org",
            "https://a/?q=1",
            "https://a:port",
            "http://[",
            "pub.orcid.org",
        ),
    ],
)
def test_addresses_that_are_not_asked(address: str) -> None:
    with pytest.raises(UsageError, match="https://HOST"):
        checked_address(address)


def test_addresses_of_other_instances() -> None:
    for address in ("https://pub.sandbox.orcid.org/v3.0", "http://127.0.0.1:80/a", "http://[::1]/", "http://localhost"):
        assert checked_address(address + "/") == address.rstrip("/")


def test_a_wrong_address_stops_before_anything_is_written(wfprov: Wfprov, tmp_path: Path) -> None:
    environment = {"WFPROV_ROR_URL": "http://api.ror.org/v2"}
    done = wfprov("init", "--lookup", "--author", SAMPLE, cwd=tmp_path, env=environment, status=2)
    assert "https://HOST/PATH" in done.stderr and list(tmp_path.iterdir()) == []
