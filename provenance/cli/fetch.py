"""``wfprov fetch``: get a crate from wherever it is, unpack it with care, and check its files."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provenance.cli import text
from provenance.cli.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provenance.rerun.records import Check, Fetched
    from provenance.run.model import Run

_JSON_VERSION = 1
_UNSOUND = ("DIFFERS", "MISSING")  # of provenance.rerun.records.Agreement
_SHOWN = 20  # files that differ


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the crate goes, a new folder [default: named after the source].",
)
@click.option("--from", "server", metavar="SERVER", help="SEEK server of workflowhub:ID [default: WorkflowHub].")
@click.option("--max-size", type=Size(), metavar="SIZE", help="Most that is downloaded or unpacked [default: 100GB].")
@click.option("--max-files", type=click.IntRange(1), metavar="N", help="Most files of a zip [default: 200000].")
@click.option(
    "--max-ratio",
    type=click.FloatRange(1),
    metavar="R",
    help="Most that an entry may unpack to, times its size in the zip [default: 200].",
)
@click.option("--similar-names", is_flag=True, help="Take zips with names that differ in case or accents' form alone.")
@click.option("-q", "--quiet", is_flag=True, help="Print the result alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, for programs.")
def command(
    *,
    source: str,
    folder: Path | None,
    server: str | None,
    max_size: int | None,
    max_files: int | None,
    max_ratio: float | None,
    similar_names: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Download and unpack the crate that SOURCE names, and check its files against what is recorded.

    SOURCE is a folder, a zip, an http(s) address, workflowhub:ID or workflowhub:ID.VERSION, the page of a workflow on
    WorkflowHub or another SEEK server, or a DOI (of WorkflowHub, of Zenodo, or any that leads to a crate). Nothing of
    the crate is executed. A download that broke off goes on when the same is called again.

    The exit status is 0, 1 when a file is not what was recorded, 3 when it is no crate or not safe to unpack, 4 when it
    is not for everybody, 5 for trouble with a server or the network, 8 when there is no room.
    """
    from provenance.cli.talking import TerminalTalk
    from provenance.crate.read import read
    from provenance.publish import tokens
    from provenance.rerun.crate_checks import verify_crate
    from provenance.rerun.fetching import fetch
    from provenance.rerun.sources import Registries, folder_name, understood
    from provenance.rerun.unpacking import Limits

    registries = Registries.from_environment(os.environ, tokens.find)
    target = folder or Path(folder_name(understood(source, server, registries)))
    standard = Limits()
    limits = Limits(
        standard.size if max_size is None else max_size,
        max_files or standard.files,
        max_ratio or standard.ratio,
        similar_names,
    )
    talk = TerminalTalk(is_quiet=quiet or as_json)
    try:
        fetched = fetch(source, target, server, talk, limits=limits, registries=registries)
        run = read(fetched.crate)
        checks = verify_crate(fetched.crate, run, talk)
    finally:
        talk.close()
    differs = [check for check in checks if check.agreement.name in _UNSOUND]
    if as_json:
        text.write(json.dumps(_as_json(fetched, run, checks, agrees=not differs), indent=2))
    else:
        for line in _lines(fetched, run, checks, differs):
            text.write(line)
    return 1 if differs else 0


def _as_json(fetched: Fetched, run: Run, checks: Sequence[Check], *, agrees: bool) -> dict[str, Any]:
    return {
        "version": _JSON_VERSION,
        "crate": str(fetched.crate),
        "origin": asdict(fetched.origin),
        "name": run.about.name or run.name,
        "authors": [person.name for person in run.about.authors],
        "run": {"id": run.id, "name": run.name, "status": run.status.value, "command": list(run.command)},
        "checks": [{**asdict(check), "agreement": check.agreement.value} for check in checks],
        "agrees": agrees,
    }


def _lines(fetched: Fetched, run: Run, checks: Sequence[Check], differs: Sequence[Check]) -> list[str]:
    origin = fetched.origin
    rows: list[tuple[str, object]] = [("crate", fetched.crate), ("name", run.about.name or run.name)]
    if run.about.authors:
        rows.append(("authors", ", ".join(person.name or person.orcid or "?" for person in run.about.authors)))
    about = [run.name, run.status.value, text.moment(run.start) if run.start is not None else None]
    rows.append(("run", ", ".join(part for part in about if part)))
    if origin.identifier:
        rows.append(("cite as", origin.identifier))
    if origin.url and origin.url != origin.identifier:
        rows.append(("from", origin.url))
    if origin.sha256:
        rows.append(("zip", f"{text.size(origin.size)}, SHA-256 {origin.sha256}"))
    counted = Counter(check.agreement.value for check in checks)
    rows += [("files", f"{count:,}: {what}") for what, count in counted.most_common()]
    lines = [f"{name + ':':<9}{text.clean(value)}" for name, value in rows]
    for check in differs[:_SHOWN]:
        lines.append(
            text.clean(f"{check.agreement.value}: {check.key}" + (f" ({check.detail})" if check.detail else ""))
        )
    if len(differs) > _SHOWN:
        lines.append(f"and {len(differs) - _SHOWN:,} more (--json lists them)")
    return lines
