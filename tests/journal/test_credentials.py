"""What is taken for a credential, and what is left of a text that holds one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.journal.credentials import (
    hide,
    hide_in_command,
    holds_credential,
    holds_private_key,
    is_private_name,
    looks_like_credential,
)

GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    "name",
    [
        *(
            "API_TOKEN",
            "SECRET",
            "PASSWORD",
            "PGPASSWORD",
            "API_KEY",
            "SSH_KEY",
            "KEY",
            "CREDENTIALS",
            "AUTH",
            "db-pass",
        ),
        *("authToken", "db_password", "apikey", "AWS_SECRET_ACCESS_KEY", "client-secret", "cookie", "SLURM_JWT", "pwd"),
    ],
)
def test_names_of_credentials(name: str) -> None:
    assert looks_like_credential(name)


@pytest.mark.parametrize(
    "name",
    [
        *("KEYBOARD", "MONKEY", "AUTHOR", "n_tokens", "max_token", "tokenizer", "keys", "low_pass", "compass", "PWD"),
        *("sort_key", "token_file", "password-stdin", "insulin_secretion", "secretary", "public_key", "keyword"),
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not looks_like_credential(name)


@pytest.mark.parametrize(
    "command",
    [
        ["env", "API_TOKEN=hunter2", "python", "x.py"],
        ["env", "API_TOKEN=two hunter2 words", "python", "x.py"],
        ["get", "--password=hunter2"],
        ["get", "--password", "hunter2"],
        ["curl", "-u", "ada:hunter2", "https://example.org"],
        ["curl", "-uada:hunter2"],
        ["curl", "--user=ada:hunter2"],
        ["curl", "-H", "PRIVATE-TOKEN: hunter2"],
        ["curl", "-H", "Authorization: Basic hunter2=="],
        ["load", "--db", "postgresql://ada:hunter2@db/census"],
        ["load", "redis://:hunter2@cache:6379/0"],
        ["load", "https://example.org/a.csv?v=1&access_token=hunter2#top"],
        ["sh", "-c", "API_TOKEN=hunter2 python x.py && get --password 'hunter2'"],
        ["git", "clone", f"https://{GITHUB}@example.org/a.git", "hunter"],
    ],
)
def test_a_command_line_loses_its_credentials_and_nothing_else(command: list[str]) -> None:
    shown = hide_in_command(command)
    assert "hunter2" not in str(shown) and GITHUB not in str(shown) and "[removed: " in str(shown)
    assert len(shown) == len(command) and shown[0] == command[0]
    assert hide_in_command(shown) == shown


@pytest.mark.parametrize(
    "command",
    [
        ["sort", "--key=2,2n", "--key", "3", "names.txt"],
        ["rsync", "-u", "host:data/", "."],
        ["docker", "run", "-u", "1000:1000", "image"],
        ["env", "PWD=/work", "KEYBOARD=de"],
        ["get", "git@example.org:lab/a.git", "https://example.org:8080/a@b", "ssh://git@example.org/a"],
        ["python", "-c", "print(sorted(names, key=len))"],
    ],
)
def test_a_harmless_command_line_stays(command: list[str]) -> None:
    assert hide_in_command(command) == command


def test_the_marker_says_why_and_the_rest_stays() -> None:
    assert hide("postgresql://ada:pw@db/census") == "postgresql://ada:[removed: password in an address]@db/census"
    assert hide(f"token {GITHUB}!") == "token [removed: token]!"
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"
    assert hide(f"before {key}\nafter") == "before [removed: private key]\nafter"


@given(st.text(), st.text(alphabet="abcXYZ0189", min_size=1))
def test_hiding_twice_is_hiding_once(text: str, password: str) -> None:
    once = hide(f"{text} https://ada:{password}@host/")
    assert hide(once) == once and f":{password}@" not in once
    hide_in_command([text, password, f"--token={text}"])


def test_code_holds_a_credential_when_it_gives_one_literally() -> None:
    assert holds_credential('password = "hunter2"') and holds_credential(f"x({GITHUB})")
    assert not holds_credential("password = input()\ntoken = tokens[1]\nkey = 'name'")
    assert not holds_credential('url = f"https://{user}:{password}@example.org"')


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.local", "prod.env", ".netrc", "id_rsa", "id_ed25519", "a.pem", "a.key", "credentials.json"),
        *(".pypirc", ".pgpass", "kubeconfig", "secrets.yaml", "api_token", "service-account.json"),
    ],
)
def test_private_files_have_private_names(name: str) -> None:
    assert is_private_name(name) and is_private_name(f"/home/ada/{name}")


@pytest.mark.parametrize(
    "name",
    [
        *(".env.example", "id_rsa.pub", "environment.yml", "tokenizer.py", "credentials.py", "tokens.json", "keys.txt"),
        *("password_strength.csv", "monkey.txt", "data.csv", "env/data.csv"),
    ],
)
def test_other_files_have_not(name: str) -> None:
    assert not is_private_name(name)


def test_a_private_key_is_known_by_its_head() -> None:
    assert holds_private_key(b"-----BEGIN EC PRIVATE KEY-----\n") and not holds_private_key(b"-----BEGIN PUBLIC KEY---")
