"""What a re-run needs of a crate is read back as it was: paths at the run, states of files, which run is repeated."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sample_runs import FILLED, data, rich_run, simple_run, write_file

from provenance.crate.graph import Graph
from provenance.crate.originals import original_path, sha256_of, version_of
from provenance.crate.read import read
from provenance.crate.settings import DataMode, PackSettings
from provenance.crate.write import write
from provenance.rerun.files import needed_files
from provenance.rerun.placing import placement, recorded_paths
from provenance.rerun.unpacking import unpack
from provenance.run.model import Repetition, Role, Run, Status, Tool

COPY = PackSettings(data=DataMode.COPY)
REPEATS = Repetition(
    run="20251122-x",
    name="Model selection: first, \x1b[31mred",
    url="https://doi.org/10.5281/zenodo.1234",
    sha256="ab" * 32,
    result="reproduced within tolerance",
    reason="2 of 3 outputs are identical, model.npz is within 1e-9",
    changes=("n_samples: 8 -> 16", "data: <old>.csv -> new.csv"),
)


def entities(crate: Path) -> dict[str, dict[str, object]]:
    return {one["@id"]: one for one in json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]}


@pytest.mark.parametrize("mode", [DataMode.COPY, DataMode.REFERENCE])
def test_every_file_and_folder_gets_its_path_at_the_run_back(tmp_path, mode):
    run = rich_run(tmp_path / "work dir")
    awkward = [b"a b#c?d%41.txt", b"two\nlines", b"-n", b"caf\xc3\xa9", b"not utf-8 \xff", b"%2Fetc", b"a/x", b"b/x"]
    paths = [write_file(tmp_path / "work dir" / os.fsdecode(name), b"in " + name) for name in awkward]
    made = tuple(data(path, Role.INPUT, key=f"awkward {number}") for number, path in enumerate(paths))
    run = replace(run, data=(*run.data, *made), inputs=(*run.inputs, *(one.key for one in made)))
    write(run, tmp_path / "crate", PackSettings(data=mode))
    found = read(tmp_path / "crate")
    assert {one.path for one in run.data} <= {one.original for one in found.data}
    for one in found.data:  # each leads to the file that has these bytes
        if one.original and one.sha256 and one.content and not one.original.endswith("counter.txt"):
            assert Path(one.content).read_bytes() == Path(one.original).read_bytes()


def test_the_states_of_a_file_that_was_changed_in_place_are_told_apart(tmp_path):
    run = rich_run(tmp_path / "work")
    between = write_file(tmp_path / "work" / ".saved" / "1", "one and a half\n")
    path = str(tmp_path / "work" / "counter.txt")
    states = [one for one in run.data if one.path != path]
    before, after = (one for one in run.data if one.path == path)
    middle = replace(after, key="middle", version=1, content=str(between), size=15, mtime_ns=None)
    changed = (*states, before, middle, replace(after, version=2))
    write(replace(run, data=changed), tmp_path / "crate", COPY)
    found = [one for one in read(tmp_path / "crate").data if one.original == path]
    contents = {one.version: Path(one.content or "").read_text() for one in found}
    assert contents == {0: "1\n", 1: "one and a half\n", 2: "2\n"}
    assert {one.role for one in found if one.version == 0} == {Role.INPUT}
    # Crates from before there was a mark say it in words.
    metadata = tmp_path / "crate" / "ro-crate-metadata.json"
    document = json.loads(metadata.read_text())
    for entity in document["@graph"]:
        if entity.get("alternateName") == path:
            del entity["version"]
    metadata.write_text(json.dumps(document))
    told = [one.version for one in read(tmp_path / "crate").data if one.original == path]
    assert told == [one.version for one in found]


def test_what_others_call_a_version_is_no_state_of_a_file(tmp_path):
    source = {"@id": "a.py", "version": "7", "alternateName": "/a.py", "@type": ["File", "SoftwareSourceCode"]}
    graph = graph_of({"@id": "data.csv", "@type": "File", "version": "3"}, source)
    assert [version_of(graph, graph.get(name)) for name in ("data.csv", "a.py")] == [0, 0]


def graph_of(*described: dict[str, object]) -> Graph:
    root = {"@id": "./", "@type": "Dataset"}
    descriptor = {"@id": "ro-crate-metadata.json", "about": {"@id": "./"}}
    return Graph({"@graph": [descriptor, root, *described]}, "test")


@pytest.mark.parametrize(
    ("identifier", "other", "path"),
    [
        ("dataset/a", "/home/ada/a", "/home/ada/a"),
        ("dataset/a", "file://host/home/%FF%20a", "/home/\udcff a"),
        ("file://node%201/data/a%20b%23c%3Fd%25", None, "/data/a b#c?d%"),
        ("file:///data/a?b#c", None, "/data/a?b#c"),
        ("file://host/data/folder/", None, "/data/folder"),
        ("dataset/a", "a short name", None),
        ("dataset/a", "../up", None),
        ("dataset/a", "/home/../etc/passwd", None),
        ("file://host/home/%2E%2E/etc/passwd", None, None),
        ("file://host/a%00b", None, None),
        ("dataset/a", "/nul\0", None),
        ("dataset/a", "//double", None),
        ("file://[::1/x", None, None),
        ("file://host", None, None),
        ("dataset/a", "/" + "x" * 5_000_000, None),
        ("https://example.org/a", "file://" + "x" * 5_000_000, None),
        ("dataset/a", {"@id": "#x"}, None),
        ("dataset/a", ["short", "/long/a"], "/long/a"),
    ],
)
def test_only_paths_that_can_be_meant_are_taken(identifier, other, path):
    described = {"@id": identifier, "@type": "File"} | ({} if other is None else {"alternateName": other})
    graph = graph_of(described)
    assert original_path(graph, graph.get(identifier)) == path


@given(st.text())
@example("A" * 64)
@example("٣" * 64)
@example(" " + "0" * 64 + "\n")
def test_a_digest_is_64_hexadecimal_digits_or_none(text):
    graph = graph_of({"@id": "a", "sha256": text})
    found = sha256_of(graph, graph.get("a"))
    wanted = text.strip().lower()
    assert found == (wanted if len(wanted) == 64 and set(wanted) <= set("0123456789abcdef") else None)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=60).filter(lambda raw: not {0, 47} & set(raw) and raw not in (b".", b"..")))
@example(b"\xff\xfe")
@example(b"\n\x1b[31m")
def test_any_name_survives(name):
    from provenance.crate.data_entities import original_path as written

    path = "/work/" + os.fsdecode(name)
    graph = graph_of({"@id": "x", "alternateName": json.loads(json.dumps(written(simple(), path)))})
    assert original_path(graph, graph.get("x")) == path


def simple():
    return Run("1", "x", Status.COMPLETED, host="node 1")


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_repetition_is_written_told_and_read_back(tmp_path, as_zip):
    verdict = write_file(tmp_path / "v.json", '{"result": "reproduced within tolerance"}\n')
    run = simple_run(tmp_path / "work", about=FILLED, repeats=replace(REPEATS, verdict=str(verdict)))
    target = tmp_path / ("c.crate.zip" if as_zip else "crate")
    report = write(run, target, PackSettings(as_zip=as_zip))
    found = read(target)
    assert found.repeats is not None
    assert replace(found.repeats, verdict=None) == REPEATS
    assert found.about.url == FILLED.url  # the source of the workflow, not the crate that was repeated
    assert found.gaps == run.gaps
    if as_zip:
        return
    assert found.repeats.verdict == str(tmp_path / "crate" / "verdict.json")
    assert Path(found.repeats.verdict).read_bytes() == verdict.read_bytes()
    graph = entities(target)
    assert graph["./"]["isBasedOn"] == FILLED.url  # as text: servers refuse anything else
    assert graph["./"]["citation"] == {"@id": REPEATS.url}
    assert {"@id": "verdict.json"} in graph["./"]["hasPart"]
    assert graph["verdict.json"]["about"] == {"@id": "#run-20251122-x"}
    for name in ("README.md", "ro-crate-preview.html"):
        text = (target / name).read_text()
        assert "reproduced within tolerance" in text and "samples: 8" in text and "20251122-x" in text, name
    assert not report.gaps


def test_without_an_address_of_the_source_the_crate_is_based_on_the_repeated_one(tmp_path):
    bare = Repetition("run/1 ä", url="http://127.0.0.1:5000/workflows/3")
    write(simple_run(tmp_path / "work", repeats=bare), tmp_path / "crate")
    graph = entities(tmp_path / "crate")
    assert graph["./"]["isBasedOn"] == graph["./"]["citation"] == {"@id": "#repeated-run"}
    found = read(tmp_path / "crate")
    assert found.repeats == bare and found.about.url is None


def test_a_verdict_that_is_gone_is_said(tmp_path):
    lost = replace(REPEATS, verdict=str(tmp_path / "none.json"))
    report = write(simple_run(tmp_path / "work", repeats=lost), tmp_path / "crate")
    assert any("verdict.json" in gap for gap in report.gaps)
    assert "verdict.json" not in entities(tmp_path / "crate")


def test_what_tells_of_a_repetition_is_valid_at_the_recommended_level(tmp_path):
    pytest.importorskip("rocrate_validator")
    from provenance.crate.validate import validate

    verdict = write_file(tmp_path / "v.json", "{}\n")
    # Without the address of the source there is more that could be wrong: the root is based on the repeated crate.
    run = rich_run(tmp_path / "work", about=replace(FILLED, url=None), repeats=replace(REPEATS, verdict=str(verdict)))
    run = replace(run, environment=replace(run.environment, source_control=None))
    write(run, tmp_path / "crate")
    assert entities(tmp_path / "crate")["./"]["isBasedOn"] == {"@id": REPEATS.url}
    assert {one.check for one in validate(tmp_path / "crate", level="recommended").issues} <= {"SoftwareApplication id"}


def test_programs_of_a_run_can_be_executed_in_its_crate(tmp_path):
    run = simple_run(tmp_path / "work")
    program = write_file(tmp_path / "work" / "heat", b"\x7fELF program\n")
    program.chmod(0o755)
    run = replace(run, data=(*run.data, data(program, Role.SOURCE, key="heat")))
    write(run, tmp_path / "crate")
    write(run, tmp_path / "c.zip", PackSettings(as_zip=True))
    unpack(tmp_path / "c.zip", tmp_path / "unpacked")
    for crate in ("crate", "unpacked"):
        for name in ("application_sources/heat", "application_sources/run.sh"):
            assert (tmp_path / crate / name).stat().st_mode & stat.S_IXUSR, (crate, name)
        # What a server packed again has lost it; that the run executed the file is told all the same.
        (tmp_path / crate / "application_sources/heat").chmod(0o644)
        heat = Tool("t", "heat", "program", source_key="application_sources/heat")
        run = replace(read(tmp_path / crate), tools=(heat,))
        where = placement(run, recorded_paths(run, {}), tmp_path / "again")
        files = needed_files(run, tmp_path / crate, recorded_paths(run, {}), where)
        assert [one.key for one in files if one.is_program] == ["application_sources/heat"]


def test_the_links_that_a_run_went_through_are_told(tmp_path):
    path = write_file(tmp_path / "work" / "real.csv", "1\n")
    others = (str(tmp_path / "work" / "link a.csv"), os.fsdecode(b"/other/\xff.csv"))
    run = simple_run(tmp_path / "work")
    run = replace(run, data=(*run.data, data(path, Role.INPUT, key="real", names=others)), inputs=("in", "real"))
    write(run, tmp_path / "crate")
    found = {one.original: one.names for one in read(tmp_path / "crate").data if one.names}
    assert found == {str(path): others}
