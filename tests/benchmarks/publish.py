"""Time and peak memory of ``wfprov publish`` for a large crate, on the sandbox, which runs in another process.

    python tests/benchmarks/publish.py [--size 2000] [--zip]

SIZE is in MB of data that can't be compressed. Needs about four times that on the disk of the temporary folder. The
whole command is measured: pre-flight with validation, zip, upload, download, comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.publish.crates import entity, metadata, write_crate, zipped

WFPROV = str(Path(sys.executable).with_name("wfprov"))


@dataclass(frozen=True)
class Measured:
    """What a command took."""

    status: int
    seconds: float
    peak: float  # MB, of the largest of its processes; the validator is one of its own
    told: str


def large_crate(folder: Path, megabytes: int) -> Path:
    """A crate with one file of random bytes."""
    document = metadata()
    document["@graph"].append({"@id": "data/noise.bin", "@type": "File", "name": "noise"})
    entity(document, "./")["hasPart"].append({"@id": "data/noise.bin"})
    crate = write_crate(folder / "crate", document)
    with (crate / "data/noise.bin").open("wb") as stream:
        for _ in range(megabytes):
            stream.write(os.urandom(1_000_000))
    return crate


def measured(crate: Path, folder: Path, *options: str) -> Measured:
    """Publish a crate on a fresh sandbox."""
    server = subprocess.Popen([WFPROV, "sandbox", "--json", "--data", folder / "kept"], stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        address = json.loads(server.stdout.readline())
        environment = {**os.environ, "WORKFLOWHUB_TOKEN": address["token"]}
        command = [WFPROV, "publish", str(crate), "--to", address["address"], "--yes", *options]
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        told = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        return Measured(os.waitstatus_to_exitcode(status), seconds, used.ru_maxrss / 1024, told)
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--zip", action="store_true")
    parser.add_argument("--json", action="store_true", help="print what was measured as JSON")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wfprov-benchmark-"))
    try:
        if shutil.disk_usage(folder).free < 5 * arguments.size * 1_000_000:
            sys.exit(f"{folder}: less than {5 * arguments.size} MB are free")
        crate = large_crate(folder, arguments.size)
        done = measured(zipped(crate) if arguments.zip else crate, folder)
        if arguments.json:
            print(json.dumps(asdict(done)))
            return
        print(done.told)
        print(f"{arguments.size} MB: {done.seconds:.0f} s, peak {done.peak:.0f} MB, exit status {done.status}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
