"""What this machine can watch a run with, found out cheaply enough to be asked at each start.

In comes the trace that the user chose; out goes the one to use, and in a sentence why it is not the
best one.
"""

from __future__ import annotations

import os
import signal
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import List, Mapping, Optional, Tuple

TRACES = ("auto", "preload", "strace", "audit", "off")
AUDIT_FOLDER = Path(__file__).with_name("audit")
# Offsets in an ELF header: class and byte order together (2 bytes), then the machine (2 bytes).
_ELF_MAGIC = b"\x7fELF"
_ST_NOEXEC = 8


@dataclass(frozen=True)
class Trace:
    """The way a run is watched.

    Attributes
    ----------
    name
        ``preload``, ``strace``, ``audit`` or ``off``.
    tool
        The shim or the strace program; empty for the others.
    why
        Why a better one is not used; empty when this is the best or was chosen.
    """

    name: str
    tool: str = ""
    why: str = ""


def choose(wanted: str, environment: Mapping[str, str]) -> Trace:
    """Return the trace to use for `wanted`, one of :data:`TRACES`, or the next one that works."""
    if wanted == "off":
        return Trace("off")
    reasons: List[str] = []
    if wanted in ("auto", "preload"):
        shim, why_not = find_shim()
        if shim:
            return Trace("preload", shim)
        reasons.append(why_not)
    if wanted in ("auto", "preload", "strace"):
        strace, why_not = find_strace(environment)
        if strace:
            return Trace("strace", strace, "; ".join(reasons))
        reasons.append(why_not)
    if wanted != "audit" and not AUDIT_FOLDER.joinpath("sitecustomize.py").is_file():
        return Trace("off", why="; ".join([*reasons, "the audit hook is not installed"]))
    return Trace("audit", why="; ".join(reasons))


def find_shim() -> Tuple[str, str]:
    """Return the path of the shim and "", or "" and why it can't be used."""
    found = sorted(Path(__file__).parent.glob("_shim*.so"))
    if not found:
        return "", "the shim was not built (no C compiler at installation)"
    shim = found[0]
    try:
        if elf_kind(shim) != elf_kind(Path("/proc/self/exe")):
            return "", f"the shim was built for another kind of machine ({shim})"
        if os.statvfs(shim).f_flag & _ST_NOEXEC:
            return "", f"the shim lies on a file system from which nothing may be executed ({shim})"
    except OSError as error:
        return "", f"the shim can't be read ({shim}: {error.strerror})"
    return str(shim), ""


def elf_kind(path: Path) -> Tuple[bytes, bytes]:
    """Return what tells ELF files for different machines apart: class with byte order, and machine.

    Raises
    ------
    OSError
        When the file can't be read; a file that is not ELF gives two empty values.
    """
    with path.open("rb") as file:
        head = file.read(20)
    if not head.startswith(_ELF_MAGIC):
        return b"", b""
    return head[4:6], head[18:20]


def why_unwatched(program: Path, trace: str) -> str:
    """Say why `program` left no trace in a journal although it was started."""
    if trace == "audit":
        return "it is no Python program, or one that ignores its environment"
    try:
        if program.stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
            return "setuid"
        with program.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        return f"unreadable ({error.strerror})"
    if head[4:6] + head[18:20] != b"".join(elf_kind(Path("/proc/self/exe"))):
        return "architecture"
    # The text of PT_INTERP, the loader's path, stands in the first page of every dynamic program.
    return "static" if b"/ld" not in head else "it ended before it could be watched"


def find_strace(environment: Mapping[str, str]) -> Tuple[str, str]:
    """Return the path of a strace that works here and "", or "" and why there is none."""
    path = find_program("strace", environment)
    if not path:
        return "", "strace is not installed"
    if traced_by() != 0:
        return "", "this process is being traced already"
    if not _succeeds(
        [path, "-DD", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=execve", "true"],
        environment,
    ):
        return (
            "",
            "strace can't trace here (older than 5.3, or ptrace is forbidden as in many containers)",
        )
    return path, ""


def find_program(name: str, environment: Mapping[str, str]) -> Optional[str]:
    """Return what the PATH in `environment` finds for `name`, as execvp would."""
    if "/" in name:
        return name
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder or ".", name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def traced_by() -> int:
    """Return the process id of what traces this process, 0 for none."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - hot
            for line in file:
                if line.startswith("TracerPid:"):
                    return int(line.split()[1])
    except (OSError, ValueError):
        return 0
    return 0


def _succeeds(command: List[str], environment: Mapping[str, str]) -> bool:
    quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]
    try:
        pid = os.posix_spawn(
            command[0],
            command,
            environment,
            file_actions=quiet,
            setsigdef=[signal.SIGPIPE, signal.SIGCHLD],
        )
        return os.waitpid(pid, 0)[1] == 0
    except OSError:
        return False
