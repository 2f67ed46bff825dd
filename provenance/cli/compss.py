"""``wfprov-compss``: makes the crate of a COMPSs run at its end, called as COMPSs calls its own generator.

In: COMPSs' arguments, in the forms of all versions. Out: the crate, the lines that COMPSs' users know (each begins with
``PROVENANCE |``), and an exit status: COMPSs keeps its temporary files when it is not 0, and passes it on to nobody.
Whatever goes wrong is said in a line or two, with the command that makes the crate later.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import provenance
from provenance.cli.text import clean
from provenance.errors import InfoError, UsageError, WfprovError

if TYPE_CHECKING:
    from provenance.crate.settings import PackReport, PackSettings
    from provenance.run.info import Info
    from provenance.run.model import Run

_MOST_SHOWN = 5  # warnings of a kind that are shown one by one
_FAULT = 1
_HELP = """\
Usage: wfprov-compss YAML LOGDIR DEST ZIP      as COMPSs 3.4 calls its generator
       wfprov-compss YAML LOG [DEST]           as versions before do
       wfprov-compss --check | --help

Makes the crate of a COMPSs run that has just ended. A site puts it in the place of COMPSs' own
generate_COMPSs_RO-Crate.py, and 'runcompss --provenance' works as before.

  YAML    what the user knows of the workflow; a run without it, or with a wrong one, is packed too
  LOGDIR  log folder of the run; LOG is the dataprovenance.log in it
  DEST    folder of the crate, by default COMPSs_RO-Crate_<date>_<time>; what is there stays, and
          DEST_2 is taken
  ZIP     true for a zip instead of a folder

  --check  says which Python and which wfprov this is, and nothing else

Ends with 0 when the crate was made; else it says why, and how to make the crate by hand."""


@dataclass(frozen=True, slots=True)
class _Call:
    """What COMPSs asked for."""

    info: Path
    log_folder: Path
    target: Path
    as_zip: bool

    @classmethod
    def of(cls, arguments: Sequence[str]) -> _Call:
        if not 2 <= len(arguments) <= 4:
            raise UsageError(f"2 to 4 arguments are needed, and {len(arguments)} were given; see wfprov-compss --help")
        log = Path(arguments[1])
        as_zip = len(arguments) == 4 and arguments[3].lower() == "true"
        given = arguments[2] if len(arguments) > 2 else ""
        # Three arguments with a log were in use for a while: the last is the folder that the crate goes into.
        is_around = _is_around_us(given) or (len(arguments) == 3 and log.is_file() and Path(given).is_dir())
        if len(arguments) == 2:
            target = Path(f"COMPSs_RO-Crate_{uuid.uuid4()}")
        elif is_around:
            target = Path(given) / f"COMPSs_RO-Crate_{datetime.now():%Y%m%d_%H%M%S}"
        else:
            target = Path(given)
        if as_zip and target.suffix != ".zip":
            target = target.with_name(f"{target.name}.zip")
        return cls(Path(arguments[0]), log.parent if log.is_file() else log, _free(target), as_zip)


def main(arguments: Sequence[str]) -> int:
    """Make the crate and return the exit status; whatever goes wrong is said and not raised."""
    started = time.perf_counter()
    _fill_standard_streams()
    try:
        if "--help" in arguments or "-h" in arguments:
            print(_HELP)
            return 0
        if list(arguments) == ["--check"]:
            _say(f"wfprov {provenance.__version__}, Python {platform.python_version()} ({sys.executable}): ready")
            return 0
        from provenance.cli.packing import terminated_cleanly

        with terminated_cleanly():
            _make(_Call.of(arguments))
        _say(f"Workflow Provenance generation TOTAL EXECUTION TIME: {time.perf_counter() - started:.3f} s")
    except BaseException as error:  # noqa: BLE001 - it is said, whatever it is, and the job goes on
        return _failed(*_explained(error), arguments)
    finally:
        _flush()
    return 0


def _explained(error: BaseException) -> tuple[str, int]:
    """Return what went wrong, and the exit status."""
    if isinstance(error, WfprovError):
        return str(error), error.exit_status
    if isinstance(error, SystemExit):  # of a signal; the half-written crate has been removed
        status = error.code if isinstance(error.code, int) else _FAULT
        return f"it was stopped by signal {status - 128}", status
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted", 130
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror}", _FAULT
    if os.environ.get("COMPSS_PROV_DEBUG"):
        import traceback

        traceback.print_exception(error)
    return f"{type(error).__name__}: {error}; this is a fault of wfprov, please report it", _FAULT


def _make(call: _Call) -> None:
    from provenance.cli.packing import with_wishes, write_crate
    from provenance.crate.settings import PackSettings
    from provenance.engines.compss.load import load
    from provenance.engines.compss.surroundings import with_surroundings

    info = _information(call.info)
    settings = with_wishes(PackSettings(as_zip=call.as_zip, force=_is_empty(call.target)), info, False)
    started = time.perf_counter()
    run = load(call.log_folder, Path.cwd(), info)
    _tell_of_run(run, time.perf_counter() - started)
    # The patch of uncommitted changes is in there until it is in the crate.
    with tempfile.TemporaryDirectory(prefix="wfprov-compss-", ignore_cleanup_errors=True) as folder:
        started = time.perf_counter()
        run = with_surroundings(run, Path(folder))
        _say(f"Machine, job and software detected TIME: {time.perf_counter() - started:.3f} s")
        started = time.perf_counter()
        report = write_crate(run, call.target, settings)
    _tell_of_crate(report, settings, time.perf_counter() - started)


def _information(path: Path) -> Info | None:
    """Read what the user knows; a file that is not there or wrong costs what it says, not the crate."""
    from provenance.run.info import read_info

    if not path.exists():
        _warn(f"YAML file {path} is not there, so the crate has no name, license or authors; 'wfprov init' writes one")
        return None
    try:
        return read_info(path)
    except InfoError as error:
        for line in str(error).splitlines():
            _warn(line)
        _warn(f"{path} is not used; correct it and pack again to have what it says in the crate")
        return None


def _is_around_us(given: str) -> bool:
    """Tell whether a folder is the working folder or above it: a crate can be in it, and can't be it."""
    folder = Path(os.path.abspath(given))
    return folder in (Path.cwd(), *Path.cwd().parents)


def _free(target: Path) -> Path:
    """Return the target, or the next name that is free: what is there stays as it is."""
    if not os.path.lexists(target) or _is_empty(target):
        return target
    stem, suffix = (target.stem, ".zip") if target.suffix == ".zip" else (target.name, "")
    number = 2
    while os.path.lexists(other := target.with_name(f"{stem}_{number}{suffix}")):
        number += 1
    _warn(f"{target} is there already and stays as it is; the crate is {other.name}")
    return other


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())


def _tell_of_run(run: Run, seconds: float) -> None:
    from provenance.run.model import Role

    version = run.engine.version if run.engine is not None and run.engine.version else "unknown"
    main = next((data.path for data in run.data if data.key == run.main), "not found")
    _say(f"COMPSs version: {version}, main_entity: {main}")
    _say(f"COMPSs runtime detected inputs ({len(run.inputs)})")
    _say(f"COMPSs runtime detected outputs ({len(run.outputs)})")
    _say(f"dataprovenance.log processing TIME: {seconds:.3f} s")
    sources = sum(data.role is Role.SOURCE and not data.is_directory for data in run.data)
    _say(f"Application source files detected ({sources})")


def _tell_of_crate(report: PackReport, settings: PackSettings, seconds: float) -> None:
    persistence = {"copy": "True", "reference": "False"}.get(settings.data.value, settings.data.value)
    _say(f"RO-Crate hashing source, input and output files TIME: {report.seconds_hashing:.3f} s")
    _say(
        f"RO-Crate adding source, input and output files TIME (Persistence: {persistence}): "
        f"{report.seconds_copying:.3f} s"
    )
    _say(f"RO-Crate adding metadata of {report.tasks} tasks TIME: {report.seconds_metadata:.3f} s")
    _say(f"RO-Crate writing to disk TIME: {seconds:.3f} s")
    _warn_of("changed since the run, so described without its content", report.changed)
    _warn_of("gone, so described without its content", report.gone)
    _warn_of("not known", report.gaps)
    for one in report.removed:
        _warn(f"a credential was removed: {one.path}, line {one.line}: {one.reason}")
    if report.missing:
        _warn(f"missing for publishing: {', '.join(report.missing)}")
    what = "ZIP file" if settings.as_zip else "sub-folder"
    _say(f"COMPSs Workflow Provenance successfully generated in {what}:\n\t{clean(report.target)}")


def _warn_of(what: str, lines: Sequence[str]) -> None:
    for line in lines[:_MOST_SHOWN]:
        _warn(f"{what}: {line}")
    if len(lines) > _MOST_SHOWN:
        _warn(f"{what}: {len(lines) - _MOST_SHOWN} more")


def _failed(why: str, status: int, arguments: Sequence[str]) -> int:
    for line in why.splitlines():
        _say(f"ERROR: {clean(line)}")
    if len(arguments) > 1:
        log = Path(arguments[1])
        words = ["pack", "--compss", os.path.abspath(log.parent if log.is_file() else log), "--workdir", _cwd()]
        if Path(arguments[0]).is_file():
            words += ["--info", os.path.abspath(arguments[0])]
        _say(f"No crate was made, and nothing was changed. To make it later: {_wfprov()} {shlex.join(words)}")
    _flush()
    return status or _FAULT


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return os.environ.get("PWD", ".")


def _wfprov() -> str:
    """Return how a user calls our command, whatever is on PATH."""
    beside = Path(sys.executable).with_name("wfprov")
    return shlex.quote(str(beside)) if beside.is_file() else "wfprov"


def _warn(sentence: str) -> None:
    _say(f"WARNING: {clean(sentence)}")


def _say(sentence: str) -> None:
    try:
        print(f"PROVENANCE | {sentence}", flush=True)
    except (OSError, ValueError):  # nobody reads it any more, or the disk is full; the crate is what matters
        return


def _flush() -> None:
    """Write what is left; what can't be written must not become an error at exit."""
    if sys.stdout is None:  # it was closed when we were started
        return
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _fill_standard_streams() -> None:
    """Put the null device where a standard stream is closed, lest a file of the crate take its place."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
