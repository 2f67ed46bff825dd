"""``wfprov diff``: what is not the same in two runs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from provenance.cli import text
from provenance.errors import CrateError, UsageError
from provenance.recording.folder import record_root
from provenance.run.as_dict import time_text
from provenance.run.listing import RECORDS, find, info_file_of, is_run_folder, list_runs
from provenance.run.model import Run

if TYPE_CHECKING:
    from provenance.rerun.two_runs import TwoRuns

_JSON_VERSION = 1


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("a", required=False, metavar="[A]")
@click.argument("b", required=False, metavar="[B]")
@click.option("--all", "show_all", is_flag=True, help="Cut nothing; also tell of intermediates and unused software.")
@click.option(
    "--record-dir",
    metavar="FOLDER",
    help="The folder that holds .wfprov [default: $WFPROV_DIR, or the working folder].",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, a: str | None, b: str | None, show_all: bool, record_dir: str | None, as_json: bool) -> int:
    """Say what is not the same in the runs A and B: code, parameters, data, environment, tasks, outputs.

    Each is the id of a recorded run (or the beginning of one, or its folder), a folder in which runs were recorded
    (its latest run is meant), or a crate: a folder, a zip, a metadata file. Without B it is the latest run, without
    both the latest two are compared.

    The exit status is 0 when nothing differs but the machine, the times and software that was not used; else 1.
    """
    from provenance.cli.diff_text import lines
    from provenance.rerun.two_runs import compare_runs

    root = record_root(record_dir, os.environ)
    names = _latest_two(root) if a is None else (a, b)
    with TemporaryDirectory(prefix="wfprov-diff-") as scratch:
        before, after = (_run(root, name, Path(scratch) / side) for name, side in zip(names, "ab", strict=True))
        found = compare_runs(before, after)
        if as_json:
            text.write(json.dumps(_as_dict(found), indent=2))
        else:
            for line in lines(found, text.terminal_columns(), show_all):
                text.write(line)
    return 1 if found.is_different else 0


def _latest_two(root: Path) -> tuple[str, str]:
    runs = list_runs(root)
    if len(runs) < 2:
        raise UsageError(
            f"there {'is one recorded run' if runs else 'are no recorded runs'} here; name what is to be compared: "
            "wfprov diff A B"
        )
    return runs[-2].id, runs[-1].id


def _run(root: Path, name: str | None, scratch: Path) -> Run:
    """Read a run from a crate or from its record."""
    path = Path(name) if name is not None else None
    if path is not None and path.exists():
        if is_run_folder(path):
            return _recorded(path, scratch)
        if path.is_file() or not (path / RECORDS).is_dir() or any(path.glob("ro-crate-metadata.json*")):
            from provenance.crate.read import read

            return read(path)
        return _recorded(find(path), scratch)
    try:
        return _recorded(find(root, name), scratch)
    except UsageError as error:
        if name is not None and (os.sep in name or name.endswith((".zip", ".json"))):
            raise CrateError(f"there is no {name}; give a run's id, a crate's folder, zip or metadata file") from None
        raise error


def _recorded(folder: Path, scratch: Path) -> Run:
    from provenance.engines import complete, engine_of
    from provenance.rerun.earlier_contents import with_earlier_contents
    from provenance.run.info import read_info
    from provenance.run.load import load

    info_file = info_file_of(folder)
    info = read_info(info_file) if info_file is not None else None
    run = load(folder, info)
    engine = engine_of(folder)
    if engine is not None:
        run = complete(engine, run, folder, info)
    return with_earlier_contents(run, folder, scratch)


def _as_dict(found: TwoRuns) -> dict[str, Any]:
    return {
        "version": _JSON_VERSION,
        "is_different": found.is_different,
        "before": _side_as_dict(found.before),
        "after": _side_as_dict(found.after),
        "differences": [asdict(one) for one in found.differences],
        "tasks": [asdict(one) for one in found.tasks],
        "outputs": [asdict(one) for one in found.outputs],
        "divergence": asdict(found.divergence) if found.divergence is not None else None,
    }


def _side_as_dict(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status.value,
        "start": time_text(run.start),
        "end": time_text(run.end),
        "command": list(run.command),
    }
