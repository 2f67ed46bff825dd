"""Which file says what the user knows of a run.

In: the log folder of a run, and perhaps its working folder. Out: the path of a ``ro-crate-info.yaml``: the one that
``--provenance=FILE`` named when the run was submitted, else the one of that name in the working folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from provenance.engines.compss import submission
from provenance.engines.compss.log_beginning import LogBeginning, beginning
from provenance.engines.compss.work_folder import find_work_folder, submission_line
from provenance.run.info import FILE_NAME

_LOG = "dataprovenance.log"
# What is a switch and not the name of a file.
_SWITCHES = ("", "true", "false")


def find(log_folder: Path, work_folder: Path | None) -> Path | None:
    """Return the information file of a run, or None when there is none.

    Parameters
    ----------
    log_folder
        The run's own folder, or the ``dataprovenance.log`` in it; when it is neither, there is no such file.
    work_folder
        The folder that the application was started in; found by itself when not given.
    """
    log = log_folder if log_folder.is_file() else log_folder / _LOG
    begun = beginning(log) if log.is_file() else LogBeginning()
    if work_folder is None:
        run = log.absolute().parent.name
        work_folder = find_work_folder(begun, run if run.isascii() and run.isdigit() else None, [], log.parent)
    for name in (_named(work_folder, begun.application), FILE_NAME):
        if name is not None and (path := work_folder / os.path.expanduser(name)).is_file():
            return path
    return None


def _named(work_folder: Path, application: str | None) -> str | None:
    """Return the file that the submission line names."""
    path = submission_line(work_folder, application, [])
    given = submission.read(path, application, work_folder) if path is not None else None
    named = given.option("--provenance", "-p") if given is not None else None
    return None if named is None or named.lower() in _SWITCHES else named
