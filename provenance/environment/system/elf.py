"""What the head of an ELF file (a program or a shared library) says, without running it.

In: the bytes of a file. Out: architecture, build id, and where its constants lie. Layout: System V ABI, "Object
Files"; the build id is the GNU note of that name.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MACHINES = {3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64"}
_MACHINES |= {243: "riscv64", 258: "loongarch64"}
_MOST_SECTIONS = 4096
_GNU_BUILD_ID = 3


@dataclass(frozen=True)
class Elf:
    """The head of an ELF file.

    Attributes
    ----------
    machine
        As ``uname -m`` names it.
    build_id
        In hexadecimal digits; the linker makes it from the content.
    constants
        Offsets of the begin and end of the section ``.rodata``, where texts are.
    """

    machine: str | None
    build_id: str | None
    constants: tuple[int, int] | None


@contextmanager
def mapped(path: str) -> Iterator[mmap.mmap | None]:
    """Give the content of a regular file without reading it all; None when it is empty or can't be read."""
    try:
        with Path(path).open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        yield None
        return
    with content:
        yield content


def head(content: mmap.mmap | bytes) -> Elf | None:
    """Return what the head says; None for a file that is no ELF file, or a broken one."""
    if content[:4] != b"\x7fELF" or len(content) < 64:
        return None
    order = ">" if content[5] == 2 else "<"
    is_64 = content[4] == 2
    try:
        (machine,) = struct.unpack_from(order + "H", content, 18)
        sections = dict(_sections(content, order, is_64))
        note = sections.get(b".note.gnu.build-id")
        return Elf(
            _MACHINES.get(machine),
            _build_id(content[note[0] : note[1]], order) if note else None,
            sections.get(b".rodata"),
        )
    except (struct.error, IndexError):
        return None


def _sections(content: mmap.mmap | bytes, order: str, is_64: bool) -> Iterator[tuple[bytes, tuple[int, int]]]:
    at, size, count, names = struct.unpack_from(
        order + ("Q10xHHH" if is_64 else "L10xHHH"), content, 40 if is_64 else 32
    )
    if not at or count > _MOST_SECTIONS or names >= count:
        return
    entry = struct.Struct(order + ("LL8x8xQQ" if is_64 else "LL4x4xLL"))
    heads = [entry.unpack_from(content, at + size * i) for i in range(count)]
    for name, kind, offset, length in heads:
        if kind == 8:  # takes no room in the file
            continue
        begin = heads[names][2] + name
        end = content.find(b"\0", begin)
        yield content[begin:end], (offset, offset + length)


def _build_id(note: bytes, order: str) -> str | None:
    name_size, size, kind = struct.unpack_from(order + "LLL", note, 0)
    if kind != _GNU_BUILD_ID or not 0 < size <= 64:
        return None
    begin = 12 + (name_size + 3 & ~3)
    return note[begin : begin + size].hex() or None
