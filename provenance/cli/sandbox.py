"""``wfprov sandbox``: a local stand-in of WorkflowHub to practise publishing with."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import click

from provenance.cli import text


@click.command(short_help="Start a local stand-in of WorkflowHub to practise with.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option(
    "--data",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".wfprov-sandbox"),
    show_default=True,
    help="Where it keeps what is published.",
)
@click.option("--team", "teams", multiple=True, metavar="NAME", help="A further team that you are in.")
@click.option(
    "--gatekeeper", is_flag=True, help="Somebody else must agree before the practice team makes things public."
)
@click.option("--verbose", is_flag=True, help="Print each request.")
@click.option("--json", "as_json", is_flag=True, help="Print address, page, token and team as JSON, for programs.")
def command(  # noqa: PLR0917 (click gives each option by name)
    port: int, folder: Path, teams: tuple[str, ...], gatekeeper: bool, verbose: bool, as_json: bool
) -> None:
    """Start a server on this machine that behaves as WorkflowHub does, until Ctrl-C.

    It listens on the loopback address only. What is published stays in --data and is there again the next time.
    """
    from provenance.sandbox.serving import sandbox

    with sandbox(folder, port, quiet=not verbose, teams=teams, has_gatekeeper=gatekeeper) as running:
        if as_json:
            told = {
                "address": running.address,
                "page": running.page,
                "token": running.token,
                "team": running.team,
                "teams": running.teams,
            }
            click.echo(json.dumps(told))
        else:
            text.write("A sandbox to practise with; nothing is published. In another shell:")
            text.write("")
            text.write(f"  export WORKFLOWHUB_TOKEN={running.token}")
            text.write(f"  wfprov publish CRATE --to {running.address}")
            text.write("")
            text.write(f"In a browser:  {running.page}")
            text.write(text.clean(f"Your teams:    {', '.join(running.teams)}"))
            text.write("Ctrl-C stops it.")
        sys.stdout.flush()  # a program may be waiting for it
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            running.run()
        except KeyboardInterrupt:
            return
