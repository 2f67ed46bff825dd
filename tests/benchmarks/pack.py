"""Time and memory of packing against the plain rocrate way, in turn, in one run, on the same files
and tasks.

    python tests/benchmarks/pack.py --make MAKE_RUN --peer PEER [-n 10000] [-r 5] [--large 100000]

MAKE_RUN writes a COMPSs run directory with n files and n/2 tasks, PEER packs it with rocrate, one
entity a file, without hashes or tasks. wfprov packs a Run with the same files and tasks, with
SHA-256 of every file and an action for every task. Whole processes are timed, imports included;
medians are printed.
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

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]


def run_of(folder: Path, log_name: str = "dataprovenance.log"):
    """The Run that the run directory holds: each task reads one file and writes one."""
    from provenance.run.model import Data, Role, Run, Software, Status, Task, Tool, Value

    log = next((folder / "dotCOMPSs").glob(f"*/{log_name}"))
    paths: dict[str, dict[str, None]] = {"IN": {}, "OUT": {}}
    for line in log.read_text().splitlines():
        start, _, direction = line.rpartition(" ")
        if direction in paths and "://" in start:
            paths[direction]["/" + start.split("://", 1)[1].split("/", 1)[1]] = None
    work = folder / "work"
    data, tasks, edges = [], [], []
    for number, (source, target) in enumerate(zip(paths["IN"], paths["OUT"], strict=False)):
        for path, role in ((source, Role.INPUT), (target, Role.OUTPUT)):
            now = os.stat(path)
            data.append(Data(path, path, role, size=now.st_size, mtime_ns=now.st_mtime_ns, content=path))
        begin = 1_763_800_000_000_000_000 + number * 1_000_000
        arguments = (Value("n", number, "int"), Value("source", source, "str", data_key=source))
        tasks.append(
            Task(
                f"t{number}",
                "f",
                Status.COMPLETED,
                begin,
                begin + 10**6,
                (source,),
                (target,),
                arguments,
            )
        )
    for path in sorted((work / "src").rglob("*.py")):
        data.append(Data(str(path), str(path), Role.SOURCE, size=path.stat().st_size, content=str(path)))
    main = data[-1].key
    return Run(
        id="benchmark",
        name="benchmark",
        status=Status.COMPLETED,
        command=("python", main),
        cwd=str(work),
        project=str(work),
        host="host",
        user="user",
        start=tasks[0].start,
        end=tasks[-1].end,
        exit_code=0,
        main=main,
        language=Software("Python", "3.11"),
        engine=Software("wfprov", "0"),
        tools=(Tool("f", "map", "function", main, main),),
        tasks=tuple(tasks),
        edges=tuple(edges),
        data=tuple(data),
        inputs=tuple(paths["IN"]),
        outputs=tuple(paths["OUT"]),
    )


def pack(folder: Path, target: Path, mode: str) -> None:
    """What the child process does."""
    from provenance.crate.settings import DataMode, PackSettings
    from provenance.crate.write import write

    report = write(run_of(folder), target, PackSettings(data=DataMode(mode), as_zip=target.suffix == ".zip"))
    print(report, file=sys.stderr)


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of a command."""
    os.sync()
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
    error = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - before
    if status:
        sys.exit(error.decode())
    return seconds, used.ru_maxrss / 1024


def write_some(base: Path) -> None:
    """Pay for the removal before the next measurement."""
    with tempfile.TemporaryDirectory(dir=base) as folder:
        for number in range(2000):
            (Path(folder) / str(number)).write_bytes(b"x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--peer", type=Path)
    parser.add_argument("-n", type=int, default=10_000)
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("--large", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--child", nargs=3, metavar=("RUN", "TARGET", "MODE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        pack(Path(args.child[0]), Path(args.child[1]), args.child[2])
        return
    base = args.folder or Path(tempfile.mkdtemp(prefix="wfprov-benchmark-"))
    print(f"{'files':>7} {'what':<28} {'seconds':>8} {'peer':>8} {'ratio':>6} {'MB':>6} {'peer':>6}")
    for files, rounds in ((args.n, args.rounds), (args.large, 1)):
        if not files:
            continue
        run = base / f"run-{files}"
        if not run.exists():
            subprocess.run(
                [
                    sys.executable,
                    args.make,
                    run,
                    "--case",
                    "map",
                    "--version",
                    "3.4",
                    "-n",
                    str(files),
                    "--no-svg",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
        for what, mode, ending, options in (
            ("referenced and hashed", "reference", "", []),
            ("copied and hashed", "copy", "", ["--persist"]),
            ("copied and hashed, zip", "copy", ".zip", ["--persist"]),
        ):
            ours, theirs = [], []
            # Removed at the end only: the first who writes after a large removal pays for it on
            # some file systems.
            kept = Path(tempfile.mkdtemp(prefix="crates-", dir=base))
            for number in range(rounds):
                own, peer = kept / f"own-{number}{ending}", kept / f"peer-{number}{ending}"
                ours.append(timed([sys.executable, str(HERE), "--child", str(run), str(own), mode]))
                theirs.append(timed([sys.executable, str(args.peer), str(run), str(peer), *options]))
            seconds, peer_seconds = (statistics.median(row[0] for row in rows) for rows in (ours, theirs))
            memory, peer_memory = (max(row[1] for row in rows) for rows in (ours, theirs))
            print(
                f"{files:>7} {what:<28} {seconds:>8.2f} {peer_seconds:>8.2f} {seconds / peer_seconds:>6.2f}"
                f" {memory:>6.0f} {peer_memory:>6.0f}",
                flush=True,
            )
            shutil.rmtree(kept)
            os.sync()
            write_some(base)


if __name__ == "__main__":
    main()
