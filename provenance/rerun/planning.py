"""What a re-run will do, found out before anything is done.

Comes in: a fetched crate and what the user wishes. Goes out: a :class:`~provenance.rerun.records.Plan` with all that
stands in the way, named at once. Nothing is written, fetched, built or executed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from provenance.crate.read import read
from provenance.rerun import command, engines, environments, machine
from provenance.rerun.files import needed_files
from provenance.rerun.fixed_paths import fixed_paths
from provenance.rerun.placing import PLACED, is_below, placement
from provenance.rerun.records import (
    Agreement,
    Check,
    Difference,
    EnvironmentPlan,
    Fetched,
    Placement,
    Plan,
    PlannedFile,
    Presence,
    Requirement,
    Step,
    Wish,
)
from provenance.rerun.remote_data import is_fetchable
from provenance.rerun.run_environment import restored
from provenance.rerun.selection import Selection, select
from provenance.rerun.talk import Silence, Talk
from provenance.rerun.understanding import Recorded, understood
from provenance.rerun.verifying import verify
from provenance.rerun.work_folder import clashes
from provenance.run.model import Role, Status

_TEMPORARY = ("/tmp", "/var/tmp")  # folders that an isolated run has of its own, empty
_REMOVED = "[removed"  # begins what a screened credential is replaced by


def make_plan(fetched: Fetched, wish: Wish, workdir: Path, talk: Talk | None = None) -> Plan:
    """Plan the re-run of a crate in ``workdir``.

    Raises
    ------
    CrateError
        The crate can't be read.
    UsageError
        What the user sets, gives or allows is not part of this run.
    """
    talk = talk or Silence()
    recorded = understood(read(fetched.crate), fetched.crate)
    run = recorded.run
    where = placement(run, recorded.paths, workdir / "work", recorded.root)
    selection = select(recorded, wish.only) if wish.only is not None else None
    files = needed_files(
        run,
        fetched.crate,
        recorded.paths,
        where,
        maps=wish.maps,
        given=wish.data,
        only=None if selection is None else selection.inputs,
    )
    checks = verify(files, allowed=wish.allowed, talk=talk)
    files, checks = _without_strangers(files, checks, wish.maps)
    steps, problems = _steps(recorded, where, selection, wish)
    environment = environments.choose(run, fetched.crate, wish.environment)
    needs = machine.requirements(run, files, workdir)
    problems += [
        *recorded.problems,
        *_missing(files, checks, fetched.origin.url),
        *clashes(files),
        *environment.problems,
        *_programs(recorded, where, steps, files, environment),
        *_unplaced(files, wish.is_isolated),
        *_room(needs),
    ]
    return Plan(
        origin=fetched.origin,
        crate=fetched.crate,
        run=run,
        placement=where,
        steps=steps,
        engine=recorded.engine,
        files=files,
        checks=checks,
        environment=environment,
        machine=needs,
        changes=_changes(recorded, wish, files, checks),
        likely=(*recorded.notes, *_likely(recorded, where, steps, files, environment, wish)),
        problems=tuple(dict.fromkeys(problems)),
        texts=recorded.recipe.texts if recorded.recipe else (),
        needs=recorded.recipe.needs if recorded.recipe else (),
        paths=recorded.paths,
        outputs=_outputs(recorded, selection),
    )


def _steps(
    recorded: Recorded, where: Placement, selection: Selection | None, wish: Wish
) -> tuple[tuple[Step, ...], list[str]]:
    if selection is not None:
        chosen = tuple(selection.steps(where, wish.settings))
        return chosen, [*selection.problems, *_removed(chosen)]
    if recorded.command is None:
        return (), []
    step = command.step(recorded.command, where, wish.settings)
    variables = restored(recorded.run.environment.variables, where)
    if recorded.recipe is not None:
        variables = engines.variables(recorded.recipe, where, variables)
    return (replace(step, variables=variables, name=recorded.run.name),), _removed([step])


def _removed(steps: Sequence[Step]) -> list[str]:
    removed = [word for step in steps for word in step.words if _REMOVED in word]
    return [
        f"a word of the command was taken out before it was published ({word}); give it with --set" for word in removed
    ]


def _outputs(recorded: Recorded, selection: Selection | None) -> tuple[str, ...] | None:
    if selection is not None:
        return selection.outputs
    return recorded.recipe.outputs or None if recorded.recipe else None


def _without_strangers(
    files: Sequence[PlannedFile], checks: Sequence[Check], maps: Sequence[tuple[str, str]]
) -> tuple[tuple[PlannedFile, ...], tuple[Check, ...]]:
    """Let go of files outside of the crate that only have the name of a recorded one: they are the user's own."""
    kept_files, kept_checks = [], []
    for file, check in zip(files, checks, strict=True):
        is_stranger = (
            file.presence is Presence.HERE
            and check.agreement is not Agreement.SHA256
            and not any(is_below(file.recorded or "", posixpath.normpath(prefix)) for prefix, _ in maps)
        )
        if is_stranger:
            kept_files.append(replace(file, presence=Presence.MISSING, content=None))
            detail = "a file of that name is here, but it has other content"
            kept_checks.append(replace(check, agreement=Agreement.MISSING, detail=detail))
        else:
            kept_files.append(file)
            kept_checks.append(check)
    return tuple(kept_files), tuple(kept_checks)


def _missing(files: Sequence[PlannedFile], checks: Sequence[Check], came_from: str | None) -> Iterable[str]:
    for file, check in zip(files, checks, strict=True):
        name = file.recorded or file.key
        if file.presence is Presence.REMOTE and file.url is not None:
            why = is_fetchable(file.url, came_from)
            if why is not None:
                yield f"{file.url} can't be fetched: {why}; get it by hand and give it with --data"
        elif check.agreement is Agreement.MISSING or (
            file.presence is Presence.MISSING and check.agreement is not Agreement.ALLOWED
        ):
            why = f" ({check.detail})" if check.detail else ""
            yield (f"{name} is not in the crate{why}; say where it is with --data '{name}=FILE' or --map FOLDER=FOLDER")
        elif check.agreement is Agreement.DIFFERS:
            why = f" ({check.detail})" if check.detail else ""
            yield f"{file.key} is not what was recorded{why}; get the crate again, or take it with --allow '{file.key}'"


def _room(needs: Sequence[Requirement]) -> Iterable[str]:
    for one in needs:
        if one.what == "room on disk" and one.is_enough is False:
            yield f"{one.recorded} of room are needed, there is {one.here}; choose another --workdir, or --link-data"


def _unplaced(files: Sequence[PlannedFile], is_isolated: bool) -> Iterable[str]:
    """Name what the run read outside of its folders and will not find there."""
    for file in files:
        if file.place is not None or file.recorded is None or file.is_directory or file.presence is Presence.MISSING:
            continue
        found = f" ({file.content})" if file.content is not None else ""
        if is_isolated and any(is_below(file.recorded, folder) for folder in _TEMPORARY):
            yield f"the run read {file.recorded}, hidden by --isolate; copy it there{found}, and go without --isolate"
        elif not Path(file.recorded).exists():
            yield f"the run read {file.recorded}, outside of its folders, and it is not there; copy it there{found}"


def _programs(
    recorded: Recorded,
    where: Placement,
    steps: Sequence[Step],
    files: Sequence[PlannedFile],
    environment: EnvironmentPlan,
) -> Iterable[str]:
    if recorded.command is None:
        return
    # Only what is here brings no programs of its own.
    path = environments.programs_path(environment) if environment.kind == "current" else None
    available = {file.place for file in files if file.place is not None}
    made = {
        place
        for data in recorded.run.data
        if data.key in recorded.paths and (place := where.place(recorded.paths[data.key])) is not None
    }
    for step in steps:
        if step.task is None and step.words:
            problem = command.program_problem(step, available, made - available, path)
            if problem is not None:
                yield problem


def _changes(
    recorded: Recorded, wish: Wish, files: Sequence[PlannedFile], checks: Sequence[Check]
) -> tuple[Difference, ...]:
    found = []
    for name, text in wish.settings:
        before = command.argument(recorded.command, name).text if recorded.command and wish.only is None else None
        found.append(Difference("parameters", name, before, text, "--set"))
    for file in files:
        if file.presence is Presence.GIVEN:
            found.append(Difference("data", file.recorded or file.key, _digest(file), str(file.content), "--data"))
    for check in checks:
        if check.agreement is Agreement.ALLOWED:
            aspect = "code" if _role(files, check.key) == Role.SOURCE.value else "data"
            found.append(Difference(aspect, check.recorded or check.key, None, None, check.detail or "--allow"))
    return tuple(found)


def _digest(file: PlannedFile) -> str | None:
    return None if file.sha256 is None else f"sha256:{file.sha256[:12]}"


def _role(files: Sequence[PlannedFile], key: str) -> str:
    return next((file.role for file in files if file.key == key), "")


def _likely(  # noqa: PLR0917
    recorded: Recorded,
    where: Placement,
    steps: Sequence[Step],
    files: Sequence[PlannedFile],
    environment: EnvironmentPlan,
    wish: Wish,
) -> Iterable[str]:
    yield from machine.likely_differences(recorded.run)
    if recorded.run.status in (Status.FAILED, Status.CANCELED):
        yield f"the recorded run ended {recorded.run.status.value}: it should do so again"
    if recorded.run.status is Status.RUNNING:
        yield "no end of the recorded run was seen: its results may be those of a part of it"
    if not wish.is_isolated:
        yield from (f"{one.what} {one.detail}" for one in fixed_paths(where, steps, files))
        yield from _outside(recorded, where)
    if environment.differences:
        yield f"{len(environment.differences)} differences of software"


def _outside(recorded: Recorded, where: Placement) -> Iterable[str]:
    for data in recorded.run.data:
        path = recorded.paths.get(data.key)
        if path is None or where.place(path) is not None:
            continue
        if data.role is Role.OUTPUT:
            yield f"the run wrote {path}, outside of its folders: it would write that very file; --isolate keeps it off"
        elif data.role in PLACED:
            yield f"the run read {path}, outside of its folders: that of this machine would be read"
