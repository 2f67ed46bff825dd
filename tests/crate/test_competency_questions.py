"""The eleven questions that the authors of the run profiles want answered, asked of a crate in SPARQL."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sample_runs import rich_run

from provenance.crate.settings import DataMode, PackSettings
from provenance.crate.write import write
from provenance.run.model import EnvironmentFile, Software

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
    return parsed(folder / "crate")


def parsed(crate):
    document = json.loads((crate / "ro-crate-metadata.json").read_text())
    document["@context"] = [_context(one) for one in document["@context"]]
    found = rdflib.Graph()
    found.parse(data=json.dumps(document), format="json-ld", publicID="https://example.org/crate/")
    return found


@pytest.fixture(scope="module")
def environment_graph(tmp_path_factory):
    """Of a run whose software was examined."""
    run = rich_run(tmp_path_factory.mktemp("cq-environment") / "work", containers=(), container=None)
    packages = (Software("numpy", "2.0.1", kind="python", purl="pkg:pypi/numpy@2.0.1", is_used=True),)
    software = (Software("gawk", "1:5.2.1-2", kind="deb", purl="pkg:deb/debian/gawk@1:5.2.1-2", is_used=True),)
    files = (
        EnvironmentFile("requirements.txt", "Python packages", "requirements", "numpy==2.0.1\n"),
        EnvironmentFile("system-packages.txt", "Debian packages", "lock", "gawk=1:5.2.1-2\n"),
    )
    surroundings = replace(run.environment, packages=packages, software=software, files=files)
    folder = tmp_path_factory.mktemp("cq-crate")
    write(replace(run, environment=surroundings), folder / "crate")
    return parsed(folder / "crate")


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
    """The authors look for objects of the OrganizeAction that are no ControlAction, meaning settings of the engine.

    The required check of Provenance Run Crate 0.5 allows nothing but ControlActions there, so that no crate answers
    their query and passes; settings of a step are objects of its action.
    """
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


@pytest.mark.parametrize(
    "component",
    [
        "?x a s:HowTo, bs:ComputationalWorkflow .",
        "?w a s:HowTo, bs:ComputationalWorkflow ; s:step ?x . ?x a s:HowToStep .",
    ],
)
def test_4_as_the_authors_ask_it_every_file_to_build_from_has_format_and_profile(environment_graph, component):
    where = f"{component} ?x cm:buildInstructions ?file . OPTIONAL {{ ?x s:name ?name }} ?file a s:MediaObject ."
    where += "OPTIONAL { ?file s:encodingFormat ?format } OPTIONAL { ?file dct:conformsTo ?p . ?p s:name ?profile . }"
    found = ask(environment_graph, "?name ?file ?format ?profile", where)
    assert {row[1:] for row in found} == {
        ("environment/requirements.txt", "text/plain", "Requirements file format"),
        ("environment/system-packages.txt", "text/plain", "Format of system-packages.txt"),
    }
    assert all(row[0] != "None" for row in found)


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


def test_9_as_the_authors_ask_it_all_software_has_a_name_and_a_version(environment_graph):
    where = "?app a s:SoftwareApplication . ?app s:name ?name ."
    where += "OPTIONAL { ?app s:softwareVersion ?version } . OPTIONAL { ?app s:version ?version } ."
    found = ask(environment_graph, "?name ?version", where)
    assert {("numpy", "2.0.1"), ("gawk", "1:5.2.1-2"), ("Python", "3.11.2")} <= found
    assert not [name for name, version in found if version == "None"]


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
