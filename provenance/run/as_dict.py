"""A Run as plain dictionaries and lists for JSON; the keys are those of the Run model, and stable.

Comes in: a Run. Goes out: what ``docs/how-to/inspect.md`` documents. Times are ISO 8601 text in UTC, sizes bytes,
durations seconds; unknown values are null.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from provenance.run.model import Run
from provenance.run.summary import Summary, seconds

_TIMES = frozenset({"start", "end", "mtime_ns"})


def time_text(nanoseconds: int | None) -> str | None:
    """Write a time as ISO 8601 in UTC, with as many digits of the second as there are: ``2024-07-12T11:13:08Z``."""
    if nanoseconds is None:
        return None
    whole, rest = divmod(nanoseconds, 10**9)
    try:
        text = datetime.fromtimestamp(whole, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return None
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{text}{fraction}Z"


def run_as_dict(run: Run) -> dict[str, Any]:
    """Turn the whole run into JSON's types; ``seconds`` is added to the run and to each task."""
    found: dict[str, Any] = _plain(run)
    found["seconds"] = seconds(run)
    for task, listed in zip(run.tasks, found["tasks"], strict=True):
        listed["seconds"] = seconds(task)
    return found


def summary_as_dict(summary: Summary) -> dict[str, Any]:
    """Turn the statistics into JSON's types."""
    return {
        "seconds": summary.seconds,
        "statuses": {status.value: count for status, count in summary.statuses.items()},
        "tools": [_plain(use) for use in summary.tools],
        "data": [_plain(use) for use in summary.data],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    found = {}
    for field in dataclasses.fields(value):
        name = "modified" if field.name == "mtime_ns" else field.name
        item = getattr(value, field.name)
        is_time = field.name in _TIMES and type(value).__name__ in ("Run", "Task", "Data")
        found[name] = time_text(item) if is_time else _plain(item)
    return found
