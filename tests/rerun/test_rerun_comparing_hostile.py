"""Files that are made to harm: none brings an exception, takes the machine's memory or leads out of its folder."""

from __future__ import annotations

import gzip
import io
import os
import re
import sqlite3
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from provenance.rerun import comparing
from provenance.rerun.comparing import Comparer, Finding, Options, apart, compare_files, registry
from provenance.rerun.records import Likeness, Tolerance

MEBIBYTE = 1024 * 1024
SMALL = Options(limit=MEBIBYTE)


def pair(folder: Path, name: str, before: bytes, after: bytes) -> tuple[Path, Path]:
    places = folder / "before" / name, folder / "after" / name
    for place, content in zip(places, (before, after), strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return places


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = struct.pack(">L", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">L", 13) + header + crc


def zip_of(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def nested_zip(depth: int, content: bytes) -> bytes:
    for _ in range(depth):
        content = zip_of(("inner.zip", content))
    return content


def tar_with_long_header() -> bytes:
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 64 * MEBIBYTE
    return gzip.compress(entry.tobuf(tarfile.USTAR_FORMAT) + b"\0" * entry.size, 1)


def npy_header(shape: str, kind: str = "<f8") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()


BOMBS = {
    "deep.json": (b"[" * 60_000 + b"]" * 60_000, "nested too deeply"),
    "digits.json": (b"[" + b"9" * 100_000 + b"]", "/0"),
    "large.json": (b"[" + b"1," * MEBIBYTE + b"1]", "beyond the limit"),
    "entities.xml": (
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><a>&c;</a>',
        "declares entities",
    ),
    "outside.svg": (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "declares entities"),
    "wide.png": (png_header(60_000, 60_000) + b"\0\0\1\0IDAT", "more pixels"),
    "cut.png": (png_header(4, 4), "can't be read as pixels"),
    "large.npy": (npy_header("(1000000000000,)"), "can't be read as NumPy array"),
    "minus.npy": (npy_header("(-5,)"), "NumPy array"),
    "object.npy": (npy_header("(1,)", "|O") + b"cos\nsystem\n(S'true'\ntR.", "never unpickled"),
    "zeros.gz": (gzip.compress(bytes(32 * MEBIBYTE), 1), "beyond the limit"),
    "zeros.zip": (zip_of(("zeros", bytes(32 * MEBIBYTE))), "beyond the limit"),
    "nested.zip": (nested_zip(6, b"x"), "more than 4 archives"),
    "cut.zip": (zip_of(("a", b"1" * 100))[:-30], "byte"),
    "cut.gz": (gzip.compress(b"x" * 1000)[:-12], "can't be unpacked"),
    "long.tgz": (tar_with_long_header(), "limit"),
    "cut.h5": (b"\x89HDF\r\n\x1a\n" + os.urandom(500), "HDF5"),
    "cut.db": (b"SQLite format 3\0" + os.urandom(500), "SQLite"),
    "line.txt": (b"x" * (17 * MEBIBYTE), "a line is too long"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_compared_by_bytes_and_the_finding_says_so(name: str, tmp_path: Path) -> None:
    content, why = BOMBS[name]
    # What is behind a bomb's end, or in it, differs; the bomb goes off on both sides.
    changed = content[:-1] + bytes([content[-1] ^ 1]) if name == "cut.png" else content + b"\n"
    if name == "digits.json":
        changed = content.replace(b"9]", b"8]")
    if name == "nested.zip":
        changed = nested_zip(6, b"y")
    start = time.monotonic()
    found = compare_files(*pair(tmp_path, name, content, changed), SMALL)
    assert found.likeness in (Likeness.DIFFERENT, Likeness.EQUAL)
    assert why in found.detail, found
    assert time.monotonic() - start < 10
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [name, name]


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    content = tar_with_long_header()
    places = pair(tmp_path, "a.tgz", content, content + b"\n")
    script = (
        "import resource, sys; from pathlib import Path\n"
        "from provenance.rerun.comparing import Options, compare_files\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "compare_files(Path(sys.argv[1]), Path(sys.argv[2]), Options(limit=2**28))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *places], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 32 * 1024  # KiB


def test_symbolic_links_are_followed_only_where_they_may_lead(tmp_path: Path) -> None:
    before, after = pair(tmp_path, "a.txt", b"one\n", b"one\n")
    (tmp_path / "secret").write_bytes(b"one\n")
    after.unlink()
    after.symlink_to(tmp_path / "secret")
    found = compare_files(before, after, Options())
    assert (found.likeness, found.how) == (Likeness.DIFFERENT, "symbolic link")
    assert "not followed" in found.detail
    assert compare_files(before, after, Options(roots=(tmp_path,))).likeness is Likeness.IDENTICAL
    (after.parent / "beside").write_bytes(b"one\n")
    after.unlink()
    after.symlink_to("beside")
    assert compare_files(before, after, Options()).likeness is Likeness.IDENTICAL
    (tmp_path / "link").symlink_to(tmp_path / "after")
    inside = Options(roots=(tmp_path / "before",))
    assert compare_files(before, tmp_path / "link" / "beside", inside).how == "symbolic link"


def test_what_is_no_file_is_different(tmp_path: Path) -> None:
    before, after = pair(tmp_path, "a", b"x", b"y")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for other in (tmp_path, tmp_path / "pipe", tmp_path / "missing", tmp_path / "loop", Path("a\0b")):
        found = compare_files(before, other, Options())
        assert found.likeness is Likeness.DIFFERENT
        assert found.detail
    assert compare_files(before, after, Options()).how == "text"


def test_hdf5_that_leads_into_other_files_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"12345678")
    places = tmp_path / "a.h5", tmp_path / "b.h5"
    for place, attribute in zip(places, "xy", strict=True):
        with h5py.File(place, "w") as made:
            made.attrs["a"] = attribute
            made.create_dataset("external", (8,), "u1", external=[(str(secret), 0, 8)])
            made.create_dataset("huge", (10**12,), "f8", chunks=(10**6,))
            made.create_group("self")["self"] = made["/"]
    found = compare_files(*places, SMALL)
    assert found.likeness is Likeness.DIFFERENT
    assert found.detail == "/@a: recorded 'x', now 'y' (2 places differ); the rest is beyond the limits"


def test_a_library_that_crashes_does_not_take_us_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = pair(tmp_path, "a.h5", b"\x89HDF\r\n\x1a\n1", b"\x89HDF\r\n\x1a\n2")
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # so that the process ends before it has answered
    found = compare_files(*places, Options())
    assert found.likeness is Likeness.DIFFERENT
    assert "ended with status" in found.detail


def test_a_page_that_its_parser_never_finishes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_SECONDS", 1)
    page = b"<!-" * 500_000
    found = compare_files(*pair(tmp_path, "a.html", page, page + b"!"), Options())
    assert (found.likeness, found.how) == (Likeness.DIFFERENT, "bytes")
    assert "more than 1 seconds" in found.detail


def test_the_comparer_that_the_documentation_shows_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "add-comparer.md"
    shown = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    names: dict[str, object] = {}
    exec(compile(shown[1], str(page), "exec"), names)
    monkeypatch.setattr("provenance.rerun.comparing.comparison.comparers", lambda: (names["COMPARER"],))
    near = Options(tolerance=Tolerance(relative=1e-6))
    for after, likeness in ((b"a  1.0", "EQUAL"), (b"a 1.0000001", "TOLERATED"), (b"b 1.0", "DIFFERENT")):
        found = compare_files(*pair(tmp_path, "x.cif", b"a 1.0\n", after), near)
        assert (found.likeness.name, found.how) == (likeness, "CIF")


def test_views_and_generated_columns_of_sqlite_are_not_run(tmp_path: Path) -> None:
    places = tmp_path / "a.db", tmp_path / "b.db"
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    for place, value in zip(places, (1, 2), strict=True):
        with sqlite3.connect(place) as database:
            database.execute(f"CREATE VIEW v AS {endless}")
            database.execute("CREATE TABLE t (v INT, g BLOB AS (zeroblob(500000000)))")
            database.execute("INSERT INTO t (v) VALUES (?)", (value,))
        database.close()
    found = compare_files(*places, Options())
    assert (found.likeness, found.how) == (Likeness.DIFFERENT, "SQLite")
    assert "column 'v': recorded 1, now 2" in found.detail


def test_terminal_escapes_and_surrogates_of_a_file_are_handed_on_as_text(tmp_path: Path) -> None:
    before, after = pair(tmp_path, "a\x1b[31m\nb.txt", b"\x1b[31m\xff\n", b"\x1b[32m\xfe\n")
    found = compare_files(before, after, Options())
    found.detail.encode("utf-8")
    assert found.how == "text"


@pytest.mark.parametrize(
    ("library", "name", "before", "after"),
    [
        ("PIL", "a.png", png_header(1, 1), png_header(2, 1)),
        ("numpy", "a.npy", npy_header("(1,)") + bytes(8), npy_header("(1,)") + bytes(7) + b"1"),
        ("defusedxml.ElementTree", "a.svg", b"<a/>", b"<a></a>"),
    ],
)
def test_without_its_library_a_kind_is_compared_by_bytes(
    library: str, name: str, before: bytes, after: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    found = compare_files(*pair(tmp_path, name, before, after), Options())
    assert (found.likeness, found.how) == (Likeness.DIFFERENT, "bytes")
    assert "pip install 'wfprov[compare]'" in found.detail


def test_a_comparer_of_another_package_goes_first_and_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(before: Path, after: Path, context: comparing.Context) -> Finding:
        if b"!" in after.read_bytes():
            raise RuntimeError("\x1b[31mboom")
        return Finding(Likeness.EQUAL, "CIF")

    site = tmp_path / "site"
    (site / "cif-1.dist-info").mkdir(parents=True)
    (site / "cif-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: cif\nVersion: 1\n")
    (site / "cif-1.dist-info" / "entry_points.txt").write_text(
        "[wfprov.comparers]\ncif = cif_comparer:COMPARER\nlost = cif_nowhere:COMPARER\n"
    )
    made = type(sys)("cif_comparer")
    made.COMPARER = Comparer("CIF", lambda name, _: name.endswith(".cif"), compare)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cif_comparer", made)
    monkeypatch.syspath_prepend(site)
    registry.comparers.cache_clear()
    try:
        with pytest.warns(UserWarning, match="cif_nowhere"):
            found = compare_files(*pair(tmp_path, "a.cif", b"data_1", b"data_2"), Options())
        assert found.how == "CIF"
        failed = compare_files(*pair(tmp_path, "a.cif", b"data_1", b"data_2!"), Options())
    finally:
        registry.comparers.cache_clear()
    assert failed.how == "bytes"
    assert "boom" in failed.detail


def test_a_large_array_is_compared_in_blocks(tmp_path: Path) -> None:
    places = tmp_path / "a.npy", tmp_path / "b.npy"
    values = np.zeros((3, MEBIBYTE), dtype="u1")
    np.save(places[0], values)
    values[2, 7] = 9
    np.save(places[1], values)
    found = compare_files(*places, SMALL)
    assert found.detail == "[2, 7]: recorded 0, now 9"
