"""Walls around a run: what it can see and write, what it leaves behind, and what can be read of it afterwards."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.crate.read import read
from provenance.errors import LaunchError, MissingPartError
from provenance.rerun import isolation as walled
from provenance.rerun.execution import Executed, execute, pack_isolated
from provenance.rerun.isolation import Isolation, in_place, isolation, usable
from provenance.rerun.records import EnvironmentPlan, Placement, Ready, Rewrite, Step
from provenance.run.model import Repetition
from tests.conftest import PROJECT

READY = Ready(EnvironmentPlan("current", "what is here"))
ROOT = "/home/somebody/project"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-of-a-key\n"

needs_walls = pytest.mark.skipif(usable() is not None, reason=usable() or "")


class Place:
    """A work folder, and around it what the run must not get."""

    def __init__(self, folder: Path, root: str = ROOT) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.crate = folder / "crate"
        self.crate.mkdir()
        self.private = folder / "id_rsa"
        self.private.write_text(KEY)
        self.placement = Placement(root, self.work)

    @property
    def walls(self) -> Isolation:
        return isolation(self.placement, self.crate)

    def run(self, script: str, **more: object) -> Executed:
        step = Step(("sh", "-c", script), self.work)
        return execute(step, READY, record_root=self.folder, isolation=self.walls, **more)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@needs_walls
def test_nothing_of_the_user_is_seen(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0wfprov-test-{os.getpid()}")
    abstract.listen()
    monkeypatch.setenv("SITE_PASSWORD", "canary-of-a-key")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/canary-of-a-key")
    (place.folder / ".wfprov" / "20260101T000000Z-abcdef").mkdir(parents=True)
    opened = os.open(tmp_path, os.O_RDONLY)  # a folder that was left open leads past every wall
    os.set_inheritable(opened, True)
    probe = f"""
import os, socket, json, glob
def can(what):
    try:
        what()
    except OSError:
        return False
    return True
def target(link):
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""
def connect(kind, to):
    return lambda: socket.socket(kind).connect(to)
seen = {{
    "private": os.path.exists({str(place.private)!r}),
    "open": [t for t in map(target, glob.glob("/proc/[0-9]*/fd/*")) if {str(place.folder)!r} in t],
    "home": os.listdir(os.path.expanduser("~")),
    "homes": os.listdir("/home"),
    "accounts": open("/etc/passwd").read().count("\\n"),
    "shadow": can(lambda: open("/etc/shadow")),
    "server": can(connect(socket.AF_INET, ("127.0.0.1", {server.getsockname()[1]}))),
    "abstract": can(connect(socket.AF_UNIX, "\\0wfprov-test-{os.getpid()}")),
    "processes": [p for p in glob.glob("/proc/[0-9]*/cmdline") if b"pytest" in open(p, "rb").read().split(bytes(1))],
    "secrets": [p for p in glob.glob("/proc/[0-9]*/environ") if b"canary-of" in open(p, "rb").read()],
    "records": glob.glob("/run/wfprov/record/.wfprov/20260101*"),
    "system": can(lambda: open("/usr/written", "w")),
    "terminal": can(lambda: open("/dev/tty")),
    "temporary": [name for name in os.listdir("/tmp") if not {str(PROJECT)!r}.startswith(f"/tmp/{{name}}/"[:-1])],
    "host": can(lambda: os.listdir({str(place.folder)!r})),
}}
json.dump(seen, open("seen.json", "w"))
"""
    (place.work / "probe.py").write_text(probe)
    try:
        ended = place.run("python3 -I probe.py && echo kept > /tmp/elsewhere")
    finally:
        os.close(opened)
        server.close()
        abstract.close()

    assert ended.status == 0, ended
    assert json.loads((place.work / "seen.json").read_text()) == {
        "private": False,
        "open": [],
        "home": [".cache"],
        "homes": ["somebody"],
        "accounts": 1,
        "shadow": False,
        "server": False,
        "abstract": False,
        "processes": [],
        "secrets": [],
        "records": [],
        "system": False,
        "terminal": False,
        "temporary": [],
        "host": False,
    }
    assert not Path("/tmp/elsewhere").exists()


@needs_walls
@pytest.mark.parametrize("trace", ["preload", "strace"])
def test_recorded_paths_are_in_place_and_recorded(place: Place, trace: str) -> None:
    (place.work / "in.txt").write_text("in\n")
    here = str(place.work / "in.txt")
    words = ("python3", "-c", "import sys; open('out.txt', 'w').write(open(sys.argv[1]).read())", here)
    step = Step(words, place.work, rewrites=(Rewrite(3, f"{ROOT}/in.txt", here, "a path that was recorded"),))
    if trace == "strace" and subprocess.run(["which", "strace"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no strace")

    ended = execute(step, READY, record_root=place.folder, isolation=place.walls, trace=trace)

    assert (ended.status, ended.places) == (0, ((ROOT, str(place.work)),))
    assert ended.run_folder is not None
    pack_isolated(
        ended.run_folder, place.folder / "new", READY, place.walls, repeats=Repetition("20260101T000000Z-abcdef")
    )
    found = read(place.folder / "new")
    assert (found.cwd, found.command[3]) == (ROOT, f"{ROOT}/in.txt")
    text = (place.folder / "new" / "ro-crate-metadata.json").read_text()
    assert f"{ROOT}/in.txt" in text and f"{ROOT}/out.txt" in text
    assert str(place.folder) not in text
    assert sorted(path.name for path in place.folder.iterdir()) == [".wfprov", "crate", "id_rsa", "new", "work"]


@needs_walls
def test_what_a_run_leaves_behind_leads_nowhere(place: Place) -> None:
    outside = "/".join([".."] * 20)
    script = f"""
mkdir deep; echo out > deep/out.txt
ln -s {place.private} absolute; ln -s ../id_rsa beside; ln -s {outside}{place.private} far
ln -s deep/../../id_rsa round
ln -s {ROOT}/deep/out.txt good; ln -s deep/out.txt relative; ln -s /usr/bin/env program; ln -s beside chained
mkfifo pipe; ln -s {place.folder} folder
ln -s {place.private} /run/wfprov/record/.wfprov/*/saved; mkfifo /run/wfprov/record/.wfprov/*/x.jsonl
"""
    ended = place.run(script)

    left = {path.name: os.readlink(path) for path in place.work.iterdir() if path.is_symlink()}
    assert left == {"good": "deep/out.txt", "relative": "deep/out.txt", "program": "/usr/bin/env"}
    assert (place.work / "good").read_text() == "out\n"
    assert not (place.work / "pipe").exists()
    assert len([line for line in ended.warnings if "taken away" in line]) == 7
    assert ended.run_folder is not None
    assert all(path.is_file() and not path.is_symlink() for path in ended.run_folder.iterdir())


@needs_walls
def test_a_run_that_forges_its_record_gets_no_file_packed_and_no_program_started(place: Place) -> None:
    mark = place.folder / "marked"
    program = place.work / "bin" / "python3"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho ran > {mark}\nexec /usr/bin/python3 "$@"\n')
    program.chmod(0o755)
    events = [
        {"e": "read", "t": 1795402287580691886, "p": str(place.private), "s": [len(KEY), 1, 1, 1]},
        {"e": "write", "t": 1795402287580691887, "p": str(place.private), "s": None, "mode": "create"},
    ]
    (place.work / "forged").write_text("".join(json.dumps(event) + "\n" for event in events))
    files = {"x": {"about": "x", "kind": "lock", "path": str(place.private)}}
    examined = {"e": "environment", "t": 1, "section": "files", "data": files}
    (place.work / "examined").write_text(json.dumps(examined) + "\n")
    script = """bin/python3 -c 'print(1)' > out.txt
record=$(echo /run/wfprov/record/.wfprov/*)
for file in $record/*.jsonl; do cat forged >> $file; done
mv examined $record/examined.jsonl
"""
    ended = place.run(script)
    assert ended.run_folder is not None

    pack_isolated(ended.run_folder, place.folder / "new", READY, place.walls)

    assert not mark.exists()
    for path in (place.folder / "new").rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or b"canary-of-a-key" not in path.read_bytes(), path


@needs_walls
def test_paths_around_our_own_python_leave_no_folders_behind(tmp_path: Path) -> None:
    place = Place(tmp_path, root=str(Path(sys.prefix).parent))

    ended = place.run(f"echo out > {Path(sys.prefix).parent}/out.txt")

    assert ended.status == 0
    assert [path.name for path in place.work.iterdir()] == ["out.txt"]


@needs_walls
@pytest.mark.parametrize("root", ["/", "/usr/share", "/etc"])
def test_roots_of_the_system_are_not_covered(tmp_path: Path, root: str) -> None:
    place = Place(tmp_path, root=root)
    (place.work / "data").mkdir()
    (place.work / "data" / "in.txt").write_text("in\n")
    (place.work / "bin").mkdir()

    ended = place.run(f"cat {'/' if root == '/' else ''}data/in.txt > out.txt")

    assert ended.status == 0
    assert (place.work / "out.txt").read_text() == "in\n"


def test_what_can_be_put_in_place(tmp_path: Path) -> None:
    for name in ("home/me", "data", "usr/share/mine", "etc"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to("/etc")

    bound, notes = in_place(Placement("/", tmp_path))

    assert sorted(bound) == [("/data", str(tmp_path / "data")), ("/home", str(tmp_path / "home"))]
    assert len(notes) == 2 and all("system's" in note for note in notes)


def test_a_machine_without_walls_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walled, "tool", lambda: None)
    with pytest.raises(MissingPartError, match="bubblewrap"):
        isolation(Placement(ROOT, tmp_path), tmp_path)
    forbidden = tmp_path / "bwrap"
    forbidden.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; exit 1\n")
    forbidden.chmod(0o755)
    monkeypatch.setattr(walled, "tool", lambda: str(forbidden))
    assert "No permissions to create new namespace" in (usable() or "")


@needs_walls
def test_a_command_that_is_not_there_is_told(place: Place) -> None:
    step = Step(("no-such-program",), place.work)
    with pytest.raises(LaunchError, match="command not found"):
        execute(step, READY, record_root=place.folder, isolation=place.walls)
    assert not list(place.folder.glob(".isolated-*"))
