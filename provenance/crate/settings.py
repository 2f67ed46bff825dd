"""What a user may choose about a crate, and what is reported back when it is written.

Comes in: nothing. Goes out: :class:`PackSettings`, :class:`PackReport` and the protocol that shows
progress.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from provenance.privacy.removal import Removal

AUTO_COPY_LIMIT = 100_000_000  # bytes of data that `auto` copies in all; sources and logs come on top
PARAMETER_SIZE_LIMIT = 1_500  # characters of a value that are written out


class DataMode(str, Enum):
    """What happens to the data of a run; source files and logs are always copied."""

    COPY = "copy"
    REFERENCE = "reference"
    AUTO = "auto"


class Checksums(str, Enum):
    """Which files get a SHA-256."""

    ALL = "all"
    COPIED = "copied"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PackSettings:
    """How a crate is written."""

    as_zip: bool = False
    data: DataMode = DataMode.AUTO
    max_file_size: int | None = None  # bytes; larger data files are referenced
    checksums: Checksums = Checksums.ALL
    force: bool = False  # replace a crate that is there already
    tasks: bool = True  # False: describe the run as a whole only
    param_size_limit: int = PARAMETER_SIZE_LIMIT
    include_images: bool | None = None  # image files of containers; None takes the small ones
    saved_images: Mapping[str, str] = field(default_factory=dict)  # Container.key -> archive made of its image


class Progress(Protocol):
    """Told about long work; the command line draws a bar from it."""

    def begin(self, what: str, total: int) -> None:
        """Start of a stage of ``total`` bytes or entities."""

    def advance(self, amount: int) -> None:
        """``amount`` more bytes or entities are done."""


class NoProgress:
    """Shows nothing."""

    def begin(self, what: str, total: int) -> None:
        """Do nothing."""

    def advance(self, amount: int) -> None:
        """Do nothing."""


@dataclass(slots=True)
class PackReport:
    """What was written, how long it took, and what a reader of the crate will miss."""

    target: Path
    tasks: int = 0
    files: int = 0  # files in the crate, those that were referenced included
    copied: int = 0
    copied_bytes: int = 0
    referenced: int = 0
    described: int = 0  # data whose content is neither in the crate nor on this machine
    bytes: int = 0  # of all copied and referenced data
    entities: int = 0
    software: str = ""  # what the crate says of the environment, in a line
    locks: str = ""  # names of the files to rebuild it from
    seconds_hashing: float = 0.0
    seconds_copying: float = 0.0
    seconds_metadata: float = 0.0
    missing: list[str] = field(default_factory=list)  # what publishing needs and only the user can say
    changed: list[str] = field(default_factory=list)  # paths of files that are no longer what the run saw
    overwritten: int = 0  # files that the run changed in place, whose content from before was not kept
    gone: list[str] = field(default_factory=list)  # inputs, outputs and sources that can't be read any more
    gaps: list[str] = field(default_factory=list)  # what was not seen while the run was recorded
    names_file: Path | None = None  # says whom the pseudonyms of a publishable crate stand for
    removed: list[Removal] = field(default_factory=list)  # credentials that were taken out of files; never their values
