"""``wfprov doctor``: says what this machine can record, by trying."""

from __future__ import annotations

import dataclasses
import json
import os

import click


@click.command()
@click.option("--record-dir", metavar="DIR", help="Look at DIR as the place for records.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
def command(record_dir: str | None, as_json: bool) -> int:
    """Say what this machine can record and what is missing, by really trying.

    Ends with 1 when no way to watch a run works, else with 0.
    """
    from provenance.recording.diagnosis import WAYS, diagnose
    from provenance.recording.folder import record_root

    findings = list(diagnose(record_root(record_dir, os.environ)))
    can_watch = any(finding.works for finding in findings if finding.name in WAYS)
    if as_json:
        listed = [dataclasses.asdict(finding) for finding in findings]
        click.echo(json.dumps({"can_watch": can_watch, "findings": listed}, indent=2))
        return 0 if can_watch else 1
    for finding in findings:
        click.echo(f"{'ok' if finding.works else 'missing':8} {finding.name:10} {finding.found}")
        if finding.follows:
            click.echo(f"{'':19} so: {finding.follows}")
        if finding.mend:
            click.echo(f"{'':19} to mend it: {finding.mend}")
    if not can_watch:
        click.echo("\nNothing can watch a run here; wfprov run records the command and its surroundings only.")
    return 0 if can_watch else 1
