"""The journal file of a process: whole lines, whatever happens to the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from provenance.journal.reader import read

PROJECT = Path(__file__).resolve().parents[2]


def run(tmp_path: Path, code: str, *, python: str = sys.executable) -> tuple[subprocess.CompletedProcess[str], Path]:
    journal = tmp_path / "journal"
    journal.mkdir()
    start = f"from provenance.journal.writer import JournalWriter\nwriter = JournalWriter({str(journal)!r})\n"
    done = subprocess.run(
        [python, "-c", start + textwrap.dedent(code)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(PROJECT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, journal


def events(journal: Path) -> dict[str, list[int]]:
    """Process -> numbers written, in order; every line is sound."""
    found = {}
    for file in read(journal):
        first, *others = list(file)
        assert first["e"] == "process" and file.unreadable == 0 and not file.is_torn
        found[first["id"]] = [event["n"] for event in others]
    return found


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    code = """
    import os, signal
    for n in range(5000): writer.event({"e": "x", "n": n, "text": "y" * (n % 700)})
    os.kill(os.getpid(), signal.SIGKILL)
    """
    done, journal = run(tmp_path, code)
    assert done.returncode == -signal.SIGKILL
    assert list(events(journal).values()) == [list(range(5000))]


def test_no_descriptor_is_kept_and_those_of_the_program_are_left_alone(tmp_path: Path) -> None:
    code = """
    import os
    before = os.listdir("/proc/self/fd")
    writer.event({"e": "x", "n": 0})
    assert os.listdir("/proc/self/fd") == before
    os.closerange(3, 300)
    own = [os.open(f"own{n}", os.O_WRONLY | os.O_CREAT) for n in range(150)]
    for n in range(1, 3000): writer.event({"e": "x", "n": n})
    writer.close()
    for fd in own: os.write(fd, b"mine"); os.close(fd)
    """
    done, journal = run(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert list(events(journal).values()) == [list(range(3000))]
    assert {(tmp_path / f"own{n}").read_bytes() for n in range(150)} == {b"mine"}


def test_the_room_that_was_reserved_is_given_back_at_the_end(tmp_path: Path) -> None:
    done, journal = run(tmp_path, "writer.event({'e': 'x', 'n': 0})")
    (file,) = journal.iterdir()
    assert done.returncode == 0 and b"\0" not in file.read_bytes() and file.read_bytes().endswith(b"\n")


def test_threads_signal_handlers_and_forks_keep_their_lines_whole(tmp_path: Path) -> None:
    code = """
    import os, signal, threading
    count = iter(range(10**9)).__next__
    def write(*_): writer.event({"e": "x", "n": count(), "text": "z" * 300})
    write()
    signal.signal(signal.SIGALRM, write)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    threads = [threading.Thread(target=lambda: [write() for _ in range(2000)]) for _ in range(4)]
    for thread in threads: thread.start()
    children = []
    for _ in range(5):
        child = os.fork()
        if not child:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for n in range(100): writer.event({"e": "x", "n": n})
            os._exit(0)
        children.append(child)
    for thread in threads: thread.join()
    signal.setitimer(signal.ITIMER_REAL, 0)
    for child in children: os.waitpid(child, 0)
    print(count(), writer.lost)
    """
    done, journal = run(tmp_path, code)
    assert done.returncode == 0, done.stderr
    written, lost = map(int, done.stdout.split())
    found = sorted(events(journal).values(), key=len)
    assert found[:5] == [list(range(100))] * 5
    assert sorted(found[5]) == list(range(written)) and lost == 0


def test_lines_after_the_end_of_the_file_was_closed(tmp_path: Path) -> None:
    code = "writer.event({'e': 'x', 'n': 0}); writer.close(); writer.event({'e': 'x', 'n': 1}); writer.close()"
    done, journal = run(tmp_path, code)
    assert done.returncode == 0 and list(events(journal).values()) == [[0, 1]]


def test_lines_longer_than_any_window(tmp_path: Path) -> None:
    code = "for n in range(3): writer.event({'e': 'x', 'n': n, 'text': 'w' * 1_000_000})"
    _, journal = run(tmp_path, code)
    assert list(events(journal).values()) == [[0, 1, 2]]


def test_a_limit_on_the_size_of_files_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    code = """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    for n in range(50): writer.event({"e": "x", "n": n, "text": "v" * 150})
    """
    done, journal = run(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert list(events(journal).values()) == [list(range(50))]


@pytest.mark.parametrize("broken", ["import sys; sys.modules['ctypes'] = None"])
def test_an_interpreter_without_ctypes(broken: str, tmp_path: Path) -> None:
    code = f"{broken}\nwriter = JournalWriter(writer.folder)\nfor n in range(10): writer.event({{'e': 'x', 'n': n}})"
    done, journal = run(tmp_path, code)
    assert done.returncode == 0 and list(events(journal).values()) == [list(range(10))]
