"""The folder that a run was started in, and what COMPSs left in it.

In: the beginning of the log, the number of the job. Out: the folder, the file with the submission line, the outputs
of the job. COMPSs names none of them in its log, so they are known by their names and by the application in them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from provenance.engines.compss.log_beginning import LogBeginning
from provenance.engines.compss.records import Problem

# From 3.4 on, from 3.2 on, before.
SUBMISSION_LINES = (
    ".compss_submission_command_line.txt",
    "compss_submission_command_line.txt",
    "compss_command_line_arguments.txt",
)
_WEAK_MARKS = ("App_Profile.json", "ro-crate-info.yaml")
_LONGEST_LINE = 4 * 1024 * 1024


def find_work_folder(begun: LogBeginning, job_id: str | None, problems: list[Problem], log_folder: Path) -> Path:
    """Return the folder that a run was started in.

    It is the current one, or the nearest above the files of the run, where the submission line or the output of the
    job is; else where a profile or a ``ro-crate-info.yaml`` is; else the current one, with a problem.
    """
    current = Path.cwd()
    candidates = [current, *_above(begun.folders)]
    for folder in candidates:
        if _is_strong(folder, begun.application, job_id):
            return folder
    marks = (*_WEAK_MARKS, begun.profile) if begun.profile else _WEAK_MARKS
    for folder in candidates:
        if any((folder / name).is_file() for name in marks):
            return folder
    what = f"the folder that the run was started in was not found, so {current} is taken for it; --workdir names it"
    problems.append(Problem(str(log_folder), None, what))
    return current


def submission_line(folder: Path, application: str | None, problems: list[Problem]) -> Path | None:
    """Return the newest file in a folder with a submission line of an application."""
    found: list[tuple[float, Path]] = []
    other: Path | None = None
    for name in SUBMISSION_LINES:
        path = folder / name
        try:
            changed = path.stat().st_mtime
            text = _beginning(path)
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(Problem(str(path), None, f"it can't be read: {error.strerror}"))
            continue
        if _is_of(text, application):
            found.append((changed, path))
        elif text.strip():
            other = path
    if not found and other is not None:
        problems.append(
            Problem(str(other), None, f"it is of another application than {application}, so it is not used")
        )
    return max(found, key=lambda each: each[0])[1] if found else None


def console_outputs(folder: Path, job_id: str | None) -> tuple[Path | None, Path | None]:
    """Return where the standard output and error of a job are, or would be."""
    if job_id is None:
        return None, None
    return folder / f"compss-{job_id}.out", folder / f"compss-{job_id}.err"


def _above(folders: tuple[str, ...]) -> Iterator[Path]:
    """Yield the folders and all above them, each once, those of one file from the nearest on."""
    known: set[str] = set()
    for folder in folders:
        place = os.path.normpath(folder)
        while place not in known:
            known.add(place)
            yield Path(place)
            place = os.path.dirname(place)


def _is_strong(folder: Path, application: str | None, job_id: str | None) -> bool:
    if job_id is not None and (folder / f"compss-{job_id}.out").is_file():
        return True
    for name in SUBMISSION_LINES:
        try:
            text = _beginning(folder / name)
        except OSError:
            continue
        if text.strip() and _is_of(text, application):
            return True
    return False


def _is_of(text: str, application: str | None) -> bool:
    return application is None or application.rpartition("/")[2] in text


def _beginning(path: Path) -> str:
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        return file.read(_LONGEST_LINE)
