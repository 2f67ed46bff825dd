"""``wfprov pack``: make a crate of a recorded run, or of what a COMPSs run left behind."""

from __future__ import annotations

import json
from pathlib import Path

import click

from provenance.cli.pack_report import print_report, report_as_dict
from provenance.cli.packing import pack_compss, pack_run
from provenance.cli.sizes import Size
from provenance.cli.text import clean
from provenance.cli.waiting import DEFAULT_INTERVAL, Wait
from provenance.crate.settings import Checksums, DataMode, PackSettings
from provenance.errors import UsageError


@click.command(short_help="Make a crate of a recorded run.")
@click.argument("run", required=False)
@click.option(
    "--compss",
    "log_folder",
    type=click.Path(path_type=Path),
    metavar="LOGDIR",
    help="Take the run that COMPSs logged in LOGDIR, e.g. ~/.COMPSs/app.py_01, instead of a recorded one.",
)
@click.option(
    "--workdir",
    "work_folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="With --compss: the folder that the application was started in; by default it is looked for.",
)
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
@click.option(
    "--wait",
    is_flag=True,
    help="For a run that was submitted to a batch system: wait until its job has ended.",
)
@click.option(
    "--wait-interval",
    type=click.FloatRange(min=0.01),
    metavar="SECONDS",
    default=DEFAULT_INTERVAL,
    show_default=True,
    help="With --wait: how often to look.",
)
@click.option(
    "--wait-limit",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="With --wait: how long to wait at most; then nothing is packed, and the exit status is 3.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print the path of the crate only.")
def command(  # noqa: PLR0917 (click gives each option by name)
    run: str | None,
    log_folder: Path | None,
    work_folder: Path | None,
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
    wait: bool,
    wait_interval: float,
    wait_limit: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a crate of RUN: its id, the start of its id, or its folder; by default the latest run.

    With --compss it is made of what a COMPSs run left behind, and nothing need have been recorded.
    """
    settings = PackSettings(
        as_zip=as_zip or (output is not None and output.name.endswith(".zip")),
        data=DataMode(data or DataMode.AUTO),
        max_file_size=max_file_size,
        checksums=Checksums(checksums),
        include_images=include_image,
        force=force,
    )
    if log_folder is None:
        if work_folder is not None:
            raise UsageError("--workdir says where a COMPSs run took place; give its log folder with --compss")
        report = pack_run(
            run,
            output,
            settings,
            info=info,
            record_dir=record_dir,
            wait=Wait(wait_interval, wait_limit, None if quiet else _say_waiting) if wait else None,
            show_progress=not (as_json or quiet),
            is_data_chosen=data is not None,
            is_publishable=publishable,
        )
    else:
        if wait:
            raise UsageError("--wait is for recorded runs; with --compss the logs are taken as they are")
        if run is not None or record_dir is not None:
            other = "--record-dir" if run is None else f"RUN ({run})"
            raise UsageError(f"{other} is for recorded runs and --compss for runs of COMPSs; give one of the two")
        report = pack_compss(
            log_folder,
            work_folder,
            output,
            settings,
            info=info,
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


def _say_waiting(missing: str) -> None:
    click.echo(f"wfprov: waiting: {clean(missing)}", err=True)
