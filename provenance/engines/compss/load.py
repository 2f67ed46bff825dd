"""A COMPSs run -> Run: reads all that the run left behind and puts it together.

In: the log folder of the run, the folder that it was started in, and what the user says. Out: a
:class:`~provenance.run.model.Run`. The steps: find the files (:mod:`.discovery`) and read them (:mod:`.readings`), tell
the states of each file (:mod:`.file_states`), look at the data and the sources (:mod:`.collected`), make the tasks
(:mod:`.tasks`) and what they execute (:mod:`.tools`), say how it ended (:mod:`.status`).
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from provenance.engines.compss import arguments as words
from provenance.engines.compss import discovery, readings, submission
from provenance.engines.compss.collected import collect
from provenance.engines.compss.file_states import FileStates
from provenance.engines.compss.gaps import gaps
from provenance.engines.compss.measurements import measurements
from provenance.engines.compss.readings import Readings
from provenance.engines.compss.records import ProvenanceLog
from provenance.engines.compss.status import Ending, ending
from provenance.engines.compss.tasks import TaskMaker, edges, status_of
from provenance.engines.compss.tools import make_tools
from provenance.run.info import Info
from provenance.run.model import Environment, Log, ResourceUse, Run, Software, Status

# Registries know the language by this name, and the crate's readers by this address.
NAME = "COMPSs"
URL = "http://compss.bsc.es/"


def load(
    log_folder: Path,
    work_folder: Path | None = None,
    info: Info | None = None,
    environment: Environment | None = None,
    command: Sequence[str] = (),
) -> Run:
    """Read what a COMPSs run left behind and tell what happened; what is not known is among ``gaps``.

    Parameters
    ----------
    log_folder
        The run's own folder, as ``~/.COMPSs/<application>_01`` or ``~/.COMPSs/<job>``; nothing is written there.
    work_folder
        The folder that the application was started in; found by itself when not given.
    info
        What the user says in ``ro-crate-info.yaml``; with ``provenance_run: False`` the Run has no tasks.
    environment
        Where it took place, when that was recorded; else only the job is told.
    command
        The words that COMPSs was called with, when they were recorded; else the line that it kept is split.

    Raises
    ------
    JournalError
        It is no log folder of a run with provenance, or its log can't be read.
    """
    # Hundreds of thousands of small objects that all stay: looking for garbage among them takes a third of the time.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        work = None if work_folder is None else Path(os.path.abspath(work_folder))
        files = discovery.find_files(Path(os.path.abspath(log_folder)), work)
        wanted = info or Info()
        return _run(readings.read(files, command, wanted.provenance_run), wanted, environment)
    finally:
        if was_collecting:
            gc.enable()


def _run(known: Readings, info: Info, environment: Environment | None) -> Run:
    files, log, given = known.files, known.log, known.submission
    folder = str(files.work_folder)
    states = _states(log)
    found = collect(known, states, info)
    maker = TaskMaker(known.executions, files.job_logs, found.latest)
    # Without tasks in the crate, those that failed are still asked why.
    made = log.tasks if info.provenance_run else [one for one in log.tasks if status_of(one) is Status.FAILED]
    tasks = tuple(maker.make(logged, states.uses[logged.id]) for logged in made)
    ended = ending(log, files, known.console, tasks)
    arguments, results = words.application_values(
        given.arguments if given else (), folder, found.input_at, found.output_at
    )
    engine = Software(NAME, known.version, URL)
    return Run(
        id=_identifier(known, ended),
        name=info.about.name or log.application or files.log_folder.name,
        status=ended.status,
        command=words.command(given) if given else (),
        cwd=folder,
        host=_host(known),
        start=ended.start,
        end=ended.end,
        error=ended.error,
        main=found.latest.get(found.main) if found.main else None,
        language=engine,
        engine=engine,
        project=folder,
        tools=make_tools(log.tasks, found.code, found.main, found.latest) if info.provenance_run else (),
        tasks=tasks if info.provenance_run else (),
        edges=tuple(edges(states.histories.values())) if info.provenance_run else (),
        data=found.data,
        inputs=found.inputs,
        outputs=found.outputs,
        arguments=arguments,
        results=results,
        logs=tuple(_console_logs(known)),
        resources=_resources(known),
        environment=environment or _surroundings(known),
        series=tuple(node.series for node in known.nodes if node.series is not None),
        about=info.about,
        gaps=(*ended.gaps, *found.gaps, *gaps(known, states)),
        engine_arguments=words.engine_arguments(given) if given else (),
        submission=words.text(given) if given else None,
        graph=known.graph,
        drawing=str(files.drawing) if files.drawing else None,
        log_folder=str(files.log_folder),
    )


def _states(log: ProvenanceLog) -> FileStates:
    states = FileStates()
    for logged in log.tasks:
        states.take_task(logged, status_of(logged) is not Status.CANCELED)
    states.take_accesses(log.accesses)
    return states


def _identifier(known: Readings, ended: Ending) -> str:
    """Return a name that is the same whenever the same log is read."""
    moment = ended.start if ended.start is not None else ended.end
    name = f"compss-{known.files.log_folder.name}"
    if moment is None:
        return name
    return f"{name}-{datetime.fromtimestamp(moment // 1_000_000_000, timezone.utc):%Y%m%dT%H%M%SZ}"


def _host(known: Readings) -> str | None:
    """Return the name of the master: the host in nearly all addresses of the log."""
    hosts = Counter(access.host for access in known.log.accesses)
    for task in known.log.tasks:
        hosts.update(access.host for access in task.accesses)
    hosts.pop("", None)
    if hosts:
        return hosts.most_common(1)[0][0]
    masters = [node.host for node in known.nodes if node.is_master]
    if masters or known.nodes:
        return (masters or [node.host for node in known.nodes])[0]
    return next((run.host for each in known.executions.values() for run in each.executions if run.host), None)


def _console_logs(known: Readings) -> Iterator[Log]:
    for name, path in (("stdout", known.files.console_output), ("stderr", known.files.console_error)):
        if path is not None:
            yield Log(name, str(path))


def _resources(known: Readings) -> ResourceUse | None:
    log = known.log
    duration = log.end - log.start if log.end is not None and log.start is not None else None
    measured = measurements(known.statistics, known.nodes, log.application, duration)
    return ResourceUse(extra=measured) if measured else None


def _surroundings(known: Readings) -> Environment:
    return Environment(job=submission.job(known.submission, known.files.job_id))
