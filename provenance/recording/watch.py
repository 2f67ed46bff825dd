"""How a command is started so that it is watched: the arguments and the environment of each trace.

In come the command, a run folder and a :class:`~provenance.recording.capabilities.Trace`; out goes
a :class:`Plan` of what to start.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import zlib
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from provenance.journal.events import (
    ENV_HOST,
    ENV_JOURNAL,
    ENV_PARENT,
    ENV_SAVE_LIMIT,
    ENV_SHIM,
    ENV_START,
    ENV_TASK,
    STRACE_FILE_PREFIX,
)
from provenance.recording.capabilities import AUDIT_FOLDER, Trace

STRACE_CALLS = (
    "open,openat,openat2,creat,execve,execveat,fork,vfork,clone,clone3,rename,renameat,renameat2,link,linkat,"
    "symlink,symlinkat,unlink,unlinkat,truncate,chdir,fchdir,dup2,dup3,exit_group"
)
# Profilers, timers and language run times send these by the thousand.
_STRACE_SIGNALS = "!SIGPROF,SIGVTALRM,SIGALRM,SIGURG"

LINK = "shim.so"  # in the run folder, to a shim whose own path can't be preloaded


@dataclass(frozen=True)
class Plan:
    """What to start."""

    command: Tuple[str, ...]
    environment: Dict[str, str]


def unwatched(command: Sequence[str], environment: Mapping[str, str]) -> Plan:
    """Return the plan that starts `command` as if there were no recording."""
    return Plan(tuple(command), _without_recording(environment))


def plan(
    command: Sequence[str],
    environment: Mapping[str, str],
    trace: Trace,
    run_folder: str,
    *,
    start: int,
    save_limit: int,
) -> Plan:
    """Return what to start so that `trace` watches `command` and writes into `run_folder`.

    Parameters
    ----------
    start
        Nanoseconds since the epoch: what is older existed before the run.
    save_limit
        Bytes; larger files are not saved before they are overwritten.
    """
    inherited = _without_recording(environment)
    if trace.name == "off":
        return Plan(tuple(command), inherited)
    inherited[ENV_JOURNAL] = run_folder
    inherited[ENV_START] = str(start)
    inherited[ENV_SAVE_LIMIT] = str(save_limit)
    if trace.name == "preload":
        try:
            shim = _loadable(trace.tool, run_folder)
        except OSError:  # the command runs in any case; that it was not watched becomes a gap
            return Plan(tuple(command), inherited)
        inherited[ENV_SHIM] = shim
        inherited[ENV_PARENT] = ""  # the shim puts its own id in this place
        inherited["LD_PRELOAD"] = _joined(shim, inherited.get("LD_PRELOAD", ""))
        # Programs built with AddressSanitizer refuse to start behind another library unless told.
        inherited["ASAN_OPTIONS"] = _joined("verify_asan_link_order=0", inherited.get("ASAN_OPTIONS", ""))
        return Plan(tuple(command), inherited)
    if trace.name == "strace":
        return Plan((*_strace(trace.tool, run_folder), *command), inherited)
    inherited["PYTHONPATH"] = os.pathsep.join(filter(None, [str(AUDIT_FOLDER), inherited.get("PYTHONPATH", "")]))
    return Plan(tuple(command), inherited)


def strace_log(run_folder: str) -> str:
    """Return the path of strace's log; the reader takes the name of the host from it."""
    return os.path.join(run_folder, f"{STRACE_FILE_PREFIX}{os.uname().nodename}")


def _strace(strace: str, run_folder: str) -> List[str]:
    # -DD: strace itself is detached and the command is our own child, with its signals and its
    # status. -y names descriptors and the working folder; a call without them could not be told
    # where it went.
    return [
        *(
            strace,
            "-DD",
            "-f",
            "--seccomp-bpf",
            "-q",
            "-ttt",
            "-y",
            "-s",
            "4096",
            "-o",
            strace_log(run_folder),
        ),
        *("-e", f"trace={STRACE_CALLS}", "-e", f"signal={_STRACE_SIGNALS}", "--"),
    ]


def _without_recording(environment: Mapping[str, str]) -> Dict[str, str]:
    """Leave out what an outer recording has set, so that two are not mixed up."""
    kept = dict(environment)
    shim = kept.get(ENV_SHIM)
    for name in (ENV_JOURNAL, ENV_START, ENV_SAVE_LIMIT, ENV_PARENT, ENV_TASK, ENV_SHIM, ENV_HOST):
        kept.pop(name, None)
    _drop(kept, "LD_PRELOAD", shim)
    _drop(kept, "PYTHONPATH", str(AUDIT_FOLDER))
    return kept


def _drop(environment: Dict[str, str], name: str, part: Optional[str]) -> None:
    if part is None or name not in environment:
        return
    parts = environment[name].split(os.pathsep)
    if part in parts:
        environment[name] = os.pathsep.join(found for found in parts if found != part)
        if not environment[name]:
            del environment[name]


def _joined(shim: str, preloaded: str) -> str:
    # What the user preloads stays in front: it may want to be asked first (memory allocators, MPI
    # profilers).
    return f"{preloaded}:{shim}" if preloaded else shim


def _loadable(shim: str, run_folder: str) -> str:
    """Return a path of the shim that LD_PRELOAD can hold.

    A link, where one is needed, stays: processes that go on behind the command have it in their environment.
    """
    if _can_stand_in_a_list(shim):
        return shim
    if _can_stand_in_a_list(run_folder):
        link = os.path.join(run_folder, LINK)
        try:
            if not os.path.islink(link):
                os.symlink(shim, link)
            if os.readlink(link) == shim:
                return link
        except OSError:  # a file system without links
            return _lasting_link(shim)
    return _lasting_link(shim)


def _lasting_link(shim: str) -> str:
    """Return the one link to this shim in a folder of the user's own; later runs find it there."""
    temporary = tempfile.gettempdir() if _can_stand_in_a_list(tempfile.gettempdir()) else "/tmp"
    name = f"{zlib.crc32(os.fsencode(shim)):08x}.so"
    for folder in (os.path.join(temporary, f"wfprov-shim-{os.getuid()}"), ""):
        try:
            if folder:
                os.makedirs(folder, mode=0o700, exist_ok=True)
            else:
                folder = tempfile.mkdtemp(prefix="wfprov-shim-", dir=temporary)  # noqa: PLW2901 - a stranger's was there
            found = os.lstat(folder)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
                continue
            link = os.path.join(folder, name)
            if not os.path.islink(link):
                os.symlink(shim, link)
            if os.readlink(link) == shim:
                return link
        except FileExistsError:  # no folder, or another run was faster
            continue
    raise FileExistsError(errno.EEXIST, "another link stands in the place of the shim's", temporary)


def _can_stand_in_a_list(path: str) -> bool:
    return not set(path) & set(" :\t\n$")
