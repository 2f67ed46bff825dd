"""The machine that a run takes place on.

In: files of the kernel and the distribution. Out: the ``host`` section of the package's docstring.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any


def describe() -> dict[str, Any]:
    """Return the ``host`` section; what can't be found out is left out."""
    system = platform.uname()
    found = {
        "system": _distribution() or system.system,
        "kernel": f"{system.system} {system.release}".strip(),
        "machine": system.machine,
        "cpu_model": _cpu_model(),
        "cpu_count": _cpu_count(),
        "memory": _memory(),
        "hostname": system.node,
    }
    return {key: value for key, value in found.items() if value}


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


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
