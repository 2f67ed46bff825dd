"""What all processes of a run use together on this host, as ``/proc`` tells it.

In comes the id of the command's process and the run folder; out goes, at each call, the CPU seconds of all its
processes so far, the memory that they hold now and how many they are. Reads only, and nothing that a process would
have to wait for: not the maps of its memory, for one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Dict, Iterable, List, Optional, Set

from provenance.journal.events import ENV_JOURNAL

_PROC = "/proc"
_LONGEST_STAT = 4096  # bytes; the numbers are at most some hundred, the name in it is short
_LONGEST_ENVIRONMENT = 1 << 20  # bytes


@dataclass
class _Process:
    """One process as it was last seen; times in clock ticks."""

    start: int
    parent: int
    own: int  # of itself
    left: int  # of the children that it has waited for, and of theirs
    pages: int
    is_zombie: bool


@dataclass(frozen=True)
class TreeUse:
    """What the processes of a run use.

    Attributes
    ----------
    cpu
        Seconds since the run began, of the living and of those that have ended, as far as they were seen.
    memory
        Resident bytes of the living, each for itself: what several share counts for each of them.
    processes
        How many are living.
    """

    cpu: float
    memory: int
    processes: int


class ProcessTree:
    """The command's process, what it started, and what these started.

    A process is recognized by its parent when it is first seen, so that one that loses its parent stays; one that
    has lost it before is recognized by the run folder in its environment.
    """

    def __init__(self, root: int, run_folder: str, apart: Iterable[str] = ()) -> None:
        """Begin with nothing seen.

        Parameters
        ----------
        root
            Id of the command's process.
        run_folder
            As it stands in the environment of all that is watched.
        apart
            Names of programs that watch the run and are no part of it.
        """
        self._root = root
        self._mark = os.fsencode(f"{ENV_JOURNAL}={run_folder}")
        self._apart = frozenset(os.fsencode(name) for name in apart)
        self._tick = 1.0 / os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._known: Dict[int, _Process] = {}
        self._strangers: Set[int] = set()
        self._lost = 0  # ticks of the ended that no living parent accounts for

    def measure(self) -> Optional[TreeUse]:
        """Look at all processes; None when that can't be done here or the command has ended."""
        try:
            present = {int(name) for name in os.listdir(_PROC) if name.isdecimal()}
        except OSError:
            return None
        before, now = self._known, {}
        for pid, was in before.items():
            found = _look(pid) if pid in present else None
            if found is not None and found.start == was.start:
                now[pid] = found
            elif pid in present:  # another one has its number
                self._strangers.discard(pid)
        self._strangers &= present
        self._account(before, now)
        self._adopt(sorted(present - self._strangers - now.keys()), now)
        self._known = now
        if self._root not in now:
            return None
        ticks = self._lost + sum(one.own + one.left for one in now.values())
        living = [one for one in now.values() if not one.is_zombie]
        return TreeUse(ticks * self._tick, sum(one.pages for one in living) * self._page, len(living))

    def _account(self, before: Dict[int, _Process], now: Dict[int, _Process]) -> None:
        """Keep the time of the ended that did not pass to a parent who waited for them."""
        owed: Dict[int, int] = {}
        for pid, was in before.items():
            if pid in now:
                continue
            heir, seen = was.parent, {pid}
            while heir not in now and heir in before and heir not in seen:
                seen.add(heir)
                heir = before[heir].parent
            owed[heir] = owed.get(heir, 0) + was.own + was.left
        for heir, ticks in owed.items():
            got = now[heir].left - before[heir].left if heir in now else 0
            self._lost += max(0, ticks - got)

    def _adopt(self, new: List[int], now: Dict[int, _Process]) -> None:
        """Tell the processes of the run among new ones from strangers."""
        found = {pid: one for pid in new for one in [_look(pid)] if one is not None}
        for pid, one in found.items():
            line = [pid]
            while line[-1] in found and line[-1] not in now and found[line[-1]].parent not in line:
                line.append(found[line[-1]].parent)
            if self._root not in line and not any(each in now for each in line) and not self._is_marked(pid):
                self._strangers.add(pid)
                continue
            now[pid] = one

    def _is_marked(self, pid: int) -> bool:
        environment = _content(pid, "environ", _LONGEST_ENVIRONMENT)
        if self._mark not in environment.split(b"\0"):
            return False
        return _content(pid, "comm", _LONGEST_STAT).strip() not in self._apart


def _look(pid: int) -> Optional[_Process]:
    # proc(5), /proc/pid/stat: the name is in parentheses and may hold any byte; the third field comes behind it.
    fields = _content(pid, "stat", _LONGEST_STAT).rpartition(b")")[2].split()
    try:
        return _Process(
            start=int(fields[19]),
            parent=int(fields[1]),
            own=int(fields[11]) + int(fields[12]),
            left=int(fields[13]) + int(fields[14]),
            pages=int(fields[21]),
            is_zombie=fields[0] in (b"Z", b"X"),
        )
    except (IndexError, ValueError):  # it has ended meanwhile
        return None


def _content(pid: int, name: str, most: int) -> bytes:
    try:
        fd = os.open(f"{_PROC}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it has ended, or belongs to another user
        return b""
    try:
        return os.read(fd, most)
    except OSError:
        return b""
    finally:
        os.close(fd)
