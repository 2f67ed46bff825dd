"""Runs of CWL workflows, by whatever engine: executed again with cwltool.

Comes in: the Run of a crate whose main entity is a CWL workflow or tool, and the crate's metadata. Goes out: a
:class:`~.recipe.Recipe`. Crates of CWL runs keep files under names of their own (often a digest), so they are laid out
anew: the workflow as it lies in the crate, inputs under the names that they had, and a job order made of the formal
parameters and the values that the run had for them (:mod:`.cwl_inputs`).
"""

from __future__ import annotations

import json
import posixpath
import shutil
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from provenance.crate import read_actions
from provenance.crate.graph import Graph
from provenance.crate.source import open_crate
from provenance.rerun.engines.cwl_inputs import Inputs
from provenance.rerun.engines.recipe import Recipe
from provenance.run.model import Data, Role, Run

ROOT = "/recorded"  # stands for the fresh folder: no crate of a CWL run tells where it took place
_WORKFLOW, _INPUTS, _RESULTS = f"{ROOT}/workflow", f"{ROOT}/inputs", f"{ROOT}/results"
_JOB = f"{ROOT}/job.json"
_NAMES = ("common workflow language", "cwl")
_LARGEST_SOURCE = 4 << 20  # bytes of a workflow that is looked through
_CONTAINER = "DockerRequirement"


def recognise(run: Run, crate: Path) -> Recipe | None:
    """Find out how a CWL workflow is executed again; None when the run was of none, or our recorder saw its command."""
    if run.is_own or run.main is None or not _is_cwl(run):
        return None
    document, payload = open_crate(crate)
    graph = Graph(document, crate)
    main = payload.find(run.main)
    what = f"{run.engine.name if run.engine else 'an engine'} ran {unquote(run.main)}"
    if main is None:
        return Recipe("cwl", run=run, why=what, problems=(f"the workflow {unquote(run.main)} is not in the crate",))
    paths = _paths(run, graph)
    inputs = Inputs(graph, paths, {data.key for data in run.data if data.is_directory})
    action = read_actions.sort_out(graph).run or {}
    job = inputs.job_order(graph.get(run.main), action, ROOT)
    problems = list(inputs.problems)
    tool = find_cwltool()
    if tool is None:
        problems.append(
            "cwltool, which executes CWL workflows, is not installed; install it with: pip install 'wfprov[cwl]'"
        )
    container, notes = _container(payload.text(data.key, _LARGEST_SOURCE) for data in run.data if _is_source(data))
    words = (
        str(tool or "cwltool"),
        "--relax-path-checks",
        *container,
        "--outdir",
        # Relative to the fresh folder, which it takes place in.
        *(posixpath.relpath(path, ROOT) for path in (_RESULTS, paths[run.main], _JOB)),
    )
    changed = tuple(replace(data, original=data.original or paths.get(data.key)) for data in run.data)
    return Recipe(
        engine="cwl",
        words=words,
        recorded_root=ROOT,
        paths=paths,
        inputs=tuple(data.key for data in run.data if data.role is Role.INPUT),
        outputs=tuple(data.key for data in run.data if data.role is Role.OUTPUT),
        texts=((_JOB, json.dumps(job, indent=1) + "\n"),),
        needs=(tool.resolve().parents[1],) if tool is not None else (),
        run=replace(run, cwd=ROOT, data=changed),
        why=f"{what}; cwltool executes it here, with a job order made of the values that the crate tells",
        notes=(*notes, *inputs.notes),
        problems=tuple(problems),
    )


def _is_cwl(run: Run) -> bool:
    return (run.language is not None and run.language.name.lower() in _NAMES) or (run.main or "").endswith(".cwl")


def _is_source(data: Data) -> bool:
    return data.role in (Role.SOURCE, Role.CONFIGURATION) or data.key.endswith(".cwl")


def _paths(run: Run, graph: Graph) -> dict[str, str]:
    """Give each file a place: names are those of before the crate was made, where it tells them."""
    paths: dict[str, str] = {}
    taken: set[str] = set()
    for data in run.data:
        if data.key.startswith("#") or "://" in data.key:
            continue
        own = _parts(unquote(data.key, errors="surrogateescape"))
        if not own:
            continue
        if _is_source(data) or data.key == run.main:
            paths[data.key] = posixpath.join(_WORKFLOW, *own)
            continue
        folder = _RESULTS if data.role is Role.OUTPUT else _INPUTS if data.role is Role.INPUT else None
        if folder is None:
            continue
        parts = _parts(graph.text(graph.get(data.key), "alternateName") or "") or own[-1:]
        path = posixpath.join(folder, *parts)
        if path in taken:  # two inputs of one name; results have names of their own
            path = posixpath.join(folder, f"{len(taken)}", *parts)
        taken.add(path)
        paths[data.key] = path
    return paths


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return [] if ".." in parts or "\0" in name else parts


def find_cwltool() -> Path | None:
    """Find the program, first of all the one that was installed with wfprov."""
    beside = Path(sys.executable).with_name("cwltool")
    found = str(beside) if beside.is_file() else shutil.which("cwltool")
    return Path(found) if found else None


def _container(sources: Iterable[str | None]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose what starts the containers that the workflow asks for."""
    if not any(_CONTAINER in text for text in sources if text):
        return (), ()
    if shutil.which("docker"):
        return (), ()
    if shutil.which("podman"):
        return ("--podman",), ()
    if shutil.which("singularity") or shutil.which("apptainer"):
        return ("--singularity",), ()
    note = "the workflow asks for containers, and no engine for them is here: its tools are those of this machine"
    return ("--no-container",), (note,)
