"""Packs a run equivalent to the published one of lysozyme, and writes what the two crates say, side by side.

    python scripts/compss_compared.py CRATE [FOLDER]

CRATE is the folder of the published crate; FOLDER, a temporary one by default, gets the runs and our crates of them.
Printed is Markdown: the tables of ``docs/explanation/compss-compared.md``. No name of a person is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from provenance.crate.validate import LEVELS, Issue, validate
from scripts.lysozyme_run import lay_out

Entity = dict[str, Any]
VERSIONS = ("3.3.1", "3.4")
WFPROV = str(Path(sys.executable).with_name("wfprov"))
COMPLETED = "http://schema.org/CompletedActionStatus"


class Crate:
    """A crate's metadata, to be counted."""

    def __init__(self, path: Path):
        """Read the metadata of the crate in the folder `path`."""
        self.metadata = path / "ro-crate-metadata.json"
        self.path = path
        entities = json.loads(self.metadata.read_text(encoding="utf-8"))["@graph"]
        self.graph: dict[str, Entity] = {one["@id"]: one for one in entities}
        self.root = self.graph["./"]
        self.main = self.graph[self.root["mainEntity"]["@id"]]
        of_main = [one for one in self.of("CreateAction") if ids(one, "instrument") == [self.main["@id"]]]
        self.run = of_main[0]

    def of(self, *types: str) -> list[Entity]:
        """Entities that have one of the types."""
        return [one for one in self.graph.values() if set(types) & set(listed(one["@type"]))]

    def refs(self, entity: Entity, key: str) -> list[Entity]:
        """The entities that a property refers to, those that are described."""
        return [self.graph[one] for one in ids(entity, key) if one in self.graph]

    @cached_property
    def issues(self) -> tuple[Issue, ...]:
        """What the validator finds up to the recommended level; it takes seconds."""
        return validate(self.metadata, level="recommended").issues

    @property
    def data(self) -> list[Entity]:
        """Files that the run read or wrote."""
        found = {one["@id"]: one for key in ("object", "result") for one in self.refs(self.run, key)}
        return [one for one in found.values() if "File" in listed(one["@type"])]

    @property
    def tasks(self) -> list[Entity]:
        """Actions of single tasks."""
        return [one for one in self.of("CreateAction") if one is not self.run]

    @property
    def methods(self) -> list[Entity]:
        """What tasks execute."""
        found = {name: self.graph[name] for one in self.tasks for name in ids(one, "instrument")}
        return list(found.values())


def listed(value: Any) -> list[Any]:
    """A value of JSON-LD as the list that it stands for."""
    return value if isinstance(value, list) else [] if value is None else [value]


def ids(entity: Entity, key: str) -> list[str]:
    """The identifiers that a property refers to."""
    return [one["@id"] for one in listed(entity.get(key)) if isinstance(one, dict) and "@id" in one]


def with_(entities: Iterable[Entity], key: str) -> str:
    """How many of the entities have a property."""
    every = list(entities)
    have = sum(key in one for one in every)
    return f"{have} of {len(every)}" if every else "-"


def _seconds(run: Entity) -> str:
    from datetime import datetime

    if "startTime" not in run or "endTime" not in run:
        return "-"
    start, end = (datetime.fromisoformat(run[key].replace("Z", "+00:00")) for key in ("startTime", "endTime"))
    return f"{(end - start).total_seconds():.3f}".rstrip("0").rstrip(".") + " s"


def _status(actions: list[Entity]) -> str:
    counts = Counter(
        str(ids(one, "actionStatus")[0] if ids(one, "actionStatus") else one.get("actionStatus")) for one in actions
    )
    names = {COMPLETED: "completed", "None": "not said"}
    return ", ".join(f"{n} {names.get(name, name.rpartition('/')[2])}" for name, n in counts.items()) or "-"


def _people(crate: Crate) -> str:
    people = crate.of("Person")
    told = sum("affiliation" in one for one in people)
    return f"{len(people)}, {told} with institution"


def _license(crate: Crate) -> str:
    return "an entity" if ids(crate.root, "license") else "a text" if "license" in crate.root else "-"


def _sum(crate: Crate, entities: Iterable[Entity]) -> str:
    return f"{sum(int(one.get('contentSize', 0)) for one in entities):,}"


def _arguments(crate: Crate) -> list[Entity]:
    """Values and folders that the command line named."""
    named = {"PropertyValue", "Dataset"}
    return [
        one for one in crate.refs(crate.run, "object") if "exampleOfWork" in one and named & set(listed(one["@type"]))
    ]


# Row -> what a crate has of it. All of it is counted in the metadata.
ROWS: dict[str, Callable[[Crate], str]] = {
    "entities": lambda c: str(len(c.graph)),
    "**Files**: read by the run": lambda c: str(sum("File" in listed(one["@type"]) for one in c.refs(c.run, "object"))),
    "written by the run": lambda c: str(sum("File" in listed(one["@type"]) for one in c.refs(c.run, "result"))),
    "bytes of these": lambda c: _sum(c, c.data),
    "with a SHA-256": lambda c: with_(c.data, "sha256"),
    "with the date of the last change": lambda c: with_(c.data, "dateModified"),
    "with a media type": lambda c: with_(c.data, "encodingFormat"),
    "with the path that it had at the run": lambda c: with_(c.data, "alternateName"),
    "tied to a parameter of the workflow": lambda c: with_(c.data, "exampleOfWork"),
    "**Sources**: files": lambda c: str(sum(one.startswith("application_sources/") for one in c.graph)),
    "with a SHA-256 ": lambda c: with_(
        (e for n, e in c.graph.items() if n.startswith("application_sources/")), "sha256"
    ),
    "**The run**: status": lambda c: _status([c.run]),
    "from start to end": lambda c: _seconds(c.run),
    "result lists the crate itself": lambda c: "yes" if "./" in ids(c.run, "result") else "no",
    "arguments of the application, each by itself": lambda c: str(len(_arguments(c))),
    "options of COMPSs as values": lambda c: str(sum(name.startswith("#engine-argument") for name in c.graph)),
    "properties of its environment": lambda c: str(len(ids(c.run, "environment"))),
    "measured quantities": lambda c: str(len(ids(c.run, "resourceUsage"))),
    "**Tasks**: actions": lambda c: str(len(c.tasks)),
    "their status": lambda c: _status(c.tasks),
    "with start and end": lambda c: with_((one for one in c.tasks if "startTime" in one), "endTime"),
    "on another node than the master": lambda c: with_(c.tasks, "location"),
    "methods": lambda c: str(len(c.methods)) if c.tasks else "-",
    "steps of the workflow": lambda c: str(len(c.of("HowToStep"))) if c.tasks else "-",
    "formal parameters": lambda c: str(len(c.of("FormalParameter"))),
    "connections between parameters": lambda c: str(len(c.of("ParameterConnection"))),
    "**Who**: persons": _people,
    "agent of the run": lambda c: "yes" if ids(c.run, "agent") else "-",
    "license": _license,
    "**For people**: README": lambda c: "yes" if "README.md" in c.graph else "-",
    "preview page": lambda c: "yes" if "ro-crate-preview.html" in c.graph else "-",
    "diagram": lambda c: "yes" if ids(c.main, "image") else "-",
}


def compare(published: Path, folder: Path) -> str:
    """Make the runs and our crates of them in `folder`, and return the tables."""
    crates = {"published": Crate(published)}
    for version in VERSIONS:
        place = folder / f"run-{version}"
        run = lay_out(published, place, version)
        target = folder / f"crate-{version}"
        command = [WFPROV, "pack", "--compss", str(run.log_folder), "--workdir", str(run.work_folder)]
        command += ["--info", str(run.work_folder / "FULL.yaml"), "-o", str(target), "--quiet"]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        crates[version] = Crate(target)
    lines = ["| | published | ours, from a 3.3.1 run | ours, from a 3.4 run |", "|---|---|---|---|"]
    lines += [_row(what.strip(), [of(one) for one in crates.values()]) for what, of in ROWS.items()]
    for level in ("required", "recommended"):
        found = [_findings(one, level) for one in crates.values()]
        lines.append(_row(f"**Validator**: findings, level {level}", found))
    lines += ["", "Files that both name, with the size that both give:", "", *_same_files(crates)]
    lines += ["", "What the validator finds in the published one, level recommended:", ""]
    lines += _kinds_of_findings(crates["published"])
    return "\n".join(lines) + "\n"


def _row(what: str, cells: list[str]) -> str:
    return f"| {what} | {' | '.join(cells)} |"


def _findings(crate: Crate, level: str) -> str:
    """How many findings, and of how many kinds; of the metadata alone, since the published data are elsewhere."""
    issues = [one for one in crate.issues if LEVELS.index(one.level) <= LEVELS.index(level)]
    kinds = len({one.check for one in issues})
    return f"{len(issues)} of {kinds} kinds" if issues else "none"


def _kinds_of_findings(crate: Crate) -> list[str]:
    counts = Counter((one.level, one.check) for one in crate.issues)
    return ["| level | check | entities |", "|---|---|---|"] + [
        f"| {level} | {check} | {n} |" for (level, check), n in sorted(counts.items(), key=lambda each: each[0])[::-1]
    ]


def _same_files(crates: dict[str, Crate]) -> list[str]:
    """Files by their names below the working folder, and whether their sizes agree."""
    theirs = {_inside(one): int(one["contentSize"]) for one in crates["published"].data}
    rows = ["| | files of both | same size | only published | only ours |", "|---|---|---|---|---|"]
    for version in VERSIONS:
        ours = {_inside(one): int(one.get("contentSize", -1)) for one in crates[version].data}
        both = theirs.keys() & ours.keys()
        same = sum(theirs[name] == ours[name] for name in both)
        rows.append(f"| {version} | {len(both)} | {same} | {len(theirs.keys() - both)} | {len(ours.keys() - both)} |")
    return rows


def _inside(entity: Entity) -> str:
    name: str = entity["@id"]
    return name.removeprefix("dataset/").removeprefix("lysozyme_in_water/")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crate", type=Path)
    parser.add_argument("folder", type=Path, nargs="?")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wfprov-compared-") as name:
        folder = args.folder.absolute() if args.folder else Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        print(compare(args.crate.absolute(), folder), end="")


if __name__ == "__main__":
    main()
