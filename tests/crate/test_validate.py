"""Validation: the profile that the crate claims, every finding with entity and way out, and no network."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("rocrate_validator")

from provenance.crate.validate import claimed_profiles, validate
from provenance.errors import CrateError, UsageError

PROJECT = Path(__file__).parents[2]
COMPSS = PROJECT / "tests" / "data" / "crates" / "compss-3.4"
CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    "https://w3id.org/ro/terms/workflow-run/context",
]


def metadata(root=None, *more, context="https://w3id.org/ro/crate/1.1/context"):
    """Metadata of a crate that nothing is found in at the required level."""
    graph = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": "Small",
            "description": "A small crate",
            "datePublished": "2026-03-16",
            "license": {"@id": "https://spdx.org/licenses/MIT"},
            **(root or {}),
        },
        {
            "@id": "https://spdx.org/licenses/MIT",
            "@type": "CreativeWork",
            "name": "MIT",
            "description": "MIT",
        },
        *more,
    ]
    return {
        "@context": context,
        "@graph": [{k: v for k, v in e.items() if v is not None} for e in graph],
    }


def write(folder, document):
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "ro-crate-metadata.json").write_text(json.dumps(document), "utf-8")
    return folder


def found(report):
    return {(issue.check, issue.entity) for issue in report.issues}


def test_a_good_crate_passes(tmp_path):
    report = validate(write(tmp_path / "crate", metadata()), level="required")
    assert report.passed, report.issues
    assert report.profile == "ro-crate-1.1"


def test_all_problems_come_at_once_with_entity_and_hint(tmp_path):
    parts = {"hasPart": [{"@id": "a.txt"}, {"@id": "b.txt"}], "name": None, "description": None}
    files = [{"@id": name, "@type": "File"} for name in ("a.txt", "b.txt")]
    report = validate(write(tmp_path / "crate", metadata(parts, *files)), level="required")
    assert not report.passed
    assert found(report) == {
        ("Root Data Entity: `name` property", "./"),
        ("Root Data Entity: `description` property", "./"),
        ("Data Entity: REQUIRED resource availability", "a.txt"),
        ("Data Entity: REQUIRED resource availability", "b.txt"),
    }
    assert all(issue.hint and issue.level == "required" for issue in report.issues)


def test_levels_include_those_below(tmp_path):
    crate = write(
        tmp_path / "crate",
        metadata({"hasPart": {"@id": "a.txt"}}, {"@id": "a.txt", "@type": "File"}),
    )
    (crate / "a.txt").write_text("a")
    counts = [len(validate(crate, level=level).issues) for level in ("required", "recommended", "optional")]
    assert counts[0] == 0 < counts[1] < counts[2]


def test_the_most_specific_profile_is_checked_with_all_that_it_builds_on():
    report = validate(COMPSS / "ro-crate-metadata.json", level="required")
    assert report.profile == "provenance-run-crate-0.5"
    assert set(report.profiles) == {
        "ro-crate-1.1",
        "process-run-crate-0.5",
        "workflow-ro-crate-1.0",
        "workflow-run-crate-0.5",
        "provenance-run-crate-0.5",
    }


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (
            ["ro/wfrun/process/0.5", "ro/wfrun/provenance/0.5"],
            [("provenance-run-crate", "0.5"), ("process-run-crate", "0.5")],
        ),
        (
            ["ro/wfrun/workflow/0.4", "ro/wfrun/workflow/0.5"],
            [("workflow-run-crate", "0.5"), ("workflow-run-crate", "0.4")],
        ),
        (["workflowhub/workflow-ro-crate/1.0"], [("workflow-ro-crate", "1.0")]),
        (["ro/else/1.0"], []),
    ],
)
def test_claims_are_sorted_by_how_specific_they_are(claims, expected):
    document = metadata({"conformsTo": [{"@id": f"https://w3id.org/{claim}"} for claim in claims]})
    assert claimed_profiles(document, "x") == [*expected, ("ro-crate", "1.1")]


def test_profiles_that_do_not_build_on_each_other_are_both_checked(tmp_path):
    claims = [
        "https://w3id.org/ro/wfrun/process/0.5",
        "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
    ]
    document = metadata(
        {"conformsTo": [{"@id": claim} for claim in claims]},
        *({"@id": claim, "@type": "CreativeWork", "name": "n", "version": "1"} for claim in claims),
    )
    report = validate(write(tmp_path / "crate", document), level="required")
    assert {"process-run-crate-0.5", "workflow-ro-crate-1.0"} <= set(report.profiles)
    assert any(issue.id.startswith("workflow-ro-crate") for issue in report.issues)


def test_an_older_version_is_checked_against_the_nearest_and_that_is_said(tmp_path):
    claim = "https://w3id.org/ro/wfrun/process/0.1"
    document = metadata({"conformsTo": {"@id": claim}}, {"@id": claim, "@type": "CreativeWork"})
    report = validate(write(tmp_path / "crate", document), level="required")
    assert report.profile == "process-run-crate-0.5"
    assert "process-run-crate 0.1" in report.notes[0]


def test_a_profile_can_be_named_with_or_without_version(tmp_path):
    crate = write(tmp_path / "crate", metadata())
    assert validate(crate, "process-run-crate", "required").profile == "process-run-crate-0.5"
    with pytest.raises(UsageError, match=r"provenance-run-crate-0\.5"):
        validate(crate, "no-such-thing")


@pytest.mark.parametrize("top", ["", "small-1.0/"])
def test_a_zip_is_checked_like_its_folder_without_being_unpacked(tmp_path, top):
    parts = {"hasPart": [{"@id": "a%20b.txt"}, {"@id": "gone.txt"}, {"@id": "folder/"}]}
    files = [
        {"@id": "a%20b.txt", "@type": "File"},
        {"@id": "gone.txt", "@type": "File"},
        {"@id": "folder/", "@type": "Dataset"},
    ]
    document = metadata(parts, *files)
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr(f"{top}ro-crate-metadata.json", json.dumps(document))
        archive.writestr(f"{top}a b.txt", "a" * 1000)
        archive.writestr(f"{top}folder/x", "x")
    report = validate(tmp_path / "c.zip", level="required")
    assert found(report) == {("Data Entity: REQUIRED resource availability", "gone.txt")}


def test_of_a_bare_file_only_the_metadata_is_checked(tmp_path):
    document = metadata({"hasPart": {"@id": "a.txt"}}, {"@id": "a.txt", "@type": "File"})
    bare = tmp_path / "some.json"
    bare.write_text(json.dumps(document))
    report = validate(bare, level="required")
    assert report.passed
    assert any("only the metadata" in note for note in report.notes)


@pytest.mark.parametrize("name", ["with blank#tag", "100% quest?ion", "-ünï"])
def test_crates_in_folders_of_any_name(tmp_path, name):
    assert validate(write(tmp_path / name, metadata()), level="required").passed


def test_a_crate_is_left_as_it_was(tmp_path):
    crate = write(tmp_path / "crate", metadata())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    validate(crate)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_context_that_does_not_ship_is_assumed_and_that_is_said(tmp_path):
    document = metadata(
        {"odd": "x"},
        context=["https://w3id.org/ro/crate/1.1/context", "https://example.org/odd/context"],
    )
    report = validate(write(tmp_path / "crate", document), level="required")
    assert report.passed, report.issues
    assert any("https://example.org/odd/context" in note for note in report.notes)


def test_a_term_that_no_context_defines_is_found(tmp_path):
    report = validate(write(tmp_path / "crate", metadata({"odd": "x"})), level="required")
    assert [issue.check for issue in report.issues] == ["Validation of the compaction format of the file descriptor"]


def test_a_crate_without_root_is_a_finding_not_an_error(tmp_path):
    document = {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [{"@id": "a", "@type": "File"}],
    }
    assert not validate(write(tmp_path / "crate", document), level="required").passed


def test_what_can_not_be_read_is_an_error(tmp_path):
    with pytest.raises(CrateError):
        validate(tmp_path)


def test_a_long_check_is_announced(tmp_path):
    told = []
    validate(
        write(tmp_path / "crate", metadata()),
        level="required",
        announce=lambda n, seconds: told.append((n, seconds)),
    )
    assert told == [(3, pytest.approx(2.0, abs=0.1))]


GUARD = """
import sys
def guard(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        print("NETWORK", event, arguments, file=sys.stderr)
        raise OSError("no network in this test")
sys.addaudithook(guard)
"""


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_no_network_is_tried_and_the_answer_is_alone_on_standard_output(tmp_path, version):
    document = metadata(
        {
            "hasPart": [{"@id": "https://example.org/a.csv"}],
            "isBasedOn": {"@id": "https://example.org/"},
        },
        {
            "@id": "https://example.org/a.csv",
            "@type": "File",
            "contentSize": "12",
            "url": "https://example.org/a.csv",
        },
        context=[f"https://w3id.org/ro/crate/{version}/context", "https://example.org/unknown"],
    )
    document["@graph"][0]["conformsTo"] = {"@id": f"https://w3id.org/ro/crate/{version}"}
    crate = write(tmp_path / "crate", document)
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD)
    program = "import sys; from provenance.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "validate", "--json", "--level", "optional", str(crate)],
        env={**os.environ, "PYTHONPATH": f"{guard}:{PROJECT}", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NETWORK" not in ran.stderr
    assert "504" not in ran.stdout
    report = json.loads(ran.stdout)
    assert set(report) == {"passed", "profile", "level", "issues"}
    assert report["profile"] == f"ro-crate-{version}"
    assert ran.returncode == (0 if report["passed"] else 1)
    assert not (tmp_path / ".cache").exists(), "nothing is left in the user's cache"


def test_shipped_files_are_where_they_are_listed():
    profiles = PROJECT / "provenance" / "profiles"
    listed = json.loads((profiles / "contexts.json").read_text("utf-8"))
    assert all((profiles / "contexts" / name).is_file() for name in listed.values())
    assert all(isinstance(hint, str) for hint in json.loads((profiles / "hints.json").read_text("utf-8")).values())


def test_hints_are_for_checks_that_exist():
    from rocrate_validator import services

    names = {c.name for p in services.get_profiles() for r in p.requirements for c in r.get_checks()}
    names |= {r.name for p in services.get_profiles() for r in p.requirements}
    hints = json.loads((PROJECT / "provenance" / "profiles" / "hints.json").read_text("utf-8"))
    assert set(hints) <= names


@pytest.fixture(autouse=True)
def clean_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield
    shutil.rmtree(tmp_path / "home", ignore_errors=True)


def test_a_finding_names_the_entity_even_where_the_validator_names_its_type(tmp_path):
    claim = "https://w3id.org/ro/wfrun/process/0.5"
    document = metadata(
        {"conformsTo": {"@id": claim}, "mentions": {"@id": "#run"}},
        {"@id": claim, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        {"@id": "#run", "@type": "CreateAction", "instrument": {"@id": "#sort"}},
        {"@id": "#sort", "@type": "SoftwareApplication", "name": "sort"},
        context=CONTEXT,
    )
    report = validate(write(tmp_path / "crate", document))
    assert ("SoftwareApplication id", "#sort") in found(report)
    assert not any("wfprov-validate" in f"{issue.entity}{issue.message}" for issue in report.issues)


def test_a_zip_with_hostile_names_writes_nothing_outside(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("ro-crate-metadata.json", json.dumps(metadata()))
        for name in (
            "../../evil.txt",
            "/evil.txt",
            "a/../../../evil.txt",
            "a/%2e%2e/%2e%2e/%2e%2e/evil.txt",
            "a",
            "a/b",
        ):
            archive.writestr(name, "evil")
    before = set(tmp_path.rglob("*"))
    assert validate(tmp_path / "c.zip", level="required").passed
    assert set(tmp_path.rglob("*")) == before
