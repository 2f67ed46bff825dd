"""Reading the files of a run once, and noticing what is not as the run saw it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from provenance.crate.archive import FolderArchive, ZipArchive
from provenance.crate.layout import Item, Treatment
from provenance.crate.payload import Outcome, PayloadReader, looks_like_text
from provenance.crate.settings import Checksums, NoProgress
from provenance.run.model import Data, Role


def data_of(path: Path) -> Data:
    now = path.stat()
    return Data("k", str(path), Role.INPUT, size=now.st_size, mtime_ns=now.st_mtime_ns, content=str(path))


@pytest.fixture
def crate(tmp_path: Path) -> Path:
    (tmp_path / "crate").mkdir()
    return tmp_path / "crate"


def take(
    data: Data,
    crate: Path,
    treatment: Treatment = Treatment.COPY,
    checksums: Checksums = Checksums.ALL,
) -> Outcome:
    reader = PayloadReader(FolderArchive(crate), checksums, NoProgress())
    return reader.take(Item(data, treatment, "dataset/x"))


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, (9 << 20) + 7])
def test_a_copy_has_the_bytes_the_digest_and_the_time_of_the_file(tmp_path, crate, size):
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    source = tmp_path / "x"
    source.write_bytes(content)
    os.utime(source, ns=(5, 1_600_000_000_123_456_789))
    outcome = take(data_of(source), crate)
    copy = crate / "dataset/x"
    assert copy.read_bytes() == content
    assert outcome.sha256 == hashlib.sha256(content).hexdigest()
    assert copy.stat().st_mtime_ns == source.stat().st_mtime_ns
    assert (outcome.treatment, outcome.size) == (Treatment.COPY, size)


def test_an_executable_stays_one(tmp_path, crate):
    source = tmp_path / "x"
    source.write_text("#!/bin/sh\n")
    source.chmod(0o755)
    take(data_of(source), crate)
    assert os.access(crate / "dataset/x", os.X_OK)


def test_a_referenced_file_is_hashed_and_not_copied(tmp_path, crate):
    source = tmp_path / "x"
    source.write_text("abc")
    outcome = take(data_of(source), crate, Treatment.REFERENCE)
    assert outcome.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert list(crate.iterdir()) == []


@pytest.mark.parametrize(
    ("checksums", "treatment", "is_hashed"),
    [
        (Checksums.COPIED, Treatment.COPY, True),
        (Checksums.COPIED, Treatment.REFERENCE, False),
        (Checksums.NONE, Treatment.COPY, False),
    ],
)
def test_the_user_chooses_what_is_hashed(tmp_path, crate, checksums, treatment, is_hashed):
    source = tmp_path / "x"
    source.write_text("abc")
    assert bool(take(data_of(source), crate, treatment, checksums).sha256) is is_hashed


@pytest.mark.parametrize("treatment", [Treatment.COPY, Treatment.REFERENCE])
@pytest.mark.parametrize("checksums", [Checksums.ALL, Checksums.NONE])
def test_a_file_that_was_changed_after_the_run_is_not_passed_off(tmp_path, crate, treatment, checksums):
    source = tmp_path / "x"
    source.write_text("abc")
    data = data_of(source)
    source.write_text("abcd")
    outcome = take(data, crate, treatment, checksums)
    assert outcome.treatment is Treatment.DESCRIBE
    assert outcome.is_changed and "changed" in (outcome.note or "")
    assert not (crate / "dataset/x").exists()


def test_the_same_size_and_time_with_another_digest_is_noticed(tmp_path, crate):
    source = tmp_path / "x"
    source.write_text("abc")
    outcome = take(replace(data_of(source), sha256=hashlib.sha256(b"abd").hexdigest()), crate)
    assert outcome.is_changed
    assert not (crate / "dataset/x").exists()


def test_a_file_that_grows_while_it_is_read_is_left_out(tmp_path, crate):
    source = tmp_path / "x"
    source.write_bytes(b"a" * (3 << 20))

    class Growing(NoProgress):
        def advance(self, amount: int) -> None:
            with source.open("ab") as more:
                more.write(b"b")

    archive = ZipArchive(crate / "x.zip")
    reader = PayloadReader(archive, Checksums.ALL, Growing())
    outcome = reader.take(Item(data_of(source), Treatment.COPY, "dataset/x"))
    archive.add_text("kept.txt", "kept")
    archive.close()
    assert outcome.is_changed
    import zipfile

    with zipfile.ZipFile(crate / "x.zip") as written:
        assert written.namelist() == ["kept.txt"]
        assert written.testzip() is None
    assert (crate / "x.zip").stat().st_size < 1000


def test_a_vanished_a_special_and_a_forbidden_file_are_described_with_the_reason(tmp_path, crate):
    source = tmp_path / "x"
    source.write_text("abc")
    gone = replace(data_of(source), content=str(tmp_path / "gone"))
    assert "can't be read" in (take(gone, crate).note or "")
    os.mkfifo(tmp_path / "pipe")
    special = replace(data_of(source), content=str(tmp_path / "pipe"), size=None)
    assert "regular" in (take(special, crate).note or "")
    nul = replace(data_of(source), content="a\0b")
    assert take(nul, crate).treatment is Treatment.DESCRIBE


def test_a_link_is_followed(tmp_path, crate):
    (tmp_path / "real").write_text("abc")
    (tmp_path / "link").symlink_to("real")
    assert take(data_of(tmp_path / "link"), crate).treatment is Treatment.COPY
    assert not (crate / "dataset/x").is_symlink()


def test_text_is_told_from_binary():
    assert looks_like_text("grüße\n".encode())
    assert looks_like_text("ü".encode()[:1])  # cut in the middle of a character
    assert not looks_like_text(b"\xff\xfe")
    assert not looks_like_text(b"a\0b")
