"""``wfprov login``: keep the token for a server in the system's keyring."""

from __future__ import annotations

import sys

import click

from provenance.cli import text
from provenance.publish.records import DEFAULT_SERVER


@click.command(short_help="Keep the token for a server in the system's keyring.")
@click.option("--to", "server", default=DEFAULT_SERVER, show_default=True, metavar="URL", help="The server.")
def command(server: str) -> None:
    """Ask for a token, try it, and keep it in the system's keyring.

    Make one on the server under My Profile > Actions > API Tokens. It is read from the terminal (or standard input)
    without being shown, and never from the command line, which others can see.
    """
    from provenance.publish import tokens
    from provenance.publish.connection import checked_address
    from provenance.publish.seek import Seek

    address = checked_address(server)
    token = tokens.checked(_asked(f"Token for {address}"))
    account = Seek(address, token).account()
    tokens.keep(address, token)
    teams = ", ".join(f"{team.title or 'unnamed'} ({team.id})" for team in account.teams) or "none"
    text.write(text.clean(f"{address}: {account.name}; teams: {teams}"))


def _asked(question: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    return str(click.prompt(question, hide_input=True, err=True))
