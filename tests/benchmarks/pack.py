"""Time and memory of ``wfprov pack`` against the plain rocrate way, in turn, in one run, on as many files.

    python tests/benchmarks/pack.py --make MAKE_RUN --peer PEER [-n 10000] [--rounds 5]

MAKE_RUN writes a COMPSs run directory with n files and n/2 tasks; PEER packs it with rocrate, one entity a file,
without hashes or tasks. wfprov packs a recorded run of the same size, from its journal, with a SHA-256 of every file
and an action for every task. Whole processes are timed, imports and all; medians are printed. Without --peer, ours
alone.
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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.synthetic_journal import write_journal

WFPROV = str(Path(sys.executable).with_name("wfprov"))
KINDS = (
    ("referenced and hashed", ["--data", "reference"], "", []),
    ("copied and hashed", ["--data", "copy"], "", ["--persist"]),
    ("copied and hashed, zip", ["--data", "copy", "--zip"], ".crate.zip", ["--persist"]),
)


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of a command."""
    os.sync()
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    error = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    if status:
        sys.exit(error.decode())
    return seconds, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="wfprov-benchmark-"))
    recorded = write_journal(base / ".wfprov", args.n, args.n // 2, base / "data")
    if args.peer:
        make = [sys.executable, str(args.make), str(base / "compss"), "--case", "map", "--version", "3.4"]
        subprocess.run([*make, "-n", str(args.n), "--no-svg"], check=True, stdout=subprocess.DEVNULL)
    print(f"{args.n} files, {args.n // 2} tasks")
    print(f"{'':<26}{'seconds':>9}{'peer':>8}{'ratio':>8}{'MB':>7}{'peer':>7}")
    for what, options, ending, peer_options in KINDS:
        ours, theirs = [], []
        # Removed at the end only: the first who writes after a large removal pays for it on some file systems.
        for number in range(args.rounds):
            target = base / f"own{options[-1]}{number}{ending}"
            ours.append(timed([WFPROV, "pack", "--quiet", str(recorded), "-o", str(target), *options]))
            if args.peer:
                other = str(base / f"peer{options[-1]}{number}")
                theirs.append(timed([sys.executable, str(args.peer), str(base / "compss"), other, *peer_options]))
        row(what, ours, theirs)
    shutil.rmtree(base)


def row(what: str, ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> None:
    """Print the medians of one kind."""
    text = f"{what:<26}{statistics.median(one[0] for one in ours):>9.2f}"
    if theirs:
        ratio = statistics.median(own[0] / other[0] for own, other in zip(ours, theirs, strict=True))
        text += f"{statistics.median(one[0] for one in theirs):>8.2f}{ratio:>8.2f}"
    else:
        text += f"{'':>16}"
    text += f"{max(one[1] for one in ours):>7.0f}"
    text += f"{max(one[1] for one in theirs):>7.0f}" if theirs else ""
    print(text, flush=True)


if __name__ == "__main__":
    main()
