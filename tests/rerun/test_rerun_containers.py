"""The container image of a run, had again: by its id from an archive in the crate, and the recording inside of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from provenance.errors import UsageError, WfprovError
from provenance.rerun import environments
from provenance.rerun.environments import Bind
from provenance.rerun.execution import execute
from provenance.rerun.records import EnvironmentPlan, Ready, Step
from provenance.rerun.talk import Silence
from provenance.run import load
from provenance.run.model import Container, Run, Status
from tests.conftest import Wfprov
from tests.environment.podman import NAME, Podman, own_podman, why_not

_CONTAINERFILE = "FROM scratch\nCOPY files /\nENV PATH=/bin\n"


def settle(monkeypatch: pytest.MonkeyPatch, podman: Podman) -> None:
    """Let every podman use the storage of the test, with what restricted machines need."""
    limits = '[engine]\nruntime = "runc"\n[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
    (podman.storage / "containers.conf").write_text(limits)
    storage = f'[storage]\ndriver = "vfs"\ngraphroot = "{podman.storage}/root"\nrunroot = "{podman.state}"\n'
    (podman.storage / "storage.conf").write_text(storage)
    monkeypatch.setenv("CONTAINERS_CONF", str(podman.storage / "containers.conf"))
    monkeypatch.setenv("CONTAINERS_STORAGE_CONF", str(podman.storage / "storage.conf"))


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    with own_podman(tmp_path_factory.mktemp("podman")) as found:
        if why := why_not(found):
            pytest.skip(why)
        yield found


@pytest.fixture(scope="module")
def glibc(podman: Podman) -> str:
    """An image with a shell of this machine and the libraries that it needs."""
    context = podman.storage / "of glibc"
    for program in ("/bin/sh", "/bin/cat"):
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        for path in [program, *re.findall(r"(/\S+) \(0x", listed)]:
            (context / "files" / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, context / "files" / path[1:])
    (context / "Containerfile").write_text(_CONTAINERFILE)
    podman("build", "--isolation", "chroot", "--quiet", "--tag", "localhost/glibc:1", str(context))
    return "localhost/glibc:1"


def image_id(podman: Podman, name: str) -> str:
    return podman("image", "inspect", "--format", "{{.Id}}", name).strip().removeprefix("sha256:")


def run_in(identifier: str | None, name: str = NAME, **more: object) -> Run:
    container = Container("#c", "podman", name, "localhost", name[10:-2], "1", image_id=identifier, **more)  # type: ignore[arg-type]
    return Run("1", "run", Status.COMPLETED, containers=(container,), container="#c")


def test_the_image_comes_from_the_crate_and_runs_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, podman: Podman, glibc: str
) -> None:
    identifier, crate = image_id(podman, glibc), tmp_path / "crate"
    (crate / "environment/images").mkdir(parents=True)
    podman("save", "--quiet", "--output", str(crate / "environment/images/an image.tar"), glibc)
    run = run_in(identifier, glibc)
    with own_podman(tmp_path / "other machine") as other:
        other.storage.mkdir()
        settle(monkeypatch, other)
        other("load", "--quiet", "--input", str(_archive(podman, tmp_path)))
        other("tag", NAME, glibc)  # another image of this name, which has to keep it
        plan = environments.choose(run, crate)
        assert (plan.kind, plan.is_ready, plan.problems) == ("container", False, ())
        assert "an image.tar" in plan.description
        ready = environments.prepare(plan, crate, run, Silence())
        assert image_id(other, glibc) == image_id(other, NAME) != identifier
        assert environments.choose(run, crate).is_ready

        work, record = tmp_path / "work, with: signs", tmp_path / "record"
        work.mkdir()
        record.mkdir()
        (work / "in.txt").write_text("a tone\n")
        contained = environments.contained(
            ready,
            cwd=work,
            binds=[Bind(work, str(work), is_writable=True), Bind(crate, str(crate))],
            variables={"GREETING": 'a, "b" c'},
            record_root=record,
            network=False,
        )
        script = 'cat in.txt > out.txt; echo "$GREETING" >> out.txt; echo x > "$0"'
        step = Step(("/bin/sh", "-c", script, str(crate / "new")), work)
        with (tmp_path / "errors").open("w+b") as errors:
            ended = execute(step, contained, record_root=record, stderr=errors)
        said = (tmp_path / "errors").read_text()
    assert (work / "out.txt").read_text() == 'a tone\na, "b" c\n'
    assert ended.status == 2
    assert "new" in said  # the crate can't be written
    assert "preload" not in said
    assert ended.run_folder is not None
    seen = load(ended.run_folder)
    assert {Path(data.path).name for data in seen.data} >= {"in.txt", "out.txt"}
    assert "cat" in {tool.name for tool in seen.tools}  # watched inside


def _archive(podman: Podman, folder: Path) -> Path:
    podman("save", "--quiet", "--output", str(folder / "small.tar"), NAME)
    return folder / "small.tar"


def test_another_image_is_not_taken_for_the_recorded_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, podman: Podman
) -> None:
    settle(monkeypatch, podman)
    (tmp_path / "environment/images").mkdir(parents=True)
    (tmp_path / "environment/images/small-1.tar").write_bytes(b"no archive")
    other = run_in("ab" * 32)
    plan = environments.choose(other, tmp_path)
    assert plan.kind == "current"
    assert "no container: " in plan.why
    assert "not carried in the crate" in plan.why
    assert "--env container" in environments.choose(other, tmp_path, "container").problems[0]
    # Without a digest it is taken by its name when that is asked for, and said to be so.
    unknown = run_in(None)
    assert "no digest" in environments.choose(unknown, tmp_path).why
    plan = environments.choose(unknown, tmp_path, "container")
    ready = environments.prepare(plan, tmp_path, unknown, Silence())
    (difference,) = ready.differences
    assert (difference.aspect, difference.after) == ("container", f"sha256:{image_id(podman, NAME)}")
    # Programs of this image are static: they run, unwatched.
    words = environments.container_words(ready, cwd=None, binds=[], variables={}, network=True)
    done = subprocess.run([*words, "echo", "hello"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("hello\n", "")


def test_images_that_the_run_starts_are_loaded_under_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, podman: Podman
) -> None:
    settle(monkeypatch, podman)
    identifier, name = image_id(podman, NAME), "localhost/carried:1"
    (tmp_path / "environment/images").mkdir(parents=True)
    podman("tag", NAME, name)
    podman("save", "--quiet", "--output", str(tmp_path / "environment/images/carried-1.tar"), name)
    podman("untag", name, name)
    run = replace(run_in(identifier, name), container=None)
    plan = environments.choose(run, tmp_path)
    assert (plan.kind, plan.is_ready, plan.differences) == ("current", False, ())
    ready = environments.prepare(plan, tmp_path, run, Silence())
    assert (image_id(podman, name), ready.differences) == (identifier, ())
    assert environments.choose(run, tmp_path).is_ready
    # An image of the same name that is another one is told, and stays.
    other = replace(run_in("ab" * 32, NAME), container=None)
    (difference,) = environments.prepare(environments.choose(other, tmp_path), tmp_path, other, Silence()).differences
    assert (difference.aspect, difference.before, difference.after) == (
        "container",
        f"sha256:{'ab' * 6}",
        f"sha256:{identifier[:12]}",
    )
    assert "another image has this name here" in difference.detail


def test_an_image_file_is_held_against_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = tmp_path / "bin" / "apptainer"
    engine.parent.mkdir()
    engine.write_text("#!/bin/sh\nexit 0\n")
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{engine.parent}:/usr/bin:/bin")
    image = tmp_path / "crate/environment/images/tools.sif"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"an image")
    container = Container("#c", "apptainer", "tools.sif", path="/gone/tools.sif", size=8, sha256="ab" * 32)
    run = Run("1", "run", Status.COMPLETED, containers=(container,), container="#c")
    plan = environments.choose(run, tmp_path / "crate")
    assert plan.kind == "container"
    with pytest.raises(WfprovError, match=r"tools\.sif has the SHA-256"):
        environments.prepare(plan, tmp_path / "crate", run, Silence())
    ready = Ready(plan)
    binds = [Bind(tmp_path, str(tmp_path), is_writable=True)]
    words = environments.container_words(ready, cwd=tmp_path, binds=binds, variables={"A": "1,2"}, network=False)
    assert words[:2] == (str(engine), "exec")
    assert words[-1] == str(image)
    assert {"--contain", f"--bind={tmp_path}:{tmp_path}:rw", '--env="A=1,2"', f"--pwd={tmp_path}", "--net"} <= {*words}
    with pytest.raises(UsageError, match="takes no path"):
        binds = [Bind(Path("/a:b"), "/a:b")]
        environments.container_words(ready, cwd=None, binds=binds, variables={}, network=True)
    assert (
        environments.contained(
            Ready(EnvironmentPlan("current", "")),
            cwd=tmp_path,
            binds=[],
            variables={},
            record_root=tmp_path,
            network=True,
        ).prefix
        == ()
    )


def test_a_run_of_an_image_is_repeated_in_that_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, podman: Podman, glibc: str, wfprov: Wfprov
) -> None:
    settle(monkeypatch, podman)
    digest = podman("image", "inspect", "--format", "{{.Digest}}", glibc).strip()
    folder = tmp_path / "recorded there"
    folder.mkdir()
    (folder / "job.sh").write_text("cat given.txt given.txt > 'out #1.txt'\n")
    (folder / "given.txt").write_text("given\n")
    named = {"WFPROV_CONTAINER": "podman", "WFPROV_CONTAINER_IMAGE": f"{glibc}@{digest}", "container": "podman"}
    wfprov("run", "-q", "--", "sh", "job.sh", cwd=folder, env=named)
    wfprov("pack", "-q", "-o", "../crate", cwd=folder)
    shutil.rmtree(folder)
    settings = {name: os.environ[name] for name in ("CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF")}
    for isolated in ((), ("--isolate",)):
        words = ("rerun", "crate", "--workdir", f"again{len(isolated)}", "--trust", "--env", "container", *isolated)
        done = wfprov(*words, cwd=tmp_path, env=settings, status=None)
        assert done.stdout.splitlines()[-1].startswith("reproduced: "), done.stdout + done.stderr
        assert glibc in done.stdout
