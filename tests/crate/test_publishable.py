"""A crate for publishing: names gone, everything else whole."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from sample_runs import rich_run, write_file

from provenance.crate.pseudonyms import make_publishable, write_publishable
from provenance.crate.scan import Kind, look_through, scan
from provenance.crate.settings import DataMode, PackSettings
from provenance.crate.validate import validate
from provenance.crate.write import write
from provenance.errors import CrateError, UsageError
from provenance.privacy.pseudonyms import put_back
from provenance.run.model import Run

COPY = PackSettings(data=DataMode.COPY)


def private_run(work: Path) -> Run:
    """A run in the home folder of somebody whose log, patch and sources name the folder, the user and the machine."""
    home = work / "home" / "adalove"
    run = rich_run(home / "project")
    log = write_file(home / "stdout.txt", b"adalove@nodex17:~$ ls /home/adalove/project\n/home/adalove\n")
    logs = tuple(replace(one, path=str(log), start=0, end=None) for one in run.logs[:1])
    return replace(run, user="adalove", host="nodex17.cluster", logs=logs)


def files(crate: Path) -> dict[str, bytes]:
    if crate.is_file():
        with zipfile.ZipFile(crate) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    return {str(path.relative_to(crate)): path.read_bytes() for path in crate.rglob("*") if path.is_file()}


def graph(crate: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(files(crate)["ro-crate-metadata.json"])["@graph"]
    return found


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [value["@id"]] if set(value) == {"@id"} else [x for part in value.values() for x in references(part)]
    return [found for part in value for found in references(part)] if isinstance(value, list) else []


@pytest.mark.parametrize("as_zip", [False, True])
def test_no_name_is_left_in_any_byte_or_file_name(tmp_path: Path, as_zip: bool) -> None:
    target = tmp_path / ("c.crate.zip" if as_zip else "crate")
    report = write_publishable(private_run(tmp_path / "w"), target, replace(COPY, as_zip=as_zip))
    assert report.target == target
    for path, content in files(target).items():
        assert "adalove" not in path
        assert b"adalove" not in content and b"nodex17" not in content, path
    assert not [one for one in scan(target) if not one.is_note and one.kind is not Kind.EMAIL]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [target.name, "w", f"{'c' if as_zip else 'crate'}.names.json"]
    )


def test_a_machine_with_the_name_of_a_word_is_replaced_where_it_is_the_machine(tmp_path: Path) -> None:
    write_publishable(replace(private_run(tmp_path / "w"), host="vm"), tmp_path / "crate", COPY)
    assert json.loads(files(tmp_path / "crate")["environment/system.json"])["hostname"].startswith("host")
    assert not [name for name, content in files(tmp_path / "crate").items() if b"//vm/" in content]


def test_all_else_is_as_it_was_and_can_be_put_back(tmp_path: Path) -> None:
    write(private_run(tmp_path / "w"), tmp_path / "crate", COPY)
    before = files(tmp_path / "crate")
    made = make_publishable(tmp_path / "crate")
    assert files(tmp_path / "crate") == before
    after = files(made.target)
    assert len(after) == len(before)
    original = {put_back(path, made.pseudonyms): content for path, content in after.items()}
    for path, content in before.items():
        if path != "ro-crate-metadata.json":
            now = original[path]
            assert (
                put_back(now.decode("utf-8", "surrogateescape"), made.pseudonyms).encode("utf-8", "surrogateescape")
                == content
            )


def test_references_sizes_and_digests_are_right(tmp_path: Path) -> None:
    write(private_run(tmp_path / "w"), tmp_path / "crate", COPY)
    made = make_publishable(tmp_path / "crate")
    entities = graph(made.target)
    identifiers = [entity["@id"] for entity in entities]
    assert len(identifiers) == len(set(identifiers)) == len(graph(tmp_path / "crate"))
    lost = {ref for each in entities for ref in references(each) if not ref.startswith("http")} - set(identifiers)
    assert lost <= {ref for each in graph(tmp_path / "crate") for ref in references(each)}
    inside = files(made.target)
    for entity in entities:
        content = inside.get(unquote(entity["@id"]))
        if content is not None and "sha256" in entity:
            assert entity["contentSize"] == str(len(content))
            assert entity["sha256"] == hashlib.sha256(content).hexdigest()


def test_it_validates_as_it_did(tmp_path: Path) -> None:
    pytest.importorskip("rocrate_validator")
    write(private_run(tmp_path / "w"), tmp_path / "crate", COPY)
    made = make_publishable(tmp_path / "crate")
    before = [issue.id for issue in validate(tmp_path / "crate", None, "recommended").issues]
    assert [issue.id for issue in validate(made.target, None, "recommended").issues] == before


def test_the_names_stay_outside_and_are_used_again(tmp_path: Path) -> None:
    run = private_run(tmp_path / "w")
    write_publishable(run, tmp_path / "crate", COPY)
    names = tmp_path / "crate.names.json"
    assert stat.S_IMODE(names.stat().st_mode) == 0o600
    known = json.loads(names.read_text())
    assert {"adalove", "nodex17.cluster"} <= set(known.values())
    names.write_text(json.dumps({**known, "user7": "somebodyelse"}))
    os.chmod(names, 0o600)
    write_publishable(run, tmp_path / "crate", replace(COPY, force=True))
    assert json.loads(names.read_text()) == {**known, "user7": "somebodyelse"}


def test_a_names_file_within_the_crate_is_refused(tmp_path: Path) -> None:
    write(private_run(tmp_path / "w"), tmp_path / "crate", COPY)
    with pytest.raises(UsageError, match="would be published"):
        make_publishable(tmp_path / "crate", names_file=tmp_path / "crate" / "names.json")
    assert not (tmp_path / "crate-publishable").exists()


def test_authors_stay_as_they_gave_themselves(tmp_path: Path) -> None:
    run = private_run(tmp_path / "w")
    write(run, tmp_path / "crate", COPY)
    made = make_publishable(tmp_path / "crate")
    authors = references(next(each for each in graph(tmp_path / "crate") if each["@id"] == "./").get("author"))
    before = {each["@id"]: each for each in graph(tmp_path / "crate")}
    after = {each["@id"]: each for each in graph(made.target)}
    assert authors and all(after[author] == before[author] for author in authors)


def test_what_is_no_text_is_counted_and_kept(tmp_path: Path) -> None:
    write(private_run(tmp_path / "w"), tmp_path / "crate", COPY)
    (tmp_path / "crate" / "picture.bin").write_bytes(b"\0\1/home/adalove/x")
    made = make_publishable(tmp_path / "crate")
    assert (made.target / "picture.bin").read_bytes() == b"\0\1/home/adalove/x"
    assert "picture.bin" in look_through(made.target).not_looked_at


def test_the_crate_that_is_given_gets_nothing_in_it(tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    write(private_run(tmp_path / "w"), crate, COPY)
    before = sorted(crate.rglob("*"))
    with pytest.raises(UsageError, match="lies within the crate"):
        make_publishable(crate, crate / "inside")
    made = make_publishable(crate / "ro-crate-metadata.json")
    assert made.names_file == tmp_path / "crate.names.json" and made.target == tmp_path / "crate-publishable"
    assert sorted(crate.rglob("*")) == before


def test_two_pseudonyms_for_one_name_are_refused(tmp_path: Path) -> None:
    write(private_run(tmp_path / "w"), tmp_path / "crate", COPY)
    (tmp_path / "crate.names.json").write_text('{"user1": "ada", "user2": "ada"}')
    with pytest.raises(UsageError, match="two pseudonyms"):
        make_publishable(tmp_path / "crate")


def test_a_zip_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    write(private_run(tmp_path / "w"), tmp_path / "c.zip", replace(COPY, as_zip=True))
    with zipfile.ZipFile(tmp_path / "c.zip", "a") as archive:
        archive.writestr("../outside.txt", "x")
    with pytest.raises(CrateError, match="outside of the crate"):
        make_publishable(tmp_path / "c.zip")
    assert not (tmp_path / "c-publishable.zip").exists()


def test_a_damaged_zip_is_said_to_be_one(tmp_path: Path) -> None:
    target = tmp_path / "c.zip"
    write(private_run(tmp_path / "w"), target, replace(COPY, as_zip=True))
    with zipfile.ZipFile(target) as archive:
        entry = max(archive.infolist(), key=lambda one: one.compress_size * (one.filename != "ro-crate-metadata.json"))
    content = bytearray(target.read_bytes())
    start = entry.header_offset + 60 + len(entry.filename)
    content[start : start + 40] = bytes(40)
    target.write_bytes(content)
    with pytest.raises(CrateError, match="get the crate again"):
        look_through(target)
