"""Time and memory of ``wfprov pack --compss`` against the plain rocrate way, in turn, on the same run directory.

    python tests/benchmarks/compss.py --make MAKE_RUN --peer PEER [-n 10000] [--rounds 5] [--keep FOLDER]

MAKE_RUN writes a COMPSs run directory with n files and n/2 tasks; PEER packs it with rocrate, one entity a file,
without hashes or tasks. Ours packs it with a SHA-256 of every file and an action for every task; and once more without
either, as ``--checksums none`` and ``provenance_run: False`` ask for. Whole processes are timed, imports and all; the
memory is the most that a process and its children had at one time, sampled. Medians are printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

WFPROV = str(Path(sys.executable).with_name("wfprov"))
KINDS = (  # what, our options, those of the peer, whether ours tells the tasks, the aims: time, memory
    ("referenced, hashes and tasks", ["--data", "reference"], [], True, (2.5, 1.5)),
    ("copied, hashes and tasks", ["--data", "copy"], ["--persist"], True, (2.5, 1.5)),
    ("referenced, neither", ["--data", "reference", "--checksums", "none"], [], False, (1.0, 1.5)),
    ("copied, neither", ["--data", "copy", "--checksums", "none"], ["--persist"], False, (1.0, 1.5)),
)
_SAMPLES = 0.01  # seconds between looks at the memory


class Memory(threading.Thread):
    """The most proportional memory (shared pages counted once) of a process and its children, in MB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self.most = 0.0

    def run(self) -> None:
        while not self._ended.wait(_SAMPLES):
            family = _family(self._pid)
            if len(family) > 1:  # alone, the kernel's own record tells more exactly
                self.most = max(self.most, sum(_share(pid) for pid in family))

    def end(self) -> float:
        self._ended.set()
        self.join()
        return self.most


def _family(pid: int) -> list[int]:
    found = [pid]
    try:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += _family(int(child))
    except OSError:
        pass  # it ended meanwhile
    return found


def _share(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of a command and its children."""
    os.sync()
    before = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        memory = Memory(process.pid)
        memory.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - before
        together = memory.end()
        if status:
            said.seek(0)
            sys.exit(said.read().decode())
    return seconds, max(used.ru_maxrss / 1024, together)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", type=Path, required=True)
    parser.add_argument("--peer", type=Path, required=True)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--version", default="3.4")
    parser.add_argument("--kinds", type=int, nargs="*", default=list(range(len(KINDS))), help="numbers from 0 on")
    args = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="wfprov-benchmark-"))
    run = base / "run"
    make = [sys.executable, str(args.make), str(run), "--case", "map", "--version", args.version, "-n", str(args.n)]
    subprocess.run([*make, "--no-svg"], check=True, stdout=subprocess.DEVNULL)
    log = next((run / "dotCOMPSs").iterdir())
    whole_only = base / "whole-only.yaml"
    info = (run / "work/ro-crate-info.yaml").read_text()
    whole_only.write_text(info.replace("  data_persistence:", "  provenance_run: False\n  data_persistence:"))
    print(f"COMPSs {args.version}, {args.n} files, {args.n // 2} tasks, {args.rounds} rounds")
    print(f"{'':<30}{'seconds':>9}{'peer':>8}{'ratio':>8}{'aim':>6}{'MB':>8}{'peer':>7}{'ratio':>7}{'aim':>6}")
    for kind in args.kinds:
        what, options, peer_options, has_tasks, aims = KINDS[kind]
        more = [] if has_tasks else ["--info", str(whole_only)]
        ours, theirs = [], []
        # Removed at the end only: the first who writes after a large removal pays for it on some file systems.
        for number in range(args.rounds):
            target, other = str(base / f"own{kind}-{number}"), str(base / f"peer{kind}-{number}")
            command = [WFPROV, "pack", "--compss", str(log), "--quiet", "-o", target, *options, *more]
            ours.append(timed(command))
            theirs.append(timed([sys.executable, str(args.peer), str(run), other, *peer_options]))
        row(what, ours, theirs, aims)
    shutil.rmtree(base)


def row(
    what: str, ours: list[tuple[float, float]], theirs: list[tuple[float, float]], aims: tuple[float, float]
) -> None:
    """Print the medians of one kind."""
    text = f"{what:<30}"
    for index, width in ((0, "9.2f"), (1, "8.0f")):
        own, other = (statistics.median(one[index] for one in found) for found in (ours, theirs))
        ratio = statistics.median(mine[index] / its[index] for mine, its in zip(ours, theirs, strict=True))
        text += f"{own:>{width}}{other:>{'8.2f' if index == 0 else '7.0f'}}"
        text += f"{ratio:>{8 if index == 0 else 7}.2f}{aims[index]:>6.1f}"
    print(text, flush=True)


if __name__ == "__main__":
    main()
