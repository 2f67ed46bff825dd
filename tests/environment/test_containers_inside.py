"""Whether a run takes place in a container, by what engines put into theirs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from provenance.environment import Used
from provenance.environment.containers import started as containers
from provenance.environment.containers.inside import describe

DIGEST = "ab" * 32


def used(folder: Path, start: int | None = None) -> Used:
    return Used((), (), (), (), (), folder, start=start)


@pytest.mark.parametrize(
    ("variables", "files", "expected"),
    [
        ({}, {}, {}),
        ({}, {".dockerenv": ""}, {"kind": "docker"}),
        ({}, {"run/.containerenv": ""}, {"kind": "podman"}),
        ({"container": "podman"}, {}, {"kind": "podman"}),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, {".dockerenv": ""}, {"kind": "kubernetes"}),
        ({"CH_RUNNING": "Weird Al Yankovic"}, {}, {"kind": "charliecloud"}),
        ({"SHIFTER_RUNTIME": "1", "SHIFTER_IMAGEREQUEST": "docker:ubuntu:22.04"}, {},
         {"kind": "shifter", "image": "docker:ubuntu:22.04", "registry": "docker.io", "name": "library/ubuntu",
          "tag": "22.04"}),
        ({"APPTAINER_CONTAINER": "/far/x.sif", "APPTAINER_NAME": "x.sif"}, {},
         {"kind": "apptainer", "image": "x.sif", "path": "/far/x.sif"}),
        ({"SINGULARITY_CONTAINER": "/far/x.sif"}, {}, {"kind": "singularity", "image": "x.sif", "path": "/far/x.sif"}),
        ({}, {".singularity.d/labels.json": "{}"}, {"kind": "singularity"}),
        ({}, {"run/.containerenv": f'engine="podman-4.3.1"\nname="x"\nimage="localhost/a/b:1"\nimageid="{DIGEST}"\n'},
         {"kind": "podman", "image": "localhost/a/b:1", "registry": "localhost", "name": "a/b", "tag": "1",
          "image_id": DIGEST}),
    ],
)  # fmt: skip
def test_the_engine_by_its_marks(
    tmp_path: Path, variables: dict[str, str], files: dict[str, str], expected: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert describe(variables, tmp_path) == expected


def test_the_image_that_is_told_from_outside(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    told = f"ghcr.io/lab/tool:2@sha256:{DIGEST}"
    assert describe({"WFPROV_CONTAINER_IMAGE": told}, tmp_path) == {
        "kind": "docker",
        "image": told,
        "registry": "ghcr.io",
        "name": "lab/tool",
        "tag": "2",
        "sha256": DIGEST,
    }
    (tmp_path / ".dockerenv").unlink()
    assert describe({"WFPROV_CONTAINER_IMAGE": "lab/tool"}, tmp_path)["kind"] == "oci"


def test_a_login_in_the_image_is_left_out(tmp_path: Path) -> None:
    found = describe({"WFPROV_CONTAINER_IMAGE": "docker://ada:pw4@ghcr.io/lab/tool"}, tmp_path)
    assert "pw4" not in str(found)
    assert found["name"] == "lab/tool"


def test_the_digest_of_the_image_file_is_found_at_packing(tmp_path: Path) -> None:
    image = tmp_path / "ä b.sif"
    image.write_bytes(b"SIF" * 1000)
    inside = describe({"APPTAINER_CONTAINER": str(image)}, tmp_path)
    assert "sha256" not in inside
    sections = dict(containers.examine(used(tmp_path), {"container": inside}))
    assert sections["container"] == {
        "kind": "apptainer",
        "image": image.name,
        "path": str(image),
        "size": 3000,
        "sha256": hashlib.sha256(b"SIF" * 1000).hexdigest(),
    }


def test_an_image_file_that_was_changed_since_has_no_digest(tmp_path: Path) -> None:
    image = tmp_path / "x.sif"
    image.write_bytes(b"new")
    inside = describe({"APPTAINER_CONTAINER": str(image)}, tmp_path)
    before = image.stat().st_mtime_ns - 60_000_000_000
    sections = list(containers.examine(used(tmp_path, start=before), {"container": inside}))
    assert "sha256" not in dict(sections)["container"]
    assert any(name == "gap" and "changed after the run began" in data["why"] for name, data in sections)


def test_what_can_not_be_told_from_within_is_a_gap(tmp_path: Path) -> None:
    ((name, gap),) = containers.examine(used(tmp_path), {"container": {"kind": "docker"}})
    assert name == "gap"
    assert "WFPROV_CONTAINER_IMAGE" in gap["why"]
