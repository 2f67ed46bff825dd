"""A part of a run: one task, or the tasks that one file needs.

Comes in: what the crate tells of the run, and a name. Goes out: a :class:`Selection`: the tasks in their order, what
they need from the crate, what they make. A program can be executed alone when its own words name what it wrote; what
came to it, or went from it, through a shell's redirection or a pipe is part of something larger.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace

from provenance.crate.read_actions import task_number
from provenance.errors import UsageError
from provenance.rerun import command
from provenance.rerun.files import is_meant
from provenance.rerun.placing import PLACED, is_below
from provenance.rerun.records import Placement, Step
from provenance.rerun.run_environment import restored
from provenance.rerun.understanding import Recorded
from provenance.run import programs
from provenance.run.model import Data, Task

_TOLD = 12  # candidates that an error names
_SYSTEM = ("/usr/", "/bin/", "/sbin/")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is repeated of a run."""

    recorded: Recorded
    tasks: tuple[Task, ...]  # in the order in which they ran
    inputs: frozenset[str]  # keys of the data that have to be there before
    outputs: tuple[str, ...]  # keys of what the tasks make, to be compared
    problems: tuple[str, ...] = ()

    def steps(self, where: Placement, settings: Sequence[tuple[str, str]]) -> tuple[Step, ...]:
        """Give the command of each task.

        Raises
        ------
        UsageError
            An argument is set, and it is not that of a single task.
        """
        if settings and len(self.tasks) != 1:
            raise UsageError(f"--set is for one command, and --only needs {len(self.tasks)} tasks here")
        if self.problems:
            return ()
        return tuple(self._step(task, where, settings) for task in self.tasks)

    def _step(self, task: Task, where: Placement, settings: Sequence[tuple[str, str]]) -> Step:
        run = self.recorded.run
        known = self.recorded.command
        recorded = command.Recorded(
            task.command,
            task.cwd or run.cwd or where.root,
            frozenset(self.recorded.paths.values()),
            interpreters=known.interpreters if known is not None else frozenset(),
        )
        step = command.step(recorded, where, settings)
        variables = restored(run.environment.variables, where)
        return replace(step, variables=variables, task=task.key, name=task.name)


def select(recorded: Recorded, only: str) -> Selection:
    """Find the tasks that are meant.

    Parameters
    ----------
    only
        Of a task: its number, as ``wfprov inspect --tasks`` shows it, its identifier, or the name of its tool when
        that has one task only. Of a file: its identifier, its path, or the end of it.

    Raises
    ------
    UsageError
        Nothing has that name, or several do.
    """
    tasks = recorded.run.tasks
    meant = _tasks_named(recorded, only)
    if len(meant) == 1:
        return _selection(recorded, meant, _results(recorded, meant[0]))
    data = {each.key: each for each in recorded.run.data}
    made = {key for task in tasks for key in task.outputs if key in data and not data[key].is_directory}
    files = [key for key in data if key in made and is_meant(only, key, recorded.paths.get(key))]
    last = {recorded.paths.get(key, key): key for key in sorted(files, key=lambda key: data[key].version)}
    if not meant and len(last) == 1:
        key = next(iter(last.values()))
        makers = [task for task in tasks if key in task.outputs]
        # A program that started the one which wrote is a maker too; the innermost is the one to repeat.
        return _selection(recorded, makers[-1:], (key,))
    found = [_called(task) for task in meant] or [recorded.paths.get(key, key) for key in last.values()]
    if found:
        raise UsageError(f"--only {only}: several are called so; write one of {_listed(found)}")
    names = [_called(task) for task in tasks]
    raise UsageError(f"--only {only}: no task and no file that a task made is called so; tasks are {_listed(names)}")


def _tasks_named(recorded: Recorded, only: str) -> list[Task]:
    tasks = recorded.run.tasks
    numbers = {task.key: task_number(task.key) for task in tasks}
    tools = {tool.key: tool.name for tool in recorded.run.tools}
    return (
        [task for task in tasks if only in (task.key, task.key.lstrip("#"))]
        or [task for task in tasks if only.isdecimal() and numbers[task.key] == int(only[:9])]
        or [task for task in tasks if only in (task.name, tools.get(task.tool))]
    )


def _results(recorded: Recorded, task: Task) -> tuple[str, ...]:
    folders = {data.key for data in recorded.run.data if data.is_directory}
    return tuple(key for key in task.outputs if key not in folders)


def _selection(recorded: Recorded, wanted: Sequence[Task], outputs: tuple[str, ...]) -> Selection:
    """Go back from the tasks to what is in the crate, or was there before the run."""
    run = recorded.run
    data = {each.key: each for each in run.data}
    makers = {key: task for task in run.tasks for key in task.outputs}
    chosen: dict[str, Task] = {}
    inputs: set[str] = set()
    problems: list[str] = []
    waiting = list(wanted)
    while waiting:
        task = waiting.pop()
        if task.key in chosen:
            continue
        chosen[task.key] = task
        why = _why_not_alone(recorded, task, data)
        if why is not None:
            problems.append(f"{_called(task)} can't be executed alone: {why}")
        for key in task.inputs:
            each = data.get(key)
            if each is None or key in outputs:
                continue
            if each.role in PLACED or each.content is not None or each.is_directory:
                inputs.add(key)
            elif key in makers:
                waiting.append(makers[key])
    ordered = tuple(task for task in run.tasks if task.key in chosen)
    made = {key for task in ordered for key in task.outputs}
    return Selection(recorded, ordered, frozenset(inputs - made), outputs, tuple(dict.fromkeys(problems)))


def _why_not_alone(recorded: Recorded, task: Task, data: dict[str, Data]) -> str | None:
    if not task.command:
        return "it is a function, and its command is that of the whole run; repeat the run, or use --set and --data"
    cwd = task.cwd or recorded.run.cwd or "/"
    named = {path for _, path in programs.words_as_paths(task.command, cwd)} - {posixpath.normpath(cwd), "/"}

    def is_named(key: str) -> bool:
        path = recorded.paths.get(key)
        return path is not None and any(is_below(path, one) for one in named)

    written = [key for key in task.outputs if key in data and not data[key].is_directory]
    if not written:
        return "it wrote no file that was recorded"
    unnamed = [key for key in written if not is_named(key)]
    if unnamed:
        path = recorded.paths.get(unnamed[0], unnamed[0])
        return f"its command does not name {path}, which it may have written through a redirection"
    read = [key for key in task.inputs if key in data and not data[key].is_directory]
    is_systems = "/" not in task.command[0] or task.command[0].startswith(_SYSTEM)
    unnamed = [key for key in read if not is_named(key)] if is_systems else []
    if unnamed:
        path = recorded.paths.get(unnamed[0], unnamed[0])
        return f"its command does not name {path}, which it may have read through a redirection"
    return None


def _called(task: Task) -> str:
    return f"{task.key.lstrip('#')} ({task.name})" if task.name else task.key


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
    return ", ".join(names[:_TOLD]) + more
