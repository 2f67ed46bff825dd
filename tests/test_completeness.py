"""Every true input and output is found, whatever library or program touches it, and nothing else is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Wfprov

WORKFLOW = """
import concurrent.futures, multiprocessing, os, shutil, sqlite3, subprocess, sys, tempfile, threading
import numpy as np

def in_pool(number):
    with open(f"pool-{number}.out", "w") as file:
        file.write(open("pool.in").read() * number)
    if number == 3:
        os._exit(0)

def main():
    with open("plain.in") as source, open("plain.out", "w") as target:      # open
        target.write(source.read())
    source = os.open("os.in", os.O_RDONLY)                                   # os.open
    target = os.open("os.out", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(target, os.read(source, 100)); os.close(source); os.close(target)
    folder = os.open("folder", os.O_RDONLY)                                  # relative to a descriptor
    inner = os.open("at.in", os.O_RDONLY, dir_fd=folder); os.close(inner)
    inner = os.open("at.out", os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=folder); os.write(inner, b"x"); os.close(inner)
    with sqlite3.connect("new.db") as database:                              # a C library of its own
        database.execute("attach 'old.db' as old")
        database.execute("create table copied as select * from old.numbers")
    database.close()
    np.save("array.out.npy", np.load("array.in.npy") * 2)                    # NumPy
    mapped = np.memmap("mapped.out", dtype="u1", mode="w+", shape=(10,)); mapped[:] = 7; mapped.flush(); del mapped
    shutil.copyfile("copied.in", "copied.out")                               # sendfile, copy_file_range
    shutil.copytree("tree", "tree-copy")
    subprocess.run(["./compiled", "compiled.in", "compiled.out"], check=True)
    subprocess.run("grep -v '#' < pipe.in | sort | uniq > 'pipe out.txt'", shell=True, check=True)
    threads = [threading.Thread(target=shutil.copyfile, args=(f"thread-{n}.in", f"thread-{n}.out")) for n in (1, 2)]
    [thread.start() for thread in threads]; [thread.join() for thread in threads]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(in_pool, [1, 2])
    child = multiprocessing.get_context("spawn").Process(target=in_pool, args=(3,)); child.start(); child.join()
    with open("renamed.part", "w") as file:                                  # rename into place
        file.write("whole")
    os.replace("renamed.part", "renamed.out")
    with tempfile.NamedTemporaryFile() as file:                              # temporary files
        file.write(b"scratch")
    with tempfile.TemporaryDirectory(dir=".") as place:
        open(os.path.join(place, "inside"), "w").close()
    open("link.in").read()                                                   # a symbolic link
    with open("in-and-out.txt", "a") as file:                                # changed in place
        file.write("more")
    try:
        open("missing.in")
    except OSError:
        pass
    os.listdir("tree"); os.stat("only-looked-at")

if __name__ == "__main__":
    main()
"""
COMPILED = """
#include <stdio.h>
int main(int count, char **words) {
    FILE *in = fopen(words[1], "r"), *out = fopen(words[2], "w");
    for (int c; (c = getc(in)) != EOF;) putc(c, out);
    return count != 3; /* the last bytes are written by exit */
}
"""
INPUTS = {
    "plain.in", "os.in", "folder/at.in", "old.db", "array.in.npy", "copied.in", "tree/a", "tree/sub/a", "compiled.in",
    "pipe.in", "thread-1.in", "thread-2.in", "pool.in", "link-target.in", "in-and-out.txt",
}  # fmt: skip
OUTPUTS = {
    "plain.out", "os.out", "folder/at.out", "new.db", "array.out.npy", "mapped.out", "copied.out", "tree-copy/a",
    "tree-copy/sub/a", "compiled.out", "pipe out.txt", "thread-1.out", "thread-2.out", "pool-1.out", "pool-2.out",
    "pool-3.out", "renamed.out", "in-and-out.txt",
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    if not (compiler := shutil.which("cc") or shutil.which("gcc")):
        pytest.skip("needs a C compiler")
    import sqlite3

    import numpy as np

    folder = tmp_path / "work"
    (folder / "tree/sub").mkdir(parents=True)
    (folder / "folder").mkdir()
    for name in INPUTS | {"only-looked-at"}:
        (folder / name).write_text(f"# {name}\ntext\n")
    (folder / "old.db").unlink()
    with sqlite3.connect(folder / "old.db") as database:
        database.execute("create table numbers as select 1 as number")
    database.close()
    np.save(folder / "array.in.npy", np.arange(5))
    (folder / "link.in").symlink_to("link-target.in")
    (folder / "workflow.py").write_text(WORKFLOW)
    (tmp_path / "compiled.c").write_text(COMPILED)
    subprocess.run([compiler, "-o", folder / "compiled", tmp_path / "compiled.c"], check=True)
    return folder


def roles(place: Path, wfprov: Wfprov) -> dict[str, set[str]]:
    listed = json.loads(wfprov("runs", "show", "--files", "--json", cwd=place).stdout)
    found: dict[str, set[str]] = {}
    for data in listed["data"]:
        path = Path(data["path"])
        name = str(path.relative_to(place)) if path.is_relative_to(place) else data["path"]
        found.setdefault(data["role"], set()).add(name)
    return found


def test_every_true_input_and_output_and_nothing_else(place: Path, wfprov: Wfprov) -> None:
    wfprov("run", "--trace", "preload", "--", "python", "workflow.py", cwd=place)
    found = roles(place, wfprov)
    assert found["input"] == INPUTS
    assert found["output"] | found.get("intermediate", set()) == OUTPUTS
    assert found["source"] == {"workflow.py", "compiled"}
