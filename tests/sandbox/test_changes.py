"""Changing a workflow: PATCH with its traps, and who may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.client import ANY, JSON, Client, crate, said, serving

OPEN = {"policy": {"access": "download", "permissions": []}}


@pytest.fixture
def there(seek: Client) -> Client:
    """A sandbox with a workflow."""
    assert seek.send(crate()).status_code == 200
    return seek


def about(seek: Client, token: str | None = "") -> dict[str, Any]:
    found: dict[str, Any] = seek.get("/workflows/101", token=token).json()["data"]["attributes"]
    return found


def test_what_can_be_set(there: Client) -> None:
    changed = {
        "title": "Renamed",
        "description": "Anew",
        "license": "MIT",
        "other_creators": "Ben",
        "creators": [{"given_name": "Eve", "family_name": "Example", "orcid": "", "pos": 1}],
        "workflow_class": {"key": "compss"},
        "tags": ["one", "two"],
        **OPEN,
    }
    answer = there.patch(101, changed)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/vnd.api+json; charset=utf-8")
    assert answer.json()["data"]["attributes"] == about(there)
    now = about(there)
    assert (now["title"], now["description"], now["license"], now["other_creators"]) == (
        "Renamed",
        "Anew",
        "MIT",
        "Ben",
    )
    assert [(one["given_name"], one["orcid"]) for one in now["creators"]] == [("Eve", None)]
    assert (now["workflow_class"]["title"], now["tags"], now["policy"]) == ("COMPSs", ["one", "two"], OPEN["policy"])


def test_what_is_not_named_stays(there: Client) -> None:
    before = about(there)
    after = there.patch(101, {"tags": ["x"]}).json()["data"]["attributes"]
    for name in ("tags", "updated_at"):
        before.pop(name), after.pop(name)
    assert after == before


def test_the_traps(there: Client) -> None:
    assert there.patch(101, {"tags": ["a,b", " c "]}).json()["data"]["attributes"]["tags"] == ["a", "b", "c"]
    assert there.patch(101, {"workflow_class": {"key": "fortran"}}).json()["data"]["attributes"]["workflow_class"] == {
        "title": "Unrecognized workflow type",
        "key": None,
        "description": None,
    }
    link = {"label": "Talk", "url": "https://example.org/talk"}
    for _ in range(2):
        there.patch(101, {"discussion_links": [link]})
    assert [one["id"] for one in about(there)["discussion_links"]] == ["1", "2"]
    there.patch(101, {"discussion_links": [{**link, "id": "2", "label": None}]})
    assert [one["label"] for one in about(there)["discussion_links"]] == ["Talk", None]


def test_a_put_does_the_same(there: Client) -> None:
    body = {"data": {"id": "101", "type": "workflows", "attributes": {"title": "Put"}}}
    assert there.ask("PUT", "/workflows/101", json=body).json()["data"]["attributes"]["title"] == "Put"


def test_without_json_wanted_it_is_done_and_leads_to_the_page(there: Client) -> None:
    body = {"data": {"id": "101", "type": "workflows", "attributes": {"title": "Done"}}}
    answer = there.ask("PATCH", "/workflows/101", ANY, json=body)
    assert (answer.status_code, answer.headers["Location"][-14:]) == (302, "/workflows/101")
    assert about(there)["title"] == "Done"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        {"data": None},
        {"data": {"id": "101", "attributes": {}}},
        {"data": {"id": "101", "type": "models"}},
        {"data": {"id": "102", "type": "workflows"}},
    ],
)
def test_a_body_that_is_none(there: Client, body: Any) -> None:
    answer = there.ask("PATCH", "/workflows/101", json=body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "text/plain; charset=utf-8")
    assert answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("name", "value"), [("title", ""), ("title", "x" * 256), ("license", "mine"), ("description", "x" * 65_536)]
)
def test_values_that_are_not_accepted(there: Client, name: str, value: str) -> None:
    before = about(there)
    answer = there.patch(101, {name: value, "tags": ["not", "set"]})
    assert (answer.status_code, said(answer)[0][1]) == (422, f"/data/attributes/{name}")
    assert about(there) == before


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [None], [{}], {"access": 3}, {"permissions": [1, {}]}])
def test_values_of_any_type_break_nothing(there: Client, value: Any) -> None:
    before = about(there)["policy"]["access"]
    for name in ("tags", "workflow_class", "creators", "discussion_links", "policy", "description", "nonsense"):
        assert there.patch(101, {name: value}).status_code in (200, 422)
    assert about(there)["policy"]["access"] == before


def test_nobody_and_somebody_else_may_not(there: Client) -> None:
    ben = there.person("Ben Example", "Other team")
    for token in (None, "wrong", ben):
        answer = there.patch(101, {"title": "Mine"}, token)
        assert (answer.status_code, answer.json()["errors"][0]["title"]) == (403, "Forbidden")
    assert there.patch(999, {"title": "Mine"}).status_code == 404
    assert about(there)["title"] == "Count words"


def test_who_may_edit_and_not_manage_loses_the_policy_without_a_word(there: Client) -> None:
    ben = there.person("Ben Example", "Other team")
    number = there.sandbox.store.person_of(ben)
    assert number is not None
    permission = {"resource": {"id": str(number["id"]), "type": "people"}, "access": "edit"}
    there.patch(101, {"policy": {"access": "no_access", "permissions": [permission]}})
    answer = there.patch(101, {"title": "Edited", **OPEN}, ben)
    assert answer.status_code == 200
    assert "policy" not in answer.json()["data"]["attributes"]
    assert (about(there)["title"], about(there)["policy"]["access"]) == ("Edited", "no_access")


def test_members_of_a_team_may_what_the_policy_gives_it(there: Client) -> None:
    ben = there.person("Ben Example", "Practice team")
    assert there.get("/workflows/101", token=ben).status_code == 403
    permission = {"resource": {"id": "1", "type": "projects"}, "access": "manage"}
    there.patch(101, {"policy": {"access": "no_access", "permissions": [permission]}})
    assert there.get("/workflows/101", token=ben).json()["data"]["attributes"]["policy"]["permissions"] == [permission]
    assert there.send(crate(version="2"), token=ben).status_code == 200


def test_a_workflow_moves_to_another_of_ones_teams(tmp_path: Path) -> None:
    with serving(tmp_path / "sandbox", teams=("Second team",)) as seek:
        seek.person("Ben Example", "Other team")
        seek.send(crate())
        for team, now in (("2", "2"), ("3", "2")):  # the third is not hers
            relations = {"projects": {"data": [{"id": team, "type": "projects"}]}}
            body = {"data": {"id": "101", "type": "workflows", "relationships": relations}}
            answer = seek.ask("PATCH", "/workflows/101", JSON, json=body)
            assert answer.json()["data"]["relationships"]["projects"]["data"][0]["id"] == now


def test_a_gatekeeper_holds_back_what_would_be_public(tmp_path: Path) -> None:
    with serving(tmp_path / "sandbox", has_gatekeeper=True) as seek:
        seek.send(crate())
        answer = seek.patch(101, {"title": "Waiting", **OPEN})
        assert answer.json()["data"]["attributes"]["policy"]["access"] == "no_access"
        assert about(seek)["title"] == "Waiting"
        team = seek.get("/projects/1").json()["data"]["relationships"]
        assert len(team["asset_gatekeepers"]["data"]) == 1
        keeper = seek.sandbox.store.one("select token from people where name = 'Grace Gatekeeper'")
        assert keeper is not None
        permission = {"resource": {"id": "1", "type": "projects"}, "access": "manage"}
        seek.patch(101, {"policy": {"access": "no_access", "permissions": [permission]}})
        agreed = seek.patch(101, {"policy": {"access": "download", "permissions": [permission]}}, keeper["token"])
        assert agreed.json()["data"]["attributes"]["policy"]["access"] == "download"
