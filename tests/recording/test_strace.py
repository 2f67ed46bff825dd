"""Strace's log as journal events: of real runs, of cut logs, of whatever bytes names hold."""

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.journal.strace import events
from provenance.journal.strace_lines import lines, unescape
from provenance.recording import capabilities
from tests.recording.launching import only, record

needs_strace = pytest.mark.skipif(not capabilities.find_strace(os.environ)[0], reason="strace does not work here")


def traced(place, command):
    record(command, place, "--trace", "strace")
    (log,) = only(place)[0].glob("strace.*")
    return log, list(events(log))


def of(found, kind, place):
    """The paths of events of one kind that lie in `place`, relative to it."""
    prefix = f"{place}/"
    return [event["p"][len(prefix) :] for event in found if event["e"] == kind and event["p"].startswith(prefix)]


@needs_strace
def test_a_pipeline_gives_programs_reads_and_writes(tmp_path):
    (tmp_path / "names.txt").write_text("b\na\na\n")
    _, found = traced(tmp_path, ["sh", "-c", "sort names.txt | uniq > unique.txt; (exit 3); true"])
    programs = {
        os.path.basename(event["exe"]): event for event in found if event["e"] == "process" and event["how"] == "exec"
    }
    assert {"sh", "sort", "uniq"} <= set(programs)
    assert programs["sort"]["argv"] == ["sort", "names.txt"]
    assert programs["sort"]["cwd"] == str(tmp_path)
    readers = {event["process"] for event in found if event["e"] == "read" and event["p"] == f"{tmp_path}/names.txt"}
    assert readers == {programs["sort"]["id"]}
    writers = {event["process"] for event in found if event["e"] == "write" and event["p"] == f"{tmp_path}/unique.txt"}
    assert programs["uniq"]["id"] in writers
    assert of(found, "close", tmp_path)[-1] == "unique.txt"
    assert 3 in [event["status"] for event in found if event["e"] == "end"]


@needs_strace
def test_every_process_is_announced_before_its_events(tmp_path):
    _, found = traced(tmp_path, ["sh", "-c", "for i in 1 2 3; do (echo $i | cat > f$i) & done; wait"])
    announced = set()
    for event in found:
        if event["e"] == "process":
            announced.add(event["id"])
            assert event.get("parent", event["id"]) in announced
        assert event["process"] in announced
    assert {"f1", "f2", "f3"} <= set(of(found, "write", tmp_path))


@needs_strace
def test_ways_to_touch_a_file(tmp_path):
    code = (
        "import os, threading\n"
        "d = os.open('.', os.O_RDONLY)\n"
        "os.close(os.open('relative', os.O_CREAT | os.O_EXCL | os.O_WRONLY, dir_fd=d))\n"
        "os.mkdir('sub'); os.chdir('sub')\n"
        "open('../up', 'w').close()\n"
        "os.rename('../up', 'down')\n"
        "os.symlink('down', 'soft'); os.link('down', 'hard'); os.remove('soft')\n"
        "open('down', 'r+').close(); open('down', 'a').close()\n"
        "t = threading.Thread(target=lambda: open('thread', 'w').close()); t.start(); t.join()\n"
        "if os.fork() == 0:\n"
        "    open('forked', 'w').close(); os._exit(0)\n"
        "os.wait()\n"
        "for name in (b'\\xff', b'a\\nb', b'<x>', b'q\"', b'b\\\\', b' (deleted)',\n"
        "             b' = -1 EX (x)'):\n"
        "    open(name, 'w').close()\n"
    )
    _, found = traced(tmp_path, [sys.executable, "-c", code])
    modes = {(event["p"], event["mode"]) for event in found if event["e"] == "write"}
    here, sub = str(tmp_path), f"{tmp_path}/sub"
    assert (f"{here}/relative", "create") in modes
    assert (f"{here}/up", "truncate") in modes
    assert {(f"{sub}/down", "update"), (f"{sub}/down", "append")} <= modes
    assert {"sub/thread", "sub/forked"} <= set(of(found, "write", tmp_path))
    strange = {"\udcff", "a\nb", "<x>", 'q"', "b\\", " (deleted)", " = -1 EX (x)"}
    assert {f"sub/{name}" for name in strange} <= set(of(found, "write", tmp_path))
    (rename,) = [event for event in found if event["e"] == "rename"]
    assert (rename["p"], rename["to"]) == (f"{here}/up", f"{sub}/down")
    links = {(event["p"], event["to"], event["soft"]) for event in found if event["e"] == "link"}
    assert links == {(f"{sub}/down", f"{sub}/soft", True), (f"{sub}/down", f"{sub}/hard", False)}
    assert of(found, "delete", tmp_path) == ["sub/soft"]


@needs_strace
def test_a_killed_child_is_told_by_its_parent(tmp_path):
    _, found = traced(tmp_path, ["sh", "-c", "sh -c 'kill -9 $$'; true"])
    assert [event["signal"] for event in found if event["e"] == "wait" and "signal" in event] == [9]


@needs_strace
def test_a_log_cut_anywhere_can_be_read(tmp_path):
    log, whole = traced(tmp_path, ["sh", "-c", "cat /dev/null > a; mv a b; sh -c 'echo x > c' & wait"])
    data = log.read_bytes()
    cut = tmp_path / log.name
    for length in range(0, len(data), 97):
        cut.write_bytes(data[:length])
        assert len(list(events(cut))) <= len(whole) + 5


@given(st.binary(max_size=2000))
def test_no_bytes_make_the_reader_fail(data):
    list(lines(line + b"\n" for line in data.split(b"\n")))


@given(
    st.lists(
        st.sampled_from(
            [
                '1 2.3 openat(AT_FDCWD</>, "',
                "\\",
                '"',
                "<",
                ">",
                ")",
                " = 3",
                ", O_RDONLY",
                "{",
                "[",
                " <unfinished ...>",
                "x",
                "1 2.4 <... openat resumed>",
                "\n",
            ]
        ),
        max_size=30,
    )
)
def test_no_order_of_strace_s_own_words_makes_the_reader_fail(words):
    list(lines("".join(words).encode().splitlines(keepends=True)))


@given(st.binary(max_size=50).filter(lambda name: b"\0" not in name))
def test_names_come_back_as_they_were(name):
    quoted = "".join(f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in name)
    assert unescape(quoted) == os.fsdecode(name)


def test_calls_in_two_parts_are_put_together():
    log = [
        b'7 1.000001 execve("/bin/sh", ["sh"], 0x0 /* 1 var */) = 0\n',
        b'7 1.000002 openat(AT_FDCWD</tmp>, "a <unfinished ...>", O_RDONLY <unfinished ...>\n',
        b"8 1.000003 +++ exited with 0 +++\n",
        b"7 1.000004 <... openat resumed>) = 3</tmp/a>\n",
    ]
    call = list(lines(log))[-1]
    assert (call.name, call.t, call.arguments[1].text) == (
        "openat",
        1000004000,
        "a <unfinished ...>",
    )


def test_a_child_that_is_seen_before_its_parent_knows_it(tmp_path):
    log = tmp_path / "strace.node1"
    log.write_text(
        '7 1.000001 execve("/bin/sh", ["sh"], 0x0 /* 1 var */) = 0\n'
        "7 1.000002 vfork( <unfinished ...>\n"
        '8 1.000003 execve("/bin/cat", ["cat", "x"], 0x0 /* 1 var */ <unfinished ...>\n'
        "7 1.000004 <... vfork resumed>) = 8\n"
        "8 1.000005 <... execve resumed>) = 0\n"
        '8 1.000006 open("x", O_RDONLY) = 3</work/x>\n'
    )
    (tmp_path / "run.jsonl").write_text('{"e":"run","cwd":"/work","pid":6}\n')
    shell, cat, read = events(log)
    assert (shell["ppid"], shell["host"]) == (6, "node1")
    assert (cat["parent"], cat["argv"]) == (shell["id"], ["cat", "x"])
    assert (read["p"], read["process"], read["s"]) == ("/work/x", cat["id"], None)
