"""The audit hook: what Python programs tell about themselves where nothing else can watch."""

import os
import subprocess
import sys

import pytest

from provenance.recording.capabilities import AUDIT_FOLDER
from tests.recording.launching import all_events, only, record


def watched(place, code, *options, **more):
    ended = record([sys.executable, *options, "-c", code], place, "-q", "--trace", "audit", **more)
    run_folder, _ = only(place)
    return ended, all_events(run_folder)


def paths(found, kind, place):
    prefix = f"{place}/"
    return [event["p"][len(prefix) :] for event in found if event["e"] == kind and event["p"].startswith(prefix)]


def test_reads_and_writes_are_seen_with_their_states(tmp_path):
    (tmp_path / "in").write_text("12345")
    code = "open('in').read(); open('in').read()\nopen('out', 'w').write('abc'); open('out', 'a').write('d')"
    _, found = watched(tmp_path, code)
    assert paths(found, "read", tmp_path) == ["in"]
    writes = [event for event in found if event["e"] == "write"]
    assert [(event["mode"], event["s"] and event["s"][0]) for event in writes] == [
        ("create", None),
        ("append", 3),
    ]
    (close,) = [event for event in found if event["e"] == "close"]
    assert close["s"][0] == 4


def test_opens_that_fail_are_left_out(tmp_path):
    code = (
        "for name, mode in (('no', 'r'), ('no/x', 'w'), ('no', 'r+'), ('there', 'x')):\n"
        "    try: open(name, mode)\n"
        "    except OSError: pass"
    )
    (tmp_path / "there").touch()
    _, found = watched(tmp_path, code)
    assert paths(found, "read", tmp_path) + paths(found, "write", tmp_path) == []


def test_renames_links_and_removals(tmp_path):
    code = (
        "import os\n"
        "open('a', 'w').write('x'); os.replace('a', 'b'); os.symlink('b', 's'); os.link('b', 'h')\n"
        "d = os.open('.', 0); os.remove('s', dir_fd=d)"
    )
    _, found = watched(tmp_path, code)
    kinds = [event["e"] for event in found if event["e"] in ("write", "rename", "link", "delete")]
    assert kinds == ["write", "rename", "link", "link", "delete"]
    assert paths(found, "delete", tmp_path) == ["s"]


def test_content_from_before_the_run_is_kept(tmp_path):
    (tmp_path / "old").write_text("before")
    _, found = watched(tmp_path, "open('old', 'w').write('after')")
    (saved,) = [event for event in found if event["e"] == "save"]
    assert (only(tmp_path)[0] / saved["as"]).read_text() == "before"


def test_children_that_end_at_once_and_threads_are_seen(tmp_path):
    code = (
        "import os, threading, multiprocessing as m\n"
        "def f(n): open(n, 'w').close()\n"
        "t = threading.Thread(target=f, args=('thread',)); t.start(); t.join()\n"
        "if os.fork() == 0:\n"
        "    f('forked'); os.closerange(3, 256); f('forked2'); os._exit(1)\n"
        "os.wait()\n"
        "c = m.get_context('fork'); p = c.Process(target=f, args=('process',)); p.start()\n"
        "p.join()\n"
        "os.kill(os.getpid(), 9) if not f('last') else None"
    )
    ended, found = watched(tmp_path, code)
    assert ended.returncode == -9
    assert sorted(paths(found, "write", tmp_path)) == [
        "forked",
        "forked2",
        "last",
        "process",
        "thread",
    ]
    images = [event for event in found if event["e"] == "process"]
    assert [event["how"] for event in sorted(images, key=lambda event: event["t"])] == [
        "exec",
        "fork",
        "fork",
    ]


def test_programs_that_nobody_watches_are_a_gap_each(tmp_path):
    code = (
        "import subprocess, sys\n"
        "for _ in range(3): subprocess.run(['true'])\n"
        "subprocess.run([sys.executable, '-c', 'open(\"child\", \"w\")'])\n"
        "subprocess.run([sys.executable, '-I', '-c', 'pass'])\n"
        "subprocess.run([sys.executable, '-c', 'pass'], env={})"
    )
    _, found = watched(tmp_path, code)
    gaps = [event["why"] for event in found if event["e"] == "gap" and event["what"] != "environment"]
    assert len(gaps) == 3, gaps
    assert "not a Python program" in gaps[0] and "-I" in gaps[1] and "environment" in gaps[2]
    assert paths(found, "write", tmp_path) == ["child"]


def test_the_user_s_own_sitecustomize_runs(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("MARK = 7\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    code = "import sys, sitecustomize\nprint(sitecustomize.MARK, [p for p in sys.path if 'audit' in p])"
    ended, _ = watched(tmp_path, code, env=env)
    assert ended.stdout == b"7 []\n"


def test_without_a_recording_the_hook_does_nothing(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(AUDIT_FOLDER)}
    folder = str(AUDIT_FOLDER)
    code = f"import sys; print({folder!r} in sys.path_importer_cache, 'json' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, cwd=tmp_path, check=False)
    assert (ended.stdout, ended.stderr) == (b"False False\n", b"")


def test_names_of_any_bytes(tmp_path):
    _, found = watched(tmp_path, r"open(b'\xff', 'w'); open('a\nb\"', 'w')")
    assert sorted(paths(found, "write", tmp_path)) == ['a\nb"', "\udcff"]


@pytest.mark.parametrize("words", [["-I"], ["-E"], ["-S"], ["-Is"], ["-X", "dev", "-E"]])
def test_options_that_leave_out_the_hook(words, tmp_path):
    sys.path.insert(0, str(AUDIT_FOLDER))
    try:
        from wfprov_audit_programs import why_not_watched
    finally:
        sys.path.remove(str(AUDIT_FOLDER))
    if words[0] != "-X":  # an option's value ends the search; what follows is not looked at
        assert why_not_watched(sys.executable, ["python", *words], None)
    assert not why_not_watched(sys.executable, ["python", "script.py", *words], None)
