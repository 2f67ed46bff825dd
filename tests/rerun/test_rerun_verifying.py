"""Files are held against their record: what agrees says by what, what differs says how, nothing else is opened."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from provenance.crate.read import read
from provenance.errors import UsageError
from provenance.rerun import file_digests
from provenance.rerun.crate_checks import verify_crate
from provenance.rerun.file_digests import Wanted, read_files
from provenance.rerun.files import needed_files
from provenance.rerun.links import make_links, needed_links
from provenance.rerun.placing import placement, recorded_paths
from provenance.rerun.records import Agreement, Check, Placement, PlannedFile, Presence
from provenance.rerun.talk import Silence
from provenance.rerun.verifying import verify
from provenance.run.model import Data, Role, Run, Status

SECOND = 1_000_000_000


class Heard(Silence):
    """Keeps what it hears of the progress."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int | None]] = []

    def progress(self, what: str, done: int, total: int | None) -> None:
        self.steps.append((done, total))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def planned(path: Path, **more: object) -> PlannedFile:
    file = PlannedFile(f"dataset/{path.name}", "input", Presence.CRATE, f"/home/ada/{path.name}", content=path)
    return replace(file, **more) if more else file


def checked(files: Sequence[PlannedFile], *allowed: str) -> list[tuple[Agreement, str]]:
    return [(one.agreement, one.detail) for one in verify(files, allowed=allowed, talk=Silence())]


def test_each_file_says_by_what_it_agrees_or_how_it_differs(tmp_path):
    path = tmp_path / "a b#c?%41\n.csv"
    path.write_bytes(b"1,2\n")
    os.utime(path, ns=(0, 1_777_000_000 * SECOND + 5))
    here = {"presence": Presence.HERE}
    day = 1_777_000_000 * SECOND // (86_400 * SECOND) * 86_400 * SECOND
    files = [
        planned(path, sha256=sha256(b"1,2\n"), size=4, mtime_ns=1),
        planned(path, sha256=sha256(b"1,2\n")),
        planned(path, size=4),
        planned(path, size=4, is_size_told=False),
        planned(path, size=5, sha256=sha256(b"1,2\n")),
        planned(path, size=4, sha256=sha256(b"other")),
        planned(path, mtime_ns=1_777_000_001 * SECOND, **here),
        planned(path, mtime_ns=day, **here),
        planned(path, mtime_ns=1_776_000_000 * SECOND, **here),
        planned(path, mtime_ns=1 << 200, **here),
        planned(path, mtime_ns=1),
        planned(tmp_path / "gone", size=4),
        planned(tmp_path, is_directory=True),
        planned(path, presence=Presence.GIVEN, sha256="0" * 64),
        planned(path, presence=Presence.REMOTE, content=None, url="https://example.org/a"),
        planned(path, presence=Presence.MISSING, content=None),
    ]
    found = checked(files)
    assert [agreement for agreement, _ in found] == [
        Agreement.SHA256,
        Agreement.SHA256,
        Agreement.SIZE,
        Agreement.NOTHING,
        Agreement.DIFFERS,
        Agreement.DIFFERS,
        Agreement.DATE,
        Agreement.DATE,
        Agreement.DIFFERS,
        Agreement.DIFFERS,
        Agreement.NOTHING,
        Agreement.MISSING,
        Agreement.NOTHING,
        Agreement.GIVEN,
        Agreement.NOTHING,
        Agreement.MISSING,
    ]
    assert found[4][1] == "4 bytes, recorded are 5"
    assert sha256(b"1,2\n")[:12] in found[5][1] and sha256(b"other")[:12] in found[5][1]
    assert "2026-04-" in found[8][1]
    assert [one.recorded for one in verify(files, allowed=(), talk=Silence())] == [one.recorded for one in files]


def test_many_files_of_all_sizes_are_read_to_their_end(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    sizes = [0, 1, 4095, 65535, 65536, 65537, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_000, *range(3000, 3300)]
    wanted, digests = [], []
    for number, size in enumerate(sizes):
        content = hashlib.sha256(str(number).encode()).digest() * (size // 32 + 1)
        path = tmp_path / f"{number:04}"
        path.write_bytes(content[:size])
        wanted.append(Wanted(str(path), size if number % 2 else None))
        digests.append(sha256(content[:size]))
    talk = Heard()
    assert [one.sha256 for one in read_files(wanted, talk)] == digests
    done = [done for done, _ in talk.steps]
    assert done == sorted(done) and done[-1] == talk.steps[-1][1] == sum(one.size or 0 for one in wanted)


def test_the_largest_files_are_read_first():
    wanted = [
        Wanted("small", 10),
        Wanted("huge", 1 << 40),
        Wanted("unread", 1 << 50, is_hashed=False),
        Wanted("big", 1 << 30),
    ]
    assert file_digests._bundles(wanted) == ([[1], [3]], [[0, 2]])


def test_pipes_devices_folders_and_what_can_t_be_read_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to zero").symlink_to("/dev/zero")
    opened = []
    writer = threading.Thread(target=lambda: opened.append(_opens_for_writing(tmp_path / "pipe")))
    names = ["pipe", "folder", "loop", "to zero", "nul\0", "n" * 300]
    found = checked([planned(tmp_path / name, sha256="0" * 64) for name in names])
    writer.start()
    writer.join()
    assert opened == [False]  # nobody holds the other end
    assert {agreement for agreement, _ in found} == {Agreement.DIFFERS}
    assert [words for _, words in found][:2] == ["it is no file but a named pipe", "it is no file but a folder"]
    assert found[3][1] == "it is no file but a device"


def _opens_for_writing(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_a_file_that_changes_while_it_is_read_does_not_agree(tmp_path, monkeypatch):
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 10)
    real = os.readv

    def grows(source: int, buffers: Sequence[memoryview]) -> int:
        with path.open("ab") as file:
            file.write(b"y")
        return real(source, buffers)

    monkeypatch.setattr(file_digests.os, "readv", grows)
    agreement, words = checked([planned(path, sha256=sha256(b"x" * 10))])[0]
    assert agreement is Agreement.DIFFERS and words == "it changed while it was read"


def test_an_interruption_ends_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    paths = []
    for number in range(8):
        paths.append(tmp_path / str(number))
        with paths[-1].open("wb") as file:
            file.truncate(40_000_000)

    class Stops(Silence):
        def progress(self, what: str, done: int, total: int | None) -> None:
            raise KeyboardInterrupt

    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        read_files([Wanted(str(path), 40_000_000) for path in paths], Stops())
    for thread in threading.enumerate():
        if thread.name.startswith("digest"):
            thread.join(10)
            assert not thread.is_alive()
    assert time.perf_counter() - started < 10


def test_what_is_allowed_by_name_may_differ(tmp_path):
    names = ["one/a b.csv", "two/a b.csv", "c.csv", "d.csv"]
    files = []
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"changed")
        key = "dataset/" + name.replace(" ", "%20")
        files.append(PlannedFile(key, "input", Presence.CRATE, f"/home/ada/{name}", content=path, size=1))
    files.append(PlannedFile("#not-kept/e.csv", "input", Presence.MISSING, "/home/ada/e.csv"))

    def granted(*allowed: str) -> list[str]:
        checks = verify(files, allowed=allowed, talk=Silence())
        assert all(
            "7 bytes" in one.detail or one.detail == "missing" for one in checks if one.agreement is Agreement.ALLOWED
        )
        return [one.key for one in checks if one.agreement is Agreement.ALLOWED]

    assert granted() == []
    first = "dataset/one/a%20b.csv"
    for name in (first, "dataset/one/a b.csv", "/home/ada/one/a b.csv", "one/a b.csv"):
        assert granted(name) == [first], name
    assert granted("c.csv", "e.csv") == ["dataset/c.csv", "#not-kept/e.csv"]
    for name, told in (("a b.csv", "two/a%20b.csv"), ("none.csv", "dataset/c.csv"), ("", "dataset/c.csv")):
        with pytest.raises(UsageError) as error:
            granted(name)
        assert told in str(error.value) and name in str(error.value)


def crate_of(folder: Path) -> Path:
    folder.mkdir()
    contents = {
        "dataset/a b.csv": b"1\n",
        "environment/lock.txt": b"numpy==2\n",
        "logs/stdout.txt": b"",
        "loose.txt": b"?",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    graph = [
        {"@id": "ro-crate-metadata.json", "about": {"@id": "./"}},
        {"@id": "./", "@type": "Dataset"},
        {"@id": "ro-crate-preview.html", "@type": "File", "contentSize": "3"},
        {
            "@id": "./dataset/a%20b.csv",
            "@type": "File",
            "sha256": sha256(b"1\n").upper(),
            "alternateName": "/w/a b.csv",
        },
        {"@id": "environment/lock.txt", "@type": "File", "sha256": sha256(b"numpy==1\n"), "contentSize": "9"},
        {"@id": "logs/stdout.txt", "@type": "File", "contentSize": "0"},
        {"@id": "gone.txt", "@type": "File", "contentSize": "3"},
        {"@id": "../outside.txt", "@type": "File", "contentSize": "3"},
        {"@id": "link.txt", "@type": "File", "contentSize": "3"},
        {"@id": "file://host/a", "@type": "File", "contentSize": "3"},
        {"@id": "#not-kept/a", "@type": "File", "contentSize": "3"},
        {"@id": "#run-1", "@type": "CreateAction", "object": [{"@id": "./dataset/a%20b.csv"}]},
    ]
    (folder / "ro-crate-metadata.json").write_text(json.dumps({"@graph": graph}))
    (folder.parent / "outside.txt").write_bytes(b"out")
    return folder


@pytest.mark.parametrize("kind", ["folder", "zip", "zip with a top folder"])
def test_every_file_of_a_crate_is_checked_and_what_it_does_not_tell_of_is_named(tmp_path, kind):
    crate = crate_of(tmp_path / "crate")
    if kind == "folder":
        (crate / "link.txt").symlink_to("../outside.txt")
        checks = verify_crate(crate, read(crate), Silence())
    else:
        base = (tmp_path, "crate") if "top" in kind else (crate, None)
        made = Path(shutil.make_archive(str(tmp_path / "c"), "zip", *base))
        checks = verify_crate(made, read(made), Silence())
    found = {one.key: one.agreement for one in checks}
    assert found == {
        "dataset/a%20b.csv": Agreement.SHA256,
        "environment/lock.txt": Agreement.DIFFERS,
        "logs/stdout.txt": Agreement.SIZE,
        "gone.txt": Agreement.MISSING,
        "../outside.txt": Agreement.MISSING,
        "link.txt": Agreement.MISSING,  # leads out of the crate
        "loose.txt": Agreement.NOTHING,
    }
    assert [one.recorded for one in checks if one.key == "dataset/a%20b.csv"] == ["/w/a b.csv"]
    assert all(one.detail for one in checks if one.key == "loose.txt")


def test_a_damaged_entry_of_a_zip_differs(tmp_path):
    crate = crate_of(tmp_path / "crate")
    made = tmp_path / "c.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for path in sorted(crate.rglob("*.*")):
            archive.write(path, path.relative_to(crate))
    made.write_bytes(made.read_bytes().replace(b"numpy==2\n", b"numpy==3\n"))
    found = {one.key: one for one in verify_crate(made, None, Silence())}
    assert found["environment/lock.txt"].agreement is Agreement.DIFFERS
    assert "unpacked" in found["environment/lock.txt"].detail


def test_plans_of_foreign_crates_do_not_claim_a_size_that_nobody_recorded(tmp_path):
    crate = crate_of(tmp_path / "crate")
    metadata = crate / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"sha256"', '"checksum"'))
    run = read(crate)
    paths = recorded_paths(run, {})
    files = needed_files(run, crate, paths, placement(run, paths, tmp_path / "work"))
    assert [(one.key, one.agreement) for one in verify(files, allowed=(), talk=Silence())] == [
        ("dataset/a%20b.csv", Agreement.NOTHING)
    ]


def test_links_that_the_run_went_through_are_made_again_and_lead_nowhere_else(tmp_path):
    def data(path: str, *names: str, role: Role = Role.INPUT) -> Data:
        return Data(path, path, role, original=path, names=names)

    found = (
        data("/w/real/a/b.csv", "/w/link/a/b.csv", "/w/one.csv", "/w/../../etc/x", "/w/\0"),
        data("/w/there/c.csv", "/w/other/c.csv"),
        data("/w/other/d.csv"),
        data("/w/store/out.csv", "/w/results/out.csv", role=Role.OUTPUT),
        data("/w/new.csv", "/w/latest.csv", role=Role.OUTPUT),
        data("/w/escape/e.csv", "/outside/e.csv", "/w/mapped/x/e.csv"),
    )
    run = Run("1", "x", Status.COMPLETED, cwd="/w", data=found)
    work = tmp_path / "work"
    where = Placement("/w", work)
    for name in ("real/a/b.csv", "there/c.csv", "other/d.csv", "escape/e.csv"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    (tmp_path / "user").mkdir()
    (work / "mapped").symlink_to(tmp_path / "user")
    make_links(needed_links(run, recorded_paths(run, {}), where), where)
    assert {name: os.readlink(work / name) for name in ("link", "one.csv", "other/c.csv", "results")} == {
        "link": "real",
        "one.csv": "real/a/b.csv",
        "other/c.csv": "../there/c.csv",
        "results": "store",
    }
    assert (work / "link" / "a" / "b.csv").read_text() == "real/a/b.csv"
    assert not os.path.lexists(work / "latest.csv")  # the run makes it
    assert not list((tmp_path / "user").iterdir())


def test_a_check_of_no_files_is_empty():
    assert verify([], allowed=(), talk=Silence()) == ()
    assert isinstance(Check("a", Agreement.SIZE), Check)
