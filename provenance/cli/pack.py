"""``wfprov pack``: make a crate of a recorded run."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

import click

from provenance.cli.sizes import Size
from provenance.cli.text import clean
from provenance.crate.settings import Checksums, DataMode, PackReport, PackSettings
from provenance.journal.events import RUN_FILE
from provenance.journal.reader import JournalFile
from provenance.recording.folder import record_root
from provenance.run.info import FILE_NAME, Info, read_info
from provenance.run.model import Container, Run

_SHOWN = 5  # changed or gone files that are named one by one


class _Bar:
    """A progress bar on a terminal; each stage has its own."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._waiting = 0
        self._step = 1

    def begin(self, what: str, total: int) -> None:
        self.close()
        if total:
            self._bar = click.progressbar(length=total, label=what, file=sys.stderr, show_pos=False)
            self._step = max(1, total // 200)

    def advance(self, amount: int) -> None:
        self._waiting += amount
        if self._bar is not None and self._waiting >= self._step:
            self._bar.update(self._waiting)
            self._waiting = 0

    def close(self) -> None:
        if self._bar is not None:
            self._bar.update(self._waiting)
            self._bar.render_finish()
        self._bar = None
        self._waiting = 0


@click.command(short_help="Make a crate of a recorded run.")
@click.argument("run", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Folder or zip to write; by default it is named after the run, in the current folder.",
)
@click.option("--zip", "as_zip", is_flag=True, help="Write a zip instead of a folder.")
@click.option(
    "--data",
    type=click.Choice([mode.value for mode in DataMode]),
    help="Copy the data, refer to them where they are, or copy as long as all fit into 100 MB (auto, the default).",
)
@click.option(
    "--max-file-size",
    type=Size(),
    metavar="SIZE",
    help="Refer to larger data files instead of copying them, e.g. 10MB.",
)
@click.option(
    "--checksums",
    type=click.Choice([kind.value for kind in Checksums]),
    default="all",
    show_default=True,
    help="Which files get a SHA-256.",
)
@click.option(
    "--info",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What you know about the workflow, instead of the ro-crate-info.yaml of the run.",
)
@click.option(
    "--include-image/--no-include-image",
    default=None,
    help="Take the images of containers along, whatever their size, or none; by default image files up to 50 MB.",
)
@click.option(
    "--publishable",
    is_flag=True,
    help="Write pseudonyms for home folders, users, accounts, groups and internal hosts; who is who is kept beside the "
    "crate, in <crate>.names.json.",
)
@click.option("--force", is_flag=True, help="Replace a crate that is there already.")
@click.option(
    "--record-dir",
    type=click.Path(path_type=Path),
    help="Where runs are recorded, by default .wfprov.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the crate only.")
def command(  # noqa: PLR0917 (click gives each option by name)
    run: str | None,
    output: Path | None,
    as_zip: bool,
    data: str | None,
    max_file_size: int | None,
    checksums: str,
    info: Path | None,
    include_image: bool | None,
    publishable: bool,
    force: bool,
    record_dir: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a crate of RUN: its id, the start of its id, or its folder; by default the latest run."""
    settings = PackSettings(
        as_zip=as_zip or (output is not None and output.name.endswith(".zip")),
        data=DataMode(data or DataMode.AUTO),
        max_file_size=max_file_size,
        checksums=Checksums(checksums),
        include_images=include_image,
        force=force,
    )
    report = pack_run(
        run,
        output,
        settings,
        info=info,
        record_dir=record_dir,
        show_progress=not (as_json or quiet),
        is_data_chosen=data is not None,
        is_publishable=publishable,
    )
    if as_json:
        click.echo(json.dumps(report_as_dict(report), indent=2))
    elif quiet:
        click.echo(str(report.target))
    else:
        print_report(report)


def pack_run(
    run: str | Path | None,
    output: Path | None = None,
    settings: PackSettings | None = None,
    *,
    info: Path | None = None,
    record_dir: Path | None = None,
    show_progress: bool = False,
    is_data_chosen: bool = False,
    is_publishable: bool = False,
) -> PackReport:
    """Find a recorded run, add what the user knows about it, and write its crate.

    Raises:
        WfprovError: the run, the information or the target is not usable; the message says which and what to do.
    """
    from provenance.crate.write import write
    from provenance.run import find, load

    folder = find(
        record_root(str(record_dir) if record_dir else None, os.environ),
        None if run is None else str(run),
    )
    known = _information(folder, info)
    settings = _with_wishes(settings or PackSettings(), known, is_data_chosen)
    found = load(folder, known, examine=True)
    # What is loaded stays to the end; looking for garbage among it takes a fifth of the time.
    gc.freeze()
    gc.disable()  # and what is made from here on is let go of at once
    target = output if output is not None else default_target(found, settings.as_zip)
    bar = _Bar() if show_progress and sys.stderr.isatty() else None
    with _terminated_cleanly(), _saved_images(found, settings, target) as (settings, missing):
        try:
            if is_publishable:
                from provenance.crate.pseudonyms import write_publishable

                report = write_publishable(found, target, settings, bar)
            else:
                report = write(found, target, settings, bar)
            report.gaps += missing
            return report
        finally:
            if bar is not None:
                bar.close()


@contextmanager
def _saved_images(run: Run, settings: PackSettings, target: Path) -> Iterator[tuple[PackSettings, list[str]]]:
    """Have the engines write archives of the images that they have, beside the crate, for as long as it is made."""
    wanted = [one for one in run.containers if one.engine and one.image_id] if settings.include_images else []
    if not wanted:
        yield settings, []
        return
    import tempfile

    from provenance.environment.containers.images import save

    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".wfprov-images-", dir=target.absolute().parent) as folder:
        saved, missing = {}, []
        for number, one in enumerate(wanted):
            archive = Path(folder) / f"{number}.tar"
            why = save(one.engine, one.image_id or "", _loadable_name(one), archive)
            if why is None:
                saved[one.key] = str(archive)
            else:
                missing.append(f"the image {one.image}: {why}")
        yield replace(settings, saved_images=saved), missing


def _loadable_name(image: Container) -> str | None:
    """Name an image as engines do, so that it has that name again when the archive is loaded."""
    if not (image.name and image.tag):
        return None
    return f"{image.registry}/{image.name}:{image.tag}" if image.registry else f"{image.name}:{image.tag}"


def _information(folder: Path, chosen: Path | None) -> Info | None:
    """Read what the user knows: the file given now, else that given to the run, else that of the
    run's folder."""
    if chosen is not None:
        return read_info(chosen)
    header = next((event for event in JournalFile(folder / RUN_FILE) if event.get("e") == "run"), {})
    cwd = Path(str(header.get("cwd") or "."))
    if header.get("info"):
        return read_info(cwd / str(header["info"]))
    return read_info(cwd / FILE_NAME) if (cwd / FILE_NAME).is_file() else None


def _with_wishes(settings: PackSettings, info: Info | None, is_data_chosen: bool) -> PackSettings:
    """Apply what the information file says about packing; the command line goes first."""
    if info is None:
        return settings
    data = settings.data
    if info.data_persistence is not None and not is_data_chosen:
        data = DataMode.COPY if info.data_persistence else DataMode.REFERENCE
    limit = settings.param_size_limit if info.param_size_limit is None else info.param_size_limit
    return replace(settings, data=data, param_size_limit=limit, tasks=info.provenance_run)


def default_target(run: Run, as_zip: bool) -> Path:
    """Name a crate after its workflow and the start of its run: ``train-20261122T171500Z-crate``."""
    stem = Path(run.name).stem if run.main else run.name
    name = "".join(char if char.isascii() and (char.isalnum() or char in "_.-") else "-" for char in stem)
    name = name.strip("-.")[:60] or "run"
    when = ""
    if run.start is not None:
        when = f"-{datetime.fromtimestamp(run.start // 1_000_000_000, timezone.utc):%Y%m%dT%H%M%SZ}"
    return Path(f"{name}{when}.crate.zip" if as_zip else f"{name}{when}-crate")


@contextmanager
def _terminated_cleanly() -> Iterator[None]:
    """Let a termination by a batch system remove the half-written crate, as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def report_as_dict(report: PackReport) -> dict[str, object]:
    """Give the report for ``--json``; names that are not valid text are shown with escapes."""
    return {
        "crate": clean(report.target),
        "tasks": report.tasks,
        "files": report.files,
        "copied": report.copied,
        "copied_bytes": report.copied_bytes,
        "referenced": report.referenced,
        "described": report.described,
        "bytes": report.bytes,
        "entities": report.entities,
        "software": clean(report.software),
        "locks": clean(report.locks),
        "seconds": {
            "hashing": round(report.seconds_hashing, 3),
            "copying": round(report.seconds_copying, 3),
            "metadata": round(report.seconds_metadata, 3),
        },
        "missing_for_publishing": [clean(text) for text in report.missing],
        "changed": [clean(path) for path in report.changed],
        "gone": [clean(path) for path in report.gone],
        "gaps": [clean(text) for text in report.gaps],
        "removed": [{"file": clean(one.path), "line": one.line, "kind": clean(one.reason)} for one in report.removed],
        "names_file": None if report.names_file is None else clean(report.names_file),
    }


def print_report(report: PackReport) -> None:
    """Print what was written, as a table, and what a reader of the crate will miss."""
    click.echo(f"{clean(report.target)}")
    rows = [
        ("tasks", f"{report.tasks:,}"),
        ("files", f"{report.files:,} ({_where(report)})"),
        ("bytes", f"{report.bytes:,} ({report.copied_bytes:,} copied)"),
        ("seconds hashing", f"{report.seconds_hashing:.2f}"),
        ("seconds copying", f"{report.seconds_copying:.2f}"),
        ("seconds metadata", f"{report.seconds_metadata:.2f}"),
    ]
    software = (("software", report.software), ("locks", report.locks))
    rows[3:3] = [(name, clean(value)) for name, value in software if value]
    for name, value in rows:
        click.echo(f"  {name:<17} {value}")
    _print_list("Changed since the run, so described without their content", report.changed)
    _print_list("Gone, so described without their content", report.gone)
    _print_list("Not seen while the run was recorded", report.gaps)
    _print_list(
        "Credentials that were removed",
        [f"{one.path}, line {one.line}: {one.reason}" for one in report.removed],
        len(report.removed),
    )
    if report.names_file is not None:
        click.echo(f"Whom the pseudonyms stand for (keep it to yourself): {clean(report.names_file)}")
    _print_list(
        "Missing for publishing (ro-crate-info.yaml; wfprov init writes one)",
        report.missing,
        len(report.missing),
    )


def _print_list(title: str, lines: list[str], limit: int = _SHOWN) -> None:
    if not lines:
        return
    click.echo(f"{title}:")
    for line in lines[:limit]:
        click.echo(f"  {clean(line)}")
    if len(lines) > limit:
        click.echo(f"  and {len(lines) - limit} more")


def _where(report: PackReport) -> str:
    made = report.files - report.copied - report.referenced
    kinds = (("copied", report.copied), ("referenced", report.referenced), ("made for the crate", made))
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds if number or kind == "copied")
