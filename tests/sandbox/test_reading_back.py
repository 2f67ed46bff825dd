"""What the sandbox tells: accounts, lists, files as in git, crates, TRS, and in which form."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.publish.crates import changed, metadata
from tests.sandbox.client import ANY, FILES, JSON, LINKED, Client, crate, serving

OPEN = {"policy": {"access": "download", "permissions": []}}
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture
def there(seek: Client) -> Client:
    """A sandbox with a private workflow of two versions."""
    assert seek.send(crate()).status_code == 200
    assert seek.send(crate(version="2.0", name="Count more words")).status_code == 200
    return seek


def test_who_am_i(seek: Client) -> None:
    data = seek.get("/people/current").json()["data"]
    assert (data["id"], data["attributes"]["first_name"], data["attributes"]["last_name"]) == ("1", "Ada", "Example")
    assert data["relationships"]["projects"]["data"] == [{"id": "1", "type": "projects"}]
    for token in (None, "wrong"):
        nobody = seek.get("/people/current", token=token)
        assert (nobody.status_code, nobody.json()) == (404, {"errors": [{"title": "No user logged in"}]})


def test_lists_are_skeletons_and_whole_unless_a_page_is_asked_for(there: Client) -> None:
    for number in range(3, 12):
        there.send(crate(version=str(number)), "/workflows", ANY)
    whole = there.get("/workflows").json()
    assert len(whole["data"]) == 10
    assert set(whole["data"][0]) == {"id", "type", "attributes", "links"}
    assert whole["data"][0]["attributes"] == {"title": "Count more words"}
    page = there.get("/workflows?page=2&per_page=4").json()
    assert [one["id"] for one in page["data"]] == ["105", "106", "107", "108"]
    assert page["links"]["prev"] and page["links"]["next"]


def test_lists_of_people_teams_and_their_workflows(there: Client) -> None:
    there.person("Ben Example", "Other team")
    assert [one["attributes"]["title"] for one in there.get("/people").json()["data"]] == ["Ada Example", "Ben Example"]
    assert [one["id"] for one in there.get("/projects").json()["data"]] == ["1", "2"]
    assert there.get("/projects/1").json()["data"]["attributes"]["title"] == "Practice team"
    assert there.get("/projects/1").json()["data"]["relationships"]["workflows"]["data"][0]["id"] == "101"
    assert [one["id"] for one in there.get("/projects/1/workflows").json()["data"]] == ["101"]
    assert there.get("/projects/1/workflows", token=None).json()["data"] == []
    assert there.get("/people/2").json()["data"]["attributes"]["title"] == "Ben Example"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("filter[query]=MORE+words", True),
        ("filter[query]=fewer", False),
        ("filter[project]=1&filter[workflow_type]=shell", True),
        ("filter[project]=2", False),
        ("filter[workflow_type]=compss", False),
    ],
)
def test_filters(there: Client, query: str, found: bool) -> None:
    assert bool(there.get(f"/workflows?{query}").json()["data"]) is found


def test_search(there: Client) -> None:
    assert [one["id"] for one in there.get("/search?q=count&search_type=workflows").json()["data"]] == ["101"]
    assert there.get("/search?q=count&search_type=models").json()["data"] == []
    assert there.get("/search?q=count", token=None).json()["data"] == []


def test_each_version_is_described(there: Client) -> None:
    latest, first = (there.get(f"/workflows/101{query}").json()["data"] for query in ("", "?version=1"))
    assert (latest["attributes"]["version"], first["attributes"]["version"]) == (2, 1)
    assert (latest["attributes"]["title"], first["attributes"]["title"]) == ("Count more words", "Count words")
    assert [one["version"] for one in first["attributes"]["versions"]] == [1, 2]
    assert first["relationships"]["submitter"]["data"] == [{"id": "1", "type": "people"}]


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/workflows/999", "/workflows/101?version=9", "/projects/9", "/people/9", "/workflows/9/ro_crate"],
)
def test_what_is_not_there(there: Client, path: str) -> None:
    told = there.get(path)
    assert (told.status_code, told.json()["errors"][0]["title"]) == (404, "Not found")
    assert there.ask("HEAD", path).status_code == 404
    page = there.get(path, BROWSER)
    if "ro_crate" not in path:
        assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")


def test_a_head_is_a_get_without_a_body(there: Client) -> None:
    answer = there.ask("HEAD", "/workflows/101")
    assert (answer.status_code, answer.content) == (200, b"")
    assert there.ask("DELETE", "/workflows/101").status_code == 404


def test_what_is_private_is_forbidden(there: Client) -> None:
    for path in ("/workflows/101", "/workflows/101/ro_crate", "/workflows/101/ro_crate_metadata"):
        answer = there.get(path, token=None)
        assert (answer.status_code, answer.json()["errors"][0]["title"]) == (403, "Forbidden")
    for path in ("/workflows/101/git/1/tree", "/workflows/101/git/1/blob/count.sh"):
        answer = there.get(path, token=None)
        assert answer.status_code == 403 and "error" in answer.json()
    assert there.get("/ga4gh/trs/v2/tools/101", token=None).json()["code"] == 404


def test_what_may_be_seen_may_not_be_downloaded(there: Client) -> None:
    there.patch(101, {"policy": {"access": "view", "permissions": []}})
    assert there.get("/workflows/101", token=None).status_code == 200
    assert there.get("/workflows/101/ro_crate", token=None).status_code == 403
    there.patch(101, OPEN)
    assert there.get("/workflows/101/ro_crate", token=None).status_code == 200


@pytest.mark.parametrize(("version", "name"), [(1, "Count words"), (2, "Count more words"), (None, "Count more words")])
def test_the_crate_comes_back(there: Client, version: int | None, name: str) -> None:
    answer = there.get("/workflows/101/ro_crate" + (f"?version={version}" if version else ""))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip")
    assert f"workflow-101-{version or 2}.crate.zip" in answer.headers["Content-Disposition"]
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        back = {one: archive.read(one) for one in archive.namelist()}
    assert {one: back[one] for one in FILES} == FILES
    graph = json.loads(back["ro-crate-metadata.json"])["@graph"]
    assert next(one for one in graph if one["@id"] == "./")["name"] == name


def test_a_zip_of_any_kind_comes_back(seek: Client) -> None:
    names = {**FILES, "ünï/中 file.bin": bytes(range(256)) * 999, "empty": b"", "big": b"\0" * 3_000_000}
    made = io.BytesIO()
    kinds = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("top/ro-crate-metadata.json", json.dumps(metadata()))
        for number, (name, content) in enumerate(list(names.items())):
            with archive.open(f"top/{name}", "w", force_zip64=bool(number % 2)) as target:
                target.write(content)
            for kind in kinds:
                names[f"{kind}/{name}"] = content
                archive.writestr(f"top/{kind}/{name}", content, kind)
    assert seek.send(made.getvalue()).status_code == 200
    with zipfile.ZipFile(io.BytesIO(seek.get("/workflows/101/ro_crate").content)) as back:
        assert back.testzip() is None
        assert {name: back.read(name) for name in back.namelist() if not name.endswith(".json")} == names


def test_a_missing_crate_leads_home_unless_json_is_wanted(there: Client) -> None:
    for path, token in (("/workflows/999/ro_crate", ""), ("/workflows/101/ro_crate", None)):
        answer = there.get(path, ANY, token)
        assert (answer.status_code, answer.headers["Location"]) == (302, there.sandbox.address + "/")


def test_metadata_alone(there: Client) -> None:
    answer = there.get("/workflows/101/ro_crate_metadata?version=1")
    assert answer.headers["Content-Type"].startswith("application/json")
    assert {"@context", "@graph"} == set(answer.json())


def test_files_as_in_git(there: Client) -> None:
    tree = there.get("/workflows/101/git/1/tree").json()
    assert [(one["name"], one["type"], one["mode"]) for one in tree["tree"]] == [
        ("count.sh", "blob", "100644"),
        ("data", "tree", "040000"),
        ("ro-crate-metadata.json", "blob", "100644"),
    ]
    inner = there.get("/workflows/101/git/1/tree/data").json()
    assert (inner["path"], [one["path"] for one in inner["tree"]]) == ("data", ["data/text one.txt"])
    blob = there.get("/workflows/101/git/1/blob/count.sh").json()
    content = FILES["count.sh"]
    assert base64.b64decode(blob["content"]) == content
    assert blob["id"] == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    assert (blob["size"], blob["binary"], blob["annotations"][0]["key"]) == (len(content), False, "main_workflow")
    shown = there.get("/workflows/101/git/1/blob/ro-crate-metadata.json").json()
    assert json.loads(base64.b64decode(shown["content"]))["@graph"]
    file = there.get("/workflows/101/git/1/download/data/text%20one.txt", ANY)
    assert (file.content, file.headers["Content-Type"]) == (b"one two three\n", "application/octet-stream")


@pytest.mark.parametrize("path", ["tree/none", "blob/none", "download/none", "blob/data", "tree/../../etc"])
def test_files_that_are_not_there(there: Client, path: str) -> None:
    assert there.get(f"/workflows/101/git/1/{path}").status_code == 404
    assert there.get(f"/workflows/101/git/9/{path}").status_code == 404


def test_classes_are_told_in_linked_data_or_html_only(seek: Client) -> None:
    linked = seek.get("/workflow_classes", LINKED)
    assert linked.headers["Content-Type"].startswith("application/ld+json")
    assert {"@id": "#compss", "name": "COMPSs", "url": "http://compss.bsc.es/"} in linked.json()
    assert seek.get("/workflow_classes", JSON).status_code == 406
    assert seek.get("/workflow_classes", BROWSER).status_code == 200


# TRS


def trs(seek: Client, path: str) -> Any:
    answer = seek.get(f"/ga4gh/trs/v2{path}")
    assert answer.headers["Content-Type"].startswith("application/json")
    return answer.json()


def test_trs_alone_tells_the_names_of_versions(there: Client) -> None:
    versions = trs(there, "/tools/101/versions")
    assert [(one["id"], one["name"]) for one in versions] == [("1", "1.0"), ("2", "2.0")]
    assert trs(there, "/tools/101/versions/2") == versions[1]
    assert trs(there, "/tools/101")["versions"] == versions
    assert [one["id"] for one in trs(there, "/tools")] == ["101"]
    assert trs(there, "/service-info")["type"]["artifact"] == "TRS"
    for path in ("/tools/9", "/tools/9/versions", "/tools/101/versions/9", "/tools/101/versions/1/containerfile"):
        assert trs(there, path)["code"] == 404


def test_trs_tells_no_files_of_compss(seek: Client) -> None:
    document = changed(metadata(), "count.sh", programmingLanguage={"@id": "#compss"})
    document["@graph"].append({"@id": "#compss", "@type": "ComputerLanguage", "name": "COMPSs"})
    seek.send(crate(document))
    for kind in ("CWL", "COMPSS", "compss"):
        for what in ("files", "descriptor", "descriptor/count.sh", "tests"):
            answer = seek.get(f"/ga4gh/trs/v2/tools/101/versions/1/{kind}/{what}")
            assert (answer.status_code, answer.json()["code"]) == (404, 404)


def test_trs_tells_the_files_of_cwl_and_always_the_latest_descriptor(seek: Client) -> None:
    document = changed(metadata(), "#shell", name="CWL")
    seek.send(crate(document))
    seek.send(
        crate({**document, "@graph": changed(document, "./", version="2")["@graph"]}, {**FILES, "count.sh": b"2"})
    )
    base = "/tools/101/versions/1/CWL"
    assert {"path": "count.sh", "file_type": "PRIMARY_DESCRIPTOR"} in trs(seek, f"{base}/files")
    assert trs(seek, f"{base}/descriptor")["content"] == "2"
    assert trs(seek, f"{base}/descriptor/count.sh")["content"] == "2"
    assert trs(seek, f"{base}/tests") == []
    zipped = seek.get(f"/ga4gh/trs/v2{base}/files?format=zip")
    with zipfile.ZipFile(io.BytesIO(zipped.content)) as archive:
        assert archive.read("count.sh") == FILES["count.sh"]


def test_every_described_answer_was_given(tmp_path: Path) -> None:
    """The schemas would show nothing if no answer met them."""
    with serving(tmp_path / "sandbox") as seek:
        seek.send(crate())
        seek.patch(101, {"tags": ["x"]})
        for path in ("", "/ro_crate_metadata", "/git/1/tree/data", "/git/1/blob/count.sh"):
            seek.get(f"/workflows/101{path}")
        for path in ("/workflows", "/people", "/people/1", "/people/current", "/projects", "/projects/1", "/search"):
            seek.get(path)
        given = {call for call, status in seek.described.seen if status == "200"}
    assert given == {
        "POST /workflows/submit",
        "PATCH /workflows/{id}",
        "GET /workflows/{id}",
        "GET /workflows/{id}/ro_crate_metadata",
        "GET /workflows/{id}/git/{version}/tree/{path}",
        "GET /workflows/{id}/git/{version}/blob/{path}",
        "GET /workflows",
        "GET /people",
        "GET /people/{id}",
        "GET /people/current",
        "GET /projects",
        "GET /projects/{id}",
        "GET /search",
    }
