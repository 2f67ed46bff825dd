"""Problems of reading -> Gaps of the Run: what could not be understood is counted and named.

In: the problems that the readers noted. Out: :class:`~provenance.run.model.Gap` objects, few enough to be read.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from provenance.engines.compss.file_states import FileStates
from provenance.engines.compss.readings import Readings
from provenance.engines.compss.records import Problem
from provenance.journal.credentials import hide
from provenance.run.model import Gap

_MOST_NAMED = 20


def gaps(known: Readings, states: FileStates) -> Iterator[Gap]:
    """Yield what could not be understood of the files of a run."""
    log = known.log
    if log.unread:
        lines = "1 line" if log.unread == 1 else f"{log.unread} lines"
        yield Gap(f"{lines} of the log of accesses", "COMPSs' format does not have such lines", log.path)
    yield from of_problems(known.problems)
    told = {problem.line for problem in known.problems if problem.file == log.path}
    yield from of_problems(_doubts(known, states, told))
    for doubt in known.submission.doubts if known.submission is not None else ():
        yield Gap("how the command line was split into words", hide(doubt), str(known.files.submission))


def of_problems(problems: Iterable[Problem]) -> Iterator[Gap]:
    """Yield a gap for each kind of problem in each file; of all of them, the first lines are named."""
    kinds: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        kinds.setdefault((problem.file, problem.what), []).append(problem)
    left = _MOST_NAMED
    unnamed = 0
    for (file, what), found in kinds.items():
        if left <= 0:
            unnamed += len(found)
            continue
        shown = found[:left]
        left -= len(shown)
        yield Gap(_where(shown, len(found) - len(shown)), _why(what, shown[0].text), file)
    if unnamed:
        yield Gap(f"{unnamed} more parts of files", "they could not be understood, or not with certainty")


def _doubts(known: Readings, states: FileStates, told: Container[int | None]) -> Iterator[Problem]:
    for history in states.histories.values():
        if history.doubt is not None and history.line not in told:
            yield Problem(known.log.path, history.line or None, history.doubt, history.path)


def _where(problems: list[Problem], more: int) -> str:
    name = problems[0].file.rpartition("/")[2]
    places = [f"{name}:{problem.line}" for problem in problems if problem.line is not None]
    if not places:
        return name if len(problems) + more == 1 else f"{name} ({len(problems) + more} times)"
    return ", ".join(places) + (f" and {more} more" if more else "")


def _why(what: str, text: str) -> str:
    return f"{what}: {hide(text)}" if text and text not in what else what
