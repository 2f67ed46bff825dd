"""Crates of CWL runs: the job order is rebuilt and cwltool executes the workflow."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from provenance.crate.read import read
from provenance.rerun import engines
from provenance.rerun.engines import cwl
from tests.rerun.compss_crates import executed, outputs_of, recognised

SHARED = Path(__file__).parents[3] / "shared" / "data" / "crates"
needs_cwltool = pytest.mark.skipif(cwl.find_cwltool() is None, reason="cwltool is not installed")

WORKFLOW = """\
cwlVersion: v1.2
class: Workflow
requirements: {MultipleInputFeatureRequirement: {}}
inputs:
  input: File
  more: File[]
  folder: Directory
  reverse_sort: {type: boolean, default: true}
  lines: int
  mark: string
outputs:
  output: {type: File, outputSource: sorted/output}
steps:
  gathered:
    run: gather.cwl
    in: {input: input, more: more, folder: folder, lines: lines, mark: mark}
    out: [output]
  sorted:
    run: tools/sort.cwl
    in: {input: gathered/output, reverse: reverse_sort}
    out: [output]
"""
GATHER = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [sh, -c, 'printf "%s\\n" "$2"; head -qn "$1" "$3" "$4"/*; shift 4; rev "$@"', gather]
inputs:
  lines: {type: int, inputBinding: {position: 1}}
  mark: {type: string, inputBinding: {position: 2}}
  input: {type: File, inputBinding: {position: 3}}
  folder: {type: Directory, inputBinding: {position: 4}}
  more: {type: 'File[]', inputBinding: {position: 5}}
outputs:
  output: {type: stdout}
stdout: gathered.txt
"""
SORT = """\
cwlVersion: v1.2
class: CommandLineTool
baseCommand: sort
inputs:
  reverse: {type: boolean, inputBinding: {position: 1, prefix: --reverse}}
  input: {type: File, inputBinding: {position: 2}}
outputs:
  output: {type: stdout}
stdout: output.txt
"""
LINES = {"wha le#1.txt": "zebra\nant\n", "a/same.txt": "abc\n", "b/same.txt": "xyz\n", "box/part.txt": "in a folder\n"}
EXPECTED = sorted(["true", "zebra", "in a folder", "cba", "zyx"])  # by byte; --reverse is not given


def _parameter(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"@id": f"main.cwl#{name}", "@type": "FormalParameter", "name": name, "additionalType": kind, **more}


def _of(name: str) -> dict[str, Any]:
    return {"exampleOfWork": {"@id": f"main.cwl#{name}"}}


def crate_of_runcrate(folder: Path) -> Path:
    """A crate as runcrate makes one: data under their digests, with the names that they had beside them."""
    crate = folder / "crate"
    (crate / "tools").mkdir(parents=True)
    for name, text in (("main.cwl", WORKFLOW), ("gather.cwl", GATHER), ("tools/sort.cwl", SORT)):
        (crate / name).write_text(text, encoding="utf-8")
    entities: list[dict[str, Any]] = []

    def add(name: str, text: str, below: str = "", **more: Any) -> str:
        # Also data of one content are several.
        key = below + hashlib.sha1((name + text).encode(), usedforsecurity=False).hexdigest()
        (crate / key).parent.mkdir(exist_ok=True)
        (crate / key).write_text(text, encoding="utf-8")
        entities.append({"@id": key, "@type": "File", "alternateName": name, **more})
        return key

    whale, same, other, part = LINES
    objects = [add(whale, LINES[whale], **_of("input"))]
    objects += [add("same.txt", LINES[name], **_of("more")) for name in (same, other)]
    inside = add(part, LINES[part], "b0cs/")
    entities.append(
        {"@id": "b0cs/", "@type": "Dataset", "alternateName": "box", "hasPart": [{"@id": inside}], **_of("folder")}
    )
    objects.append("b0cs/")
    for name, value in (("reverse_sort", "False"), ("lines", "1"), ("mark", "true")):
        entities.append({"@id": f"#pv-{name}", "@type": "PropertyValue", "name": name, "value": value, **_of(name)})
        objects.append(f"#pv-{name}")
    result = add("output.txt", "".join(f"{line}\n" for line in EXPECTED), **_of("output"))
    inputs = [
        _parameter("input", "File"),
        _parameter("more", "File", multipleValues="True"),
        _parameter("folder", "Dataset"),
        _parameter("reverse_sort", "Boolean", defaultValue="True"),
        _parameter("lines", "Integer"),
        _parameter("mark", "Text"),
    ]
    graph = [
        {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"}},
        {
            "@id": "./",
            "@type": "Dataset",
            "hasPart": [{"@id": key} for key in ("main.cwl", "gather.cwl", "tools/sort.cwl", *objects[:4], result)],
            "mainEntity": {"@id": "main.cwl"},
            "mentions": {"@id": "#run"},
        },
        {
            "@id": "main.cwl",
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "programmingLanguage": {"@id": "https://w3id.org/workflowhub/workflow-ro-crate#cwl"},
            "input": [{"@id": each["@id"]} for each in inputs],
            "output": [{"@id": "main.cwl#output"}],
            "hasPart": [{"@id": "gather.cwl"}, {"@id": "tools/sort.cwl"}],
        },
        {"@id": "gather.cwl", "@type": ["File", "SoftwareSourceCode"]},
        {"@id": "tools/sort.cwl", "@type": ["File", "SoftwareSourceCode"]},
        {
            "@id": "https://w3id.org/workflowhub/workflow-ro-crate#cwl",
            "@type": "ComputerLanguage",
            "name": "Common Workflow Language",
            "alternateName": "CWL",
        },
        *inputs,
        _parameter("output", "File"),
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "Run of workflow/main.cwl",
            "instrument": {"@id": "main.cwl"},
            "object": [{"@id": key} for key in objects],
            "result": [{"@id": result}],
        },
        *entities,
    ]
    (crate / "ro-crate-metadata.json").write_text(
        json.dumps({"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}), encoding="utf-8"
    )
    return crate


def _job(crate: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(recognised(crate).texts[0][1])
    return found


def test_job_order_has_each_value_in_its_type_and_each_file_under_its_name(tmp_path: Path) -> None:
    job = _job(crate_of_runcrate(tmp_path))

    assert job["input"] == {"class": "File", "location": "inputs/wha%20le%231.txt"}
    assert [one["class"] for one in job["more"]] == ["File", "File"]
    assert {Path(one["location"]).name for one in job["more"]} == {"same.txt"}
    assert len({one["location"] for one in job["more"]}) == 2
    assert job["folder"] == {"class": "Directory", "location": "inputs/box"}
    assert (job["reverse_sort"], job["lines"], job["mark"]) == (False, 1, "true")


@needs_cwltool
def test_workflow_gives_the_recorded_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("HOME", str(tmp_path))
    crate = crate_of_runcrate(tmp_path)
    before = {path: path.read_bytes() for path in crate.rglob("*") if path.is_file()}

    executed(crate, tmp_path / "new")

    assert outputs_of(crate, tmp_path / "new") == {"/recorded/results/output.txt": True}
    assert {path: path.read_bytes() for path in crate.rglob("*") if path.is_file()} == before


def test_without_cwltool_the_plan_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cwl, "find_cwltool", lambda: None)

    problems = recognised(crate_of_runcrate(tmp_path)).problems

    assert len(problems) == 1
    assert "wfprov[cwl]" in problems[0]


def test_parameters_that_the_crate_does_not_tell_are_named(tmp_path: Path) -> None:
    crate = _changed(crate_of_runcrate(tmp_path), "main.cwl#lines", valueRequired="True")
    _changed(crate, "#pv-lines", exampleOfWork=[])

    assert any("lines" in problem for problem in recognised(crate).problems)


def _changed(crate: Path, identifier: str, **properties: Any) -> Path:
    metadata = crate / "ro-crate-metadata.json"
    document = json.loads(metadata.read_text(encoding="utf-8"))
    for entity in document["@graph"]:
        if entity["@id"] == identifier:
            entity.update(properties)
    metadata.write_text(json.dumps(document), encoding="utf-8")
    return crate


@pytest.mark.parametrize(
    "properties",
    [
        {"value": [{"@id": "#pv-mark"}, {"@id": "#pv-mark"}]},
        {"@type": "Collection", "hasPart": [{"@id": "#pv-mark"}], "mainEntity": {"@id": "#pv-mark"}},
        {"@id": "file:///etc/passwd", "@type": "File"},
        {"@id": "../../etc/passwd", "@type": "File"},
        {"@id": "http://127.0.0.1:1/latest", "@type": "File"},
    ],
    ids=["within-itself", "collection-of-itself", "file", "climbing", "remote"],
)
def test_hostile_values_are_problems_and_never_places(properties: dict[str, Any], tmp_path: Path) -> None:
    crate = _changed(crate_of_runcrate(tmp_path), "#pv-mark", **properties)
    if "@id" in properties:
        _changed(crate, "#run", object=[{"@id": properties["@id"]}])

    recipe = recognised(crate)

    assert [problem for problem in recipe.problems if "mark" in problem]
    assert "passwd" not in recipe.texts[0][1]
    assert "127.0.0.1" not in recipe.texts[0][1]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published crates are not here")
@pytest.mark.parametrize("name", ["runcrate-revsort", "streamflow-ml-predict", "sapporo-tests-ro-crate"])
def test_published_crates_are_understood_once_their_workflow_is_there(name: str, tmp_path: Path) -> None:
    crate = tmp_path / name
    shutil.copytree(SHARED / name, crate)
    run = read(crate)
    assert "is not in the crate" in recognised(crate).problems[0]
    workflow = crate / str(run.main)
    crate.chmod(0o755)
    workflow.parent.mkdir(parents=True, exist_ok=True)
    workflow.write_text("class: Workflow\n", encoding="utf-8")

    job = _job(crate)

    if name == "runcrate-revsort":
        assert job == {"input": {"class": "File", "location": "inputs/whale.txt"}, "reverse_sort": True}
    elif name == "streamflow-ml-predict":
        slide = job["slide"]
        assert slide["location"] == "inputs/Mirax2-Fluorescence-2.mrxs"
        assert slide["secondaryFiles"] == [{"class": "Directory", "location": "inputs/Mirax2-Fluorescence-2"}]
        assert (job["tissue-high-level"], job["tissue-low-level"]) == (4, 9)
        assert job["tumor-filter"] == "tissue_low>0.99"
    else:
        assert job["fastq_1"] == {"class": "File", "location": "inputs/ERR034597_1.small.fq.gz"}


def test_what_wfprov_recorded_is_a_plain_command(tmp_path: Path) -> None:
    crate = crate_of_runcrate(tmp_path)
    metadata = crate / "ro-crate-metadata.json"
    text = metadata.read_text(encoding="utf-8").replace('"#run"', '"#run-20260316T101201Z-aaaaaa"')
    metadata.write_text(text, encoding="utf-8")

    assert engines.recognise(read(crate), crate) is None
