"""Which image it was: files, and a real engine with a real image."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.environment import Engagement, Used
from provenance.environment.containers import started as containers
from tests.environment.podman import NAME, Podman, own_podman, why_not


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    with own_podman(tmp_path_factory.mktemp("podman")) as found:
        if why := why_not(found):
            pytest.skip(why)
        yield found


def examined(
    folder: Path, *lines: list[str], start: int | None = None, end: int | None = None
) -> tuple[dict[str, dict[str, object]], dict[str, str], list[str]]:
    """Return the images, what started them, and the reasons of the gaps."""
    engagements = tuple(Engagement(f"p{n}", tuple(line), str(folder), n) for n, line in enumerate(lines))
    images: dict[str, dict[str, object]] = {}
    started: dict[str, str] = {}
    gaps: list[str] = []
    used = Used((), (), (), engagements, (), folder, start=start, end=end)
    for name, data in containers.examine(used, {}):
        if name == "containers":
            images.update(data)
        elif name == "started":
            started.update(data)
        else:
            gaps.append(data["why"])
    return images, started, gaps


def test_the_digest_of_an_image_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    (tmp_path / "tools.sif").write_bytes(content)
    images, started, gaps = examined(tmp_path, ["apptainer", "exec", "--nv", "tools.sif", "ls"])
    assert images == {
        "tools.sif": {
            "kind": "apptainer",
            "image": "tools.sif",
            "path": str(tmp_path / "tools.sif"),
            "size": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    }
    assert started == {"p0": "tools.sif"}
    assert gaps == ["nothing is watched inside of a container"]


def test_an_image_file_that_was_changed_or_taken_away(tmp_path: Path) -> None:
    (tmp_path / "new.sif").write_bytes(b"x")
    before = (tmp_path / "new.sif").stat().st_mtime_ns - 60_000_000_000
    images, _, gaps = examined(
        tmp_path, ["apptainer", "run", "new.sif"], ["apptainer", "run", "gone.sif"], start=before
    )
    assert all("sha256" not in image for image in images.values())
    assert any("changed after the run began" in why for why in gaps)
    assert any("not there any more" in why for why in gaps)


def test_a_folder_has_no_digest(tmp_path: Path) -> None:
    labels = {"org.opencontainers.image.title": "tool", "org.opencontainers.image.version": "3"}
    (tmp_path / "image/ch").mkdir(parents=True)
    (tmp_path / "image/ch/metadata.json").write_text(json.dumps({"labels": labels}))
    images, _, gaps = examined(tmp_path, ["ch-run", "image", "--", "ls"])
    assert images["tool:3"]["path"] == str(tmp_path / "image")
    assert any("folder has no digest" in why for why in gaps)


def test_a_name_of_charliecloud_s_storage(tmp_path: Path) -> None:
    (tmp_path / "storage/img/ghcr.io%lab%tool+2").mkdir(parents=True)
    line = ["ch-run", "-s", str(tmp_path / "storage"), "ghcr.io/lab/tool:2", "--", "ls"]
    images, _, _ = examined(tmp_path, line)
    assert images["ghcr.io/lab/tool:2"]["path"] == str(tmp_path / "storage/img/ghcr.io%lab%tool+2")


def test_two_images_of_one_name_have_two_keys_and_one_twice_has_one(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.sif").write_text(folder)
    lines = [["apptainer", "run", str(tmp_path / folder / "x.sif")] for folder in ("a", "b", "a")]
    images, started, _ = examined(tmp_path, *lines)
    assert len(images) == 2
    assert started["p0"] == started["p2"] != started["p1"]


def test_an_instance_is_of_the_image_that_it_was_started_from(tmp_path: Path) -> None:
    (tmp_path / "x.sif").write_text("x")
    images, started, _ = examined(
        tmp_path, ["apptainer", "instance", "start", "x.sif", "db"], ["apptainer", "exec", "instance://db", "ls"]
    )
    assert set(started.values()) == set(images) == {"x.sif"}


def test_a_name_without_digest_is_a_gap_and_one_with_it_is_none(tmp_path: Path) -> None:
    digest = "ab" * 32
    images, _, gaps = examined(tmp_path, ["apptainer", "exec", f"docker://ghcr.io/a/b@sha256:{digest}", "ls"])
    assert [image["sha256"] for image in images.values()] == [digest]
    assert len(gaps) == 1
    _, _, gaps = examined(tmp_path, ["apptainer", "exec", "docker://ghcr.io/a/b:1", "ls"])
    assert any("does not tell the digest" in why for why in gaps)


def test_no_daemon_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    program.chmod(0o755)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    images, _, gaps = examined(tmp_path, [str(program), "run", "python:3.11"])
    assert not (tmp_path / "asked").exists()
    assert images["library/python:3.11"]["registry"] == "docker.io"
    assert any("does not run on this machine" in why for why in gaps)


def test_an_engine_that_is_gone_and_one_that_talks_nonsense(tmp_path: Path) -> None:
    _, _, gaps = examined(tmp_path, [str(tmp_path / "podman"), "run", "x"])
    assert any("not on this machine" in why for why in gaps)
    (tmp_path / "podman").write_text("#!/bin/sh\necho '['\n")
    (tmp_path / "podman").chmod(0o755)
    _, _, gaps = examined(tmp_path, [str(tmp_path / "podman"), "run", "x"])
    assert any("could not be asked" in why for why in gaps)


def test_an_image_that_podman_has(tmp_path: Path, podman: Podman) -> None:
    told = json.loads(podman("image", "inspect", NAME))[0]
    images, started, _ = examined(tmp_path, podman.run("ls"), end=time.time_ns())
    assert started == {"p0": "small:1"}
    assert images["small:1"] == {
        "kind": "podman",
        "image": NAME,
        "registry": "localhost",
        "name": "small",
        "tag": "1",
        "image_id": told["Id"],
        "sha256": told["Digest"].removeprefix("sha256:"),
        "engine": podman.engine,
    }


@pytest.mark.parametrize("asked", ["small:1", "id"])
def test_a_short_name_and_an_id_lead_to_the_full_name(tmp_path: Path, podman: Podman, asked: str) -> None:
    name = json.loads(podman("image", "inspect", NAME))[0]["Id"][:12] if asked == "id" else asked
    images, _, _ = examined(tmp_path, [*podman.engine, "run", name, "ls"])
    (image,) = images.values()
    assert (image["registry"], image["name"], image["tag"]) == ("localhost", "small", "1")


def test_the_image_of_a_container_that_was_there_already(tmp_path: Path, podman: Podman) -> None:
    podman("create", "--name", "waiting", NAME, "sh")
    try:
        images, _, _ = examined(tmp_path, [*podman.engine, "start", "-a", "waiting"])
        (image,) = images.values()
        assert (image["name"], image["tag"]) == ("small", "1")
        assert image["image_id"] == json.loads(podman("image", "inspect", NAME))[0]["Id"]
    finally:
        podman("rm", "waiting")
    _, _, gaps = examined(tmp_path, [*podman.engine, "exec", "waiting", "ls"])
    assert any("'waiting' has is not known" in why for why in gaps)


def test_an_image_that_was_made_after_the_run_is_not_the_run_s(tmp_path: Path, podman: Podman) -> None:
    images, _, gaps = examined(tmp_path, podman.run("ls"), end=1)
    assert "sha256" not in images["small:1"]
    assert "image_id" not in images["small:1"]
    assert any("made after the run" in why for why in gaps)


def test_an_image_that_is_named_in_two_ways_is_one(tmp_path: Path, podman: Podman) -> None:
    by_id = json.loads(podman("image", "inspect", NAME))[0]["Id"]
    name = podman.run("true")
    images, started, _ = examined(tmp_path, name, [*name[:-2], by_id, "true"])
    assert list(images) == ["small:1"]
    assert started == {"p0": "small:1", "p1": "small:1"}
