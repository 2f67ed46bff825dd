"""Uploading to the sandbox: each row of the table of answers in docs/reference/workflowhub.md."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.publish.crates import SOURCE, changed, entity, metadata
from tests.sandbox.client import ANY, FILES, JSON, LINKED, Client, crate, said, serving, zipped

CRATE = "/data/attributes/ro_crate"
JSON_API = "application/vnd.api+json; charset=utf-8"


def location(answer: Any, seek: Client) -> str:
    assert answer.status_code == 302
    return str(answer.headers["Location"]).removeprefix(seek.sandbox.address)


# What works


def test_a_submission_makes_a_workflow_then_nothing_then_a_version(seek: Client) -> None:
    first = seek.send(crate())
    assert (first.status_code, first.headers["Content-Type"]) == (200, JSON_API)
    data = first.json()["data"]
    assert data["relationships"]["projects"]["data"] == [{"id": seek.sandbox.team, "type": "projects"}]
    about = data["attributes"]
    assert (about["title"], about["license"], about["version"]) == ("Count words", "Apache-2.0", 1)
    assert about["workflow_class"]["key"] == "shell"
    assert about["tags"] == ["words", "count"]
    assert about["policy"] == {"access": "no_access", "permissions": []}
    assert [one["orcid"] for one in about["creators"]] == ["https://orcid.org/0000-0002-1825-0097"]
    again = seek.send(crate(name="Other words")).json()["data"]
    assert (again["id"], again["attributes"]["title"], seek.count()) == (data["id"], "Count words", 1)
    newer = seek.send(crate(version="2.0")).json()["data"]
    assert (newer["id"], newer["attributes"]["latest_version"], seek.count()) == (data["id"], 2, 2)
    assert [one["ref"] for one in newer["attributes"]["versions"]] == ["refs/tags/version-1", "refs/heads/main"]


def test_a_version_that_is_not_the_latest_is_answered_with_the_latest(seek: Client) -> None:
    seek.send(crate())
    seek.send(crate(version="2.0"))
    again = seek.send(crate()).json()["data"]["attributes"]
    assert (again["version"], again["latest_version"], seek.count()) == (2, 2, 2)


@pytest.mark.parametrize("accept", [ANY, LINKED])
def test_a_creation_always_makes_a_workflow(seek: Client, accept: str) -> None:
    for _ in range(2):
        answer = seek.send(crate(isBasedOn=None, version=None), "/workflows", accept)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, JSON_API)
    assert seek.count() == 2
    assert seek.get("/ga4gh/trs/v2/tools/101/versions").json()[0]["name"] == "Version 1"


@pytest.mark.parametrize("accept", [ANY, LINKED])
def test_a_new_version_is_made_whatever_its_name(seek: Client, accept: str) -> None:
    seek.send(crate())
    for number in (2, 3):
        answer = seek.send(crate(), "/workflows/101/create_version", accept, revision_comments="dropped")
        attributes = answer.json()["data"]["attributes"]
        assert (attributes["latest_version"], attributes["versions"][-1]["revision_comments"]) == (number, None)


def test_a_folder_within_the_zip_is_fine(seek: Client) -> None:
    inner = {f"deep/er/{name}": content for name, content in FILES.items()}
    document = json.dumps(metadata()).encode()
    answer = seek.send(zipped({**inner, "deep/er/ro-crate-metadata.json": document, "deep/": b""}))
    assert answer.status_code == 200
    assert seek.get("/workflows/101/git/1/download/count.sh").content == FILES["count.sh"]


def test_what_the_form_says_goes_before_the_crate(seek: Client) -> None:
    answer = seek.send(
        crate(),
        title="Given",
        description="said",
        license="MIT",
        workflow_class_id="1",
        other_creators="Ben",
        no_such_key="x",
    )
    about = answer.json()["data"]["attributes"]
    assert (about["title"], about["description"], about["license"]) == ("Given", "said", "MIT")
    assert (about["workflow_class"]["key"], about["other_creators"]) == ("cwl", "Ben")


def test_two_at_once_are_one_version(seek: Client) -> None:
    content = crate()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: seek.send(content), range(16)))
    assert {one.status_code for one in answers} == {200}
    assert {one.json()["data"]["id"] for one in answers} == {"101"}
    assert seek.count() == 1


def test_an_awkward_crate_comes_through(seek: Client) -> None:
    names = ["a b.txt", "ünïcode 中.txt", "quote'\"<x>.txt", "100%25.txt", "new\nline.txt", "-rf", "emoji 🧪.txt"]
    document = metadata(name='<b>"Count"</b> & 中 🧪', version=3)
    answer = seek.send(crate(document, {**FILES, **{name: name.encode() for name in names}}))
    assert answer.json()["data"]["attributes"]["title"] == '<b>"Count"</b> & 中 🧪'
    for name in names:
        found = seek.get("/workflows/101/git/1/download/" + requests_quote(name))
        assert found.content == name.encode()


def requests_quote(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


# Who may


def test_without_a_token(seek: Client) -> None:
    for token in (None, "wrong"):
        answer = seek.send(crate(), token=token)
        assert (answer.status_code, answer.text) == (401, "HTTP Basic: Access denied.\n")
        assert answer.headers["Content-Type"].startswith("text/html") and "Basic" in answer.headers["WWW-Authenticate"]
        assert location(seek.send(crate(), accept=ANY, token=token), seek) == "/login"
        assert location(seek.send(crate(), "/workflows", ANY, token), seek) == "/workflows"
        assert seek.send(crate(), "/workflows", LINKED, token).status_code == 406
    assert seek.count() == 0


@pytest.mark.parametrize("form", ['Token token="{}"', "Bearer {}", "Token {}"])
def test_a_token_is_taken_in_three_forms(seek: Client, form: str) -> None:
    answer = seek.get("/people/current", token=None, headers={"Authorization": form.format(seek.sandbox.token)})
    assert answer.json()["data"]["attributes"]["title"] == "Ada Example"


def test_somebody_in_no_team(seek: Client) -> None:
    lonely = seek.person("Lone Example")
    answer = seek.send(crate(), token=lonely)
    assert (answer.status_code, said(answer)[0][1]) == (422, "/data/attributes/base")
    assert location(seek.send(crate(), "/workflows", ANY, lonely), seek) == "/workflows"


def test_somebody_who_left_the_team_sees_it_and_may_not_use_it(seek: Client) -> None:
    former = seek.sandbox.store.add_person("Old Example", ("Practice team", "New team"))
    seek.sandbox.store.leave(former["id"], int(seek.sandbox.team))
    shown = seek.get("/people/current", token=former["token"]).json()["data"]["relationships"]["projects"]["data"]
    assert {one["id"] for one in shown} == {"1", "2"}
    assert seek.send(crate(), token=former["token"]).status_code == 422


def test_teams_that_are_not_mine_or_not_there(seek: Client) -> None:
    seek.person("Ben Example", "Other team")
    for path, accept in (("/workflows/submit", JSON), ("/workflows", ANY)):
        other = seek.send(crate(), path, accept, teams=("1", "2"))
        assert (other.status_code, said(other)[0][1]) == (422, "/data/attributes/base")
        for teams in (("999",), ("",), ("²",), ("9" * 40,)):
            unknown = seek.send(crate(), path, accept, teams=teams)
            assert (unknown.status_code, said(unknown)) == (422, [("can't be blank", "/data/relationships/projects")])
    assert seek.count() == 0


def test_somebody_elses_workflow_has_the_source(seek: Client) -> None:
    seek.send(crate())
    ben = seek.person("Ben Example", "Other team")
    same = seek.send(crate(), token=ben, teams=("2",))
    assert (same.status_code, same.json()["data"]["id"]) == (200, "101")
    assert same.json()["data"]["relationships"]["projects"]["data"][0]["id"] == "1"
    assert "policy" not in same.json()["data"]["attributes"]
    newer = seek.send(crate(version="2"), token=ben, teams=("2",))
    assert (newer.status_code, said(newer)) == (422, [("You are not authorized to edit Workflow-101", CRATE)])
    path = "/workflows/101/create_version"
    assert location(seek.send(crate(), path, ANY, ben, ("2",)), seek) == "/workflows/101"
    assert seek.send(crate(), path, LINKED, ben, ("2",)).status_code == 406
    refused = seek.send(crate(), path, JSON, ben, ("2",))
    assert (refused.status_code, refused.json()["errors"][0]["title"]) == (403, "Forbidden")
    assert seek.count() == 1


def test_a_version_of_no_workflow(seek: Client) -> None:
    page = seek.send(crate(), "/workflows/999/create_version", ANY)
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    told = seek.send(crate(), "/workflows/999/create_version", JSON)
    assert (told.status_code, told.json()["errors"][0]["title"]) == (404, "Not found")


def test_a_workflow_that_comes_from_a_repository_takes_no_crate(seek: Client) -> None:
    seek.send(crate())
    seek.sandbox.store.change("update workflows set remote = 'https://example.org/git' where id = 101")
    answer = seek.send(crate(version="2"), "/workflows/101/create_version", ANY)
    assert said(answer) == [("Cannot add RO-Crate to remote workflows.", CRATE)]
    assert seek.get("/workflows/101").json()["data"]["attributes"]["versions"][0]["remote"] == "https://example.org/git"


# The traps of forms


def test_json_is_not_what_creation_answers_in(seek: Client) -> None:
    answer = seek.send(crate(), "/workflows", JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "text/plain; charset=utf-8")
    assert "complying with JSONAPI" in answer.json()["errors"][0]["detail"]
    seek.send(crate())
    version = seek.send(crate(), "/workflows/101/create_version", JSON)
    assert (version.status_code, version.content) == (500, b"")


def test_without_fields_or_a_file(seek: Client) -> None:
    alone = seek.send(crate(), teams=())
    assert (alone.status_code, alone.content) == (500, b"")
    page = seek.send(crate(), "/workflows", ANY, teams=())
    assert (page.status_code, page.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    fields = {"workflow[project_ids][]": "1", "ro_crate": "no file"}
    nothing = seek.ask("POST", "/workflows/submit", data=fields)
    assert (nothing.status_code, nothing.content) == (500, b"")
    form = seek.ask("POST", "/workflows", ANY, data=fields)
    assert (form.status_code, said(form)[0][1]) == (422, "/data/attributes/title")


# Crates that can't be read: silence from submit, a reason from creation


def bad_zips() -> dict[str, tuple[bytes, str]]:
    good = crate()
    damaged = bytearray(good)
    damaged[good.index(b"count.sh") + 8] ^= 0xFF
    document = json.dumps(metadata()).encode()
    extracted, read = "could not be extracted", "could not be read"
    return {
        "empty": (b"", extracted),
        "no zip": (b"hello", extracted),
        "cut": (good[: len(good) // 2], extracted),
        "damaged": (bytes(damaged), extracted),
        "leads out": (zipped({**FILES, "../evil": b"", "ro-crate-metadata.json": document}), extracted),
        "absolute": (zipped({**FILES, "/etc/evil": b"", "ro-crate-metadata.json": document}), extracted),
        "no metadata": (zipped(FILES), read),
        "byte order mark": (zipped({**FILES, "ro-crate-metadata.json": b"\xef\xbb\xbf" + document}), read),
        "no JSON": (zipped({**FILES, "ro-crate-metadata.json": b"{"}), read),
        "no UTF-8": (zipped({**FILES, "ro-crate-metadata.json": b'{"@graph": ["\xff"]}'}), read),
        "deep": (zipped({**FILES, "ro-crate-metadata.json": b"[" * 200_000}), read),
        "no graph": (zipped({**FILES, "ro-crate-metadata.json": b"{}"}), read),
        "no @id": (zipped({**FILES, "ro-crate-metadata.json": b'{"@graph": [{"@type": "File"}]}'}), read),
        "missing file": (crate(files={"count.sh": b""}), read),
        "missing main": (crate(changed(metadata(), "./", mainEntity={"@id": "x.sh"}, hasPart=[]), {}), "main workflow"),
    }


@pytest.mark.parametrize("kind", sorted(bad_zips()))
def test_a_crate_that_cannot_be_read(seek: Client, kind: str) -> None:
    content, reason = bad_zips()[kind]
    answer = seek.send(content, "/workflows", ANY)
    assert (answer.status_code, said(answer)[0][1]) == (422, CRATE)
    assert reason in said(answer)[0][0]
    silent = seek.send(content)
    if kind != "missing main":
        assert (silent.status_code, silent.content) == (500, b"")
    assert seek.count() == 0


def test_absence_that_is_told(seek: Client) -> None:
    for root, words in (
        ({"mainEntity": None}, "main workflow"),
        ({"isBasedOn": None}, "source URL"),
        ({"isBasedOn": {"@id": SOURCE}}, "source URL"),
        ({"isBasedOn": [SOURCE]}, "source URL"),
        ({"isBasedOn": "urn:x"}, "source URL"),
        ({"version": None}, "version could not"),
        ({"version": ["1"]}, "version could not"),
    ):
        answer = seek.send(crate(**root))
        assert answer.status_code == 422 and said(answer)[0][1] == CRATE
        assert words in said(answer)[0][0]


def test_the_source_is_the_first_of_four(seek: Client) -> None:
    document = metadata(isBasedOn=None, url="https://example.org/b")
    entity(document, "count.sh")["url"] = "https://example.org/c"
    seek.send(crate(document))
    del entity(document, "./")["url"]
    seek.send(crate(document))
    entity(document, "./")["isBasedOn"] = "https://example.org/a"
    seek.send(crate(document))
    sources = [row["source"][-1] for row in seek.sandbox.store.all("select source from workflows order by id")]
    assert sources == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("root", "pointer"),
    [
        ({"name": None}, "title"),
        ({"name": "x" * 256}, "title"),
        ({"name": ["Count"]}, "title"),
        ({"description": "x" * 65_536}, "description"),
        ({"license": "Apache 2.0"}, "license"),
        ({"license": "https://example.org/mine"}, "license"),
    ],
)
def test_values_that_are_not_accepted(seek: Client, root: dict[str, Any], pointer: str) -> None:
    for path, accept in (("/workflows/submit", JSON), ("/workflows", ANY)):
        answer = seek.send(crate(**root), path, accept)
        assert (answer.status_code, said(answer)[0][1]) == (422, f"/data/attributes/{pointer}")


def broken() -> dict[str, dict[str, Any]]:
    document = metadata()
    language = {"@id": "#shell"}
    return {
        "of another type": changed(document, "count.sh", **{"at_type": ["File", "SoftwareSourceCode"]}),
        "license is a list": metadata(license=["MIT"]),
        "keywords are an object": metadata(keywords={"@id": "#k"}),
        "language is a list": changed(document, "count.sh", programmingLanguage=[language]),
        "language is text": changed(document, "count.sh", programmingLanguage="Shell"),
        "language is nothing": changed(document, "count.sh", programmingLanguage={"@id": "#none"}),
        "image is a list": changed(document, "count.sh", image=[language]),
        "image is nothing": changed(document, "count.sh", image={"@id": "none.png"}),
        "subject is no file": changed(document, "count.sh", subjectOf=language),
        "bad escape": changed(
            metadata(hasPart=[{"@id": "count.sh"}, {"@id": "100%.txt"}]), "#shell", **{"at_id": "100%.txt"}
        ),
    }


@pytest.mark.parametrize("kind", sorted(broken()))
def test_what_it_breaks_off_with(seek: Client, kind: str) -> None:
    content = crate(broken()[kind], {**FILES, "100%.txt": b""})
    silent = seek.send(content)
    assert (silent.status_code, silent.content) == (500, b"")
    page = seek.send(content, "/workflows", ANY)
    assert (page.status_code, page.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert seek.count() == 0


def test_an_empty_folder_that_is_listed(seek: Client) -> None:
    document = metadata()
    document["@graph"].append({"@id": "empty/", "@type": "Dataset"})
    entity(document, "./")["hasPart"].append({"@id": "empty/"})
    for inside in ({"empty/": b""}, {"empty/.gitkeep": b""}):
        content = crate(document, {**FILES, **inside})
        answer = seek.send(content)
        assert (answer.status_code, answer.json()["title"]) == (500, "RO-Crate Read Error")
        assert location(seek.send(content, "/workflows", ANY), seek) == "/workflows"
        assert seek.send(content, "/workflows", LINKED).status_code == 406
    kept = crate(document, {**FILES, "empty/read.me": b""})
    assert seek.send(kept).status_code == 200


def test_a_plus_in_the_main_workflow_is_read_as_a_blank(seek: Client) -> None:
    document = json.loads(json.dumps(metadata()).replace("count.sh", "count+all.sh"))
    content = crate(document, {"count+all.sh": b"", "data/text one.txt": b""})
    assert seek.send(content).status_code == 500
    assert "not found in crate" in said(seek.send(content, "/workflows", ANY))[0][0]


# How it is stored


def test_the_trap_of_github(seek: Client) -> None:
    for _ in range(2):
        seek.send(crate(isBasedOn="https://github.com/ada/count/tree/main"))
    assert seek.count() == 2
    ambiguous = seek.send(crate(isBasedOn="https://github.com/ada/count"))
    assert said(ambiguous) == [("2 workflows found matching the given ID.", CRATE)]


def test_a_plain_github_address_is_found_again(seek: Client) -> None:
    for _ in range(2):
        seek.send(crate(isBasedOn="https://github.com/ada/count"))
    assert seek.count() == 1


def test_a_source_in_the_form_breaks_the_matching(seek: Client) -> None:
    for _ in range(2):
        seek.send(crate(), source_link_url="https://example.org/else")
    assert seek.count() == 2


def test_the_metadata_are_written_anew(seek: Client) -> None:
    document = metadata(hasPart=[{"@id": "count.sh"}, {"@id": "nothing describes it"}])
    document["@graph"].append({"@id": "person", "@type": "Person", "name": "Contextual"})
    seek.send(crate(document, {**FILES, ".hidden": b"", "data/.gitkeep": b""}))
    back = {one["@id"] for one in seek.get("/workflows/101/ro_crate_metadata").json()["@graph"]}
    assert {"#data/", "#data/text%20one.txt", "#person", "count.sh", "#shell", "./"} <= back
    assert not {"data/", "data/text%20one.txt", "person"} & back
    names = {one["path"] for one in seek.get("/workflows/101/git/1/tree").json()["tree"]}
    assert names == {"count.sh", "data", "ro-crate-metadata.json"}


def test_what_is_taken_from_files_when_the_crate_does_not_say(seek: Client) -> None:
    license_text = (Path(__file__).parents[2] / "LICENSE").read_bytes()
    files = {**FILES, "README.md": b"# From the readme", "LICENSE": license_text}
    about = seek.send(crate(metadata(description=None, license=None), files)).json()["data"]["attributes"]
    assert (about["description"], about["license"]) == ("# From the readme", "Apache-2.0")


def test_how_people_are_read(seek: Client) -> None:
    document = metadata(author=[{"@id": "#a"}, {"@id": "#b"}, {"@id": "#c"}, {"@id": "#d"}])
    document["@graph"] += [
        {"@id": "#a", "@type": "Person", "name": "Ada Lovely Example", "affiliation": {"@id": "#c"}},
        {"@id": "#b", "@type": "Person", "identifier": "0000-0002-1825-0097"},
        {"@id": "#c", "@type": "Organization", "name": "Example Institute"},
    ]
    about = seek.send(crate(document)).json()["data"]["attributes"]
    people = [(one["given_name"], one["family_name"], one["affiliation"], one["orcid"]) for one in about["creators"]]
    assert people == [("Ada Lovely", "Example", "Example Institute", None), ("#b", None, None, None)]
    assert about["other_creators"] == "Example Institute"


@pytest.mark.parametrize(
    ("language", "key"),
    [
        ({"@id": "#x", "identifier": "https://w3id.org/cwl/v1.2/"}, "cwl"),
        ({"@id": "#x", "identifier": {"@id": "https://www.nextflow.io/"}}, "nextflow"),
        ({"@id": "#x", "alternateName": "COMPSs"}, "compss"),
        ({"@id": "#x", "name": "CWL"}, "cwl"),
        ({"@id": "#compss", "name": "COMPSs Programming Model"}, "compss"),
        ({"@id": "#x", "url": "http://compss.bsc.es/"}, "compss"),
        ({"@id": "#x", "url": "https://compss.bsc.es/"}, None),
        ({"@id": "#x", "name": "compss"}, None),
    ],
)
def test_how_the_type_is_found(seek: Client, language: dict[str, Any], key: str | None) -> None:
    document = changed(metadata(), "count.sh", programmingLanguage={"@id": language["@id"]})
    document["@graph"].append({"@type": "ComputerLanguage", **language})
    kind = seek.send(crate(document)).json()["data"]["attributes"]["workflow_class"]
    assert kind["key"] == key
    assert key is not None or kind["title"] == "Unrecognized workflow type"


def test_the_policy_of_a_new_workflow_is_that_of_its_only_team(tmp_path: Path) -> None:
    with serving(tmp_path / "sandbox", teams=("Open team", "Other team")) as seek:
        store = seek.sandbox.store
        store.add_team("Open team", default_access="download")
        for number, teams in enumerate([("2",), ("1",), ("2", "1")]):
            seek.send(crate(version=str(number)), "/workflows", ANY, teams=teams)
        store.add_team("Other team", default_access="view")
        seek.send(crate(), "/workflows", ANY, teams=("2", "3"))
        found = [row["access"] for row in store.all("select access from workflows order by id")]
    assert found == ["download", "no_access", "download", "no_access"]
