"""What a comparer is, what it is given and what it answers.

A comparer is a name, a way to recognise its files and a function of two paths and a :class:`Context`. It answers with
a :class:`Finding`, or raises one of the four exceptions here to hand the files on. Nothing is read in this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from provenance.rerun.records import Likeness, Tolerance

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """How a file of the new run is to the recorded one."""

    likeness: Likeness  # IDENTICAL, EQUAL, TOLERATED or DIFFERENT
    how: str  # what was compared: "bytes", "text", "CSV", "pixels", ...
    detail: str = ""  # the first difference, or what differs in form only; may hold text of the files as it is
    absolute: float | None = None  # largest deviation of numbers; None when none deviated or none were compared
    relative: float | None = None  # largest deviation of numbers in relation to the recorded ones that are not 0


@dataclass(frozen=True, slots=True)
class Period:
    """The time that a run took."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Options:
    """What counts as equal, and how much may be read."""

    tolerance: Tolerance = field(default_factory=Tolerance)
    paths: tuple[tuple[str, str], ...] = ()  # (recorded prefix, prefix now): both count as equal in texts
    limit: int = 256 * MEBIBYTE  # bytes that the content of a file may take in memory
    # Of the recorded run and of this one. When both are known, time stamps count as equal only where each is of its
    # own run, and do so in JSON and CSV as well.
    periods: tuple[Period, Period] | None = None
    # Folders that symbolic links may lead into; none given: only into the folder that the link is in.
    roots: tuple[Path, ...] = ()


class NotOfThisKind(Exception):  # noqa: N818 - an answer, not an error
    """The files only looked like those of the comparer: the next one has its turn."""


class TooLarge(Exception):  # noqa: N818 - an answer, not an error
    """The content is beyond a limit: the files are compared by bytes, and the finding says so."""


class MissingLibrary(Exception):  # noqa: N818 - an answer, not an error
    """A library isn't installed: the files are compared by bytes, and the finding says what to install."""

    def __init__(self, library: str) -> None:
        super().__init__(f"compared by bytes because {library} is not installed: pip install 'wfprov[compare]'")
        self.library = library


class Unreadable(Exception):  # noqa: N818 - an answer, not an error
    """The content can't be compared by this comparer: the files are compared by bytes, and the finding says why."""


@dataclass(slots=True)
class Budget:
    """What may still be unpacked for a pair of files, over all archives in archives."""

    unpacked: int  # bytes
    entries: int

    @classmethod
    def of(cls, options: Options) -> Budget:
        """Give the budget of a pair of files: eight times what may be in memory at once."""
        return cls(8 * options.limit, 50_000)

    def spend(self, unpacked: int = 0, entries: int = 0) -> None:
        """Take something out of the budget.

        Raises
        ------
        TooLarge
            Nothing is left.
        """
        self.unpacked -= unpacked
        self.entries -= entries
        if self.unpacked < 0:
            raise TooLarge("what is packed in it is beyond the limit")
        if self.entries < 0:
            raise TooLarge("it has too many entries")


@dataclass(frozen=True, slots=True)
class Context:
    """What a comparer goes by: the options, and what is left of the limits."""

    options: Options
    budget: Budget
    compare: Callable[[Path, Path, Context], Finding] = field(repr=False)  # compares what was packed in a file
    depth: int = 0  # of archives in archives

    @property
    def tolerance(self) -> Tolerance:
        """How far numbers may be apart."""
        return self.options.tolerance

    @property
    def has_tolerance(self) -> bool:
        """Whether numbers may be apart at all."""
        return self.tolerance.absolute > 0 or self.tolerance.relative > 0

    def deeper(self) -> Context:
        """Give the context for what is packed in a file.

        Raises
        ------
        TooLarge
            Archives are packed in archives too often.
        """
        if self.depth >= 4:
            raise TooLarge("more than 4 archives are packed in each other")
        # What was unpacked is ours, and lies in none of the folders of the run.
        return replace(self, options=replace(self.options, roots=()), depth=self.depth + 1)

    def check_size(self, *files: Path, factor: int = 1) -> None:
        """Check that files may be read into memory, where a byte of them takes ``factor`` bytes.

        Raises
        ------
        TooLarge
            One of them is too large.
        """
        for file in files:
            size = file.stat().st_size
            if size * factor > self.options.limit:
                raise TooLarge(f"{size:,} bytes are beyond the limit of {self.options.limit // factor:,}")


@dataclass(frozen=True, slots=True)
class Comparer:
    """A kind of files and how two of them are compared.

    Attributes
    ----------
    name
        What users read: "CSV", "pixels".
    recognises
        Tells by the base name of a file, in lower case, and its first 4096 bytes whether it is of this kind.
    compare
        Gets the recorded file, the new one and the context. May raise anything: the files are then compared by bytes.
    is_apart
        The comparison takes place in a process of its own: for libraries that a hostile file can crash.
    """

    name: str
    recognises: Callable[[str, bytes], bool]
    compare: Callable[[Path, Path, Context], Finding]
    is_apart: bool = False
