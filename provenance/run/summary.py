"""Statistics over a Run: tasks by status and by tool, data by role.

Comes in: a Run of any engine. Goes out: counts, seconds and bytes in plain dataclasses; nothing is formatted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from provenance.run.model import Data, Role, Run, Status, Task

# In the order in which people want to read them.
ROLE_ORDER = (
    Role.INPUT,
    Role.OUTPUT,
    Role.INTERMEDIATE,
    Role.SOURCE,
    Role.CONFIGURATION,
    Role.LOG,
    Role.SCRATCH,
    Role.SOFTWARE,
    Role.IGNORED,
)


@dataclass(frozen=True)
class ToolUse:
    """How often a tool was executed, and how long that took in seconds (None: no task has both times)."""

    key: str
    name: str
    count: int
    failed: int
    min_time: float | None
    mean_time: float | None
    max_time: float | None
    total_time: float | None


@dataclass(frozen=True)
class DataUse:
    """Files and folders of one role; ``size`` is the sum of the known sizes in bytes."""

    role: Role
    files: int
    folders: int
    size: int
    size_unknown: int  # how many of them have no known size
    gone: int  # not to be had any more
    changed: int  # on disk no longer what the run saw


@dataclass(frozen=True)
class Summary:
    """What happened, in numbers."""

    seconds: float | None
    statuses: dict[Status, int]  # of tasks
    tools: tuple[ToolUse, ...]  # the most used first
    data: tuple[DataUse, ...]  # roles that occur, in ROLE_ORDER


def seconds(part: Run | Task) -> float | None:
    """Time between start and end, when both are known and in this order."""
    if part.start is None or part.end is None or part.end < part.start:
        return None
    return (part.end - part.start) / 1e9


def summarize(run: Run) -> Summary:
    """Count the tasks and data of a run."""
    statuses = Counter(task.status for task in run.tasks)
    return Summary(
        seconds=seconds(run),
        statuses={status: statuses[status] for status in Status if statuses[status]},
        tools=_tools(run),
        data=_data(run.data),
    )


def _tools(run: Run) -> tuple[ToolUse, ...]:
    names = {tool.key: tool.name for tool in run.tools}
    tasks_of: dict[str, list[Task]] = defaultdict(list)
    for task in run.tasks:
        tasks_of[task.tool].append(task)
    found = []
    for key, tasks in tasks_of.items():
        times = [time for task in tasks if (time := seconds(task)) is not None]
        found.append(
            ToolUse(
                key=key,
                name=names.get(key, key),
                count=len(tasks),
                failed=sum(task.status is Status.FAILED for task in tasks),
                min_time=min(times, default=None),
                mean_time=sum(times) / len(times) if times else None,
                max_time=max(times, default=None),
                total_time=sum(times) if times else None,
            )
        )
    return tuple(sorted(found, key=lambda use: (-use.count, use.name)))


def _data(data: Iterable[Data]) -> tuple[DataUse, ...]:
    of_role: dict[Role, list[Data]] = defaultdict(list)
    for item in data:
        of_role[item.role].append(item)
    return tuple(
        DataUse(
            role=role,
            files=sum(not item.is_directory for item in items),
            folders=sum(item.is_directory for item in items),
            size=sum(item.size or 0 for item in items),
            size_unknown=sum(item.size is None for item in items),
            gone=sum(item.is_gone for item in items),
            changed=sum(item.changed_after for item in items),
        )
        for role in ROLE_ORDER
        if (items := of_role.get(role))
    )
