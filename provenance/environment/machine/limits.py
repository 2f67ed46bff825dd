"""What of a machine's memory and processors a run may use at most: the limits of its control groups.

In: files below ``/proc`` and ``/sys/fs/cgroup``, of version 1 or 2. Out: bytes and a number of processors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def of_control_groups(root: Path = Path("/")) -> tuple[int | None, float | None]:
    """Return the bytes of memory and the processors that this process and its children may use together.

    None where there is no limit. The limits of the groups above count too; within a container these are not seen.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are.
    """
    memory: list[int] = []
    processors: list[float] = []
    for folder in _folders(root, "memory"):
        memory += _numbers(folder / "memory.max")[:1] + _numbers(folder / "memory.limit_in_bytes")[:1]
    for folder in _folders(root, "cpu"):
        quota = _numbers(folder / "cpu.max")
        quota = quota or _numbers(folder / "cpu.cfs_quota_us")[:1] + _numbers(folder / "cpu.cfs_period_us")[:1]
        if len(quota) == 2 and min(quota) > 0:
            processors.append(quota[0] / quota[1])
    return min(memory, default=None), min(processors, default=None)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, the innermost first (cgroups(7))."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        names, _, place = rest.partition(":")
        if number == "0" and not names:
            base = root / "sys/fs/cgroup"
        elif controller in names.split(","):
            base = root / "sys/fs/cgroup" / controller
        else:
            continue
        group = base / place.strip("/")
        yield group
        yield from (above for above in group.parents if above.is_relative_to(base))


def _numbers(path: Path) -> list[int]:
    """Return the numbers of a file; none where it says "max" (no limit) first, or is not there."""
    try:
        words = path.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []
    return [int(word) for word in words] if all(word.isdecimal() for word in words) else []
