"""Where the files of a crate that COMPSs laid out were at the run.

Comes in: the Run as its crate tells it, and the submission line. Goes out: the working folder and the recorded path of
each file. COMPSs keeps the structure of folders but not where they began: sources are below ``application_sources/``,
data below ``dataset/`` and the name of the folder that they have in common. Where that folder was is found by the
absolute paths that the crate mentions (the submission line, the folder that a job was submitted in, values of tasks);
it is taken only when one place fits.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from provenance.engines.compss.records import Submission
from provenance.run.model import Data, Run

SOURCES = "application_sources"
DATASET = "dataset"
_UNKNOWN_FOLDER = "/recorded"  # stands for the working folder when nothing tells it
_OF_JOBS = ("SLURM_SUBMIT_DIR", "PWD")
_MOST_MENTIONED = 20_000
_LONGEST_PATH = 4096
_DEEPEST = 64  # folders in a path
_BLANK = " \t"
_MOST_ABOVE = 3  # folders above the sources that a run may have been begun in


@dataclass(frozen=True, slots=True)
class Layout:
    """The recorded paths of a run."""

    cwd: str
    paths: Mapping[str, str] = field(default_factory=dict)  # Data.key -> absolute path at the run
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def find_layout(run: Run, submission: Submission) -> Layout:
    """Find the working folder and the recorded path of each file of the run.

    Parameters
    ----------
    run
        Of a crate by COMPSs: its data have the crate's identifiers, and no recorded paths.
    submission
        The line that it was submitted with.
    """
    keys = {data.key: _parts(data.key) for data in run.data}
    paths = {data.key: path for data in run.data if (path := _referenced(data)) is not None}
    groups: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for key, parts in keys.items():
        if parts[:1] == (DATASET,) and len(parts) > 1:
            groups.setdefault(parts[1], []).append((key, parts[2:]))
    members_of = {base: {rest for _, rest in members} for base, members in groups.items()}
    # The first folder in which the most arguments lead to data; the likeliest comes first.
    tries = [_Mentioned(run, submission, *folders, members_of) for folders in _folders(run, submission)]
    mentioned = max(tries, key=lambda one: one.matches)
    cwd, sources = mentioned.cwd, mentioned.sources
    for key, parts in keys.items():
        if parts[:1] == (SOURCES,) and len(parts) > 1:
            paths[key] = posixpath.join(sources, *parts[1:])
        elif len(parts) == 1 and key not in paths:
            paths[key] = posixpath.join(cwd, *parts)  # COMPSs' own files come from the working folder
    notes, problems = [], []
    for base, members in sorted(groups.items()):
        found = mentioned.places[base]
        if len(found) == 1:
            paths.update((key, posixpath.join(found[0], *rest)) for key, rest in members)
            continue
        if not found and mentioned.are_all_matched():
            place = posixpath.join(cwd, base)
            notes.append(f"the crate does not tell where {DATASET}/{base} lay; it is put into the working folder")
            paths.update((key, posixpath.join(place, *rest)) for key, rest in members)
            continue
        why = f"it may have been {' or '.join(found)}" if found else "no path of the submission line leads to it"
        problems.append(
            f"the crate does not tell where {DATASET}/{base} lay at the run ({why}); "
            "pack the run with wfprov, whose crates say so"
        )
    return Layout(cwd, paths, tuple(notes), tuple(problems))


def _parts(key: str) -> tuple[str, ...]:
    """The parts of a relative identifier; none for references and fragments."""
    if key.startswith(("#", "/")) or "://" in key:
        return ()
    parts = tuple(part for part in unquote(key, errors="surrogateescape").split("/") if part not in ("", "."))
    return () if ".." in parts or "\0" in key or len(parts) > _DEEPEST else parts


def _referenced(data: Data) -> str | None:
    """The path in a ``file://host/path`` identifier.

    COMPSs writes the path as it is, tools that quote identifiers encode it: one with a character that would have been
    encoded was not.
    """
    if not data.key.startswith(("file://", "dir://")):
        return None
    path = "/" + data.key.partition("://")[2].partition("/")[2]
    is_plain = any(character in path for character in _BLANK + "#?") or not path.isascii()
    if not is_plain and "%" in path:
        path = unquote(urlsplit(data.key).path, errors="surrogateescape")
    return posixpath.normpath(path) if ".." not in path.split("/") and "\0" not in path else None


def _folders(run: Run, submission: Submission) -> Iterator[tuple[str, str]]:
    """Yield what the working folder and the root of the sources may have been, the likeliest first.

    Sources are given to COMPSs relative to the working folder, and keep their structure below their root.
    """
    submitted = next((text for name, text in run.environment.variables if name in _OF_JOBS and text[:1] == "/"), None)
    known = run.cwd or (posixpath.normpath(submitted) if submitted else None)
    parts = _parts(run.main or "")
    relative = parts[1:] if parts[:1] == (SOURCES,) else parts
    named = PurePosixPath(posixpath.normpath(submission.application or "")).parts
    same = common_end(named, relative)
    if named[:1] == ("/",) and same:
        root = PurePosixPath(*named[:-same])
        # A site may have two names for one folder: that of the submission counts when it is one with the sources.
        if known is not None and (run.cwd is not None or root.is_relative_to(known)):
            yield known, str(root)
            return
        yield from ((str(folder), str(root)) for folder in (root, *root.parents[:_MOST_ABOVE]))
        return
    cwd = known or _UNKNOWN_FOLDER
    if same < len(named):  # the root is a folder within the working folder
        yield cwd, posixpath.join(cwd, *named[: len(named) - same])
        return
    above = relative[: len(relative) - same]  # the run was begun within the sources
    if known is None:
        yield posixpath.join(cwd, *above), cwd
    else:
        parents = PurePosixPath(cwd).parents
        yield cwd, str(parents[len(above) - 1]) if 0 < len(above) <= len(parents) else cwd


def common_end(one: Sequence[str], other: Sequence[str]) -> int:
    """Count the last parts that two paths have in common."""
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count] and one[-1 - count] != "/":
        count += 1
    return count


class _Mentioned:
    """The absolute paths that a crate mentions, apart from those of its sources."""

    def __init__(
        self,
        run: Run,
        submission: Submission,
        cwd: str,
        sources: str,
        members_of: Mapping[str, Collection[tuple[str, ...]]],
    ) -> None:
        self.cwd = cwd
        self.sources = sources
        words = [word for argument in submission.arguments for word in (argument, argument.partition("=")[2])]
        values = (value.value for task in run.tasks for value in task.arguments)
        texts = [*words, *(value for value in values if isinstance(value, str))]
        self._paths = frozenset(self._absolute(word for word in submission.arguments if "/" in word))
        self._all = tuple(dict.fromkeys([*self._absolute(texts[:_MOST_MENTIONED]), cwd, sources]))
        self._matched: set[str] = set()
        self.places = self._find_places(members_of)
        self.matches = len(self._matched)

    def _absolute(self, texts: Iterable[str]) -> Iterator[str]:
        for text in texts:
            if not 0 < len(text) < _LONGEST_PATH or "\0" in text:
                continue
            if text.startswith("/"):
                yield posixpath.normpath(text)
            elif not text.startswith("-"):
                yield posixpath.normpath(posixpath.join(self.cwd, text))

    def _find_places(self, members_of: Mapping[str, Collection[tuple[str, ...]]]) -> dict[str, list[str]]:
        """The folders, or files, that the members of each ``dataset/<base>`` can have lain in; the best that fit."""
        folders_of = {
            base: {rest[:depth] for rest in members for depth in range(len(rest) + 1)}
            for base, members in members_of.items()
        }
        # How many paths lead to what is in a place, and how many to the place itself, which says less.
        scores: dict[str, dict[str, tuple[int, int]]] = {base: {} for base in members_of}
        for path in self._all:
            parts = PurePosixPath(path).parts
            for index in range(1, len(parts)):
                folders = folders_of.get(parts[index])
                if folders is None:
                    continue
                below, place = parts[index + 1 :], str(PurePosixPath(*parts[: index + 1]))
                fits = below in folders
                if fits:
                    self._matched.add(path)
                found = scores[parts[index]]
                inside, itself = found.get(place, (0, 0))
                found[place] = (inside + (fits and bool(below)), itself + (fits and not below))
        return {
            base: sorted(place for place, score in found.items() if score == max(found.values()))
            for base, found in scores.items()
        }

    def are_all_matched(self) -> bool:
        """Tell whether each argument that is a path for certain leads to data of the crate."""
        return self._paths <= self._matched
