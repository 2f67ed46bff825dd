"""The note beside a file that is not complete yet: what it belongs to, so that a later call may go on with it.

Comes in: an answer of a server, or a note on disk. Goes out: the tag by which the server knows whether the file
is still the same, its size, and the digests that were promised.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from provenance.errors import OutputError
from provenance.rerun.digests import NAMES, promised
from provenance.web.client import Reply

_LARGEST = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class PartNote:
    """What is known of a file that is on its way."""

    url: str  # as it was asked for
    etag: str | None = None
    modified: str | None = None  # Last-Modified, as the server writes it
    size: int | None = None  # bytes of the whole
    digests: dict[str, str] = field(default_factory=dict)
    is_known: bool = False  # it comes from a server, and is not a blank

    @property
    def validator(self) -> str | None:
        """What If-Range takes: a strong tag, else the date (RFC 9110, section 13.1.5)."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        return self.modified

    @classmethod
    def of(cls, url: str, reply: Reply) -> PartNote:
        """Note what an answer says."""
        headers = reply.headers
        is_encoded = headers.get("Content-Encoding", "identity") != "identity"
        if is_encoded:  # the part on disk is the decoded file, which no range can go on with
            return cls(url)
        digests = promised(headers, is_whole=reply.status == 200)
        return cls(url, headers.get("ETag"), headers.get("Last-Modified"), None, digests, is_known=True)

    @classmethod
    def load(cls, part: Path, url: str) -> PartNote:
        """Read the note beside a part; a blank one when there is none that belongs to ``url``."""
        try:
            with _path(part).open("rb") as file:
                told = json.loads(file.read(_LARGEST))
        except (OSError, ValueError, RecursionError):
            return cls(url)
        if not isinstance(told, dict) or told.get("url") != url:
            return cls(url)
        digests = told.get("digests")
        size = told.get("size")
        return cls(
            url,
            _text(told.get("etag")),
            _text(told.get("modified")),
            size if isinstance(size, int) else None,
            {name: str(value) for name, value in digests.items() if name in NAMES} if isinstance(digests, dict) else {},
            is_known=told.get("is_known") is True,
        )

    def save(self, part: Path) -> None:
        """Write the note beside a part."""
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(_path(part), flags, 0o666), "w", encoding="utf-8") as file:
                json.dump(asdict(self), file)
        except OSError as error:
            raise OutputError(f"{_path(part)} can't be written: {error.strerror}; choose another place") from None

    def remove(self, part: Path) -> None:
        """Take the note away."""
        _path(part).unlink(missing_ok=True)

    def with_size(self, size: int | None) -> PartNote:
        """The same with the size of the whole."""
        return replace(self, size=size)

    def agrees_with(self, other: PartNote) -> bool:
        """Whether nothing speaks against both being of the same state of the file."""
        pairs = ((self.etag, other.etag), (self.modified, other.modified))
        same_digests = all(other.digests.get(name, digest) == digest for name, digest in self.digests.items())
        return same_digests and all(mine is None or its is None or mine == its for mine, its in pairs)


def _path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
