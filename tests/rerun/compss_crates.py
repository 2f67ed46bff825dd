"""Lays a COMPSs run out as the generator of COMPSs itself does, and executes what a recipe says.

``crate_of_compss`` knows the layout that published crates have, with its flaws: no digests, no place of files at the
run, one entity for what a task changes in place, the submission line in a file (3.3) or as a description (3.4).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from provenance.crate.read import read
from provenance.rerun import command, engines
from provenance.rerun.engines import Recipe
from provenance.rerun.files import needed_files
from provenance.rerun.placing import placement, recorded_paths
from provenance.rerun.records import Presence
from provenance.rerun.talk import Silence
from provenance.rerun.work_folder import lay_out, result_folders
from provenance.run.model import Role

GENERATOR = Path(__file__).parents[3] / "shared" / "tools" / "make_compss_run.py"
needs_generator = pytest.mark.skipif(not GENERATOR.is_file(), reason="the generator of COMPSs runs is not here")


def generated(folder: Path, *options: str) -> Path:
    """A run of COMPSs in ``folder``, with its data to be copied."""
    command = [sys.executable, str(GENERATOR), str(folder), "--persist", "--no-svg", *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


@dataclass(frozen=True)
class Told:
    """What COMPSs' generator knows of a run."""

    version: str
    main: str  # relative to the working folder
    line: str
    inputs: tuple[str, ...] = ()  # absolute paths; folders end with a slash
    outputs: tuple[str, ...] = ()
    tasks: tuple[Mapping[str, Any], ...] = ()
    persists: bool = True
    variables: tuple[tuple[str, str], ...] = ()
    host: str = "s01r2b24-ib0"


def told_of(run: Path) -> Told:
    """What the generator of runs wrote down."""
    truth = json.loads((run / "truth.json").read_text(encoding="utf-8"))
    paths = {
        name: tuple(url.partition(truth["host"])[2] + "/" * url.startswith("dir:") for url in truth[f"{name}_urls"])
        for name in ("input", "output")
    }
    main = next((run / "work" / "src").glob("matmul_[fd]i*.py")).name
    return Told(
        truth["version"], f"src/{main}", truth["command"], paths["input"], paths["output"], tuple(truth["task_list"])
    )


def crate_of_compss(work: Path, target: Path, told: Told, base: str | None = None) -> Path:
    """Make the crate of a run that took place in ``work``.

    Parameters
    ----------
    base
        What stands behind ``dataset/`` for the folder that all data have in common; its name by default.
    """
    target.mkdir()
    is_old = told.version != "3.4"
    shutil.copytree(work / "src", target / "application_sources" / "src")
    names = ["ro-crate-info.yaml"]
    if is_old:
        names += ["App_Profile.json", "compss_submission_command_line.txt"]
        (target / "compss_submission_command_line.txt").write_text(told.line + "\n", encoding="utf-8")
    for name in names:
        if (work / name).is_file() and not (target / name).exists():
            shutil.copyfile(work / name, target / name)
    entities: dict[str, dict[str, Any]] = {}
    keys = {path: _add_data(path, target, told, base, entities) for path in (*told.inputs, *told.outputs)}
    action = f"#COMPSs_Workflow_Run_Crate_{told.host}_0a1b2c3d-0000-4000-8000-000000000000"
    main = f"application_sources/{told.main}"
    for path in sorted((target / "application_sources").rglob("*.py")):
        key = path.relative_to(target).as_posix()
        entities[key] = {"@type": ["File", "SoftwareSourceCode"], "name": path.name, "contentSize": path.stat().st_size}
    entities[main]["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
    entities[main]["programmingLanguage"] = {"@id": "#compss"}
    for name in names:
        if (target / name).is_file():
            entities[name] = {"@type": "File", "name": name, "contentSize": (target / name).stat().st_size}
    parts = list(entities)
    for name, value in told.variables:
        entities[f"#{name.lower()}"] = {"@type": "PropertyValue", "name": name, "value": value}
    entities["#compss"] = {
        "@type": "ComputerLanguage",
        "name": "COMPSs Programming Model",
        "alternateName": "COMPSs",
        "url": "http://compss.bsc.es/",
        "version": told.version,
    }
    entities[action] = {
        "@type": "CreateAction",
        "name": f"COMPSs {PurePosixPath(told.main).name} execution at {told.host}",
        "instrument": {"@id": main},
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        "description": told.line if not is_old else f"Linux {told.host} 5.14.0 #1 SMP x86_64 x86_64 x86_64 GNU/Linux",
        "object": [{"@id": keys[path]} for path in told.inputs],
        "result": [*({"@id": keys[path]} for path in told.outputs), {"@id": "./"}],
        "environment": [{"@id": f"#{name.lower()}"} for name, _ in told.variables],
        "endTime": "2026-03-16T10:12:02+00:00",
    }
    if not is_old:
        _add_tasks(entities, told, action)
    root = {
        "@type": "Dataset",
        "name": "A run of COMPSs",
        "description": "",
        "license": "Apache-2.0",
        "datePublished": "2026-03-16T10:12:02+00:00",
        "hasPart": [{"@id": key} for key in parts],
        "mainEntity": {"@id": main},
        "mentions": {"@id": action},
        "conformsTo": [{"@id": f"https://w3id.org/ro/wfrun/{name}/0.5"} for name in ("process", "workflow")],
    }
    descriptor = {
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }
    graph = {"ro-crate-metadata.json": descriptor, "./": root, **entities}
    document = {
        "@context": ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"],
        "@graph": [{"@id": key, **entity} for key, entity in graph.items()],
    }
    (target / "ro-crate-metadata.json").write_text(json.dumps(document), encoding="utf-8")
    return target


def _add_data(path: str, target: Path, told: Told, base: str | None, entities: dict[str, dict[str, Any]]) -> str:
    is_folder = path.endswith("/")
    if not told.persists:
        key = f"file://{told.host}{path}"
    elif is_folder:
        key = f"dataset/{PurePosixPath(path).name}/"
        shutil.copytree(path, target / key, dirs_exist_ok=True)
    else:
        common = os.path.commonpath([os.path.dirname(each) for each in (*told.inputs, *told.outputs)])
        key = f"dataset/{PurePosixPath(common).name if base is None else base}/{os.path.relpath(path, common)}"
        key = os.path.normpath(key)
        (target / key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / key)
    entities[key] = {"@type": "Dataset" if is_folder else "File", "name": PurePosixPath(path).name}
    if not is_folder:
        entities[key]["contentSize"] = os.path.getsize(path)
    return key


def _add_tasks(entities: dict[str, dict[str, Any]], told: Told, action: str) -> None:
    for task in told.tasks:
        number, signature = task["id"], task["sig"]
        execution = f"#Task_{number}_execution_details"
        entities[f"#{signature}"] = {"@type": "SoftwareSourceCode", "name": signature}
        entities[f"#Task_{number}"] = {"@type": "HowToStep", "workExample": {"@id": f"#{signature}"}}
        entities[execution] = {
            "@type": "CreateAction",
            "name": f"Task {number}",
            "instrument": {"@id": f"#{signature}"},
            "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
            "object": [{"@id": f"#{signature}::bsize=4"}],
        }
        entities[f"#{signature}::bsize=4"] = {"@type": "PropertyValue", "name": "bsize", "value": "4"}
        entities[f"#Task_{number}_execution_record"] = {
            "@type": "ControlAction",
            "instrument": {"@id": f"#Task_{number}"},
            "object": {"@id": execution},
        }
    entities["#COMPSs_runtime_invocation_at_host"] = {
        "@type": "OrganizeAction",
        "name": "Run of COMPSs",
        "instrument": {"@id": "#compss"},
        "object": [{"@id": f"#Task_{task['id']}_execution_record"} for task in told.tasks],
        "result": {"@id": action},
    }


def recognised(crate: Path) -> Recipe:
    recipe = engines.recognise(read(crate), crate)
    assert recipe is not None
    return recipe


def executed(crate: Path, folder: Path) -> Path:
    """Do what the recipe for a crate says, and nothing else, in ``folder``; the folder that the run's root is now."""
    recipe = recognised(crate)
    assert recipe.problems == ()
    run = recipe.run or read(crate)
    paths = recorded_paths(run, recipe.paths)
    where = placement(run, paths, folder / "work", recipe.recorded_root)
    needed = needed_files(run, crate, paths, where)
    assert [file for file in needed if file.presence is Presence.MISSING] == []
    lay_out(needed, result_folders(run, paths, where), where, fetch=lambda *_: None, talk=Silence())
    engines.write_texts(recipe.texts, where)
    known = command.Recorded(recipe.words, run.cwd or where.root, frozenset(paths.values()))
    step = command.step(known, where)
    words = [sys.executable if word == "python3" else word for word in step.words]
    environment = {**os.environ, **dict(engines.variables(recipe, where))}
    subprocess.run(words, cwd=step.cwd, env=environment, check=True, stdin=subprocess.DEVNULL)
    return where.folder


def outputs_of(crate: Path, folder: Path) -> dict[str, bool]:
    """Recorded path -> whether the output of the new run in ``folder`` has the content that the crate has."""
    recipe = recognised(crate)
    run = recipe.run or read(crate)
    paths = recorded_paths(run, recipe.paths)
    where = placement(run, paths, folder / "work", recipe.recorded_root)
    found = {}
    for data in run.data:
        place = where.place(paths.get(data.key, "/nowhere"))
        if data.role is Role.OUTPUT and data.content is not None:
            found[paths[data.key]] = place is not None and place.read_bytes() == Path(data.content).read_bytes()
    return found
