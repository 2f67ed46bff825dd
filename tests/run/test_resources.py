"""What a run used, over time and altogether, and what another execution needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provenance.run import load
from provenance.run.model import Data, Environment, Job, ResourceUse, Role, Run, Status
from provenance.run.resources import needs
from tests.run.journals import Journal

SECOND = 1_000_000_000
MB = 1_000_000


class Sampled(Journal):
    """A journal with samples at given seconds after the start."""

    def sample(self, seconds: float, cpu: float, memory: int, host: str = "h", **more: Any) -> None:
        time = self.start + int(seconds * SECOND)
        event = {"e": "sample", "t": time, "host": host, "cpu": cpu, "memory": memory, "processes": 1}
        self._run_lines.append(event | more)

    def end_at(self, seconds: float, **more: Any) -> None:
        self._run_lines.append({"e": "end", "t": self.start + int(seconds * SECOND), "status": 0} | more)


@pytest.fixture
def journal(tmp_path: Path) -> Sampled:
    made = Sampled(tmp_path)
    made.run("work")
    return made


def loaded(journal: Journal) -> Run:
    journal.save()
    return load(journal.folder)


def used(journal: Journal) -> ResourceUse:
    found = loaded(journal).resources
    assert found is not None
    return found


def test_average_and_maximum_of_processors_and_memory(journal: Sampled) -> None:
    journal.sample(1, 0.5, 100 * MB)
    journal.sample(3, 4.0, 300 * MB)
    journal.end_at(4, utime=4.0, stime=1.0, maxrss=200 * MB)
    found = used(journal)
    assert (found.cpu_user, found.cpu_system) == (4.0, 1.0)
    assert (found.average_cpu, found.max_cpu) == (1.25, 2.0)
    assert (found.max_memory, found.max_total_memory) == (200 * MB, 300 * MB)
    assert found.average_memory == (100 * MB + 2 * 300 * MB) // 3


def test_the_series_tells_rates(journal: Sampled) -> None:
    journal.sample(1, 0.5, 100)
    journal.sample(3, 4.0, 300)
    journal.end_at(4)
    (series,) = loaded(journal).series
    assert series.host == "h"
    assert series.times == (journal.start + SECOND, journal.start + 3 * SECOND)
    assert series.cpu == (0.5, 2.0)
    assert series.memory == (100, 300)


def test_a_short_last_interval_is_no_peak(journal: Sampled) -> None:
    journal.sample(1, 1.0, 100)
    journal.sample(1.01, 0.03, 0, processes=0)
    journal.end_at(1.01)
    assert used(journal).max_cpu == pytest.approx(1.03 / 1.01, abs=0.001)


def test_the_peak_within_a_sample_that_stands_for_several_looks_counts(journal: Sampled) -> None:
    journal.sample(1000, 500.0, 900, max_cpu=7.5, mean_memory=300)
    journal.end_at(1000)
    found = used(journal)
    assert (found.max_cpu, found.max_total_memory, found.average_memory) == (7.5, 900, 300)


def test_what_left_the_command_and_was_only_sampled_counts_for_the_average(journal: Sampled) -> None:
    journal.sample(10, 8.0, 100)
    journal.end_at(10, utime=0.1, stime=0.0, maxrss=1)
    assert used(journal).average_cpu == 0.8


def test_damaged_samples_are_passed_over(journal: Sampled) -> None:
    journal.sample(1, 1.0, 100)
    journal.sample(2, float("inf"), 100)
    journal.sample(0.5, 1.0, 100)
    journal._run_lines.append({"e": "sample", "t": journal.start + 2 * SECOND, "host": "h", "cpu": 1, "memory": "much"})
    journal.sample(3, 1.0, 100, t=None)
    journal.end_at(3)
    assert len(loaded(journal).series[0].times) == 1


def test_a_run_without_samples_has_no_series(journal: Sampled) -> None:
    journal.end_at(2, utime=1.0, stime=0.0, maxrss=1)
    run = loaded(journal)
    assert run.series == ()
    assert run.resources is not None
    assert run.resources.average_cpu == 0.5
    assert run.resources.max_cpu is None


def test_a_killed_recorder_leaves_what_the_processes_and_samples_say(journal: Sampled) -> None:
    process = journal.process("work")
    journal.event(process, "end", status=0, utime=1.0, stime=0.5, maxrss=5 * MB, lost=0)
    journal.sample(3, 1.5, 7 * MB)
    found = used(journal)
    assert (found.cpu_user, found.cpu_system, found.average_cpu) == (1.0, 0.5, 0.5)
    assert found.max_total_memory == 7 * MB


def test_processes_on_other_hosts_add_to_what_the_launcher_saw(journal: Sampled) -> None:
    process = journal.process("work", pid=7, host="other")
    journal.event(process, "end", status=0, utime=3.0, stime=0.0, maxrss=9 * MB, lost=0)
    journal.end_at(1, utime=1.0, stime=0.0, maxrss=5 * MB)
    found = used(journal)
    assert found.cpu_user == 4.0
    assert found.max_memory == 9 * MB


def test_a_task_used_what_all_its_processes_used(journal: Sampled, tmp_path: Path) -> None:
    first = journal.process("work")
    copy = journal.process("work", how="fork", parent=first)
    journal.write(copy, tmp_path / "made.txt")
    journal.event(copy, "end", status=0, utime=2.0, stime=0.0, maxrss=9 * MB, lost=0, io=[10, 20])
    journal.event(first, "end", status=0, utime=1.0, stime=0.5, maxrss=5 * MB, lost=0, io=[1, 2])
    journal.end_run(utime=3.0, stime=0.5, maxrss=9 * MB)
    (task,) = loaded(journal).tasks
    assert task.resources is not None
    assert (task.resources.cpu_user, task.resources.cpu_system) == (3.0, 0.5)
    assert task.resources.max_memory == 9 * MB
    assert task.resources.average_cpu == pytest.approx(3.5 / ((task.end - task.start) / SECOND), rel=0.001)


def test_machine_and_job_come_from_the_record(journal: Sampled) -> None:
    journal.section(
        "host",
        microarchitecture="zen3",
        features=["avx2", "sse"],
        file_system="lustre",
        accelerators=[{"name": "A100", "vendor": "NVIDIA", "memory": 40 * MB}, "none"],
        memory_limit=5,
        cpu_limit=2.5,
    )
    journal.section("job", scheduler="Slurm", id="12", nodes=2, time_limit="long")
    found = loaded(journal).environment
    assert found.microarchitecture == "zen3"
    assert found.cpu_features == ("avx2", "sse")
    assert found.file_system == "lustre"
    assert [(one.name, one.vendor, one.memory) for one in found.accelerators] == [("A100", "NVIDIA", 40 * MB)]
    assert (found.memory_limit, found.cpu_limit) == (5, 2.5)
    assert found.job == Job("Slurm", "12", nodes=2)


def run_with(**more: Any) -> Run:
    return Run("r", "r", Status.COMPLETED, **more)


def test_needs_are_the_most_that_was_used() -> None:
    data = (
        Data("a", "/a", Role.OUTPUT, size=10),
        Data("a1", "/a", Role.OUTPUT, version=1, size=30),
        Data("b", "/b", Role.INTERMEDIATE, size=5),
        Data("c", "/c", Role.SCRATCH),
        Data("d", "/d", Role.INPUT, size=1000),
        Data("e", "/e", Role.OUTPUT, is_directory=True, size=4096),
    )
    run = run_with(
        start=SECOND,
        end=3 * SECOND,
        data=data,
        resources=ResourceUse(max_cpu=3.3, max_memory=70, max_total_memory=100),
        environment=Environment(job=Job("Slurm", "1", tasks=4, cpus_per_task=2)),
    )
    found = needs(run)
    assert (found.processors, found.processors_asked) == (4, 8)
    assert (found.memory, found.seconds, found.storage) == (100, 2.0, 35)


def test_a_program_with_one_thread_needs_one_processor() -> None:
    assert needs(run_with(resources=ResourceUse(max_cpu=1.06))).processors == 1
    assert needs(run_with(resources=ResourceUse(max_cpu=0.01))).processors == 1


def test_nothing_known_nothing_needed() -> None:
    found = needs(run_with())
    assert {found.processors, found.processors_asked, found.memory, found.seconds, found.storage} == {None}


def test_bytes_of_children_that_were_waited_for_count_once(journal: Sampled) -> None:
    shell = journal.process("sh")
    copy = journal.process("sh", how="fork", pid=500, parent=shell)
    child = journal.process("cat", pid=500, parent=copy)
    daemon = journal.process("daemon", parent=shell)
    grandchild = journal.process("head", parent=child)
    for process, io in ((grandchild, [100, 10]), (child, [1100, 60]), (shell, [1500, 65]), (daemon, [7, 7])):
        journal.event(process, "end", status=0, utime=0.1, stime=0.0, maxrss=MB, lost=0, io=io)
    journal.end_run(utime=1.0, stime=0.0, maxrss=MB)
    run = loaded(journal)
    assert run.resources is not None
    assert (run.resources.read_bytes, run.resources.written_bytes) == (1507, 72)


def test_bytes_pass_by_programs_that_say_nothing(journal: Sampled) -> None:
    shell = journal.process("sh")
    wrapper = journal.process("sh", pid=600, parent=shell)
    becomes = journal.process("env", pid=600, parent=wrapper)
    killed = journal.process("timeout", parent=becomes)
    copy = journal.process("cp", parent=killed)
    journal.event(copy, "end", status=0, utime=0.1, stime=0.0, maxrss=MB, lost=0, io=[1000, 50])
    journal.event(killed, "wait", pid=700, status=0)
    journal.event(becomes, "end", status=0, utime=0.0, stime=0.0, maxrss=MB, lost=0)
    journal.event(shell, "end", status=0, utime=0.1, stime=0.0, maxrss=MB, lost=0, io=[1100, 60])
    journal.end_run(utime=1.0, stime=0.0, maxrss=MB)
    run = loaded(journal)
    assert run.resources is not None
    assert (run.resources.read_bytes, run.resources.written_bytes) == (1100, 60)
