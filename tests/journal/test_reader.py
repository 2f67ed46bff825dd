"""The reader gives what is there, whatever happened to a file."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import JournalError
from provenance.journal import JournalFile, read

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.binary().map(os.fsdecode)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
events = st.lists(st.dictionaries(texts, values, max_size=4).map(lambda event: {"e": "read", **event}), max_size=8)


def lines(found: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(event).encode() + b"\n" for event in found]


def read_bytes(content: bytes) -> tuple[list[dict[str, Any]], JournalFile]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "h-1-1.jsonl"
        path.write_bytes(content)
        file = JournalFile(path)
        return list(file), file


@given(events, st.data())
def test_every_truncation_gives_a_prefix(written: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = b"".join(lines(written))
    end = data.draw(st.integers(0, len(whole)))
    found, file = read_bytes(whole[:end])
    assert found == written[: len(found)]
    assert len(found) >= whole[:end].count(b"\n")
    assert file.unreadable == 0


@given(events, st.data())
def test_nul_bytes_between_events_are_passed_over(written: list[dict[str, Any]], data: st.DataObject) -> None:
    content = b""
    for line in lines(written):
        content += b"\0" * data.draw(st.integers(0, 5)) + line
    found, file = read_bytes(content + b"\0" * data.draw(st.integers(0, 100)))
    assert found == written
    assert (file.unreadable, file.is_torn) == (0, False)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(content: bytes) -> None:
    found, file = read_bytes(content)
    assert all(isinstance(event, dict) for event in found)
    assert file.error is None


def test_damaged_lines_are_counted_and_the_rest_is_there() -> None:
    found, file = read_bytes(b'{"e":"a"}\nnonsense\n[1]\n{"e":"b"}\n{"e":"c\0\0\0{"e":"d"}\n{"e":"cut')
    assert [event["e"] for event in found] == ["a", "b", "d"]
    assert file.unreadable == 3
    assert file.is_torn


def test_lines_that_look_sound_only_together_are_damaged() -> None:
    found, file = read_bytes(b'{"e":"a","x":[1\n2]}\n{"e":"b"}\n')
    assert [event["e"] for event in found] == ["b"]
    assert file.unreadable == 2


def test_deep_nesting_is_damage() -> None:
    found, file = read_bytes(b"[" * 200_000 + b'\n{"e":"a"}\n')
    assert [event["e"] for event in found] == ["a"]
    assert file.unreadable == 1


def test_bytes_that_are_not_utf8_survive_escaped_and_raw() -> None:
    found, _ = read_bytes(b'{"e":"read","p":"/a\\udcff"}\n{"e":"read","p":"/a\xff"}\n')
    assert [os.fsencode(event["p"]) for event in found] == [b"/a\xff", b"/a\xff"]


def test_last_line_without_its_newline_counts_when_it_is_whole() -> None:
    found, file = read_bytes(b'{"e":"a"}\n{"e":"b"}')
    assert len(found) == 2
    assert not file.is_torn


def test_newer_version_is_read_and_told() -> None:
    found, file = read_bytes(b'{"e":"process","v":99,"id":"x"}\n{"e":"quantum"}\n')
    assert len(found) == 2
    assert file.newer_version == 99


def test_large_files_are_read_in_blocks_without_losing_a_line(tmp_path: Path) -> None:
    path = tmp_path / "h-1-1.jsonl"
    with path.open("wb") as file:
        for number in range(60_000):
            file.write(json.dumps({"e": "read", "t": number, "p": "/" + "x" * (number % 70)}).encode() + b"\n")
        file.write(b"\0" * (3 << 20))
    assert [event["t"] for event in JournalFile(path)] == list(range(60_000))


def test_launchers_file_comes_first_and_others_files_are_left_alone(tmp_path: Path) -> None:
    for name in ("b-1-1.jsonl", "a-1-1.jsonl", "run.jsonl", "strace.host", "h.count", "patch.diff"):
        (tmp_path / name).touch()
    assert [file.path.name for file in read(tmp_path)] == ["run.jsonl", "a-1-1.jsonl", "b-1-1.jsonl"]


def test_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"nowhere.*wfprov runs"):
        list(read(tmp_path / "nowhere"))
