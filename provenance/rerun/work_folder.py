"""Lays out the fresh folder that a re-run takes place in.

Comes in: the plan. Goes out: files and folders below the placement's folder, nothing anywhere else. The folder is new
or empty; nothing in it is ever replaced, and no link in it is followed, so a crate can't lead the layout elsewhere.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from provenance.errors import OutputError, UsageError
from provenance.rerun.made_folders import made_folders
from provenance.rerun.placing import is_below
from provenance.rerun.records import Placement, PlannedFile, Presence
from provenance.rerun.talk import Talk
from provenance.run.model import Role, Run

_EXECUTABLE = stat.S_IXUSR
_BLOCK = 1 << 20


def clashes(files: Iterable[PlannedFile]) -> tuple[str, ...]:
    """Tell which files can't lie where they are to lie: two in one place, or one where another wants a folder."""
    found = []
    places: dict[Path, str] = {}
    folders: dict[Path, str] = {}
    for file in files:
        if file.place is None:
            continue
        if file.is_directory:
            folders.setdefault(file.place, file.key)
        elif file.place in places:
            found.append(f"{file.key} and {places[file.place]} have the same path at the run ({file.recorded})")
            continue
        else:
            places[file.place] = file.key
        for folder in file.place.parents:
            if folder in folders:
                break
            folders[folder] = file.key
    found += [
        f"{places[place]} is a file where {folders[place]} needs a folder ({place.name})"
        for place in places.keys() & folders.keys()
    ]
    return tuple(sorted(found))


def result_folders(run: Run, paths: Mapping[str, str], placement: Placement) -> tuple[Path, ...]:
    """The folders that the run wrote into, which it may expect to find.

    A program that was run again in the same folder would find them too. What the run is seen to have made is left out:
    it could not make it again.
    """
    folders: dict[str, Path] = {}
    for data in run.data:
        if data.role in (Role.OUTPUT, Role.INTERMEDIATE, Role.LOG) and not data.is_directory and data.key in paths:
            folder = posixpath.dirname(paths[data.key])
            place = placement.place(folder)
            if place is not None:
                folders[folder] = place
    made = {one for one in made_folders(run, folders) if run.cwd is None or not is_below(run.cwd, one)}
    return tuple(place for folder, place in folders.items() if not any(is_below(folder, one) for one in made))


def linkable(files: Iterable[PlannedFile], run: Run, paths: Mapping[str, str]) -> frozenset[str]:
    """Find the files outside of the crate that may be linked to: what the run writes to would change the user's own."""
    made = {key for task in run.tasks for key in task.outputs} | set(run.outputs)
    made |= {data.key for data in run.data if data.role in (Role.OUTPUT, Role.INTERMEDIATE)}
    written: set[str] = set()
    for key in made & paths.keys():
        path = paths[key]
        while path not in written:
            written.add(path)
            path = posixpath.dirname(path)
    outside = (file for file in files if file.presence in (Presence.HERE, Presence.GIVEN))
    return frozenset(file.key for file in outside if file.recorded not in written)


def lay_out(
    files: Collection[PlannedFile],
    folders: Iterable[Path],
    placement: Placement,
    *,
    fetch: Callable[[PlannedFile, Path], None],
    links: Collection[str] = (),
    talk: Talk,
) -> None:
    """Put every file where it lay at the run.

    Parameters
    ----------
    fetch
        Downloads a file that is not here to a path.
    links
        Keys of files that are linked to instead of copied.

    Raises
    ------
    UsageError
        The folder is there and not empty.
    OutputError
        No space, no permission, a file that can't be read.
    """
    total = sum(file.size or 0 for file in files)
    done = 0
    try:
        _make_new(placement.folder)
        for file in files:
            if file.place is None or file.presence is Presence.MISSING:
                continue
            is_linked = file.key in links
            _make_folders(file.place if file.is_directory and not is_linked else file.place.parent, placement.folder)
            if file.presence is Presence.REMOTE:
                fetch(file, file.place)
            elif file.content is not None:
                _put(file, file.content, file.place, is_linked)
            done += file.size or 0
            talk.progress("files", done, total)
        for folder in folders:
            if not folder.is_file():
                _make_folders(folder, placement.folder)
    except OSError as error:
        raise OutputError(
            f"{error.filename or placement.folder}: {error.strerror or error}; the files of the run could not be laid "
            "out: make room, or choose another --workdir"
        ) from None


def _make_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty, and a re-run starts afresh; choose another --workdir, or remove it")
    folder.mkdir(parents=True, exist_ok=True)


def _make_folders(folder: Path, top: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # Only what the layout itself made is here; a link can only be one to data that the user allowed.
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(top)):
        raise OSError(0, "leads out of the work folder", str(folder))


def _put(file: PlannedFile, content: Path, place: Path, link: bool) -> None:
    if link:
        place.symlink_to(content.absolute())
    elif content.is_dir():
        if not file.is_directory or file.presence is not Presence.CRATE:
            _copy_folder(content, place)
    else:
        _copy(content, place, file.mtime_ns if file.presence is Presence.CRATE else None, file.is_program)


def _copy_folder(source: Path, target: Path) -> None:
    for where, folders, names in os.walk(source):
        below = target / Path(where).relative_to(source)
        below.mkdir(parents=True, exist_ok=True)
        folders.sort()
        for name in sorted(names):
            path = Path(where, name)
            if path.is_file():
                _copy(path, below / name)


def _copy(source: Path, target: Path, mtime_ns: int | None = None, is_program: bool = False) -> None:
    descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as reader:
        state = os.fstat(reader.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise OSError(0, "is no regular file", str(source))
        mode = 0o755 if is_program or state.st_mode & _EXECUTABLE else 0o644
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as writer:
            shutil.copyfileobj(reader, writer, _BLOCK)
            # Build tools compare these; a copy that is new would make them build again, or not.
            when = mtime_ns if mtime_ns is not None else state.st_mtime_ns
            os.utime(writer.fileno(), ns=(state.st_atime_ns, when))
