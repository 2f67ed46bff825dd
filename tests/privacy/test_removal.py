"""Texts without their credentials."""

from __future__ import annotations

import ast
import json
import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.journal.credential_forms import FORMS
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


CODE = """
api_key = load_key2
connect(password=password1, secret=sha256_digest1)
def fit(rng_key: Key2Type, token=token_v2):
    rng_key = rng_key1
load_key2 = token_v2 = rng_key1 = password1 = Key2Type = None
"""


@pytest.mark.parametrize("name", ["a.py", "a.jl", "a.R"])
def test_names_of_variables_stay_in_code(name: str) -> None:
    assert without_credentials(CODE.encode(), name, settings=True).content.decode() == CODE
    assert credentials_in(CODE, name, settings=True) == []


def test_what_is_written_out_in_code_is_removed_and_code_stays_code() -> None:
    code = f"""
def log_in(user, password="{planted.password(1)}"):
    '''
    password: {planted.password(2)}
    '''
    password = 12345678  # token: {planted.password(3)}
    return run('''
        tool --password {planted.password(4)}
        secret: {planted.password(5)}
    ''')
"""
    cleaned = without_credentials(code.encode(), "a.py", settings=True)
    ast.parse(cleaned.content)
    assert len(cleaned.removals) == 6
    assert not [seed for seed in range(1, 6) if planted.password(seed).encode() in cleaned.content]
    assert b'password = "[removed: name looks like a credential]"' in cleaned.content


def test_code_that_speaks_of_private_keys_stays_whole() -> None:
    begin, *_, end = planted.private_key(1).splitlines()
    code = f"""
BEGIN = "{begin}"
END = "{end}"
def is_key(text):
    return text.startswith(b"{begin}\\n") and text.endswith("{end}")  # {begin}
"""
    assert without_credentials(code.encode(), "a.py", settings=True).content.decode() == code


@pytest.mark.parametrize("form", ["{0}", '"""{0}"""', '"{1}"', '(\n  "{2}")'])
def test_keys_in_code_are_removed_and_what_follows_stays(form: str) -> None:
    key = planted.private_key(7).strip()
    shown = form.format(key, key.replace("\n", "\\n"), key.replace("\n", '\\n"\n  "'))
    cleaned = without_credentials(f"KEY = {shown}\nx = 1\n".encode(), "a.py").content.decode()
    assert cleaned.endswith("\nx = 1\n") and cleaned.count("[removed: private key]") == 1
    cut = without_credentials(shown[: len(shown) // 2].encode(), "a.py").content.decode()
    assert not [line for line in key.splitlines() if line in cleaned or line in cut]


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


_PIECES = st.sampled_from(
    [
        *sorted({mark for form in FORMS for mark in form.marks}),
        *SECRETS,
        *("0123456789abcdefABCDEF01", "A1b2C3d4E5f6" * 4, "A1b2C3d4E5f" * 4, "a1" * 16, "a1b" * 12, "f" * 40 + "1"),
        *("0" * 8, "M" + "a1" * 12, "AC", "SK", "GR1348941", "eyJ", "AKIA", "SG.", "ya29", "AIza", "pypi-Ag", "glc_"),
        *("=", ":", " ", "\n", '"', "'", "@", "//", "-", "_", ".", "?", "&", "<a>", "</a>", "Basic ", "curl -u ", ": "),
        *("password", "password: ", "aws key ", "cl_pass=", "x-auth-token: ", "machine h login x password ", "bearer "),
        *("\u00e9", "\u017f", "\u212a", "\u0131", "\u2003"),
    ]
)
_TEXTS = st.lists(st.one_of(_PIECES, _PIECES, _PIECES.map(str.upper), st.text(max_size=4)), max_size=8).map("".join)


@settings(max_examples=1500, deadline=None)
@given(_TEXTS, st.booleans())
def test_the_quick_look_never_says_no_where_something_is_found(text: str, with_settings: bool) -> None:
    if spans(text, settings=with_settings):
        assert may_hold_credential(text.encode("utf-8", "surrogatepass"), settings=with_settings)


def test_the_quick_look_is_not_alarmed_by_what_crates_and_texts_are_full_of() -> None:
    for text in ("#task-3-wall_time", "a key to the password of a cookie token", "2026-01-01T10:00:00", '"@id": "./"'):
        assert not may_hold_credential(text.encode())


def test_addresses_of_example_hosts_stay_in_the_code_of_packages() -> None:
    code = b'x = "https://ada:pw4word@repo.example.org/a?token=abcd1234"\n'
    assert without_credentials(code, "a.py", examples_stay=True).content == code
    real = f'x = "https://ada:pw4word@repo.example.org.evil.net/a"  # {planted.github(1)}\n'.encode()
    cleaned = without_credentials(real, "a.py", examples_stay=True)
    assert len(cleaned.removals) == 2
    assert b"pw4word" not in without_credentials(code, "a.py").content


_W = planted.password(40)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", f"db:\n  secret: |\n    {_W}\n"),
        ("a.yaml", f"db:\n  password: !!str {_W}\n"),
        ("a.yaml", f"password: &pw {_W}\nagain: *pw\n"),
        ("a.toml", f'password = """{_W}"""\n'),
        ("a.jsonl", json.dumps({"msg": json.dumps({"token": _W})}) + "\n"),
        ("a.ipynb", json.dumps({"text": [f"password: {_W}\n"]})),
        ("a.log", f"asked with token={_W} for a file\n"),
        ("a.sh", f"PGPASSWORD={_W} psql census\n"),
        ("a.sh", f"mysql -u ada -p{_W} census\n"),
        ("a.sh", f"sshpass -p {_W} ssh node\n"),
        ("a.py", f"run(['load', '--token', '{_W}'])\n"),
        ("a.py", f"get(url, auth=('ada', '{_W}'))\n"),
        ("a.yaml", f"x: jdbc:oracle:thin:ada/{_W}@//db:1521/census\n"),
        ("a.yaml", f"channels:\n  - https://conda.anaconda.org/t/ab-{_W}/lab\n"),
        ("a.yaml", f"channels:\n  - https://packages.lab.org/t/{planted.token('', 24, 41)}/get/lab\n"),
    ],
)
def test_credentials_as_users_write_them(name: str, text: str) -> None:
    cleaned = without_credentials(text.encode(), name, settings=True)
    assert _W.encode() not in cleaned.content and cleaned.removals and b"[removed: " in cleaned.content
    if name.endswith(".yaml"):
        before, after = yaml.safe_load(text), yaml.safe_load(cleaned.content)
        assert str(after).count("removed") and [type(each) for each in after] == [type(each) for each in before]
        assert not isinstance(after.get("password"), list)


@pytest.mark.parametrize(
    "line",
    [
        "PASS: test_1",
        "topic: https://forum.example.net/t/how-to-run-2-models-in-2024/12345",
        "used key=chr1 12:30, tokens=512 of 600",
        "mysql -u ada -P 3306 census",
        "sort -k1,1 --key=2,2n x",
        "auth = (user, password)",
    ],
)
def test_what_only_looks_like_them_stays(line: str) -> None:
    assert without_credentials(f"{line}\n".encode(), "a.log", settings=True).removals == ()


def test_many_credentials_in_one_line_take_no_longer_than_in_many() -> None:
    one = '{"token": "x%06dab"}'
    content = f"[{','.join(one % number for number in range(20_000))}]".encode()
    start = time.process_time()
    cleaned = without_credentials(content, "a.json", settings=True)
    assert len(cleaned.removals) == 20_000 and len(json.loads(cleaned.content)) == 20_000
    assert time.process_time() - start < 30  # seconds; it takes one, and took an hour
