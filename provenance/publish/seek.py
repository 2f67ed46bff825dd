"""A SEEK server such as WorkflowHub, as its API really behaves.

Comes in: what to ask or send. Goes out: accounts, workflows and what is there already; every refusal is a
:class:`~provenance.errors.RefusedError`, every trouble a :class:`~provenance.errors.NetworkError`. The rules are in
``docs/reference/workflowhub.md``: which calls may be asked for JSON, what a success looks like, what is idempotent.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from provenance.errors import NetworkError, ServerError
from provenance.publish.answers import Answer, UploadError, explained
from provenance.publish.connection import Connection, wait
from provenance.publish.records import Access, Account, Advance, Package, Team, Workflow

_JSON = "application/json"
_ANY = "*/*"  # what is no JSON must be asked for in no form; refusals are redirects, which say more than a 406
_LINKED = "application/ld+json"
ACCESS = {Access.PRIVATE: "no_access", Access.VIEW: "view", Access.DOWNLOAD: "download"}
# Answers to an upload that do not say what became of it -> whether it may have arrived: the server behind a gateway
# that waits no longer is busy with it; one that is overloaded has not taken it.
_WITHOUT_WORD = {429: False, 502: True, 503: False, 504: True}


class Seek:
    """Speaks with one server for one token."""

    def __init__(self, server: str, token: str | None, pause: Callable[[float], None] = wait):
        self._connection = Connection(server, token, pause)

    @property
    def server(self) -> str:
        """The address, without a trailing slash."""
        return self._connection.server

    def account(self) -> Account:
        """Tell whose the token is, with their teams.

        Raises
        ------
        RefusedError
            The token is not accepted.
        """
        answer = self._connection.get("/people/current")
        if answer.status in (401, 404):  # SEEK's word for "nobody"
            raise explained(Answer(401, "", b""), self.server, "say whose the token is")
        data = self._data(answer, "say whose the token is")
        relations = _map(_map(data.get("relationships")).get("projects")).get("data")
        identifiers = [str(one["id"]) for one in _list(relations) if isinstance(one, dict) and "id" in one]
        teams = tuple(self._team(identifier) for identifier in dict.fromkeys(identifiers))
        return Account(str(data.get("id")), str(_map(data.get("attributes")).get("title") or "unnamed"), teams)

    def _team(self, identifier: str) -> Team:
        answer = self._connection.get(f"/projects/{identifier}")
        if answer.status != 200:  # a former team may be hidden
            return Team(identifier, "")
        attributes = _map(self._data(answer, "describe a team").get("attributes"))
        return Team(identifier, str(attributes.get("title") or ""))

    def classes(self) -> list[dict[str, Any]]:
        """The workflow classes that the server knows; empty when it does not tell."""
        answer = self._connection.get("/workflow_classes", accept=_LINKED)
        found = answer.json() if answer.status == 200 else None
        if isinstance(found, dict):
            found = found.get("@graph", [found])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def workflows(self, team: str | None = None, query: str | None = None) -> list[tuple[str, str]]:
        """List id and title of the workflows of a team, or of all that have some words; empty when it does not tell."""
        if team is not None:
            answer = self._connection.get(f"/projects/{team}/workflows")
        else:
            answer = self._connection.get("/workflows", **({"filter[query]": query} if query else {}))
        found = _map(answer.json()).get("data") if answer.status == 200 else None
        listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        return [(str(one.get("id")), str(_map(one.get("attributes")).get("title") or "")) for one in listed]

    def version_names(self, workflow: str) -> list[tuple[int, str]]:
        """List number and name of the versions of a workflow, as GA4GH's TRS tells them, oldest first."""
        answer = self._connection.get(f"/ga4gh/trs/v2/tools/{workflow}/versions")
        found = answer.json() if answer.status == 200 else None
        named = []
        for one in found if isinstance(found, list) else ():
            number = str(_map(one).get("id") or "").rpartition("/")[2].rpartition(":")[2]
            if number.isdigit():
                named.append((int(number), str(_map(one).get("name") or "")))
        return sorted(named)

    def metadata(self, workflow: str, version: int | None = None) -> dict[str, Any] | None:
        """Read the RO-Crate metadata of a workflow; None when they can't be had."""
        parameters = {"version": str(version)} if version else {}
        answer = self._connection.get(f"/workflows/{workflow}/ro_crate_metadata", **parameters)
        found = answer.json() if answer.status == 200 else None
        return found if isinstance(found, dict) else None

    def read(self, workflow: str, version: int | None = None) -> Workflow:
        """Describe a workflow.

        Raises
        ------
        RefusedError
            It is not there, or may not be seen.
        """
        parameters = {"version": str(version)} if version else {}
        doing = f"show workflow {workflow}"
        return workflow_of(self._data(self._connection.get(f"/workflows/{workflow}", **parameters), doing))

    def submit(self, package: Package, teams: tuple[str, ...], advance: Advance) -> Workflow:
        """Send a crate; the server finds by source and version whether it is new. Doing so twice is once."""
        return self._upload("/workflows/submit", _JSON, package, teams, advance, "accept the crate")

    def create_version(self, workflow: str, package: Package, teams: tuple[str, ...], advance: Advance) -> Workflow:
        """Send a crate as a new version of a workflow. Doing so twice makes two versions."""
        path = f"/workflows/{workflow}/create_version"
        return self._upload(path, _ANY, package, teams, advance, f"accept a new version of workflow {workflow}")

    def _upload(  # noqa: PLR0917
        self, path: str, accept: str, package: Package, teams: tuple[str, ...], advance: Advance, doing: str
    ) -> Workflow:
        """Send a crate, once.

        Raises
        ------
        RefusedError
            The server's no.
        UploadError
            No answer that says what became of it.
        """
        from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor

        told = 0

        def tell(monitor: Any) -> None:
            nonlocal told
            advance(monitor.bytes_read - told)
            told = monitor.bytes_read

        package.archive.seek(0)
        fields: list[tuple[str, Any]] = [("workflow[project_ids][]", team) for team in teams]
        fields.append(("ro_crate", (package.name, package.archive, "application/zip")))
        body = MultipartEncoderMonitor(MultipartEncoder(fields), tell)
        try:
            answer = self._connection.upload(path, accept, body, body.content_type)
        except NetworkError as error:
            raise UploadError(str(error), may_have_arrived=told >= body.len) from None
        if answer.status in _WITHOUT_WORD:
            why, is_with_it = str(explained(answer, self.server, doing)), _WITHOUT_WORD[answer.status]
            raise UploadError(why, may_have_arrived=is_with_it, wait=answer.wait)
        if answer.status == 200 and "html" not in answer.content_type and answer.json() is None:
            raise UploadError(f"{self.server}: its answer ended in the middle", may_have_arrived=True)
        return workflow_of(self._data(answer, doing, is_upload=True))

    def update(
        self, workflow: str, *, access: Access | None, tags: tuple[str, ...], teams: tuple[str, ...]
    ) -> Workflow:
        """Set who may see a workflow, and its tags; read the answer, since a team's gatekeeper may hold it back."""
        attributes: dict[str, Any] = {}
        if tags:
            attributes["tags"] = list(tags)
        if access is not None:
            permissions = [{"resource": {"id": team, "type": "projects"}, "access": "manage"} for team in teams]
            attributes["policy"] = {"access": ACCESS[access], "permissions": permissions}
        body = {"data": {"id": workflow, "type": "workflows", "attributes": attributes}}
        answer = self._connection.patch(f"/workflows/{workflow}", body)
        return workflow_of(self._data(answer, f"change workflow {workflow}"))

    @contextmanager
    def crate(self, workflow: str, version: int, folder: str | None = None) -> Iterator[IO[bytes]]:
        """Fetch a published crate: a zip that can be read, for as long as the context lasts.

        Parameters
        ----------
        folder
            Where it is put; by default among the system's temporary files.

        Raises
        ------
        RefusedError
            It may not be downloaded.
        """
        with tempfile.TemporaryFile(dir=folder) as target:
            path = f"/workflows/{workflow}/ro_crate"
            answer = self._connection.download(path, target, version=str(version))
            if answer.status != 200 or "html" in answer.content_type:
                raise explained(answer, self.server, f"give out the crate of workflow {workflow}")
            target.seek(0)
            yield target

    def _data(self, answer: Answer, doing: str, *, is_upload: bool = False) -> dict[str, Any]:
        """Return the ``data`` of a success: status 200, JSON, and an id in it; everything else is an error."""
        if not 200 <= answer.status < 300:
            raise explained(answer, self.server, doing, is_upload=is_upload)
        data = _map(answer.json()).get("data") if answer.is_json else None
        if not isinstance(data, dict) or not data.get("id"):
            raise ServerError(
                f"{self.server} did not {doing}: it answered with something else than SEEK does; look at the address"
            )
        return data


def workflow_of(data: Mapping[str, Any]) -> Workflow:
    """Make a Workflow of SEEK's JSON:API description."""
    attributes, relations = _map(data.get("attributes")), _map(data.get("relationships"))
    kind, policy = _map(attributes.get("workflow_class")), attributes.get("policy")
    teams = _map(relations.get("projects")).get("data")
    creators = [_map(one) for one in _list(attributes.get("creators"))]
    latest = _number(attributes.get("latest_version"), 1)
    versions = [_map(one) for one in _list(attributes.get("versions"))]
    return Workflow(
        id=str(data.get("id")),
        title=str(attributes.get("title") or ""),
        latest_version=latest,
        version=_number(attributes.get("version"), latest),
        teams=tuple(str(one["id"]) for one in _list(teams) if isinstance(one, dict) and "id" in one),
        license=_text(attributes.get("license")),
        class_key=_text(kind.get("key")),
        class_title=_text(kind.get("title")),
        creators=tuple(f"{one.get('given_name') or ''} {one.get('family_name') or ''}".strip() for one in creators),
        tags=tuple(str(one) for one in _list(attributes.get("tags"))),
        access=_text(_map(policy).get("access")),
        doi=_text(attributes.get("doi")),
        versions=tuple(
            (_number(one.get("version"), 0), _text(one.get("revision_comments")), _text(one.get("doi")))
            for one in versions
        ),
    )


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise
