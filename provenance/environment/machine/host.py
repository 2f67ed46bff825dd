"""The machine that a run takes place on.

In: files of the kernel and the distribution, and the working folder. Out: the ``host`` section of the package's
docstring.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from provenance.environment.machine import accelerators, limits


def describe(cwd: str) -> dict[str, Any]:
    """Return the ``host`` section; what can't be found out is left out.

    Parameters
    ----------
    cwd
        The working folder, whose file system is named.
    """
    system = platform.uname()
    memory, processors = limits.of_control_groups()
    found = {
        "system": operating_system(),
        "kernel": f"{system.system} {system.release}".strip(),
        "machine": system.machine,
        "cpu_model": _cpu_model(),
        "cpu_count": _cpu_count(),
        "memory": (installed := _memory()),
        "memory_limit": memory if memory and installed and memory < installed else None,
        "cpu_limit": processors if processors and processors < (_cpu_count() or 0) else None,
        "hostname": system.node,
        "file_system": file_system(cwd),
        "accelerators": accelerators.describe(),
        **_microarchitecture(),
    }
    return {key: value for key, value in found.items() if value}


def operating_system() -> str:
    """Return the operating system as its makers name it: that of the container, in a container."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        name = None
    return name or platform.system()


def _cpu_model() -> str | None:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            text = file.read(64 * 1024)  # the first processors are enough
    except OSError:
        return None
    # x86 has "model name", POWER "cpu", some ARM kernels "Hardware"; others say nothing readable.
    for key in ("model name", "cpu model", "cpu", "Hardware", "Processor"):
        match = re.search(rf"^{key}[ \t]*:[ \t]*(\S.*?)\s*$", text, re.MULTILINE)
        if match:
            return match.group(1)
    return None


def _cpu_count() -> int | None:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _microarchitecture() -> dict[str, Any]:
    """Return what archspec knows the processor as; nothing where it fails on an unusual one."""
    try:
        import archspec.cpu

        found = archspec.cpu.host()
        return {"microarchitecture": str(found.name), "features": sorted(map(str, found.features))}
    except Exception:  # noqa: BLE001 - a name that can be done without; the other facts must not be lost with it
        return {}


def file_system(folder: str, mounts: str = "/proc/self/mountinfo") -> str | None:
    """Return the type of the file system that a folder is on, such as ``ext4``, ``lustre`` or ``overlay``.

    Parameters
    ----------
    folder
        An absolute path; symbolic links are followed.
    mounts
        A list of mounts, in the form of :manpage:`proc(5)`.
    """
    real = os.fsencode(os.path.realpath(folder)).rstrip(b"/") + b"/"
    longest, found = b"", None
    try:
        lines = Path(mounts).read_bytes().split(b"\n")
    except OSError:
        return None
    for line in lines:
        place, _, mounted = line.partition(b" - ")
        fields = place.split(b" ")
        if len(fields) < 5 or not mounted:
            continue
        point = _unescaped(fields[4]).rstrip(b"/") + b"/"
        # What was mounted later hides what was mounted there before.
        if real.startswith(point) and len(point) >= len(longest):
            longest, found = point, mounted.split(b" ")[0].decode("ascii", "replace")
    return found


def _unescaped(path: bytes) -> bytes:
    r"""Return a path from a list of mounts, where blanks and the like are octal: ``\040``."""
    return re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found.group(1), 8) & 255]), path)
