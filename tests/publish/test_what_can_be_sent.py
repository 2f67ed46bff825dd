"""The pre-flight on what a zip can't hold, what must not leave, and metadata that parsers disagree about."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import CrateError
from provenance.publish.package import digests, pack
from provenance.publish.preflight import check
from provenance.publish.records import Preflight, Weight
from tests.publish.crates import changed, entity, metadata, write_crate, zipped


def errors(looked: Preflight) -> list[tuple[int, str | None]]:
    return [(one.point, one.entity) for one in looked.findings if one.weight is Weight.ERROR]


def names(looked: Preflight) -> set[str]:
    with pack(looked) as package, zipfile.ZipFile(package.archive) as archive:
        return set(archive.namelist())


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    name = os.fsdecode(b"caf\xe9.txt")
    (crate / name).write_text("x")
    looked = check(crate, validated=False)
    assert errors(looked) == [(1, name)]
    json.dumps([one.as_json() for one in looked.findings]).encode()


def test_links_within_the_crate_are_followed(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / "linked.txt").symlink_to("data/text one.txt")
    looked = check(crate, validated=False)
    assert looked.passed
    found = digests(looked)
    assert found["linked.txt"] == found["data/text one.txt"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside.txt", "nowhere.txt", "linked"])
def test_links_that_lead_elsewhere(tmp_path: Path, target: str) -> None:
    (tmp_path / "outside.txt").write_text("private")
    crate = write_crate(tmp_path / "crate")
    (crate / "linked").symlink_to(target)
    assert errors(check(crate, validated=False)) == [(1, "linked")]


@pytest.mark.parametrize("target", ["data", "..", "/etc", "."])
def test_links_to_folders(tmp_path: Path, target: str) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / "linked").symlink_to(target)
    assert errors(check(crate, validated=False)) == [(1, "linked")]


def test_a_crate_that_is_named_by_a_link(tmp_path: Path) -> None:
    write_crate(tmp_path / "crate")
    (tmp_path / "link").symlink_to("crate")
    assert check(tmp_path / "link", validated=False).passed


def test_pipes_and_sockets_are_left_out(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    os.mkfifo(crate / "pipe")
    assert "pipe" not in names(check(crate, validated=False))


def test_two_metadata_files(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / "ro-crate-metadata.jsonld").write_text("{}")
    assert errors(check(crate, validated=False)) == [(1, "ro-crate-metadata.jsonld")]


def test_a_zip_of_several_crates(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for top in ("a/", "b/"):
            archive.writestr(f"{top}ro-crate-metadata.json", json.dumps(metadata()))
    assert errors(check(tmp_path / "two.zip", validated=False)) == [(1, "b/ro-crate-metadata.json")]


def test_a_link_in_a_zip(tmp_path: Path) -> None:
    archive = zipped(write_crate(tmp_path / "crate"))
    entry = zipfile.ZipInfo("link")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(entry, "data/text one.txt")
    assert errors(check(archive, validated=False)) == [(1, "link")]


def test_a_zip_with_a_password_or_a_rare_method(tmp_path: Path) -> None:
    archive = zipped(write_crate(tmp_path / "crate"))
    content = bytearray(archive.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1  # the flag of encryption in the directory
    archive.write_bytes(content)
    assert errors(check(archive, validated=False))[0][0] == 1
    with zipfile.ZipFile(tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("ro-crate-metadata.json", json.dumps(metadata()))
    assert errors(check(tmp_path / "lzma.zip", validated=False)) == [(1, "ro-crate-metadata.json")]


def test_a_damaged_zip_is_told_before_it_is_sent(tmp_path: Path) -> None:
    archive = zipped(write_crate(tmp_path / "crate"))
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b"one two three", b"one two thrEE"))
    looked = check(archive, validated=False)
    with pytest.raises(CrateError, match="zip the crate again"), pack(looked):
        pass


@pytest.mark.parametrize(
    "raw",
    [b'"version": NaN', b'"version": Infinity', b'"version": 1e999', b'"version": "\\ud800"', b'"version": "\\q"'],
)
def test_json_that_only_some_parsers_take(tmp_path: Path, raw: bytes) -> None:
    crate = write_crate(tmp_path / "crate")
    file = crate / "ro-crate-metadata.json"
    file.write_bytes(file.read_bytes().replace(b'"version": "1.0"', raw))
    assert errors(check(crate, validated=False)) == [(1, "ro-crate-metadata.json")]


@pytest.mark.parametrize(("depth", "is_fine"), [(96, True), (98, False), (5000, False), (100_000, False)])
def test_nesting(tmp_path: Path, depth: int, is_fine: bool) -> None:
    """Ruby's JSON reads 100 levels; the metadata have three around a property."""
    crate = write_crate(tmp_path / "crate")
    file = crate / "ro-crate-metadata.json"
    nested = b'"version": "1.0", "x": ' + b"[" * depth + b"]" * depth
    file.write_bytes(file.read_bytes().replace(b'"version": "1.0"', nested))
    assert check(crate, validated=False).passed is is_fine


def test_an_entity_twice(tmp_path: Path) -> None:
    document = metadata()
    document["@graph"].append(dict(entity(document, "#shell")))
    looked = check(write_crate(tmp_path / "same", document), validated=False)
    assert looked.passed
    assert looked.mended is not None
    document["@graph"][-1]["name"] = "another"
    assert errors(check(write_crate(tmp_path / "other", document), validated=False)) == [(1, "#shell")]


def test_many_mends_at_once(tmp_path: Path) -> None:
    """A name with a plus and a percent sign, a list for a language, nothing listed: all is put right together."""
    document = json.loads(json.dumps(metadata(hasPart=[])).replace("count.sh", "c+100%.sh"))
    document = changed(document, "c+100%.sh", programmingLanguage=[{"@id": "#shell"}])
    document["@graph"].append({"@id": "results/", "@type": "Dataset", "name": "results"})
    document["@graph"].append({"@id": "c%2B100%25.sh", "@type": "Thing", "name": "in the way"})
    crate = write_crate(tmp_path / "crate", document)
    (crate / "count.sh").rename(crate / "c+100%.sh")
    (crate / "results").mkdir()
    looked = check(crate, validated=False)
    made: Any = looked.mended
    by_id = {one["@id"]: one for one in made["@graph"]}
    main = by_id["./"]["mainEntity"]["@id"]
    assert by_id[main]["programmingLanguage"] == {"@id": "#shell"}
    assert {"@id": main} in by_id["./"]["hasPart"]
    assert len(by_id) == len(made["@graph"])
    assert "results/empty-folder.txt" in names(looked)


def test_addresses_that_are_no_uris(tmp_path: Path) -> None:
    document = metadata()
    document["@graph"].append({"@id": "https://example.org/größe x.csv", "@type": "File", "name": "x"})
    looked = check(write_crate(tmp_path / "crate", document), validated=False)
    assert looked.passed
    made: Any = looked.mended
    assert {"@id": "https://example.org/gr%C3%B6%C3%9Fe%20x.csv"} in entity(made, "./")["hasPart"]


def test_a_part_that_is_no_file(tmp_path: Path) -> None:
    document = metadata()
    entity(document, "./")["hasPart"].append({"@id": "#shell"})
    assert errors(check(write_crate(tmp_path / "a", document), validated=False)) == [(4, "#shell")]
    entity(document, "./")["hasPart"][-1] = None
    assert errors(check(write_crate(tmp_path / "b", document), validated=False)) == [(4, "./")]


def test_an_empty_folder_that_the_root_does_not_list(tmp_path: Path) -> None:
    document = metadata()
    document["@graph"].append({"@id": "results/", "@type": "Dataset", "name": "results"})
    crate = write_crate(tmp_path / "crate", document)
    (crate / "results").mkdir()
    looked = check(crate, validated=False)
    assert {one.point for one in looked.findings} == {5, 6}
    assert "results/empty-folder.txt" in names(looked)


@pytest.mark.parametrize(
    "source",
    [
        " https://example.org/x",
        "HTTPS://example.org/x",
        "https://example.org/a b",
        "https://exämple.org/",
        "http://",
        "",
    ],
)
def test_sources_that_are_no_plain_addresses(tmp_path: Path, source: str) -> None:
    assert errors(check(write_crate(tmp_path / "crate", isBasedOn=source), validated=False)) == [(11, "./")]


@pytest.mark.parametrize("change", ["metadata", "gone", "shorter", "no zip"])
def test_a_crate_that_changes_after_it_was_looked_at(tmp_path: Path, change: str) -> None:
    crate = write_crate(tmp_path / "crate")
    if change == "no zip":
        crate = zipped(crate)
    looked = check(crate, validated=False)
    if change == "metadata":
        (crate / "ro-crate-metadata.json").write_text("{}")
    elif change == "gone":
        (crate / "ro-crate-metadata.json").unlink()
    elif change == "shorter":
        (crate / "count.sh").unlink()
        (crate / "count.sh").mkdir()
        (crate / "ro-crate-metadata.json").write_text("{}")
    else:
        crate.write_bytes(b"")
    with pytest.raises(CrateError, match="changed since"), pack(looked):
        pass


def test_a_large_number_of_files_is_looked_at_quickly(tmp_path: Path) -> None:
    """No step looks through all files for each folder."""
    document = metadata()
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(20_000):
            name = f"d{number // 4}/f{number}.txt"
            archive.writestr(name, "")
            document["@graph"].append({"@id": name, "@type": "File", "name": name})
        for number in range(5_000):
            document["@graph"].append({"@id": f"d{number}/", "@type": "Dataset", "name": "d"})
        document["@graph"][1]["hasPart"] = [{"@id": one["@id"]} for one in document["@graph"][8:]]
        for name in ("count.sh", "data/text one.txt"):
            archive.writestr(name, "x")
        archive.writestr("ro-crate-metadata.json", json.dumps(document))
    from provenance.publish import preflight_data
    from provenance.publish.mends import Mends
    from provenance.publish.opened import open_for_preflight

    opened = open_for_preflight(tmp_path / "many.zip")
    calls = 0
    find = type(opened).find

    def counted(self: Any, identifier: str) -> str | None:
        nonlocal calls
        calls += 1
        return find(self, identifier)

    type(opened).find = counted  # type: ignore[method-assign]
    try:
        assert list(preflight_data.check(opened, Mends(opened)))
    finally:
        type(opened).find = find  # type: ignore[method-assign]
    assert calls < 5 * len(opened.entities)
