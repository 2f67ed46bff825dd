"""How long planning and verifying a crate takes, beside ``sha256sum`` over the same files.

Run as ``python tests/benchmarks/rerun.py [FILES] [FOLDER]``: makes crates of FILES files (10,000) of 4 kB and of
100 kB below FOLDER (a temporary one) and prints a table of the medians of rounds that alternate.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from provenance.crate.read import read
from provenance.rerun.crate_checks import verify_crate
from provenance.rerun.planning import make_plan
from provenance.rerun.records import Agreement, Fetched, Origin, Wish
from provenance.rerun.talk import Silence

ROUNDS = 5
WHERE = "/home/ada/run"


def make_crate(folder: Path, count: int, size: int) -> None:
    """Write a crate of a run that read ``count`` files of ``size`` bytes."""
    graph = [
        {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"}},
        {"@id": "./", "@type": "Dataset", "name": "many", "mainEntity": {"@id": "application_sources/main.py"}},
    ]
    names = [f"dataset/part-{number % 50}/file {number:05}.bin" for number in range(count)]
    objects = []
    for number, name in enumerate(["application_sources/main.py", *names]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = hashlib.sha256(str(number).encode()).digest() * (size // 32)
        path.write_bytes(content)
        identifier = name.replace(" ", "%20")
        is_source = number == 0
        graph.append(
            {
                "@id": identifier,
                "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"] if is_source else "File",
                "name": path.name,
                "alternateName": f"{WHERE}/{name.partition('/')[2]}",
                "contentSize": str(len(content)),
                "sha256": hashlib.sha256(content).hexdigest(),
                "dateModified": "2026-05-04T10:11:12.123+00:00",
                "encodingFormat": "application/octet-stream",
                "exampleOfWork": {"@id": "#param-input"},
            }
        )
        if not is_source:
            objects.append({"@id": identifier})
    graph[1]["hasPart"] = [{"@id": entity["@id"]} for entity in graph[2:]]
    graph[1]["mentions"] = {"@id": "#run-1"}
    graph.append(
        {
            "@id": "#run-1",
            "@type": "CreateAction",
            "name": "Run of many",
            "description": "python main.py",
            "instrument": {"@id": "application_sources/main.py"},
            "object": objects,
            "result": [],
            "location": f"file://host{WHERE}",
            "startTime": "2026-05-04T10:00:00Z",
            "endTime": "2026-05-04T10:01:00Z",
        }
    )
    document = {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}
    (folder / "ro-crate-metadata.json").write_text(json.dumps(document))


def sha256sum(folder: Path) -> None:
    """Let coreutils hash every file of the crate."""
    found = subprocess.run(["find", folder, "-type", "f", "-print0"], capture_output=True, check=True).stdout
    subprocess.run(["xargs", "-0", "sha256sum"], input=found, stdout=subprocess.DEVNULL, check=True)


def plan(folder: Path) -> None:
    """Plan, which verifies."""
    work = folder.parent / "work"
    made = make_plan(Fetched(Origin(str(folder), "folder"), folder), Wish(str(folder)), work, Silence())
    assert {check.agreement for check in made.checks} == {Agreement.SHA256}, made.checks[:3]


def main() -> None:
    """Make the crates, time, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as scratch:
        print(f"{count:,} files, {os.cpu_count()} processors, median of {ROUNDS} rounds, seconds (times sha256sum)")
        for size in (4096, 100_000):
            folder = Path(scratch, str(size), "crate")
            make_crate(folder, count, size)
            ways: dict[str, Callable[[], object]] = {
                "sha256sum": partial(sha256sum, folder),
                "read": partial(read, folder),
                "plan (reads, verifies)": partial(plan, folder),
                "verify_crate": partial(verify_crate, folder, None, Silence()),
            }
            times: dict[str, list[float]] = {name: [] for name in ways}
            for name in list(ways) * (ROUNDS + 1):  # the first round warms the cache
                started = time.perf_counter()
                ways[name]()
                times[name].append(time.perf_counter() - started)
            base = statistics.median(times["sha256sum"][1:])
            for name, found in times.items():
                middle = statistics.median(found[1:])
                print(f"{size:>8,} bytes  {name:<24}{middle:8.3f}  {middle / base:5.2f}")


if __name__ == "__main__":
    main()
