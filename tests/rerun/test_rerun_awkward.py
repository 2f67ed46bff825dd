"""Runs that are awkward to repeat: odd names, states from before, folders that the run makes, wrong folders."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.crate import command_line
from provenance.crate.read import read
from provenance.rerun.comparing import Options, compare_files
from provenance.rerun.made_folders import made_folders
from provenance.rerun.records import Likeness, Tolerance
from provenance.run.model import Data, Role, Run, Status
from tests.conftest import Wfprov
from tests.rerun.hostile import Crate

NO_UTF8 = os.fsdecode(b"b\xff\xfe")
SCRIPT = "application_sources/job.sh"


def recorded(wfprov: Wfprov, place: Path, *words: str, pack: tuple[str, ...] = ()) -> Path:
    """Record a command in ``place/at first/p`` and make a crate of it."""
    wfprov("run", "-q", "--", *words, cwd=place / "at first/p")
    wfprov("pack", "-q", *pack, "-o", place / "crate", cwd=place / "at first/p")
    return place / "crate"


def files(place: Path, **content: str) -> None:
    """Write the files of a run: name -> text."""
    (place / "at first/p").mkdir(parents=True)
    for name, text in content.items():
        (place / "at first/p" / name.replace("__", ".")).write_text(text)


def repeated(wfprov: Wfprov, crate: Path, *options: str, status: int = 0) -> dict[str, Any]:
    """Re-run a crate and return the verdict."""
    words = ("rerun", crate, "--workdir", crate.parent / "again", "--trust", "--json", *options)
    told: dict[str, Any] = json.loads(wfprov(*words, cwd=crate.parent, status=status).stdout)
    return told


def test_words_that_are_no_text_and_a_script_called_run_sh(wfprov: Wfprov, tmp_path: Path) -> None:
    files(tmp_path, run__sh="date +%N > when\n")
    (tmp_path / "at first/p" / NO_UTF8).write_text("1\n")
    result = os.fsdecode(b"o\xff'q\\ $'")
    crate = recorded(wfprov, tmp_path, "sh", "-c", 'cat "$1" > "$2"; sh run.sh', "sh", NO_UTF8, result)
    shutil.rmtree(tmp_path / "at first")
    run = read(crate)
    assert run.command[-2:] == (NO_UTF8, result)
    verdict = repeated(wfprov, crate, status=1)
    # The command, which the crate has as run.sh too, is neither in the way nor a difference.
    assert {one["name"]: one["likeness"] for one in verdict["outputs"]} == {"when": "different", result: "identical"}
    assert not [one for one in verdict["differences"] if one["aspect"] in ("code", "command", "parameters")]
    assert (tmp_path / "again/work/run.sh").read_text() == "date +%N > when\n"


def test_folders_that_the_run_makes_and_paths_in_its_code(wfprov: Wfprov, tmp_path: Path) -> None:
    folder = tmp_path / "at first/p"
    files(tmp_path, job__sh=f"cp -r d e\nmkdir made\ncp d/a made/a\ncat '{folder}/d/a' > whole\n")
    (folder / "d").mkdir()
    (folder / "d/a").write_text("1\n")
    crate = recorded(wfprov, tmp_path, "sh", "job.sh")
    shutil.rmtree(tmp_path / "at first")
    verdict = repeated(wfprov, crate, status=6)
    same = {one["name"] for one in verdict["outputs"] if one["likeness"] == "identical"}
    assert same == {"e/a", "made/a"}  # copied into an "e" that is there, it were e/d/a
    causes = verdict["divergence"]["differences"]
    assert [(one["aspect"], one["what"]) for one in causes][:1] == [("code", SCRIPT)]
    assert causes[0]["detail"].startswith(f"holds the path {folder}")


def test_a_state_from_before_is_found_under_the_map_and_never_written_to(wfprov: Wfprov, tmp_path: Path) -> None:
    files(tmp_path)
    log = tmp_path / "at first/log"
    log.write_text("1\n")
    crate = recorded(wfprov, tmp_path, "sh", "-c", "echo 2 >> ../log", pack=("--data", "reference"))
    (tmp_path / "at first").rename(tmp_path / "now")
    verdict = repeated(wfprov, crate, "--map", f"{tmp_path}/at first={tmp_path}/now", "--link-data")
    assert verdict["result"] == "reproduced"
    assert (tmp_path / "now/log").read_text() == "1\n2\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workdir", "crate/sub"), "crate/sub lies in the crate"),
        (("--workdir", "file", "--json"), "file is not a folder"),
        (("--workdir", "new", "--data", "in.txt=folder"), "the run used a file, and folder is a folder"),
        (("--workdir", "new", "--data", "in.txt=no=other"), "there is no file no=other"),
    ],
)
def test_folders_and_files_that_can_not_be(wfprov: Wfprov, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    Crate().write(tmp_path / "crate")
    (tmp_path / "file").write_text("mine\n")
    (tmp_path / "folder").mkdir()
    done = wfprov("rerun", "crate", "--trust", *words, cwd=tmp_path, status=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "mine\n"
    assert not (tmp_path / "crate/sub").exists()
    assert not (tmp_path / "new/work").exists()


def test_without_standard_input_and_with_names_that_hold_the_sign(wfprov: Wfprov, tmp_path: Path) -> None:
    crate = Crate()
    crate.input["alternateName"] = str(crate.input["alternateName"]).replace("in.txt", "a=b")
    crate.write(tmp_path / "crate")
    (tmp_path / "n=2").write_text("2\n")
    words = [str(Path(sys.executable).parent / "wfprov"), "rerun", "crate", "--data", "a=b=n=2", "--workdir", "new"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *words],
        cwd=tmp_path,
        env=wfprov.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "a=b from " in done.stdout
    assert "there is no terminal to ask on" in done.stdout


@given(st.lists(st.text(st.characters(exclude_characters="\0", max_codepoint=0xDCFF), max_size=8), max_size=5))
def test_a_command_comes_back_from_its_line(words: list[str]) -> None:
    words = [os.fsdecode(word.encode("utf-8", "replace")) for word in words]
    assert command_line.split(command_line.join(words)) == tuple(words)


@given(st.lists(st.binary(max_size=8).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"")))))
def test_a_command_of_bytes_comes_back_from_its_line(words: list[str]) -> None:
    line = command_line.join(words)
    line.encode()
    assert command_line.split(line) == tuple(words)


def test_a_command_that_was_cut_is_none(tmp_path: Path) -> None:
    Crate(command_line.join(("cat", "x" * 200), 100)).write(tmp_path / "crate")
    assert read(tmp_path / "crate").command == ()


def test_numbers_in_compressed_files_may_deviate(tmp_path: Path) -> None:
    for name, number in (("a", "1.0"), ("b", "1.0000001")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt.gz").write_bytes(gzip.compress(f"mean {number}\n".encode()))
    options = Options(tolerance=Tolerance(relative=1e-6), roots=(tmp_path / "a", tmp_path / "b"))
    found = compare_files(tmp_path / "a/x.txt.gz", tmp_path / "b/x.txt.gz", options)
    assert found.likeness is Likeness.TOLERATED, found.detail


@pytest.mark.parametrize(
    ("code", "made"),
    [
        ('os.mkdir("out")', {"/w/out"}),
        ('OUT = Path("out")\nOUT.mkdir()\n', {"/w/out"}),
        ('dir.create("out")', {"/w/out"}),
        ("os.mkdir(sys.argv[1])", {"/w/given"}),
        ('os.makedirs("other")', {"/w/other"}),
        ('open("out/a", "w")', set()),
    ],
)
def test_folders_that_code_makes(tmp_path: Path, code: str, made: set[str]) -> None:
    source = tmp_path / "s.py"
    source.write_text(code)
    data = Data("s.py", "/w/s.py", Role.SOURCE, content=str(source))
    run = Run(id="1", name="s", status=Status.COMPLETED, command=("python3", "s.py", "given"), cwd="/w", data=(data,))
    found = made_folders(run, ["/w/out", "/w/given"])
    assert found & {"/w/out", "/w/given", "/w/other"} == made
    assert made_folders(replace(run, data=()), ["/w/out"]) == frozenset()
