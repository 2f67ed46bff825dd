"""The lock files of projects: which are taken along, and how packages are installed from them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from provenance.environment import project_locks
from tests.environment.examining import answer, used

PROGRAMS = {
    "renv.lock": "/usr/lib/R/bin/exec/R",
    "Manifest.toml": "/opt/julia-1.10/bin/julia",
    "Manifest-v1.11.toml": "/opt/julia-1.11/bin/julia",
    "package-lock.json": "/usr/bin/node",
    "yarn.lock": "/usr/bin/node",
    "pnpm-lock.yaml": "/usr/bin/nodejs",
    "uv.lock": "/usr/bin/python3.11",
    "poetry.lock": "/usr/bin/python3",
    "Pipfile.lock": "/usr/bin/python",
    "pixi.lock": "/x/envs/default/bin/python3.12",
    "environment.yml": "/opt/conda/bin/python3.12",
    "Cargo.lock": "/usr/bin/cargo",
    "flake.lock": "/nix/bin/nix",
    "channels.scm": "/usr/bin/guix",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_lock_counts_when_its_language_was_used(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("locked\n")
    found = answer(project_locks, used(programs=[PROGRAMS[name]], folders=[tmp_path]))
    entry = found["files"][f"locks/{name}"]
    assert entry["path"] == str(tmp_path / name)
    assert entry["kind"] == "lock"
    (command,) = entry["rebuild"]
    assert "locks" in command
    assert "{" not in command
    assert not answer(project_locks, used(programs=["/bin/sh"], folders=[tmp_path]))["files"]


def test_a_lock_counts_when_the_run_read_it(tmp_path: Path) -> None:
    elsewhere = tmp_path / "environments" / "v1.10"
    elsewhere.mkdir(parents=True)
    (elsewhere / "Manifest.toml").touch()
    (elsewhere / "Project.toml").touch()
    found = answer(project_locks, used(programs=["/bin/sh"], files=[elsewhere / "Manifest.toml"], folders=[tmp_path]))
    assert set(found["files"]) == {"locks/Manifest.toml", "locks/Project.toml"}


def test_what_a_tool_needs_beside_the_lock_goes_along(tmp_path: Path) -> None:
    for name in ("uv.lock", "pyproject.toml", "README.md"):
        (tmp_path / name).touch()
    found = answer(project_locks, used(interpreters=["/venv/bin/python"], folders=[tmp_path]))
    assert set(found["files"]) == {"locks/uv.lock", "locks/pyproject.toml"}
    assert found["files"]["locks/pyproject.toml"]["rebuild"] == []


def test_the_active_project_of_julia(tmp_path: Path) -> None:
    project, work = tmp_path / "my project", tmp_path / "work"
    for folder in (project, work):
        folder.mkdir()
    (project / "Project.toml").touch()
    (project / "Manifest.toml").touch()
    for value in (str(project), "../my project", str(project / "Project.toml")):
        recorded = {"variables": {"JULIA_PROJECT": value}}
        found = answer(project_locks, used(programs=["/bin/julia"], folders=[work]), recorded)
        assert set(found["files"]) == {"locks/Project.toml", "locks/Manifest.toml"}, value
    for value in ("@.", "@v1.10", ""):
        recorded = {"variables": {"JULIA_PROJECT": value}}
        assert not answer(project_locks, used(programs=["/bin/julia"], folders=[work]), recorded)["files"]


def test_two_folders_are_kept_apart_and_one_is_taken_once(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        for name in ("package.json", "package-lock.json"):
            (folder / name).write_text(f"{folder.name}\n")
    (tmp_path / "link").symlink_to("a")
    found = answer(project_locks, used(programs=["/bin/node"], folders=[folders[0], tmp_path / "link", folders[1]]))
    text = {target: Path(entry["path"]).read_text().strip() for target, entry in found["files"].items()}
    assert text == {
        "locks/package.json": "a",
        "locks/package-lock.json": "a",
        "locks/2/package.json": "b",
        "locks/2/package-lock.json": "b",
    }
    assert found["files"]["locks/2/package-lock.json"]["rebuild"] == ["npm ci --prefix locks/2"]


def test_files_that_can_not_be_taken_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").symlink_to("nowhere")
    (tmp_path / "poetry.lock").symlink_to("poetry.lock")
    (tmp_path / "pixi.lock").mkdir()
    os.mkfifo(tmp_path / "Pipfile.lock")
    with (tmp_path / "environment.yml").open("wb") as large:
        large.truncate((5 << 20) + 1)
    (tmp_path / "real").write_text("x")
    (tmp_path / "pdm.lock").symlink_to("real")
    found = answer(project_locks, used(programs=["/bin/python3"], folders=[tmp_path, tmp_path / "gone"]))
    assert set(found["files"]) == {"locks/pdm.lock"}
    assert {Path(gap["path"]).name for gap in found["gap"]} == {"uv.lock", "poetry.lock", "environment.yml"}


def test_a_lock_that_changed_after_the_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "renv.lock").touch()
    os.utime(tmp_path / "renv.lock", ns=(2000, 2000))
    found = answer(project_locks, used(programs=["/bin/Rscript"], folders=[tmp_path], end=1000))
    assert set(found["files"]) == {"locks/renv.lock"}
    assert [gap["path"] for gap in found["gap"]] == [str(tmp_path / "renv.lock")]


def test_a_login_in_an_address_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "renv.lock").write_text('{"URL": "https://ada:hunter2hunter2@packages.example.org/cran"}')
    entry = answer(project_locks, used(programs=["/bin/R"], folders=[tmp_path]))["files"]["locks/renv.lock"]
    assert "path" not in entry
    assert "hunter2" not in entry["text"]
    assert "packages.example.org/cran" in entry["text"]


def test_npm_accepts_what_was_taken_along(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    project, crate = tmp_path / "project", tmp_path / "crate"
    project.mkdir()
    (project / "package.json").write_text('{"name": "p", "version": "1.0.0"}')
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "npm_config_offline": "true"}
    subprocess.run(
        [npm, "install", "--package-lock-only"], cwd=project, env=environment, check=True, capture_output=True
    )
    found = answer(project_locks, used(programs=["/usr/bin/node"], folders=[project]))
    for target, entry in found["files"].items():
        (crate / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(entry["path"], crate / target)
    (command,) = (command for entry in found["files"].values() for command in entry["rebuild"])
    subprocess.run(command.split(), cwd=crate, env=environment, check=True, capture_output=True)
