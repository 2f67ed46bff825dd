"""Starting the sandbox on this machine's loopback address.

Comes in: a folder to keep things in, a port, the teams to have. Goes out: a running server with a person, teams and a
token.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.errors import MissingPartError, UsageError
from provenance.sandbox.store import Row, Store

HOST = "127.0.0.1"
PERSON, TEAM, GATEKEEPER = "Ada Example", "Practice team", "Grace Gatekeeper"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A server that listens; ``run`` answers until it is stopped."""

    address: str
    page: str  # the address for a browser, which signs in who opens it
    token: str
    team: str  # id
    teams: tuple[str, ...]  # titles
    store: Store
    server: Any

    def run(self) -> None:
        """Answer until :meth:`stop` is called from another thread, or Ctrl-C."""
        self.server.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """End :meth:`run`."""
        self.server.shutdown()


@contextmanager
def sandbox(
    folder: Path, port: int = 0, *, quiet: bool = True, teams: tuple[str, ...] = (), has_gatekeeper: bool = False
) -> Iterator[Sandbox]:
    """Make a server that listens on loopback; it has what was published before in the same folder.

    Parameters
    ----------
    teams
        Further teams that the person is in.
    has_gatekeeper
        Somebody else must agree before anything of the practice team becomes public.

    Raises
    ------
    MissingPartError
        Flask is not installed.
    UsageError
        The port is taken, or the folder can't be used.
    """
    try:
        from werkzeug.serving import WSGIRequestHandler, make_server

        from provenance.sandbox.app import make_app
    except ImportError as error:
        raise MissingPartError(
            f'the sandbox needs Flask, which is not installed ({error}); install it with: pip install "wfprov[sandbox]"'
        ) from None

    class _Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:
            if not quiet:
                super().log(type, message, *args)

    try:
        store = Store(folder)
    except OSError as error:
        raise UsageError(f"{folder} can't be used: {error.strerror}; choose another with --data") from None
    try:
        person = _populated(store, teams, has_gatekeeper=has_gatekeeper)
        mine = store.teams_of(person["id"])
        try:
            server = make_server(HOST, port, make_app(store), threaded=True, request_handler=_Quiet)
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} can't be used: {os.strerror(getattr(error, 'errno', 0) or 22)}") from None
        except SystemExit:  # werkzeug's word for a port that is taken
            raise UsageError(f"port {port} is taken; leave --port away to get a free one") from None
        address = f"http://{HOST}:{server.server_port}"
        page = f"{address}/login?key={person['key']}"
        titles = tuple(team["title"] for team in mine)
        try:
            yield Sandbox(address, page, person["token"], str(mine[0]["id"]), titles, store, server)
        finally:
            server.server_close()
    except sqlite3.Error as error:
        raise UsageError(f"{folder} can't be used: its database fails ({error}); choose another with --data") from None
    finally:
        store.close()


def _populated(store: Store, teams: tuple[str, ...], *, has_gatekeeper: bool) -> Row:
    known = store.one("select * from people order by id")
    number = known["id"] if known else store.add_person(PERSON, (TEAM,))["id"]
    for title in teams:
        store.change("insert or ignore into members (person, team) values (?, ?)", number, store.add_team(title))
    if has_gatekeeper:
        keeper = store.one("select id from people where name = ?", GATEKEEPER) or store.add_person(GATEKEEPER, (TEAM,))
        store.add_team(TEAM, gatekeeper=keeper["id"])
    else:
        store.change("update teams set gatekeeper = null where title = ?", TEAM)
    return store.one("select * from people where id = ?", number) or {}
