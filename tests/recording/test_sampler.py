"""Now and then the launcher notes what the processes of a run use, without harm to the run."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provenance.recording.process_tree import ProcessTree, TreeUse
from provenance.recording.sampler import Sampler, sampler
from tests.recording.launching import begin, events, folders, only, record, wait_for

BUSY = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def python(code):
    return [sys.executable, "-c", code]


def samples(place):
    (run_folder,) = folders(place)
    return [event for event in events(run_folder) if event["e"] == "sample"]


def test_samples_add_up_to_the_time_that_the_command_used(tmp_path):
    record(python(BUSY.format(0.5)), tmp_path)
    found, end = samples(tmp_path), only(tmp_path)[1]["end"]
    assert found
    assert sum(one["cpu"] for one in found) == pytest.approx(end["utime"] + end["stime"], abs=0.05)
    assert found[-1]["processes"] == 0


def test_memory_of_all_processes_counts(tmp_path):
    holds = f"x = b'x' * 40_000_000\n{BUSY.format(0.3)}"
    both = f"import subprocess, sys\nall = [subprocess.Popen([sys.executable, '-c', {holds!r}]) for _ in 'ab']\n"
    record(python(both + "[one.wait() for one in all]"), tmp_path)
    assert max(one["memory"] for one in samples(tmp_path)) > 80_000_000
    assert max(one["processes"] for one in samples(tmp_path)) == 3


@pytest.mark.parametrize("options", [("--sample-interval", "0")])
def test_none_when_none_are_wanted(tmp_path, options):
    record(python(BUSY.format(0.3)), tmp_path, *options)
    assert samples(tmp_path) == []


@pytest.mark.parametrize("interval", ["-1", "nan", "inf", "soon"])
def test_what_is_no_interval_is_refused(tmp_path, interval):
    ended = record(["true"], tmp_path, "--sample-interval", interval)
    assert ended.returncode == 2
    assert b"sample-interval" in ended.stderr


def test_a_short_run_neither_waits_nor_is_sampled(tmp_path):
    record(["true"], tmp_path, "--sample-interval", "3600")
    assert samples(tmp_path) == []
    assert only(tmp_path)[1]["end"]["status"] == 0


def test_a_long_interval_does_not_hold_up_the_end(tmp_path):
    began = time.monotonic()
    record(python(BUSY.format(0.3)), tmp_path, "--sample-interval", "3600")
    assert time.monotonic() - began < 30


def test_a_run_that_is_killed_keeps_its_samples(tmp_path):
    running = begin(["sh", "-c", "echo $$ > pid; exec sleep 60"], tmp_path)
    wait_for(lambda: folders(tmp_path) and (folders(tmp_path)[0] / "run.jsonl").exists() and samples(tmp_path))
    running.kill()
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    running.communicate()
    assert samples(tmp_path)[0]["processes"] == 1


@pytest.fixture
def started():
    """Starts processes, and ends them."""
    running = []

    def start(command, **more):
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.communicate()


def test_strangers_are_not_counted(started):
    mine, other = started(["cat"]), started(["cat"])
    tree = ProcessTree(mine.pid, "/nowhere")
    assert wait_for(tree.measure).processes == 1
    assert other.poll() is None


def test_a_process_that_lost_its_parent_stays(started):
    command = started(["sh", "-c", "(sleep 30 >/dev/null & echo $!; read line); exec cat"])
    left = int(command.stdout.readline())
    parent = _parent(left)
    tree = ProcessTree(command.pid, "/nowhere")
    wait_for(lambda: tree.measure().processes == 3)
    command.stdin.write(b"go on\n")
    command.stdin.flush()
    try:
        wait_for(lambda: _parent(left) != parent and tree.measure().processes == 2)
    finally:
        os.kill(left, 9)


def test_a_daemon_that_was_never_seen_with_its_parent_is_known_by_the_run_folder(started):
    command = started(["cat"])
    apart = started(["cat"], env={**os.environ, "WFPROV_JOURNAL": "/some/run folder"})
    other = started(["cat"], env={**os.environ, "WFPROV_JOURNAL": "/some/run folder 2"})
    assert {command.poll(), apart.poll(), other.poll()} == {None}
    assert wait_for(ProcessTree(command.pid, "/some/run folder").measure).processes == 2
    assert wait_for(ProcessTree(command.pid, "/some/run folder", ["cat"]).measure).processes == 1


def test_time_of_children_counts_once_before_and_after_they_were_waited_for(started):
    busy = BUSY.format(0.6)
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\nprint(flush=True)\ninput()"
    command = started(python(code))
    tree = ProcessTree(command.pid, "/nowhere")
    seen = [tree.measure().cpu]
    while tree.measure().processes > 1 or seen[-1] < 0.6:
        seen.append(tree.measure().cpu)
    command.stdout.readline()
    seen.append(tree.measure().cpu)
    assert seen == sorted(seen)
    assert 0.6 <= seen[-1] < 1.1


def test_time_of_children_that_nobody_waits_for_is_kept(started):
    code = (
        "import signal, subprocess, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        f"subprocess.run([sys.executable, '-c', {BUSY.format(0.3)!r}])\nprint(flush=True)\ninput()"
    )
    command = started(python(code))
    tree = ProcessTree(command.pid, "/nowhere")
    while tree.measure().cpu < 0.2:
        pass
    command.stdout.readline()
    assert tree.measure().cpu >= 0.2


def test_nothing_to_measure_once_the_command_has_ended():
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert ProcessTree(ended.pid, "/nowhere").measure() is None


def _parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def test_a_week_makes_some_thousand_samples_and_keeps_the_peak():
    week, written = 7 * 86400, []
    one = Sampler(None, written.append, 1.0)
    peak = 500_000
    for second in range(1, week + 1):
        one._take(TreeUse(second * 0.5, 10**6 if second == peak else 1000, 1), one._began + second)
    assert len(written) < 5000
    assert sum(event["cpu"] for event in written) == pytest.approx(week / 2, rel=0.01)
    assert max(event["memory"] for event in written) == 10**6
    (high,) = [event for event in written if event["memory"] == 10**6]
    assert high["mean_memory"] < 10**5
    assert math.isclose(high["max_cpu"], 0.5)


def test_where_looking_is_dear_it_is_done_less_often():
    class Dear:
        looks = 0

        def measure(self):
            self.looks += 1
            until = time.thread_time() + 0.005
            while time.thread_time() < until:
                pass
            return TreeUse(0.0, 0, 1)

    tree = Dear()
    one = Sampler(tree, lambda _: None, 0.01)
    one.start()
    wait_for(lambda: tree.looks)
    began = time.monotonic()
    wait_for(lambda: tree.looks > 1)
    assert time.monotonic() - began > 0.4
    one.stop(0.0)


def test_no_sampler_without_an_interval():
    assert sampler(1, "/nowhere", print, 0) is None
