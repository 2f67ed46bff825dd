"""Packs a COMPSs run with the real command and reads the crate back, by the paths that the files had at the run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from provenance.crate.read import read
from provenance.run.model import Data, Run, Task
from tests.conftest import Wfprov


@dataclass(frozen=True)
class Packed:
    """A crate and what it says."""

    crate: Path
    report: dict[str, Any]  # of the command, as JSON

    @cached_property
    def graph(self) -> dict[str, dict[str, Any]]:
        found = json.loads((self.crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
        return {entity["@id"]: entity for entity in found}

    @cached_property
    def run(self) -> Run:
        return read(self.crate)

    @cached_property
    def data(self) -> dict[str, Data]:
        return {one.key: one for one in self.run.data}

    def original(self, key: str) -> str:
        """The absolute path that a file had at the run."""
        told = self.graph[key].get("alternateName") or key
        name: str = told[0] if isinstance(told, list) else told  # further ones are links to it
        if name.startswith("file://"):
            name = unquote(name[7:], errors="surrogateescape")
            return name[name.index("/") :]
        return name

    def originals(self, keys: tuple[str, ...]) -> set[str]:
        return {self.original(key) for key in keys}

    def states(self, path: str) -> list[dict[str, Any]]:
        """The entities of all states of a file."""
        return [
            one
            for one in self.graph.values()
            if "File" in types(one) and "alternateName" in one and self.original(one["@id"]) == path
        ]

    @property
    def action(self) -> dict[str, Any]:
        """The action of the run as a whole."""
        main = self.graph["./"]["mainEntity"]["@id"]
        (found,) = [
            one
            for one in self.graph.values()
            if "CreateAction" in types(one) and one.get("instrument", {}).get("@id") == main
        ]
        return found

    @property
    def tasks(self) -> list[Task]:
        return list(self.run.tasks)


def types(entity: dict[str, Any]) -> list[str]:
    found = entity["@type"]
    return found if isinstance(found, list) else [found]


def pack(wfprov: Wfprov, log_folder: Path, crate: Path, *options: str | Path) -> Packed:
    """``wfprov pack --compss``, from a folder of its own: nothing may depend on the current one."""
    elsewhere = crate.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    done = wfprov("pack", "--compss", log_folder, "-o", crate, "--json", *options, cwd=elsewhere)
    return Packed(crate, json.loads(done.stdout))


def sha256(path: str | Path) -> str:
    with open(path, "rb") as file:  # noqa: PTH123
        return hashlib.sha256(file.read()).hexdigest()


def as_told(start: int | None, end: int | None) -> tuple[int | None, int | None]:
    """Times as a crate has them: the run profiles want milliseconds, the duration beside them is exact."""
    told = None if start is None else start // 1_000_000 * 1_000_000
    return told, None if start is None or end is None or told is None else told + end - start
