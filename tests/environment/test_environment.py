"""What is found out about the surroundings of a run, with real repositories and interpreters."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from provenance.environment import Used, describe, examine, variables
from provenance.environment.containers import inside
from provenance.environment.python import interpreter as python
from provenance.environment.source_control import PATCH_NAME, without_credentials

ODD_NAMES = ["with blank.py", "ünïcode.py", "new\nline.py", "-dash.py", "hash#?%.py", 'quo"te.py']


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    git(root, "init", "--initial-branch=main")
    (root / "src" / "main.py").write_text("print(1)\n")
    (root / "data.bin").write_bytes(bytes(range(256)))
    (root / "gone.txt").write_text("gone\n")
    (root / ".gitignore").write_text("ignored.py\n")
    git(root, "add", ".")
    git(root, "commit", "-m", "first")
    return root


def sections(command: list[str], cwd: Path, tmp_path: Path) -> dict[str, dict[str, Any]]:
    run_folder = tmp_path / "run folder"
    run_folder.mkdir(exist_ok=True)
    return dict(describe(command, str(cwd), run_folder))


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_the_patch_restores_the_tree_and_nothing_is_touched(repository: Path, tmp_path: Path) -> None:
    git(repository, "tag", "v1")
    git(repository, "remote", "add", "origin", "https://ada:ghp_secret@example.org/lab/code.git")
    (repository / "src" / "main.py").write_text("print(2)\n")
    (repository / "data.bin").write_bytes(bytes(range(255, -1, -1)))
    (repository / "gone.txt").unlink()
    for name in ODD_NAMES:
        (repository / "src" / name).write_text(f"# {name!r}\n")
    (repository / "empty.py").touch()
    (repository / "results.csv").write_text("1,2\n")
    (repository / "ignored.py").write_text("x\n")
    (repository / "binary.py").write_bytes(b"\0\1")
    (repository / "keys.py").write_text('url = "https://ada:hunter22@example.org/"\n')
    before = snapshot(repository)
    found = sections(["python3", "src/main.py"], repository, tmp_path)["git"]
    assert snapshot(repository) == before
    assert found["root"] == str(repository) and found["commit"] == git(repository, "rev-parse", "HEAD")
    assert (found["branch"], found["tags"], found["dirty"]) == ("main", ["v1"], True)
    assert found["remote"] == "https://example.org/lab/code.git"
    assert sorted(found["untracked"]) == sorted(["empty.py", *(f"src/{name}" for name in ODD_NAMES)])
    assert found["left_out"] == ["keys.py"]
    patch = tmp_path / "run folder" / PATCH_NAME
    assert b"hunter22" not in patch.read_bytes()
    copy = tmp_path / "copy"
    git(tmp_path, "clone", str(repository), str(copy))
    git(copy, "apply", str(patch))
    for name in ["src/main.py", "data.bin", "empty.py", *(f"src/{name}" for name in ODD_NAMES)]:
        assert (copy / name).read_bytes() == (repository / name).read_bytes()
    assert not (copy / "gone.txt").exists()


def test_a_clean_tree_has_no_patch(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--detach")
    found = sections(["./run"], repository, tmp_path)["git"]
    assert found["dirty"] is False and "patch" not in found and "branch" not in found


def test_the_repository_is_that_of_the_script(repository: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    command = ["mpirun", "-n", "2", "python3", str(repository / "src" / "main.py"), "x.csv"]
    assert sections(command, elsewhere, tmp_path)["git"]["root"] == str(repository)
    assert "git" not in sections(["sleep", "1"], elsewhere, tmp_path)


def test_repositories_without_commit_or_files(tmp_path: Path) -> None:
    empty, bare = tmp_path / "empty", tmp_path / "bare"
    git(tmp_path, "init", "--initial-branch=main", str(empty))
    git(tmp_path, "init", "--bare", str(bare))
    (empty / "a.py").write_text("1\n")
    found = sections(["true"], empty, tmp_path)["git"]
    assert "commit" not in found and found["untracked"] == ["a.py"] and found["patch"] == PATCH_NAME
    assert "bare" in sections(["true"], bare, tmp_path)["git"]["reason"]


def test_without_git_the_reason_is_told(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert sections(["true"], repository, tmp_path)["git"] == {"reason": "git is not installed"}


def test_submodules_are_noted(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    git(tmp_path, "init", str(outer))
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", str(repository), "sub")
    (module,) = sections(["true"], outer, tmp_path)["git"]["submodules"]
    assert module["path"] == "sub" and module["commit"] == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://example.org/a.git", "https://example.org/a.git"),
        ("https://token@example.org/a.git", "https://example.org/a.git"),
        ("https://u:p@ss@example.org:8443/a.git?private_token=x#y", "https://example.org:8443/a.git"),
        ("ssh://git@example.org:22/a.git", "ssh://git@example.org:22/a.git"),
        ("ssh://ada:pw@example.org/a.git", "ssh://example.org/a.git"),
        ("git@example.org:lab/a.git", "git@example.org:lab/a.git"),
        ("ghp_secret@example.org:lab/a.git", "example.org:lab/a.git"),
        ("/data/a@b.git", "/data/a@b.git"),
        ("file:///data/a#b.git", "file:///data/a#b.git"),
    ],
)
def test_remotes_lose_their_credentials(url: str, clean: str) -> None:
    assert without_credentials(url) == clean


def test_the_interpreter_of_the_command_is_asked(tmp_path: Path) -> None:
    # The first line of a script can't hold a blank, the path of the interpreter here may.
    python3 = sys.executable if " " not in sys.executable else shutil.which("python3", path=os.defpath)
    script = tmp_path / "tool"
    script.write_text(f"#!{python3} -u\nprint(1)\n")
    script.chmod(0o755)
    (tmp_path / "python9").symlink_to(sys.executable)
    environment = {"PATH": os.pathsep.join([str(tmp_path), os.defpath])}
    for command in (["./tool"], ["tool"]):
        assert python.find_interpreter(command, str(tmp_path), environment) == python3
    assert python.find_interpreter(["srun", sys.executable, "x.py"], str(tmp_path), environment) == sys.executable
    assert python.find_interpreter(["python9"], str(tmp_path), environment) == str(tmp_path / "python9")
    for command in (["cat", "x.py"], ["conda", "run", "python9"], [], ["./missing"]):
        assert python.find_interpreter(command, str(tmp_path), environment) is None
    answer = python.ask(sys.executable, str(tmp_path))
    assert answer is not None and answer.packages["click"]
    assert answer.interpreter["version"] == ".".join(map(str, sys.version_info[:3]))


def test_an_interpreter_that_does_not_answer_says_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    found = sections([str(broken), "x.py"], tmp_path, tmp_path)
    assert "interpreter" not in found and found["host"]["cpu_count"] >= 1


def test_packages_beside_the_command_are_found_and_its_folder_is_not_run(tmp_path: Path) -> None:
    info = tmp_path / "lib" / "thing-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.2\n\nName: not\n")
    (tmp_path / "json.py").write_text("raise SystemExit('imported')\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": "lib"}
    answer = python.ask(shutil.which("python3") or sys.executable, str(tmp_path), environment)
    assert answer is not None and answer.packages["thing"] == "1.2"


def test_only_listed_variables_without_credentials_are_kept() -> None:
    given = {
        "SLURM_JOB_ID": "7", "SLURM_JOB_USER": "ada", "SLURM_JOB_ACCOUNT": "x", "OMP_NUM_THREADS": "4",
        "AWS_SECRET_ACCESS_KEY": "x", "HOME": "/home/ada", "OMP_API_TOKEN": "x", "LC_ALL": "C",
        "XLA_FLAGS": "--proxy=https://ada:hunter2@example.org/",
    }  # fmt: skip
    assert variables.allowed(given) == {"LC_ALL": "C", "OMP_NUM_THREADS": "4", "SLURM_JOB_ID": "7"}


def test_a_recording_is_taken_out_of_an_environment() -> None:
    given = {"LD_PRELOAD": "/a.so:/shim.so", "WFPROV_SHIM": "/shim.so", "WFPROV_JOURNAL": "/j", "X": "1"}
    assert python.unrecorded(given) == {"LD_PRELOAD": "/a.so", "X": "1"}


def test_no_credential_gets_into_the_patch_from_any_side_of_a_change(repository: Path, tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    (repository / ".env").write_text("REGION=north\n")
    (repository / "gone.py").write_text(f"client({token!r})\n")
    (repository / "removed.py").write_text(f'token="{token}"\nx = 1\n')
    (repository / "beside.py").write_text(f"a = 1\nclient({token!r})\n")
    (repository / "packed.bin").write_bytes(b"\0" + token.encode())
    (repository / "login.ini").write_text("user = ada\n")
    git(repository, "add", "--force", ".")
    git(repository, "commit", "-m", "careless")
    (repository / ".env").write_text("REGION=south\n")
    (repository / "gone.py").unlink()
    (repository / "removed.py").write_text("x = 1\n")
    (repository / "beside.py").write_text(f"a = 2\nclient({token!r})\n")
    (repository / "packed.bin").write_bytes(b"\0")
    (repository / "login.ini").write_text("user = ada\npassword = hunter22\n")
    (repository / "src" / "main.py").write_text("print(2)\n")
    (repository / "src" / "tokenizer é.py").write_text("tokens = 3\n")
    found = sections(["python3", "src/main.py"], repository, tmp_path)["git"]
    patch = (tmp_path / "run folder" / PATCH_NAME).read_bytes()
    private = [".env", "beside.py", "gone.py", "login.ini", "packed.bin", "removed.py"]
    assert found["left_out"] == private and found["untracked"] == ["src/tokenizer é.py"]
    assert token.encode() not in patch and b"REGION" not in patch and b"hunter22" not in patch
    assert b"+print(2)" in patch and b"+tokens = 3" in patch
    copy = tmp_path / "copy"
    git(tmp_path, "clone", str(repository), str(copy))
    git(copy, "apply", str(tmp_path / "run folder" / PATCH_NAME))
    assert (copy / "src" / "tokenizer é.py").read_text() == "tokens = 3\n"


def test_files_of_another_system_are_not_taken_for_those_of_the_run(tmp_path: Path) -> None:
    used = Used(("/bin/sh",), (), (), (), (), tmp_path)
    elsewhere = {"host": {"system": "Red Hat Enterprise Linux 9.4", "hostname": "node7"}}
    found = list(examine(used, elsewhere))
    assert not any(section == "files" for section, _ in found)
    assert any("Red Hat" in data["why"] for section, data in found if section == "gap")


def test_software_that_was_examined_on_another_machine_is_told(tmp_path: Path) -> None:
    recorded = {"host": {"hostname": "node7"}, "container": inside.describe()}
    gaps = [data for section, data in examine(Used((), (), (), (), (), tmp_path), recorded) if section == "gap"]
    assert any(gap["what"] == "the software of node7" for gap in gaps)
