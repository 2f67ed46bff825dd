"""Which files a re-run needs, and where the content of each comes from.

Comes in: the Run as its crate tells it, the crate's folder, the recorded paths, what the user gives and maps. Goes
out: :class:`~provenance.rerun.records.PlannedFile`, one for each source and input. Nothing is read here but the state
of files.

A file outside of the crate is taken only when the user maps its folder, or when its content has the recorded SHA-256:
a crate that names a file of this machine does not get it by naming it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from provenance.crate.source import FolderPayload
from provenance.errors import UsageError
from provenance.rerun.placing import PLACED, is_plain
from provenance.rerun.records import Placement, PlannedFile, Presence
from provenance.run.model import Data, Role, Run

_REMOTE = ("http://", "https://")


def needed_files(
    run: Run,
    crate: Path,
    paths: Mapping[str, str],
    placement: Placement,
    *,
    maps: Sequence[tuple[str, str]] = (),
    given: Sequence[tuple[str, str]] = (),
    only: Iterable[str] | None = None,
) -> tuple[PlannedFile, ...]:
    """List what has to be there before the run.

    Parameters
    ----------
    paths
        Key -> recorded absolute path.
    maps
        (recorded prefix, prefix here): where files outside of the crate lie now.
    given
        (name, path here): what the user gives in the place of recorded data.
    only
        Keys of the data that are needed when not the whole run is repeated: results of tasks may be among them.

    Raises
    ------
    UsageError
        The user gives something for a file that is not there, or that may be several, or gives what is not there.
    """
    payload = FolderPayload(crate)
    wanted = _before_the_run(run, paths, None if only is None else frozenset(only))
    chosen = given_for(given, wanted, paths)
    programs = {tool.source_key for tool in run.tools if tool.kind == "program"}
    return tuple(
        _planned(data, payload, paths.get(data.key), placement, maps, chosen.get(data.key), data.key in programs)
        for data in wanted
    )


def _before_the_run(run: Run, paths: Mapping[str, str], only: frozenset[str] | None) -> list[Data]:
    """The first state of each file that the run did not make."""
    earliest: dict[str, Data] = {}
    for data in run.data:
        is_wanted = data.key in only if only is not None else data.role in PLACED
        if only is not None and data.role in (Role.SOURCE, Role.CONFIGURATION):
            is_wanted = True
        if not is_wanted:
            continue
        place = paths.get(data.key, data.key)
        known = earliest.get(place)
        if known is None or data.version < known.version:
            earliest[place] = data
    return list(earliest.values())


def given_for(given: Sequence[tuple[str, str]], wanted: Sequence[Data], paths: Mapping[str, str]) -> dict[str, Path]:
    """Find which data the user means: by identifier, recorded path, the end of one, or base name.

    Raises
    ------
    UsageError
        None or several are meant, or there is no such file here.
    """
    found = {}
    for name, here in given:
        path = Path(os.path.abspath(here))
        if not path.exists():
            raise UsageError(f"--data {name}={here}: there is no file {here}")
        keys = [data.key for data in wanted if is_meant(name, data.key, paths.get(data.key))]
        if len(keys) != 1:
            exact = [key for key in keys if name in (key, unquote(key), paths.get(key))]
            keys = exact if len(exact) == 1 else keys
        if len(keys) != 1:
            names = [paths.get(key, key) for key in keys] or [paths.get(data.key, data.key) for data in wanted]
            listed = ", ".join(sorted(names)[:10]) or "no file at all"
            raise UsageError(
                f"--data {name}={here}: {'several files have that name' if keys else 'the run used no such file'}; "
                f"{'write one of' if keys else 'it used'} {listed}"
            )
        is_folder = next(data.is_directory for data in wanted if data.key == keys[0])
        if path.is_dir() != is_folder:
            kinds = ("a folder", "a file") if is_folder else ("a file", "a folder")
            raise UsageError(f"--data {name}={here}: the run used {kinds[0]}, and {here} is {kinds[1]}")
        found[keys[0]] = path
    return found


def is_meant(name: str, key: str, recorded: str | None) -> bool:
    """Tell whether a user who writes ``name`` can mean this file."""
    if name in (key, unquote(key), recorded):
        return True
    parts = [part for part in name.split("/") if part not in ("", ".")]
    ends = [PurePosixPath(recorded).parts] if recorded else []
    ends.append(PurePosixPath(unquote(key, errors="surrogateescape")).parts)
    return bool(parts) and any(end[-len(parts) :] == tuple(parts) for end in ends)


def _planned(  # noqa: PLR0917
    data: Data,
    payload: FolderPayload,
    recorded: str | None,
    placement: Placement,
    maps: Sequence[tuple[str, str]],
    given: Path | None,
    is_program: bool,
) -> PlannedFile:
    presence, content, url = _origin(data, payload, recorded, maps, given)
    return PlannedFile(
        key=data.key,
        role=data.role.value,
        presence=presence,
        recorded=recorded,
        place=placement.place(recorded) if recorded is not None else _place_by_key(data.key, placement),
        content=content,
        url=url,
        size=data.size,
        sha256=data.sha256,
        mtime_ns=data.mtime_ns,
        is_directory=data.is_directory,
        is_program=is_program,
        is_size_told=data.is_size_told,
    )


def _origin(
    data: Data,
    payload: FolderPayload,
    recorded: str | None,
    maps: Sequence[tuple[str, str]],
    given: Path | None,
) -> tuple[Presence, Path | None, str | None]:
    """Where the content comes from: what it is, the file here, the address."""
    if given is not None:
        return Presence.GIVEN, given, None
    found = data.content or (None if data.key.startswith(("#", "file:", *_REMOTE)) else _in_crate(payload, data.key))
    if found is not None:
        return Presence.CRATE, Path(found), None
    if data.key.startswith(_REMOTE):
        return Presence.REMOTE, None, data.key
    # What was kept of an earlier state lies elsewhere than the file itself.
    kept = unquote(urlsplit(data.key).path, errors="surrogateescape") if data.key.startswith("file://") else None
    for path in dict.fromkeys(path for path in (kept, recorded) if path is not None and is_plain(path)):
        here = _mapped(path, maps)
        if here is not None and here.exists():
            return Presence.HERE, here, None
        if data.sha256 is not None and Path(path).is_file() and not data.is_directory:
            return Presence.HERE, Path(path), None
    # A folder is made empty; what was in it are files of their own.
    return (Presence.CRATE if data.is_directory else Presence.MISSING), None, None


def _in_crate(payload: FolderPayload, key: str) -> str | None:
    found = payload.find(key)
    return found[2] if found is not None else None


def _place_by_key(key: str, placement: Placement) -> Path | None:
    """Give a file without a recorded path the place that it has in the crate, without the folders that a crate adds."""
    if key.startswith(("#", "file:", *_REMOTE)):
        return None
    parts = [part for part in unquote(key, errors="surrogateescape").split("/") if part not in ("", ".")]
    if parts[:1] in (["application_sources"], ["dataset"]) and len(parts) > 1:
        parts = parts[1:]
    if ".." in parts or not parts:
        return None
    return placement.folder.joinpath(*parts)


def _mapped(recorded: str, maps: Sequence[tuple[str, str]]) -> Path | None:
    """Lead a recorded path to where its folder lies here; the longest prefix that fits wins."""
    for prefix, here in sorted(maps, key=lambda pair: -len(pair[0])):
        plain = posixpath.normpath(prefix)
        if recorded == plain:
            return Path(here).absolute()
        if recorded.startswith(plain.rstrip("/") + "/"):
            return Path(here).absolute() / recorded[len(plain.rstrip("/")) + 1 :]
    return None
