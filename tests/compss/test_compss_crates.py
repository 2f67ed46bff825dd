"""From what a COMPSs run left behind to its crate and back: all that happened is told, and nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provenance.engines.compss.load import load
from provenance.run.model import Status
from tests.compss.packed import Packed, as_told, pack, sha256, types
from tests.compss.runs import (
    START,
    CompssRun,
    collection,
    directory,
    file_in,
    file_inout,
    file_out,
    files_below,
    scalar,
    snapshot,
)
from tests.conftest import Wfprov

STATUS = {
    "FINISHED": Status.COMPLETED,
    "FAILED": Status.FAILED,
    "CANCELED": Status.CANCELED,
    "RECOVERED": Status.RECOVERED,
    "UNKNOWN": Status.UNKNOWN,
}
# Each of them broke a reader of these logs, or an address, or a file system.
AWKWARD = (
    *("with blank.txt", " leading", "trailing ", "two  blanks", "hash#1.txt", "what?.txt", "100%.txt", "%20.txt"),
    *("größe.txt", "日本語.txt", "-dash.txt", "plus+and&.txt", "semi;colon.txt", "quote'\".txt", "back\\slash.txt"),
    *("a IN.txt", "IN", "x file b FILE_T y OUT", "[bracket]*.txt", "$HOME.txt", "~tilde", "name:colon", "<tag>.txt"),
    *("file:", "K=v TASK=1", "e\u0301.txt", "\udcff\udcfe.bin", "tab\t.txt", "x" * 200),
)


def rich_run(folder: Path, version: str, **more: object) -> CompssRun:
    """Reads, changes and makes files, folders and collections, on two workers, with a wait in between."""
    run = CompssRun(folder, version, **{"slurm": 4711, "workers": 2, **more})  # type: ignore[arg-type]
    a, b = run.file("inputs/a.txt", "1\n"), run.file("inputs/b.txt", "2\n")
    c = run.file("work/c.txt", "0\n")
    run.file("rows/r0/x.txt", "x\n")
    run.file("rows/r0/deep/y.txt", "y\n")
    run.folder("rows/r0/empty")
    d = run.path("outputs/d.txt")
    parts = [run.path(f"outputs/part{i}.txt") for i in range(3)]
    run.task("model.prepare", [file_in("src", a), file_inout("state", c), scalar("n", 4)], makes={c: "1\n"})
    run.task("model.prepare", [file_in("src", b), file_inout("state", c), scalar("n", 5)], makes={c: "3\n"})
    run.task("model.split", [directory("rows", run.path("rows/r0")), collection("parts", parts, "OUT")], ms=40,
             makes={part: f"{i}\n" for i, part in enumerate(parts)})  # fmt: skip
    run.sync(1, 2, 3)
    run.task("model.Merger.merge", [collection("parts", parts), file_in("state", c), file_out("result", d)],
             makes={d: "done\n"})  # fmt: skip
    return run.finish([run.path("inputs/"), d, "4"])


def check_against_truth(run: CompssRun, packed: Packed) -> None:
    """All that the run did stands in the crate: no more, no less."""
    truth, read = run.truth, packed.run
    in_folders = set(files_below([path for path, is_directory in truth.inputs.items() if is_directory]))
    out_folders = set(files_below([path for path, is_directory in truth.outputs.items() if is_directory]))
    inputs, outputs = packed.originals(read.inputs), packed.originals(read.outputs)
    assert set(truth.inputs) - inputs == set()
    assert inputs - set(truth.inputs) - in_folders <= {
        path for path in inputs if path.startswith(f"{run.work_folder}/rows")
    }
    assert set(truth.outputs) - outputs == set()
    assert outputs - set(truth.outputs) - out_folders == set()
    if run.version != "3.3":
        assert (read.start, read.end) == as_told(truth.start, truth.end)
    if run.version != "3.4":
        assert read.tasks == ()
        return
    assert len(read.tasks) == len(truth.tasks)
    for true, told in zip(truth.tasks, read.tasks, strict=True):
        assert told.status is STATUS[true.status], true.id
        if true.start is not None:
            assert told.host == true.host, true.id
        assert (told.start, told.end) == as_told(true.start, true.end), true.id
        told_inputs = packed.originals(told.inputs)
        assert set(true.inputs) <= told_inputs, true.id
        assert told_inputs - set(true.inputs) <= set(files_below(true.inputs)), true.id
        told_outputs = packed.originals(told.outputs)
        assert set(true.outputs) <= told_outputs, true.id
        assert told_outputs - set(true.outputs) <= set(files_below(true.outputs)), true.id


def check_digests(run: CompssRun, packed: Packed) -> None:
    """Every file of the run that is there has its digest."""
    paths = files_below([*run.truth.inputs, *run.truth.outputs])
    assert paths
    for path in dict.fromkeys(paths):
        digests = [one.get("sha256") for one in packed.states(path)]
        assert sha256(path) in digests, path


@pytest.mark.parametrize("version", ["3.3", "3.3.1", "3.4"])
@pytest.mark.parametrize("data", ["copy", "reference"])
def test_all_that_happened_is_in_the_crate(tmp_path: Path, wfprov: Wfprov, version: str, data: str) -> None:
    run = rich_run(tmp_path, version)
    packed = pack(wfprov, run.log_folder, tmp_path / "crate", "--data", data)
    check_against_truth(run, packed)
    check_digests(run, packed)
    assert packed.run.status is Status.COMPLETED
    profiles = {one["@id"].split("/")[-2] for one in packed.graph["./"]["conformsTo"] if "wfrun" in one["@id"]}
    assert profiles == {"process", "workflow", *(["provenance"] if version == "3.4" else [])}


@pytest.mark.parametrize("version", ["3.3", "3.3.1", "3.4"])
def test_crates_are_valid_at_the_recommended_level(tmp_path: Path, wfprov: Wfprov, version: str) -> None:
    pytest.importorskip("rocrate_validator")
    from provenance.crate.validate import validate

    run = rich_run(tmp_path, version)
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    assert [(one.check, one.entity) for one in validate(packed.crate).issues] == []


def test_a_zip_of_a_failed_run_is_valid_too(tmp_path: Path, wfprov: Wfprov) -> None:
    pytest.importorskip("rocrate_validator")
    from provenance.crate.validate import validate

    run = failed_run(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    wfprov("pack", "--compss", run.log_folder, "--zip", "-o", tmp_path / "c.zip", cwd=elsewhere)
    assert [(one.check, one.entity) for one in validate(tmp_path / "c.zip").issues] == []


def failed_run(folder: Path) -> CompssRun:
    """One task fails twice, the one after it is cancelled, one was recovered, one needed a second attempt."""
    run = CompssRun(folder, "3.4")
    a = run.file("a.txt", "1\n")
    made = [run.path(f"out/{i}.txt") for i in range(5)]
    run.task("mod.f", [file_in("src", a), file_out("dst", made[0])], statuses=("RECOVERED",), makes={made[0]: "0"})
    run.task("mod.f", [file_in("src", a), file_out("dst", made[1])], statuses=("FAILED", "FINISHED"),
             makes={made[1]: "1"}, error="OSError: try again")  # fmt: skip
    run.task("mod.f", [file_in("src", a), file_out("dst", made[2])], makes={made[2]: "2"})
    run.task("mod.f", [file_in("src", made[2]), file_out("dst", made[3])], statuses=("FAILED", "FAILED"))
    run.task("mod.f", [file_in("src", made[3]), file_out("dst", made[4])], statuses=("CANCELED",))
    run.master_failed()
    return run.finish()


def test_statuses_are_told_apart(tmp_path: Path, wfprov: Wfprov) -> None:
    run = failed_run(tmp_path)
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    tasks = packed.tasks
    assert [one.status for one in tasks] == [
        Status.RECOVERED,
        Status.COMPLETED,
        Status.COMPLETED,
        Status.FAILED,
        Status.CANCELED,
    ]
    assert packed.run.status is Status.FAILED
    assert "ValueError: oops" in (tasks[3].error or "")
    assert (tasks[4].start, tasks[4].end, tasks[4].outputs) == (None, None, ())
    assert (tasks[0].start, tasks[0].end) == (None, None)
    assert tasks[1].start == as_told(run.truth.tasks[1].start, None)[0]
    logs = {key.rpartition("/")[2] for key in tasks[3].logs}
    assert {"job4_NEW.err", "job4_RESUBMITTED.err"} <= logs
    assert all((packed.crate / key).is_file() for key in tasks[3].logs)
    text = (packed.crate / "ro-crate-metadata.json").read_text()
    assert "Attempt 1" in text
    assert "Attempt 2" in text


def test_an_in_out_file_is_two_states(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    c = run.file("c.txt", "before\n")
    run.task("mod.f", [file_inout("c", c)], makes={c: "between\n"})
    run.task("mod.f", [file_inout("c", c)], makes={c: "after\n"})
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate", "--data", "copy")
    before, between, after = packed.states(c)
    assert after["sha256"] == sha256(c)
    assert "sha256" not in before
    assert "sha256" not in between
    first, second = packed.tasks
    assert (first.inputs, first.outputs) == ((before["@id"],), (between["@id"],))
    assert (second.inputs, second.outputs) == ((between["@id"],), (after["@id"],))
    assert packed.run.inputs == (before["@id"],)
    assert packed.run.outputs == (after["@id"],)


@pytest.mark.parametrize("version", ["3.3", "3.3.1"])
def test_an_in_out_file_of_older_logs_is_two_states(tmp_path: Path, wfprov: Wfprov, version: str) -> None:
    run = CompssRun(tmp_path, version)
    c = run.file("c.txt", "before\n")
    for _ in range(3):
        run.task("mod.f", [file_inout("c", c)], makes={c: "after\n"})
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    before, after = packed.states(c)
    assert (packed.run.inputs, packed.run.outputs) == ((before["@id"],), (after["@id"],))
    assert after["sha256"] == sha256(c)


def test_provenance_run_false_gives_a_crate_of_the_run_as_a_whole(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    a, b = run.file("a", "1"), run.path("b")
    run.task("mod.f", [file_in("a", a), file_out("b", b)], makes={b: "2"})
    run.finish(info={"provenance_run": False})
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    assert packed.tasks == []
    assert not any("ControlAction" in types(one) for one in packed.graph.values())
    assert not any(one["@id"].endswith("provenance/0.5") for one in packed.graph["./"]["conformsTo"])
    assert packed.originals(packed.run.inputs) == {a}
    assert packed.originals(packed.run.outputs) == {b}


def test_what_was_written_once_is_not_said_to_be_changed(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path)
    once, twice = run.path("outputs/once.txt"), run.path("outputs/twice.txt")
    run.task("m.write", [file_out("a", once), file_out("b", twice)], makes={once: "1", twice: "1"})
    run.task("m.change", [file_inout("b", twice)], makes={twice: "2"})
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    (single,) = packed.states(once)
    assert "description" not in single
    assert ["changed in place" in one["description"] for one in packed.states(twice)] == [True, True]


def test_an_empty_folder_is_a_part_of_the_folder_around_it(tmp_path: Path, wfprov: Wfprov) -> None:
    run = rich_run(tmp_path, "3.4")
    packed = pack(wfprov, run.log_folder, tmp_path / "crate", "--data", "copy")
    around = packed.graph["dataset/rows/r0/"]
    parts = {packed.original(one["@id"]) for one in around["hasPart"]}
    assert parts == {run.path(f"rows/r0/{name}") for name in ("x.txt", "deep/y.txt", "empty")}


def test_folders_of_the_same_name_are_both_complete(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    files = [run.file(f"{top}/data/{name}", f"{top} {name}") for top in ("left", "right") for name in ("x", "deep/y")]
    run.folder("left/data/empty")
    out = run.path("out")
    left, right = run.path("left/data"), run.path("right/data")
    run.task("mod.f", [directory("l", left), directory("r", right), file_out("o", out)], makes={out: "o"})
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate", "--data", "copy")
    for path in files:
        (entity,) = packed.states(path)
        assert sha256(packed.crate / entity["@id"]) == sha256(path) == entity["sha256"]
    assert {run.path("left/data/empty"), left, right} <= {
        packed.original(one["@id"])
        for one in packed.graph.values()
        if types(one) == ["Dataset"] and "alternateName" in one
    }


@pytest.mark.parametrize("version", ["3.3", "3.4"])
def test_names_are_what_they_were(tmp_path: Path, wfprov: Wfprov, version: str) -> None:
    run = CompssRun(tmp_path, version)
    for name in AWKWARD:
        source = run.file(f"in put/{name}", f"{name} in")
        made = run.path(f"out#put/{name}")
        run.task("mod.f", [file_in("src", source), file_out("dst", made)], makes={made: f"{name} out"})
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate", "--data", "copy")
    check_against_truth(run, packed)
    for path in (*run.truth.inputs, *run.truth.outputs):
        (entity,) = packed.states(path)
        assert entity["sha256"] == sha256(path)


@pytest.mark.parametrize("version", ["3.3.1", "3.4"])
@pytest.mark.parametrize("data", ["copy", "reference"])
def test_nothing_is_written_where_the_run_was(tmp_path: Path, wfprov: Wfprov, version: str, data: str) -> None:
    run = rich_run(tmp_path, version)
    before = snapshot(run.work_folder, run.log_folder)
    pack(wfprov, run.log_folder, tmp_path / "crate", "--data", data)
    assert snapshot(run.work_folder, run.log_folder) == before


def test_the_hosts_of_files_and_of_the_action_agree(tmp_path: Path, wfprov: Wfprov) -> None:
    run = rich_run(tmp_path, "3.4", host="master-ib0")
    packed = pack(wfprov, run.log_folder, tmp_path / "crate", "--data", "reference")
    hosts = {key.removeprefix("file://").partition("/")[0] for key in packed.graph if key.startswith("file://")}
    assert hosts == {"master-ib0"}
    assert packed.run.host == "master-ib0"
    assert {one.host for one in packed.tasks} == {"master-ib0-w1", "master-ib0-w2"}


def test_a_file_that_is_gone_is_told_and_stops_nothing(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    gone, kept, scratch, out = run.file("gone"), run.file("kept"), run.path("scratch"), run.path("out")
    run.task("mod.f", [file_in("a", gone), file_in("b", kept), file_out("c", scratch)], makes={scratch: "s"})
    run.task("mod.f", [file_in("c", scratch, "IN_DELETE"), file_out("d", out)], makes={out: "o"})
    run.delete(gone)
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    assert packed.originals(packed.run.inputs) == {gone, kept}
    assert packed.originals(packed.run.outputs) == {out}
    (entity,) = packed.states(gone)
    assert entity["@id"].startswith("#")
    assert packed.report["gone"] == [gone]
    assert packed.originals(packed.tasks[1].inputs) == {scratch}


def test_lines_that_can_not_be_understood_are_named_and_stop_nothing(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    a, b = run.file("a"), run.path("b")
    run.line("file half a li")
    run.task("mod.f", [file_in("a", a), file_out("b", b)], makes={b: "b"})
    run.line("\x00\x01 garbage \udcff")
    run.line("task seven mod.f")
    run.worker_line("HOST TASK ??")
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    check_against_truth(run, packed)
    gaps = " ".join(packed.report["gaps"])
    assert "dataprovenance.log" in gaps


@pytest.mark.parametrize("digits", range(10))
@pytest.mark.parametrize("version", ["3.3.1", "3.4"])
def test_times_of_every_precision_are_read(tmp_path: Path, version: str, digits: int) -> None:
    run = CompssRun(tmp_path, version, digits=digits)
    run.task("mod.f", [file_in("a", run.file("a"))])
    run.finish()
    read = load(run.log_folder, run.work_folder)
    assert (read.start, read.end) == (run.truth.start, run.truth.end)
    assert run.truth.start == START // 10 ** (9 - digits) * 10 ** (9 - digits)


def test_a_log_without_an_end_gives_a_crate(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    a, b = run.file("a"), run.path("b")
    run.task("mod.f", [file_in("a", a), file_out("b", b)], makes={b: "b"})
    run.task("mod.f", [file_in("a", a)], statuses=())
    run.finish(has_end=False)
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    assert packed.run.end is None
    assert packed.run.status is not Status.COMPLETED
    assert packed.tasks[1].status in (Status.UNKNOWN, Status.RUNNING)
    assert packed.tasks[1].end is None
    assert any("end of the run" in one for one in packed.report["gaps"])


def test_parameters_of_every_kind_are_told(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    a = run.file("a")
    matrix = "[[1. 2.]\n [3. 4.]]"
    run.task("mod.f", [file_in("src", a), scalar("n", 4), scalar("text", "with blank X", "STRING_T", "str"),
                       scalar("#kwarg_alpha", 0.5, "DOUBLE_T", "float"),
                       scalar("m", matrix, "OBJECT_T", "numpy.ndarray,float64", True)])  # fmt: skip
    run.task("mod.nothing")
    run.finish(rotate=3)
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    values = {one.name: one for one in packed.tasks[0].arguments}
    assert str(values["n"].value) == "4"
    assert values["text"].value == "with blank X"
    assert str(values["alpha"].value) == "0.5"
    assert values["m"].value == matrix
    assert len(packed.tasks) == 2
    assert packed.tasks[1].status is Status.COMPLETED


def test_a_java_run_is_told(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4", application="matmul.files.Matmul")
    a, b = run.file("a"), run.path("b")
    run.task("multiply(FILE_T,FILE_T)matmul.files.MatmulImpl", [file_in("a", a), file_out("b", b)], makes={b: "b"},
             has_worker_log=False, values=[("n", "INT_T", "4", "IN")])  # fmt: skip
    run.finish(flags=["--provenance", "--lang=java", f"--classpath={run.path('src')}"])
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    check_against_truth(run, packed)
    assert packed.run.main is not None
    assert packed.original(packed.run.main) == str(run.main)
    (tool,) = packed.run.tools
    assert "multiply" in tool.name


def test_tasks_that_share_a_file_read_one_state_and_make_one(tmp_path: Path, wfprov: Wfprov) -> None:
    run = CompssRun(tmp_path, "3.4")
    c, d = run.file("c", "0"), run.file("d", "0")
    for _ in range(3):
        run.task("mod.f", [file_inout("c", c, "CONCURRENT"), file_inout("d", d, "COMMUTATIVE")], makes={c: "3", d: "3"})
    run.finish()
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    for path in (c, d):
        before, after = packed.states(path)
        assert all(before["@id"] in one.inputs and after["@id"] in one.outputs for one in packed.tasks)


def test_a_working_folder_that_was_moved_can_be_named(tmp_path: Path, wfprov: Wfprov) -> None:
    run = rich_run(tmp_path, "3.3.1")
    packed = pack(
        wfprov, run.log_folder, tmp_path / "crate", "--workdir", run.work_folder, "--info",
        run.work_folder / "ro-crate-info.yaml",
    )  # fmt: skip
    check_against_truth(run, packed)
    assert packed.run.about.name == "Sample"


def test_statistics_job_and_command_line_are_told(tmp_path: Path, wfprov: Wfprov) -> None:
    run = rich_run(tmp_path, "3.4")
    packed = pack(wfprov, run.log_folder, tmp_path / "crate")
    usage = {one.name: one.value for one in (packed.run.resources.extra if packed.run.resources else ())}
    assert str(usage["overall.model.prepare.executions"]) == "2"
    assert str(usage["overall.model.split.maxTime"]) == "40"
    assert any(name.endswith("cpuAvg") for name in usage)
    job = packed.run.environment.job
    assert job is not None
    assert (job.scheduler, job.id) == ("Slurm", "4711")
    assert packed.run.command[0] == "enqueue_compss"
    options = {one.name: one.value for one in packed.run.engine_arguments}
    assert options["--qos"] == "gp_debug"
    arguments = [str(one.value) for one in packed.run.arguments]
    assert "4" in arguments


def test_the_order_of_attempts_does_not_depend_on_the_file_system(tmp_path: Path, wfprov: Wfprov) -> None:
    run = failed_run(tmp_path)
    first = pack(wfprov, run.log_folder, tmp_path / "one")
    second = pack(wfprov, run.log_folder, tmp_path / "two")
    assert list(first.graph) == list(second.graph)


def test_a_folder_that_is_no_log_folder_is_refused_in_words(tmp_path: Path, wfprov: Wfprov) -> None:
    done = wfprov("pack", "--compss", tmp_path, "-o", tmp_path / "crate", cwd=tmp_path, status=None)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "dataprovenance.log" in done.stderr
    assert os.listdir(tmp_path) == []
