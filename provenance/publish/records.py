"""What publishing a crate deals with: findings of the pre-flight, accounts and teams, what is there already, receipts.

Plain frozen values; the other modules of this room make them and hand them on. The rules and their numbers are those
of ``docs/reference/preflight.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Protocol

DEFAULT_SERVER = "https://workflowhub.eu"
LARGE = 100_000_000  # bytes; WorkflowHub suits crates up to about this size


class Weight(str, Enum):
    """How much a finding of the pre-flight matters."""

    ERROR = "error"  # the server would refuse or damage the crate: nothing is sent
    WARNING = "warning"  # it is published, but something will be lost or look odd
    MENDED = "mended"  # put right in the copy that is sent


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the pre-flight found."""

    point: int  # of the pre-flight list, 1 to 13; 14: validation, 15: privacy scan
    weight: Weight
    message: str  # what is wrong
    mend: str  # what to do, or what was done
    entity: str | None = None  # @id in the metadata, or a path

    def as_json(self) -> dict[str, object]:
        """The finding for programs."""
        shown = {"point": self.point, "weight": self.weight.value, "message": self.message, "mend": self.mend}
        return {**shown, "entity": self.entity}


@dataclass(frozen=True, slots=True)
class CrateFacts:
    """What a registry will read from a crate."""

    name: str | None = None
    description: str | None = None
    license: str | None = None
    version: str | None = None
    source: str | None = None  # URL that identifies the workflow for /submit
    keywords: tuple[str, ...] = ()
    creators: tuple[str, ...] = ()
    main: str | None = None  # @id of the main workflow
    language: Mapping[str, object] = field(default_factory=dict)  # the entity of its programming language
    size: int = 0  # bytes of all files
    files: int = 0


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the offline part of the pre-flight says of a crate."""

    crate: Path
    findings: tuple[Finding, ...]
    facts: CrateFacts
    mended: Mapping[str, object] | None = None  # the metadata to send instead, when something was mended
    added: Mapping[str, bytes] = field(default_factory=dict)  # files to add to the copy: path -> content
    metadata_sha256: str = ""  # of the metadata file that was looked at

    @property
    def passed(self) -> bool:
        """Whether nothing keeps the crate from being sent."""
        return all(finding.weight is not Weight.ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Package:
    """The zip that is sent, and what is in it."""

    archive: IO[bytes]  # a file that vanishes with the process, or the user's own zip when nothing had to be changed
    name: str  # "NAME.crate.zip"
    size: int  # bytes
    sha256: str
    digests: Mapping[str, str]  # path in the crate -> SHA-256 of each payload file, without the metadata
    is_temporary: bool = True


@dataclass(frozen=True, slots=True)
class Team:
    """A team ("project" in SEEK)."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a token belongs to."""

    id: str
    name: str
    teams: tuple[Team, ...]


class Standing(str, Enum):
    """What sending a crate will mean."""

    NEW = "new workflow"
    NEW_VERSION = "new version"
    ALREADY_THERE = "already there"
    SOMEBODY_ELSES = "somebody else's"  # the source is known, by a workflow of a team that is not ours
    AMBIGUOUS = "ambiguous"  # several workflows have this source
    UNKNOWN = "unknown"  # the server does not tell


@dataclass(frozen=True, slots=True)
class Existing:
    """What the server has already for the source of a crate."""

    standing: Standing
    workflow: str | None = None  # id
    title: str | None = None
    version: int | None = None  # number of the version that has the crate's version as its name
    versions: tuple[str, ...] = ()  # names of all versions
    teams: tuple[str, ...] = ()  # ids
    others: tuple[str, ...] = ()  # ids of further workflows with this source


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow as the server describes it."""

    id: str
    title: str
    latest_version: int
    version: int
    teams: tuple[str, ...]
    license: str | None = None
    class_key: str | None = None
    class_title: str | None = None
    creators: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    access: str | None = None  # of the public; None when the server does not tell
    doi: str | None = None  # of `version`
    versions: tuple[tuple[int, str | None, str | None], ...] = ()  # number, name, DOI


class Access(str, Enum):
    """What the public may do with a workflow."""

    PRIVATE = "private"  # SEEK: no_access
    VIEW = "view"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asks for."""

    crate: Path
    server: str = DEFAULT_SERVER
    teams: tuple[str, ...] = ()  # names or ids
    new_version_of: str | None = None
    access: Access | None = None
    tags: tuple[str, ...] = ()
    is_dry_run: bool = False
    receipt: Path | None = None  # where it is written; by default beside the crate


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was published, kept in ``publication.json`` beside the crate."""

    server: str
    workflow: str  # id
    version: int
    url: str
    title: str
    source: str | None
    crate_version: str | None
    time: str  # UTC, ISO 8601
    sha256: str | None  # of the archive that was sent; None: nothing was sent, it was there
    digests: Mapping[str, str]  # path -> SHA-256, as they came back from the server
    teams: tuple[str, ...]
    access: str | None
    doi: str | None = None
    was_there: bool = False
    problems: tuple[str, ...] = ()  # what differs from what was asked for
    differences: tuple[str, ...] = ()  # in what the published crate differs from what was sent


class Talk(Protocol):
    """Whom publishing tells what it does; the command line shows it, and asks."""

    def say(self, sentence: str) -> None:
        """Tell a step or a result."""

    def warn(self, sentence: str) -> None:
        """Tell what the user should know before it is too late."""

    def agree(self, question: str) -> bool:
        """Ask for consent; false stops before anything is sent."""

    def begin(self, what: str, total: int) -> None:
        """Start of something that takes `total` bytes."""

    def advance(self, amount: int) -> None:
        """So many more bytes are done."""


Advance = Callable[[int], None]
