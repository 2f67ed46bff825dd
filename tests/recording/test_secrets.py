"""Nothing secret reaches a record: the same command lines through Python, the shim, the audit hook and strace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provenance.journal.credentials import hide_in_command
from provenance.journal.strace_credentials import FILLER, overwrite
from provenance.recording import capabilities
from tests.recording.launching import begin, only, record
from tests.recording.shimmed import COMPILER, compile_shim, watch

_LINES = json.loads((Path(__file__).parents[1] / "journal" / "command_lines.json").read_text("utf-8"))
_WITH = [(line["words"], line["secrets"]) for line in _LINES["with"]]
_FILES = ("there.pem", "key.txt")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
needs_strace = pytest.mark.skipif(not capabilities.find_strace(os.environ)[0], reason="strace does not work here")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(tmp_path_factory.mktemp("shim") / "shim.so")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    for name in _FILES:
        (tmp_path / "work" / name).touch()
    return tmp_path


def all_bytes(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize(("words", "secrets"), _WITH)
def test_the_rule_of_python_hides_them(words: list[str], secrets: list[str]) -> None:
    shown = hide_in_command(["true", *words])
    assert len(shown) == len(words) + 1
    assert not [secret for secret in secrets if secret in "\n".join(shown)] and "[removed: " in str(shown)
    assert hide_in_command(shown) == shown


@pytest.mark.parametrize("words", _LINES["without"])
def test_the_rule_of_python_keeps_the_rest(words: list[str]) -> None:
    assert hide_in_command(["true", *words], lambda word: word in _FILES) == ["true", *words]


@needs_compiler
@pytest.mark.parametrize(("words", "secrets"), _WITH)
def test_the_shim_hides_them(shim: Path, place: Path, words: list[str], secrets: list[str]) -> None:
    seen = watch(shim, place, ["true", *words])
    raw = all_bytes(seen.journal)
    assert not [secret for secret in secrets if json.dumps(secret)[1:-1].encode() in raw or secret.encode() in raw]
    (process,) = seen.of("process")
    assert len(process["argv"]) == len(words) + 1 and b"[removed: " in raw
    assert seen.done.returncode == 0


@needs_compiler
@pytest.mark.parametrize("words", _LINES["without"])
def test_the_shim_keeps_the_rest(shim: Path, place: Path, words: list[str]) -> None:
    (process,) = watch(shim, place, ["true", *words]).of("process")
    assert process["argv"] == ["true", *words]


@needs_compiler
def test_the_shim_shows_command_lines_as_python_does(shim: Path, place: Path) -> None:
    for words in (["--password", "hunter2", "a.csv"], ["API_KEY=x1", "postgresql://ada:pw@db/a b"], ["-uada:pw"]):
        (process,) = watch(shim, place, ["true", *words]).of("process")[-1:]
        assert process["argv"] == hide_in_command(["true", *words])


@needs_compiler
def test_children_and_programs_that_can_not_be_watched_are_told_without_them(shim: Path, place: Path) -> None:
    code = """
import os, subprocess
subprocess.run(["true", "--password", "hunter2"])
os.posix_spawn("/bin/true", ["true", "--token=hunter2"], os.environ)
if os.fork() == 0:
    os.execvp("podman", ["podman", "login", "-p", "x", "--password=hunter2"])
os.wait()
"""
    (place / "bin").mkdir()
    engine = place / "bin" / "podman"
    engine.write_text("#!/bin/sh\nexit 0\n")
    engine.chmod(0o755)
    path = f"{place / 'bin'}:{os.environ['PATH']}"
    script = place / "work" / "start.py"
    script.write_text(code)
    seen = watch(shim, place, [sys.executable, "-S", str(script)], env={"PATH": path})
    assert seen.done.returncode == 0, seen.done.stderr
    assert b"hunter2" not in all_bytes(seen.journal)
    (unwatched,) = seen.of("unwatched")
    assert unwatched["argv"][-1] == "--password=[removed: name looks like a credential]"


@needs_compiler
def test_a_password_in_the_name_of_a_file_is_not_written(shim: Path, place: Path) -> None:
    folder = place / "work" / "https:" / "ada:hunter2@host"
    folder.mkdir(parents=True)
    token = "ghp_" + "a1B2" * 9
    script = place / "work" / "x.sh"
    script.write_text(f'echo 1 > "{folder}/a"; echo 2 > {token}; echo 3 > {"x" * 60}; echo 4 > keyboard:3@b\n')
    seen = watch(shim, place, ["sh", str(script)])
    raw = all_bytes(seen.journal)
    assert b"hunter2" not in raw and token.encode() not in raw
    assert any("ada:[removed: password in an address]@host/a" in event["p"] for event in seen.of("write"))
    assert {"x" * 60, "keyboard:3@b"} <= seen.paths("write")


@needs_compiler
@pytest.mark.parametrize(
    "word", ["a=" + "b" * 200_000, "://" * 50_000, "sk-" * 50_000, "eyJ" * 50_000, "key=" * 30_000]
)
def test_long_arguments_cost_little(shim: Path, place: Path, word: str) -> None:
    words = [word[:100_000]] * 8
    start = time.monotonic()
    seen = watch(shim, place, ["true", *words])
    assert seen.done.returncode == 0 and time.monotonic() - start < 10
    assert len(seen.of("process")[0]["argv"]) == 9


@pytest.mark.parametrize(("words", "secrets"), [_WITH[index] for index in (2, 3, 6, 12, 17, 21)])
def test_the_audit_hook_hides_them(place: Path, words: list[str], secrets: list[str]) -> None:
    script = place / "work" / "x.py"
    script.write_text("import sys; assert not any(name.startswith('provenance') for name in sys.modules)\n")
    record([sys.executable, str(script), *words], place / "work", "--trace", "audit")
    raw = all_bytes(only(place / "work")[0])
    assert not [secret for secret in secrets if secret.encode() in raw] and b"[removed: " in raw


def test_the_name_of_a_run_and_those_of_modules_hold_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = "ghp_" + "a1B2" * 9
    monkeypatch.setenv("LOADEDMODULES", f"gcc/12:lab/{token}")
    record(["true"], place / "work", "--trace", "off", "--name", f"with {token}, password=hunter2")
    raw = all_bytes(only(place / "work")[0])
    assert token.encode() not in raw and b"hunter2" not in raw
    assert b"with [removed: token]" in raw and b"lab/[removed: token]" in raw and b"gcc/12" in raw


@needs_strace
def test_strace_leaves_none_behind(place: Path) -> None:
    work = place / "work"
    program = "true --password hunter2 --key there.pem && true 'postgresql://ada:hunter2@db' && true -p 'a \"b'"
    record(["sh", "-c", program], work, "--trace", "strace")
    record(["true", "--token", "hunter2", "naïve\n", "--key", "there.pem"], work, "--trace", "strace")
    raw = b"".join(all_bytes(folder) for folder in (work / ".wfprov").iterdir())
    assert b"hunter2" not in raw and FILLER in raw and b'"there.pem"' in raw


@needs_strace
def test_strace_leaves_none_behind_when_the_launcher_is_killed(place: Path) -> None:
    work = place / "work"
    # The launcher is the parent of the program: it is killed, then a further program is started.
    script = "kill -9 $PPID; sleep 0.3; true --password hunter2; cat key.txt; echo done > done"
    running = begin(
        ["sh", "-c", script], work, "--trace", "strace", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert running.wait(60) == -signal.SIGKILL
    (log,) = (work / ".wfprov").glob("*/strace.*")
    until = time.monotonic() + 30
    while time.monotonic() < until and (b"hunter2" in log.read_bytes() or not (work / "done").exists()):
        time.sleep(0.05)  # until the last process of the run has ended: nothing tells
    assert (work / "done").exists() and b"hunter2" not in all_bytes(log.parent) and FILLER in log.read_bytes()


def test_only_the_credential_is_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "strace.host"
    line = (
        b'7 1.000000000 execve("/bin/x", ["x", "--password", "a\\"b\\303\\274", "data.csv"], 0x7ff /* 3 vars */) = 0\n'
    )
    log.write_bytes(line * 3 + line[:40])
    assert overwrite(log, 0, "/") == 3 * len(line)
    hidden = line.replace(b'a\\"b\\303\\274', FILLER * 12)
    assert log.read_bytes() == hidden * 3 + line[:40]
    assert overwrite(log, 0, "/") == 3 * len(line) and log.read_bytes() == hidden * 3 + line[:40]
