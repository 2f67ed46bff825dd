"""What the files of two runs are called, so that a file has one name wherever each of the runs took place.

Comes in: two Runs, and for a re-run the :class:`~provenance.rerun.records.Placement`. Goes out: for each side the name
of its data and the text of its values without what depends on the place: the working folder, temporary names,
addresses in memory.

A file below the root of its side is called by its path from the working folder (``data/a.csv``, ``../b.csv``), any
other by its absolute path.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from provenance.crate.metadata import readable
from provenance.rerun.placing import is_below
from provenance.rerun.records import Placement
from provenance.run.model import Data, Run, Value

_ADDED_BY_CRATES = ("application_sources/", "dataset/")
_TEMPORARY = re.compile(
    # Names as tempfile, mkstemp, mktemp, gcc, make and multiprocessing make them.
    r"(?<![A-Za-z0-9])(?:tmp[a-z0-9_]{8}|tmp\.[A-Za-z0-9]{6,12}|pymp-[a-z0-9_]{8})(?![A-Za-z0-9])"
    r"|(?<=/tmp/)(?:cc|Gm|sort)[A-Za-z0-9]{6}(?![A-Za-z0-9])"
    r"|(?<=/tmp/)[\w-]{0,60}[-_.](?=[a-z_]*[0-9])(?=[0-9_]*[a-z])[a-z0-9_]{8}(?![A-Za-z0-9])"
)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_LONGEST = 4096  # characters of a text that can be a path
_HERE = "<work folder>"


@dataclass(frozen=True)
class Side:
    """Where one of the runs took place."""

    cwd: str | None = None  # absolute, without a slash at its end unless it is "/"
    root: str | None = None  # files below it are called by their path from ``cwd``
    known: frozenset[str] = frozenset()  # absolute paths of known data
    _roots: re.Pattern[str] | None = field(init=False, default=None, repr=False, compare=False)
    _names: dict[str, str] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.root and self.root != "/":
            pattern = re.compile(rf"(?<![\w.~/-]){re.escape(self.root)}(?![\w.~-])")
            object.__setattr__(self, "_roots", pattern)

    def name(self, data: Data) -> str:
        """Call a file or folder."""
        return self.name_of_path(path_of(data))

    def name_of_path(self, path: str) -> str:
        """Call what lies at an absolute path; an identifier in a crate is taken for a path from the working folder."""
        name = self._names.get(path)
        if name is None:
            name = self._names[path] = self._name_of_path(path)
        return name

    def _name_of_path(self, path: str) -> str:
        if not path.startswith("/"):
            if "://" in path or path.startswith("#"):
                return path
            return posixpath.normpath(path)
        path = posixpath.normpath(path)
        if self.cwd is None or self.root is None or not is_below(path, self.root):
            return path
        return posixpath.relpath(path, self.cwd)

    def text(self, text: str, cwd: str | None = None) -> str:
        """Take out of a text what depends on the place of the run: equal texts meant the same."""
        return readable(self._text(text, cwd))  # as crates have it

    def _text(self, text: str, cwd: str | None) -> str:
        if text and len(text) < _LONGEST and "\n" not in text and "\0" not in text:
            path = f"{cwd or self.cwd or ''}/{text}"
            if "/" in text or text == "..":
                path = posixpath.normpath(text if text.startswith("/") else path)
            if path in self.known:
                return without_chance(self.name_of_path(path))
        if text.startswith("/") and "\n" not in text and self.root and is_below(text, self.root):
            return without_chance(self.name_of_path(text))
        if self._roots is not None:
            text = self._roots.sub(_HERE, text)
        return without_chance(text)

    def value(self, value: Value, known: dict[str, Data], cwd: str | None = None) -> str:
        """Tell a value as a text that is the same in both runs when the value is."""
        if value.data_key is not None and value.data_key in known:
            return readable(without_chance(self.name(known[value.data_key])))
        if value.sha256 is not None:
            return f"sha256:{value.sha256}"
        return self.text(value.value if isinstance(value.value, str) else repr(value.value), cwd)


@dataclass(frozen=True)
class Places:
    """Where the two runs took place."""

    before: Side
    after: Side


def places(before: Run, after: Run, placement: Placement | None = None) -> Places:
    """Find out what of the places of two runs corresponds.

    Their working folders do, and the folders around these for as long as they are called the same.

    Parameters
    ----------
    placement
        For a re-run: what lay where.
    """
    cwds = [_plain(run.cwd) for run in (before, after)]
    roots: list[str | None]
    if placement is not None:
        roots = [_plain(placement.root), _plain(str(placement.folder))]
        cwds = [cwd if cwd is not None else root for cwd, root in zip(cwds, roots, strict=True)]
    else:
        roots = list(_corresponding(cwds[0], cwds[1]))
    return Places(*(Side(cwds[i], roots[i], frozenset(_known((before, after)[i]))) for i in (0, 1)))


def without_chance(text: str) -> str:
    """Take out of a text what is different each time: names of temporary files, addresses in memory."""
    if "0x" in text:
        text = _ADDRESS.sub("<address>", text)
    return _TEMPORARY.sub("<temporary>", text) if "tmp" in text or "pymp-" in text else text


def path_of(data: Data) -> str:
    """Tell the absolute path of data at the run; where it is not known, their identifier without what crates add."""
    path = data.original if data.original is not None else data.path
    if path.startswith("file://"):
        try:
            path = unquote(urlsplit(path).path, errors="surrogateescape") or path
        except ValueError:
            return path
    if path.startswith("/") or data.original is not None:
        return path
    path = unquote(path, errors="surrogateescape").removeprefix("./").removeprefix("#not-kept/")
    for added in _ADDED_BY_CRATES:
        path = path.removeprefix(added)
    return path


def _known(run: Run) -> Iterable[str]:
    for data in run.data:
        path = path_of(data)
        if path.startswith("/"):
            yield posixpath.normpath(path)


def _corresponding(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    if before is None or after is None or before == after:
        return before, after
    while posixpath.basename(before) == posixpath.basename(after):
        around = posixpath.dirname(before), posixpath.dirname(after)
        if "/" in around or around[0] == around[1]:
            break
        before, after = around
    return before, after


def _plain(path: str | None) -> str | None:
    if path is None or not path.startswith("/"):
        return None
    return "/" + posixpath.normpath(path).lstrip("/")
