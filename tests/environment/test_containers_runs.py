"""Runs that start a real container, from the command to the crate and back."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.crate.read import read
from tests.conftest import Wfprov
from tests.environment.podman import BUSYBOX, NAME, Podman, own_podman, why_not


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    with own_podman(tmp_path_factory.mktemp("podman")) as found:
        if why := why_not(found):
            pytest.skip(why)
        yield found


def packed(folder: Path, wfprov: Wfprov, *options: str) -> dict[str, dict[str, object]]:
    wfprov("pack", "--quiet", "-o", "crate", "--force", *options, cwd=folder)
    entities = json.loads((folder / "crate/ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in entities}


def image_id(podman: Podman) -> str:
    return "sha256:" + str(json.loads(podman("image", "inspect", NAME))[0]["Id"])


def test_the_command_itself_is_an_engine(tmp_path: Path, wfprov: Wfprov, podman: Podman) -> None:
    (tmp_path / "in.txt").write_text("b\na\n")
    mount = ("-v", f"{tmp_path}:/w")
    wfprov("run", "--quiet", "--", *podman.run("sort", "-o", "/w/out.txt", "/w/in.txt", options=mount), cwd=tmp_path)
    assert (tmp_path / "out.txt").read_text() == "a\nb\n"
    graph = packed(tmp_path, wfprov)
    assert graph["#container-small-1"]["identifier"] == image_id(podman)
    run = read(tmp_path / "crate")
    (task,) = run.tasks
    assert task.command[0] == "podman"
    assert task.container == "#container-small-1"
    assert any("nothing is watched inside" in gap.why and str(tmp_path) in gap.why for gap in run.gaps)
    assert "localhost/small:1@sha256:" in wfprov("inspect", "crate", cwd=tmp_path).stdout
    assert "localhost/small:1@sha256:" in wfprov("runs", "show", cwd=tmp_path).stdout


def test_one_step_of_a_script_starts_it(tmp_path: Path, wfprov: Wfprov, podman: Podman) -> None:
    (tmp_path / "in.txt").write_text("b\na\n")
    command = shlex.join(podman.run("wc", "-l", "/w/sorted.txt", options=("-v", f"{tmp_path}:/w")))
    (tmp_path / "job.sh").write_text(f"sort in.txt > sorted.txt\n{command} > count.txt\n")
    wfprov("run", "--quiet", "--", "sh", "job.sh", cwd=tmp_path)
    graph = packed(tmp_path, wfprov)
    users = [key for key, entity in graph.items() if "#container-small-1" in str(entity.get("containerImage"))]
    tasks = [key for key in users if key.startswith("#task-")]
    assert [str(graph[key]["description"])[:6] for key in tasks] == ["podman"]
    assert len(users) == len(tasks) + 1  # and the run as a whole
    run = read(tmp_path / "crate")
    assert {task.container for task in run.tasks} == {None, "#container-small-1"}


def test_a_function_starts_it(tmp_path: Path, wfprov: Wfprov, podman: Podman) -> None:
    (tmp_path / "flow.py").write_text(
        "import subprocess, sys\n"
        "from provenance import task\n\n"
        "@task\n"
        "def count(command):\n"
        "    return subprocess.run(command, capture_output=True, check=True, text=True).stdout\n\n"
        f"print(count({podman.run('echo', 'hello')!r}))\n"
    )
    wfprov("run", "--quiet", "--", "python", "flow.py", cwd=tmp_path)
    packed(tmp_path, wfprov)
    run = read(tmp_path / "crate")
    assert [task.container for task in run.tasks] == ["#container-small-1"]


def test_charliecloud_runs_an_image_folder(tmp_path: Path, wfprov: Wfprov) -> None:
    engine = shutil.which("ch-run")
    if engine is None or not BUSYBOX.exists():
        pytest.skip("charliecloud-runtime or busybox-static is not installed")
    for name in ("bin", "dev", "proc", "sys", "tmp", "etc", "home", "root", "usr/bin"):
        (tmp_path / "image" / name).mkdir(parents=True, exist_ok=True)
    for name in ("passwd", "group", "hosts", "resolv.conf"):
        (tmp_path / "image/etc" / name).touch()
    shutil.copy(BUSYBOX, tmp_path / "image/bin/busybox")
    command = [engine, "image", "--", "/bin/busybox", "echo", "hello"]
    environment = {"USER": "someone"}
    bare = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    if bare.returncode:
        pytest.skip(f"user namespaces are not allowed here: {bare.stderr.strip()[-200:]}")
    (tmp_path / "job.sh").write_text("ch-run image -- /bin/busybox echo hello > out.txt\n")
    wfprov("run", "--quiet", "--", "sh", "job.sh", cwd=tmp_path, env=environment)
    assert (tmp_path / "out.txt").read_text() == "hello\n"
    packed(tmp_path, wfprov)
    run = read(tmp_path / "crate")
    (container,) = (one for one in run.containers if one.key == "#container-image")
    assert (container.kind, container.path, container.sha256) == ("charliecloud", str(tmp_path / "image"), None)
    assert [task.container for task in run.tasks if task.command[:1] == ("ch-run",)] == ["#container-image"]
    assert any("folder has no digest" in gap.why for gap in run.gaps)


def test_an_image_is_rebuilt_from_the_crate_alone(tmp_path: Path, wfprov: Wfprov, podman: Podman) -> None:
    wfprov("run", "--quiet", "--", *podman.run("echo", "hello"), cwd=tmp_path)
    graph = packed(tmp_path, wfprov, "--include-image")
    assert graph["#container-small-1"]["encoding"] == {"@id": "environment/images/small-1.tar"}
    assert not list(tmp_path.glob(".wfprov-images-*"))
    with own_podman(tmp_path / "other machine") as other:
        other("load", "--input", str(tmp_path / "crate/environment/images/small-1.tar"))
        assert image_id(other) == image_id(podman) == graph["#container-small-1"]["identifier"]
        again = subprocess.run(other.run("echo", "hello"), capture_output=True, text=True, check=True)
    assert again.stdout == "hello\n"


def test_what_was_found_out_stays_when_the_image_is_gone(tmp_path: Path, wfprov: Wfprov, podman: Podman) -> None:
    archive = tmp_path / "image.tar"
    podman("save", "--output", str(archive), NAME)
    with own_podman(tmp_path / "own") as own:
        own("load", "--input", str(archive))
        wfprov("run", "--quiet", "--", *own.run("true"), cwd=tmp_path)
        first = packed(tmp_path, wfprov)["#container-small-1"]
        own("rmi", NAME)
        assert packed(tmp_path, wfprov)["#container-small-1"] == first
    assert "sha256" in first


def test_secrets_in_the_variables_of_a_container_are_hidden(tmp_path: Path, wfprov: Wfprov, podman: Podman) -> None:
    options = ("-e", "API_TOKEN=tr0ub4dor", "--env=DB_PASSWORD=c0rrecthorse", "-eAWS_SECRET_ACCESS_KEY=b4tteryst4ple")
    wfprov("run", "--quiet", "--", *podman.run("true", options=options), cwd=tmp_path)
    packed(tmp_path, wfprov)
    for folder, _, names in os.walk(tmp_path / "crate"):
        for name in names:
            content = (Path(folder) / name).read_bytes()
            for secret in (b"tr0ub4dor", b"c0rrecthorse", b"b4tteryst4ple"):
                assert secret not in content, name


def test_the_shim_does_not_go_into_containers(tmp_path: Path, wfprov: Wfprov) -> None:
    # A container has a C library of its own, which may be unable to load the shim and would say so.
    (tmp_path / "podman").symlink_to("/bin/sh")
    for command in (["./podman"], ["sh", "-c", './podman "$@"; true', "sh"]):
        done = wfprov("run", "--quiet", "--", *command, "-c", "echo ${LD_PRELOAD:-none}", cwd=tmp_path)
        assert done.stdout == "none\n"
