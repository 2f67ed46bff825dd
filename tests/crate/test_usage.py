"""What a run used, where, and what it needs, in the crate and read back from it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.crate.plots import plots
from provenance.crate.read import read
from provenance.crate.settings import PackSettings
from provenance.crate.write import write
from provenance.run.model import (
    Accelerator,
    Data,
    Environment,
    Job,
    ResourceUse,
    Role,
    Run,
    Series,
    Status,
    Task,
    Tool,
)

START = 1_763_800_000_000_000_000
SECOND = 1_000_000_000
USED = ResourceUse(
    cpu_user=10.5,
    cpu_system=0.5,
    max_memory=2_000_000,
    average_cpu=1.1,
    max_cpu=3.4,
    max_total_memory=5_000_000,
    average_memory=4_000_000,
    read_bytes=12,
    written_bytes=34,
)
MACHINE = Environment(
    machine="x86_64",
    cpu_model="AMD EPYC 7763",
    cpu_count=128,
    memory=256 << 30,
    microarchitecture="zen3",
    cpu_features=("avx2", "sse4_2"),
    accelerators=(
        Accelerator("NVIDIA A100-SXM4-40GB", "NVIDIA", "535.161.08", 40 << 30),
        Accelerator("Intel GPU 0x0bd5"),
    ),
    file_system="lustre",
    job=Job("Slurm", "4711", "my job", "gp", 2, 8, 14, 7200, "n[1-2]"),
    memory_limit=64 << 30,
    cpu_limit=112.0,
    variables=(("OMP_NUM_THREADS", "4"),),
)
SERIES = Series(
    "node1",
    tuple(START + n * SECOND for n in range(1, 6)),
    (1.0, 3.4, 2.0, 2.0, 0.1),
    (1_000_000, 5_000_000, 5_000_000, 5_000_000, 0),
)


def run_of(**more: Any) -> Run:
    tool = Tool("work", "work", "program", path="/usr/bin/work")
    task = Task("t", "work", Status.COMPLETED, START, START + SECOND, resources=USED)
    made = Data("o", "/nowhere/out.bin", Role.OUTPUT, size=3_000_000, is_gone=True)
    given = {"start": START, "end": START + 10 * SECOND, "tools": (tool,), "tasks": (task,), "data": (made,)}
    return Run("r1", "work", Status.COMPLETED, ("work",), "/nowhere", **(given | more))


@pytest.fixture(scope="module")
def crate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("usage") / "crate"
    write(run_of(resources=USED, environment=MACHINE, series=(SERIES,)), target, PackSettings())
    return target


def entities(crate: Path) -> dict[str, Any]:
    graph = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_what_was_used_comes_back(crate: Path) -> None:
    back = read(crate)
    assert back.resources == USED
    assert [task.resources for task in back.tasks] == [USED]


def test_machine_and_job_come_back(crate: Path) -> None:
    back = read(crate).environment
    for name in (
        *("machine", "cpu_model", "cpu_count", "memory", "microarchitecture", "cpu_features", "accelerators"),
        *("file_system", "job", "memory_limit", "cpu_limit", "variables"),
    ):
        assert getattr(back, name) == getattr(MACHINE, name)


def test_every_value_has_a_definition_and_every_amount_a_unit(crate: Path) -> None:
    found = entities(crate)
    run = found["#run-r1"]
    listed = [found[each["@id"]] for each in run["resourceUsage"]]
    assert {entity["name"] for entity in listed} >= {"average_cpu", "max_total_memory", "read_bytes", "wall_time"}
    facts = [found[each["@id"]] for each in run["environment"] if not each["@id"].startswith("#environment-")]
    for entity in listed + facts:
        assert entity["propertyID"].startswith("https://")
    assert all(entity["unitCode"].startswith("https://qudt.org/vocab/unit/") for entity in listed)
    identifiers = {entity["name"]: entity["propertyID"] for entity in listed}
    assert identifiers["max_memory"] != identifiers["max_total_memory"]


def test_needs_stand_at_the_workflow_and_in_the_system_file(crate: Path) -> None:
    found = entities(crate)
    main = found[found["./"]["mainEntity"]["@id"]]
    assert main["processorRequirements"] == "112 processors (x86_64 zen3)"
    assert main["memoryRequirements"] == "4.77 MiB (5000000 B)"
    assert main["storageRequirements"] == "2.86 MiB (3000000 B)"
    assert main["totalTime"] == "PT10.000S"
    needs = json.loads((crate / "environment/system.json").read_text())["needs"]
    assert needs == {
        "processors": 4,
        "processors_asked": 112,
        "memory_bytes": 5_000_000,
        "seconds": 10.0,
        "storage_bytes": 3_000_000,
    }


def test_the_plots_are_files_about_the_run(crate: Path) -> None:
    found = entities(crate)
    for name in ("cpu", "memory"):
        entity = found[f"environment/{name}.svg"]
        assert entity["@type"] == "File"
        assert entity["about"]["@id"] == "#run-r1"
        assert entity["encodingFormat"] == "image/svg+xml"
        assert {"@id": entity["@id"]} in found["./"]["hasPart"]
        ElementTree.fromstring((crate / f"environment/{name}.svg").read_text())


def test_a_run_of_which_nothing_was_measured_claims_nothing(tmp_path: Path) -> None:
    run = replace(run_of(), tasks=(), data=(), start=None, end=None)
    write(run, tmp_path / "crate", PackSettings())
    found = entities(tmp_path / "crate")
    action = found["#run-r1"]
    assert "resourceUsage" not in action
    main = found[found["./"]["mainEntity"]["@id"]]
    assert not {"memoryRequirements", "processorRequirements", "storageRequirements", "totalTime"} & set(main)
    assert not (tmp_path / "crate/environment/cpu.svg").exists()


def texts(drawing: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text")]


def drawn(run: Run) -> dict[str, str]:
    return {name: text for name, _, text in plots(run)}


def test_axes_name_their_units() -> None:
    run = run_of(series=(SERIES,))
    cpu, memory = drawn(run)["cpu"], drawn(run)["memory"]
    assert {"CPU of work", "processors", "time since the start (s)", "0", "5"} <= set(texts(cpu))
    assert {"Memory of work", "MiB", "time since the start (s)"} <= set(texts(memory))
    assert "prefers-color-scheme:dark" in cpu


def test_a_long_course_stays_small_and_keeps_its_peak() -> None:
    count = 5000
    times = tuple(START + n * 100 * SECOND for n in range(1, count + 1))
    flat = Series("h", times, (1.0,) * count, (1 << 30,) * count)
    peak = replace(flat, memory=tuple((9 << 30) if n == 2345 else 1 << 30 for n in range(count)))
    plain, high = drawn(run_of(series=(flat,)))["memory"], drawn(run_of(series=(peak,)))["memory"]
    assert len(high) < 20_000
    assert "10" in texts(high)
    assert "10" not in texts(plain)
    assert "time since the start (d)" in texts(high)


def test_too_few_samples_are_not_drawn() -> None:
    short = Series("h", (START + 1,), (1.0,), (5,))
    assert not drawn(run_of(series=(short,)))
    assert not drawn(run_of())


def test_what_nodes_used_is_drawn_apart_in_percent() -> None:
    of_node = replace(SERIES, host="node1", is_share=True)
    found = drawn(run_of(series=(SERIES, of_node)))
    assert list(found) == ["cpu", "memory", "node-cpu", "node-memory"]
    assert {"CPU of the nodes of work", "percent"} <= set(texts(found["node-cpu"]))
    assert "percent" in texts(found["node-memory"])


def test_a_drawing_of_many_hosts_says_how_many_it_shows() -> None:
    series = tuple(replace(SERIES, host=f"node{n}", is_share=True) for n in range(12))
    assert "CPU of the nodes (8 of 12 hosts) of work" in texts(drawn(run_of(series=series))["node-cpu"])


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 2**60)), min_size=3, max_size=20),
    st.text(max_size=80),
    st.integers(1, 10**16),
)
def test_any_course_gives_a_drawing(looks: list[tuple[float, int]], name: str, step: int) -> None:
    times = tuple(START + n * step for n in range(1, len(looks) + 1))
    series = Series("ho<st", times, tuple(cpu for cpu, _ in looks), tuple(memory for _, memory in looks))
    run = replace(run_of(), name=name, series=(series, replace(series, host="b\ud800")), end=None)
    assert len(drawn(run)) == 2
    for drawing in drawn(run).values():
        ElementTree.fromstring(drawing)
