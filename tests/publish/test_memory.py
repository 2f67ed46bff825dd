"""What a large crate takes: memory does not grow with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

_MB = 200


@pytest.mark.parametrize("options", [[], ["--zip"]], ids=["folder", "zip"])
def test_memory_stays_below_100_mb(tmp_path: Path, options: list[str]) -> None:
    """Measured from a small process: what is started by a large one counts as large as that at first."""
    if shutil.disk_usage(tmp_path).free < 10_000_000_000:
        pytest.skip("less than 10 GB free")
    benchmark: list[str | Path] = [
        sys.executable,
        PROJECT / "tests/benchmarks/publish.py",
        "--size",
        str(_MB),
        "--json",
        *options,
    ]
    shown = subprocess.run(benchmark, capture_output=True, text=True, check=True, timeout=300)
    done = json.loads(shown.stdout)
    assert done["status"] == 0, done["told"]
    assert "the crate is large" in done["told"]
    assert "warning" not in done["told"]
    assert done["peak"] < 100
