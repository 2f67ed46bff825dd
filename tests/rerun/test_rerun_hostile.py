"""Crates that nobody should trust: nothing outside is written, asked, executed or copied, and no terminal commanded."""

from __future__ import annotations

import hashlib
import io
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from provenance.cli import main
from tests.rerun.hostile import Bait, Hostile, hostile_crates

SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-of-a-key\n"
# All control characters but line feed and tab, marks that turn the reading direction, and what is invisible.
COMMANDS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
SECONDS = 6


class Counter:
    """A server on loopback that only counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def counter() -> Iterator[Counter]:
    counting = Counter()
    yield counting
    counting.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    for name in ("private", "crates", "work", "home"):
        (folder / name).mkdir()
    (folder / "private" / "id_rsa").write_text(SECRET)
    program = folder / "private" / "program"
    program.write_text(f"#!/bin/sh\necho ran >> '{folder}/marked'\n")
    program.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def crates(place: Path, counter: Counter) -> list[Hostile]:
    return hostile_crates(place / "crates", Bait(place / "private", place / "private" / "program", counter.port))


class Called:
    """What a call of the command line printed, its exit status, and how long it took."""

    def __init__(self, arguments: list[str]) -> None:
        out, err = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        begun = time.monotonic()
        signal.signal(signal.SIGALRM, _too_slow)
        signal.alarm(SECONDS)
        self.status: object = None
        try:
            main(arguments)
        except SystemExit as end:
            self.status = end.code
        finally:
            signal.alarm(0)
            self.seconds = time.monotonic() - begun
            self.printed = sys.stdout.getvalue() + sys.stderr.getvalue()
            sys.stdout, sys.stderr = out, err


def _too_slow(*_: object) -> None:
    raise TimeoutError


def state(folder: Path) -> dict[str, str]:
    """What lies in a folder, with the content of files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path)] = ""
    return found


@pytest.fixture(autouse=True)
def a_clean_home(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "home" / "cache"))
    monkeypatch.delenv("WFPROV_DIR", raising=False)
    monkeypatch.chdir(place / "home")
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def attack(
    crates: list[Hostile],
    place: Path,
    counter: Counter,
    *arguments: str,
    allowed: set[int],
    expected: frozenset[int] = frozenset(),
) -> list[str]:
    """Call a command on each crate; give what went wrong, a line each.

    ``expected`` are exit statuses that some crates have to lead to: else the command did not do its work.
    """
    wrong = []
    statuses = set()
    before = {name: state(place / name) for name in ("private", "crates")}
    for number, crate in enumerate(crates):
        work = place / "work" / str(number)
        words = [word.replace("{work}", str(work)).replace("{crate}", str(crate.source)) for word in arguments]
        try:
            called = Called(words)
        except BaseException as error:  # noqa: BLE001 - each is a finding
            where = error.__traceback__
            while where is not None and where.tb_next is not None:
                where = where.tb_next
            line = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else "?"
            wrong.append(f"{crate.name}: {type(error).__name__}: {str(error)[:200]!r} at {line}")
            continue
        statuses.add(called.status)
        if called.status not in allowed:
            wrong.append(f"{crate.name}: ended with {called.status}: {called.printed[-300:]!r}")
        if "Traceback" in called.printed or "fault of wfprov" in called.printed:
            wrong.append(f"{crate.name}: a fault was shown: {called.printed[-300:]!r}")
        for found in COMMANDS.finditer(called.printed):
            around = called.printed[max(0, found.start() - 40) : found.end() + 10]
            wrong.append(f"{crate.name}: the terminal gets {found.group()!r}: {around!r}")
            break
        if (place / "marked").exists():
            wrong.append(f"{crate.name}: something of the crate was executed")
            (place / "marked").unlink()
        if counter.visits:
            wrong.append(f"{crate.name}: the server was asked")
            counter.visits = 0
        if work.is_dir():
            for path in work.rglob("*"):
                if path.is_file() and "canary-of-a-key" in path.read_bytes().decode("latin-1"):
                    wrong.append(f"{crate.name}: a private file was copied to {path}")
                if path.is_symlink() and not path.resolve().is_relative_to(work.resolve()):
                    wrong.append(f"{crate.name}: {path} leads out, to {os.readlink(path)}")
            shutil.rmtree(work)
        if os.listdir(place / "home") not in ([], ["cache"]):
            wrong.append(f"{crate.name}: {os.listdir(place / 'home')} appeared in the folder of the call")
            shutil.rmtree(place / "home")
            (place / "home").mkdir()
            os.chdir(place / "home")
    if before != {name: state(place / name) for name in ("private", "crates")}:
        wrong.append("a file outside of the work folders was changed")
    if not statuses >= expected:
        wrong.append(f"only statuses {statuses} were seen")
    return wrong


def test_fetching_writes_and_asks_for_nothing_else(crates: list[Hostile], place: Path, counter: Counter) -> None:
    assert len(crates) > 200

    words = ("fetch", "{crate}", "--to", "{work}")

    assert attack(crates, place, counter, *words, allowed={0, 1, 3, 8}, expected=frozenset({0, 1, 3})) == []


def test_a_plan_executes_and_fetches_nothing(crates: list[Hostile], place: Path, counter: Counter) -> None:
    words = ("rerun", "{crate}", "--workdir", "{work}", "--dry-run")

    assert attack(crates, place, counter, *words, allowed={0, 3, 7, 8}, expected=frozenset({0, 3, 7})) == []


def test_nothing_runs_without_consent(crates: list[Hostile], place: Path, counter: Counter) -> None:
    words = ("rerun", "{crate}", "--workdir", "{work}")

    assert attack(crates[::3], place, counter, *words, allowed={3, 7, 8}, expected=frozenset({3, 7})) == []


def test_no_shell_reads_the_words_of_a_command(
    crates: list[Hostile], place: Path, counter: Counter, capfd: pytest.CaptureFixture[str]
) -> None:
    harmless = [crate for crate in crates if crate.is_harmless][:4]
    words = ("rerun", "{crate}", "--workdir", "{work}", "--trust", "--env", "current")

    assert attack(harmless, place, counter, *words, allowed={0, 1}) == []

    said = capfd.readouterr().out
    assert f"$({place}/private/program)" in said
    assert f"; {place}/private/program" in said


def test_a_prompt_that_is_not_answered_means_no(crates: list[Hostile], place: Path) -> None:
    crate = next(crate for crate in crates if crate.name == "text-2")
    leader, follower = pty.openpty()
    started = subprocess.Popen(
        [Path(sys.executable).parent / "wfprov", "rerun", crate.source, "--workdir", place / "work" / "asked"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    os.write(leader, b"\n")
    shown = b""
    with suppress(OSError):  # what the kernel says when nobody has the other side any more
        while block := os.read(leader, 65536):
            shown += block
    os.close(leader)

    assert started.wait(20) == 7, shown
    assert b"cat in.txt" in shown
    assert not any(mark in shown for mark in (b"\x1b]8", b"\x07", b"\x9b"))
    assert not (place / "work" / "asked" / ".wfprov").exists()


def test_comparing_opens_nothing_else(crates: list[Hostile], place: Path, counter: Counter) -> None:
    sound = next(crate for crate in crates if crate.name == "variables")

    words = ("diff", str(sound.source), "{crate}")

    assert attack(crates, place, counter, *words, allowed={0, 1, 3}, expected=frozenset({0, 1, 3})) == []
