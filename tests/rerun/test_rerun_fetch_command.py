"""``wfprov fetch``: from a server to a folder whose files were checked."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Wfprov
from tests.rerun.serving import Server, serving
from tests.rerun.test_rerun_unpacking import tree
from tests.rerun.zips import plain
from tests.sandbox.client import serving as seek_serving

EVIL = "\x1b[2Jname"


@pytest.fixture(scope="module")
def packed(wfprov: Wfprov, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The zip of a crate of a real run."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "in put.txt").write_text("b\na\n")
    (folder / "ro-crate-info.yaml").write_text(
        "Workflow Information:\n  name: Sorting\n  description: Sorts lines.\n  license: Apache-2.0\n  version: '1'\n"
        "  url: https://example.org/sorting\nAuthors:\n  - name: Josiah Carberry\n"
        "    orcid: https://orcid.org/0000-0002-1825-0097\n"
    )
    wfprov("run", "--", "sort", "in put.txt", "-o", "sorted #1.txt", cwd=folder)
    wfprov("pack", "--output", "crate.zip", cwd=folder)
    return (folder / "crate.zip").read_bytes()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def test_a_published_run_comes_back_whole(wfprov: Wfprov, packed: bytes, tmp_path: Path) -> None:
    with seek_serving(tmp_path / "seek") as seek:
        seek.send(packed)
        seek.patch(101, {"policy": {"access": "download", "permissions": []}})
        address = seek.sandbox.address
        done = wfprov("fetch", "workflowhub:101.1", "--from", address, cwd=tmp_path)
        told = json.loads(
            wfprov(
                "fetch", f"{address}/workflows/101", "--to", "x y/z", "--json", cwd=tmp_path, env={"COLUMNS": "40"}
            ).stdout
        )
    assert "workflow-101-1" in done.stdout
    assert "Sorting" in done.stdout
    assert "Josiah Carberry" in done.stdout
    assert f"{address}/workflows/101?version=1" in done.stdout
    assert "SHA-256 agrees" in done.stdout
    assert told["crate"] == "x y/z"
    assert told["agrees"] is True
    assert told["origin"]["url"] == f"{address}/workflows/101?version=1"
    assert told["authors"] == ["Josiah Carberry"]
    assert {check["agreement"] for check in told["checks"]} == {"SHA-256 agrees"}
    assert tree(tmp_path / "x y" / "z") == tree(tmp_path / "workflow-101-1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seek", "workflow-101-1", "x y"]


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_file_that_is_not_what_was_recorded_is_told(wfprov: Wfprov, packed: bytes, tmp_path: Path, harm: str) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    harmed = next(name for name in files if name.endswith("in put.txt"))
    if harm == "changed":
        files[harmed] = b"b\nc\n"
    else:
        del files[harmed]
    (tmp_path / "harmed.zip").write_bytes(plain(files.items()))
    done = wfprov("fetch", "harmed.zip", cwd=tmp_path, status=1)
    assert "in%20put.txt" in done.stdout or "in put.txt" in done.stdout
    assert ("differs" if harm == "changed" else "missing") in done.stdout
    assert (tmp_path / "harmed" / "ro-crate-metadata.json").is_file()


def test_zenodo_elsewhere_and_nothing_commands_the_terminal(
    wfprov: Wfprov, packed: bytes, server: Server, tmp_path: Path
) -> None:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    document = json.loads(files["ro-crate-metadata.json"])
    root = next(entity for entity in document["@graph"] if entity["@id"] == "./")
    root["name"] = EVIL
    files["ro-crate-metadata.json"] = json.dumps(document).encode()
    content = plain(files.items())
    listed = {"key": f"{EVIL}.zip", "size": len(content), "checksum": "md5:" + hashlib.md5(content).hexdigest()}
    url = server.put("/file", content)
    told = {"id": 12, "doi": "10.5281/zenodo.12", "files": [{**listed, "links": {"self": url}}]}
    server.put("/api/records/12", json.dumps(told).encode(), kind="application/json")
    done = wfprov("fetch", "10.5281/zenodo.12", cwd=tmp_path, env={"WFPROV_ZENODO_URL": server.address})
    assert "\\x1b[2Jname" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert (tmp_path / "zenodo-12").is_dir()
    told["files"] = [{**listed, "key": f"{EVIL}{n}.zip"} for n in range(2)]
    server.put("/api/records/12", json.dumps(told).encode(), kind="application/json")
    done = wfprov("fetch", "10.5281/zenodo.12", cwd=tmp_path, env={"WFPROV_ZENODO_URL": server.address}, status=2)
    assert "\x1b" not in done.stderr


def test_exit_statuses(wfprov: Wfprov, packed: bytes, server: Server, tmp_path: Path) -> None:
    url = server.put("/a.zip", packed)
    for status, *arguments in (
        (2, "nothing here"),
        (2, url, "--to", "."),
        (3, url, "--max-size", "1000"),
        (3, url, "--max-files", "2"),
        (4, server.put("/secret.zip", status=403)),
        (5, server.address + "/none.zip"),
    ):
        done = wfprov("fetch", *arguments, cwd=tmp_path, status=status)
        assert "Traceback" not in done.stderr
        (tmp_path / "keep").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]


def test_the_working_folder_does_not_become_the_crate(wfprov: Wfprov, packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(packed)
    (tmp_path / "empty").mkdir()
    done = wfprov("fetch", "../a.zip", "--to", ".", cwd=tmp_path / "empty", status=2)
    assert "working folder" in done.stderr
    wfprov("fetch", "../a.zip", "--to", "./new/", cwd=tmp_path / "empty")
    assert (tmp_path / "empty" / "new" / "ro-crate-metadata.json").is_file()
