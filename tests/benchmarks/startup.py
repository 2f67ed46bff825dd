"""How long ``wfprov --help`` takes; the promise is under 150 ms.

    python tests/benchmarks/startup.py

Prints the median of 15 runs after one that warms the disk cache, beside the same for bare Python.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 0.150
RUNS = 15


def seconds(command: list[str]) -> float:
    """Return the median time of ``command``."""
    times = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    bare = seconds([sys.executable, "-c", "pass"])
    help_text = seconds([str(Path(sys.executable).parent / "wfprov"), "--help"])
    print(f"python -c pass   {bare * 1000:6.1f} ms")
    print(f"wfprov --help    {help_text * 1000:6.1f} ms   (promised: {LIMIT * 1000:.0f} ms)")
    sys.exit(help_text > LIMIT)
