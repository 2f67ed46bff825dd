"""What a look through a crate finds, and what it does not take for private."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from provenance.crate.scan import Kind, look_through, scan
from provenance.errors import CrateError
from tests import planted

TEXTS = {
    "logs/stdout.txt": "ok\nada17@login7:~$ ls /home/ada17\n",
    "application_sources/a.py": f'x = 1\nurl = "https://ada:{planted.password(1)}@example.org/x"\n',
    "environment/uncommitted.patch": f"+token = '{planted.github(2)}'\n",
    "dataset/table.csv": "name,value\nada17,1\n",
    "dataset/paths.csv": "/home/ada17/x,1\n",
    "dataset/image.png": "\0",
}


def crate_of(tmp_path: Path, texts: dict[str, str], *entities: dict[str, object]) -> Path:
    crate = tmp_path / "crate"
    root = {"@id": "./", "@type": "Dataset", "author": {"@id": "#jo"}}
    author = {"@id": "#jo", "@type": "Person", "name": "Jo Doe", "email": "mailto:jo@uni.edu"}
    about = {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"}}
    document = {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": [about, root, author, *entities]}
    for path, text in {**texts, "ro-crate-metadata.json": json.dumps(document, indent=1)}.items():
        (crate / path).parent.mkdir(parents=True, exist_ok=True)
        (crate / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    return crate


def places(crate: Path, kind: Kind) -> set[tuple[str, int, str]]:
    return {(one.path, one.line, one.found) for one in scan(crate) if one.kind is kind and not one.is_note}


def test_each_finding_has_its_file_and_line(tmp_path: Path) -> None:
    crate = crate_of(tmp_path, TEXTS)
    assert {place[:2] for place in places(crate, Kind.SECRET)} == {
        ("application_sources/a.py", 2),
        ("environment/uncommitted.patch", 1),
    }
    assert places(crate, Kind.HOME) == {("logs/stdout.txt", 2, "ada17"), ("dataset/paths.csv", 1, "ada17")}
    assert places(crate, Kind.HOST) == {("logs/stdout.txt", 2, "login7")}
    assert look_through(crate).not_looked_at == ("dataset/image.png",)


def test_credentials_are_masked(tmp_path: Path) -> None:
    shown = str(scan(crate_of(tmp_path, TEXTS)))
    assert planted.github(2) not in shown and planted.password(1) not in shown
    assert f"gh... ({len(planted.github(2))} characters)" in shown


def test_a_zip_is_looked_through_as_a_folder_is(tmp_path: Path) -> None:
    crate = crate_of(tmp_path, TEXTS)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in crate.rglob("*"):
            if path.is_file():
                archive.write(path, f"top/{path.relative_to(crate)}")
    assert scan(tmp_path / "c.zip") == scan(crate)


def test_the_address_of_an_author_is_a_note(tmp_path: Path) -> None:
    found = scan(crate_of(tmp_path, {"README.md": "jo@uni.edu eve@uni.edu\n"}))
    assert {(one.found, one.is_note) for one in found} == {("jo@uni.edu", True), ("eve@uni.edu", False)}


def test_an_agent_that_is_an_account_is_a_user(tmp_path: Path) -> None:
    person = {"@id": "#person-evelin", "@type": "Person", "name": "evelin"}
    action = {"@id": "#run", "@type": "CreateAction", "agent": {"@id": "#person-evelin"}}
    assert places(crate_of(tmp_path, {}, person, action), Kind.USER)


def test_a_value_with_the_name_of_a_credential(tmp_path: Path) -> None:
    value = {"@id": "#v", "@type": "PropertyValue", "name": "DB_PASSWORD", "value": planted.password(3)}
    assert places(crate_of(tmp_path, {}, value), Kind.SECRET)


def test_randomness_is_no_finding_unless_asked_for(tmp_path: Path) -> None:
    crate = crate_of(tmp_path, {"application_sources/a.py": f'x = "{planted.token("", 40, 5)}"\n'})
    assert scan(crate) == [one for one in scan(crate) if one.is_note]
    assert [one for one in scan(crate, entropy=True) if one.kind is Kind.SECRET]


def test_what_is_no_crate_is_said(tmp_path: Path) -> None:
    with pytest.raises(CrateError):
        scan(tmp_path / "nothing")


def test_published_crates_hold_no_credential(shared: Path) -> None:
    for crate in sorted(path for path in (shared / "data" / "crates").iterdir() if path.is_dir()):
        assert [one for one in scan(crate) if one.kind is Kind.SECRET] == [], crate.name
