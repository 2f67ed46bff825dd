"""Lays out a COMPSs run equivalent to one whose crate was published: same files, sizes, dates, tasks and hosts.

    python scripts/lysozyme_run.py CRATE FOLDER [--version 3.4]

CRATE is the folder of the published crate ("Lysozyme in water full"); its metadata suffice, the content of data files
that are not there is made up. FOLDER gets what COMPSs would have left: ``lysozyme_in_water/`` (the working folder) and
``.COMPSs/<job>/``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.compss.runs import SECOND, CompssRun, Parameter, collection, file_in, file_out

JOB = 3846825
HOSTS = ("gs12r1b10-ib0", "gs12r1b50-ib0")  # the first one is the master's
MODULE = "lysozyme_in_water_full"
DATASET = "dataset/lysozyme_in_water/"
SOURCES = "application_sources/"
DURATION = 152_002 * 1_000_000  # ns, as the console output says
_WORK = re.compile(r"/home/\S*?/lysozyme_in_water")


def lay_out(crate: Path, folder: Path, version: str = "3.3.1") -> CompssRun:
    """Write the run below `folder`; the version says which COMPSs wrote its logs."""
    entities = {one["@id"]: one for one in json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]}
    files = {name: entity for name, entity in entities.items() if name.startswith((DATASET, SOURCES))}
    end = max(_moment(entity["dateModified"]) for entity in files.values() if "dateModified" in entity)
    run = CompssRun(
        folder,
        version,
        host=HOSTS[0],
        hosts=HOSTS,
        slurm=JOB,
        application=f"{MODULE}.py",
        work_folder=folder / "lysozyme_in_water",
        start=end - DURATION,
    )
    for name, entity in files.items():
        if name.startswith(f"{DATASET}output/"):
            continue  # a task writes it
        run.now = _moment(entity["dateModified"]) if "dateModified" in entity else run.truth.start - SECOND
        run.file(_place(name), _content(crate, name, entity))
    run.now = run.truth.start
    _execute(run, crate, files)
    profile = crate / "App_Profile.json"
    run.now = end - SECOND  # the end is written a second after the last task
    text = (crate / "compss_submission_command_line.txt").read_text().strip()
    run.finish(
        submission=_WORK.sub(str(run.work_folder), text),
        info_text="",
        drawing=(crate / "complete_graph.svg").read_text(),
        sources={f"{MODULE}.py": _main_source(files[f"{SOURCES}src/{MODULE}.py"]["contentSize"])},
    )
    run.file("FULL.yaml", (crate / "FULL.yaml").read_bytes())
    console = (crate / f"compss-{JOB}.out").read_text()
    run.file(f"compss-{JOB}.out", _WORK.sub(str(run.work_folder), console))
    if version != "3.4":
        run.file("App_Profile.json", json.dumps(json.loads(profile.read_text()), separators=(",", ":")))
    return run


def _execute(run: CompssRun, crate: Path, files: dict[str, dict[str, Any]]) -> None:
    """Run the 28 tasks: nine for each of three proteins, side by side, and one for the results of all."""
    times = _times(crate)
    outputs = {Path(name).name: (name, files[name]) for name in files if name.startswith(f"{DATASET}output/")}

    def made(name: str) -> str:
        return run.path(f"output/{name}")

    def task(method: str, parameters: list[Parameter], host: str, at: int) -> int:
        written = [path for one in parameters if one.direction == "OUT" for path in one.paths]
        contents = {path: _content(crate, *outputs[Path(path).name]) for path in written}
        ms = times[host, method].pop()
        run.now = at + ms * 1_000_000
        run.task(f"{MODULE}.{method}", parameters, host=host, at=at, ms=ms, makes=contents)
        return run.now

    config = {
        name: run.path(f"config/{name}") for name in ("ions.mdp", "minim.mdp", "genion.group", "energy.selection")
    }
    master, other = HOSTS
    proteins = sorted(Path(name).stem for name in files if name.startswith(f"{DATASET}dataset_small/"))
    latest = run.truth.start
    for number, protein in enumerate(proteins):
        gro, top, box, solvent = (made(f"{protein}{end}") for end in (".gro", ".top", "_newbox.gro", "_solv.gro"))
        ions, solvent_ions, em = (made(f"{protein}{end}") for end in ("_ions.tpr", "_solv_ions.gro", "_em.tpr"))
        energy, graph, image = (
            made(f"{protein}{end}") for end in ("_em_energy.edr", "_potential.xvg", "_potential.png")
        )
        at = run.truth.start + SECOND
        structure = file_in("structure", run.path(f"dataset_small/{protein}.pdb"))
        topology = file_in("topology", top)
        steps = (
            ("generate_topology", [structure, file_out("gro", gro), file_out("topology", top)], master),
            ("define_box", [file_in("structure", gro), file_out("structure_newbox", box)], master),
            ("add_solvate", [file_in("structure_newbox", box), topology, file_out("protein_solv", solvent)], master),
            ("assemble_tpr", [file_in("conf", config["ions.mdp"]), file_in("protein_solv", solvent), topology,
                              file_out("ions", ions)], other),
            ("replace_solvent_with_ions", [file_in("ions", ions), file_in("group", config["genion.group"]), topology,
                                           file_out("protein_solv_ions", solvent_ions)], master),
            ("assemble_tpr", [file_in("conf", config["minim.mdp"]), file_in("protein_solv", solvent_ions), topology,
                              file_out("ions", em)], master),
            ("energy_minimization", [file_in("em", em), file_out("em_energy", energy)], master),
            ("energy_analisis", [file_in("em", energy), file_in("em_selection", config["energy.selection"]),
                                 file_out("potential_xvg", graph)], master),
            ("convert_xvg_to_png", [file_in("xvg", graph), file_out("png", image)], other if number else master),
        )  # fmt: skip
        for method, parameters, host in steps:
            at = task(method, parameters, host, at)
        latest = max(latest, at)
    images = [made(f"{protein}_potential.png") for protein in proteins]
    merged = made("POTENTIAL_RESULTS.png")
    task("merge_results", [collection("potentials", images), file_out("result", merged)], master, latest)


def _times(crate: Path) -> dict[tuple[str, str], list[int]]:
    """Node and method -> times of its executions, ms, that have the extremes and the average of the published profile.

    None was executed more than three times on a node.
    """
    found = {}
    for host, methods in json.loads((crate / "App_Profile.json").read_text())["resources"].items():
        for signature, told in methods["implementations"].items():
            least, most, count = told["minTime"], told["maxTime"], told["executions"]
            every = [least, most, count * told["avgTime"] - least - most]
            found[host, signature.removeprefix(f"{MODULE}.")] = every[:count]
    return found


def _content(crate: Path, name: str, entity: dict[str, Any]) -> bytes:
    """What the published crate has at this place, or as many bytes, different for each file."""
    kept = crate / name
    if kept.is_file():
        return kept.read_bytes()
    size = int(entity["contentSize"])
    comment = b"# " if name.endswith((".py", ".sh")) else b""
    line = comment + f"made up: {name}\n".encode()
    return (line * (size // len(line) + 1))[:size]


def _main_source(size: int) -> str:
    """A main program with the workflow's tasks, of the size of the published one."""
    methods = (
        ("generate_topology", ("structure", "FILE_IN"), ("gro", "FILE_OUT"), ("topology", "FILE_OUT")),
        ("define_box", ("structure", "FILE_IN"), ("structure_newbox", "FILE_OUT")),
        ("add_solvate", ("structure_newbox", "FILE_IN"), ("topology", "FILE_IN"), ("protein_solv", "FILE_OUT")),
        ("assemble_tpr", ("conf", "FILE_IN"), ("protein_solv", "FILE_IN"), ("topology", "FILE_IN"),
         ("ions", "FILE_OUT")),
        ("replace_solvent_with_ions", ("ions", "FILE_IN"), ("group", "FILE_IN"), ("topology", "FILE_IN"),
         ("protein_solv_ions", "FILE_OUT")),
        ("energy_minimization", ("em", "FILE_IN"), ("em_energy", "FILE_OUT")),
        ("energy_analisis", ("em", "FILE_IN"), ("em_selection", "FILE_IN"), ("potential_xvg", "FILE_OUT")),
        ("convert_xvg_to_png", ("xvg", "FILE_IN"), ("png", "FILE_OUT")),
        ("merge_results", ("potentials", "COLLECTION_FILE_IN"), ("result", "FILE_OUT")),
    )  # fmt: skip
    lines = ["from pycompss.api.parameter import *", "from pycompss.api.task import task", ""]
    for name, *parameters in methods:
        kinds = ", ".join(f"{parameter}={kind}" for parameter, kind in parameters)
        names = ", ".join(parameter for parameter, _ in parameters)
        lines += ["", f"@task({kinds})", f"def {name}({names}):", "    pass", ""]
    text = "\n".join(lines)
    return text + "#" * (size - len(text))


def _place(name: str) -> str:
    return name.removeprefix(DATASET).removeprefix(SOURCES)


def _moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def main() -> None:
    """Lay out the run that the command line asks for, and say how it is packed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crate", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--version", choices=("3.3.1", "3.4"), default="3.3.1")
    args = parser.parse_args()
    run = lay_out(args.crate, args.folder.absolute(), args.version)
    print(f"wfprov pack --compss {run.log_folder} --info {run.work_folder / 'FULL.yaml'}")


if __name__ == "__main__":
    main()
