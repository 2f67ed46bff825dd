"""A recorded run of COMPSs without a log of provenance: our own record, completed with what COMPSs leaves always.

In: the Run of our recorder, how COMPSs was called, its log folder when it was found. Out: the Run with COMPSs as its
engine, its options, the application's main file and arguments, the graph, statistics and logs. No task of COMPSs is
made up from them; a gap says what ``--provenance`` would add.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from provenance.engines.compss import (
    arguments,
    console,
    discovery,
    graph,
    job_logs,
    measurements,
    node_usage,
    statistics,
    submission,
)
from provenance.engines.compss.gaps import of_problems
from provenance.engines.compss.launches import Launch
from provenance.engines.compss.load import NAME, URL
from provenance.engines.compss.merge import application_main, project_of
from provenance.engines.compss.merged_data import own_paths, set_aside
from provenance.engines.compss.records import ConsoleOutput, NodeUsage, Problem, RunFiles, Statistic
from provenance.errors import JournalError
from provenance.run.model import Data, Environment, Gap, Log, ResourceUse, Role, Run, Software, Status, Task, TaskGraph

_CLOCKS = 5 * 1_000_000_000  # ns by which the clock of a file system may differ
_NO_TRACE = (Role.SOFTWARE, Role.SCRATCH)
_WROTE = "COMPSs wrote it"
_WHAT = "which tasks COMPSs executed, and the files of each"
_WHY = (
    "it was started without --provenance, and then COMPSs does not write them down; what processes on this host were "
    "seen to do is told, and workers that COMPSs starts through ssh are not seen. With --provenance (-p) they are told"
)
_OF_JOB = "the job ran without --provenance, and then COMPSs does not write them down; with --provenance (-p) it does"


def without_log(
    recorded: Run,
    launch: Launch,
    folder: Path | None,
    is_of_engine: Callable[[str], bool],
    *,
    name: str | None = None,
    version: str | None = None,
) -> Run:
    """Complete a recorded run.

    Parameters
    ----------
    folder
        The log folder; None when it is not known.
    is_of_engine
        Tells of a path whether it belongs to COMPSs itself: its installation, its logs.
    name
        What the user called the recorded run.
    version
        Of the COMPSs that is installed where the run called it.
    """
    files = _files(folder, launch)
    problems: list[Problem] = []
    drawn, numbers, nodes = _read(files, recorded, problems)
    printed = [path for path in (files.console_output, files.console_error) if path] if files else []
    printed += [Path(log.path) for log in recorded.logs if not launch.is_submitted]
    said = console.read(*printed) if printed else ConsoleOutput()
    data = _data(recorded, files, launch, is_of_engine)
    main = _main(data, launch)
    keys = {each.key for each in data if each.role not in (Role.IGNORED, Role.LOG)}
    tasks = _with_files(recorded.tasks, keys - {each.key for each in data if each.role in _NO_TRACE})
    outputs = tuple(key for key in recorded.outputs if key in keys)
    inputs = tuple(key for key in recorded.inputs if key in keys and key != main)
    first = {each.path: each.key for each in reversed(data) if each.key in inputs}
    last = {each.path: each.key for each in data if each.key in outputs}
    values, results = arguments.application_values(launch.submission.arguments, launch.cwd, first.get, last.get)
    engine = Software(NAME, said.version or version, URL)
    measured = measurements.measurements(numbers, nodes, None, None)
    used = recorded.resources if not launch.is_submitted else None
    series = tuple(node.series for node in nodes if node.series is not None)
    told = (Gap(_WHAT, _OF_JOB if launch.is_submitted else _WHY), *of_problems(problems))
    run = replace(
        recorded,
        name=recorded.about.name or name or launch.application,
        main=main if main is not None else recorded.main,
        language=engine,
        engine=engine,
        project=project_of(recorded) or recorded.cwd,
        tools=tuple(tool for tool in recorded.tools if tool.key in {task.tool for task in tasks}),
        tasks=tasks,
        data=tuple(data),
        inputs=inputs,
        outputs=outputs,
        arguments=values,
        results=results,
        engine_arguments=arguments.engine_arguments(launch.submission),
        graph=drawn,
        drawing=str(files.drawing) if files and files.drawing else None,
        log_folder=str(folder) if folder else None,
        resources=replace(used or ResourceUse(), extra=measured) if measured else used,
        series=series if launch.is_submitted else (*recorded.series, *series),
        gaps=told if launch.is_submitted else (*recorded.gaps, *told),
    )
    return _as_job(run, said, files, launch) if launch.is_submitted else run


def _with_files(tasks: Iterable[Task], keys: set[str]) -> tuple[Task, ...]:
    """Return the programs that used files of the run; of the others COMPSs' scripts start dozens for themselves."""
    kept = [
        task for task in tasks if task.status is Status.FAILED or not keys.isdisjoint((*task.inputs, *task.outputs))
    ]
    known = {task.key for task in kept}
    return tuple(task if task.parent in known else replace(task, parent=None) for task in kept)


def _files(folder: Path | None, launch: Launch) -> RunFiles | None:
    if folder is None:
        return None
    try:
        return discovery.find_files(folder, Path(launch.cwd))
    except JournalError:  # nothing but empty logs in it
        return None


def _read(
    files: RunFiles | None, recorded: Run, problems: list[Problem]
) -> tuple[TaskGraph | None, list[Statistic], list[NodeUsage]]:
    drawn, numbers, nodes = None, list[Statistic](), list[NodeUsage]()
    if files is None:
        return drawn, numbers, nodes
    if files.graph is not None:
        drawn, found = graph.read(files.graph)
        problems += found
    if files.profile is not None and _is_of(files.profile, recorded):
        numbers, found = statistics.read_profile(files.profile)
        problems += found
    nodes, found = node_usage.read(files.node_statistics, recorded.start)
    problems += found
    return drawn, numbers, nodes


def _is_of(path: Path, recorded: Run) -> bool:
    """Tell whether a file was written since the run began; an earlier run may have left it in the working folder."""
    try:
        return path.stat().st_mtime_ns >= (recorded.start or 0) - _CLOCKS
    except OSError:
        return False


def _data(recorded: Run, files: RunFiles | None, launch: Launch, is_of_engine: Callable[[str], bool]) -> list[Data]:
    """Return the data of the record: COMPSs' own files are logs, or told nowhere."""
    logs = dict(_logs(files, recorded)) if files is not None else {}
    own = own_paths(recorded.data)
    main = application_main(launch)
    found: list[Data] = []
    for each in recorded.data:
        if each.path in logs:
            continue
        if each.path == main and each.version == 0 and each.role in (Role.INPUT, Role.CONFIGURATION):
            each = replace(each, role=Role.SOURCE, reason="the application that COMPSs was given")  # noqa: PLW2901
        is_internal = each.path in own or is_of_engine(each.path)
        found.append(set_aside(each) if is_internal and each.role is not Role.SOFTWARE else each)
    taken = {each.key for each in found}
    if main is not None and not any(each.path == main for each in found) and os.path.isfile(main):
        found.append(_at(main, Role.SOURCE, "the application that COMPSs was given", taken))
    found += (_at(path, Role.LOG, _WROTE, taken, description) for path, description in logs.items())
    return found


def _logs(files: RunFiles, recorded: Run) -> Iterator[tuple[str, str]]:
    if files.graph is not None:
        yield str(files.graph), "The graph of tasks, by COMPSs."
    if files.profile is not None and _is_of(files.profile, recorded):
        yield str(files.profile), "How often and how long the tasks of each method ran, by COMPSs."
    for path in files.node_statistics:
        yield str(path), "What a node used over time, by COMPSs' profiler."
    for log in job_logs.assign(files.job_logs, {}):
        if log.path.stat().st_size:
            what = "Standard error" if log.stream == "err" else "Standard output"
            yield str(log.path), f"{what} of job {log.task} ({log.attempt})."


def _at(path: str, role: Role, reason: str, taken: set[str], description: str | None = None) -> Data:
    key, number = path, 2
    while key in taken:
        key = f"{path}#{number}"
        number += 1
    taken.add(key)
    found = os.stat(path)
    size, changed = found.st_size, found.st_mtime_ns
    return Data(key, path, role, 0, False, size, changed, path, description=description, reason=reason)


def _main(data: list[Data], launch: Launch) -> str | None:
    path = application_main(launch)
    return next((each.key for each in data if each.path == path and each.role is Role.SOURCE), None)


def _as_job(run: Run, said: ConsoleOutput, files: RunFiles | None, launch: Launch) -> Run:
    """Return what is told of a job: its end is in its output, and what the submission did is not its work."""
    status = Status.FAILED if said.has_failed else Status.COMPLETED if said.has_finished else Status.UNKNOWN
    shown = (Role.SOURCE, Role.CONFIGURATION, Role.LOG, Role.SOFTWARE)
    end = _last_change(files.console_output) if files and status is not Status.UNKNOWN else None
    gaps = [Gap("the start of the run", "COMPSs writes it down with --provenance alone")]
    if end is not None:
        gaps.append(Gap("the end of the run", "the last change of the job's output is given"))
    consoles = [("stdout", files.console_output), ("stderr", files.console_error)] if files else []
    return replace(
        run,
        status=status,
        error=said.error if status is Status.FAILED else None,
        start=None,
        end=end,
        exit_code=None,
        signal=None,
        host=None,
        tasks=(),
        tools=(),
        edges=(),
        data=tuple(each for each in run.data if each.role in shown),
        inputs=(),
        outputs=(),
        logs=tuple(Log(name, str(path)) for name, path in consoles if path is not None),
        environment=Environment(job=submission.job(launch.submission, files.job_id if files else None)),
        containers=(),
        container=None,
        gaps=(*run.gaps, *gaps),
    )


def _last_change(path: Path | None) -> int | None:
    try:
        return path.stat().st_mtime_ns if path is not None else None
    except OSError:
        return None
