"""A run becomes a crate: complete or not there, with every file, and true about what is missing."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import pytest
from sample_runs import FILLED, data, rich_run, simple_run, write_file

from provenance.crate.settings import DataMode, PackSettings
from provenance.crate.write import write
from provenance.errors import OutputError, UsageError
from provenance.run.model import Role, Run, Software, Status, Task, Tool

COPY = PackSettings(data=DataMode.COPY)


def graph_of(crate: Path) -> dict[str, dict[str, Any]]:
    if crate.is_file():
        with zipfile.ZipFile(crate) as archive:
            text = archive.read("ro-crate-metadata.json").decode()
    else:
        text = (crate / "ro-crate-metadata.json").read_text()
    entities = json.loads(text)["@graph"]
    found = {entity["@id"]: entity for entity in entities}
    assert len(found) == len(entities), "an identifier comes twice"
    return found


def listed(value: Any) -> list[str]:
    return [one["@id"] for one in (value if isinstance(value, list) else [value])]


def check_references(graph: dict[str, dict[str, Any]]) -> None:
    """Every local reference leads to an entity, and every File and Dataset is listed in the root."""
    parts = set(listed(graph["./"]["hasPart"]))

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [value["@id"]]
        return [found for part in value for found in references(part)] if isinstance(value, list) else []

    for entity in graph.values():
        for key, value in entity.items():
            if key != "@id":
                for target in references(value):
                    is_web = target.startswith("http")
                    assert is_web or target in graph, f"{entity['@id']} {key} {target}"
                assert not (isinstance(value, list) and len(value) == 1), f"{entity['@id']} {key}"
        types = entity["@type"] if isinstance(entity["@type"], list) else [entity["@type"]]
        if {"File", "Dataset"} & set(types) and entity["@id"] != "./" and not entity["@id"].startswith("#"):
            assert entity["@id"] in parts


@pytest.mark.parametrize("make", [simple_run, rich_run])
@pytest.mark.parametrize("mode", list(DataMode))
def test_all_references_lead_somewhere(tmp_path, make, mode):
    write(make(tmp_path / "work"), tmp_path / "crate", PackSettings(data=mode))
    check_references(graph_of(tmp_path / "crate"))


@pytest.mark.parametrize("as_zip", [False, True])
def test_what_the_metadata_says_of_each_file_is_true(tmp_path, as_zip):
    target = tmp_path / ("c.crate.zip" if as_zip else "crate")
    write(rich_run(tmp_path / "work"), target, replace(COPY, as_zip=as_zip))
    folder = target
    if as_zip:
        folder = tmp_path / "unzipped"
        with zipfile.ZipFile(target) as archive:
            assert archive.testzip() is None
            archive.extractall(folder)
    seen = {"ro-crate-metadata.json", "ro-crate-preview.html"}
    for identifier, entity in graph_of(folder).items():
        if "contentSize" in entity and not identifier.startswith("#"):
            content = (folder / unquote(identifier)).read_bytes()
            assert entity["contentSize"] == str(len(content))
            assert entity["sha256"] == hashlib.sha256(content).hexdigest()
            seen.add(unquote(identifier))
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == seen


def test_a_folder_and_a_zip_hold_the_same(tmp_path):
    run = rich_run(tmp_path / "work")
    write(run, tmp_path / "crate", COPY)
    write(run, tmp_path / "crate.zip", replace(COPY, as_zip=True))
    with zipfile.ZipFile(tmp_path / "crate.zip") as archive:
        names = set(archive.namelist())
    assert names == {str(p.relative_to(tmp_path / "crate")) for p in (tmp_path / "crate").rglob("*") if p.is_file()}


def test_a_run_without_a_script_becomes_a_script(tmp_path):
    run = simple_run(tmp_path / "work", command=("printf", "%s\n", "it's", "a b", "-n", "$HOME", "new\nline"))
    write(run, tmp_path / "crate")
    script = tmp_path / "crate/application_sources/run.sh"
    main = graph_of(tmp_path / "crate")["application_sources/run.sh"]
    assert main["@type"] == ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
    printed = subprocess.run([script], capture_output=True, text=True, check=True).stdout
    assert printed == "it's\na b\n-n\n$HOME\nnew\nline\n"
    assert shlex.split(graph_of(tmp_path / "crate")["#run-20251122-x"]["description"]) == list(run.command)


def test_two_states_of_a_file_are_two_entities(tmp_path):
    write(rich_run(tmp_path / "work"), tmp_path / "crate", COPY)
    graph = graph_of(tmp_path / "crate")
    task = graph["#task-3"]
    assert listed(task["object"]) == ["earlier_states/0/counter.txt"]
    assert listed(task["result"]) == ["dataset/counter.txt"]
    assert (tmp_path / "crate/earlier_states/0/counter.txt").read_text() == "1\n"
    assert (tmp_path / "crate/dataset/counter.txt").read_text() == "2\n"


def test_what_is_gone_is_described_and_no_part_of_the_payload(tmp_path):
    write(simple_run(tmp_path / "work"), tmp_path / "crate", COPY)
    graph = graph_of(tmp_path / "crate")
    gone = graph["#not-kept/dataset/sorted.tmp"]
    assert gone["contentSize"] == "160"
    assert "not in the crate" in gone["description"]
    assert gone["@id"] not in listed(graph["./"]["hasPart"])
    assert gone["@id"] in listed(graph["#task-1"]["result"])


def test_a_file_that_changed_after_the_run_is_reported_and_left_out(tmp_path):
    run = simple_run(tmp_path / "work")
    (tmp_path / "work/out/first.csv").write_text("something else\n")
    report = write(run, tmp_path / "crate", COPY)
    assert report.changed == [str(tmp_path / "work/out/first.csv")]
    assert not (tmp_path / "crate/dataset/out").exists()
    assert "not kept" in (tmp_path / "crate/README.md").read_text()


def test_a_main_workflow_that_changed_is_not_passed_off_as_what_ran(tmp_path):
    run = rich_run(tmp_path / "work")
    (tmp_path / "work/train.py").write_text("print('other')\n")
    write(run, tmp_path / "crate", COPY)
    graph = graph_of(tmp_path / "crate")
    assert listed(graph["./"]["mainEntity"]) == ["application_sources/run.sh"]
    check_references(graph)


def test_references_have_the_place_size_and_digest(tmp_path):
    run = simple_run(tmp_path / "w ä#")
    write(run, tmp_path / "crate", PackSettings(data=DataMode.REFERENCE))
    graph = graph_of(tmp_path / "crate")
    (source,) = listed(graph["#task-1"]["object"])
    assert source.startswith("file://node%201/")
    assert unquote(source).endswith("/w ä#/in/table.csv")
    assert {"contentSize", "sha256", "sdDatePublished"} <= set(graph[source])
    assert not (tmp_path / "crate/dataset").exists()


STATUSES = {
    Status.COMPLETED: "http://schema.org/CompletedActionStatus",
    Status.RECOVERED: "http://schema.org/CompletedActionStatus",
    Status.FAILED: "http://schema.org/FailedActionStatus",
    Status.CANCELED: "http://schema.org/FailedActionStatus",
    Status.RUNNING: "http://schema.org/ActiveActionStatus",
    Status.UNKNOWN: "http://schema.org/PotentialActionStatus",
}


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_told_truthfully(tmp_path, status):
    run = simple_run(
        tmp_path / "work",
        status=status,
        exit_code=None,
        signal=9 if status is Status.FAILED else None,
    )
    write(run, tmp_path / "crate")
    action = graph_of(tmp_path / "crate")["#run-20251122-x"]
    assert action["actionStatus"] == STATUSES[status]
    assert ("error" in action) is (status in (Status.FAILED, Status.CANCELED))


def test_values_are_shared_cut_and_typed(tmp_path):
    write(rich_run(tmp_path / "work"), tmp_path / "crate", replace(COPY, param_size_limit=100))
    graph = graph_of(tmp_path / "crate")
    values = {e["name"]: e for e in graph.values() if e["@type"] == "PropertyValue"}
    assert len(values["score"]["value"]) == 100
    assert values["score"]["description"] == "Cut from 9000 characters."
    assert graph[values["alpha"]["exampleOfWork"]["@id"]]["additionalType"] == "Float"


def test_thousands_of_files_of_one_kind_share_one_parameter(tmp_path):
    work = tmp_path / "work"
    files = [data(write_file(work / f"{n}.dat", str(n)), Role.INPUT, key=str(n)) for n in range(200)]
    tasks = tuple(Task(f"t{n}", "f", Status.COMPLETED, inputs=(str(n),)) for n in range(200))
    run = simple_run(
        work,
        data=tuple(files),
        tasks=tasks,
        edges=(),
        inputs=tuple(map(str, range(200))),
        outputs=(),
    )
    run = replace(run, tools=(Tool("f", "f", "function"),))
    write(run, tmp_path / "crate")
    graph = graph_of(tmp_path / "crate")
    assert len([e for e in graph.values() if e["@type"] == "FormalParameter"]) == 2
    assert len([e for e in graph.values() if e["@type"] == "ParameterConnection"]) == 1


def test_without_tasks_only_the_whole_is_described(tmp_path):
    write(rich_run(tmp_path / "work"), tmp_path / "crate", replace(COPY, tasks=False))
    graph = graph_of(tmp_path / "crate")
    assert [i for i, e in graph.items() if e["@type"] == "CreateAction"] == ["#run-run%2F1%20%C3%A4"]
    assert "https://w3id.org/ro/wfrun/provenance/0.5" not in listed(graph["./"]["conformsTo"])
    check_references(graph)


def test_nothing_is_invented(tmp_path):
    report = write(simple_run(tmp_path / "work"), tmp_path / "crate")
    root = graph_of(tmp_path / "crate")["./"]
    assert not {"license", "author", "publisher", "version", "isBasedOn", "keywords"} & set(root)
    assert [text.split(":")[0] for text in report.missing] == [
        "license",
        "Authors",
        "description",
        "url",
        "version",
        "keywords",
        "publisher",
    ]
    assert write(simple_run(tmp_path / "work2", about=FILLED), tmp_path / "crate2").missing == []


ODD_NAMES = [
    b"a b", "grüße 日本".encode(), b"#?%+&", b"100%.txt", b"-rf", b"new\nline", b"tab\t", b"\xff\xfe.bin", b"'quote\"",
    b"back\\slash", b"a:b", b".hidden", b"README.md", b"x" * 255, b"ro-crate-metadata.json", b"<script>alert(1)<\\x2fscript>",  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize("as_zip", [False, True])
def test_every_name_that_linux_allows_survives(tmp_path, as_zip):
    work = os.fsencode(tmp_path) + b"/work"
    os.mkdir(work)
    files = []
    for number, name in enumerate(ODD_NAMES):
        path = os.fsdecode(work + b"/" + name)
        Path(path).write_bytes(b"content %d" % number)
        files.append(data(path, Role.INPUT, key=str(number)))
    run = Run(
        id="1", name="odd <b>names</b>", status=Status.COMPLETED, command=("cat", os.fsdecode(work + b"/\xff\xfe.bin")),
        cwd=os.fsdecode(work), host="h", data=tuple(files), inputs=tuple(str(n) for n in range(len(files))),
        engine=Software("wfprov"), tools=(Tool("t", "cat <&>", "program"),),
        tasks=(Task("1", "t", Status.COMPLETED, inputs=tuple(str(n) for n in range(len(files)))),),
    )  # fmt: skip
    target = tmp_path / ("c.zip" if as_zip else "crate")
    write(run, target, replace(COPY, as_zip=as_zip))
    if as_zip:
        with zipfile.ZipFile(target) as archive:
            archive.extractall(tmp_path / "crate")
    graph = graph_of(tmp_path / "crate")
    objects = listed(graph["#task-1"]["object"])
    assert len(objects) == len(ODD_NAMES)
    for number, (identifier, name) in enumerate(zip(objects, ODD_NAMES, strict=True)):
        assert (tmp_path / "crate" / unquote(identifier)).read_bytes() == b"content %d" % number
        original = graph[identifier]["alternateName"]
        raw = unquote_to_bytes(original[len("file://h") :]) if original.startswith("file:") else original.encode()
        assert raw == work + b"/" + name
    script = (tmp_path / "crate/application_sources/run.sh").read_bytes()
    assert subprocess.run(["sh"], input=script, capture_output=True, check=True).stdout == b"content 7"
    page = (tmp_path / "crate/ro-crate-preview.html").read_text()
    assert "<b>names" not in page and "<script>alert" not in page


def test_an_existing_target_is_not_overwritten(tmp_path):
    run = simple_run(tmp_path / "work")
    (tmp_path / "crate").mkdir()
    (tmp_path / "crate/notes.txt").write_text("mine")
    for settings in (COPY, replace(COPY, force=True)):
        with pytest.raises(UsageError, match="crate"):
            write(run, tmp_path / "crate", settings)
    assert [path.name for path in (tmp_path / "crate").iterdir()] == ["notes.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crate", "work"]


@pytest.mark.parametrize("as_zip", [False, True])
def test_force_replaces_a_crate(tmp_path, as_zip):
    target = tmp_path / "crate"
    write(simple_run(tmp_path / "work"), target, replace(COPY, as_zip=as_zip))
    with pytest.raises(UsageError, match="--force"):
        write(simple_run(tmp_path / "work"), target, replace(COPY, as_zip=as_zip))
    write(
        simple_run(tmp_path / "work", name="second"),
        target,
        replace(COPY, as_zip=as_zip, force=True),
    )
    assert graph_of(target)["./"]["name"] == "second"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crate", "work"]


def test_force_never_removes_the_data_of_the_run(tmp_path):
    run = simple_run(tmp_path / "work")
    write_file(tmp_path / "work/ro-crate-metadata.json", "{}")
    with pytest.raises(UsageError, match="holds data"):
        write(run, tmp_path / "work", replace(COPY, force=True))
    assert (tmp_path / "work/in/table.csv").exists()


@pytest.mark.parametrize("as_zip", [False, True])
def test_an_interruption_leaves_nothing_behind(tmp_path, as_zip):
    run = simple_run(tmp_path / "work")

    class Interrupted:
        def begin(self, what: str, total: int) -> None:
            if what == "Metadata":
                raise KeyboardInterrupt

        def advance(self, amount: int) -> None:
            pass

    with pytest.raises(KeyboardInterrupt):
        write(run, tmp_path / "crate", replace(COPY, as_zip=as_zip), Interrupted())
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    run = simple_run(tmp_path / "work")
    with pytest.raises(OutputError, match="can't be written"):
        write(run, Path("/proc/crate"), COPY)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written"):
        write(run, tmp_path / "file" / "crate", COPY)


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    """A limit on the size of files stands for the full disk: the same error at the same place."""
    code = (
        "import resource, signal, sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from pathlib import Path\n"
        "from sample_runs import *\n"
        "from provenance.crate.write import write\n"
        "from provenance.crate.settings import *\n"
        "folder = Path(sys.argv[3])\n"
        "run = rich_run(folder / 'work')\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))\n"
        "try: write(run, folder / 'crate', PackSettings(data=DataMode.COPY, as_zip=sys.argv[4] == 'zip'))\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    here = Path(__file__).resolve()
    for kind in ("zip", "folder"):
        folder = tmp_path / kind
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", code, str(here.parents[2]), str(here.parent), str(folder), kind],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout == "OutputError\n", done.stderr
        assert [path.name for path in folder.iterdir()] == ["work"]


def test_large_and_shrinking_content_survives_a_zip(tmp_path):
    noise = random.Random(1).randbytes(9 << 20)
    work = tmp_path / "work"
    files = (
        data(write_file(work / "noise.bin", noise), Role.INPUT, key="noise"),
        data(write_file(work / "zeros.bin", bytes(9 << 20)), Role.INPUT, key="zeros"),
    )
    run = simple_run(work, data=files, inputs=("noise", "zeros"), outputs=(), tasks=(), edges=(), tools=())
    write(run, tmp_path / "c.zip", replace(COPY, as_zip=True))
    with zipfile.ZipFile(tmp_path / "c.zip") as archive:
        assert archive.read("dataset/noise.bin") == noise
        assert archive.read("dataset/zeros.bin") == bytes(9 << 20)
        assert archive.getinfo("dataset/noise.bin").compress_type == zipfile.ZIP_STORED
        assert archive.getinfo("dataset/zeros.bin").compress_size < 100_000


def test_rocrate_reads_what_we_write(tmp_path):
    from rocrate.rocrate import ROCrate

    write(rich_run(tmp_path / "work"), tmp_path / "crate", COPY)
    crate = ROCrate(tmp_path / "crate")
    assert crate.mainEntity.id == "application_sources/train.py"
    assert str(crate.version) == "1.1"


def test_termination_by_a_batch_system_leaves_nothing_behind(tmp_path):
    code = (
        "import os, signal, sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from pathlib import Path\n"
        "from sample_runs import *\n"
        "from provenance.cli.packing import terminated_cleanly\n"
        "from provenance.crate.write import write\n"
        "class Terminated:\n"
        "    def begin(self, what, total): os.kill(os.getpid(), signal.SIGTERM)\n"
        "    def advance(self, amount): pass\n"
        "with terminated_cleanly(): write(rich_run(Path(sys.argv[3]) / 'work'), Path(sys.argv[3]) / 'c', None, Terminated())\n"  # noqa: E501
    )
    here = Path(__file__).resolve()
    done = subprocess.run(
        [sys.executable, "-c", code, str(here.parents[2]), str(here.parent), str(tmp_path)], check=False
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert [path.name for path in tmp_path.iterdir()] == ["work"]
