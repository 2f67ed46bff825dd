"""``wfprov run``: runs a command as it would run without us, and records it."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from provenance.cli.sizes import Size
from provenance.errors import UsageError, WfprovError
from provenance.recording.capabilities import TRACES
from provenance.recording.folder import record_root
from provenance.recording.launch import LaunchSettings, Outcome, launch
from provenance.recording.limits import DEFAULT_SAMPLE_INTERVAL, DEFAULT_SAVE_LIMIT
from provenance.recording.signals import die_by

_PACK_TO_DEFAULT = ""
_LARGEST_JOURNAL = 1 << 26  # bytes that are looked through for an engine at the end of a run


def _finite(seconds: float) -> float:
    """Return a number of seconds; ``nan`` and ``inf`` are numbers for Python alone."""
    if not math.isfinite(seconds):
        raise click.BadParameter(f"{seconds} is no number of seconds.")
    return seconds


@click.command(
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    epilog="Ends with the exit status of COMMAND, or by the same signal.",
)
@click.option("--name", help="What this run is called.")
@click.option("--info", metavar="FILE", help="The ro-crate-info.yaml that says what only you know.")
@click.option(
    "--trace",
    type=click.Choice(TRACES),
    default="auto",
    show_default=True,
    help="How processes are watched; auto takes the first that works here.",
)
@click.option(
    "--record-dir",
    metavar="DIR",
    help="Make the record in DIR/.wfprov (default: $WFPROV_DIR, or the working folder).",
)
@click.option(
    "--save-limit",
    metavar="SIZE",
    type=Size(),
    default=DEFAULT_SAVE_LIMIT,
    help="Files up to this size are saved before they are overwritten (default: 10 MB).",
)
@click.option(
    "--sample-interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    callback=lambda _context, _option, seconds: _finite(seconds),
    default=DEFAULT_SAMPLE_INTERVAL,
    show_default=True,
    help="How often to note the CPU and memory in use; 0 for never.",
)
@click.option("--quiet", "-q", is_flag=True, help="Say nothing unless something is wrong.")
@click.option(
    "--pack",
    "pack_to",
    metavar="[FOLDER]",
    is_flag=False,
    flag_value=_PACK_TO_DEFAULT,
    default=None,
    help="Make a crate of the run at once.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def command(  # noqa: PLR0917 - click passes them by name
    name: str | None,
    info: str | None,
    trace: str,
    record_dir: str | None,
    save_limit: int,
    sample_interval: float,
    quiet: bool,
    pack_to: str | None,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND and record what it does.

    \b
    wfprov run -- python train.py data.csv
    wfprov run --name "first try" -- make -j4
    wfprov run -- sh -c 'sort names.txt | uniq > unique.txt'
    """
    if info is not None and not Path(info).is_file():
        raise UsageError(f"--info: there is no file {info}; write one with 'wfprov init'")
    settings = LaunchSettings(
        command=command,
        record_root=record_dir,
        name=name,
        info=info,
        trace=trace,
        save_limit=save_limit,
        sample_interval=sample_interval,
    )
    outcome = launch(settings, _describe, _say)
    try:
        _tell(outcome, pack_to, quiet)
    except Exception as error:  # noqa: BLE001 - the run has ended well or not; what we tell has no say in it
        _say(f"{type(error).__name__}: {error}; this is a fault of wfprov, please report it")
    return _end_like(outcome)


def _tell(outcome: Outcome, pack_to: str | None, quiet: bool) -> None:
    for warning in outcome.warnings:
        _say(warning)
    if outcome.run_folder is not None and outcome.run_folder.is_dir():
        if _is_submission(outcome.run_folder):
            if pack_to is not None or not quiet:
                _say(
                    f"submitted, recorded in {_shown(outcome.run_folder)}; once the job has ended, pack it with: "
                    f"{_pack_command(outcome)} (or let that wait for it: --wait)"
                )
        elif pack_to is not None:
            _pack(outcome, pack_to, quiet)
        elif not quiet:
            _say(f"recorded in {_shown(outcome.run_folder)}; pack it with: {_pack_command(outcome)}")


def _is_submission(run_folder: Path) -> bool:
    """Tell whether the run itself is still to come, as a job of a batch system."""
    from provenance.engines import engine_of, missing

    engine = engine_of(run_folder, _LARGEST_JOURNAL)
    try:
        return engine is not None and missing(engine, run_folder) is not None
    except WfprovError:  # packing says why
        return False


def _describe(command: Sequence[str], cwd: str, run_folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    # Imported here, in the thread beside the command, whose start it must not hold up.
    from provenance.environment import describe

    yield from describe(command, cwd, run_folder)


def _pack(outcome: Outcome, pack_to: str, quiet: bool) -> None:
    assert outcome.run_folder is not None
    try:
        from provenance.cli.packing import pack_run

        report = pack_run(outcome.run_folder, Path(pack_to) if pack_to else None)
    except WfprovError as error:
        _say(f"not packed: {error}")
    except KeyboardInterrupt:
        _say("not packed: interrupted")
    except Exception as error:  # noqa: BLE001 - the run has ended well or not; packing has no say in it
        _say(f"not packed: {type(error).__name__}: {error}; this is a fault of wfprov, please report it")
    else:
        if not quiet:
            _say(f"recorded in {_shown(outcome.run_folder)}, packed in {_shown(report.target)}")
        return
    _say(f"try again with: {_pack_command(outcome)}")


def _pack_command(outcome: Outcome) -> str:
    """Return the command line that packs this run, as it can be pasted into a shell here."""
    assert outcome.run_folder is not None
    root = outcome.run_folder.parent.parent
    arguments = ["wfprov", "pack", outcome.run_folder.name]
    if root != record_root(None, os.environ):
        arguments += ["--record-dir", str(root)]
    return shlex.join(arguments)


def _shown(folder: Path) -> str:
    try:
        return str(folder.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(folder)


def _say(sentence: str) -> None:
    try:
        click.echo(f"wfprov: {sentence}", err=True)
    except OSError:  # nobody reads standard error any more; the run is what matters
        return


def _end_like(outcome: Outcome) -> int:
    if outcome.signal is None:
        return outcome.status or 0
    die_by(outcome.signal)
    return 128 + outcome.signal  # still here: process 1 of a container can't be killed by its own signal
