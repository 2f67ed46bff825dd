"""The eleven questions that the authors of the run profiles want answered, asked of a crate in SPARQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sample_runs import rich_run

from provenance.crate.settings import DataMode, PackSettings
from provenance.crate.write import write

rdflib = pytest.importorskip("rdflib")
CONTEXTS = Path(__file__).resolve().parents[2] / "provenance" / "profiles" / "contexts"

PREFIXES = """
PREFIX s: <http://schema.org/>
PREFIX bs: <https://bioschemas.org/>
PREFIX cw: <https://bioschemas.org/ComputationalWorkflow#>
PREFIX wr: <https://w3id.org/ro/terms/workflow-run#>
PREFIX dct: <http://purl.org/dc/terms/>
PREFIX cm: <https://codemeta.github.io/terms/>
"""
RUN = "?root s:mainEntity ?main . ?run s:instrument ?main . ?root s:mentions ?run ."


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cq")
    write(rich_run(folder / "work"), folder / "crate", PackSettings(data=DataMode.COPY))
    document = json.loads((folder / "crate/ro-crate-metadata.json").read_text())
    document["@context"] = [_context(one) for one in document["@context"]]
    found = rdflib.Graph()
    found.parse(data=json.dumps(document), format="json-ld", publicID="https://example.org/crate/")
    return found


def _context(one):
    if isinstance(one, dict):
        return one
    for path in sorted(CONTEXTS.rglob("*.json*")):
        terms = json.loads(path.read_text())["@context"]
        if one.endswith("workflow-run/context") == ("containerImage" in terms) and "1.2" not in path.name:
            return terms
    raise AssertionError(one)


def ask(graph, what: str, where: str) -> set[tuple[str, ...]]:
    rows = graph.query(f"{PREFIXES} SELECT {what} WHERE {{ {where} }}")
    return {tuple(str(value).replace("https://example.org/crate/", "") for value in row) for row in rows}


def test_1_container_images_used(graph):
    where = RUN + "?run wr:containerImage ?c . ?c a wr:ContainerImage ; s:name ?name ; wr:registry ?reg ; wr:tag ?tag ."
    assert ask(graph, "?reg ?name ?tag", where) == {("registry.example.org", "library/python", "3.11")}


def test_2_resources_used(graph):
    where = "?a a s:CreateAction ; wr:resourceUsage ?u . ?u s:propertyID ?p ; s:unitCode ?unit ; s:value ?v ."
    assert {(row[0], row[1].rpartition("/")[2], row[2]) for row in ask(graph, "?a ?unit ?v", where)} >= {
        ("#task-3", "SEC", "0.01"),
        ("#task-3", "BYTE", "4096"),
        ("#run-run%2F1%20%C3%A4", "BYTE", "67108864"),
    }


def test_3_configuration_files_of_a_step(graph):
    where = "?step a s:HowToStep ; s:workExample ?tool . ?a s:instrument ?tool ; s:object ?file ."
    where += '?file s:additionalType "configuration" . ?tool s:name ?name .'
    assert ask(graph, "?name ?file", where) == {("models.fit", "dataset/config.yaml")}


@pytest.mark.parametrize("kind", ["bs:ComputationalWorkflow", "s:HowToStep"])
def test_4_environment_file_of_the_workflow_and_each_step(graph, kind):
    where = f"?x a {kind} ; cm:buildInstructions ?file . ?file a s:MediaObject ; s:encodingFormat ?format ."
    where += "?file dct:conformsTo ?profile . ?profile s:name ?name ."
    found = ask(graph, "?x ?file ?name", where)
    assert {row[1:] for row in found} == {("environment/requirements.txt", "Requirements file format")}
    assert len(found) == (1 if kind.startswith("bs") else 3)


def test_5_how_long_a_component_takes(graph):
    where = "?a a s:CreateAction ; s:instrument ?t ; s:startTime ?from ; s:endTime ?to ."
    where += '?t a s:SoftwareApplication ; s:name "models.fit" .'
    assert ask(graph, "?from ?to", where) == {("2025-11-22T08:26:41.000+00:00", "2025-11-22T08:26:42.000+00:00")}


def test_6_how_long_the_workflow_takes(graph):
    found = ask(graph, "?from ?to", RUN + "?run s:startTime ?from ; s:endTime ?to .")
    assert found == {("2025-11-22T08:26:40.000+00:00", "2025-11-22T08:26:50.000+00:00")}


def test_7_was_it_successful(graph):
    found = ask(graph, "?status ?error", RUN + "?run s:actionStatus ?status ; s:error ?error .")
    assert found == {("http://schema.org/FailedActionStatus", "ValueError: no convergence")}


def test_8_inputs_and_outputs_of_the_whole(graph):
    inputs = {row[0] for row in ask(graph, "?x", RUN + "?run s:object ?x .")}
    assert inputs == {
        "dataset/data/table.csv",
        "dataset/data/",
        "earlier_states/0/counter.txt",
        "dataset/config.yaml",
        "#value-1",
    }
    assert {row[0] for row in ask(graph, "?x", RUN + "?run s:result ?x .")} == {
        "dataset/out/model.npz",
        "dataset/counter.txt",
    }


def test_9_version_of_each_component(graph):
    where = "?tool a s:SoftwareApplication ; s:name ?name ; s:version ?version . ?step s:workExample ?tool ."
    found = dict(ask(graph, "?name ?version", where))
    assert found["models.fit"] == "a" * 40
    assert found["awk"].startswith("sha256:")


def test_10_the_wrapper_of_a_component_and_what_it_needs(graph):
    where = "?a a s:CreateAction ; s:instrument ?tool . ?tool a s:SoftwareApplication ; s:isPartOf ?script ;"
    where += "s:softwareRequirements ?needed ; s:mainEntity ?needed . ?needed s:version ?version ."
    assert ask(graph, "?script ?version", where) == {("application_sources/lib/models.py", "3.11.2")}


def test_11_how_workflow_parameters_reached_the_tools(graph):
    where = RUN + "?main cw:input ?from ; s:step ?step . ?from s:name ?name . ?run s:object ?value ."
    where += "?value s:exampleOfWork ?from . ?c a wr:ParameterConnection ; wr:sourceParameter ?from ; wr:targetParameter ?to ."  # noqa: E501
    where += "?tool a s:SoftwareApplication ; cw:input ?to . ?step s:workExample ?tool ; wr:connection ?c . ?tool s:name ?toolname ."  # noqa: E501
    assert ask(graph, "?name ?value ?toolname", where) == {
        ("table", "dataset/data/table.csv", "models.fit"),
        ("input-txt", "earlier_states/0/counter.txt", "awk"),
    }


def test_values_passed_between_tools_are_connected_too(graph):
    where = "?c wr:sourceParameter ?from ; wr:targetParameter ?to . ?from s:name ?a . ?to s:name ?b . ?one cw:output ?from . ?two cw:input ?to ."  # noqa: E501
    assert {("return", "model"), ("output-npz", "input-npz")} <= ask(graph, "?a ?b", where)
