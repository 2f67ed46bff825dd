"""Reading run crates of several engines' shapes: what the Run says must be what the crate means."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from provenance.crate.read import read
from provenance.errors import CrateError
from provenance.run.model import Role, Status
from provenance.run.summary import summarize

CRATES = Path(__file__).parent.parent / "data" / "crates"
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "crates"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="published crates are not here")
SAPPORO = "8b6bd6e3-32dd-475f-ac6c-10da380e002e"


def crate(
    tmp_path,
    *entities,
    root=None,
    name="ro-crate-metadata.json",
    context="https://w3id.org/ro/crate/1.1/context",
):
    graph = [
        {"@id": name, "@type": "CreativeWork", "about": {"@id": "./"}},
        {"@id": "./", "@type": "Dataset", **(root or {})},
        *entities,
    ]
    (tmp_path / name).write_text(json.dumps({"@context": context, "@graph": graph}), "utf-8")
    return tmp_path


def action(**properties):
    return {"@id": "#run", "@type": "CreateAction", "instrument": {"@id": "wf.py"}, **properties}


def roles(run):
    return {data.path: data.role for data in run.data}


# --- the shapes of other engines ------------------------------------------------------------------------------


def test_compss_tasks_come_in_the_order_of_their_numbers_with_status_and_error():
    run = read(CRATES / "compss-3.4")
    assert [task.key for task in run.tasks] == [f"#Task_{n}_execution_details" for n in (1, 2, 10)]
    assert [task.status for task in run.tasks] == [
        Status.COMPLETED,
        Status.COMPLETED,
        Status.FAILED,
    ]
    assert run.tasks[2].error == "ValueError: negative block"
    assert run.status is Status.FAILED
    assert run.error == "task 10 failed"
    assert (run.engine.name, run.engine.version) == ("COMPSs runtime", "3.4")


def test_compss_identifiers_with_blanks_and_hosts_are_data_and_values():
    run = read(CRATES / "compss-3.4")
    load = run.tasks[0]
    assert load.inputs == ("file://gs01r1b01-ib0/home/ana/blocks/in put.txt",)
    assert [(v.name, v.value, v.type) for v in load.arguments] == [("name", "a b", "Text")]
    assert run.outputs == ("file://gs01r1b01-ib0/home/ana/blocks/total.txt",), "the crate itself is no result"
    assert run.environment.variables == (("SLURM_JOB_ID", "77"),)
    assert [value.name for value in run.resources.extra] == ["cpuAvg"]


def test_dot_slash_before_an_identifier_makes_no_difference():
    run = read(CRATES / "compss-3.4")
    assert run.tasks[0].outputs == run.tasks[1].inputs == ("part.bin",)
    assert [(e.source, e.target, e.data) for e in run.edges][:1] == [
        ("#Task_1_execution_details", "#Task_2_execution_details", "part.bin")
    ]


def test_files_of_a_folder_are_found_missed_or_of_another_size():
    data = {item.path: item for item in read(CRATES / "compss-3.4").data}
    assert data["part.bin"].size == 2048
    assert data["part.bin"].content == str(CRATES / "compss-3.4" / "part.bin")
    assert data["logs/job3_NEW.err"].is_gone
    assert data["application_sources/src/blocks.py"].changed_after
    outside = data["file://gs01r1b01-ib0/home/ana/blocks/total.txt"]
    assert (outside.size, outside.is_gone) == (1500, False)


def test_galaxy_run_is_the_action_of_the_main_entity_not_the_first_one():
    run = read(CRATES / "galaxy")
    assert run.id == "run"
    assert run.name == "collection_workflow"
    assert [task.tool for task in run.tasks] == ["#uploader"]
    assert (run.engine.name, run.engine.version) == ("Galaxy workflow engine", "21.09")


def test_galaxy_collections_stand_for_their_files():
    run = read(CRATES / "galaxy")
    assert run.inputs == ("datasets/hello.txt", "datasets/world.txt")
    assert set(run.outputs) == {
        "datasets/world.txt",
        "datasets/hello.txt",
        "datasets/first (1).txt",
    }
    assert roles(run)["datasets/world.txt"] is Role.INPUT, "a merged collection holds inputs"
    assert roles(run)["datasets/first (1).txt"] is Role.OUTPUT
    assert summarize(run).seconds == 1.25


def test_old_crate_with_byte_order_mark_and_jsonld_name():
    run = read(CRATES / "minimal-1.0")
    assert run.name == "graph"
    assert run.about.authors[0].name == "Mara Example"
    assert run.about.keywords == ("one", "two")
    assert run.start is None
    assert run.end == 1556668800 * 10**9
    assert run.tools[0].version == "2.6"


# --- tolerance, one trait at a time ----------------------------------------------------------------------------


def test_object_and_result_may_be_absent(tmp_path):
    run = read(crate(tmp_path, action(), root={"mainEntity": {"@id": "wf.py"}}))
    assert (run.inputs, run.outputs, run.tasks) == ((), (), ())


@pytest.mark.parametrize("value", [{"@id": "a.txt"}, [{"@id": "a.txt"}], [[{"@id": "./a.txt"}]], "a.txt"])
def test_object_may_be_a_reference_or_lists_of_them(tmp_path, value):
    run = read(crate(tmp_path, action(object=value), {"@id": "a.txt", "@type": "File"}))
    assert run.inputs == ("a.txt",)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("http://schema.org/CompletedActionStatus", Status.COMPLETED),
        ("https://schema.org/FailedActionStatus", Status.FAILED),
        ({"@id": "http://schema.org/FailedActionStatus"}, Status.FAILED),
        ("CompletedActionStatus", Status.COMPLETED),
        (["ActiveActionStatus"], Status.RUNNING),
        ("canceled", Status.CANCELED),
        ("strange", Status.UNKNOWN),
    ],
)
def test_statuses_as_engines_write_them(tmp_path, status, expected):
    assert read(crate(tmp_path, action(actionStatus=status))).status is expected


def test_a_status_that_is_not_stated_is_completed_and_said_to_be_assumed(tmp_path):
    run = read(crate(tmp_path, action()))
    assert run.status is Status.COMPLETED
    assert any("not stated" in gap.why for gap in run.gaps)


def test_an_error_without_status_is_a_failure(tmp_path):
    assert read(crate(tmp_path, action(error="boom"))).status is Status.FAILED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-16T10:12:01+00:00", 1773655921_000000000),
        ("2026-03-16T11:12:01.5+0100", 1773655921_500000000),
        ("2026-03-16T10:12:01.123456789Z", 1773655921_123456789),
        ("2026-03-16 10:12:01", 1773655921_000000000),
        ("2026-03-16", 1773619200_000000000),
        ("16 March", None),
        ("2026-13-45T99:00:00Z", None),
        (1773655921, None),
    ],
)
def test_times(tmp_path, text, expected):
    assert read(crate(tmp_path, action(startTime=text))).start == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12),
        (12, 12),
        ("1.5 MB", 1500000),
        ("2 KiB", 2048),
        ("12 bytes", 12),
        ("big", None),
        ("-3", None),
        (1e400, None),
    ],
)
def test_sizes(tmp_path, text, expected):
    file = {"@id": "https://example.org/a", "@type": "File", "contentSize": text}
    assert read(crate(tmp_path, action(object={"@id": file["@id"]}), file)).data[0].size == expected


def test_tasks_without_control_actions_are_the_other_executions(tmp_path):
    run = read(
        crate(
            tmp_path,
            {
                "@id": "#a",
                "@type": "CreateAction",
                "instrument": {"@id": "#sort"},
                "result": {"@id": "x"},
            },
            action(result={"@id": "y"}),
            {
                "@id": "#b",
                "@type": "CreateAction",
                "instrument": {"@id": "#cut"},
                "object": {"@id": "x"},
            },
            {"@id": "x", "@type": "File"},
            root={"mainEntity": {"@id": "wf.py"}},
        )
    )
    assert [task.key for task in run.tasks] == ["#a", "#b"]
    assert roles(run)["x"] is Role.INTERMEDIATE


def test_executions_without_a_whole_are_tasks_of_a_run_that_spans_them(tmp_path):
    run = read(
        crate(
            tmp_path,
            {"@id": "#a", "@type": "CreateAction", "startTime": "2026-01-01T00:00Z", "endTime": "2026-01-01T00:01Z",
             "object": {"@id": "in"}, "result": {"@id": "mid"}},
            {"@id": "#b", "@type": "CreateAction", "startTime": "2026-01-01T00:01Z", "endTime": "2026-01-01T00:03Z",
             "object": {"@id": "mid"}, "result": {"@id": "out"}, "actionStatus": "FailedActionStatus"},
        )
    )  # fmt: skip
    assert len(run.tasks) == 2
    assert run.status is Status.FAILED
    assert (run.inputs, run.outputs) == (("in",), ("out",))
    assert summarize(run).seconds == 180


def test_a_crate_without_any_execution_says_so(tmp_path):
    run = read(crate(tmp_path, root={"name": "only data"}))
    assert run.status is Status.UNKNOWN
    assert run.gaps[0].what == "run"


def test_a_reference_that_the_crate_does_not_describe_is_still_data(tmp_path):
    assert read(crate(tmp_path, action(result={"@id": "out/a b.txt"}))).outputs == ("out/a b.txt",)


def test_percent_encoded_and_plain_names_are_found(tmp_path):
    for name in ("a b#1.txt", "100%.txt", "plain?.txt"):
        (tmp_path / name).write_bytes(b"12345")
    ids = ["a%20b%231.txt", "100%.txt", "plain?.txt", "gone.txt"]
    run = read(crate(tmp_path, action(object=[{"@id": i} for i in ids])))
    assert [data.is_gone for data in run.data] == [False, False, False, True]
    assert [data.size for data in run.data] == [5, 5, 5, None]


@pytest.mark.parametrize(
    "identifier",
    ["../secret.txt", "a/../../secret.txt", "/etc/passwd", "link/secret.txt", "link.txt"],
)
def test_nothing_outside_of_the_crate_is_looked_at(tmp_path, identifier):
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "crate"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    run = read(crate(folder, action(object={"@id": identifier}), {"@id": identifier, "@type": "File"}))
    assert run.data[0].content is None
    assert run.data[0].size is None


def test_containers_with_registry_and_tag(tmp_path):
    image = {
        "@id": "#image",
        "@type": "ContainerImage",
        "registry": "docker.io",
        "name": "lib/tool",
        "tag": "1.2",
    }
    run = read(crate(tmp_path, action(containerImage={"@id": "#image"}), image))
    assert [(c.registry, c.name, c.tag) for c in run.containers] == [("docker.io", "lib/tool", "1.2")]
    assert run.container == "#image"


def test_people_with_orcid_in_any_place(tmp_path):
    people = [
        {"@id": "https://orcid.org/0000-0002-1825-0097", "@type": "Person", "givenName": "Josiah",
         "familyName": "Carberry"},
        {"@id": "#x", "@type": "Person", "name": "X", "identifier": "http://orcid.org/0000-0001-5109-3700",
         "affiliation": "Somewhere"},
    ]  # fmt: skip
    root = {"author": [{"@id": p["@id"]} for p in people]}
    authors = read(crate(tmp_path, action(), *people, root=root)).about.authors
    assert [(a.name, a.orcid) for a in authors] == [
        ("Josiah Carberry", "https://orcid.org/0000-0002-1825-0097"),
        ("X", "https://orcid.org/0000-0001-5109-3700"),
    ]
    assert authors[1].organization.name == "Somewhere"


def test_prefixed_terms_are_understood(tmp_path):
    entity = {
        "@id": "#run",
        "@type": "schema:CreateAction",
        "schema:name": "prefixed",
        "http://schema.org/startTime": {"@type": "xsd:dateTime", "@value": "2026-03-16T10:12:01Z"},
    }
    run = read(crate(tmp_path, entity))
    assert (run.name, run.start) == ("prefixed", 1773655921 * 10**9)


# --- folders, zips and bare files ------------------------------------------------------------------------------


@pytest.mark.parametrize("top", ["", "blocks-1.0/"])
def test_a_zip_reads_like_its_folder_with_or_without_a_top_folder(tmp_path, top):
    target = tmp_path / "crate.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted((CRATES / "compss-3.4").rglob("*")):
            archive.write(file, top + str(file.relative_to(CRATES / "compss-3.4")))
    zipped, plain = read(target), read(CRATES / "compss-3.4")
    assert zipped.tasks == plain.tasks
    assert [(d.path, d.size, d.is_gone) for d in zipped.data] == [(d.path, d.size, d.is_gone) for d in plain.data]


def test_of_a_bare_file_nothing_is_called_missing(tmp_path):
    bare = tmp_path / "run.json"
    shutil.copy(CRATES / "compss-3.4" / "ro-crate-metadata.json", bare)
    run = read(bare)
    assert len(run.tasks) == 3
    assert not any(data.is_gone for data in run.data)


# --- errors ----------------------------------------------------------------------------------------------------


def error_of(path):
    with pytest.raises(CrateError) as caught:
        read(path)
    return str(caught.value)


def test_error_names_line_and_column_of_bad_json(tmp_path):
    (tmp_path / "ro-crate-metadata.json").write_text('{"@graph": [\n  {"@id": }\n]}')
    message = error_of(tmp_path)
    assert "line 2, column 11" in message
    assert str(tmp_path) in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "@graph"),
        (b"[1, 2]", "@graph"),
        (b'{"@graph": []}', "root"),
        (b'{"@graph": [{"@id": "ro-crate-metadata.json", "about": {"@id": "nowhere"}}]}', "root"),
        (b"\xff\xfe\xff", "UTF-8"),
        (b'{"@graph": "\xff"}', "UTF-8"),
        (b"[" * 100000, "nested"),
        (b"", "JSON"),
    ],
)
def test_errors_of_broken_metadata_say_what_is_wrong(tmp_path, content, said):
    (tmp_path / "ro-crate-metadata.json").write_bytes(content)
    assert said in error_of(tmp_path)


def test_error_of_a_folder_without_metadata_lists_what_is_there(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert "notes.txt" in error_of(tmp_path)
    (tmp_path / "inner").mkdir()
    shutil.copy(CRATES / "compss-3.4" / "ro-crate-metadata.json", tmp_path / "inner")
    assert "a crate lies in inner" in error_of(tmp_path)


def test_errors_of_zips(tmp_path):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 not really")
    assert "zip" in error_of(broken)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "only a.txt" in error_of(other)


def test_error_of_a_path_that_is_not_there(tmp_path):
    assert "no such file" in error_of(tmp_path / "nothing")


# --- published crates ------------------------------------------------------------------------------------------


@needs_published
@pytest.mark.parametrize(
    ("folder", "name", "engine", "version", "tasks", "inputs", "outputs", "seconds"),
    [
        ("compss-lysozyme-4d44d8b", "Lysozyme in water full", "COMPSs", "3.3", 0, 7, 31, 180.0),
        ("runcrate-revsort", "packed.cwl", "cwltool", "1.0.20181012180214", 2, 1, 1, 7.809015),
        ("streamflow-ml-predict", "DeepHealth Pipeline", "StreamFlow", "0.2.0.dev5", 3, 2, 2, 13.584091),
        ("galaxy-collection-wf", "collection_workflow", "Galaxy workflow engine", "21.09", 0, 3, 5, 3.2e-05),
        ("nextflow-nf-prov-test-run-1", "nf-prov-test", "Nextflow", "22.11.0-edge", 3, 0, 6, None),
        ("snakemake-crcc-img-convert", "workflow/Snakefile", "Snakemake", None, 0, 4, 4, 133.0),
        ("sapporo-tests-ro-crate", f"Sapporo WES run {SAPPORO}", "cwltool", None, 0, 4, 6, 11.0),
    ],
)  # fmt: skip
def test_published_crates_say_what_happened(folder, name, engine, version, tasks, inputs, outputs, seconds):
    run = read(PUBLISHED / folder)
    assert run.status is Status.COMPLETED
    assert run.about.name == name
    assert (run.engine.name, run.engine.version) == (engine, version)
    assert (len(run.tasks), len(run.inputs), len(run.outputs)) == (tasks, inputs, outputs)
    assert summarize(run).seconds == (None if seconds is None else pytest.approx(seconds))


@needs_published
def test_published_compss_crate_in_detail():
    run = read(PUBLISHED / "compss-lysozyme-4d44d8b")
    assert run.main == "application_sources/src/lysozyme_in_water_full.py"
    assert run.command[:2] == ("enqueue_compss", "--provenance=FULL.yaml")
    assert (run.host, run.environment.machine) == ("gs12r1b10", "x86_64")
    assert ("SLURM_JOB_ID", "3846825") in run.environment.variables
    author = run.about.authors[0]
    assert (author.name, author.organization.ror) == (
        "Javier Conejero",
        "https://ror.org/05sd8tv96",
    )
    used = {use.role: use for use in summarize(run).data}
    assert (used[Role.INPUT].files, used[Role.INPUT].size) == (
        7,
        3 + 3 + 1044 + 971 + 109917 + 2998215 + 2918025,
    )


@needs_published
def test_published_cwl_crates_have_their_graph():
    run = read(PUBLISHED / "runcrate-revsort")
    assert [(e.source, e.target) for e in run.edges] == [(run.tasks[0].key, run.tasks[1].key)]
    assert {use.name: use.mean_time for use in summarize(run).tools} == {
        "revtool.cwl": pytest.approx(1.653258),
        "sorttool.cwl": pytest.approx(1.093875),
    }
