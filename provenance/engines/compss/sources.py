"""Sources of a run: the main file, and the files that the user or the methods' names point at.

In: what the user says, the submission line, the name of the application, the signatures of the methods. Out: absolute
paths, with gaps for what was not found. The keys of ``ro-crate-info.yaml`` mean what they mean to COMPSs: sources are
relative to the working folder, folders are walked following links, without ``__pycache__`` and names that begin with
an asterisk.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator

from provenance.engines.compss.folders import entries
from provenance.engines.compss.functions import modules_named
from provenance.engines.compss.records import ProvenanceLog, Submission
from provenance.environment.sources import looks_like_source
from provenance.run.model import Gap

_METADATA = "ro-crate-metadata.json"
_NO_SOURCES = frozenset(["__pycache__", ".git", ".hg", ".svn", ".wfprov", ".COMPSs"])
_MOST_FOLDERS = 20_000  # that are looked into for a main file that nothing else points at
_PYTHON_PATHS = ("--pythonpath", "-pythonpath")


class SourceFiles:
    """Finds the sources of one run; `gaps` tells what was looked for in vain."""

    def __init__(self, folder: str, log_folder: str) -> None:
        """Begin; `folder` is the working folder."""
        self._folder = folder
        self._log_folder = log_folder
        self.gaps: list[Gap] = []

    def listed(self, wanted: Iterable[str]) -> list[str]:
        """Return the files that the user's ``sources`` mean."""
        found: dict[str, None] = {}
        for text in wanted:
            paths = self.named(text)
            if not paths:
                self.gaps.append(
                    Gap("a source", "ro-crate-info.yaml names it, and it is not there", self._absolute(text))
                )
            for path in paths:
                if os.path.isdir(path):
                    found.update(dict.fromkeys(self._in_folder(path)))
                else:
                    found[path] = None
        return list(found)

    def named(self, text: str) -> list[str]:
        """Return the existing files and folders that a path or glob of the user's means."""
        path = self._absolute(text)
        if os.path.lexists(path):
            return [path]
        return sorted(glob.glob(path, recursive=True))

    def main(
        self, wanted: str | None, submission: Submission | None, log: ProvenanceLog, sources: list[str]
    ) -> str | None:
        """Return the main file: as the user says, as it was submitted, else the one with the application's name."""
        if wanted is not None and (named := self._wanted_main(wanted, sources)) is not None:
            return named
        if submission is not None and submission.application:
            path = self._absolute(submission.application)
            if os.path.isfile(path):
                return path
        relative = _file_of(log.application)
        if relative is None:
            self.gaps.append(Gap("the main file", "the log names no application", log.path))
            return None
        beside = self._absolute(relative)
        if os.path.isfile(beside):
            return beside
        candidates = [path for path in sources if f"/{path}".endswith("/" + relative)]
        candidates = candidates or list(self._named_below(relative))
        return self._nearest(relative, candidates)

    def modules(self, signatures: Iterable[str], main: str | None, submission: Submission | None) -> list[str]:
        """Return the files of the modules that the signatures of methods name."""
        folders = [os.path.dirname(main)] if main else []
        for text in (submission.option(*_PYTHON_PATHS) or "").split(":") if submission is not None else ():
            if text:
                folders.append(self._absolute(text))
        folders.append(self._folder)
        found: dict[str, None] = {}
        for relative in dict.fromkeys(modules_named(signatures)):
            path = next((p for f in folders if os.path.isfile(p := os.path.join(f, relative))), None)
            if path is not None:
                found[os.path.normpath(path)] = None
        return list(found)

    def _absolute(self, text: str) -> str:
        return os.path.normpath(os.path.join(self._folder, os.path.expanduser(text)))

    def _in_folder(self, folder: str) -> Iterator[str]:
        # `sources: .` can't mean that the data beside the code is code.
        is_around = f"{self._folder}/".startswith(folder.rstrip("/") + "/")
        for path, is_folder in entries(folder, self._is_no_source):
            if not is_folder and (not is_around or looks_like_source(path)):
                yield path

    def _is_no_source(self, path: str, name: str) -> bool:
        if name in _NO_SOURCES or name.startswith("*") or path == self._log_folder:
            return True
        return name.startswith("COMPSs_RO-Crate_") or os.path.lexists(f"{path}/{_METADATA}")

    def _wanted_main(self, wanted: str, sources: list[str]) -> str | None:
        for path in self.named(wanted):
            if os.path.isfile(path):
                return path
        end = "/" + wanted.strip("/")
        found = [path for path in sources if path.endswith(end)]
        if found:
            return found[0]
        why = "sources_main_file of ro-crate-info.yaml is not there, so it is looked for as without it"
        self.gaps.append(Gap("the main file", why, wanted))
        return None

    def _named_below(self, relative: str) -> Iterator[str]:
        """Yield the files of that name in the working folder, those near its top first."""
        waiting = [self._folder]
        looked_at = 0
        while waiting and looked_at < _MOST_FOLDERS:
            below = []
            for folder in waiting:
                looked_at += 1
                path = f"{folder}/{relative}"
                if os.path.isfile(path):
                    yield path
                below += self._folders_in(folder)
                if looked_at >= _MOST_FOLDERS:
                    break
            waiting = below

    def _folders_in(self, folder: str) -> list[str]:
        try:
            with os.scandir(folder) as listed:
                names = sorted(each.name for each in listed if each.is_dir(follow_symlinks=False))
        except OSError:
            return []
        paths = ((f"{folder}/{name}", name) for name in names if not name.startswith("."))
        return [path for path, name in paths if not self._is_no_source(path, name)]

    def _nearest(self, relative: str, candidates: list[str]) -> str | None:
        if not candidates:
            why = f"no file {relative} was found in the working folder; name it with sources_main_file"
            self.gaps.append(Gap("the main file", why, self._folder))
            return None
        ordered = sorted(candidates, key=lambda path: (path.count("/"), path))
        if len(ordered) > 1:
            why = f"{len(ordered)} files are called {relative}; the one nearest to the working folder was taken"
            self.gaps.append(Gap("which file is the main file", why, ordered[0]))
        return ordered[0]


def _file_of(application: str | None) -> str | None:
    """Return the relative path of an application: a Python file's name, or the file of a Java class."""
    if not application:
        return None
    if application.endswith(".py") or "/" in application:
        return application.rpartition("/")[2]
    return application.partition("$")[0].replace(".", "/") + ".java"
