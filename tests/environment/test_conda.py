"""Conda environments: installed and built again by the library that pixi uses, from real records and archives."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provenance.environment import Used, conda, conda_meta, describe

rattler = pytest.importorskip("rattler", reason="py-rattler is not installed")

PROGRAM = '#!/bin/sh\ncat "$(dirname "$0")/../share/tone/tone.txt"\n'
PACKAGES: dict[str, tuple[str, list[str], dict[str, str]]] = {
    "tone": ("1.2", [], {"share/tone/tone.txt": "a tone\n"}),
    # Sorts before what it depends on.
    "sayer": ("0.3", ["tone >=1"], {"bin/say": PROGRAM, "share/ümlaut file.txt": "x"}),
}


def archive(folder: Path, name: str) -> Path:
    """Write a conda package of the older format: a tar file with metadata below ``info/``."""
    version, depends, files = PACKAGES[name]
    index = {"name": name, "version": version, "build": "h0_0", "build_number": 0, "subdir": "linux-64",
             "arch": "x86_64", "platform": "linux", "depends": depends, "license": "MIT"}  # fmt: skip
    paths = [{"_path": path, "path_type": "hardlink", "size_in_bytes": len(text.encode()),
              "sha256": hashlib.sha256(text.encode()).hexdigest()} for path, text in files.items()]  # fmt: skip
    content = {
        "info/index.json": json.dumps(index),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
        "info/files": "".join(f"{path}\n" for path in files),
        **files,
    }
    target = folder / f"{name}-{version}-h0_0.tar.bz2"
    with tarfile.open(target, "w:bz2") as tar:
        for path, text in content.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text.encode()), 0o755 if path.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return target


@dataclass(frozen=True)
class Lab:
    """A channel on loopback that lets in who has a token, and everybody else as well."""

    folder: Path
    url: str

    def install(self, records: list[Any], prefix: Path) -> None:
        # Nothing that the machine is set up with may take part.
        cache = self.folder / f"cache for {prefix.name}"
        asyncio.run(rattler.install(records, prefix, cache_dir=cache, show_progress=False))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    channel = tmp_path / "served" / "lab" / "linux-64"
    channel.mkdir(parents=True)

    class Handler(SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            return super().translate_path(path.replace("/t/tk-hunter2-abcdef", ""))

        def log_message(self, *arguments: Any) -> None:
            pass

    handler = partial(Handler, directory=str(tmp_path / "served"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Lab(tmp_path, f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def index(channel: Path) -> None:
    """Write the index of a channel, as the servers of channels have it."""
    packages = {}
    for name, (version, depends, _) in PACKAGES.items():
        content = archive(channel / "linux-64", name).read_bytes()
        packages[f"{name}-{version}-h0_0.tar.bz2"] = {
            "name": name, "version": version, "build": "h0_0", "build_number": 0, "depends": depends, "license": "MIT",
            "subdir": "linux-64", "timestamp": 1_600_000_000_000, "size": len(content),
            "md5": hashlib.md5(content).hexdigest(), "sha256": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip
    (channel / "noarch").mkdir()
    for subdir, listed in (("linux-64", packages), ("noarch", {})):
        content_of = {"info": {"subdir": subdir}, "packages": listed, "packages.conda": {}, "repodata_version": 1}
        (channel / subdir / "repodata.json").write_text(json.dumps(content_of))


def solve(lab: Lab, channels: list[str], specs: list[str]) -> list[Any]:
    gateway = rattler.Gateway(cache_dir=lab.folder / "cache of indexes")
    sources = [rattler.Channel(url) for url in channels]
    return asyncio.run(
        rattler.solve(
            sources, [rattler.MatchSpec(each) for each in specs], gateway=gateway, platforms=["linux-64", "noarch"]
        )
    )


@pytest.fixture
def prefix(lab: Lab) -> Path:
    index(lab.folder / "served" / "lab")
    prefix = lab.folder / "cönda env"
    lab.install(solve(lab, [f"{lab.url}/t/tk-hunter2-abcdef/lab"], ["sayer"]), prefix)
    return prefix


def examined(used: Used, recorded: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"gaps": []}
    for section, data in conda.examine(used, recorded):
        json.dumps(data)
        if section == "gap":
            found["gaps"].append(data)
        else:
            found.setdefault(section, {}).update(data)
    return found


def used_by_run(prefix: Path, run_folder: Path, files: tuple[str, ...] = ()) -> Used:
    return Used((str(prefix / "bin" / "say"),), (), files, (), (str(run_folder),), run_folder)


def test_an_environment_is_built_again_from_the_explicit_list(lab: Lab, prefix: Path) -> None:
    output = subprocess.run([prefix / "bin" / "say"], capture_output=True, check=True).stdout
    before = conda_meta.names([str(prefix)])[str(prefix)]
    assert before == ["sayer-0.3-h0_0", "tone-1.2-h0_0"]
    found = examined(used_by_run(prefix, lab.folder), {"conda": {str(prefix): before}})
    assert found["gaps"] == []
    sayer, tone = found["software"]["conda:sayer"], found["software"]["conda:tone"]
    assert (sayer["version"], sayer["is_used"], tone["is_used"]) == ("0.3", True, False)
    assert sayer["purl"] == "pkg:conda/sayer@0.3?build=h0_0&channel=lab&subdir=linux-64&type=tar.bz2"
    assert found["owners"] == {str(prefix / "bin" / "say"): "conda:sayer"}
    assert "hunter2" not in json.dumps(found)
    explicit = found["files"]["conda-explicit.txt"]["text"]
    lines = explicit.splitlines()
    assert [line.rpartition("/")[2].partition("-")[0] for line in lines if line.startswith("http")] == ["tone", "sayer"]
    shutil.rmtree(prefix)

    # As micromamba does: fetch each archive of the list, compare its checksum, install.
    from rattler.explicit_environment import ExplicitEnvironmentSpec

    spec = ExplicitEnvironmentSpec.from_str(explicit)
    assert str(spec.platform) == "linux-64"
    records = []
    for entry in spec.packages:
        url, _, digest = entry.url.partition("#")
        with urlopen(url) as answer:
            content = answer.read()
        assert digest in (hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())
        path = lab.folder / url.rpartition("/")[2]
        path.write_bytes(content)
        records.append(asyncio.run(rattler.RepoDataRecord.from_package_archive(path)))
    again = lab.folder / "again"
    lab.install(records, again)
    assert conda_meta.names([str(again)])[str(again)] == before
    assert subprocess.run([again / "bin" / "say"], capture_output=True, check=True).stdout == output

    environment = yaml.safe_load(found["files"]["conda-environment.yml"]["text"])
    assert environment == {
        "name": "cönda env",
        "channels": [f"{lab.url}/lab", "nodefaults"],
        "dependencies": ["sayer=0.3=h0_0", "tone=1.2=h0_0"],
    }
    for dependency in environment["dependencies"]:
        assert rattler.MatchSpec(dependency).name is not None


def test_the_environment_file_solves(lab: Lab, prefix: Path) -> None:
    """The channel of the file, indexed, gives the same packages."""
    environment = yaml.safe_load(
        examined(used_by_run(prefix, lab.folder), {})["files"]["conda-environment.yml"]["text"]
    )
    channels = [url for url in environment["channels"] if url != "nodefaults"]
    solved = solve(lab, channels, environment["dependencies"])
    assert sorted(f"{each.name.normalized}-{each.version}-{each.build}" for each in solved) == [
        "sayer-0.3-h0_0", "tone-1.2-h0_0",
    ]  # fmt: skip


def test_the_packages_are_written_down_when_a_run_begins(tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "a-1.0-h0_0.json").write_text("{}")
    (prefix / "conda-meta" / "history").write_text("")
    sections = dict(describe([str(prefix / "bin" / "python"), "main.py"], str(tmp_path), tmp_path))
    assert sections["conda"] == {str(prefix): ["a-1.0-h0_0"]}


def test_what_changed_since_the_run_is_told(lab: Lab, prefix: Path) -> None:
    recorded = {"conda": {str(prefix): ["sayer-0.2-h0_0", "tone-1.2-h0_0"]}}
    found = examined(used_by_run(prefix, lab.folder), recorded)
    (gap,) = found["gaps"]
    assert "sayer-0.2-h0_0 is gone; sayer-0.3-h0_0 is new" in gap["why"]
    assert found["software"]["conda:sayer"] == {"name": "sayer", "version": "0.2", "kind": "conda"}
    assert "sayer-0.3" not in found["files"]["conda-explicit.txt"]["text"]
    assert "sayer=0.2=h0_0" in found["files"]["conda-environment.yml"]["text"]


def test_records_that_are_damaged_or_have_no_address_are_told(lab: Lab, prefix: Path) -> None:
    records = prefix / "conda-meta"
    (records / "torn-1-0.json").write_text('{"name": "torn", ')
    (records / "old-1-0.json").write_text(json.dumps({"name": "old", "version": "1", "build": "0"}))
    path = lab.folder / "built" / "linux-64" / "own-1-0.conda"
    own = {"name": "own", "version": "1", "build": "0", "subdir": "linux-64", "url": path.as_uri()}
    (records / "own-1-0.json").write_text(json.dumps(own))
    found = examined(used_by_run(prefix, lab.folder), {})
    told = " / ".join(gap["why"] for gap in found["gaps"])
    assert "torn-1-0.json can't be read" in told and "no address is recorded for old" in told
    assert "which are not carried: own" in told


def test_an_environment_that_was_not_used_is_not_listed(prefix: Path, tmp_path: Path) -> None:
    used = Used(("/bin/sh",), (), (str(tmp_path / "script.py"),), (), (), tmp_path)
    assert list(conda.examine(used, {"variables": {"CONDA_PREFIX": str(prefix)}})) == []


def test_files_are_found_whatever_a_record_looks_like(tmp_path: Path) -> None:
    tricky = {"license": 'a "files": [ in\ntext', "name": "a", "version": "1", "build": "0", "files": ["bin/a", "ü]"],
              "paths_data": {"paths": [{"_path": "bin/a", "note": '\n  }'}]}, "url": "https://h.example.org/x/a.conda",
              "subdir": "x", "md5": "0" * 32}  # fmt: skip
    for indent in (None, 2, 4):
        meta = tmp_path / str(indent) / "conda-meta"
        meta.mkdir(parents=True)
        (meta / "a-1-0.json").write_text(json.dumps(tricky, indent=indent))
        (package,), damaged = conda_meta.packages(str(meta.parent), {"bin/a", "ü]", "other"})
        assert not damaged and package.used_files == ("bin/a", "ü]") and package.md5 == "0" * 32


JSON = st.recursive(st.none() | st.text(max_size=8), lambda each: st.lists(each, max_size=3), max_leaves=5)


@given(st.text(max_size=8), st.lists(st.text(max_size=6), max_size=4), JSON, st.sampled_from([None, 1, 2]))
def test_a_record_is_read_as_json_reads_it(license: str, files: list[str], other: Any, indent: int | None) -> None:
    record = {"a": other, "files": files, "license": license, "paths_data": {"paths": other}, "z": {"files": files}}
    short, found = conda_meta._parsed(json.dumps(record, indent=indent).encode(), True)
    assert (short["license"], short["a"], short["z"], found) == (license, other, {"files": files}, files)


@given(st.sampled_from(["", "ada@", "ada:hunter2@"]), st.sampled_from(["", "/t/tk-hunter2", "/t/hunter2"]),
       st.from_regex(r"[a-z0-9-]{2,9}", fullmatch=True))  # fmt: skip
def test_channels_are_written_without_their_credentials(login: str, token: str, channel: str) -> None:
    url = f"https://{login}h.example.org{token}/{channel}/noarch/a-1-0.conda"
    assert conda.public_url(url) == f"https://h.example.org/{channel}/noarch/a-1-0.conda"
    assert os.path.basename(url) == "a-1-0.conda"
