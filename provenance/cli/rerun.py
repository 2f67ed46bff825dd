"""``wfprov rerun``: fetch a crate, rebuild, run again, and say whether it reproduced."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli import text
from provenance.cli.sizes import Size

if TYPE_CHECKING:
    from provenance.cli.talking import TerminalTalk
    from provenance.rerun.records import Verdict, Wish
    from provenance.rerun.rerunning import Rerun

_ENVIRONMENTS = ("auto", "container", "lock", "modules", "current")
_NOT_RUN = 7
_OLD_NEW = "OLD=NEW"


_Pairs = tuple[tuple[str, str], ...]


def _pairs(kind: str) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], _Pairs]:
    def split(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> _Pairs:
        found = []
        for value in values:
            before, equals, after = value.partition("=")
            if not equals or not before:
                raise click.BadParameter(f"{value!r}: write {kind}.")
            if kind == _OLD_NEW and not Path(after).exists():
                parts = value.split("=")  # names may have the sign too
                splits = (("=".join(parts[:i]), "=".join(parts[i:])) for i in range(2, len(parts)))
                before, after = next((pair for pair in splits if Path(pair[1]).exists()), (before, after))
            found.append((before, after))
        return tuple(found)

    return split


@click.command(short_help="Run a crate's run again, and say whether it reproduced.")
@click.argument("source")
@click.option(
    "--workdir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where it takes place, a new folder [default: named after the source].",
)
@click.option("--dry-run", is_flag=True, help="Show the plan, check the files, and stop.")
@click.option("--trust", is_flag=True, help="Run the crate's code without asking.")
@click.option("--isolate", is_flag=True, help="Without network, and away from all files but those of the run.")
@click.option(
    "--env",
    "environment",
    type=click.Choice(_ENVIRONMENTS),
    default="auto",
    show_default=True,
    help="What the software is taken from.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_pairs("NAME=VALUE"),
    help="Give an argument of the command another value.",
)
@click.option(
    "--data", multiple=True, metavar="OLD=NEW", callback=_pairs(_OLD_NEW), help="Use the file NEW in the place of OLD."
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="PREFIX=PREFIX",
    callback=_pairs("RECORDED=HERE"),
    help="Where a recorded folder that is not in the crate lies here.",
)
@click.option(
    "--allow", "allowed", multiple=True, metavar="FILE", help="Take a file though it is not what was recorded."
)
@click.option("--only", metavar="TASK|FILE", help="Run one task again, or what is needed for one file.")
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="[PATTERN:]T",
    help="How far numbers may deviate: 1e-6 (relative), abs=1e-9,rel=1e-6, 'out/*.csv:rel=1e-3'.",
)
@click.option("--link-data", is_flag=True, help="Link to data that are not in the crate, instead of copying them.")
@click.option("--pack", is_flag=True, help="Make a crate of the new run, with the verdict in it.")
@click.option("--from", "server", metavar="SERVER", help="SEEK server of workflowhub:ID [default: WorkflowHub].")
@click.option("--max-size", type=Size(), metavar="SIZE", help="Most that is downloaded or unpacked [default: 100GB].")
@click.option("--similar-names", is_flag=True, help="Take zips with names that differ in case or accents' form alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan or the verdict as JSON, for programs.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict alone.")
def command(
    *,
    source: str,
    workdir: Path | None,
    dry_run: bool,
    trust: bool,
    isolate: bool,
    environment: str,
    settings: tuple[tuple[str, str], ...],
    data: tuple[tuple[str, str], ...],
    maps: tuple[tuple[str, str], ...],
    allowed: tuple[str, ...],
    only: str | None,
    tolerances: tuple[str, ...],
    link_data: bool,
    pack: bool,
    server: str | None,
    max_size: int | None,
    similar_names: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Repeat the run of the crate that SOURCE names, and compare every result with the published one.

    SOURCE is a folder, a zip, an http(s) address, workflowhub:ID or workflowhub:ID.VERSION, the page of a workflow on
    WorkflowHub or another SEEK server, or a DOI. The plan is shown first: what runs, with what software, on what data,
    and what is missing. Code of a crate runs only after you agree, or with --trust.

    \b
    wfprov rerun workflowhub:838.1 --dry-run
    wfprov rerun crate.zip --trust --isolate
    wfprov rerun crate/ --set samples=16 --data old.csv=new.csv

    The exit status is 0 when it reproduced (also within the tolerance), 1 when results differ, 6 when the run failed,
    7 when it could not run: pieces are missing, or nobody agreed. 2 to 5, 8 and 9 as for all commands.
    """
    from provenance.cli.talking import TerminalTalk
    from provenance.rerun.comparing import parse_tolerance
    from provenance.rerun.records import Wish

    talk = TerminalTalk(is_quiet=quiet or as_json)
    wish = Wish(
        source=source,
        workdir=workdir,
        server=server,
        settings=settings,
        data=data,
        maps=maps,
        environment=environment,
        only=only,
        allowed=allowed,
        tolerances=tuple(parse_tolerance(each) for each in tolerances),
        is_isolated=isolate,
        links_data=link_data,
    )
    try:
        rerun = _prepared(wish, workdir, max_size, similar_names, talk)
        _show_plan(rerun, as_json=as_json and dry_run, is_quiet=quiet or (as_json and not dry_run))
        if dry_run:
            return _NOT_RUN if rerun.plan.problems else 0
        verdict = _carried_out(rerun, talk, is_trusted=trust, is_packed=pack, as_json=as_json)
    finally:
        talk.close()
    return _told(verdict, rerun, as_json=as_json)


def _prepared(wish: Wish, workdir: Path | None, max_size: int | None, similar: bool, talk: TerminalTalk) -> Rerun:
    from dataclasses import replace

    from provenance.publish import tokens
    from provenance.rerun.rerunning import prepare, unused_folder
    from provenance.rerun.sources import Registries, folder_name, understood
    from provenance.rerun.unpacking import Limits

    registries = Registries.from_environment(os.environ, tokens.find)
    limits = Limits()
    if max_size is not None:
        limits = replace(limits, size=max_size)
    limits = replace(limits, allows_similar_names=similar)
    if workdir is None:
        workdir = unused_folder(folder_name(understood(wish.source, wish.server, registries)))
    return prepare(wish, workdir, talk, limits=limits, registries=registries)


def _show_plan(rerun: Rerun, *, as_json: bool, is_quiet: bool) -> None:
    from provenance.cli.rerun_text import plan_lines
    from provenance.rerun.reports import dumps, plan_as_json

    if as_json:
        text.write(dumps(plan_as_json(rerun.plan)))
    elif not is_quiet:
        for line in plan_lines(rerun.plan, rerun.workdir):
            text.write(line)


def _carried_out(rerun: Rerun, talk: TerminalTalk, *, is_trusted: bool, is_packed: bool, as_json: bool) -> Verdict:
    from provenance.cli.rerun_text import introduction_lines
    from provenance.rerun.rerunning import carry_out, output_file
    from provenance.rerun.trust import describe, refusal
    from provenance.rerun.verdict import not_run

    plan = rerun.plan
    if plan.problems:
        return carry_out(rerun, talk)
    why = refusal(is_trusted, all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)))
    if why is not None:
        return not_run(plan, why)
    if not is_trusted:
        for line in introduction_lines(describe(plan, is_isolated=rerun.wish.is_isolated)):
            text.write(line, error=True)
        if not click.confirm("Run it?", default=False, err=True):
            return not_run(plan, "nobody agreed to run it")
    if not as_json:
        return carry_out(rerun, talk, is_packed=is_packed)
    with output_file(rerun) as output:
        return carry_out(rerun, talk, is_packed=is_packed, output=output)


def _told(verdict: Verdict, rerun: Rerun, *, as_json: bool) -> int:
    from provenance.cli.rerun_text import verdict_lines
    from provenance.rerun.records import Result
    from provenance.rerun.reports import dumps, verdict_as_json

    if as_json:
        text.write(dumps(verdict_as_json(verdict)))
    else:
        for line in verdict_lines(verdict):
            text.write(line)
    statuses = {
        Result.REPRODUCED: 0,
        Result.TOLERATED: 0,
        Result.DIFFERS: 1,
        Result.FAILED: 6,
        Result.NOT_RUN: _NOT_RUN,
    }
    return statuses[verdict.result]
