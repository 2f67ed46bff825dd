"""A file to append lines to through memory: a line costs a copy, no system call and no descriptor.

In: a path and finished lines. Out: room is reserved on disk a window at a time and mapped; what was copied there is
the kernel's to keep, also when the process is killed. As no descriptor is kept, programs that close or reuse theirs
can do no harm. What is reserved and not used is NUL, which readers pass over; closing cuts it off at the end.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import stat
from typing import Any, Callable, Optional

_FIRST_WINDOW = 16 << 10  # bytes: enough for the few events of most processes
_WINDOW = 256 << 10
_PAGE = mmap.PAGESIZE
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_MAP_FIXED, _MAP_POPULATE = 0x10, 0x8000  # as Linux has them; the module of Python 3.8 does not


class MappedFile:
    """Appends to `path`, from its present end on.

    Attributes
    ----------
    write
        Copies one line into the window, atomically as to other threads and signal handlers; raises ``ValueError``
        when it does not fit, upon which :meth:`grow` and another attempt are due.
    """

    write: Callable[[bytes], object]

    def __init__(self, path: str) -> None:
        self.path = path
        self._pid = os.getpid()
        self._window: Optional[mmap.mmap] = None
        self._from = 0
        self._library: Any = ctypes.CDLL(None, use_errno=True)
        self._map = self._library.mmap
        self._map.restype = ctypes.c_void_p
        self._map.argtypes = (
            *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int),
            ctypes.c_int64 if ctypes.sizeof(ctypes.c_long) == 8 else ctypes.c_long,
        )
        self.write = _no_room

    def grow(self, need: int) -> None:
        """Reserve and map the next window, for `need` bytes at least.

        Raises
        ------
        OSError
            There is no room on the disk, the path is no regular file, or the system can't map it.
        """
        step = _FIRST_WINDOW if self._window is None else _WINDOW
        size = max(step, -(-need // _PAGE) * _PAGE)
        fd = os.open(self.path, _FLAGS, 0o600)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"{self.path} is not a regular file")
            start = -(-found.st_size // _PAGE) * _PAGE
            most = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
            if most not in (resource.RLIM_INFINITY, -1) and start + size > most:
                raise OSError(f"{self.path}: past the limit on the size of files")  # going there sends SIGXFSZ
            # Room on disk first: writing to a mapping that meets a full disk would kill the process.
            os.posix_fallocate(fd, start, size)
            window = self._mapped(fd, start, size)
        finally:
            os.close(fd)
        # The window before stays mapped until its last writer lets go of it.
        self._window, self._from, self.write = window, start, window.write

    def _mapped(self, fd: int, start: int, size: int) -> mmap.mmap:
        """Map the file over anonymous memory: Python's own way would keep a copy of the descriptor."""
        window = mmap.mmap(-1, size)
        buffer = ctypes.c_char.from_buffer(window)
        address = ctypes.addressof(buffer)
        del buffer
        flags = mmap.MAP_SHARED | _MAP_FIXED | (_MAP_POPULATE if size >= _WINDOW else 0)
        if self._map(address, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, start) != address:
            number = ctypes.get_errno()
            raise OSError(number, f"{self.path} can't be mapped: {os.strerror(number)}")
        return window

    def close(self) -> None:
        """Stop, and cut off the room that was not used; in a forked child only the memory is given back."""
        window, self._window, self.write = self._window, None, _no_room
        if window is None:
            return
        window.close()
        if os.getpid() != self._pid:
            return
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:  # the folder was moved or removed
            return
        try:
            # Asked of the file, not of the window: another thread may have written until it was closed.
            tail = os.pread(fd, os.fstat(fd).st_size - self._from, self._from)
            os.ftruncate(fd, self._from + len(tail.rstrip(b"\0")))
        except OSError:
            return
        finally:
            os.close(fd)


def _no_room(line: bytes) -> object:
    raise ValueError("no window is mapped")
