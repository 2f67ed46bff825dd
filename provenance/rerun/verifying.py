"""Holds files against what a crate says of them: SHA-256 where it is recorded, else the size, else the date.

Comes in: planned files. Goes out: a :class:`~provenance.rerun.records.Check` for each, in the same
order, that says what was compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from provenance.errors import UsageError
from provenance.rerun.agreeing import compared, compared_dates
from provenance.rerun.file_digests import Reading, Wanted, read_files
from provenance.rerun.records import Agreement, Check, PlannedFile, Presence
from provenance.rerun.talk import Talk

_TOLD = 10  # candidates that an error names
_UNREAD = {
    Presence.GIVEN: (Agreement.GIVEN, ""),
    Presence.REMOTE: (Agreement.NOTHING, "checked when it is fetched"),
    Presence.MISSING: (Agreement.MISSING, ""),
}
_BAD = (Agreement.DIFFERS, Agreement.MISSING)


def verify(files: Sequence[PlannedFile], *, allowed: Sequence[str], talk: Talk) -> tuple[Check, ...]:
    """Hold every source and datum against its record.

    Parameters
    ----------
    allowed
        Files that may differ or be missing: identifier in the crate (decoded or not), recorded path, or the end of
        one (a base name, say) when no other file has it.

    Raises
    ------
    UsageError
        An allowed name is that of no file, or of several.
    """
    granted = _granted(allowed, files)
    wanted = {index: _wanted(file) for index, file in enumerate(files) if _is_read(file)}
    readings = dict(zip(wanted, read_files(list(wanted.values()), talk), strict=True))
    checks = [_check(file, readings.get(index)) for index, file in enumerate(files)]
    return tuple(
        replace(check, agreement=Agreement.ALLOWED, detail=check.detail or check.agreement.value)
        if index in granted and check.agreement in _BAD
        else check
        for index, check in enumerate(checks)
    )


def _is_read(file: PlannedFile) -> bool:
    return file.presence not in _UNREAD and file.content is not None and not file.is_directory


def _wanted(file: PlannedFile) -> Wanted:
    return Wanted(str(file.content), _told_size(file), file.sha256 is not None)


def _told_size(file: PlannedFile) -> int | None:
    return file.size if file.is_size_told else None


def _check(file: PlannedFile, reading: Reading | None) -> Check:
    if file.presence in _UNREAD:
        agreement, detail = _UNREAD[file.presence]
    elif file.is_directory:
        agreement, detail = Agreement.NOTHING, "a folder"
    elif reading is None:
        agreement, detail = Agreement.MISSING, ""
    else:
        # What was unpacked or downloaded is as old as that; outside of a crate a date tells something.
        agreement, detail = compared(reading, _told_size(file), file.sha256)
        if agreement is Agreement.NOTHING and file.presence is not Presence.CRATE:
            agreement, detail = compared_dates(reading.mtime_ns, file.mtime_ns)
    return Check(file.key, agreement, detail, file.recorded)


def _granted(allowed: Sequence[str], files: Sequence[PlannedFile]) -> frozenset[int]:
    """Find the files that the user allows to differ, by their position."""
    granted = set()
    for name in allowed:
        exact = [index for index, file in enumerate(files) if name in (file.key, _decoded(file.key), file.recorded)]
        found = exact or [index for index, file in enumerate(files) if _ends_with(file, name)]
        if len(found) != 1:
            raise UsageError(_no_choice(name, found, files))
        granted.add(found[0])
    return frozenset(granted)


def _decoded(key: str) -> str:
    return unquote(key, errors="surrogateescape")


def _ends_with(file: PlannedFile, name: str) -> bool:
    end = PurePosixPath(name).parts
    wholes = (_decoded(file.key), file.recorded or "")
    return bool(end) and any(PurePosixPath(whole).parts[-len(end) :] == end for whole in wholes)


def _no_choice(name: str, found: Sequence[int], files: Sequence[PlannedFile]) -> str:
    keys = [files[index].key for index in found] or [file.key for file in files]
    listed = ", ".join(repr(key) for key in keys[:_TOLD]) + (
        f" and {len(keys) - _TOLD:,} more" if len(keys) > _TOLD else ""
    )
    if found:
        return f"--allow {name}: several files have that name; write one of {listed}"
    return f"--allow {name}: the run needs no such file; it needs {listed or 'none'}"
