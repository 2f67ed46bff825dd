"""Texts without their credentials."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provenance.journal.credentials import spans
from provenance.privacy.removal import told, without_credentials
from provenance.privacy.secrets import credentials_in
from provenance.privacy.suspicion import may_hold_credential
from tests import planted

SECRETS = [
    planted.github(1),
    planted.gitlab(2),
    planted.slack(3),
    planted.hugging_face(4),
    planted.access_key(5),
    planted.jwt(6),
    planted.private_key(7),
    f"https://ada:{planted.password(8)}@example.org/x",
    f"https://example.org/x?sig={planted.password(9)}",
    f"Authorization: Basic {planted.password(10)}",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_the_quick_look_misses_none(secret: str) -> None:
    assert spans(secret)
    assert may_hold_credential(f"a,b\n1,{secret}\n".encode())


@given(st.text(max_size=60), st.sampled_from(SECRETS), st.text(max_size=60))
def test_the_quick_look_is_never_surer_than_the_long_one(before: str, secret: str, after: str) -> None:
    text = before + secret + after
    if spans(text):
        assert may_hold_credential(text.encode("utf-8", "surrogatepass"))


def test_lines_are_those_of_the_file_as_it_was() -> None:
    text = f"a\n{planted.private_key(7)}b\n{planted.github(1)}\n"
    cleaned = without_credentials(text.encode(), "x.txt")
    assert cleaned.content == b"a\n[removed: private key]\nb\n[removed: token]\n"
    last = text[: text.index(planted.github(1))].count("\n") + 1
    assert [one.line for one in cleaned.removals] == [2, last]
    assert told(cleaned.removals) == f"2 credentials were removed from lines 2 and {last}."


def test_yaml_stays_yaml() -> None:
    text = f"a: 1\nt: {planted.github(1)}  # note\nu: mysql://ada:{planted.password(2)}@db/x\nl:\n - {planted.jwt(3)}\n"
    cleaned = without_credentials(text.encode(), "x.yaml", settings=True)
    assert yaml.safe_load(cleaned.content) == {
        "a": 1,
        "t": "[removed: token]",
        "u": "mysql://ada:[removed: password in an address]@db/x",
        "l": ["[removed: token]"],
    }
    assert b"# note" in cleaned.content


def test_json_stays_json() -> None:
    text = json.dumps({"password": 1234567890, "x": planted.github(1)}, indent=1)
    cleaned = json.loads(without_credentials(text.encode(), "x.json", settings=True).content)
    assert cleaned["x"] == "[removed: token]" and cleaned["password"].startswith("[removed")


def test_data_keep_what_is_only_named_like_a_credential() -> None:
    text = b'{"token": "word12", "key": "abc123"}\n'
    assert without_credentials(text, "x.json").content == text


def test_bytes_that_are_not_utf_8_stay() -> None:
    text = b"caf\xe9 " + planted.github(1).encode() + b"\r\n"
    assert without_credentials(text, "x.log").content == b"caf\xe9 [removed: token]\r\n"


def test_the_detectors_of_detect_secrets_are_asked() -> None:
    twilio = "S" + "K" + "0a1b2c3d" * 4
    found = credentials_in(f'x = "{twilio}"\n', "x.py", settings=True)
    assert len(found) == 1


def test_digests_and_placeholders_are_no_credentials() -> None:
    text = f'sha256 = "{"0a1b2c3d" * 8}"\npassword: ${{PASSWORD}}\ntoken = "your-token-here"\nn_tokens: 512\n'
    assert credentials_in(text, "x.toml", settings=True) == []
