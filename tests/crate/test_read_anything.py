"""Whatever a metadata file holds, reading gives a Run or a CrateError, and never anything else."""

import copy
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.cli.run_text import data_lines, summary_lines, task_lines
from provenance.crate.read import read
from provenance.crate.source import parse
from provenance.errors import CrateError
from provenance.run.as_dict import run_as_dict
from provenance.run.model import Run

CRATES = Path(__file__).parent.parent / "data" / "crates"
DOCUMENTS = [
    parse(next(folder.glob("ro-crate-metadata.json*")).read_bytes(), folder) for folder in sorted(CRATES.iterdir())
]
IDS = [entity["@id"] for document in DOCUMENTS for entity in document["@graph"]]
NAMES = sorted({key for document in DOCUMENTS for entity in document["@graph"] for key in entity})

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "\ud800",
            "\udc80x",
            "",
            " ",
            "#",
            "./",
            "..",
            "%",
            "%FF",
            "file://",
            "http://[",
            "a\x00b",
            "2026-99-99",
        ]
    )
)
references = st.sampled_from(IDS).map(lambda identifier: {"@id": identifier})
values = st.recursive(
    scalars | references,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["@id", "@value", "@list", "@set", "@type", "name", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def nested(depth):
    found = "end"
    for _ in range(depth):
        found = [found] if depth % 2 else {"@list": found}
    return found


@st.composite
def documents(draw):
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    graph = document["@graph"]
    for _ in range(draw(st.integers(1, 6))):
        entity = draw(st.sampled_from(graph))
        if not isinstance(entity, dict):
            continue
        kind = draw(st.sampled_from(["value", "drop", "type", "id", "cycle", "nest", "entity", "remove"]))
        name = draw(st.sampled_from(NAMES))
        if kind == "value":
            entity[name] = draw(values)
        elif kind == "drop":
            entity.pop(name, None)
        elif kind == "type":
            entity["@type"] = draw(
                st.sampled_from(["CreateAction", "Collection", "File", ["Dataset", "Collection"], "Thing"])
            )
        elif kind == "id":
            entity["@id"] = draw(st.sampled_from(IDS) | scalars)
        elif kind == "cycle":
            entity[name] = {"@id": entity.get("@id")}
        elif kind == "nest":
            entity[name] = nested(draw(st.integers(1, 60)))
        elif kind == "entity":
            graph.append(draw(values))
        elif len(graph) > 1:
            graph.remove(entity)
    return document


def read_or_refuse(path):
    try:
        run = read(path)
    except CrateError as error:
        assert str(error)
        return
    assert isinstance(run, Run)
    json.dumps(run_as_dict(run))
    lines = (
        summary_lines(run, 80, True) + data_lines(run, 80, True) + list(task_lines(run, enumerate(run.tasks, 1), 80))
    )
    assert not [line for line in lines if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in line)]


@settings(max_examples=300, deadline=None)
@given(document=documents())
def test_mutated_metadata(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "ro-crate-metadata.json"
    path.write_text(json.dumps(document), "utf-8")
    read_or_refuse(path)
    read_or_refuse(path.parent)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200) | values.map(lambda v: json.dumps({"@graph": v}).encode()))
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(content)
    read_or_refuse(path)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=100), cut=st.integers(0, 4000))
def test_any_zip(tmp_path_factory, content, cut):
    import zipfile

    path = tmp_path_factory.getbasetemp() / "any.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(CRATES / "galaxy" / "ro-crate-metadata.json", "top/ro-crate-metadata.json")
    raw = path.read_bytes()
    path.write_bytes(raw[:cut] + content + raw[cut + len(content) :])
    read_or_refuse(path)
