"""The pre-flight: each point of the list, as a user meets it, and crates that are broken in any way."""

from __future__ import annotations

import copy
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.errors import CrateError
from provenance.publish.package import pack
from provenance.publish.preflight import check
from provenance.publish.records import Preflight, Weight
from tests.publish.crates import ORCID, SOURCE, changed, entity, metadata, write_crate, zipped

BOM = b"\xef\xbb\xbf"


def looked_at(folder: Path, document: dict[str, Any] | None = None, **root: Any) -> Preflight:
    return check(write_crate(folder, document, **root), validated=False)


def found(preflight: Preflight, point: int) -> list[tuple[Weight, str | None]]:
    return [(one.weight, one.entity) for one in preflight.findings if one.point == point]


def sent(preflight: Preflight) -> dict[str, Any]:
    """The metadata in the zip that would be sent."""
    with pack(preflight) as package, zipfile.ZipFile(package.archive) as archive:
        document: dict[str, Any] = json.loads(archive.read("ro-crate-metadata.json"))
        return document


def test_a_good_crate_passes_with_nothing_to_say(tmp_path: Path) -> None:
    looked = looked_at(tmp_path / "crate")
    assert looked.passed
    assert not looked.findings
    facts = looked.facts
    assert (facts.name, facts.version, facts.source, facts.license) == ("Count words", "1.0", SOURCE, "Apache-2.0")
    assert facts.creators == ("Ada Example",)


def test_a_good_crate_is_valid_too(tmp_path: Path) -> None:
    assert not [one for one in check(write_crate(tmp_path / "crate")).findings if one.weight is Weight.ERROR]


def test_nothing_there_is_an_error_and_no_finding(tmp_path: Path) -> None:
    with pytest.raises(CrateError, match="nowhere"):
        check(tmp_path / "nowhere")


def test_1_what_is_no_zip_or_has_no_metadata(tmp_path: Path) -> None:
    text = tmp_path / "crate.zip"
    text.write_text("no zip")
    assert found(check(text), 1) == [(Weight.ERROR, None)]
    (tmp_path / "empty").mkdir()
    assert not check(tmp_path / "empty").passed
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as archive:
        archive.writestr("../ro-crate-metadata.json", "{}")
    assert found(check(tmp_path / "out.zip"), 1) == [(Weight.ERROR, "../ro-crate-metadata.json")]


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"@graph": {}}', b'{"@graph": [1]}', b"\xff{}", b"[" * 100_000])
def test_1_metadata_that_are_none(tmp_path: Path, raw: bytes) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / "ro-crate-metadata.json").write_bytes(raw)
    assert found(check(crate), 1)[0][0] is Weight.ERROR


def test_1_a_byte_order_mark_is_taken_off_in_the_copy(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    file = crate / "ro-crate-metadata.json"
    file.write_bytes(BOM + file.read_bytes())
    looked = check(crate, validated=False)
    assert found(looked, 1) == [(Weight.MENDED, "ro-crate-metadata.json")]
    assert looked.passed
    with pack(looked) as package, zipfile.ZipFile(package.archive) as archive:
        assert not archive.read("ro-crate-metadata.json").startswith(BOM)
    assert file.read_bytes().startswith(BOM)


def test_2_the_descriptor_must_come_first(tmp_path: Path) -> None:
    document = metadata()
    other = {"@id": "#other", "@type": "CreativeWork", "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"}}
    document["@graph"].insert(0, other)
    looked = looked_at(tmp_path / "crate", document)
    assert found(looked, 2) == [(Weight.MENDED, "#other")]
    assert sent(looked)["@graph"][0]["@id"] == "ro-crate-metadata.json"


def test_2_a_descriptor_about_nothing(tmp_path: Path) -> None:
    document = changed(metadata(), "ro-crate-metadata.json", about={"@id": "./nothing/"})
    assert found(looked_at(tmp_path / "crate", document), 2) == [(Weight.ERROR, "ro-crate-metadata.json")]


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (metadata(mainEntity=None), "./"),
        (metadata(mainEntity={"@id": "none.sh"}), "./"),
        (changed(metadata(), "count.sh", at_type=["File", "SoftwareSourceCode"]), "count.sh"),
    ],
)
def test_3_no_usable_main_workflow(tmp_path: Path, document: dict[str, Any], named: str) -> None:
    assert (Weight.ERROR, named) in found(looked_at(tmp_path / "crate", document), 3)


def test_3_the_file_of_the_main_workflow_is_gone(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / "count.sh").unlink()
    assert (Weight.ERROR, "count.sh") in found(check(crate, validated=False), 3)


def test_3_a_plus_is_escaped_in_the_copy(tmp_path: Path) -> None:
    document = json.loads(json.dumps(metadata()).replace("count.sh", "c+.sh"))
    crate = write_crate(tmp_path / "crate", document)
    (crate / "count.sh").rename(crate / "c+.sh")
    looked = check(crate, validated=False)
    assert found(looked, 3) == [(Weight.MENDED, "c+.sh")]
    assert entity(sent(looked), "./")["mainEntity"] == {"@id": "c%2B.sh"}


def test_4_parts_that_are_not_there(tmp_path: Path) -> None:
    document = metadata()
    for identifier in ("gone.txt", "/etc/hostname", "100%.txt", "file://host/data/far.txt", "https://example.org/x"):
        document["@graph"].append({"@id": identifier, "@type": "File", "name": "x"})
        entity(document, "./")["hasPart"].append({"@id": identifier})
    entity(document, "./")["hasPart"].append({"@id": "#nobody"})
    looked = looked_at(tmp_path / "crate", document)
    assert {one for weight, one in found(looked, 4) if weight is Weight.ERROR} == {
        "gone.txt",
        "/etc/hostname",
        "100%.txt",
    }
    assert (Weight.WARNING, "#nobody") in found(looked, 4)


def test_4_a_bare_percent_sign_is_escaped_in_the_copy(tmp_path: Path) -> None:
    document = metadata()
    document["@graph"].append({"@id": "100%.txt", "@type": "File", "name": "x"})
    entity(document, "./")["hasPart"].append({"@id": "100%.txt"})
    crate = write_crate(tmp_path / "crate", document)
    (crate / "100%.txt").write_text("x")
    looked = check(crate, validated=False)
    assert found(looked, 4) == [(Weight.MENDED, "100%.txt")]
    assert {"@id": "100%25.txt"} in entity(sent(looked), "./")["hasPart"]


@pytest.mark.parametrize("hidden", [None, ".gitkeep"])
def test_5_an_empty_folder_gets_a_file_in_the_copy(tmp_path: Path, hidden: str | None) -> None:
    document = metadata()
    document["@graph"].append({"@id": "results/", "@type": "Dataset", "name": "results"})
    entity(document, "./")["hasPart"].append({"@id": "results/"})
    crate = write_crate(tmp_path / "crate", document)
    (crate / "results").mkdir()
    if hidden:
        (crate / "results" / hidden).touch()
    looked = check(crate, validated=False)
    assert found(looked, 5) == [(Weight.MENDED, "results/")]
    with pack(looked) as package, zipfile.ZipFile(package.archive) as archive:
        assert "results/empty-folder.txt" in archive.namelist()
    assert sorted(path.name for path in (crate / "results").iterdir()) == ([hidden] if hidden else [])


def test_6_what_the_root_does_not_list_is_listed_in_the_copy(tmp_path: Path) -> None:
    looked = looked_at(tmp_path / "crate", hasPart=[{"@id": "count.sh"}, {"@id": "data/"}])
    assert found(looked, 6) == [(Weight.MENDED, "data/text%20one.txt")]
    assert {"@id": "data/text%20one.txt"} in entity(sent(looked), "./")["hasPart"]


def test_6_contextual_identifiers_get_a_hash_in_the_copy(tmp_path: Path) -> None:
    document = json.loads(json.dumps(metadata()).replace('"#shell"', '"shell language"'))
    looked = looked_at(tmp_path / "crate", document)
    assert found(looked, 6) == [(Weight.MENDED, "shell language")]
    made = sent(looked)
    assert entity(made, "count.sh")["programmingLanguage"] == {"@id": "#shell%20language"}
    assert entity(made, "#shell%20language")["name"] == "Shell Script"


def test_6_hidden_files_that_nothing_describes_are_named(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / ".settings").write_text("x")
    (crate / ".gitignore").write_text("x")
    assert found(check(crate, validated=False), 6) == [(Weight.WARNING, ".settings")]


@pytest.mark.parametrize(
    "values",
    [
        {"image": [{"@id": "count.sh"}, {"@id": "data/"}]},
        {"image": "count.sh"},
        {"image": {"@id": "#nothing"}},
        {"subjectOf": {"@id": "#shell"}},
        {"programmingLanguage": "Shell"},
        {"programmingLanguage": {"@id": "#unknown"}},
    ],
)
def test_7_references_that_break_the_server(tmp_path: Path, values: dict[str, Any]) -> None:
    document = changed(metadata(), "count.sh", **values)
    assert (Weight.ERROR, "count.sh") in found(looked_at(tmp_path / "crate", document), 7)


def test_7_a_list_of_one_is_sent_as_one(tmp_path: Path) -> None:
    document = changed(metadata(), "count.sh", programmingLanguage=[{"@id": "#shell"}])
    looked = looked_at(tmp_path / "crate", document)
    assert found(looked, 7) == [(Weight.MENDED, "count.sh")]
    assert entity(sent(looked), "count.sh")["programmingLanguage"] == {"@id": "#shell"}


def test_8_no_language(tmp_path: Path) -> None:
    document = changed(metadata(), "count.sh", programmingLanguage=None)
    assert found(looked_at(tmp_path / "crate", document), 8) == [(Weight.WARNING, "count.sh")]


@pytest.mark.parametrize(
    ("root", "weight"),
    [
        ({"name": None}, Weight.ERROR),
        ({"name": "x" * 256}, Weight.ERROR),
        ({"name": ["a", "b"]}, Weight.ERROR),
        ({"description": "x" * 65_536}, Weight.ERROR),
        ({"description": None}, Weight.WARNING),
        ({"license": None}, Weight.WARNING),
        ({"license": "my own"}, Weight.ERROR),
        ({"license": {"@id": "#ours"}}, Weight.WARNING),
        ({"license": {"name": "ours"}}, Weight.ERROR),
        ({"license": "apache 2.0"}, Weight.MENDED),
        ({"license": {"@id": "https://opensource.org/licenses/MIT"}}, Weight.MENDED),
        ({"license": {"@id": "https://creativecommons.org/licenses/by-nc/4.0/"}}, Weight.MENDED),
        ({"license": {"@id": "https://example.org/license"}}, Weight.ERROR),
        ({"license": [{"@id": "https://spdx.org/licenses/MIT"}]}, Weight.MENDED),
        ({"license": ["MIT", "Apache-2.0"]}, Weight.ERROR),
        ({"keywords": {"a": "b"}}, Weight.ERROR),
        ({"keywords": ["a, b"]}, Weight.WARNING),
    ],
)
def test_9_texts(tmp_path: Path, root: dict[str, Any], weight: Weight) -> None:
    assert found(looked_at(tmp_path / "crate", **root), 9) == [(weight, "./")]


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (metadata(author=None), "./"),
        (metadata(author="Ada Example"), "./"),
        (metadata(author={"@type": "Person", "name": "Nested"}), "./"),
        (changed(metadata(), ORCID, name=None), ORCID),
        (json.loads(json.dumps(metadata()).replace(ORCID, "#0000-0002-1825-0097")), "#0000-0002-1825-0097"),
    ],
)
def test_10_people(tmp_path: Path, document: dict[str, Any], named: str) -> None:
    assert (Weight.WARNING, named) in found(looked_at(tmp_path / "crate", document), 10)


@pytest.mark.parametrize(
    "root",
    [
        {"isBasedOn": None},
        {"isBasedOn": {"@id": SOURCE}},
        {"isBasedOn": [SOURCE]},
        {"isBasedOn": "urn:x:y"},
        {"isBasedOn": "https://github.com/owner/repo/tree/main"},
        {"isBasedOn": "https://github.com/owner/repo/"},
        {"version": None},
        {"version": ["1"]},
    ],
)
def test_11_source_and_version(tmp_path: Path, root: dict[str, Any]) -> None:
    assert found(looked_at(tmp_path / "crate", **root), 11) == [(Weight.ERROR, "./")]


def test_11_github_in_its_plain_form_and_numbers_as_version(tmp_path: Path) -> None:
    looked = looked_at(tmp_path / "crate", isBasedOn="https://github.com/owner/repo.x", version=2.5)
    assert not found(looked, 11)
    assert looked.facts.version == "2.5"


def test_credentials_keep_a_crate_at_home(tmp_path: Path) -> None:
    crate = write_crate(tmp_path / "crate")
    (crate / "count.sh").write_text("export API_TOKEN=ghp_" + "a1B2" * 9 + "\n")
    looked = check(crate, validated=False)
    assert not looked.passed
    assert [weight for weight, _ in found(looked, 15)] == [Weight.ERROR]


def test_a_zip_with_a_top_folder_is_a_crate(tmp_path: Path) -> None:
    archive = zipped(write_crate(tmp_path / "crate"), "top folder/")
    looked = check(archive, validated=False)
    assert looked.passed
    with pack(looked) as package:
        assert not package.is_temporary
        assert package.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
        assert set(package.digests) == {"count.sh", "data/text one.txt"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8) | st.sampled_from(["./", "#a", "%zz", "../x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@id", "@type", "name", "about", "hasPart"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.integers(0, 7), name=st.text(max_size=6), value=_JSON, at=st.sampled_from(
    ["@id", "@type", "about", "conformsTo", "hasPart", "mainEntity", "author", "license", "keywords", "version",
     "isBasedOn", "programmingLanguage", "image", "name", "description", "identifier", ""]
))  # fmt: skip
def test_any_broken_metadata_get_an_answer(
    tmp_path_factory: pytest.TempPathFactory, where: int, name: str, value: Any, at: str
) -> None:
    document = copy.deepcopy(metadata())
    document["@graph"][where][at or name] = value
    crate = write_crate(tmp_path_factory.mktemp("broken") / "crate", document)
    looked = check(crate, validated=False)
    if looked.passed:
        with pack(looked) as package:
            assert package.size
