"""What is not the same in the files of two runs: sources, commit, inputs, outputs.

Comes in: two Runs, the pairs of their data, what compares contents. Goes out:
:class:`~provenance.rerun.records.Difference` of the aspects ``code``, ``data``, ``outputs`` and ``intermediates``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from provenance.rerun.contents import AGREEING, Contents
from provenance.rerun.data_pairs import DataPairs, is_compared
from provenance.rerun.records import Difference, Likeness
from provenance.run.model import Data, Role, Run

ASPECTS = {
    Role.SOURCE: "code",
    Role.CONFIGURATION: "data",
    Role.INPUT: "data",
    Role.OUTPUT: "outputs",
    Role.INTERMEDIATE: "intermediates",
}
WRITTEN_SINCE = "written to between the runs; what it held before was not kept"
_LARGEST_TEXT = 1 << 20  # bytes of a text whose lines are compared
_MOST_LINES = 20_000


def file_differences(before: Run, after: Run, pairs: DataPairs, contents: Contents) -> Iterator[Difference]:
    """Hold the files of one run against those of the other."""
    yield from _commit(before, after)
    wanted = [_meant(before), _meant(after)]
    for data in before.data:
        aspect = ASPECTS.get(data.role)
        if aspect is None or not is_compared(data):
            continue
        partner = pairs.partner(data.key)
        if partner is None:
            if data.key in wanted[0] and not data.is_directory:
                yield Difference(aspect, pairs.name(data), _size(data), None, _MISSING[aspect])
        elif (found := changed(data, partner, contents)) is not None:
            called, now = pairs.name(data), pairs.name(partner, is_before=False)
            detail = found if called == now else f"{found}; now {now}"
            yield Difference(aspect, called, None, None, detail)
    for data in after.data:
        aspect = ASPECTS.get(data.role)
        is_new = data.key not in pairs.before_of and data.key in wanted[1] and not data.is_directory
        if aspect is not None and is_new and is_compared(data):
            yield Difference(aspect, pairs.name(data, is_before=False), None, _size(data), _EXTRA[aspect])


_MISSING = {"code": "not used now", "data": "not read now", "outputs": "not made now", "intermediates": "not made now"}
_EXTRA = {
    "code": "not used before",
    "data": "not read before",
    "outputs": "not made before",
    "intermediates": "not made before",
}


def changed(before: Data, after: Data, contents: Contents) -> str | None:
    """Say in words how the content of a file differs; None when it does not, or when that can't be told."""
    likeness = contents.likeness(before, after)
    if likeness in AGREEING:
        return None
    if likeness is Likeness.UNKNOWN:
        is_given = before.role in (Role.SOURCE, Role.CONFIGURATION, Role.INPUT)
        return WRITTEN_SINCE if is_given and _is_written_since(before, after) else None
    lines = changed_lines(before, after, contents)
    if lines:
        return f"changed ({lines} line{'s' if lines != 1 else ''})"
    if before.size is not None and after.size is not None and before.size != after.size:
        return f"changed ({before.size:,} -> {after.size:,} bytes)"
    return "changed"


def texts(before: Data, after: Data, contents: Contents) -> tuple[list[str], list[str]] | None:
    """Read the lines of two states of a file; None when they are no texts, too large, or not kept."""
    found = []
    for data in (before, after):
        path = contents.content(data)
        if path is None:
            return None
        try:
            if path.stat().st_size > _LARGEST_TEXT:
                return None
            raw = path.read_bytes()
            if b"\0" in raw:
                return None
            found.append(raw.decode().splitlines())
        except (OSError, UnicodeDecodeError):
            return None
    return found[0], found[1]


def changed_lines(before: Data, after: Data, contents: Contents) -> int | None:
    """Count the lines that are not the same; None when they can't be compared."""
    lines = texts(before, after, contents)
    if lines is None or len(lines[0]) + len(lines[1]) > _MOST_LINES:
        return None
    matcher = difflib.SequenceMatcher(None, *lines, autojunk=True)
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal")


def _meant(run: Run) -> frozenset[str]:
    """Name the data of which it tells something that the other run has none: crates may list files that no one used."""
    keys = {key for task in run.tasks for key in (*task.inputs, *task.outputs)}
    keys.update((*run.inputs, *run.outputs), (tool.source_key or "" for tool in run.tools), (run.main or "",))
    if run.trace is not None:  # a record: all that it tells was used
        keys.update(data.key for data in run.data)
    return frozenset(keys)


def _is_written_since(before: Data, after: Data) -> bool:
    return (
        before.path == after.path
        and before.path.startswith("/")
        and None not in (before.mtime_ns, after.mtime_ns)
        and before.mtime_ns != after.mtime_ns
    )


def _commit(before: Run, after: Run) -> Iterator[Difference]:
    first, second = before.environment.source_control, after.environment.source_control
    if first is None or second is None or first.commit is None or second.commit is None:
        return
    if first.commit != second.commit:
        yield Difference("commit", "commit", first.commit[:12], second.commit[:12])


def _size(data: Data) -> str | None:
    return None if data.size is None else f"{data.size:,} bytes"
