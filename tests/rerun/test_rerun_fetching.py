"""Fetching crates from where they are: a SEEK server, Zenodo, a DOI, a page, files; and the command for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import CrateError, NetworkError, RefusedError, ServerError, UsageError
from provenance.rerun.fetching import fetch
from provenance.rerun.records import Fetched
from provenance.rerun.sources import Registries
from provenance.rerun.unpacking import Limits
from tests.rerun.serving import Server, serving
from tests.rerun.test_rerun_unpacking import tree
from tests.rerun.zips import METADATA, Raw, made, plain
from tests.sandbox.client import Client, crate
from tests.sandbox.client import serving as seek_serving

ZIP = plain([("ro-crate-metadata.json", METADATA), ("data/a b.txt", b"one")])
FILES = {"ro-crate-metadata.json": METADATA, "data/a b.txt": b"one"}
MD5 = "md5:" + hashlib.md5(ZIP).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def seek(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A SEEK server with a public workflow (101, in two versions) and a private one (102)."""
    with seek_serving(tmp_path_factory.mktemp("seek")) as client:
        for version in ("1", "2"):
            client.send(crate(version=version, isBasedOn="https://example.org/public"))
        client.patch(101, {"policy": {"access": "download", "permissions": []}})
        client.send(crate(isBasedOn="https://example.org/private"))
        yield client


class Talked:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def progress(self, what: str, done: int, total: int | None) -> None:
        pass


class Fetch:
    """Fetches to a folder beside which nothing else may be left."""

    def __init__(self, folder: Path, registries: Registries):
        self.target = folder / "to" / "crate"
        self.registries = registries
        self.talk = Talked()

    def __call__(self, source: str, server: str | None = None, **more: Any) -> Fetched:
        more = {"registries": self.registries, **more}
        try:
            return fetch(source, self.target, server, self.talk, **more)
        finally:
            beside = self.target.parent
            assert not beside.exists() or {path.name for path in beside.iterdir()} <= {"crate"}

    def files(self) -> dict[str, bytes]:
        return tree(self.target)

    def clear(self) -> None:
        shutil.rmtree(self.target)


@pytest.fixture
def get(tmp_path: Path, server: Server) -> Fetch:
    return Fetch(tmp_path, Registries(zenodo=server.address, doi=server.address + "/resolve"))


def test_a_version_of_a_workflow(seek: Client, get: Fetch) -> None:
    address = seek.sandbox.address
    got = get("workflowhub:101.1", address)
    assert got.crate == get.target
    assert got.origin.kind == "workflowhub"
    assert got.origin.url == got.origin.identifier == f"{address}/workflows/101?version=1"
    assert json.loads(get.files()["ro-crate-metadata.json"])["@graph"]
    assert get.files()["data/text one.txt"] == b"one two three\n"


@pytest.mark.parametrize(
    ("written", "version"),
    [
        ("workflowhub:101", 2),
        ("{address}/workflows/101", 2),
        ("{address}/workflows/101?version=1", 1),
        ("10.48546/workflowhub.workflow.101.1", 1),
        ("https://doi.org/10.48546/workflowhub.workflow.101", 2),
    ],
)
def test_the_version_that_came_is_told(seek: Client, get: Fetch, written: str, version: int) -> None:
    got = get(written.format(address=seek.sandbox.address), seek.sandbox.address)
    assert got.origin.url == f"{seek.sandbox.address}/workflows/101?version={version}"
    assert got.origin.given == written.format(address=seek.sandbox.address)


def test_what_a_seek_server_does_not_give(seek: Client, get: Fetch, server: Server) -> None:
    address = seek.sandbox.address
    with pytest.raises(ServerError, match=r"no version 7, only 1, 2|no version 7, only 2, 1"):
        get("workflowhub:101.7", address)
    with pytest.raises(ServerError, match="no workflow 99"):
        get("workflowhub:99", address)
    with pytest.raises(RefusedError, match=f"wfprov login --to {address}"):
        get("workflowhub:102", address)
    with pytest.raises(ServerError, match="no workflow 1"):
        get("workflowhub:1", server.address)
    server.put("/workflows/1", b"<html>Welcome to our network", kind="text/html")
    with pytest.raises(ServerError, match="as a SEEK server does"):
        get("workflowhub:1", server.address)


def test_a_token_opens_what_is_private_where_the_user_named_the_server(seek: Client, get: Fetch) -> None:
    address = seek.sandbox.address
    asked: list[str] = []

    def token(server: str) -> str:
        asked.append(server)
        return seek.sandbox.token

    get.registries = Registries(token=token)
    with pytest.raises(RefusedError):
        get(f"{address}/workflows/102")
    assert asked == []
    assert get("workflowhub:102", address).crate == get.target
    assert asked == [address]


def record(server: Server, number: int, files: dict[str, bytes], **more: Any) -> None:
    """What Zenodo's API says of a record, and its files."""
    listed = []
    for name, content in files.items():
        url = server.put(f"/api/records/{number}/files/{name}/content".replace(" ", "%20"), content)
        digest = "md5:" + hashlib.md5(content).hexdigest()
        listed.append({"key": name, "size": len(content), "checksum": digest, "links": {"self": url}})
    told = {"id": number, "doi": f"10.5281/zenodo.{number}", "files": listed, **more}
    server.put(f"/api/records/{number}", json.dumps(told).encode(), kind="application/json")


def test_the_crate_of_a_zenodo_record(server: Server, get: Fetch) -> None:
    record(server, 12, {"paper.pdf": b"%PDF", "a b.crate.zip": ZIP, "more.zip": b"PK"})
    got = get("10.5281/zenodo.12")
    assert get.files() == FILES
    assert (got.origin.kind, got.origin.url) == ("zenodo", server.address + "/records/12")
    assert got.origin.identifier == "https://doi.org/10.5281/zenodo.12"
    assert got.origin.sha256 == hashlib.sha256(ZIP).hexdigest()
    assert "MD5 agrees" in " ".join(get.talk.said)


def test_the_doi_of_all_versions_leads_to_the_latest(server: Server, get: Fetch) -> None:
    server.put("/api/records/11", status=302, headers={"Location": "/api/records/12"})
    record(server, 12, {"a.zip": ZIP})
    assert get("doi:10.5281/zenodo.11").origin.url == server.address + "/records/12"
    assert "12 is the latest" in " ".join(get.talk.said)


def test_nothing_is_guessed_among_the_files_of_a_record(server: Server, get: Fetch) -> None:
    record(server, 12, {"a.zip": ZIP, "b.zip": ZIP, "c d.zip": ZIP})
    with pytest.raises(UsageError, match=r"'a.zip', 'b.zip', 'c d.zip'.*records/12/files/a.zip"):
        get("10.5281/zenodo.12")
    got = get(f"{server.address}/records/12/files/c%20d.zip?download=1")
    assert got.origin.url == server.address + "/records/12"
    get.clear()
    record(server, 13, {"paper.pdf": b"%PDF"})
    with pytest.raises(CrateError, match=r"no zip, only 'paper.pdf'"):
        get("10.5281/zenodo.13")
    with pytest.raises(ServerError, match="no record 14"):
        get("10.5281/zenodo.14")
    record(server, 15, {})
    with pytest.raises(RefusedError, match="restricted"):
        get("10.5281/zenodo.15")


def test_a_record_can_be_a_crate_file_by_file(server: Server, get: Fetch) -> None:
    record(server, 12, {"ro-crate-metadata.json": METADATA, "a.txt": b"one"})
    get("10.5281/zenodo.12")
    assert get.files() == {"ro-crate-metadata.json": METADATA, "a.txt": b"one"}
    record(server, 13, {"ro-crate-metadata.json": METADATA, "../evil": b"one"})
    get.clear()
    with pytest.raises(CrateError, match="outside"):
        get("10.5281/zenodo.13")


def test_a_damaged_file_of_a_record_is_not_taken(server: Server, get: Fetch) -> None:
    record(server, 12, {"a.zip": ZIP})
    server.files["/api/records/12/files/a.zip/content"].content = ZIP[:-1] + b"\1"
    with pytest.raises(ServerError, match="MD5"):
        get("10.5281/zenodo.12")


def test_any_other_doi_is_followed(server: Server, seek: Client, get: Fetch) -> None:
    server.put("/resolve/10.1234/a", status=302, headers={"Location": "/crates/a.zip"})
    server.put("/crates/a.zip", ZIP, kind="application/zip")
    got = get("doi:10.1234/a")
    assert get.files() == FILES
    assert (got.origin.kind, got.origin.identifier) == ("doi", "https://doi.org/10.1234/a")
    assert got.origin.url == server.address + "/crates/a.zip"
    get.clear()
    server.put(
        "/resolve/10.1234/b", status=302, headers={"Location": f"{seek.sandbox.address}/workflows/101?version=1"}
    )
    got = get("https://doi.org/10.1234/b")
    assert got.origin.url == f"{seek.sandbox.address}/workflows/101?version=1"
    assert got.origin.identifier == "https://doi.org/10.1234/b"
    with pytest.raises(ServerError, match="no such DOI"):
        fetch("10.1234/none", get.target.parent / "other", registries=get.registries)


def test_an_address_of_a_zip(server: Server, get: Fetch) -> None:
    url = server.put("/d/a%20b.zip?x=1", ZIP, kind="application/octet-stream")
    got = get(url)
    assert get.files() == FILES
    assert (got.origin.url, got.origin.size) == (url, len(ZIP))


def test_an_address_that_is_no_crate(server: Server, get: Fetch) -> None:
    with pytest.raises(ServerError, match="not there"):
        get(server.address + "/nothing.zip")
    with pytest.raises(CrateError, match="is no zip but a file of the type image/png"):
        get(server.put("/a.png", b"\x89PNG", kind="image/png"))
    with pytest.raises(CrateError, match="tells of no crate"):
        get(server.put("/page/", b"<html>hello", kind="text/html"))
    with pytest.raises(UsageError, match="more than one zip"):
        links = '</a.zip>; rel="item"; type="application/zip", </b.zip>; rel="item"; type="application/zip"'
        get(server.put("/two", b"<html>", kind="text/html", headers={"Link": links}))
    with pytest.raises(CrateError, match=r"'\.\.'"):
        get(server.put("/evil.zip", made(Raw("../evil", b"x"))))
    assert not get.target.exists()


def test_a_page_that_tells_of_its_zip(server: Server, get: Fetch) -> None:
    server.put("/files/a.zip", ZIP)
    page = b'<html><head><link rel="item" type="application/zip" href="/files/a.zip"></head>'
    got = get(server.put("/about", page, kind="text/html; charset=utf-8"))
    assert got.origin.url == server.address + "/files/a.zip"
    assert get.files() == FILES


def test_a_crate_that_is_spread_out_on_a_server(server: Server, get: Fetch) -> None:
    names = ["a b.txt", "d/ü#.txt", "gone.txt"]
    ids = [
        "a%20b.txt",
        "./d/ü%23.txt",
        "gone.txt",
        "../outside",
        "//evil.example/x",
        "file:///etc/passwd",
        "#x",
        "/abs",
    ]
    document = json.loads(METADATA)
    document["@graph"] += [{"@id": one, "@type": "File"} for one in ids] + [{"@id": "empty/", "@type": "Dataset"}]
    content = json.dumps(document).encode()
    server.put("/site/", b"<html>", kind="text/html")
    server.put("/site/ro-crate-metadata.json", content, kind="application/json")
    server.put("/site/a%20b.txt", b"1")
    server.put("/site/d/%C3%BC%23.txt", b"2")
    got = get(server.address + "/site/")
    assert got.origin.url == server.address + "/site/ro-crate-metadata.json"
    assert get.files() == {"ro-crate-metadata.json": content, names[0]: b"1", names[1]: b"2"}
    assert (get.target / "empty").is_dir()
    assert "1 of 3 files" in " ".join(get.talk.said)
    assert not {path for path in server.paths() if "outside" in path or "passwd" in path or "abs" in path}


def test_folders_and_zips_are_not_written_to(tmp_path: Path, get: Fetch) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "ro-crate-metadata.json").write_bytes(METADATA)
    assert get(str(folder)).crate == folder
    assert get(str(folder / "ro-crate-metadata.json")).crate == folder
    assert not get.target.parent.exists()
    archive = tmp_path / "a.zip"
    archive.write_bytes(ZIP)
    got = get(str(archive))
    assert (got.crate, got.origin.kind, got.origin.sha256) == (get.target, "zip", hashlib.sha256(ZIP).hexdigest())
    assert archive.read_bytes() == ZIP
    with pytest.raises(UsageError, match="not empty"):
        get(str(archive))
    (folder / "ro-crate-metadata.json").unlink()
    with pytest.raises(CrateError, match="nothing"):
        get(str(folder))


def test_a_download_goes_on_in_the_next_call(server: Server, tmp_path: Path) -> None:
    big = plain([("ro-crate-metadata.json", METADATA), ("a", bytes(range(256)) * 4000)], 0)
    url = server.put("/a.zip", big, etag='"1"', breaks=[10, 500_000, 0, 0, 0, 0, 0])
    target = tmp_path / "crate"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(NetworkError):
        patch.setattr("time.sleep", lambda _: None)
        fetch(url, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".crate.zip.part", ".crate.zip.part.json"]
    server.asked.clear()
    server.files["/a.zip"].breaks.clear()
    fetch(url, target, limits=Limits())
    assert len(tree(target)["a"]) == 1_024_000
    assert any(headers["Range"] not in (None, "bytes=0-") for _, headers in server.asked)
    assert [path.name for path in tmp_path.iterdir()] == ["crate"]
