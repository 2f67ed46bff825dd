"""A run as COMPSs' logs tell it, and the same run as our recorder saw it -> one Run.

In: both Runs. Out: one. COMPSs' word counts for tasks, the flow of data, how tasks and the run ended and what was
measured of methods and nodes; ours for the surroundings of the host that the run was started on, how the command ended,
and what COMPSs does not log: files of the main program, software, standard output and error. For a run that was only
submitted, our record is of the host of the submission, so that its hardware, its times and what it used are left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from provenance.engines.compss import arguments as words
from provenance.engines.compss.launches import Launch
from provenance.engines.compss.merged_data import MergedData, merge_data
from provenance.engines.compss.work_folder import SUBMISSION_LINES
from provenance.environment.system.packages import LIST as SYSTEM_PACKAGES
from provenance.run.model import Environment, Gap, ResourceUse, Run, Software, Status, Value

_TIMES = ("the start of the run", "the end of the run")
_ENDING = "how the run ended"
_SUBMISSION = "how the command line was split into words"


def merged(
    from_logs: Run, recorded: Run, launch: Launch, *, is_of_engine: Callable[[str], bool], name: str | None = None
) -> Run:
    """Make one Run of both.

    Parameters
    ----------
    launch
        How COMPSs was called, in its very words.
    is_of_engine
        Tells of a path whether it belongs to COMPSs itself: its installation, its logs.
    name
        What the user called the recorded run.
    """
    data = merge_data(from_logs, recorded, is_of_engine)
    arguments, results = _values(launch, from_logs, data)
    run = replace(
        from_logs,
        id=recorded.id,
        name=from_logs.about.name or name or from_logs.name,
        command=recorded.command or from_logs.command,
        cwd=recorded.cwd or from_logs.cwd,
        user=recorded.user or from_logs.user,
        project=project_of(recorded) or from_logs.project,
        main=from_logs.main or data.keys.get(recorded.main or ""),
        data=data.data,
        inputs=data.inputs,
        outputs=data.outputs,
        arguments=arguments,
        results=results,
        engine_arguments=words.engine_arguments(launch.submission),
        submission=None,  # the command is known word by word
        trace=recorded.trace,
    )
    if launch.is_submitted:
        return for_job(replace(run, gaps=_gaps(from_logs)), recorded)
    return _with_launcher(run, from_logs, recorded)


def application_main(launch: Launch) -> str | None:
    """Return the absolute path of the application that COMPSs was given."""
    given = launch.submission.application
    return None if given is None else os.path.normpath(os.path.join(launch.cwd, os.path.expanduser(given)))


def project_of(recorded: Run) -> str | None:
    """Return the project of a record when the run took place in it; else it is that of COMPSs' own scripts."""
    project, cwd = recorded.project, recorded.cwd
    return project if project and cwd and f"{cwd}/".startswith(project.rstrip("/") + "/") else None


def _with_launcher(run: Run, from_logs: Run, recorded: Run) -> Run:
    """Add what was seen of a run that took place under our recorder."""
    has_failed = recorded.status is Status.FAILED or from_logs.status is Status.FAILED
    is_unknown = from_logs.status in (Status.UNKNOWN, Status.RUNNING)
    status = Status.FAILED if has_failed else recorded.status if is_unknown else from_logs.status
    environment = recorded.environment
    filled = [
        what
        for what, theirs, ours in (
            (_TIMES[0], from_logs.start, recorded.start),
            (_TIMES[1], from_logs.end if _TIMES[1] not in _whats(from_logs) else None, recorded.end),
            (_ENDING, None if is_unknown else status, None if status is Status.UNKNOWN else status),
        )
        if theirs is None and ours is not None
    ]
    end = recorded.end if _TIMES[1] in filled else from_logs.end
    return replace(
        run,
        status=status,
        host=from_logs.host or recorded.host,
        start=from_logs.start if from_logs.start is not None else recorded.start,
        end=end if end is not None else recorded.end,
        exit_code=recorded.exit_code,
        signal=recorded.signal,
        error=from_logs.error or (recorded.error if status is Status.FAILED else None),
        logs=(*recorded.logs, *from_logs.logs),
        resources=_resources(from_logs.resources, recorded.resources),
        environment=replace(environment, job=environment.job or from_logs.environment.job),
        containers=(*recorded.containers, *from_logs.containers),
        container=recorded.container,
        series=(*recorded.series, *from_logs.series),
        gaps=_gaps(from_logs, recorded.gaps, filled),
    )


def for_job(run: Run, recorded: Run) -> Run:
    """Return the run of a job, with what is true for it too of the host that it was submitted on.

    Parameters
    ----------
    run
        As COMPSs' files tell it; of its environment the job is kept.
    recorded
        The submission, as our recorder saw it.
    """
    ours = recorded.environment
    environment = Environment(
        interpreter=ours.interpreter,
        packages=tuple(replace(one, is_used=None) for one in ours.packages),
        software=tuple(one for one in ours.software if _is_shared(one)),
        files=tuple(one for one in ours.files if not one.target.endswith(SYSTEM_PACKAGES)),
        file_system=ours.file_system,
        job=run.environment.job,
        source_control=ours.source_control,
    )
    host = recorded.host or "another host"
    why = f"it was submitted on {host}, and neither that host's hardware nor its use is told"
    told = [Gap("the machine of the run", why)]
    if ours.packages or environment.software:
        where = f"they were found on {host} when the job was submitted"
        told.append(Gap("whether the job had the same Python packages and modules", where))
    return replace(run, environment=environment, trace=None, gaps=(*run.gaps, *told))


def _is_shared(software: Software) -> bool:
    """Tell whether the nodes of a cluster have a software in common: not what the system's own packages are."""
    return software.kind in ("module", "spack", "conda")


def _resources(theirs: ResourceUse | None, ours: ResourceUse | None) -> ResourceUse | None:
    if ours is None or theirs is None:
        return ours or theirs
    return replace(ours, extra=(*ours.extra, *theirs.extra))


def _gaps(from_logs: Run, ours: Sequence[Gap] = (), filled: Sequence[str] = ()) -> tuple[Gap, ...]:
    said = (*filled, _SUBMISSION)
    theirs = (gap for gap in from_logs.gaps if gap.what not in said and not _is_of_submission_line(gap))
    return tuple(dict.fromkeys((*theirs, *ours)))


def _is_of_submission_line(gap: Gap) -> bool:
    """Tell whether a gap is about the line that COMPSs keeps, which our record makes needless."""
    return gap.path is not None and os.path.basename(gap.path) in SUBMISSION_LINES


def _whats(run: Run) -> set[str]:
    return {gap.what for gap in run.gaps}


def _values(launch: Launch, from_logs: Run, data: MergedData) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    """Return the arguments and results of the application, with the data that they name."""
    first: dict[str, str] = {}
    written: dict[str, str] = {}
    read, made = set(data.inputs), set(data.outputs)
    for each in data.data:
        path = each.path.rstrip("/") or "/"
        if each.key in read:
            first.setdefault(path, each.key)
        if each.key in made:
            written[path] = each.key
    folder = launch.cwd
    return words.application_values(launch.submission.arguments, folder, first.get, written.get)
