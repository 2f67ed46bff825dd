"""The values that the steps of a re-run hand on: where a crate came from, the plan, the checks, the verdict.

Plain frozen dataclasses, no file access. Paths of the recorded run are texts as the record has them ("recorded
path"); paths on this machine are :class:`~pathlib.Path`. ``None`` always means "not known".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from provenance.run.model import Run


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a crate came from."""

    given: str  # as the user wrote it
    kind: str  # folder | zip | url | workflowhub | doi | zenodo
    url: str | None = None  # address of the page or file that it was downloaded from
    identifier: str | None = None  # to cite it by: a DOI's https address, or the address of its page
    sha256: str | None = None  # of the zip, when there was one
    size: int | None = None  # bytes of the zip


@dataclass(frozen=True, slots=True)
class Fetched:
    """A crate that lies unpacked on this machine; nothing in its folder is ever written to again."""

    origin: Origin
    crate: Path  # folder that holds ro-crate-metadata.json


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two numbers may be apart and count as equal: ``abs(a - b) <= absolute + relative * abs(a)``."""

    absolute: float = 0.0
    relative: float = 0.0
    pattern: str | None = None  # files that it is for, as :mod:`fnmatch` has them; None for all


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    source: str
    workdir: Path | None = None
    server: str | None = None  # of ``workflowhub:ID``; None for workflowhub.eu
    settings: tuple[tuple[str, str], ...] = ()  # --set NAME=VALUE
    data: tuple[tuple[str, str], ...] = ()  # --data OLD=NEW
    maps: tuple[tuple[str, str], ...] = ()  # --map RECORDED_PREFIX=PREFIX_HERE
    environment: str = "auto"  # auto | container | lock | modules | current
    only: str | None = None  # task or file
    allowed: tuple[str, ...] = ()  # files that may differ from what is recorded, by name
    tolerances: tuple[Tolerance, ...] = ()
    is_isolated: bool = False
    links_data: bool = False  # data outside of the crate are linked to instead of copied


@dataclass(frozen=True, slots=True)
class Placement:
    """How the recorded paths lie in the fresh folder: ``root`` was at the run what ``folder`` is now.

    ``root`` is the nearest folder that holds all that the run needs, so relative paths mean the same.
    """

    root: str  # absolute recorded path, without a slash at its end unless it is "/"
    folder: Path

    def place(self, recorded: str) -> Path | None:
        """Where a recorded absolute path lies now; None for paths outside of ``root``."""
        return _placed(self.root, self.folder, recorded)

    def recorded(self, place: str) -> str | None:
        """The recorded path of what lies at ``place`` now; None when that is outside of ``folder``."""
        path = PurePosixPath(place)
        if not path.is_relative_to(self.folder):
            return None
        return str(PurePosixPath(self.root, *path.relative_to(self.folder).parts))


@lru_cache(1 << 16)  # each step of planning asks for each file
def _placed(root: str, folder: Path, recorded: str) -> Path | None:
    top = root.rstrip("/") + "/"
    if recorded.startswith(top) and "//" not in recorded and "/." not in recorded:  # nearly all are
        return Path(f"{folder}/{recorded[len(top) :]}")
    path = PurePosixPath(recorded)
    if not path.is_relative_to(root) or ".." in path.parts:
        return None
    return folder.joinpath(*path.relative_to(root).parts)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A word of a command that was changed, and why."""

    index: int  # position in the command
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Step:
    """A command to execute: the whole run, or a task of it."""

    words: tuple[str, ...]
    cwd: Path
    recorded: tuple[str, ...] = ()  # the command as it was
    rewrites: tuple[Rewrite, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()  # of the environment, set for this command
    task: str | None = None  # Task.key; None for the whole run
    name: str | None = None
    interpreters: tuple[int, ...] = ()  # positions of words that name an interpreter, which the environment has


class Presence(str, Enum):
    """Where the content of a file comes from."""

    CRATE = "in the crate"
    GIVEN = "given with --data"
    HERE = "on this machine"
    REMOTE = "to be fetched"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A source or an input and where it comes from."""

    key: str  # Data.key: its identifier in the crate
    role: str  # Role.value
    presence: Presence
    recorded: str | None = None  # absolute path at the run
    place: Path | None = None  # where it is put
    content: Path | None = None  # file of this machine that it is taken from
    url: str | None = None  # address that it is to be fetched from
    size: int | None = None
    sha256: str | None = None
    mtime_ns: int | None = None
    is_directory: bool = False
    is_program: bool = False  # the run executed it; downloads and zips may have lost the permission
    is_size_told: bool = True  # False: `size` is that of the file in the crate, which nobody recorded


class Agreement(str, Enum):
    """What a check of a file against its record found."""

    SHA256 = "SHA-256 agrees"
    SIZE = "size agrees; no SHA-256 is recorded"
    DATE = "date agrees; neither SHA-256 nor size is recorded"
    NOTHING = "nothing is recorded to check it against"
    DIFFERS = "differs"
    MISSING = "missing"
    ALLOWED = "differs, as allowed"
    GIVEN = "given with --data"


@dataclass(frozen=True, slots=True)
class Check:
    """A file held against its record."""

    key: str
    agreement: Agreement
    detail: str = ""  # e.g. "12 bytes, recorded are 13"
    recorded: str | None = None  # absolute path at the run


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something of the machine: what the run had or used, and what is here."""

    what: str  # e.g. "memory"
    recorded: str
    here: str
    is_enough: bool | None = None  # None: can't be told


NOT_TOLD = "not told"  # aspect of a difference that stands for what neither run tells


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same in two runs."""

    aspect: str  # code | parameters | data | command | packages | software | container | machine | variables | ...
    what: str  # e.g. "numpy", "train.py", "n_samples"
    before: str | None = None
    after: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentPlan:
    """The software that the run is to have."""

    kind: str  # container | lock | modules | current
    description: str  # for people, e.g. "Python 3.11.7 with 14 packages of environment/requirements.txt, by uv"
    why: str = ""  # why not a better one
    is_ready: bool = True  # nothing has to be built or fetched first
    differences: tuple[Difference, ...] = ()  # recorded against what will be, as far as it can be told before
    problems: tuple[str, ...] = ()  # why it can't be had
    details: dict[str, Any] = field(default_factory=dict)  # for who builds it


@dataclass(frozen=True, slots=True)
class Ready:
    """An environment that can be used now."""

    plan: EnvironmentPlan
    python: str | None = None  # the Python that stands for that of the record
    pythons: tuple[tuple[str, str], ...] = ()  # recorded path of each interpreter -> path of what stands for it
    path: tuple[str, ...] = ()  # folders that go first in PATH
    variables: tuple[tuple[str, str], ...] = ()
    prefix: tuple[str, ...] = ()  # words before the command, e.g. those that start a container
    needs: tuple[Path, ...] = ()  # folders of this machine that the command must be able to read
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All that will be done, and what stands in the way."""

    origin: Origin
    crate: Path
    run: Run  # as the crate tells it
    placement: Placement
    steps: tuple[Step, ...]
    engine: str  # command | python | compss | cwl
    files: tuple[PlannedFile, ...]
    checks: tuple[Check, ...]
    environment: EnvironmentPlan
    machine: tuple[Requirement, ...] = ()
    changes: tuple[Difference, ...] = ()  # what --set, --data and --allow make different
    likely: tuple[str, ...] = ()  # what is likely to differ
    problems: tuple[str, ...] = ()  # each stops the run: what is missing, and what to do
    texts: tuple[tuple[str, str], ...] = ()  # recorded path, content: files that the engine needs and no crate has
    needs: tuple[Path, ...] = ()  # folders of this machine that the engine's command must be able to read
    paths: Mapping[str, str] = field(default_factory=dict)  # Data.key -> recorded absolute path
    outputs: tuple[str, ...] | None = None  # Data keys to compare; None: all outputs of the run


class Likeness(str, Enum):
    """How a file of the new run is to that of the recorded one."""

    IDENTICAL = "identical"
    EQUAL = "equal in content"
    TOLERATED = "within tolerance"
    DIFFERENT = "different"
    MISSING = "missing"
    EXTRA = "extra"
    UNKNOWN = "not comparable"  # neither digest nor content was recorded


@dataclass(frozen=True, slots=True)
class Comparison:
    """One output of the two runs."""

    name: str  # path below the root of the placement, for people
    likeness: Likeness
    key: str | None = None  # Data.key of the recorded one
    how: str = ""  # what was compared: "SHA-256", "CSV", "pixels", ...
    detail: str = ""  # the first difference, for people
    absolute: float | None = None  # largest deviation of numbers
    relative: float | None = None


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """A task in the two runs."""

    name: str
    finding: str  # same | missing | extra | failed | ended differently
    before: str | None = None  # Task.key in the recorded run
    after: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first task whose outputs differ although its inputs agree, and what else differs there."""

    task: str  # name for people
    before: str | None  # Task.key
    after: str | None
    outputs: tuple[str, ...]  # names of those that differ
    differences: tuple[Difference, ...] = ()  # the likely causes, the likeliest first


class Result(str, Enum):
    """The verdict in a word; exit statuses 0, 0, 1, 6, 7."""

    REPRODUCED = "reproduced"
    TOLERATED = "reproduced within tolerance"
    DIFFERS = "differs"
    FAILED = "failed"
    NOT_RUN = "could not run"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was the same and what was not."""

    result: Result
    reason: str  # a sentence
    origin: Origin
    repeated: str | None = None  # id of the recorded run
    run: str | None = None  # id of the new one
    record: str | None = None  # folder of its record
    outputs: tuple[Comparison, ...] = ()
    tasks: tuple[TaskComparison, ...] = ()
    checks: tuple[Check, ...] = ()
    changes: tuple[Difference, ...] = ()  # asked for
    differences: tuple[Difference, ...] = ()  # between the two runs
    divergence: Divergence | None = None
    problems: tuple[str, ...] = ()
