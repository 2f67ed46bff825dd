"""Where the files of a COMPSs run lie.

In: the log folder of a run, and perhaps the folder that it was started in. Out: :class:`RunFiles`. Of the files only
the beginning of ``dataprovenance.log`` and the outputs of jobs are read; nothing is written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from provenance.engines.compss import job_logs
from provenance.engines.compss.folders import entries
from provenance.engines.compss.log_beginning import LogBeginning, beginning
from provenance.engines.compss.records import Problem, RunFiles
from provenance.engines.compss.work_folder import console_outputs, find_work_folder, submission_line
from provenance.errors import JournalError

_LOG = "dataprovenance.log"
_GRAPH = "monitor/complete_graph.dot"
_DRAWINGS = ("monitor/complete_graph.svg", "monitor/complete_graph.dot.svg")
_PROFILE = "App_Profile.json"
_STATISTICS = re.compile(r"resource_profiling_.+\.csv")
# Collected logs are "static"; of a run that was killed the others may be left.
_WORKER_LOG = re.compile(r"(static_)?(binding_dp|worker_dp)\.out(?:\.([0-9]+))?")
_MOST_RUNS_NAMED = 3


def find_files(log_folder: Path, work_folder: Path | None = None) -> RunFiles:
    """Find the files of a run.

    Parameters
    ----------
    log_folder
        ``~/.COMPSs/<application>_01`` or ``~/.COMPSs/<job>``, or the ``dataprovenance.log`` in it.
    work_folder
        The folder that the application was started in. When not given, it is the current folder or the nearest one
        above the files in the log, whichever has the files that COMPSs leaves there.

    Raises
    ------
    JournalError
        There are no logs of a COMPSs run.
    """
    folder, log = _log(log_folder)
    problems: list[Problem] = []
    begun = beginning(log) if log is not None else LogBeginning()
    job_id = folder.name if folder.name.isascii() and folder.name.isdigit() else None
    if work_folder is None:
        work_folder = find_work_folder(begun, job_id, problems, folder)
    submission = submission_line(work_folder, begun.application, problems)
    if job_id is None and not _is_local(folder.name, begun.application):
        job_id = _only_job(work_folder)
    output, error = console_outputs(work_folder, job_id)
    logs, unread = job_logs.read(folder / "jobs")
    problems += unread
    readable = _Readable(problems)
    return RunFiles(
        log_folder=folder,
        work_folder=work_folder,
        provenance_log=log,
        worker_logs=tuple(_worker_logs(folder / "workers")),
        node_statistics=tuple(_node_statistics(folder)),
        profile=readable.first([work_folder / (begun.profile or _PROFILE)]),
        graph=readable.first([folder / _GRAPH]),
        drawing=readable.first(folder / name for name in _DRAWINGS),
        submission=readable.first([submission] if submission else []),
        job_id=job_id,
        console_output=readable.first([output] if output else []),
        console_error=readable.first([error] if error else []),
        job_logs=logs,
        traces=tuple(Path(entry.path) for entry in entries(str(folder / "trace")) if not entry.is_folder),
        problems=tuple(problems),
    )


class _Readable:
    """Chooses files that can be read and have something in them; `problems` gets those that can't be read."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems

    def first(self, candidates: Iterable[Path]) -> Path | None:
        for path in candidates:
            try:
                if not path.is_file() or not path.stat().st_size:
                    continue
            except OSError:
                continue
            if os.access(path, os.R_OK):
                return path
            self._problems.append(Problem(str(path), None, "it can't be read: no permission"))
        return None


def _log(given: Path) -> tuple[Path, Path | None]:
    """Return the log folder, and the log of accesses in it."""
    if given.is_file():
        if given.name != _LOG:
            raise JournalError(
                f"{given} is a file, and not a {_LOG}; give the log folder of a COMPSs run or the {_LOG} in it"
            )
        return given.parent, given
    if not given.is_dir():
        raise JournalError(
            f"{given} is not there; give the log folder of a COMPSs run, which is ~/.COMPSs/<application>_01, "
            "~/.COMPSs/<job>, or what --log_dir said"
        )
    if not os.access(given, os.R_OK | os.X_OK):
        raise JournalError(f"{given} can't be read: no permission; ask its owner for a copy")
    if _is_run(given):
        log = given / _LOG
        return given, log if log.is_file() else None
    runs = sorted(_runs_in(given), key=_last_change, reverse=True)
    looked_for = f"neither {_LOG} nor {_GRAPH} nor jobs/"
    if not runs:
        raise JournalError(f"{given} is no log folder of a COMPSs run: it has {looked_for}; give ~/.COMPSs/<run>")
    newest = ", ".join(str(run) for run in runs[:_MOST_RUNS_NAMED])
    what = f"of {len(runs)} runs, the newest are" if len(runs) > _MOST_RUNS_NAMED else "the newest first"
    raise JournalError(f"{given} has {looked_for}, but the log folders of runs; give one of them ({what}): {newest}")


def _is_run(folder: Path) -> bool:
    return (folder / _LOG).is_file() or (folder / _GRAPH).is_file() or (folder / "jobs").is_dir()


def _runs_in(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as listed:
        for entry in listed:
            if entry.is_dir() and _is_run(Path(entry.path)):
                yield Path(entry.path)


def _last_change(folder: Path) -> float:
    for path in (folder / _LOG, folder):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _is_local(name: str, application: str | None) -> bool:
    """Tell whether COMPSs named a log folder after the application, as it does for runs without a batch system."""
    return application is not None and re.fullmatch(re.escape(application) + r"_[0-9]+", name) is not None


def _only_job(work_folder: Path) -> str | None:
    try:
        names = os.listdir(work_folder)
    except OSError:
        return None
    found = [match[1] for name in names if (match := re.fullmatch(r"compss-([0-9]+)\.out", name))]
    return found[0] if len(found) == 1 else None


def _worker_logs(folder: Path) -> Iterator[Path]:
    """Yield the logs of tasks of the workers, node by node, the oldest part of each first."""
    for node in _subfolders(folder):
        for place in (node / "Log", node):
            parts = [(match, name) for name in _names(place) if (match := _WORKER_LOG.fullmatch(name))]
            collected = {match[2] for match, _ in parts if match[1]}
            chosen = [(match, name) for match, name in parts if match[1] or match[2] not in collected]
            for _, name in sorted(chosen, key=lambda each: (each[0][2], -int(each[0][3] or 0))):
                yield place / name


def _node_statistics(folder: Path) -> list[Path]:
    """Return the samples of the nodes: collected in ``stats/``, or still with the workers."""
    found = [folder / "stats" / name for name in _names(folder / "stats") if _STATISTICS.fullmatch(name)]
    if found:
        return found
    inside = (Path(entry.path) for entry in entries(str(folder / "workers")) if not entry.is_folder)
    return [path for path in inside if _STATISTICS.fullmatch(path.name)]


def _subfolders(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder) if (folder / name).is_dir()]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
