"""Zips as nobody's tool makes them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

METADATA = (
    b'{"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": ['
    b'{"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "about": {"@id": "./"},'
    b' "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"}},'
    b'{"@id": "./", "@type": "Dataset", "name": "a crate", "hasPart": []}]}'
)
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")


@dataclass
class Raw:
    """An entry, each field of which can be a lie."""

    name: bytes | str
    content: bytes = b""
    method: int = 0
    mode: int = 0o100644
    flags: int = 0x800
    system: int = 3
    size: int | None = None
    crc: int | None = None
    data: bytes | None = None  # as it stands in the zip
    offset: int | None = None  # of another entry, in bytes
    name_there: bytes | None = None  # in the local header
    extra: bytes = b""  # of the local header
    moment: tuple[int, int] = field(default=(0x6000, 0x5821))  # of DOS: 12:00:00, 2024-01-01

    def packed(self) -> bytes:
        if self.data is not None:
            return self.data
        if self.method == 8:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            return packer.compress(self.content) + packer.flush()
        return self.content


def made(*entries: Raw, metadata: bytes | None = METADATA, comment: bytes = b"", count: int | None = None) -> bytes:
    """The zip of some entries, and of a crate's metadata."""
    wanted = [*([Raw("ro-crate-metadata.json", metadata)] if metadata is not None else []), *entries]
    out, central = io.BytesIO(), io.BytesIO()
    for entry in wanted:
        name = entry.name.encode("utf-8", "surrogateescape") if isinstance(entry.name, str) else entry.name
        data = entry.packed()
        crc = zlib.crc32(entry.content) if entry.crc is None else entry.crc
        size = len(entry.content) if entry.size is None else entry.size
        at = out.tell() if entry.offset is None else entry.offset
        common = (20, entry.flags, entry.method, *entry.moment, crc, len(data), size)
        if entry.offset is None:
            there = name if entry.name_there is None else entry.name_there
            out.write(_LOCAL.pack(b"PK\3\4", *common, len(there), len(entry.extra)) + there + entry.extra + data)
        made_by = entry.system << 8 | 20
        head = (b"PK\1\2", made_by, *common, len(name), 0, 0, 0, 0, entry.mode << 16, at)
        central.write(_CENTRAL.pack(*head) + name)
    start = out.tell()
    out.write(central.getvalue())
    number = len(wanted) if count is None else count
    out.write(_END.pack(b"PK\5\6", 0, 0, number, number, len(central.getvalue()), start, len(comment)) + comment)
    return out.getvalue()


def plain(files: Iterable[tuple[str, bytes]], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip as Python makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()
