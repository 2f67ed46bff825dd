"""What the sandbox keeps: people, tokens, teams, workflows and versions; SQLite for the facts, zips beside it.

Comes in: a folder, which one sandbox at a time uses. Goes out: rows as plain dictionaries. A zip is on disk before the
row that names it, so that whatever stops the sandbox leaves at worst a zip that nobody asks for; those are removed at
the next start.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import sqlite3
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from provenance.sandbox.archives import Archive, File

Row = dict[str, Any]
LEVELS = ("no_access", "view", "download", "edit", "manage")  # SEEK's 0 to 4
_FORMAT = 2  # of the tables
_TABLES = """
create table if not exists people (id integer primary key, name text, orcid text, token text unique, key text unique,
    uuid text, created text);
create table if not exists teams (id integer primary key, title text, uuid text, created text, default_access text,
    gatekeeper integer);
create table if not exists members (person integer, team integer, is_former integer default 0,
    primary key (person, team));
create table if not exists workflows (
    id integer primary key, submitter integer, source text, access text, permissions text default '[]', tags text,
    links text default '[]', remote text, uuid text, created text, updated text);
create table if not exists placed (workflow integer, team integer, primary key (workflow, team));
create table if not exists versions (
    workflow integer, version integer, name text, title text, description text, license text, creators text,
    other_creators text, class text, metadata text, archive text, top text, diagram text, main text, doi text,
    is_frozen integer default 0, "commit" text, created text, primary key (workflow, version));
create table if not exists files (
    workflow integer, version integer, path text, size integer, id text, primary key (workflow, version, path));
"""
_FIRST_ID = 101  # ids look like those of a server that has been in use


class InUseError(OSError):
    """Another sandbox uses the folder, or it was made by another version."""


class Store:
    """The content of a sandbox; may be used by several threads, and by one process."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._crates = folder / "crates"
        self._incoming = folder / "incoming"
        for one in (folder, self._crates, self._incoming):
            one.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # there are tokens in it, and what is said to be private
        self._guard = (folder / "lock").open("w")
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._guard.close()
            raise InUseError(0, "another sandbox uses it") from None
        self.lock = threading.RLock()  # one request at a time changes something
        try:
            self._connection = sqlite3.connect(folder / "sandbox.sqlite", check_same_thread=False, isolation_level=None)
            self._connection.row_factory = sqlite3.Row
            self._prepare()
        except sqlite3.Error as error:
            self._guard.close()
            raise InUseError(0, f"its database can't be used ({error})") from None
        except BaseException:
            self._guard.close()
            raise

    def _prepare(self) -> None:
        made_by = self._connection.execute("pragma user_version").fetchone()[0]
        is_new = not self._connection.execute("select 1 from sqlite_master").fetchone()
        if not is_new and made_by != _FORMAT:
            self._connection.close()
            raise InUseError(0, "another version of wfprov made it")
        self._connection.executescript(_TABLES)
        self._connection.execute(f"pragma user_version = {_FORMAT}")
        known = {row["archive"] for row in self.all("select archive from versions")}
        for left in [*self._incoming.iterdir(), *(one for one in self._crates.iterdir() if one.name not in known)]:
            left.unlink(missing_ok=True)  # what was being received when the sandbox was killed

    def close(self) -> None:
        """Let go of the files."""
        with self.lock:
            self._connection.close()
            self._guard.close()

    def all(self, query: str, *values: object) -> list[Row]:
        """Rows of a query."""
        with self.lock:
            return [dict(row) for row in self._connection.execute(query, values).fetchall()]

    def one(self, query: str, *values: object) -> Row | None:
        """The first row of a query."""
        return next(iter(self.all(query, *values)), None)

    def change(self, statement: str, *values: object) -> int:
        """Execute a statement; returns the id of an inserted row."""
        with self.lock:
            return self._connection.execute(statement, values).lastrowid or 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make several changes, or none of them."""
        with self.lock:
            self._connection.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def incoming(self) -> IO[bytes]:
        """A file to receive something in; it is gone when it is closed."""
        return tempfile.NamedTemporaryFile(dir=self._incoming, prefix="upload-")

    # People and teams

    def add_person(self, name: str, teams: tuple[str, ...], token: str | None = None) -> Row:
        """Make a person with a token, in teams that are made when they are not there."""
        token = token or secrets.token_urlsafe(30)[:40]
        person = self.change(
            "insert into people (name, token, key, uuid, created) values (?, ?, ?, ?, ?)",
            *(name, token, secrets.token_urlsafe(24), str(uuid.uuid4()), now()),
        )
        for title in teams:
            self.change("insert or ignore into members (person, team) values (?, ?)", person, self.add_team(title))
        return {"id": person, "name": name, "token": token}

    def add_team(self, title: str, *, default_access: str | None = None, gatekeeper: int | None = None) -> int:
        """Make a team when there is none of this title; returns its id.

        Parameters
        ----------
        default_access
            What the public may do with new workflows of the team; one of LEVELS.
        gatekeeper
            The person (id) who alone makes something of the team public.
        """
        known = self.one("select id from teams where title = ?", title)
        number = known["id"] if known else 0
        if not known:
            statement = "insert into teams (title, uuid, created) values (?, ?, ?)"
            number = self.change(statement, title, str(uuid.uuid4()), now())
        if default_access is not None:
            self.change("update teams set default_access = ? where id = ?", default_access, number)
        if gatekeeper is not None:
            self.change("update teams set gatekeeper = ? where id = ?", gatekeeper, number)
        return int(number)

    def leave(self, person: int, team: int) -> None:
        """Let somebody be a former member of a team."""
        self.change("update members set is_former = 1 where person = ? and team = ?", person, team)

    def person_of(self, token: str) -> Row | None:
        """Whom a token belongs to."""
        return self.one("select * from people where token = ?", token)

    def teams_of(self, person: int, *, with_former: bool = False) -> list[Row]:
        """The teams of a person, by default those that the person is still in."""
        query = "select teams.* from teams join members on members.team = teams.id where person = ?"
        return self.all(query + ("" if with_former else " and not is_former") + " order by id", person)

    # Workflows and versions

    def add_workflow(self, submitter: int, source: str | None, tags: list[str], teams: list[int]) -> int:
        """Make a workflow without versions; the public sees it as its only team has it by default, else not."""
        defaults = self.all(f"select * from teams where default_access is not null and id in ({_marks(teams)})", *teams)
        access = defaults[0]["default_access"] if len(defaults) == 1 and not defaults[0]["gatekeeper"] else LEVELS[0]
        last = self.one("select max(id) as last from workflows")
        number = max(_FIRST_ID, ((last or {}).get("last") or 0) + 1)
        self._insert(
            "workflows",
            {
                "id": number,
                "submitter": submitter,
                "source": source,
                "access": access,
                "tags": json.dumps(tags),
                "uuid": str(uuid.uuid4()),
                "created": now(),
                "updated": now(),
            },
        )
        self.place(number, teams)
        return number

    def place(self, workflow: int, teams: list[int]) -> None:
        """Put a workflow into teams, and out of all others."""
        self.change("delete from placed where workflow = ?", workflow)
        for team in teams:
            self.change("insert or ignore into placed values (?, ?)", workflow, team)

    def add_version(self, workflow: int, facts: Row, archive: Archive, names: tuple[str, ...]) -> int:
        """Add a version; the previous one is frozen by that, as on the real server."""
        last = self.one("select max(version) as last from versions where workflow = ?", workflow)
        number = ((last or {}).get("last") or 0) + 1
        kept = self._crates / f"workflow-{workflow}-{number}-{uuid.uuid4().hex[:12]}.crate.zip"
        _keep(archive.path, kept)
        self.change("update versions set is_frozen = 1 where workflow = ?", workflow)
        made = {"workflow": workflow, "version": number, "archive": kept.name, "top": archive.top, "created": now()}
        self._insert("versions", {**facts, **made, "name": facts.get("name") or f"Version {number}"})
        with self.lock:
            self._connection.executemany(
                "insert into files values (?, ?, ?, ?, ?)",
                [(workflow, number, name, archive.files[name].size, archive.files[name].identifier) for name in names],
            )
        self.change("update workflows set updated = ? where id = ?", now(), workflow)
        return number

    def _insert(self, table: str, row: Mapping[str, object]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        self.change(f"insert into {table} ({names}) values ({_marks(list(row))})", *row.values())

    def version(self, workflow: int, number: int | None = None) -> Row | None:
        """A version of a workflow, by default the latest."""
        if number is None:
            return self.one("select * from versions where workflow = ? order by version desc limit 1", workflow)
        return self.one("select * from versions where workflow = ? and version = ?", workflow, number)

    def versions(self, workflow: int) -> list[Row]:
        """All versions of a workflow, oldest first."""
        return self.all("select * from versions where workflow = ? order by version", workflow)

    def teams_with(self, workflow: int) -> list[int]:
        """Ids of the teams that a workflow belongs to."""
        return [row["team"] for row in self.all("select team from placed where workflow = ? order by team", workflow)]

    def files(self, version: Row) -> dict[str, File]:
        """The files of a version, by path."""
        query = "select path, size, id from files where workflow = ? and version = ? order by path"
        rows = self.all(query, version["workflow"], version["version"])
        return {row["path"]: File(row["size"], row["id"]) for row in rows}

    def archive(self, version: Row) -> Archive:
        """The zip of a version, as it came."""
        return Archive(self._crates / str(version["archive"]), version["top"], self.files(version), frozenset())


def now() -> str:
    """The time, as SEEK writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _marks(values: list[Any]) -> str:
    return ", ".join("?" * len(values))


def _keep(received: Path, kept: Path) -> None:
    try:
        os.link(received, kept)
    except OSError:  # a file system without links
        shutil.copyfile(received, kept)
    with kept.open("rb") as stream:
        os.fsync(stream.fileno())
