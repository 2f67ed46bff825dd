"""``wfprov logout``: take the token for a server out of the system's keyring."""

from __future__ import annotations

import click

from provenance.cli import text
from provenance.publish.records import DEFAULT_SERVER


@click.command(short_help="Take the token for a server out of the keyring.")
@click.option("--to", "server", default=DEFAULT_SERVER, show_default=True, metavar="URL", help="The server.")
def command(server: str) -> None:
    """Take the token for a server out of the system's keyring.

    The token itself stays valid until it is deleted on the server.
    """
    from provenance.publish import tokens
    from provenance.publish.connection import checked_address

    address = checked_address(server)
    text.write(f"{address}: {'the token is forgotten' if tokens.forget(address) else 'there was none'}")
