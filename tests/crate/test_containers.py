"""Container images in a crate: entities, image files, and what reading gives back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from sample_runs import FILLED, rich_run

from provenance.crate.read import read
from provenance.crate.settings import DataMode, PackSettings
from provenance.crate.write import write
from provenance.run.model import Container

DIGEST = "c" * 64
INSIDE = Container("inside", "docker", f"ghcr.io/lab/base:2@sha256:{DIGEST}", "ghcr.io", "lab/base", "2", DIGEST)
ENGINE = Container("small", "podman", "small", "localhost", "small", "1", "d" * 64, "e" * 64, engine=("podman",))
UNKNOWN = Container("unknown", "kubernetes", "")


def image_file(folder, name="tools ä#1.sif", content=b"SIF" * 100):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Container(f"file {name}", "apptainer", name, path=str(folder / name), sha256=digest, size=len(content))


def run_with(folder, *containers, inside=None, used=()):
    run = rich_run(folder, about=FILLED)
    tasks = [
        replace(task, container=used[number] if number < len(used) else None) for number, task in enumerate(run.tasks)
    ]
    return replace(run, containers=containers, container=inside, tasks=tuple(tasks))


def graph_of(crate):
    entities = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in entities}


def images_of(graph, action):
    found = graph[action].get("containerImage", [])
    return [one["@id"] for one in (found if isinstance(found, list) else [found])]


def test_the_run_names_all_images_and_a_task_its_own(tmp_path):
    run = run_with(tmp_path / "work", INSIDE, ENGINE, inside="inside", used=("small",))
    write(run, tmp_path / "crate")
    graph = graph_of(tmp_path / "crate")
    (action,) = [key for key in graph if key.startswith("#run-") and graph[key]["@type"] == "CreateAction"]
    assert images_of(graph, action) == ["#container-lab-base-2", "#container-small-1"]
    assert images_of(graph, "#task-1") == ["#container-small-1"]
    assert images_of(graph, "#task-2") == []
    base = graph["#container-lab-base-2"]
    assert base["@type"] == "ContainerImage"
    assert base["additionalType"] == {"@id": "https://w3id.org/ro/terms/workflow-run#DockerImage"}
    assert (base["registry"], base["name"], base["tag"], base["sha256"]) == ("ghcr.io", "lab/base", "2", DIGEST)
    assert graph["#container-small-1"]["applicationCategory"] == "Podman"


def test_images_of_one_name_have_two_entities(tmp_path):
    files = [image_file(tmp_path / folder, "x.sif", folder.encode()) for folder in ("a", "b")]
    files = [replace(one, key=str(number)) for number, one in enumerate(files)]
    write(run_with(tmp_path / "work", *files, used=("0", "1")), tmp_path / "crate")
    graph = graph_of(tmp_path / "crate")
    images = [entity for entity in graph.values() if entity["@type"] == "ContainerImage"]
    assert len({image["@id"] for image in images}) == 2
    assert {graph[image["encoding"]["@id"]]["sha256"] for image in images} == {one.sha256 for one in files}
    assert {path.read_bytes() for path in (tmp_path / "crate/environment/images").iterdir()} == {b"a", b"b"}


def test_a_small_image_file_goes_along(tmp_path):
    container = image_file(tmp_path / "images")
    write(run_with(tmp_path / "work", container, used=(container.key,)), tmp_path / "crate")
    graph = graph_of(tmp_path / "crate")
    (image,) = [entity for entity in graph.values() if entity["@type"] == "ContainerImage"]
    assert image["additionalType"] == {"@id": "https://w3id.org/ro/terms/workflow-run#SIFImage"}
    file = graph[image["encoding"]["@id"]]
    assert file["sha256"] == image["sha256"] == container.sha256
    assert file["contentSize"] == "300"
    assert {"@id": file["@id"]} in graph["./"]["hasPart"]
    (copied,) = (tmp_path / "crate/environment/images").iterdir()
    assert copied.read_bytes() == b"SIF" * 100


@pytest.mark.parametrize(
    ("settings", "is_there"),
    [
        (PackSettings(include_images=False), False),
        (PackSettings(data=DataMode.REFERENCE), False),
        (PackSettings(data=DataMode.REFERENCE, include_images=True), True),
    ],
)
def test_who_asks_decides(tmp_path, settings, is_there):
    container = image_file(tmp_path / "images")
    write(run_with(tmp_path / "work", container, used=(container.key,)), tmp_path / "crate", settings)
    assert (tmp_path / "crate/environment/images").exists() == is_there


def test_a_large_image_file_goes_along_only_when_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("provenance.crate.image_files.SMALL_IMAGE", 299)
    container = image_file(tmp_path / "images")
    run = run_with(tmp_path / "work", container, used=(container.key,))
    write(run, tmp_path / "small")
    assert not (tmp_path / "small/environment/images").exists()
    write(run, tmp_path / "all.zip", PackSettings(include_images=True, as_zip=True))
    assert read(tmp_path / "all.zip").containers[0].size == 300


def test_an_image_file_that_is_another_now_is_left_out_and_said_so(tmp_path):
    container = image_file(tmp_path / "images")
    (tmp_path / "images/tools ä#1.sif").write_bytes(b"XIF" * 100)
    run = run_with(tmp_path / "work", container, used=(container.key,))
    report = write(run, tmp_path / "crate", PackSettings(include_images=True))
    assert not list((tmp_path / "crate").glob("environment/images/*"))
    assert any("tools ä#1.sif" in gap and "no longer what the run saw" in gap for gap in report.gaps)
    assert "encoding" not in str(graph_of(tmp_path / "crate")["#container-tools-1.sif"])


def test_an_archive_that_an_engine_made_is_linked(tmp_path):
    archive = tmp_path / "0.tar"
    archive.write_bytes(b"tar")
    run = run_with(tmp_path / "work", ENGINE, used=("small",))
    write(run, tmp_path / "crate", PackSettings(include_images=True, saved_images={"small": str(archive)}))
    assert (tmp_path / "crate/environment/images/small-1.tar").read_bytes() == b"tar"
    image = graph_of(tmp_path / "crate")["#container-small-1"]
    assert image["encoding"] == {"@id": "environment/images/small-1.tar"}
    assert image["sha256"] == "d" * 64  # that of the manifest, whatever the archive's is


def test_reading_gives_the_containers_back(tmp_path):
    file = image_file(tmp_path / "images")
    before = run_with(tmp_path / "work", INSIDE, ENGINE, file, UNKNOWN, inside="inside", used=("small", file.key))
    write(before, tmp_path / "crate")
    run = read(tmp_path / "crate")
    by_key = {container.key: container for container in run.containers}
    assert by_key[run.container] == replace(INSIDE, key=run.container)
    small, sif = (by_key[task.container] for task in run.tasks[:2])
    assert small == replace(ENGINE, key=small.key, engine=())
    assert replace(sif, name=None) == replace(file, key=sif.key)


def test_an_image_of_which_nothing_is_known_is_no_entity(tmp_path):
    write(run_with(tmp_path / "work", UNKNOWN, inside="unknown"), tmp_path / "crate")
    assert "ontainerImage" not in (tmp_path / "crate/ro-crate-metadata.json").read_text()


def test_the_crates_pass_the_recommended_level(tmp_path):
    pytest.importorskip("rocrate_validator")
    from provenance.crate.validate import validate

    file = image_file(tmp_path / "images")
    run = run_with(
        tmp_path / "work", INSIDE, ENGINE, file, UNKNOWN, inside="unknown", used=("small", file.key, "inside")
    )
    write(run, tmp_path / "crate")
    assert [(issue.check, issue.entity) for issue in validate(tmp_path / "crate", level="recommended").issues] == []


AUTHORS_QUERY = """
PREFIX s: <http://schema.org/>
PREFIX bs: <https://bioschemas.org/>
PREFIX wr: <https://w3id.org/ro/terms/workflow-run#>
SELECT ?type ?registry ?name ?tag ?sha256 WHERE {
  ?root s:mainEntity ?main ; s:mentions ?run . ?main a bs:ComputationalWorkflow .
  ?run a s:CreateAction ; s:instrument ?main ; wr:containerImage ?image .
  ?image a wr:ContainerImage ; s:additionalType ?type .
  OPTIONAL { ?image wr:registry ?registry } OPTIONAL { ?image s:name ?name }
  OPTIONAL { ?image wr:tag ?tag } OPTIONAL { ?image wr:sha256 ?sha256 }
}"""


def test_the_authors_question_for_images_is_answered_when_only_tasks_used_some(tmp_path):
    from test_competency_questions import _context, rdflib

    write(run_with(tmp_path / "work", ENGINE, used=(None, "small")), tmp_path / "crate")
    document = json.loads((tmp_path / "crate/ro-crate-metadata.json").read_text())
    document["@context"] = [_context(one) for one in document["@context"]]
    found = rdflib.Graph()
    found.parse(data=json.dumps(document), format="json-ld", publicID="https://example.org/crate/")
    rows = [tuple(map(str, row)) for row in found.query(AUTHORS_QUERY)]
    assert rows == [
        ("https://w3id.org/ro/terms/workflow-run#DockerImage", "localhost", "small", "1", "d" * 64),
    ]
