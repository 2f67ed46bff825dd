"""From a run to its crate, as the commands want it: the recorded or the engine's run, what the user says, the target.

In: which run, and what was chosen on the command line. Out: a crate, and the report of what is in it. Nothing is
printed here but the bar.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType

from provenance.cli.pack_report import Bar
from provenance.cli.waiting import Wait, be_ready
from provenance.crate.settings import DataMode, PackReport, PackSettings
from provenance.engines import Engine, complete, engine_of, info_file
from provenance.journal.events import RUN_FILE
from provenance.journal.reader import JournalFile
from provenance.recording.folder import record_root
from provenance.run.info import FILE_NAME, Info, read_info
from provenance.run.model import Container, Run

_AGAIN = 0.5  # seconds after which a termination is raised again


def pack_run(
    run: str | Path | None,
    output: Path | None = None,
    settings: PackSettings | None = None,
    *,
    info: Path | None = None,
    record_dir: Path | None = None,
    wait: Wait | None = None,
    show_progress: bool = False,
    is_data_chosen: bool = False,
    is_publishable: bool = False,
) -> PackReport:
    """Find a recorded run, add what its engine and the user know about it, and write its crate.

    A run that was only submitted to a batch system is waited for when ``wait`` says how.

    Raises:
        WfprovError: the run, the information or the target is not usable; the message says which and what to do.
    """
    from provenance.run import find, load

    folder = find(
        record_root(str(record_dir) if record_dir else None, os.environ),
        None if run is None else str(run),
    )
    engine = engine_of(folder)
    if engine is not None:
        be_ready(engine, folder, wait)
    known = _information(folder, info, engine)
    settings = with_wishes(settings or PackSettings(), known, is_data_chosen)
    found = load(folder, known, examine=True)
    if engine is not None:
        found = complete(engine, found, folder, known)
    return write_crate(found, output, settings, show_progress=show_progress, is_publishable=is_publishable)


def pack_compss(
    log_folder: Path,
    work_folder: Path | None = None,
    output: Path | None = None,
    settings: PackSettings | None = None,
    *,
    info: Path | None = None,
    show_progress: bool = False,
    is_data_chosen: bool = False,
    is_publishable: bool = False,
) -> PackReport:
    """Read what a COMPSs run left behind, add what the user knows about it, and write its crate.

    Raises:
        WfprovError: the logs, the information or the target is not usable; the message says which and what to do.
    """
    from provenance.engines.compss import info_file
    from provenance.engines.compss.load import load

    path = info if info is not None else info_file.find(log_folder, work_folder)
    known = None if path is None else read_info(path)
    settings = with_wishes(settings or PackSettings(), known, is_data_chosen)
    found = load(log_folder, work_folder, known)
    return write_crate(found, output, settings, show_progress=show_progress, is_publishable=is_publishable)


def write_crate(
    run: Run,
    output: Path | None,
    settings: PackSettings,
    *,
    show_progress: bool = False,
    is_publishable: bool = False,
) -> PackReport:
    """Write the crate of a run, in the current folder when no ``output`` is given."""
    from provenance.crate.write import write

    # What is loaded stays to the end; looking for garbage among it takes a fifth of the time.
    gc.freeze()
    gc.disable()  # and what is made from here on is let go of at once
    target = output if output is not None else default_target(run, settings.as_zip)
    bar = Bar() if show_progress and sys.stderr.isatty() else None
    with terminated_cleanly(), _saved_images(run, settings, target) as (complete, missing):
        try:
            if is_publishable:
                from provenance.crate.pseudonyms import write_publishable

                report = write_publishable(run, target, complete, bar)
            else:
                report = write(run, target, complete, bar)
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


def _information(folder: Path, chosen: Path | None, engine: Engine | None) -> Info | None:
    """Read what the user knows: the file given now, else that given to the run, else that given to
    its engine, else that of the run's folder."""
    if chosen is not None:
        return read_info(chosen)
    header = next((event for event in JournalFile(folder / RUN_FILE) if event.get("e") == "run"), {})
    cwd = Path(str(header.get("cwd") or "."))
    if header.get("info"):
        return read_info(cwd / str(header["info"]))
    named = info_file(engine, folder) if engine is not None else None
    if named is not None:
        return read_info(named)
    return read_info(cwd / FILE_NAME) if (cwd / FILE_NAME).is_file() else None


def with_wishes(settings: PackSettings, info: Info | None, is_data_chosen: bool) -> PackSettings:
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
def terminated_cleanly() -> Iterator[None]:
    """Let a termination by a batch system remove the half-written crate, as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        if isinstance(sys.exc_info()[1], SystemExit):  # it is on its way out, and cleaning up
            return
        # Python drops what is raised in some places, such as the callbacks before a fork: then it is raised again.
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise SystemExit(128 + signal.SIGTERM)

    def tell(dropped: sys.UnraisableHookArgs) -> None:
        if not isinstance(dropped.exc_value, SystemExit):
            told(dropped)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGALRM)}
    told, sys.unraisablehook = sys.unraisablehook, tell
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = told
        for number, handler in before.items():
            signal.signal(number, handler)
