"""What standard output and error are connected to, without touching them.

In comes a file descriptor; out goes ``{kind, path?, offset?}`` as the ``run`` and ``end`` events
have it.
"""

from __future__ import annotations

import fcntl
import os
import stat
from typing import Any, Dict

_NULL_DEVICE = os.makedev(1, 3)


def stream(fd: int) -> Dict[str, Any]:
    """Describe descriptor `fd`; for a file, `offset` is where the next byte goes."""
    try:
        found = os.fstat(fd)
        if stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):
            return {"kind": "pipe"}
        if stat.S_ISREG(found.st_mode):
            appends = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND
            offset = found.st_size if appends else os.lseek(fd, 0, os.SEEK_CUR)
            # A deleted file has a path that ends with " (deleted)" and is no longer that file.
            path = os.readlink(f"/proc/self/fd/{fd}")
            named = {"path": path} if _is_same(path, found) else {}
            return {"kind": "file", "offset": offset, **named}
        if stat.S_ISCHR(found.st_mode) and found.st_rdev == _NULL_DEVICE:
            return {"kind": "null"}
        return {"kind": "terminal" if os.isatty(fd) else "other"}
    except OSError:  # closed, as with `>&-`
        return {"kind": "other"}


def _is_same(path: str, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), found)
    except OSError:
        return False
