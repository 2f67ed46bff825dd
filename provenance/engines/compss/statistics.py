"""How often and how long the tasks of each method ran: the lines at the end of the log, or ``App_Profile.json``.

In: lines, or the file. Out: :class:`~provenance.engines.compss.records.Statistic`. Sentinels of the runtime (the
smallest and the largest integers of a method that never ran) mean "not known".
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from provenance.engines.compss.records import OVERALL, Problem, Statistic

_LINE = re.compile(r"(\S+)\s+(\S+)\s+(executions|maxTime|avgTime|minTime)\s+(None|-?[0-9]{1,19})\s*")
_LARGEST = 2**31 - 1  # larger is Java's word for "never"
_NAMES = ("executions", "maxTime", "avgTime", "minTime")


class StatisticLines:
    """Collects the lines ``RESOURCE SIGNATURE STATISTIC VALUE``, which come in any order."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], dict[str, int | None]] = {}

    def take(self, text: str) -> bool:
        """Take a line; tell whether it is one."""
        match = _LINE.fullmatch(text)
        if match is None:
            return False
        resource, signature, name, value = match.groups()
        self._found.setdefault((resource, signature), {})[name] = None if value == "None" else int(value)
        return True

    def statistics(self) -> list[Statistic]:
        """Give what was collected, in the order of its first line."""
        return [_statistic(resource, signature, values) for (resource, signature), values in self._found.items()]


def read_profile(path: Path) -> tuple[list[Statistic], list[Problem]]:
    """Read ``App_Profile.json``, which COMPSs up to 3.3.3 leaves in the working folder.

    Returns the statistics of each node and of them all, and what could not be understood.
    """
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        return [], [Problem(str(path), None, f"the profile can't be read: {error.strerror}")]
    except (ValueError, RecursionError):
        return [], [Problem(str(path), None, "the profile is no valid JSON, and left out")]
    told: list[Statistic] = []
    strange: list[str] = []
    resources = found.get("resources", {}) if isinstance(found, dict) else {}
    for resource, content in resources.items() if isinstance(resources, dict) else ():
        _implementations(str(resource), content, told, strange)
    _implementations(OVERALL, found, told, strange)
    if not isinstance(resources, dict):
        strange.append("resources")
    what = "a part of the profile has another form than COMPSs writes, and is left out"
    return told, [Problem(str(path), None, what, part[:200]) for part in strange]


def _implementations(resource: str, content: Any, told: list[Statistic], strange: list[str]) -> None:
    listed = content.get("implementations", {}) if isinstance(content, dict) else None
    if not isinstance(listed, dict):
        strange.append(resource)
        return
    for signature, values in listed.items():
        if isinstance(values, dict):
            told.append(_statistic(resource, str(signature), values))
        else:
            strange.append(f"{resource} {signature}")


def _statistic(resource: str, signature: str, values: dict[str, Any]) -> Statistic:
    known = {name: _known(values.get(name)) for name in _NAMES}
    # The average of a method that never ran is written as 100. Of a log that was cut off, the count can be missing.
    if "executions" in values:
        ran = bool(known["executions"])
    else:
        ran = known["maxTime"] is not None or known["minTime"] is not None
    return Statistic(resource, signature, known["executions"], *(known[name] if ran else None for name in _NAMES[1:]))


def _known(value: Any) -> int | None:
    """A count, or a duration in ms; 0 ms is one that was too short to be measured."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < _LARGEST else None
