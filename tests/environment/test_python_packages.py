"""Python environments: examined after a run, deleted, and built again by uv and pip from the written files alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement as Parsed

from provenance.environment import Used, conda
from provenance.environment.python import interpreter as python
from provenance.environment.python import packages as python_packages
from provenance.environment.python import sources as package_sources
from provenance.environment.python import wheels
from provenance.environment.python.distributions import Distribution, in_folder
from provenance.environment.python.requirements import origin, requirement
from tests import planted
from tests.conftest import Wfprov
from tests.environment.package_index import serving, write_project, write_wheel

UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
needs_uv = pytest.mark.skipif(UV is None, reason="uv is not installed")
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

PROGRAM = """
import shapes.area, local_thing, edited_thing, from_git, from_wheel
print(shapes.area.of(2), local_thing.VALUE, edited_thing.VALUE, from_git.VALUE, from_wheel.VALUE, from_wheel.data())
"""


@dataclass(frozen=True)
class Lab:
    """A folder with a virtual environment, and the variables that keep installers from everything else."""

    folder: Path
    url: str

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"{self.url}/simple/",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_DEFAULT_INDEX": f"{self.url}/simple/",
            "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": str(self.folder / "cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_PYTHON_PREFERENCE": "only-system",
            "UV_LINK_MODE": "copy",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def call(self, *command: str | Path, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=cwd or self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def uv(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        assert UV is not None
        return self.call(UV, *arguments, cwd=cwd)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    folder = tmp_path / "läb with blank"
    (folder / "home").mkdir(parents=True)
    wheels = folder / "wheels"
    area = "import numberlib\ndef of(r): return numberlib.PI * r * r\n"
    write_wheel(wheels, "Shapes.Core", "1.5", {"shapes/area.py": area}, ("numberlib>=1",))
    write_wheel(wheels, "numberlib", "1.0", {"numberlib.py": "PI = 3\n"})
    write_wheel(wheels, "numberlib", "2.0", {"numberlib.py": "PI = 4\n"})
    write_wheel(wheels, "never-used", "0.1", {"never_used/__init__.py": "", "shapes/other.py": ""})
    with serving(wheels, folder / "repositories") as url:
        yield Lab(folder, url)


def examined(lab: Lab, interpreters: list[Path], files: list[str], **more: Any) -> dict[str, Any]:
    run_folder = lab.folder / "run"
    run_folder.mkdir(exist_ok=True)
    recorded = more.pop("recorded", {})
    used = Used((), (), tuple(files), (), (str(lab.folder),), run_folder, tuple(map(str, interpreters)), **more)
    found: dict[str, Any] = {"gaps": []}
    for section, data in python_packages.examine(used, recorded):
        json.dumps(data)
        if section == "gap":
            found["gaps"].append(data)
        else:
            found.setdefault(section, {}).update(data)
    return found


def write_files(files: Mapping[str, Any], folder: Path) -> Path:
    for target, known in files.items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if "text" in known:
            path.write_text(known["text"])
        else:
            shutil.copy(known["path"], path)
    return folder


def loaded(python_path: Path, program: str) -> list[str]:
    """Return the files of the modules that a program imports, as a record of the run would have them."""
    code = f"{program}\nimport sys, json\nprint(json.dumps([m.__file__ for m in sys.modules.values() " + (
        "if getattr(m, '__file__', None)]))"
    )
    done = subprocess.run([python_path, "-I", "-c", code], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def freeze(lab: Lab, venv: Path) -> set[tuple[str, str]]:
    listed = json.loads(lab.uv("pip", "list", "--python", venv, "--format", "json"))
    return {(each["name"].lower().replace(".", "-").replace("_", "-"), each["version"]) for each in listed}


def repository(lab: Lab, name: str, value: str) -> tuple[Path, str]:
    source = write_project(
        lab.folder / "sources" / name, name, "3.0", {f"{name.replace('-', '_')}.py": f"VALUE = {value}\n"}
    )
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")
    lab.call(*git, "init", "-q", cwd=source)
    lab.call(*git, "add", ".", cwd=source)
    lab.call(*git, "commit", "-q", "-m", "first", cwd=source)
    commit = lab.call(*git, "rev-parse", "HEAD", cwd=source).strip()
    bare = lab.folder / "repositories" / f"{name}.git"
    lab.call(*git, "clone", "-q", "--bare", str(source), str(bare))
    return bare, commit


@needs_uv
@needs_git
def test_an_environment_is_built_again_by_uv_and_by_pip(lab: Lab) -> None:
    venv = lab.folder / "vénv"
    interpreter = venv / "bin" / "python"
    lab.uv("venv", "--python", sys.executable, venv)
    _, commit = repository(lab, "from-git", "7")
    write_project(lab.folder / "local", "local-thing", "0.5", {"local_thing.py": "VALUE = 'local'\n"})
    edited = write_project(lab.folder / "edited", "edited-thing", "0.6", {"edited_thing.py": "VALUE = 'edited'\n"})
    (edited / "build").mkdir()
    (edited / "build" / "old.py").write_text("")
    (edited / ".env").write_text("TOKEN=hunter2hunter2\n")
    wheel = write_wheel(
        lab.folder / "built", "from-wheel", "0.7",
        {"from_wheel/__init__.py": "import pathlib\nVALUE = 9\ndef data(): return (pathlib.Path(__file__).parent / "
         "'dätä, 1.txt').read_text()\n", "from_wheel/dätä, 1.txt": "ten",
         "from_wheel-0.7.data/scripts/say-nine": "#!python\nprint(9)\n"},
        entry_points_txt="[console_scripts]\nnine = from_wheel:data\n",
    )  # fmt: skip
    address = f"{lab.url.replace('http://', 'http://ada:hunter2@')}/git/from-git.git"
    lab.uv("pip", "install", "--python", venv, "Shapes.Core", "numberlib<2", "never-used", lab.folder / "local", wheel,
           "-e", lab.folder / "edited", f"from-git @ git+{address}@{commit}")  # fmt: skip
    before = freeze(lab, venv)
    output = lab.call(interpreter, "-c", PROGRAM)

    found = examined(lab, [interpreter], loaded(interpreter, PROGRAM))
    assert found["gaps"] == [
        {"what": "Python package edited-thing", "why": "too large or private, left out of its sources: .env"}
    ]
    software = found["software"]
    assert {name for name, each in software.items() if each["is_used"]} == {
        *("python-interpreter:CPython", "python:Shapes.Core", "python:numberlib", "python:local-thing"),
        *("python:edited-thing", "python:from-git", "python:from-wheel"),
    }
    shapes = software["python:Shapes.Core"]
    assert shapes["purl"] == "pkg:pypi/shapes-core@1.5" and shapes["license"] == "MIT"
    assert (shapes["origin"], shapes["installer"]) == ("index", "uv")
    assert software["python:from-git"]["origin"] == f"git+{lab.url}/git/from-git.git@{commit}"
    assert software["python:edited-thing"]["is_editable"] is True
    assert "purl" not in software["python:local-thing"]
    site = next((venv / "lib").glob("python3*/site-packages"))
    assert found["owners"][f"{site}/shapes/area.py"] == "python:Shapes.Core"  # a folder of two distributions
    assert found["owners"][f"{site}/shapes/other.py"] == "python:never-used"
    assert found["owners"][f"{site}/from_wheel/"] == "python:from-wheel"
    assert found["owners"][f"{edited}/src/"] == "python:edited-thing"
    text = json.dumps(found["files"]) + json.dumps(software)
    assert "hunter2" not in text
    assert not [name for name in found["files"] if ".env" in name or "/build/" in name]
    lines = found["files"]["requirements.txt"]["text"]
    for line in lines.splitlines():
        if line and line[0] not in "#-.":
            Parsed(line.partition("  #")[0])

    environment = write_files(found["files"], lab.folder / "crate" / "environment")
    for gone in (venv, lab.folder / "local", edited, wheel.parent, lab.folder / "cache"):
        shutil.rmtree(gone)
    version = found["files"]["requirements.txt"]["rebuild"]
    assert version[0] == f"uv venv --python {'.'.join(map(str, sys.version_info[:3]))} .venv"
    lab.uv("venv", "--python", sys.executable, ".venv", cwd=environment)
    assert version[1].startswith("uv ")
    lab.uv(*version[1].split()[1:], cwd=environment)
    assert freeze(lab, environment / ".venv") == before
    assert lab.call(environment / ".venv" / "bin" / "python", "-c", PROGRAM) == output
    assert lab.call(environment / ".venv" / "bin" / "say-nine") == "9\n"
    assert (environment / ".venv" / "bin" / "nine").exists()

    shutil.rmtree(environment / ".venv")
    lab.uv("venv", "--python", sys.executable, ".venv", cwd=environment)
    pip = (sys.executable, "-m", "pip", "--python", ".venv", "install", "--no-deps", "-r", "requirements.txt")
    lab.call(*pip, cwd=environment)
    assert freeze(lab, environment / ".venv") == before
    assert lab.call(environment / ".venv" / "bin" / "python", "-c", PROGRAM) == output


@needs_uv
def test_two_environments_have_a_file_each(lab: Lab) -> None:
    for name, version in (("one", "1.0"), ("two", "2.0")):
        lab.uv("venv", "--python", sys.executable, lab.folder / name)
        lab.uv("pip", "install", "--python", lab.folder / name, f"numberlib=={version}")
    pythons = [lab.folder / "one" / "bin" / "python", lab.folder / "one" / "bin" / "python3"]
    found = examined(lab, [*pythons, lab.folder / "two" / "bin" / "python"], [])
    assert sorted(found["files"]) == ["requirements-2.txt", "requirements.txt"]
    assert "numberlib==1.0\n" in found["files"]["requirements.txt"]["text"]
    second = found["files"]["requirements-2.txt"]
    assert "numberlib==2.0\n" in second["text"] and str(lab.folder / "two" / "bin" / "python") in second["text"]
    assert second["rebuild"][1] == "uv pip install --python .venv-2 --no-deps -r requirements-2.txt"
    assert found["software"]["python:numberlib"]["version"] == "1.0"
    assert found["software"]["python:numberlib@2.0"]["version"] == "2.0"
    assert "is_used" not in found["software"]["python:numberlib"]  # nothing was seen of what it opened
    assert len({owner for path, owner in found["owners"].items() if path.endswith("/numberlib.py")}) == 2


@needs_uv
def test_what_changed_since_the_run_is_told(lab: Lab) -> None:
    venv = lab.folder / "venv"
    lab.uv("venv", "--python", sys.executable, venv)
    lab.uv("pip", "install", "--python", venv, "numberlib<2", "never-used")
    answer = python.ask(str(venv / "bin" / "python"), str(lab.folder), {"PATH": os.environ["PATH"]})
    assert answer is not None
    recorded = {"interpreter": answer.interpreter, "packages": answer.packages}
    end = time.time_ns()
    lab.uv("pip", "install", "--python", venv, "numberlib>=2", "Shapes.Core")
    lab.uv("pip", "uninstall", "--python", venv, "never-used")
    site = next((venv / "lib").glob("python3*/site-packages"))
    found = examined(lab, [], [f"{site}/shapes/area.py"], recorded=recorded, end=end)
    told = {(gap["what"], gap["why"]) for gap in found["gaps"]}
    assert ("Python package numberlib", "it was 1.0 when the run began and has become 2.0") in told
    assert ("Python package never-used", "it was 0.1 when the run began and is no longer installed") in told
    assert any("Shapes.Core" in what and "after the run began" in why for what, why in told)
    assert any("after the run had ended: numberlib, Shapes.Core" in why for _, why in told)
    assert found["software"]["python:numberlib"] == {
        "name": "numberlib", "version": "1.0", "kind": "python", "is_used": False,
    }  # fmt: skip
    assert "numberlib==1.0  # as the run had it" in found["files"]["requirements.txt"]["text"]
    assert not any(owner == "python:numberlib" for owner in found["owners"].values())


@needs_uv
def test_unused_local_packages_are_left_out_and_named(lab: Lab) -> None:
    venv = lab.folder / "venv"
    lab.uv("venv", "--python", sys.executable, venv)
    write_project(lab.folder / "local", "local-thing", "0.5", {"local_thing.py": "VALUE = 'local'\n"})
    lab.uv("pip", "install", "--python", venv, "numberlib", lab.folder / "local")
    site = next((venv / "lib").glob("python3*/site-packages"))
    # Metadata are opened by whoever lists what is installed.
    opened = [f"{site}/numberlib.py", f"{site}/local_thing-0.5.dist-info/METADATA"]
    files = examined(lab, [venv / "bin" / "python"], opened)["files"]
    assert list(files) == ["requirements.txt"]
    assert (
        "# - local-thing 0.5: comes from the machine itself, and this run did not use it"
        in (files["requirements.txt"]["text"])
    )


@needs_uv
def test_a_special_index_is_named_without_its_login(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = lab.folder / "venv"
    lab.uv("venv", "--python", sys.executable, venv)
    lab.uv("pip", "install", "--python", venv, "numberlib")
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:hunter2@mirror.example.org/simple")
    monkeypatch.setenv("UV_INDEX", "lab=https://__token__:hunter2@uv.example.org/simple")
    text = examined(lab, [venv / "bin" / "python"], [])["files"]["requirements.txt"]["text"]
    assert "# A special index is set up on the machine: PIP_INDEX_URL: https://mirror.example.org/simple" in text
    assert "UV_INDEX: https://uv.example.org/simple" in text
    assert "hunter2" not in text


def test_a_python_that_does_not_answer_is_a_gap(tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "python3"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    used = Used((), (), (), (), (), tmp_path, (str(broken), str(tmp_path / "gone" / "python")))
    gaps = [data["path"] for section, data in python_packages.examine(used, {}) if section == "gap"]
    assert gaps == [str(broken), str(tmp_path / "gone" / "python")]


def install_by_hand(folder: Path, name: str, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / name / path).write_text(text)


CERTIFICATE = "# Issuer: nobody\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def fake_interpreter(prefix: Path, site: Path) -> Path:
    """Write a program that answers as an interpreter in an environment of another kind than this machine has."""
    interpreter = prefix / "bin" / "python"
    interpreter.parent.mkdir()
    answer = {"implementation": "CPython", "version": "3.11.9", "language": "3.11.9", "pre": False,
              "free_threaded": False, "prefix": str(prefix), "base": str(prefix), "path": [str(site)],
              "paths": {}}  # fmt: skip
    interpreter.write_text(f"#!{sys.executable}\nprint({json.dumps(answer)!r})\n")
    interpreter.chmod(0o755)
    return interpreter


def test_metadata_of_all_kinds_are_read(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    install_by_hand(site, "plain-1.0.dist-info", {"METADATA": "Metadata-Version: 2.1\nVersion: 1.0\n\nName: wrong\n"})
    install_by_hand(site, "old_egg-2.0-py3.8.egg-info", {"PKG-INFO": "Name: old-egg\nVersion: 2.0\nLicense: UNKNOWN\n"})
    (site / "flat-3.0.egg-info").write_text(
        "Name: flat\nVersion: 3.0\nClassifier: License :: OSI Approved :: MIT License\n"
    )
    install_by_hand(site, "broken-4.0.dist-info", {"direct_url.json": "{"})
    install_by_hand(site, "torn-5.0.dist-info", {"METADATA": "Name: torn\nVersion: 5.0\n", "direct_url.json": "{"})
    found = {each.name: each for each in in_folder(str(site))}
    assert {name: each.version for name, each in found.items()} == {
        "plain": "1.0", "old-egg": "2.0", "flat": "3.0", "torn": "5.0",
    }  # fmt: skip
    assert found["flat"].license == "MIT License" and found["old-egg"].license is None
    egg = site / "zipped_thing-6.0-py3.11.egg"
    with zipfile.ZipFile(egg, "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Name: zipped-thing\nVersion: 6.0\n")
    (zipped,) = in_folder(str(egg))
    assert (zipped.name, zipped.version) == ("zipped-thing", "6.0")
    assert requirement(zipped).text == "zipped-thing==6.0"


def test_packages_of_the_system_and_of_conda_are_not_for_pip(tmp_path: Path) -> None:
    prefix = tmp_path / "conda"
    site = prefix / "lib" / "python3.11" / "site-packages"
    install_by_hand(site, "solved-1.0.dist-info", {
        "METADATA": "Name: solved\nVersion: 1.0\n", "INSTALLER": "pip\n",
        "direct_url.json": '{"url": "file:///home/conda/feedstock_root", "dir_info": {}}',
    })  # fmt: skip
    install_by_hand(site, "added-2.0.dist-info", {"METADATA": "Name: added\nVersion: 2.0\n", "INSTALLER": "pip\n"})
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "solved-1.0-0.json").write_text(json.dumps(
        {"name": "solved", "version": "1.0", "build": "0",
         "files": ["lib/python3.11/site-packages/solved-1.0.dist-info/METADATA"]}, indent=2))  # fmt: skip
    interpreter = fake_interpreter(prefix, site)
    used = Used((), (), (), (), (), tmp_path, (str(interpreter),))
    sections = dict(python_packages.examine(used, {}))
    assert sections["software"]["python:solved"]["installer"] == "conda"
    assert "origin" not in sections["software"]["python:solved"]
    text = sections["files"]["requirements.txt"]["text"]
    assert "added==2.0" in text and "solved" not in text
    assert sections["files"]["requirements.txt"]["rebuild"] == [
        "uv pip install --python conda-env/bin/python --no-deps -r requirements.txt"
    ]
    files = {
        name: each for section, data in conda.examine(used, {}) if section == "files" for name, each in data.items()
    }
    assert yaml.safe_load(files["conda-environment.yml"]["text"])["dependencies"] == [
        "solved=1.0=0", "pip", {"pip": ["-r requirements.txt"]},
    ]  # fmt: skip
    assert files["conda-explicit.txt"]["rebuild"] == [
        "micromamba create --yes --prefix ./conda-env --file conda-explicit.txt"
    ]


def test_names_that_could_lead_out_of_the_crate_do_not(tmp_path: Path) -> None:
    """What a damaged or hostile environment calls its packages is no path."""
    site = tmp_path / "site-packages"
    for number, name in enumerate(["../../up", "a b", "", "-e", "x\u2028y"]):
        url = (tmp_path / "project").as_uri()
        install_by_hand(site, f"n{number}-1.dist-info", {
            "METADATA": f"Name: {name}\nVersion: 1/../2\n", "WHEEL": "Tag: py3-none-any\n", "RECORD": "a.py,,\n",
            "direct_url.json": json.dumps({"url": url, "dir_info": {"editable": number % 2 == 0}}),
        })  # fmt: skip
    write_project(tmp_path / "project", "project", "1", {})
    interpreter = fake_interpreter(tmp_path, site)
    sections = dict(python_packages.examine(Used((), (), (), (), (), tmp_path / "run", (str(interpreter),)), {}))
    assert list(sections["files"]) == ["requirements.txt"] and not (tmp_path / "up").exists()
    assert all(line[:1] in ("", "#") for line in sections["files"]["requirements.txt"]["text"].splitlines())


def test_private_files_stay_out_of_sources_and_wheels(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", "own", "1", {"own/__init__.py": "", "own/ca.pem": CERTIFICATE})
    private = ("src/own/server.key", "id_rsa", "src/own/.env", "credentials.json")
    for name in (*private, "src/own/data\n\udcff#.py", ".git/config", "build/x.py", "tests/test_own.py", "LICENSE"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(name.encode(errors="replace").decode())
    (project / "src" / "own" / "renamed.txt").write_text("-----BEGIN RSA PRIVATE KEY-----\n")
    (project / "out").symlink_to("/etc/passwd")
    found = package_sources.of_project(str(project), [f"{project}/src/"])
    assert set(found.files) == {
        *("pyproject.toml", "backend.py", "LICENSE", "src/own/__init__.py", "src/own/ca.pem"),
        "src/own/data\n\udcff#.py",
    }
    assert set(found.left_out) == {*private, "src/own/renamed.txt"} - {"src/own/.env"} | {"src/own/.env"}


@pytest.mark.parametrize(
    ("name", "text", "is_carried"),
    [
        ("pyproject.toml", '[tool.setuptools]\npackage-data = {own = ["tests/data"]}\n', True),
        ("pyproject.toml", '[tool.ruff.lint.per-file-ignores]\n"tests/**" = ["D"]\n', False),
        ("pyproject.toml", '[[tool.mypy.overrides]]\nmodule = ["tests/x"]\n[tool.pdm.build]\nx = "tests/"\n', True),
        ("setup.cfg", "[tool:pytest]\ntestpaths = tests/\n[flake8]\nexclude = tests/x\n", False),
    ],
)
def test_tests_are_carried_when_the_build_speaks_of_them_and_not_a_checker(
    tmp_path: Path, name: str, text: str, is_carried: bool
) -> None:
    project = write_project(tmp_path / "project", "own", "1", {"own/__init__.py": ""})
    (project / "tests").mkdir()
    (project / "tests" / "data.py").write_text("")
    with (project / name).open("a") as file:
        file.write(f"\n{text}")
    assert ("tests/data.py" in package_sources.of_project(str(project), [f"{project}/src/"]).files) is is_carried


def test_only_what_the_build_or_the_run_needs_is_carried(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", "own", "1", {"own/__init__.py": ""})
    with (project / "pyproject.toml").open("a") as file:
        file.write('\n[tool.ruff.lint.per-file-ignores]\n"tests/**" = ["D"]\n[tool.own]\ndata = "examples/data.toml"\n')
    for name in ("tests/test_own.py", "docs/index.md", "scripts/release.sh", "examples/data.toml", "tools/used.py"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("")
    found = package_sources.of_project(str(project), [f"{project}/src/", f"{project}/tools/used.py"])
    beside = {name for name in found.files if "/" in name and not name.startswith("src/")}
    assert beside == {"examples/data.toml", "tools/used.py"}


def test_code_that_speaks_of_private_keys_is_carried_and_keys_are_not(tmp_path: Path) -> None:
    speaks = "BEGIN = '-----BEGIN RSA PRIVATE KEY-----'\n\ndef is_key(text): return BEGIN in text\n"
    files = {"own/__init__.py": "", "own/speaks.py": speaks, "own/holds.py": f'KEY = """{planted.private_key(1)}"""\n'}
    project = write_project(tmp_path / "project", "own", "1", files)
    found = package_sources.of_project(str(project), [f"{project}/src/"])
    assert "src/own/speaks.py" in found.files
    assert found.left_out == ("src/own/holds.py",)


def test_a_wheel_has_no_credentials(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    code = f"TOKEN = '{planted.github(1)}'\n"
    files = {"own/__init__.py": code, "own/data.bin": "\0" + planted.github(2), "own/speaks.py": "x = 1\n"}
    wheel = write_wheel(tmp_path / "built", "own", "1", files)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (distribution,) = in_folder(str(site))
    made = wheels.repack(distribution, {"purelib": str(site)}, tmp_path / "again")
    assert (made.cleaned, made.left_out) == (("own/__init__.py",), ())
    with zipfile.ZipFile(made.path) as archive:
        assert archive.read("own/__init__.py") == b"TOKEN = '[removed: token]'\n"
        assert archive.read("own/speaks.py") == b"x = 1\n"
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", str(tmp_path / "t")]
    done = subprocess.run([*pip, str(made.path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # its RECORD is right


NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True)
COMMITS = st.text("0123456789abcdef", min_size=40, max_size=40)
HOSTS = st.from_regex(r"[a-z][a-z0-9-]{0,10}\.example\.org(:[0-9]{2,4})?", fullmatch=True)
PATHS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
LOGINS = st.sampled_from(["", "ada@", "ada:hunter2@", "ghp_hunter2hunter2hunter2@"])


@given(NAMES, LOGINS, HOSTS, PATHS, COMMITS, st.sampled_from(["https", "ssh", "http"]))
def test_every_repository_is_a_line_that_parses(
    name: str, login: str, host: str, path: str, commit: str, scheme: str
) -> None:
    url = f"{scheme}://{login}{host}/{path}"
    direct = {"url": url, "vcs_info": {"vcs": "git", "commit_id": commit}}
    line = requirement(Distribution(name, "1.0", "/site", "/site/x.dist-info", None, direct)).text
    if line is not None:
        parsed = Parsed(line)
        assert parsed.name == name and parsed.url is not None and f"@{commit}" in parsed.url
        assert "hunter2@" not in line and "\n" not in line
    assert "hunter2@" not in str(origin(Distribution(name, "1.0", "/site", "/site/x.dist-info", None, direct)))


@given(NAMES, LOGINS, HOSTS, PATHS, st.booleans())
def test_every_archive_is_a_line_that_parses(name: str, login: str, host: str, path: str, is_old: bool) -> None:
    digest = "ab" * 32
    information = {"hash": f"sha256={digest}"} if is_old else {"hashes": {"sha256": digest}}
    direct = {"url": f"https://{login}{host}/{path}", "archive_info": information}
    line = requirement(Distribution(name, "1.0", "/site", "/site/x.dist-info", None, direct)).text
    if line is not None:
        assert Parsed(line).name == name and f"sha256={digest}" in line
        assert "hunter2@" not in line and "\n" not in line


@given(st.text(max_size=15), st.text(max_size=15))
def test_any_name_and_version_is_a_line_or_a_reason(name: str, version: str) -> None:
    found = requirement(Distribution(name, version, "/site", "/site/x.dist-info"))
    if found.text is None:
        assert found.remark
    else:
        parsed = Parsed(found.text)
        assert parsed.name == name and str(parsed.specifier).startswith("==")


def test_credentials_in_addresses_are_taken_away() -> None:
    direct = {"url": "https://h.example.org/a.zip?X-Amz-Signature=hunter2&download=1", "archive_info": {}}
    found = requirement(Distribution("a", "1", "/s", "/s/a.dist-info", None, direct))
    assert found.text == "a @ https://h.example.org/a.zip?download=1"
    assert found.remark == "the address was used with a login"
    direct = {"url": "ssh://git@h.example.org/lab/a.git", "vcs_info": {"vcs": "git", "commit_id": "ab" * 20},
              "subdirectory": "python"}  # fmt: skip
    found = requirement(Distribution("a", "1", "/s", "/s/a.dist-info", None, direct))
    assert found.text == f"a @ git+ssh://git@h.example.org/lab/a.git@{'ab' * 20}#subdirectory=python"
    assert found.remark is None


@needs_uv
def test_a_crate_has_what_its_environment_is_built_from(lab: Lab, wfprov: Wfprov) -> None:
    """The whole way: recorded, packed, the environment deleted and built again from the crate alone."""
    work = lab.folder / "work"
    edited = write_project(work / "own", "own-thing", "0.6", {"own_thing.py": "VALUE = 'own'\n"})
    lab.uv("venv", "--python", sys.executable, work / "env")
    lab.uv("pip", "install", "--python", work / "env", "Shapes.Core", "numberlib<2", "-e", edited)
    main = work / "main.py"
    main.write_text(
        "import own_thing, shapes.area\nopen('out.txt', 'w').write(own_thing.VALUE + str(shapes.area.of(2)))\n"
    )
    (work / "Makefile").write_text("all:\n\t./env/bin/python main.py\n")
    crate = lab.folder / "crate"
    # The interpreter is started by make: nothing was known of it when the run began.
    wfprov("run", "--quiet", f"--pack={crate}", "--", "make", "all", cwd=work, env={"PIP_CONFIG_FILE": os.devnull})
    output = (work / "out.txt").read_text()
    assert output == "own12"
    for gone in ("env", "own", "out.txt", ".wfprov"):
        (shutil.rmtree if (work / gone).is_dir() else os.unlink)(work / gone)
    environment = crate / "environment"
    text = (environment / "requirements.txt").read_text()
    assert "\nnumberlib==1.0\n" in text and "\n-e ./packages/own-thing  #" in text
    lab.uv("venv", "--python", sys.executable, ".venv", cwd=environment)
    lab.uv("pip", "install", "--python", ".venv", "--no-deps", "-r", "requirements.txt", cwd=environment)
    lab.call(environment / ".venv" / "bin" / "python", "main.py", cwd=work)
    assert (work / "out.txt").read_text() == output


def test_what_an_interrupted_installation_left_behind_is_not_installed(tmp_path: Path) -> None:
    install_by_hand(tmp_path, "~umpy-1.0.dist-info", {"METADATA": "Name: numpy\nVersion: 1.0\n"})
    install_by_hand(tmp_path, "numpy-2.0.dist-info", {"METADATA": "Name: numpy\nVersion: 2.0\n"})
    assert [(each.name, each.version) for each in in_folder(str(tmp_path))] == [("numpy", "2.0")]
    asked = python.ask(sys.executable, str(tmp_path), {"PYTHONPATH": str(tmp_path)})
    assert asked is not None and asked.packages["numpy"] == "2.0"


def test_a_python_without_packages_is_rebuilt_too(tmp_path: Path) -> None:
    (tmp_path / "site-packages").mkdir()
    interpreter = fake_interpreter(tmp_path, tmp_path / "site-packages")
    sections = dict(python_packages.examine(Used((), (), (), (), (), tmp_path, (str(interpreter),)), {}))
    assert sections["files"]["requirements.txt"]["rebuild"][0] == "uv venv --python 3.11.9 .venv"


def test_modules_of_no_package_are_told(tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    install_by_hand(site, "whole-1.0.dist-info", {"METADATA": "Name: whole\nVersion: 1.0\n", "RECORD": "whole.py,,\n"})
    files = (str(site / "whole.py"), str(site / "loose.py"), str(tmp_path / "own.py"))
    interpreter = fake_interpreter(tmp_path, site)
    used = Used((), (), files, (), (), tmp_path, (str(interpreter),))
    (told,) = [data for section, data in python_packages.examine(used, {}) if section == "gap"]
    assert told["what"] == f"Python modules: {site}/loose.py"


def test_an_environment_that_is_gone_is_rebuilt_from_what_the_start_of_the_run_knew(tmp_path: Path) -> None:
    path = str(tmp_path / "venv" / "bin" / "python")
    recorded = {
        "interpreter": {"name": "CPython", "version": "3.12.1", "path": path, "prefix": str(tmp_path / "venv")},
        "packages": {"six": "1.17.0", "numpy": "2.0"},
    }
    found = list(python_packages.examine(Used((), (), (), (), (), tmp_path, (path,)), recorded))
    gaps = [data for section, data in found if section == "gap"]
    made = dict(found)["files"]["requirements.txt"]
    assert [gap["path"] for gap in gaps] == [str(tmp_path / "venv")]
    assert made["rebuild"][0] == "uv venv --python 3.12.1 .venv"
    assert "six==1.17.0" in made["text"] and "numpy==2.0" in made["text"]


def test_an_interpreter_is_known_behind_the_script_that_starts_it(tmp_path: Path) -> None:
    shim = tmp_path / "shims" / "python"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    shim.chmod(0o755)
    sections = dict(python_packages.examine(Used((), (), (), (), (), tmp_path, (str(shim),)), {}))
    owner = sections["owners"][os.path.realpath(sys.executable)]
    assert sections["software"][owner]["kind"] == "python-interpreter"


def test_native_code_that_names_the_first_line_of_keys_is_carried_and_one_with_a_key_is_not() -> None:
    library = b"\x7fELF\0\0-----BEGIN RSA PRIVATE KEY-----\0-----END RSA PRIVATE KEY-----\n\0"
    assert not package_sources.must_stay("own/_ssl.abi3.so", library)
    assert package_sources.must_stay("own/_own.abi3.so", library + planted.private_key(1).encode())
