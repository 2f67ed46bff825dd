"""Unpacking zips that nobody vouches for."""

from __future__ import annotations

import os
import stat
import string
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provenance.errors import CrateError, OutputError, UsageError
from provenance.rerun.unpacking import Limits, unpack
from tests.rerun.zips import METADATA, Raw, made, plain

LINK, FOLDER, PIPE, DEVICE = stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755, stat.S_IFIFO | 0o644, stat.S_IFBLK | 0o600
OVER = (Limits().ratio + 1) * 1000


def tree(folder: Path) -> dict[str, bytes]:
    return {
        os.fsdecode(os.path.relpath(os.path.join(where, name), os.fsencode(folder))): Path(
            os.fsdecode(os.path.join(where, name))
        ).read_bytes()
        for where, _, names in os.walk(os.fsencode(folder))
        for name in names
    }


def unpacked(folder: Path, content: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    archive = folder / "a.zip"
    archive.write_bytes(content)
    return tree(unpack(archive, folder / "crate", limits))


def test_awkward_names_come_through(tmp_path: Path) -> None:
    names = [
        "a b#?%25.txt",
        "ünï.txt",
        "-rf",
        "line\nbreak",
        "d/a",
        "e/a",
        "empty",
        "back\\slash",
        "CON",
        "esc\x1b[31m",
        "d.x/.",
    ]
    entries = [Raw(name, name.encode()) for name in names[:-1]]
    entries += [Raw("empty folder/", mode=FOLDER), Raw(b"d/\xff.txt", b"bytes", flags=0), Raw("./d//c", b"dots")]
    entries += [Raw("caf\u00e9".encode(), b"utf-8 without its flag", flags=0)]
    got = unpacked(tmp_path, made(*entries))
    assert got == {
        **{name: name.encode() for name in names[:-1]},
        "d/\udcff.txt": b"bytes",
        "d/c": b"dots",
        "caf\u00e9": b"utf-8 without its flag",
        "ro-crate-metadata.json": METADATA,
    }
    assert (tmp_path / "crate" / "empty folder").is_dir()


def test_the_top_folder_is_taken_off(tmp_path: Path) -> None:
    files = [("my crate/ro-crate-metadata.json", METADATA), ("my crate/d/a", b"1"), ("__MACOSX/._a", b"2")]
    assert unpacked(tmp_path, plain(files)) == {"ro-crate-metadata.json": METADATA, "d/a": b"1"}


def test_permissions_and_times_are_kept_within_reason(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        unpacked(
            tmp_path,
            made(
                Raw("run.sh", b"x", mode=0o104777 | stat.S_ISUID),
                Raw("data", b"x", mode=0o100000),
                Raw("exact", b"x", extra=b""),
            ),
        )
    finally:
        os.umask(old)
    crate = tmp_path / "crate"
    assert {name: stat.S_IMODE((crate / name).stat().st_mode) for name in ("run.sh", "data", ".")} == {
        "run.sh": 0o750,
        "data": 0o640,
        ".": 0o750,
    }
    assert (crate / "exact").stat().st_mtime == 1704110400  # 2024-01-01 12:00 UTC


def test_links_within_the_crate_become_files(tmp_path: Path) -> None:
    entries = [
        Raw("d/link", b"../real", mode=LINK),
        Raw("link to link", b"d/link", mode=LINK),
        Raw("real", b"content", mode=0o100755),
    ]
    got = unpacked(tmp_path, made(*entries))
    assert got["d/link"] == got["link to link"] == got["real"] == b"content"
    assert not any(path.is_symlink() for path in (tmp_path / "crate").rglob("*"))
    assert os.access(tmp_path / "crate" / "d" / "link", os.X_OK)


BOMB = bytes(80 << 20)
# An entry of its own that lies in the extra field of the one before.
BEFORE = made().index(b"PK\1\2")
HIDDEN = made(Raw("b", b"1" * 9), metadata=None)[:40]
HOSTILE = {
    "absolute": (made(Raw("/tmp/evil", b"x")), "absolute"),
    "climbs": (made(Raw("d/../../evil", b"x")), r"'\.\.'"),
    "climbs by backslash": (made(Raw("..\\evil", b"x")), r"'\.\.'"),
    "climbs in its top folder": (
        made(Raw("t/ro-crate-metadata.json", METADATA), Raw("t/../../e", b"x"), metadata=None),
        r"'\.\.'",
    ),
    "drive": (made(Raw("C:/evil", b"x")), "absolute"),
    "share": (made(Raw("\\\\host\\evil", b"x")), "absolute"),
    "backslashes of Windows": (made(Raw("d\\a", b"x", system=0)), "backslashes"),
    "no name": (made(Raw("", b"x")), "no name"),
    "NUL": (made(Raw("a\0b", b"x")), "no name"),
    "long name": (made(Raw("x" * 300, b"x")), "255"),
    "twice": (made(Raw("a", b"1"), Raw("a", b"2")), "twice"),
    "twice by dots": (made(Raw("d/a", b"1"), Raw("d/./a", b"2")), "twice"),
    "metadata twice": (made(Raw("ro-crate-metadata.json", b"{}")), "twice"),
    "case": (made(Raw("Data/a", b"1"), Raw("data/b", b"2")), "one path"),
    "case of files": (made(Raw("Makefile", b"1"), Raw("makefile", b"2")), "one path"),
    "accents": (made(Raw("caf\u00e9", b"1"), Raw("cafe\u0301", b"2")), "one path"),
    "file and folder": (made(Raw("a", b"1"), Raw("a/b", b"2")), "is a folder"),
    "folder and file": (made(Raw("a/", mode=FOLDER), Raw("a", b"2")), "is a folder"),
    "folder with content": (made(Raw("a/", b"1", mode=FOLDER)), "content of its own"),
    "pipe": (made(Raw("a", b"", mode=PIPE)), "special"),
    "device": (made(Raw("a", b"", mode=DEVICE)), "special"),
    "encrypted": (made(Raw("a", b"1", flags=0x801)), "encrypted"),
    "unknown method": (made(Raw("a", b"1", method=99)), "method 99"),
    "link out": (made(Raw("a", b"/etc/passwd", mode=LINK)), "out of the crate"),
    "link out by dots": (made(Raw("d/a", b"../../x", mode=LINK)), "out of the crate"),
    "link and a file through it": (made(Raw("a", b"/tmp", mode=LINK), Raw("a/b", b"x")), "is a folder"),
    "link to a folder": (made(Raw("a", b"d", mode=LINK), Raw("d/b", b"x")), "to a folder"),
    "link to itself": (made(Raw("a", b"b", mode=LINK), Raw("b", b"a", mode=LINK)), "itself"),
    "link to nothing": (made(Raw("a", b"b", mode=LINK)), "does not have"),
    "link of a megabyte": (made(Raw("a", b"b" * 1_000_000, mode=LINK)), "longer than a path"),
    "bomb": (made(Raw("a", BOMB, method=8)), "--max-ratio"),
    "bomb that says to be small": (made(Raw("a", BOMB, method=8, size=100)), "does not have the size"),
    "larger than it says": (made(Raw("a", b"1" * 5000, method=8, size=100)), "does not have the size"),
    "smaller than it says": (made(Raw("a", b"1" * 50, method=8, size=1000)), "does not have the size"),
    "two sizes": (made(Raw("a", b"1" * 50, size=1000)), "two different sizes"),
    "checksum": (made(Raw("a", b"1" * 50, crc=1)), "damaged"),
    "damaged": (made(Raw("a", b"1" * 50, method=8, data=b"\xff" * 40)), "damaged"),
    "other name there": (made(Raw("a", b"1", name_there=b"b")), "can't be read"),
    "overlap": (made(Raw("a", b"1" * 90), Raw("b", b"1" * 90, offset=0)), "overlaps|can't be read"),
    "overlap by an extra field": (
        made(Raw("a", b"1", extra=HIDDEN), Raw("b", b"1" * 9, offset=BEFORE + 31)),
        "overlaps",
    ),
    "entry outside": (made(Raw("a", b"1", offset=1 << 20)), "not where"),
    "no crate": (made(Raw("a", b"1"), metadata=None), "is no crate"),
    "two crates": (
        made(Raw("a/ro-crate-metadata.json", METADATA), Raw("b/ro-crate-metadata.json", METADATA), metadata=None),
        "more than one crate",
    ),
    "no zip": (b"PK\3\4 nothing", "can't be read as a zip"),
    "empty": (b"", "can't be read as a zip"),
    "cut": (made(Raw("a", b"1" * 5000))[:3000], "can't be read as a zip"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_zips_are_refused_and_leave_nothing(tmp_path: Path, name: str) -> None:
    content, reason = HOSTILE[name]
    inside = tmp_path / "x" / "y"
    inside.mkdir(parents=True)
    with pytest.raises(CrateError, match=reason) as refused:
        unpacked(inside, content)
    assert "a.zip" in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "x", "y"]


def test_names_that_only_look_the_same_may_be_let_through(tmp_path: Path) -> None:
    content = made(Raw("Makefile", b"1"), Raw("makefile", b"2"), Raw("D/a", b"3"), Raw("d/a", b"4"))
    got = unpacked(tmp_path, content, Limits(allows_similar_names=True))
    assert (got["Makefile"], got["makefile"], got["D/a"], got["d/a"]) == (b"1", b"2", b"3", b"4")


@pytest.mark.parametrize(
    ("limits", "reason"),
    [(Limits(files=3), "--max-files"), (Limits(size=10_000), "--max-size"), (Limits(ratio=1), "ratio")],
)
def test_limits(tmp_path: Path, limits: Limits, reason: str) -> None:
    big = [(f"{number}", b"1" * 30_000_000) for number in range(3)]
    with pytest.raises(CrateError, match=reason):
        unpacked(tmp_path, plain([*big, ("ro-crate-metadata.json", METADATA)]), limits)
    assert os.listdir(tmp_path) == ["a.zip"]


def test_a_directory_that_says_to_be_endless_is_not_read(tmp_path: Path) -> None:
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 50, 0)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    with pytest.raises(CrateError, match="--max-files"):
        unpacked(tmp_path, end64 + locator + end)


def test_more_than_the_disk_holds_is_not_begun(tmp_path: Path) -> None:
    content = made(
        Raw("a", b"1", method=8, size=0xFFFFFFF0), *(Raw(f"{n}", b"1", method=8, size=0xFFFFFFF0) for n in range(9))
    )
    with pytest.raises((CrateError, OutputError)):
        unpacked(tmp_path, content, Limits(size=1 << 62))
    assert os.listdir(tmp_path) == ["a.zip"]


def test_what_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "crate").mkdir()
    (tmp_path / "crate" / "mine").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        unpacked(tmp_path, made())
    assert tree(tmp_path / "crate") == {"mine": b"mine"}


# Any names at all: either the zip is refused, or each file lies below its folder with its content.
NAMES = st.text(alphabet=st.sampled_from([*"ab./\\: ~-AÄ\n\0", "e", "\u0301", "\u00e9"]), max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES, min_size=1, max_size=4), mode=st.sampled_from([0o100644, LINK, 0]))
def test_no_name_leads_out(tmp_path_factory: pytest.TempPathFactory, names: list[str], mode: int) -> None:
    folder = tmp_path_factory.mktemp("h") / "deep" / "er"
    folder.mkdir(parents=True)
    top = folder.parent.parent
    try:
        unpacked(folder, made(*(Raw(name, name.encode("utf-8", "replace"), mode=mode) for name in names)))
    except (CrateError, OutputError):
        assert sorted(path.name for path in top.rglob("*")) == ["a.zip", "deep", "er"]
    else:
        outside = [path for path in top.rglob("*") if not path.is_relative_to(folder / "crate")]
        assert sorted(path.name for path in outside) == ["a.zip", "deep", "er"]
        assert not any(path.is_symlink() for path in folder.rglob("*"))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damage_is_told_and_not_stumbled_over(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(made(Raw("a", b"1" * 500, method=8), Raw("d/b", string.printable.encode())))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("d")
    try:
        unpacked(folder, bytes(content), Limits(size=1 << 20))
    except (CrateError, OutputError):
        assert os.listdir(folder) == ["a.zip"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(tmp_path: Path, method: int) -> None:
    got = unpacked(tmp_path, plain([("ro-crate-metadata.json", METADATA), ("a", b"1" * 100_000)], method))
    assert got["a"] == b"1" * 100_000
