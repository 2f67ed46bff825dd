"""What ``@provenance.task`` costs: microseconds a call beyond the function itself.

Run it: ``python tests/benchmarks/tasks.py``. Each figure is the best of several rounds in a process of its own:
nothing recording, through the shim, and through a journal file without the shim.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIM = ROOT / "provenance" / "recording" / "_shim.abi3.so"
ROUNDS = 7


def measure(calls: int) -> dict[str, float]:
    import provenance

    def nothing(a, b):
        return None

    def number(a, b):
        return a * 1.0001

    def path_and_text(path, text):
        return None

    arguments = {
        "two numbers": (nothing, (1, 2.5)),
        "a number returned": (number, (1.5, 2)),
        "a path and a text": (path_and_text, (__file__, "some text")),
        "a long name": (path_and_text, ("/data/results/simulation_results_0001.csv", 1)),
    }
    found = {}
    for what, (function, given) in arguments.items():
        decorated = provenance.task(function)
        decorated(*given)
        rounds = []
        for _ in range(ROUNDS):
            spans = []
            for each in (function, decorated):
                start = time.perf_counter()
                for _ in range(calls):
                    each(*given)
                spans.append(time.perf_counter() - start)
            rounds.append((spans[1] - spans[0]) / calls * 1e6)
        found[what] = min(rounds)
    return found


def in_own_process(calls: int, **variables: str) -> dict[str, float]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([sys.executable, __file__, str(calls)], env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main() -> None:
    with tempfile.TemporaryDirectory() as journal:
        ways = {"nothing records": in_own_process(200_000)}
        ways["no shim"] = in_own_process(5_000, WFPROV_JOURNAL=journal)
        if SHIM.exists():
            recorded = {"WFPROV_JOURNAL": journal, "WFPROV_SHIM": str(SHIM), "LD_PRELOAD": str(SHIM)}
            ways["shim"] = in_own_process(20_000, **recorded)
    for way, found in ways.items():
        print(f"{way:16}", *(f"{what}: {cost:6.2f} us" for what, cost in found.items()), sep="  ")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        json.dump(measure(int(sys.argv[1])), sys.stdout)
    else:
        main()
