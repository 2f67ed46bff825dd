"""What ``wfprov diff`` prints: the differences of two runs, by what they are about."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence

from provenance.cli import text
from provenance.rerun.contents import AGREEING
from provenance.rerun.file_differences import texts
from provenance.rerun.records import Comparison, Difference, Divergence, Likeness
from provenance.rerun.two_runs import TwoRuns
from provenance.run.model import Data, Role

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("code", ("code", "commit")),
    ("parameters", ("parameters", "command")),
    ("data", ("data",)),
    ("environment", ("packages", "software", "container", "variables")),
    ("tasks", ("status", "tasks")),
    ("outputs", ("outputs",)),
)
_NOTHING = {
    "parameters": "not given",
    "command": "not given",
    "variables": "not set",
    **dict.fromkeys(("packages", "software", "installed"), "not there"),
}
_MOST_ROWS = 20  # of a group
_MOST_TEXTS = 3  # of a group, whose changes are shown
_MOST_LINES = 12  # of the changes in a text
_LONGEST_SIDE = 60  # columns of a value before or now


def lines(found: TwoRuns, columns: int, show_all: bool) -> Iterator[str]:
    """Tell the differences; names and contents come from users and crates, so each line is cleaned."""
    is_blank = False
    for line in _lines(found, columns, show_all):
        if line or not is_blank:
            yield line
        is_blank = not line


def _lines(found: TwoRuns, columns: int, show_all: bool) -> Iterator[str]:
    yield from _heads(found, columns)
    for title, aspects in _GROUPS:
        rows = [one for one in found.differences if one.aspect in aspects]
        same = _same(title, found)
        if not rows:
            yield text.fit(f"{title:<12}  {same}", columns)
            continue
        yield ""
        yield title
        yield from _rows(rows, found, columns, show_all)
        yield ""
    yield from _remarks(found, columns, show_all)
    if found.divergence is not None:
        yield ""
        yield from _divergence(found.divergence, columns)


def _remarks(found: TwoRuns, columns: int, show_all: bool) -> Iterator[str]:
    """Tell what does not make two runs different by itself."""
    for aspect, title, one, many in (
        ("machine", "machine", "", ""),
        ("intermediates", "intermediates", "intermediate file differs", "intermediate files differ"),
        ("installed", "not used", "piece of unused software differs", "pieces of unused software differ"),
    ):
        rows = [each for each in found.differences if each.aspect == aspect]
        if rows and (show_all or aspect == "machine"):
            yield ""
            yield title
            yield from _rows(rows, found, columns, show_all)
            yield ""
        elif rows:
            yield f"{text.plural(len(rows), one, many)}; --all lists {'it' if len(rows) == 1 else 'them'}"


def _heads(found: TwoRuns, columns: int) -> Iterator[str]:
    for letter, run in (("A", found.before), ("B", found.after)):
        when = text.moment(run.start, zone=False)
        yield text.cut(f"{letter}  {run.id}  {when}  {run.status.value}  {run.name}", columns)
        if run.command:
            yield text.cut(f"   {shlex.join(run.command)}", columns)
    yield ""


def _same(title: str, found: TwoRuns) -> str:
    """Say what is the same of a group in which nothing differs."""
    runs = found.before, found.after
    count = len(found.before.arguments)
    packages = [len(run.environment.packages) + len(run.environment.software) for run in runs]
    return {
        "code": _files(found, (Role.SOURCE,)),
        "parameters": f"the same ({text.plural(count, 'argument')})" if count else "the same",
        "data": _files(found, (Role.INPUT, Role.CONFIGURATION)),
        "environment": "the same" if all(packages) else "the same as far as it was recorded",
        "tasks": f"the same ({text.plural(len(found.tasks), 'task')})" if found.tasks else "not recorded in both runs",
        "outputs": _same_outputs(found.outputs),
    }[title]


def _files(found: TwoRuns, roles: Sequence[Role]) -> str:
    data = [one for one in found.before.data if one.role in roles and not one.is_directory]
    if not data:
        return "none was recorded"
    unknown = [one for one in data if not _is_known(one, found)]
    said = text.plural(len(data), "file")
    said += f"; of {len(unknown)} the content could not be compared" if unknown else ""
    return f"the same ({said})"


def _is_known(data: Data, found: TwoRuns) -> bool:
    partner = found.data.partner(data.key)
    return partner is not None and found.contents.likeness(data, partner) in AGREEING


def _same_outputs(outputs: Sequence[Comparison]) -> str:
    if not outputs:
        return "none"
    unknown = [one for one in outputs if one.likeness is Likeness.UNKNOWN]
    same = [one for one in outputs if one.likeness in AGREEING]
    said = [f"the same ({text.plural(len(same), 'file')})"] if same else []
    equal = [one for one in same if one.likeness is not Likeness.IDENTICAL]
    if equal:
        said.append(f"{len(equal)} of them equal in content, not in every byte")
    if unknown:
        said.append(f"{text.plural(len(unknown), 'file')} can't be compared: what was in one of them was not kept")
    return "; ".join(said)


def _rows(rows: Sequence[Difference], found: TwoRuns, columns: int, show_all: bool) -> Iterator[str]:
    shown = rows if show_all else rows[:_MOST_ROWS]
    widest = min(max(text.width(text.clean(one.what)) for one in shown), max(12, columns // 2))
    told = 0
    for one in shown:
        what = text.fit(one.what, widest)
        said = _said(one, show_all)
        line = f"  {what}{' ' * (widest - text.width(what))}  {text.clean(said)}"
        yield line if show_all else text.cut(line, columns)
        if one.aspect in ("code", "data", "outputs") and (show_all or told < _MOST_TEXTS):
            changes = list(_changes(one, found, columns, show_all))
            told += bool(changes)
            yield from changes
    if len(rows) > len(shown):
        yield f"  and {len(rows) - len(shown):,} more; --all lists them"


def _said(one: Difference, show_all: bool = False) -> str:
    if one.before is None and one.after is None:
        return one.detail
    sides = [_NOTHING.get(one.aspect, "-") if side is None else side for side in (one.before, one.after)]
    if max(map(len, sides)) > _LONGEST_SIDE and not show_all:
        sides = [text.fit(side, _LONGEST_SIDE) for side in sides]
    change = " -> ".join(sides)
    if one.aspect in ("code", "data", "outputs", "intermediates"):
        return f"{one.detail} ({one.before or one.after})"
    return f"{change}  ({one.detail})" if one.detail.startswith("whether") else change


def _changes(one: Difference, found: TwoRuns, columns: int, show_all: bool) -> Iterator[str]:
    """The first lines that are not the same in a text that both runs have."""
    pair = _texts(one.what, found)
    if pair is None:
        return
    changes = [line for line in list(difflib.unified_diff(*pair, n=0, lineterm=""))[2:] if not line.startswith("@@")]
    for line in changes if show_all else changes[:_MOST_LINES]:
        yield text.cut(f"      {line}", columns)
    if len(changes) > _MOST_LINES and not show_all:
        yield f"      and {len(changes) - _MOST_LINES:,} more lines"


def _texts(name: str, found: TwoRuns) -> tuple[list[str], list[str]] | None:
    for key, other in found.data.after_of.items():
        data = found.data.before[key]
        if found.data.name(data) == name and data.role in (Role.SOURCE, Role.CONFIGURATION, Role.INPUT, Role.OUTPUT):
            return texts(data, found.data.after[other], found.contents)
    return None


def _divergence(divergence: Divergence, columns: int) -> Iterator[str]:
    outputs = ", ".join(divergence.outputs[:3])
    more = len(divergence.outputs) - 3
    where = f"at {divergence.task}" if divergence.before is not None else "somewhere within the run"
    outputs += f" and {more} more" if more > 0 else ""
    said = f"They part {where}: {outputs} {_differ(divergence)}. What else differs there:"
    yield from text.wrap(said, columns)
    for one in divergence.differences[:_MOST_ROWS]:
        change = _said(one)
        yield text.cut(f"  {one.what}: {change}", columns) if change else text.cut(f"  {one.what}", columns)


def _differ(divergence: Divergence) -> str:
    return "differs" if len(divergence.outputs) == 1 else "differ"
