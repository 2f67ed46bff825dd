"""Checks a crate as it came: every file that its metadata tell of against what they tell, and what else lies there.

Comes in: a crate's folder or zip. Goes out: a :class:`~provenance.rerun.records.Check` for each file of the crate.
Nothing is unpacked, no link out of the crate is followed, no special file is opened.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provenance.crate.graph import Graph, is_relative
from provenance.crate.originals import sha256_of
from provenance.crate.read_values import size
from provenance.crate.source import METADATA_NAMES, ZIP_FAULTS, Payload, ZipPayload, open_crate, relative_paths
from provenance.rerun.agreeing import compared
from provenance.rerun.file_digests import Reading, Wanted, read_files
from provenance.rerun.records import Agreement, Check
from provenance.rerun.talk import Talk
from provenance.run.model import Run

_BLOCK = 1 << 20  # bytes read at once
_OF_THE_CRATE = frozenset(["ro-crate-preview.html", *METADATA_NAMES])
_PAGE_FILES = "ro-crate-preview_files/"
_UNTOLD = "in the crate, but its metadata do not tell of it"


@dataclass(frozen=True, slots=True)
class _Told:
    """A file of the crate, as its metadata have it."""

    key: str
    size: int | None
    sha256: str | None


def verify_crate(crate: Path, run: Run | None, talk: Talk) -> tuple[Check, ...]:
    """Hold every file that a crate tells of against its record, and name those that it does not tell of.

    Parameters
    ----------
    run
        The run that the crate tells of; its recorded paths are noted with the checks.

    Raises
    ------
    CrateError
        The crate can't be read.
    """
    document, payload = open_crate(crate)
    told = list(_told(Graph(document, crate)))
    recorded = {data.key: data.original for data in run.data} if run is not None else {}
    if isinstance(payload, ZipPayload):
        readings = _in_zip(crate, payload, told, talk)
        present = {name for name, _ in payload.members() if not name.endswith("/")}
    else:
        readings = _in_folder(payload, told, talk)
        present = set(_files(crate)) if crate.is_dir() else set()
    checks = [
        Check(one.key, *compared(reading, one.size, one.sha256), recorded.get(one.key))
        for one, reading in zip(told, readings, strict=True)
    ]
    known = {path for one in told for path in relative_paths(one.key)}
    untold = sorted(name for name in present - known if not _is_frame(name))
    return (*checks, *(Check(name, Agreement.NOTHING, _UNTOLD) for name in untold))


def _told(graph: Graph) -> Iterator[_Told]:
    for key, entity in graph:
        if "File" not in graph.types(entity) or not is_relative(key) or _is_frame(key):
            continue
        yield _Told(key, size(graph.text(entity, "contentSize")), sha256_of(graph, entity))


def _is_frame(name: str) -> bool:
    """Tell whether it is a file that every crate has about itself."""
    return name in _OF_THE_CRATE or name.startswith(_PAGE_FILES)


def _in_folder(payload: Payload, told: list[_Told], talk: Talk) -> list[Reading]:
    wanted, positions = [], []
    readings = [Reading(problem="", is_missing=True)] * len(told)
    for position, one in enumerate(told):
        found = payload.find(one.key)
        if found is not None and found[2] is not None:
            positions.append(position)
            wanted.append(Wanted(found[2], one.size, one.sha256 is not None))
    for position, reading in zip(positions, read_files(wanted, talk), strict=True):
        readings[position] = reading
    return readings


def _files(crate: Path) -> Iterator[str]:
    """The paths of all files of a crate's folder, relative to it; folders that are links are not entered."""
    top = os.path.abspath(crate)
    for folder, _, names in os.walk(top):
        inside = os.path.relpath(folder, top)
        for name in names:
            yield name if inside == "." else f"{inside}/{name}"


def _in_zip(crate: Path, payload: ZipPayload, told: list[_Told], talk: Talk) -> list[Reading]:
    total = sum(one.size or 0 for one in told if one.sha256)
    done = 0
    readings = []
    with zipfile.ZipFile(crate) as archive:
        for one in told:
            readings.append(_entry(archive, payload, one))
            done += one.size or 0
            talk.progress("check", done, total)
    return readings


def _entry(archive: zipfile.ZipFile, payload: ZipPayload, one: _Told) -> Reading:
    found = payload.find(one.key)
    if found is None or found[1]:
        return Reading(problem="" if found is None else "it is no file but a folder", is_missing=found is None)
    promised = found[0]
    if one.sha256 is None or one.size not in (None, promised):
        return Reading(promised)
    digest, got = hashlib.sha256(), 0
    try:
        with archive.open(_member(archive, payload, one.key)) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                got += len(block)
    except (KeyError, *ZIP_FAULTS) as error:
        return Reading(problem=f"it can't be unpacked ({error})")
    return Reading(got, None, digest.hexdigest())


def _member(archive: zipfile.ZipFile, payload: ZipPayload, key: str) -> zipfile.ZipInfo:
    known = archive.NameToInfo
    return next(known[name] for path in relative_paths(key) if (name := payload.entry(path)) in known)
