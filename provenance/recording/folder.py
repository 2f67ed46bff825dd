"""Where a record goes: run ids, the run folder, and the places to turn to when it can't be made.

In comes the record root that the user wants; out goes a folder ``<root>/.wfprov/<run id>`` that
could be made.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import Iterator, List, Mapping, Optional

RECORDS = ".wfprov"
ENV_RECORD_ROOT = "WFPROV_DIR"


def new_run_id(start: int) -> str:
    """Return an id that sorts by time and is safe as a file name, like ``20261122T171500Z-ab12cd``.

    Parameters
    ----------
    start
        Nanoseconds since the epoch.
    """
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(start // 1_000_000_000)) + "-" + os.urandom(3).hex()


def record_root(chosen: Optional[str], environment: Mapping[str, str]) -> Path:
    """Return what is to hold ``.wfprov``: `chosen`, ``$WFPROV_DIR``, or the working folder."""
    try:
        return Path(os.path.abspath(chosen or environment.get(ENV_RECORD_ROOT) or "."))
    except FileNotFoundError:  # the working folder was deleted: nothing can be made there, which sends us elsewhere
        return Path("/proc/self/cwd")


def fallback_roots(environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the roots to try, one after the other, when the chosen one can't be written."""
    state = environment.get("XDG_STATE_HOME", "")
    if os.path.isabs(state):
        yield Path(state, "wfprov")
    elif os.path.isabs(environment.get("HOME", "")):
        yield Path(environment["HOME"], ".local", "state", "wfprov")
    yield Path(environment.get("TMPDIR") or "/tmp", f"wfprov-{os.getuid()}")


def make_run_folder(root: Path, run_id: str) -> Path:
    """Make and return ``<root>/.wfprov/<run id>``, which only its owner can enter.

    Raises
    ------
    OSError
        When it can't be made, when `root` is a folder in a shared place that belongs to somebody
        else, or when ``.wfprov`` is a link or not the user's own.
    """
    records = root / RECORDS
    _make_root(root)
    _make_records(records)
    _keep_out_of_git(records)
    folder = records / run_id
    folder.mkdir(mode=0o700)
    return folder


def explain(failures: List[OSError]) -> str:
    """Say in one line why the folders could not be made."""
    return "; ".join(f"{failure.filename or 'folder'}: {failure.strerror or failure}" for failure in failures)


def _make_root(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    around = root.parent.stat()
    if around.st_mode & stat.S_ISVTX and around.st_mode & stat.S_IWOTH and root.lstat().st_uid != os.getuid():
        raise PermissionError(errno.EPERM, "belongs to another user, in a folder that everybody can write", str(root))


def _make_records(records: Path) -> None:
    """Make the folder of all records; whoever owns it could read, move and replace them."""
    try:
        records.mkdir(mode=0o700)
    except FileExistsError:
        found = records.lstat()
        if not stat.S_ISDIR(found.st_mode):
            what = "is a link, where records are not put" if stat.S_ISLNK(found.st_mode) else "is no folder"
            raise NotADirectoryError(errno.ENOTDIR, what, str(records)) from None
        if found.st_uid != os.getuid():
            raise PermissionError(errno.EPERM, "belongs to another user", str(records)) from None
        if found.st_mode & 0o077:
            records.chmod(0o700)


def _keep_out_of_git(records: Path) -> None:
    try:
        with (records / ".gitignore").open("x") as file:
            file.write("*\n")
    except FileExistsError:
        return
