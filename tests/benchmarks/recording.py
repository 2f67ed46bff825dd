"""What watching a run costs: recorded time / bare time, in turn, for five kinds of work.

    python tests/benchmarks/recording.py [--runs 7] [--trace preload]

Each kind runs bare and under ``wfprov run``, alternating, in a fresh folder each time. The time is that of the
command itself, taken inside by a small timer that runs in both cases; the launcher's own share, once a run whatever
its length, is the last row: ``wfprov run -- true`` against ``true``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MANY_FILES = """
import os
os.mkdir('f')
for i in range(5000):
    with open(f'f/{i}', 'w') as file:
        file.write('some text')
"""
FILES = """
import numpy as np
total = np.zeros(9)
for _ in range(2):
    for i in range(5000):
        with open(f'f/{i}', 'rb') as file:
            total += np.frombuffer(file.read(), dtype='u1')
open('total', 'w').write(str(total))
"""
CHILDREN = """
import subprocess
with open('data', 'w') as file:
    file.writelines(f'{i * 7919 % 5000} {i}\\n' for i in range(5000))
for i in range(75):
    subprocess.run("awk '$1 % 3 == 0' data > chosen; sort -n chosen > sorted; cp sorted kept", shell=True, check=True)
"""
COMPUTE = """
total = 0
for i in range(12_000_000):
    total += i * i % 7
open('total', 'w').write(str(total))
"""
TASKS = """
import time
import provenance
@provenance.task
def step(number, label):
    end = time.perf_counter() + 0.001
    while time.perf_counter() < end:
        pass
    return number + 1
for i in range(10000):
    step(i, 'a label')
"""
POOL = """
import multiprocessing
def work(i):
    with open(f'{i}', 'w') as file:
        file.write(str(sum(range(20000))))
if __name__ == '__main__':
    with multiprocessing.get_context('fork').Pool(2) as pool:
        pool.map(work, range(1000))
"""
KINDS = {
    "5,000 small files opened twice": (MANY_FILES, FILES, 1.10),
    "300 short child processes": ("", CHILDREN, 1.15),
    "computing": ("", COMPUTE, 1.02),
    "10,000 tasks of 1 ms": ("", TASKS, 1.05),
    "5,000 small files written": ("", MANY_FILES, None),
    "1,000 files by a process pool": ("", POOL, None),
}
TIMER = (
    "import subprocess,sys,time; t=time.perf_counter(); s=subprocess.call(sys.argv[2:]); "
    "open(sys.argv[1],'w').write(str(time.perf_counter()-t)); sys.exit(s)"
)
WFPROV = str(Path(sys.executable).with_name("wfprov"))


def in_fresh_folder(command: Callable[[Path], list[str]], before: str = "", script: str = "") -> float:
    """Run a command in a new folder; return the seconds that its timer took, or those of the whole."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        took = folder.with_suffix(".took")
        (folder / "script.py").write_text(script)
        subprocess.run([sys.executable, "-c", before], cwd=folder, check=True)
        start = time.perf_counter()
        subprocess.run(command(took), cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        return float(took.read_text()) if took.exists() else whole
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".took").unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--trace", default="preload")
    parser.add_argument("--only", help="part of a row's name")
    options = parser.parse_args()
    os.environ.pop("WFPROV_JOURNAL", None)
    recorder = [WFPROV, "run", "--quiet", "--trace", options.trace, "--"]
    print(f"{'':38}{'bare s':>9}{'recorded s':>12}{'ratio':>8}{'min':>7}{'max':>7}{'aim':>7}")
    for name, (before, script, aim) in KINDS.items():
        if options.only and options.only not in name:
            continue
        bare, recorded = [], []

        def timed(took: Path) -> list[str]:
            return [sys.executable, "-c", TIMER, str(took), sys.executable, "script.py"]

        for _ in range(options.runs + 1):
            bare.append(in_fresh_folder(timed, before, script))
            recorded.append(in_fresh_folder(lambda took: recorder + timed(took), before, script))
        row(name, bare[1:], recorded[1:], aim)
    bare = [in_fresh_folder(lambda _: ["true"]) for _ in range(options.runs)]
    recorded = [in_fresh_folder(lambda _: [*recorder, "true"]) for _ in range(options.runs)]
    print(f"{'true (the launcher itself)':38}{statistics.median(bare):9.3f}{statistics.median(recorded):12.3f}")


def row(name: str, bare: list[float], recorded: list[float], aim: float | None) -> None:
    """Print medians and the ratio pair by pair."""
    ratios = sorted(r / b for r, b in zip(recorded, bare, strict=True))
    print(
        f"{name:38}{statistics.median(bare):9.3f}{statistics.median(recorded):12.3f}"
        f"{statistics.median(ratios):8.3f}{ratios[0]:7.3f}{ratios[-1]:7.3f}{aim or '':>7}",
        flush=True,
    )


if __name__ == "__main__":
    main()
