"""The order of the steps: fetch, plan, then rebuild the environment, lay out, execute, compare, judge.

Comes in: what the user wishes. Goes out: a plan, and after consent a verdict; the folder of the re-run then holds
``work/``, the record in ``.wfprov/``, ``plan.json``, ``verdict.json`` and, when wished, the crate of the new run.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from provenance.crate.read import read
from provenance.crate.source import METADATA_NAMES, FolderPayload
from provenance.crate.write import write
from provenance.errors import LaunchError, NetworkError, OutputError, UsageError, WfprovError
from provenance.rerun import engines, environments
from provenance.rerun import isolation as walled
from provenance.rerun.command import with_interpreter
from provenance.rerun.environments.starting import KIND as IN_IMAGE
from provenance.rerun.execution import Executed, execute, pack_isolated
from provenance.rerun.fetching import fetch
from provenance.rerun.file_digests import Wanted, read_files
from provenance.rerun.links import make_links, needed_links
from provenance.rerun.outputs import State, compare_outputs, standing
from provenance.rerun.planning import make_plan
from provenance.rerun.records import Fetched, Origin, Placement, Plan, PlannedFile, Ready, Step, Verdict, Wish
from provenance.rerun.remote_data import fetch_file
from provenance.rerun.reports import plan_as_json, verdict_as_json, write_json
from provenance.rerun.sources import Registries
from provenance.rerun.talk import Silence, Talk
from provenance.rerun.two_runs import compare_runs
from provenance.rerun.unpacking import Limits
from provenance.rerun.verdict import judge, not_run, repetition
from provenance.rerun.work_folder import lay_out, linkable, result_folders
from provenance.run import load
from provenance.run.model import Role, Run

PLAN, VERDICT, ORIGIN = "plan.json", "verdict.json", "origin.json"
NEW_CRATE = "crate-of-rerun"
_STREAMS = ("stdout", "stderr")


@dataclass(frozen=True, slots=True)
class Rerun:
    """A re-run that is planned."""

    wish: Wish
    workdir: Path
    fetched: Fetched
    plan: Plan


def prepare(
    wish: Wish,
    workdir: Path,
    talk: Talk,
    *,
    limits: Limits | None = None,
    registries: Registries | None = None,
) -> Rerun:
    """Fetch the crate and plan its re-run; of the crate nothing is executed.

    Raises
    ------
    WfprovError
        The crate can't be had or read, or the wish does not fit it.
    """
    workdir = Path(os.path.realpath(workdir))
    fetched = _fetched_before(wish, workdir)
    if fetched is None:
        fetched = fetch(wish.source, workdir / "crate", wish.server, talk, limits=limits, registries=registries)
        fetched = replace(fetched, crate=Path(os.path.realpath(fetched.crate)))
        if fetched.crate == workdir / "crate":
            write_json(workdir / ORIGIN, asdict(fetched.origin))
    if workdir.is_relative_to(fetched.crate):
        raise UsageError(f"{workdir} lies in the crate, in which nothing is changed; choose another --workdir")
    return Rerun(wish, workdir, fetched, make_plan(fetched, wish, workdir, talk))


def _fetched_before(wish: Wish, workdir: Path) -> Fetched | None:
    """The crate that an earlier call with the same source and folder has fetched."""
    try:
        origin = Origin(**json.loads((workdir / ORIGIN).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    is_same = origin.given == wish.source and any((workdir / "crate" / name).is_file() for name in METADATA_NAMES)
    if is_same and origin.kind == "zip":
        is_same = _digest(Path(wish.source)) == origin.sha256  # a file of the user's, who may have made it anew
    return Fetched(origin, workdir / "crate") if is_same else None


def carry_out(rerun: Rerun, talk: Talk, *, is_packed: bool = False, output: IO[bytes] | None = None) -> Verdict:
    """Execute a plan that the user has agreed to, and compare.

    Parameters
    ----------
    is_packed
        Make a crate of the new run.
    output
        File that the standard output and error of the run go to; None for our own.

    Raises
    ------
    WfprovError
        The environment can't be built, the files can't be laid out, the command can't be started.
    """
    plan, wish, workdir = rerun.plan, rerun.wish, rerun.workdir
    if plan.problems:
        return _kept(not_run(plan, "pieces are missing", plan.problems), workdir)
    readable = [file.content for file in plan.files if file.content is not None and wish.links_data]
    walls = walled.isolation(plan.placement, plan.crate, (*readable, *plan.needs)) if wish.is_isolated else None
    _make_folder(workdir)
    write_json(workdir / PLAN, plan_as_json(plan))
    try:
        ready = environments.prepare(plan.environment, plan.crate, plan.run, talk)
    except (NetworkError, OutputError):
        raise
    except WfprovError as error:
        return _kept(not_run(plan, str(error)), workdir)
    lay_out(
        plan.files,
        (*(step.cwd for step in plan.steps), *result_folders(plan.run, plan.paths, plan.placement)),
        plan.placement,
        fetch=lambda file, place: _download(file, place, plan, talk),
        links=linkable(plan.files, plan.run, plan.paths) if wish.links_data else (),
        talk=talk,
    )
    make_links(needed_links(plan.run, plan.paths, plan.placement), plan.placement)
    engines.write_texts(plan.texts, plan.placement)
    streams = _recorded_streams(plan)
    stood = standing(plan, is_isolated=walls is not None)
    ended: list[Executed] = []
    with _streams(workdir, streams, output, talk) as (out, err):
        for step in plan.steps:
            step = with_interpreter(step, ready)  # noqa: PLW2901
            there = ready
            if plan.environment.kind == IN_IMAGE and walls is None:
                there = _in_image(step, ready, plan, workdir)
            try:
                done = execute(
                    *(step, there), record_root=workdir, isolation=walls, name=step.name, stdout=out, stderr=err
                )
            except LaunchError as error:
                return _kept(not_run(plan, str(error)), workdir)
            ended.append(done)
            if ended[-1].interrupted is not None or ended[-1].status != 0:
                break
    return _judged(rerun, ended, ready, walls, talk, streams, stood, is_packed=is_packed)


def _judged(  # noqa: PLR0917
    rerun: Rerun,
    ended: list[Executed],
    ready: Ready,
    walls: walled.Isolation | None,
    talk: Talk,
    streams: Mapping[str, str],
    stood: Mapping[Path, State],
    *,
    is_packed: bool,
) -> Verdict:
    plan, workdir, last = rerun.plan, rerun.workdir, ended[-1]
    problems = [sentence for one in ended for sentence in one.warnings]
    if last.interrupted is not None:
        return _kept(not_run(plan, f"it was interrupted (signal {last.interrupted})", problems), workdir)
    after = None
    if last.run_folder is not None:
        try:
            after = _new_run(last.run_folder, ready, walls, workdir)
        except WfprovError as error:
            problems.append(f"the record of the new run can't be read: {error}")
    talk.say("comparing the results")
    in_image = plan.environment.kind == IN_IMAGE
    # Within walls the recorded paths are in place, and the record tells those; an engine of containers shows ours too.
    seen = plan.placement
    if walls is not None and not in_image:
        seen = Placement(plan.placement.root, Path(plan.placement.root))
    if after is not None and in_image:
        after = _as_inside(after, plan)
    logs = {key: workdir / f"{name}.txt" for name, key in streams.items()}
    outputs = compare_outputs(
        *(plan, after, rerun.wish.tolerances, talk),
        seen=seen,
        is_isolated=walls is not None,
        logs=logs,
        stood=stood,
    )
    is_part = any(step.task is not None for step in plan.steps)
    compared = compare_runs(plan.run, after, seen, outputs) if after is not None and not is_part else None
    verdict = judge(
        plan,
        outputs,
        compared,
        status=last.status,
        signal=last.signal,
        record=str(last.run_folder) if last.run_folder is not None else None,
        problems=problems,
        is_isolated=walls is not None,
    )
    _kept(verdict, workdir)
    if is_packed and after is not None and last.run_folder is not None:
        try:
            _pack(plan, verdict, after, last.run_folder, ready, walls, workdir)
            talk.say(f"the crate of the new run is in {workdir / NEW_CRATE}")
        except WfprovError as error:  # the verdict stands, and was dearer
            told = f"the crate of the new run could not be made: {error}"
            return _kept(replace(verdict, problems=(*verdict.problems, told)), workdir)
    return verdict


def _pack(  # noqa: PLR0917
    plan: Plan,
    verdict: Verdict,
    after: Run,
    record: Path,
    ready: Ready,
    walls: walled.Isolation | None,
    workdir: Path,
) -> None:
    told = repetition(plan, verdict, str(workdir / VERDICT), _digest_of_metadata(plan.crate))
    target = workdir / NEW_CRATE
    if walls is not None:
        pack_isolated(record, target, ready, walls, repeats=told)
    else:
        about = replace(plan.run.about, agent=None, date_published=None)
        write(replace(after, about=about, repeats=told), target)


def _new_run(folder: Path, ready: Ready, walls: walled.Isolation | None, workdir: Path) -> Run:
    if walls is None:
        return load(folder, examine=True)
    with tempfile.TemporaryDirectory(prefix=".compared-", dir=workdir) as there:
        crate = Path(there, "crate")
        pack_isolated(folder, crate, ready, walls)
        return read(crate)


def _as_inside(after: Run, plan: Plan) -> Run:
    """Take the words off that started the container: they are ours, and no difference of the run."""
    run, started = plan.run, {tool.key for tool in after.tools if tool.name == plan.environment.details.get("engine")}
    return replace(
        after,
        command=plan.steps[-1].words,
        arguments=run.arguments,
        main=None,
        tasks=tuple(task for task in after.tasks if task.tool not in started),
        containers=run.containers,
        container=run.container,
    )


def _in_image(step: Step, ready: Ready, plan: Plan, workdir: Path) -> Ready:
    places, _ = walled.in_place(plan.placement)
    binds = [environments.Bind(plan.placement.folder, str(plan.placement.folder), is_writable=True)]
    binds += [environments.Bind(Path(folder), place, is_writable=True) for place, folder in places]
    return environments.contained(
        ready, cwd=step.cwd, binds=binds, variables=dict(step.variables), record_root=workdir, network=True
    )


def _download(file: PlannedFile, place: Path, plan: Plan, talk: Talk) -> None:
    assert file.url is not None
    talk.say(f"fetching {file.url}")
    fetch_file(file.url, place, size=file.size, sha256=file.sha256, talk=talk, came_from=plan.origin.url)


def _recorded_streams(plan: Plan) -> dict[str, str]:
    """The recorded texts of standard output and error, where these are all that the run left: name -> Data key."""
    if any(step.task is not None for step in plan.steps) or any(
        data.key in plan.run.outputs and not data.is_directory for data in plan.run.data
    ):
        return {}
    payload = FolderPayload(plan.crate)
    keys = {data.key for data in plan.run.data if data.role is Role.LOG}
    return {name: key for name in _STREAMS[:1] if (key := f"logs/{name}.txt") in keys and payload.find(key) is not None}


@contextmanager
def _streams(
    workdir: Path, recorded: Mapping[str, str], output: IO[bytes] | None, talk: Talk
) -> Iterator[tuple[Any, Any]]:
    if "stdout" not in recorded:
        yield output, output
        return
    path = workdir / "stdout.txt"
    talk.say(f"what the run prints is its result, and goes to {path}")
    with path.open("wb") as file:
        yield file, output


def _digest_of_metadata(crate: Path) -> str | None:
    return next((_digest(crate / name) for name in METADATA_NAMES if (crate / name).is_file()), None)


def _digest(path: Path) -> str | None:
    return read_files([Wanted(str(path))], Silence())[0].sha256


def _kept(verdict: Verdict, workdir: Path) -> Verdict:
    _make_folder(workdir)
    write_json(workdir / VERDICT, verdict_as_json(verdict))
    return verdict


def unused_folder(name: str) -> Path:
    """Name a folder that is not there yet, in the current one."""
    number, folder = 1, Path(f"{name}-rerun")
    while os.path.lexists(folder):
        number += 1
        folder = Path(f"{name}-rerun-{number}")
    return folder


def output_file(rerun: Rerun) -> IO[bytes]:
    """Open a file in the folder of the re-run for what the run prints.

    Raises
    ------
    UsageError, OutputError
        There is no such folder, and none can be made.
    """
    _make_folder(rerun.workdir)
    path = rerun.workdir / "output.txt"
    try:
        return path.open("wb")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; choose another --workdir") from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise UsageError(f"{folder} is not a folder; choose another --workdir") from None
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror}; choose another --workdir") from None
