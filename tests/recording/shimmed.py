"""Runs programs under the shim alone, without the launcher, and reads what it wrote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[2] / "provenance" / "recording" / "shim.c"
PROGRAMS = Path(__file__).resolve().parent / "programs"
COMPILER = shutil.which("cc") or shutil.which("gcc")


def compile_shim(target: Path) -> Path:
    """Build the shim as the installer does, with warnings as errors."""
    flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    flags += ["-fvisibility=hidden", "-ftls-model=initial-exec"]
    subprocess.run([str(COMPILER), *flags, "-o", str(target), str(SOURCE), "-ldl", "-lpthread"], check=True)
    return target


@dataclass
class Watched:
    """A finished program and its journal."""

    done: subprocess.CompletedProcess[bytes]
    journal: Path
    work: Path

    @property
    def events(self) -> list[dict[str, Any]]:
        found = []
        for path in sorted(self.journal.glob("*.jsonl")):
            for line in path.read_bytes().replace(b"\0", b"\n").split(b"\n"):
                if line.strip():
                    found.append(json.loads(line.decode("utf-8", "surrogateescape")))
        return sorted(found, key=lambda event: event["t"])

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["e"] in kinds]

    def paths(self, *kinds: str) -> set[str]:
        """Paths below the working folder that events of these kinds name, relative to it."""
        below = str(self.work) + "/"
        found = {event["p"] for event in self.of(*kinds)}
        return {path[len(below) :] for path in found if path.startswith(below)}


def watch(
    shim: Path,
    place: Path,
    command: Sequence[str],
    env: dict[str, str] | None = None,
    save_limit: int = 10_000_000,
    **more: Any,
) -> Watched:
    journal, work = place / "journal", place / "work"
    journal.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "WFPROV_JOURNAL": str(journal),
        "WFPROV_SHIM": str(shim),
        "WFPROV_START": str(time.time_ns()),
        "WFPROV_SAVE_LIMIT": str(save_limit),
        "WFPROV_PARENT": "",
        "LD_PRELOAD": str(shim),
        **(env or {}),
    }
    more.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, timeout=60, check=False, **more)
    return Watched(done, journal, work)
