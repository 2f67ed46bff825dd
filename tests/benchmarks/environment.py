"""What describing the surroundings costs a run, and what examining them costs at packing.

    python tests/benchmarks/environment.py [--packages 300] [--runs 9]

In a virtual environment with that many distributions, ``true`` and ``python -c pass`` run bare and recorded, in turn.
The start is the time until the command's own first look at the clock (or, for ``true``, until its process is there),
the end that from its last one until the prompt is back; beside each stands what is promised. Then the run of the
interpreter is packed, with and without having been examined before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WFPROV = str(Path(sys.executable).with_name("wfprov"))
START_LIMIT, END_LIMIT = 0.25, 0.5  # seconds
CLOCK = "import sys,time; open(sys.argv[1], 'a').write(f'{time.time()}\\n')"


def make_environment(place: Path, packages: int) -> Path:
    """Make a virtual environment with distributions of nothing; return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (site,) = place.glob("lib/python3*/site-packages")
    for number in range(packages):
        info = site / f"part_{number}-{number}.0.dist-info"
        info.mkdir()
        head = f"Metadata-Version: 2.1\nName: part-{number}\nVersion: {number}.0\nLicense: MIT\n"
        (info / "METADATA").write_text(head + "\nA description.\n" * 50)
        (info / "INSTALLER").write_text("pip\n")
        (info / "RECORD").write_text(f"part_{number}.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
        (site / f"part_{number}.py").write_text("x = 1\n")
    return place / "bin" / "python"


def timed(command: list[str], folder: Path, clock: Path) -> tuple[float, float]:
    """Return the seconds before the command began and after it ended, as it wrote them down itself."""
    clock.unlink(missing_ok=True)
    began = time.time()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended = time.time()
    first, *_, last = map(float, clock.read_text().split())
    return first - began, ended - last


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=int, default=300)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    os.environ.pop("WFPROV_JOURNAL", None)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        base = Path(name)
        interpreter = make_environment(base / "environment", options.packages)
        clock, folder = base / "clock", base / "work"
        folder.mkdir()
        subprocess.run(["git", "init", "-q", str(folder)], check=False)
        (folder / "script.py").write_text("print(1)\n")
        date = 'date +%s.%N >> "$0"; true; date +%s.%N >> "$0"'
        kinds = {
            "true": ["sh", "-c", date, str(clock)],
            "python -c pass": [str(interpreter), "-c", CLOCK + ";" + CLOCK, str(clock)],
        }
        print(f"{options.packages} packages{'':9}{'bare s':>9}{'recorded s':>12}{'cost':>8}{'promised':>10}")
        for what, command in kinds.items():
            pairs = []
            for _ in range(options.runs + 1):
                bare = timed(command, folder, clock)
                pairs.append((bare, timed([WFPROV, "run", "--quiet", "--", *command], folder, clock)))
            for place, (which, limit) in enumerate((("start", START_LIMIT), ("end", END_LIMIT))):
                plain, recorded = (statistics.median(pair[side][place] for pair in pairs[1:]) for side in (0, 1))
                row(f"{what}: {which}", plain, recorded, limit)
        script = [str(interpreter), "-c", "import part_1, part_2"]
        packs = [pack(folder, base / f"crate{number}", script) for number in range(3)]
        for which, column in (("first time", 0), ("again", 1)):
            print(f"{'pack, ' + which:22}{'':9}{statistics.median(seconds[column] for seconds in packs):12.3f}")


def pack(folder: Path, target: Path, command: list[str]) -> tuple[float, float]:
    """Record a command, then pack it twice; the second time what was found out before is at hand."""
    subprocess.run([WFPROV, "run", "--quiet", "--", *command], cwd=folder, check=True)
    seconds = []
    for number in range(2):
        start = time.perf_counter()
        subprocess.run(
            [WFPROV, "pack", "--quiet", "-o", f"{target}-{number}"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        seconds.append(time.perf_counter() - start)
    return seconds[0], seconds[1]


def row(what: str, bare: float, recorded: float, limit: float) -> None:
    """Print one line."""
    print(f"{what:22}{bare:9.3f}{recorded:12.3f}{recorded - bare:8.3f}{limit:10.2f}", flush=True)


if __name__ == "__main__":
    main()
