"""What counts as equal, kind by kind: pairs of files and what is said about them."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import tarfile
import zipfile
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from provenance.errors import UsageError
from provenance.rerun.comparing import (
    Finding,
    Options,
    Period,
    compare_files,
    parse_tolerance,
    tolerance_for,
)
from provenance.rerun.records import Likeness, Tolerance

IDENTICAL, EQUAL, TOLERATED, DIFFERENT = list(Likeness)[:4]
NEAR = Tolerance(relative=1e-6)


@dataclass(frozen=True)
class Pair:
    name: str
    before: bytes
    after: bytes
    likeness: Likeness
    how: str
    detail: str = ""
    tolerance: Tolerance = Tolerance()  # noqa: RUF009 - it is frozen
    absolute: float | None = None

    def __str__(self) -> str:
        return f"{self.name}-{self.likeness.name}-{self.detail[:30]}"


def compare(folder: Path, name: str, before: bytes, after: bytes, options: Options | None = None) -> Finding:
    places = folder / "before" / name, folder / "after" / name
    for place, content in zip(places, (before, after), strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return compare_files(*places, options or Options())


def npy(values: Any, **kinds: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(values, **kinds))
    return stream.getvalue()


def npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def image(values: Any, kind: str = "PNG", text: str = "", **options: Any) -> bytes:
    stream = io.BytesIO()
    if kind == "PNG":
        about = PngImagePlugin.PngInfo()
        about.add_text("date", text)
        options["pnginfo"] = about
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def packed(kind: str, members: dict[str, bytes], seconds: int = 0) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, seconds)), content)
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode=f"w:{kind}") as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), seconds
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


SVG = '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/svg11.dtd">\n'
SVG += '<svg xmlns="http://www.w3.org/2000/svg" {} {}><g><path d="M 0.1 {}"/></g><text>{}</text></svg>'
WIDTH, HEIGHT = 'width="10"', "height='20'"
PDF = b"%%PDF-1.4\n/Info << /CreationDate (D:2026112310000%d+01'00') /ModDate(a\\)b%d) >> /ID [<0%d> (x%d)] %s"
GREY = [[0, 10], [20, 30]]

PAIRS = [
    # text
    Pair("a.txt", b"same\n", b"same\n", IDENTICAL, "bytes"),
    Pair("a.txt", b"", b"x\n", DIFFERENT, "text", "line 1: recorded is the end of the file, now 'x'"),
    Pair("a.txt", b"one\ntwo\n", b"one\r\ntwo\r\n", EQUAL, "text", "line ends"),
    Pair("a.txt", b"one\n", b"\xef\xbb\xbfone\n", EQUAL, "text", "byte order mark"),
    Pair("a.txt", b"one\n", b"one", DIFFERENT, "text", "line 1: recorded with a line end"),
    Pair("a.txt", b"one \n", b"one\n", DIFFERENT, "text", "line 1"),
    Pair("a.txt", b"caf\xe9\n", b"caf\xe8\n", DIFFERENT, "text", "recorded 'caf\xe9', now 'caf\xe8'"),
    Pair("a.txt", "x\n".encode("utf-16"), "y\n".encode("utf-16"), DIFFERENT, "text", "line 1"),
    Pair("log", b"loss=0.5, v1.2.3\n", b"loss=0.5000001, v1.2.3\n", DIFFERENT, "text", "line 1", absolute=1e-7),
    Pair("log", b"loss=0.5, v1.2.3\n", b"loss=0.5000001, v1.2.3\n", TOLERATED, "text", "", NEAR, absolute=1e-7),
    Pair("log", b"loss=0.5, v1.2.3\n", b"loss=0.5000001, v1.2.4\n", DIFFERENT, "text", "line 1", NEAR),
    Pair("log", b"  0.1  2.5e3\n", b" -0.1  2.5e3\n", DIFFERENT, "text", "line 1", NEAR, absolute=0.2),
    Pair("log", b" 1e-9  2.5e3\n", b"-1e-9 2500.0\n", TOLERATED, "text", "", Tolerance(1e-6), absolute=2e-9),
    Pair("log", b"x 1.0\n", b"x 1.00\n", EQUAL, "text", "how numbers are written", NEAR),
    Pair("log", b"x 1.0\n", b"x 1.00\n", DIFFERENT, "text", "line 1"),
    Pair("log", b"a\nb\nc\n", b"c\na\nb\n", DIFFERENT, "text", "the same lines in another order"),
    Pair("log", b"a\0\rb", b"a\0\nb", DIFFERENT, "bytes", "byte 3 (4 bytes as recorded)"),
    # JSON
    Pair("a.json", b'{"a": 1, "b": [1.0, null]}', b'{"b":[1,null],"a":1}', EQUAL, "JSON", "order of keys"),
    Pair("a.json", b'{"a/b": [1, 2.5]}', b'{"a/b": [1, 2.6]}', DIFFERENT, "JSON", "/a~1b/1: recorded 2.5, now 2.6"),
    Pair("a.json", b"[1.0, NaN, Infinity]", b"[1.0000001, NaN, Infinity]", TOLERATED, "JSON", "", NEAR),
    Pair("a.json", b"[NaN]", b"[1.0]", DIFFERENT, "JSON", "/0: recorded NaN, now 1.0", NEAR),
    Pair("a.json", b"[9007199254740993]", b"[9007199254740992]", DIFFERENT, "JSON", "/0", NEAR, absolute=1),
    Pair("a.json", b"[1e999]", b"[1e998]", DIFFERENT, "JSON", "/0", NEAR),
    Pair("a.json", b"[true]", b"[1]", DIFFERENT, "JSON", "/0"),
    Pair("a.json", b'{"a": 1}', b'{"a": 1, "b": 2}', DIFFERENT, "JSON", "/b: not recorded, now 2"),
    Pair("a.json", b'{"a": 1, "a": 2}', b'{"a": 3, "a": 2}', DIFFERENT, "text"),
    Pair("a.json", b"[1,2]", b"[1]", DIFFERENT, "JSON", "the whole value: recorded 2 items, now 1"),
    Pair("a.json", b"no JSON\n", b"no JSON\r\n", EQUAL, "text", "line ends"),
    Pair("a.jsonl", b'{"a":1,"b":2}\n\n[1]\n', b'{"b":2,"a":1}\n[2]\n', DIFFERENT, "JSON Lines", "line 3, /0"),
    Pair("a.jsonl", b"1\n2\n", b"1\n", DIFFERENT, "JSON Lines", "line 2: 2 is missing"),
    # CSV
    Pair("a.csv", b"x,y\n1,2\n", b'"x";"y"\r\n1.0;2e0\r\n', EQUAL, "CSV", "the delimiter"),
    Pair("a.csv", b"x,y\n1,2\n", b"x,y\n1,2.0000001\n", TOLERATED, "CSV", "1 number", NEAR),
    Pair("a.csv", b"x,y\n1,2\n", b"x,y\n1,3\n", DIFFERENT, "CSV", "row 2, column 'y': recorded '2', now '3'"),
    Pair("a.csv", b"1,2\n3,4\n", b"1,2\n3,5\n", DIFFERENT, "CSV", "row 2, column 2", absolute=1),
    Pair("a.csv", b"x,y\n1,2\n3,4\n", b"x,y\n3,4\n1,2\n", DIFFERENT, "CSV", "the same rows in another order"),
    Pair("a.csv", b"id\n007\n", b"id\n7\n", DIFFERENT, "CSV", "row 2, column 'id'"),
    Pair("a.csv", b"id\n1D2\n", b"id\n100\n", DIFFERENT, "CSV", "row 2, column 'id'"),
    Pair("a.csv", b"x\n1.0D+02\n", b"x\n100\n", EQUAL, "CSV"),
    Pair("a.csv", b";\r\n", b'";"\n', EQUAL, "CSV", "quotes"),
    Pair("a.csv", b"x\nnan\ninf\n", b"x\nNaN\ninf\n", EQUAL, "CSV"),
    Pair("a.csv", b"x,y\n1,2\n", b"x,y\n1,2\n3,4\n", DIFFERENT, "CSV", "row 3: '3, 4' was not recorded"),
    Pair("a.csv", b"x,y\n1,2\n", b"x,y\n1\n", DIFFERENT, "CSV", "row 2: recorded 2 cells, now 1"),
    Pair("a.csv", b'a,"b\n', b'a,"c\n', DIFFERENT, "text", "line 1"),
    Pair("a.tsv", b"x\ty\n1\t2\n", b"x\ty\n1\t2.5\n", DIFFERENT, "CSV", "row 2, column 'y'"),
    Pair("t.csv", b"t\n2020-01-01 00:00:00\n", b"t\n2020-01-01 00:00:01\n", DIFFERENT, "CSV", "row 2, column 't'"),
    # NumPy
    Pair("a.npy", npy([1, 2]), npy([1, 3]), DIFFERENT, "NumPy array", "[1]: recorded 2, now 3", absolute=1),
    Pair("a.npy", npy([[0.0, 1.0]]), npy([[0.0, 1.0000001]]), TOLERATED, "NumPy array", "1 number", NEAR),
    Pair("a.npy", npy([[0.0, 1.0]]), npy([[0.0, 1.0000001]]), DIFFERENT, "NumPy array", "[0, 1]"),
    Pair("a.npy", npy([1.0, np.nan, np.inf]), npy([1.0, np.nan, -np.inf]), DIFFERENT, "NumPy array", "[2]", NEAR),
    Pair("a.npy", npy([1, np.nan], dtype="<f8"), npy([1, np.nan], dtype=">f8"), EQUAL, "NumPy array"),
    Pair("a.npy", npy(np.eye(3)[1:]), npy(np.asfortranarray(np.eye(3)[1:])), EQUAL, "NumPy array"),
    Pair("a.npy", npy([1, 2]), npy([1.0, 2.0]), DIFFERENT, "NumPy array", "type: recorded int64, now float64"),
    Pair("a.npy", npy([1, 2]), npy([[1, 2]]), DIFFERENT, "NumPy array", "shape: recorded (2,), now (1, 2)"),
    Pair("a.npy", npy([2**62, 5]), npy([2**62 + 1, 5]), DIFFERENT, "NumPy array", "[0]", NEAR, absolute=1),
    Pair("a.npy", npy([-(2**63)]), npy([2**63 - 1]), DIFFERENT, "NumPy array", "[0]", absolute=2.0**64),
    Pair("a.npy", npy(3.0), npy(4.0), DIFFERENT, "NumPy array", "the value: recorded 3.0, now 4.0"),
    Pair("a.npy", npy(["a", "b"]), npy(["a", "c"]), DIFFERENT, "NumPy array", "[1]: recorded 'b', now 'c'"),
    Pair("a.npy", npy([1 + 1j]), npy([1 + 1.0000001j]), TOLERATED, "NumPy array", "", NEAR),
    Pair("a.npy", npy([(1, 2.0)], dtype="i4,f8"), npy([(1, 2.5)], dtype="i4,f8"), DIFFERENT, "NumPy array", "[0].f1"),
    Pair(
        "a.npy",
        npy([(1, [2, 3])], dtype="i4,2f8"),
        npy([(1, [2, 4])], dtype="i4,2f8"),
        DIFFERENT,
        "NumPy array",
        "[0].f1[1]",
    ),
    Pair("a.npy", npy(["NaT", 1], dtype="M8[s]"), npy(["NaT", 2], dtype="M8[s]"), DIFFERENT, "NumPy array", "[1]"),
    Pair("a.npy", npy([{1}]), npy([{2}]), DIFFERENT, "bytes", "never unpickled"),
    Pair("a.npz", npz(x=[1.0], y=[2.0]), npz(y=[2.0], x=[1.0]), EQUAL, "NumPy arrays", "order"),
    Pair("a.npz", npz(x=[1.0], y=[2.0]), npz(y=[2.5], x=[1.0]), DIFFERENT, "NumPy arrays", "'y.npy': NumPy array: [0]"),
    Pair("a.npz", npz(x=[1.0]), npz(x=[1.0000001]), TOLERATED, "NumPy arrays", "1 of 1 members", NEAR),
    # images
    Pair("a.png", image(GREY, text="Monday"), image(GREY, text="Friday"), EQUAL, "pixels", "metadata"),
    Pair(
        "a.png",
        image(GREY),
        image([[0, 10], [20, 33]]),
        DIFFERENT,
        "pixels",
        "1 of 4 pixels differ by up to 3, the first at x=1, y=1",
        absolute=3,
    ),
    Pair("a.png", image(GREY), image([[0, 10], [20, 31]]), TOLERATED, "pixels", "", Tolerance(1.0), absolute=1),
    Pair("a.png", image(GREY), image([[0, 10]]), DIFFERENT, "pixels", "size: recorded 2 x 2, now 2 x 1"),
    Pair("a.png", image(GREY), image([[[0, 0, 0]] * 2] * 2), DIFFERENT, "pixels", "mode: recorded L, now RGB"),
    Pair("a.tif", image(GREY, "TIFF"), image(GREY, "TIFF", compression="tiff_lzw"), EQUAL, "pixels"),
    Pair("a.gif", image(GREY, "GIF"), image([[0, 10], [20, 40]], "GIF"), DIFFERENT, "pixels", "1 of 4 pixels"),
    Pair("a.jpg", image(GREY, "JPEG", comment=b"x"), image(GREY, "JPEG", comment=b"y"), EQUAL, "pixels"),
    # markup and PDF
    Pair(
        "a.svg",
        SVG.format(WIDTH, HEIGHT, "2", "2026-11-23T10:00:00.5").encode(),
        SVG.format(HEIGHT, WIDTH, "2", "2027-01-01T11:11:11").encode(),
        EQUAL,
        "XML",
        "time stamps",
    ),
    Pair(
        "a.svg",
        SVG.format(WIDTH, HEIGHT, "2", "").encode(),
        SVG.format(WIDTH, HEIGHT, "3", "").encode(),
        DIFFERENT,
        "XML",
        "/svg/g/path/@d: recorded 'M 0.1 2', now 'M 0.1 3'",
        absolute=1,
    ),
    Pair(
        "a.svg",
        SVG.format(WIDTH, HEIGHT, "2", "").encode(),
        SVG.format(WIDTH, HEIGHT, "2.0000001", "").encode(),
        TOLERATED,
        "XML",
        "",
        NEAR,
    ),
    Pair("a.xml", b"<a><b/></a>", b"<a><b></b><!-- x --></a>", EQUAL, "XML"),
    Pair("a.xml", b"<a><b/></a>", b"<a><c/></a>", DIFFERENT, "XML", "/a/b: recorded <b>, now <c>"),
    Pair("a.xml", b"<a>", b"<a> ", DIFFERENT, "text"),
    Pair("a.html", b'<p class=a id="b">x<br>', b"<P id='b' class=\"a\">x<br>", EQUAL, "HTML"),
    Pair("a.html", b"<p>x<br>y</p>", b"<p>x<br>z</p>", DIFFERENT, "HTML", "recorded 'y', now 'z'"),
    Pair("a.pdf", PDF % (1, 1, 1, 1, b"x"), PDF % (2, 2, 2, 2, b"x"), EQUAL, "PDF", "/CreationDate"),
    Pair("a.pdf", PDF % (1, 1, 1, 1, b"x"), PDF % (2, 2, 2, 2, b"y"), DIFFERENT, "bytes", "first difference at byte"),
    # archives
    Pair("a.csv.gz", gzip.compress(b"x\n1\n", mtime=1), gzip.compress(b"x\n1\n", mtime=2), EQUAL, "decompressed bytes"),
    Pair("a.csv.gz", gzip.compress(b"x\n1\n"), gzip.compress(b"x\n2\n"), DIFFERENT, "compressed CSV", "row 2, column"),
    Pair("a.csv.xz", lzma.compress(b"x\n1\n"), lzma.compress(b"x\n1.0000001\n"), TOLERATED, "compressed CSV", "", NEAR),
    Pair("a.bz2", bz2.compress(b"x\n"), bz2.compress(b"x\r\n"), EQUAL, "compressed text", "line ends"),
    Pair(
        "a.zip", packed("zip", {"a": b"1", "b": b"2"}), packed("zip", {"b": b"2", "a": b"1"}, 4), EQUAL, "zip", "order"
    ),
    Pair(
        "a.zip",
        packed("zip", {"../a": b"1\n"}),
        packed("zip", {"../a": b"2\n"}),
        DIFFERENT,
        "zip",
        "'../a': text: line 1",
    ),
    Pair(
        "a.zip", packed("zip", {"a": b"1", "b": b""}), packed("zip", {"a": b"1"}), DIFFERENT, "zip", "'b': now missing"
    ),
    Pair(
        "a.tgz",
        packed("gz", {"d/x.json": b"[1, 2]"}),
        packed("gz", {"d/x.json": b"[1,2]"}, 9),
        EQUAL,
        "tar",
        "'d/x.json': equal but for layout",
    ),
    Pair(
        "a.tar",
        packed("", {"z": packed("zip", {"x.csv": b"v\n1\n"})}),
        packed("", {"z": packed("zip", {"x.csv": b"v\n2\n"})}),
        DIFFERENT,
        "tar",
        "'z': zip: 'x.csv': CSV: row 2, column 'v'",
    ),
    # never loaded
    Pair("a.pkl", b"I1\n.", b"I1\r\n.", DIFFERENT, "bytes", "never loaded"),
    Pair("a", b"\x7fELF1", b"\x7fELF2", DIFFERENT, "bytes", "byte 5 (5 bytes as recorded)"),
    Pair("a.bin", b"\x00\x01", b"\x00\x01\x02", DIFFERENT, "bytes", "the new file goes on after byte 2"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_pairs(pair: Pair, tmp_path: Path) -> None:
    found = compare(tmp_path, pair.name, pair.before, pair.after, Options(tolerance=pair.tolerance))
    assert (found.likeness, found.how) == (pair.likeness, pair.how), found
    assert pair.detail in found.detail
    if pair.absolute is not None:
        assert found.absolute == pytest.approx(pair.absolute, rel=1e-6)
    back = compare(tmp_path, pair.name, pair.after, pair.before, Options(tolerance=pair.tolerance))
    assert back.likeness is pair.likeness


STAMPS = [
    ("2026-11-23T10:15:00Z", "2027-02-03T04:05:06.123456+01:00"),
    ("2026-11-23 10:15:00,123", "2027-02-03 04:05"),
    ("20261123T101500Z", "20270203T040506Z"),
    ("Mon, 23 Nov 2026 10:15:00 GMT", "Wed, 03 Feb 2027 04:05:06 +0100"),
    ("Mon Nov 23 10:15:00 2026", "Wed Feb  3 04:05:06 2027"),
    ("Mon Nov 23 10:15:00 UTC 2026", "Wed Feb  3 04:05:06 CET 2027"),
    ("2026/11/23 10:15:00", "2027/02/03 04:05:06"),
]


@pytest.mark.parametrize(("before", "after"), STAMPS)
def test_listed_time_stamps_count_as_equal_in_texts(before: str, after: str, tmp_path: Path) -> None:
    texts = [f"[{stamp}] started\n".encode() for stamp in (before, after)]
    found = compare(tmp_path, "a.log", *texts)
    assert found.likeness is Likeness.EQUAL
    assert "time stamps" in found.detail
    assert compare(tmp_path, "a.log", texts[0], texts[1][:-2] + b"!\n").likeness is Likeness.DIFFERENT


@pytest.mark.parametrize("text", ["2026-13-23T10:15:00Z", "2026-11-23", "10:15:00", "12026-11-23 10:15:00"])
def test_what_is_no_listed_time_stamp_is_text(text: str, tmp_path: Path) -> None:
    assert compare(tmp_path, "a", f"{text} x".encode(), f"{text[:-1]}9 x".encode()).likeness is Likeness.DIFFERENT


def test_time_stamps_must_be_of_their_runs_where_these_are_known(tmp_path: Path) -> None:
    periods = tuple(
        Period(datetime(year, 1, 1, 12, tzinfo=timezone.utc), datetime(year, 1, 1, 13, tzinfo=timezone.utc))
        for year in (2026, 2027)
    )
    options = Options(periods=(periods[0], periods[1]))
    for before, after, likeness in (
        ("2026-01-01T12:30:00Z", "2027-01-01T14:30:00+02:00", Likeness.EQUAL),
        ("2026-01-01 20:30:00", "2027-01-01 03:00:00", Likeness.EQUAL),  # local time of nobody knows where
        ("2026-01-01", "2027-01-01", Likeness.EQUAL),
        ("2026-01-01T12:30:00Z", "2027-01-01T14:30:00Z", Likeness.DIFFERENT),
        ("2020-01-01T12:30:00Z", "2027-01-01T12:30:00Z", Likeness.DIFFERENT),
    ):
        for name, form in (("a.log", "at {}\n"), ("a.csv", "t,x\n{},1\n"), ("a.json", '{{"t": "{}"}}')):
            found = compare(tmp_path, name, form.format(before).encode(), form.format(after).encode(), options)
            assert found.likeness is likeness, (name, before, after, found)


def test_recorded_paths_and_the_places_now_count_as_equal(tmp_path: Path) -> None:
    options = Options(paths=(("/home/a b/run", "/tmp/w/work"), ("/home/a b", "/tmp/w")))
    for name, form in (
        ("a.log", "wrote {}/out.txt.\nfile://{}\n-I{}/include\n"),
        ("a.json", '{{"{{}}": "{}/x", "b": "{}:{}"}}'),
        ("a.csv", "path,again\n{}/x,{}:{}\n"),
        ("a.xml", "<a href='{}/x'>{} {}</a>"),
    ):
        before, after = (form.format(place, place, place).encode() for place in ("/home/a b/run", "/tmp/w/work"))
        found = compare(tmp_path, name, before, after, options)
        assert found.likeness is Likeness.EQUAL, (name, found)
        assert "paths" in found.detail
        assert compare(tmp_path, name, before, after).likeness is Likeness.DIFFERENT
    elsewhere = compare(tmp_path, "a.log", b"/home/a b/run/x\n", b"/tmp/w/workshop/x\n", options)
    assert elsewhere.likeness is Likeness.DIFFERENT
    quoted = compare(tmp_path, "a.log", b"file:///home/a%20b/run/x\n", b"file:///tmp/w/work/x\n", options)
    assert quoted.likeness is Likeness.EQUAL


def write_hdf5(file: Path, *, value: float = 1.0, unit: str = "m", compression: str | None = None) -> None:
    with h5py.File(file, "w", track_order=False) as made:
        data = made.create_dataset("group/x", data=np.full((4, 3), 1.0), compression=compression, track_times=True)
        data[2, 1] = value
        data.attrs["unit"] = unit
        made["names"] = ["a", "b\u00e9"]
        made.create_dataset("empty", shape=(0, 2), dtype="f4")
        made["refs"] = np.array([data.ref], dtype=h5py.ref_dtype)
        made["group/loop"] = made["group"]
        made["soft"] = h5py.SoftLink("/nowhere")
        made["out"] = h5py.ExternalLink("/etc/passwd", "/")


def test_hdf5_is_compared_by_groups_datasets_and_attributes(tmp_path: Path) -> None:
    places = tmp_path / "a.h5", tmp_path / "b.h5"
    near = Options(tolerance=NEAR)
    write_hdf5(places[0])
    for change, options, likeness, detail in (
        ({"compression": "gzip"}, Options(), Likeness.EQUAL, ""),
        ({"value": 1.0000001}, near, Likeness.TOLERATED, ""),
        ({"value": 1.5}, near, Likeness.DIFFERENT, "/group/x [2, 1]: recorded 1.0, now 1.5"),
        ({"unit": "km"}, near, Likeness.DIFFERENT, "/group/x@unit"),
    ):
        write_hdf5(places[1], **change)  # type: ignore[arg-type]
        found = compare_files(*places, options)
        assert (found.likeness, found.how) == (likeness, "HDF5"), found
        assert detail in found.detail


def write_sqlite(file: Path, *statements: str) -> None:
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE k (id INTEGER PRIMARY KEY, v REAL, t TEXT)")
        database.execute('CREATE TABLE "a ""b" (v REAL, t TEXT)')
        for statement in statements:
            database.execute(statement)
    database.close()


def test_sqlite_is_compared_by_schema_and_rows(tmp_path: Path) -> None:
    places = tmp_path / "a b%#?.db", tmp_path / "b.db"
    plain = "INSERT INTO \"a \"\"b\" VALUES (1.0, 'x'), (2.0, 'y')"
    keyed = "INSERT INTO k VALUES (1, 1.5, 'x'), (2, 2.5, 'y')"
    write_sqlite(places[0], plain, keyed)
    near = Options(tolerance=NEAR)
    for statements, options, likeness, detail in (
        (["INSERT INTO k VALUES (2, 2.5, 'y'), (1, 1.5, 'x')", plain], near, Likeness.EQUAL, "order of rows"),
        ([plain.replace("(1.0, 'x'), (2.0, 'y')", "(2.0, 'y'), (1.0, 'x')"), keyed], near, Likeness.EQUAL, ""),
        ([plain.replace("1.0", "1.0000001"), keyed], near, Likeness.TOLERATED, "1 number"),
        ([plain, keyed.replace("2.5", "3.5")], near, Likeness.DIFFERENT, "table 'k', row 'id=2', column 'v'"),
        ([plain, keyed.replace("'y'", "'z'")], near, Likeness.DIFFERENT, "column 't': recorded 'y', now 'z'"),
        ([plain.replace("'y'", "'z'"), keyed], near, Likeness.DIFFERENT, "table 'a \"b'"),
        ([plain], near, Likeness.DIFFERENT, "row 'id=1': now missing"),
        ([plain, keyed, "CREATE INDEX i ON k (v)"], near, Likeness.DIFFERENT, "index 'i': not recorded"),
    ):
        write_sqlite(places[1], *statements)
        found = compare_files(*places, options)
        assert (found.likeness, found.how) == (likeness, "SQLite"), found
        assert detail in found.detail, found
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b%#?.db", "b.db"]


def test_wide_colours_that_pillow_would_reduce_are_left_to_their_bytes(tmp_path: Path) -> None:
    import struct
    import zlib

    def wide(low: int) -> bytes:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

        header = struct.pack(">LLBBBBB", 1, 1, 16, 2, 0, 0, 0)
        pixel = zlib.compress(b"\0" + bytes([1, low] * 3))
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")

    found = compare(tmp_path, "a.png", wide(1), wide(2))
    assert (found.likeness, found.how) == (Likeness.DIFFERENT, "bytes")
    assert "more than 8 bits" in found.detail


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-6", Tolerance(relative=1e-6)),
        ("rel=1e-6", Tolerance(relative=1e-6)),
        ("abs=1e-9,rel=1e-6", Tolerance(1e-9, 1e-6)),
        ("out/*.csv:rel=.5", Tolerance(0.0, 0.5, "out/*.csv")),
        ("a:b.csv:abs=2", Tolerance(2.0, 0.0, "a:b.csv")),
    ],
)
def test_tolerances_are_read(text: str, expected: Tolerance) -> None:
    assert parse_tolerance(text) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "nan", "inf", "1e999", "rel=", "abs=1,abs=2", "1,2", ":1", "a.csv:", "x=1"]
)
def test_a_wrong_tolerance_is_answered_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match="abs=1e-9,rel=1e-6"):
        parse_tolerance(text)


def test_the_last_tolerance_that_fits_wins() -> None:
    given = [
        Tolerance(1.0),
        Tolerance(2.0, pattern="*.csv"),
        Tolerance(3.0, pattern="out/*"),
        Tolerance(4.0, pattern="[a]"),
    ]
    for name, absolute in (("x/a.txt", 1.0), ("x/a.csv", 2.0), ("out/a.csv", 3.0), ("[a]", 4.0)):
        assert tolerance_for(name, given).absolute == absolute
    assert tolerance_for("x", given[1:]) == Tolerance()


def test_findings_can_be_written_as_json(tmp_path: Path) -> None:
    found = compare(tmp_path, "a.csv", b"x\n0\ninf\n1e308\n", b"x\n5\n1\n-1e308\n")
    json.dumps([found.absolute, found.relative], allow_nan=False)
