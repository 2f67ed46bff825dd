"""``wfprov runs``: list, show and remove recorded runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from provenance.cli import text
from provenance.errors import OutputError, UsageError
from provenance.recording.folder import record_root
from provenance.run.as_dict import run_as_dict, time_text
from provenance.run.listing import RunSummary, find, info_file_of, is_run_folder, list_runs
from provenance.run.model import Data, Role, Run, Status
from provenance.run.summary import ROLE_ORDER

_RECORD_DIR = click.option(
    "--record-dir",
    metavar="FOLDER",
    help="The folder that holds .wfprov [default: $WFPROV_DIR, or the working folder].",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_HELP = {"help_option_names": ["-h", "--help"]}


@click.group(invoke_without_command=True, context_settings=_HELP)
@_RECORD_DIR
@_JSON
@click.pass_context
def command(ctx: click.Context, record_dir: str | None, as_json: bool) -> None:
    """List, show and remove recorded runs.

    Without a subcommand it lists them, the latest last.
    """
    ctx.obj = record_dir
    if ctx.invoked_subcommand is not None:
        return
    runs = list_runs(_root(record_dir))
    if as_json:
        click.echo(json.dumps([_summary_as_dict(run) for run in runs], indent=2))
    elif runs:
        _print_list(runs)
    else:
        text.write("no recorded runs here; record one with: wfprov run -- COMMAND")


@command.command(context_settings=_HELP)
@click.argument("run", required=False)
@click.option("--files", is_flag=True, help="List every file with its role, and why it has it.")
@click.option("--all", "show_all", is_flag=True, help="With --files: software and ignored files too.")
@click.option("--info", type=click.Path(path_type=Path), help="The ro-crate-info.yaml to use.")
@click.option("-v", "--verbose", is_flag=True, help="Cut nothing.")
@_JSON
@_RECORD_DIR
@click.pass_context
def show(  # noqa: PLR0917
    ctx: click.Context,
    run: str | None,
    files: bool,
    show_all: bool,
    info: Path | None,
    verbose: bool,
    as_json: bool,
    record_dir: str | None,
) -> None:
    """Show what happened in RUN: an id or the beginning of one [default: the latest]."""
    from provenance.cli import run_text
    from provenance.run.info import read_info
    from provenance.run.load import load

    folder = find(_root(record_dir or ctx.obj), run)
    info_file = info or info_file_of(folder)
    found = load(folder, read_info(info_file) if info_file is not None else None)
    if as_json:
        click.echo(json.dumps(run_as_dict(found), indent=2))
        return
    columns = 10_000 if verbose else text.terminal_columns()
    summary = run_text.summary_lines(found, text.terminal_columns(), verbose)
    for line in _file_lines(found, show_all, columns) if files else summary:
        text.write(line)


@command.command(context_settings=_HELP)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_RECORD_DIR
@click.pass_context
def rm(ctx: click.Context, runs: tuple[str, ...], yes: bool, record_dir: str | None) -> None:
    """Remove the records of runs; the data of the runs stay where they are."""
    root = _root(record_dir or ctx.obj)
    folders = list(dict.fromkeys(find(root, run) for run in runs))
    known = {run.folder: run for run in list_runs(root)}
    for folder in folders:
        if (listed := known.get(folder)) is not None and listed.status is Status.RUNNING:
            raise UsageError(f"{folder.name} is still going; wait for its end or stop it first")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nothing was removed; pass --yes to remove without being asked")
        names = ", ".join(text.clean(folder.name) for folder in folders)
        click.confirm(f"Remove {text.plural(len(folders), 'record')}: {names}?", abort=True)
    for folder in folders:
        _remove(folder)
        text.write(f"removed {text.clean(folder.name)}")


def _root(record_dir: str | None) -> Path:
    return record_root(record_dir, os.environ)


def _remove(folder: Path) -> None:
    if not is_run_folder(folder):
        raise UsageError(f"{folder} is not the record of a run and was left alone")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"{error.filename or folder} can't be removed ({error.strerror}); check its permissions"
        ) from error


def _seconds(run: RunSummary) -> float | None:
    return None if run.start is None or run.end is None else (run.end - run.start) / 1e9


def _summary_as_dict(run: RunSummary) -> dict[str, Any]:
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status.value,
        "start": time_text(run.start),
        "end": time_text(run.end),
        "seconds": _seconds(run),
        "tasks": run.tasks,
        "size": run.size,
        "command": list(run.command),
        "folder": str(run.folder),
    }


def _print_list(runs: list[RunSummary]) -> None:
    rows = [
        (
            run.id,
            run.name,
            text.moment(run.start, zone=False),
            text.duration(_seconds(run)),
            run.status.value,
            "?" if run.tasks is None else f"{run.tasks:,}",
            text.size(run.size),
        )
        for run in runs
    ]
    header = ("run", "name", "start", "time", "status", "tasks", "record")
    for line in text.table(rows, header, right=(3, 5, 6), flexible=1):
        text.write(line)


def _file_lines(run: Run, show_all: bool, columns: int) -> Iterable[str]:
    hidden = 0
    by_role: dict[Role, list[Data]] = {}
    for data in run.data:
        by_role.setdefault(data.role, []).append(data)
    versions: dict[str, int] = {}
    for data in run.data:
        versions[data.path] = versions.get(data.path, 0) + 1
    for role in ROLE_ORDER:
        listed = sorted(by_role.get(role, []), key=lambda data: (data.path, data.version))
        if role in (Role.SOFTWARE, Role.IGNORED) and not show_all:
            hidden += len(listed)
            continue
        if not listed:
            continue
        yield f"{role.value} ({len(listed):,})"
        for data in listed:
            yield from _data_lines(data, run, versions[data.path] > 1, columns)
        yield ""
    if hidden:
        yield f"{text.plural(hidden, 'file')} of software not shown; --all shows them"


def _data_lines(data: Data, run: Run, has_others: bool, columns: int) -> Iterable[str]:
    path = data.path
    prefix = f"{run.project}/"
    if run.project and path.startswith(prefix):
        path = path[len(prefix) :]
    version = f" (version {data.version})" if has_others else ""
    yield text.fit(f"  {path}{version}  {text.size(data.size)}", columns)
    notes = [data.reason]
    if data.changed_after:
        notes.append("CHANGED after the run")
    elif data.is_gone and data.role in (Role.INPUT, Role.OUTPUT, Role.SOURCE, Role.CONFIGURATION):
        notes.append("no longer there")
    elif data.content is not None and data.content != data.path:
        notes.append("a copy was kept")
    if data.description:
        notes.append(data.description)
    yield text.fit("      " + "; ".join(notes), columns)
