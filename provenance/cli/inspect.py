"""``wfprov inspect``: what happened in the runs that crates describe."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from provenance.cli import run_text, text
from provenance.crate.read import read
from provenance.crate.read_actions import task_number
from provenance.errors import CrateError
from provenance.run.as_dict import run_as_dict, summary_as_dict
from provenance.run.model import Run, Status, Task
from provenance.run.summary import summarize

_RANGES = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*,?")
_JSON_VERSION = 1


def _ranges(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[range]:
    found = []
    for value in values:
        if not _RANGES.fullmatch(value):
            raise click.BadParameter(f"{value!r} is no task number or range; write for example 3,7-9", ctx, param)
        for part in filter(None, value.split(",")):
            first, _, last = part.partition("-")
            found.append(range(int(first), int(last or first) + 1))
    return found


class _Command(click.Command):
    """Lets ``--tasks`` take several values: numbers after it that are no existing path belong to it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        joined: list[str] = []
        waiting = list(args)
        while waiting:
            joined.append(waiting.pop(0))
            if joined[-1] == "--":
                break
            if joined[-1] == "--tasks" and waiting and not waiting[0].startswith("-"):
                values = [waiting.pop(0)]
                while waiting and _RANGES.fullmatch(waiting[0]) and not Path(waiting[0]).exists():
                    values.append(waiting.pop(0))
                joined.append(",".join(values))
        return super().parse_args(ctx, joined + waiting)


@click.command(cls=_Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("crates", nargs=-1, required=True, metavar="CRATE...", type=click.Path(path_type=Path))
@click.option("-v", "--verbose", is_flag=True, help="Cut nothing; also show what is left out otherwise.")
@click.option(
    "--tasks",
    multiple=True,
    callback=_ranges,
    metavar="N...",
    help="List these tasks, e.g. 3 7-9.",
)
@click.option("--failed", is_flag=True, help="List the tasks that failed.")
@click.option(
    "--tool",
    "tools",
    multiple=True,
    metavar="PATTERN",
    help="List the tasks of these tools, e.g. 'sort*'.",
)
@click.option("--data", is_flag=True, help="List the files and folders.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def command(
    *,
    crates: tuple[Path, ...],
    verbose: bool,
    tasks: list[range],
    failed: bool,
    tools: tuple[str, ...],
    data: bool,
    as_json: bool,
) -> int:
    """Say what happened in the run that each CRATE describes.

    CRATE is a folder, a zip or a bare ro-crate-metadata.json, written by any workflow engine. Times are shown in
    your local time zone.

    The exit status is 0, or 3 when one of the crates can't be read (the others are shown all the same).
    """
    wanted = _Wanted(tasks, failed, tools)
    documents: list[dict[str, Any]] = []
    broken = 0
    for index, path in enumerate(crates):
        try:
            run = read(path)
        except CrateError as error:
            broken += 1
            documents.append({"path": str(path), "error": str(error), "run": None, "summary": None})
            text.write_error(f"wfprov: {error}")
            continue
        if as_json:
            documents.append(_document(path, run, wanted))
            continue
        if len(crates) > 1:
            text.write(("\n" if index else "") + f"== {text.fit(path, text.terminal_columns() - 6)} ==")
        for line in _lines(run, wanted, data, verbose):
            text.write(line)
    if as_json:
        text.write(json.dumps({"version": _JSON_VERSION, "crates": documents}, indent=1))
    return CrateError.exit_status if broken else 0


def _lines(run: Run, wanted: _Wanted, with_data: bool, is_verbose: bool) -> Iterator[str]:
    columns = text.terminal_columns()
    if wanted.is_anything:
        numbered = wanted.of(run)
        yield from run_text.task_lines(run, numbered, columns, is_verbose)
        if not numbered:
            yield f"no such task among the {len(run.tasks):,} of this run"
    if with_data:
        yield from run_text.data_lines(run, columns, is_verbose)
    if not wanted.is_anything and not with_data:
        yield from run_text.summary_lines(run, columns, is_verbose)


@dataclass(frozen=True)
class _Wanted:
    """Which tasks are asked for."""

    ranges: list[range]
    failed: bool
    tools: tuple[str, ...]

    @property
    def is_anything(self) -> bool:
        return bool(self.ranges or self.failed or self.tools)

    def of(self, run: Run) -> list[tuple[int, Task]]:
        """The tasks with their numbers: the engine's own where it has them, else the position."""
        names = {tool.key: tool.name for tool in run.tools}
        own = [task_number(task.key) for task in run.tasks]
        has_own = None not in own and len(set(own)) == len(own)
        numbers = own if has_own else range(1, len(own) + 1)
        return [
            (number, task)
            for number, task in zip(numbers, run.tasks, strict=True)
            if number is not None and self._is_meant(number, task, names.get(task.tool, task.tool))
        ]

    def _is_meant(self, number: int, task: Task, tool: str) -> bool:
        return (
            (not self.ranges or any(number in part for part in self.ranges))
            and (not self.failed or task.status is Status.FAILED)
            and (not self.tools or any(fnmatchcase(name, p) for p in self.tools for name in (tool, task.tool)))
        )


def _document(path: Path, run: Run, wanted: _Wanted) -> dict[str, Any]:
    whole = run_as_dict(run)
    if wanted.is_anything:
        keys = {task.key for _, task in wanted.of(run)}
        whole["tasks"] = [task for task in whole["tasks"] if task["key"] in keys]
    return {"path": str(path), "error": None, "run": whole, "summary": summary_as_dict(summarize(run))}
