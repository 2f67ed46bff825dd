"""What a program had loaded and how much it read and wrote, as the shim tells it at its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.run import collect
from provenance.run.resources import take_off_children
from tests.recording.shimmed import COMPILER, Watched, compile_shim, watch

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
PYTHON = sys.executable


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(tmp_path_factory.mktemp("shim") / "shim.so")


def python(shim: Path, place: Path, code: str) -> Watched:
    return watch(shim, place, [PYTHON, "-S", "-c", code])


def names(event: dict[str, object]) -> set[str]:
    return {os.path.basename(path).partition(".")[0] for path in event["paths"]}  # type: ignore[attr-defined]


def test_libraries_are_told_at_the_end_without_the_shim_and_the_kernels(shim: Path, tmp_path: Path) -> None:
    seen = watch(shim, tmp_path, ["true"])
    (told,) = seen.of("libraries")
    assert "libc" in names(told) and str(shim) not in told["paths"]
    assert all(Path(path).is_file() for path in told["paths"])


def test_what_is_loaded_later_is_among_them(shim: Path, tmp_path: Path) -> None:
    (plain,) = python(shim, tmp_path, "pass").of("libraries")
    (tmp_path / "other").mkdir()
    (told,) = python(shim, tmp_path / "other", "import _ssl").of("libraries")
    assert any(name.startswith("libssl") or name == "_ssl" for name in names(told) - names(plain))


@pytest.mark.parametrize("end", ["os._exit(3)", "os.execv('/bin/true', ['true'])"])
def test_an_end_at_once_and_an_exec_tell_them_too(shim: Path, tmp_path: Path, end: str) -> None:
    seen = python(shim, tmp_path, f"import os, _ssl; {end}")
    first = seen.of("process")[0]["id"]
    (told,) = [event for event in seen.of("libraries") if event["i"] == first]
    assert any("ssl" in name for name in names(told))


@pytest.mark.parametrize(("more", "times"), [("", 1), ("import _ssl", 2)])
def test_a_fork_tells_only_when_it_has_more_than_its_parent(shim: Path, tmp_path: Path, more: str, times: int) -> None:
    code = f"""
import os
if os.fork() == 0:
    open('of-the-child', 'w').close()
    {more or "pass"}
    os._exit(0)
os.wait()
"""
    seen = python(shim, tmp_path, code)
    assert len(seen.of("process")) == 2
    assert len(seen.of("libraries")) == times


def test_forked_children_of_threads_that_load_end_as_they_should(shim: Path, tmp_path: Path) -> None:
    code = """
import ctypes, os, threading
stop = False
def load():
    while not stop:
        ctypes.CDLL(None)
threads = [threading.Thread(target=load) for _ in range(3)]
for thread in threads: thread.start()
for i in range(60):
    if os.fork() == 0:
        open(f'f{i}', 'w').close()
        os._exit(0)
for i in range(60): assert os.wait()[1] == 0
stop = True
"""
    seen = python(shim, tmp_path, code)
    assert seen.done.returncode == 0, seen.done.stderr
    assert len(seen.of("end")) == 61


def test_more_libraries_than_fit_beside_each_other(shim: Path, tmp_path: Path) -> None:
    source = tmp_path / "x.c"
    source.write_text("int x;")
    folder = tmp_path / ("long" * 50) / ("name" * 50)
    folder.mkdir(parents=True)
    one = compile_library(source, folder / "one.so")
    code = f"""
import ctypes, shutil
for i in range(60):
    shutil.copy({one!r}, f"{one}{{i}}.so")
    ctypes.CDLL(f"{one}{{i}}.so")
"""
    (told,) = python(shim, tmp_path, code).of("libraries")
    assert len([path for path in told["paths"] if str(folder) in path]) == 60


def compile_library(source: Path, target: Path) -> str:
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-o", str(target), str(source)], check=True)
    return str(target)


def test_bytes_read_and_written_are_told(shim: Path, tmp_path: Path) -> None:
    seen = python(shim, tmp_path, "open('a', 'wb').write(b'x' * 3_000_000); open('a', 'rb').read()")
    (end,) = seen.of("end")
    assert 3_000_000 <= end["io"][0] < 6_000_000 and 3_000_000 <= end["io"][1] < 3_200_000


def test_the_reader_takes_both(shim: Path, tmp_path: Path) -> None:
    seen = watch(shim, tmp_path, ["sh", "-c", "true; exec cat /dev/null"])
    images = collect.collect(seen.journal).images.values()
    cat = next(image for image in images if image.exe.endswith("cat"))
    assert any("libc.so" in path for path in cat.libraries)
    assert cat.use is not None and cat.use.read_bytes and cat.use.written_bytes is not None


def test_what_hardly_does_anything_says_no_bytes(shim: Path, tmp_path: Path) -> None:
    seen = watch(shim, tmp_path, ["sh", "-c", "true; /bin/true; head -c 50000000 /dev/zero | tail -c 1000000 > kept"])
    images = collect.collect(seen.journal).images
    told = {Path(image.exe).name: image.use for image in images.values() if image.how == "exec"}
    assert told["true"] is not None and told["true"].read_bytes is None and told["true"].cpu_user is not None
    take_off_children(images)
    bytes_read = sum(image.use.read_bytes or 0 for image in images.values() if image.use)
    assert 100_000_000 <= bytes_read < 101_000_000
    written = sum(image.use.written_bytes or 0 for image in images.values() if image.use)
    assert 51_000_000 <= written < 51_100_000
