"""The shipped example, rebuilt: its environment is deleted, made again from the crate alone, and gives the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import Distribution as Installed
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from sysconfig import get_paths

import pytest
from packaging.requirements import Requirement

from provenance.environment.python.distributions import in_folder, normal_name
from provenance.environment.python.wheels import repack
from tests.conftest import Wfprov
from tests.environment.package_index import serving

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
pytestmark = [
    pytest.mark.skipif(UV is None, reason="uv is not installed"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler builds the wheel of wfprov"),
]


def needed(name: str, found: dict[str, Installed]) -> dict[str, Installed]:
    """Return the distributions that one needs here, itself among them, by normal name."""
    try:
        installed = distribution(name)
    except PackageNotFoundError:
        return found
    if normal_name(name) not in found:
        found[normal_name(name)] = installed
        for text in installed.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                needed(requirement.name, found)
    return found


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of what the example needs, made from what is installed here."""
    folder = tmp_path_factory.mktemp("wheels")
    checkout = tmp_path_factory.mktemp("checkout")  # building leaves files behind
    for name in ("provenance", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, checkout / name)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"),
            *("--wheel-dir", str(folder / "local"), str(checkout)),
        ],
        check=True,
    )
    known = {normal_name(each.name): each for each in in_folder(get_paths()["purelib"])}
    names = {**needed("scikit-learn", {}), **needed("wfprov", {})}
    for name in names.keys() - {"wfprov"}:
        repack(known[name], get_paths(), folder)
    return folder


def test_model_selection_gives_the_same_in_an_environment_made_from_its_crate(
    wheels: Path, tmp_path: Path, wfprov: Wfprov
) -> None:
    work, crate = tmp_path / "work", tmp_path / "crate"
    shutil.copytree(ROOT / "examples/model-selection", work)
    with serving(wheels) as url:
        variables = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "UV_DEFAULT_INDEX": f"{url}/simple/",
            "UV_NO_CONFIG": "1",
            "UV_CACHE_DIR": str(tmp_path / "cache"),
            "UV_PYTHON_DOWNLOADS": "never",
        }

        def call(*words: object, cwd: Path = tmp_path) -> None:
            done = subprocess.run(list(map(str, words)), cwd=cwd, env=variables, capture_output=True, check=False)
            assert done.returncode == 0, (words, done.stderr.decode())

        call(UV, "venv", "--python", sys.executable, "venv")
        call(UV, "pip", "install", "--python", "venv", "scikit-learn", next((wheels / "local").glob("*.whl")))
        wfprov("run", "--", "../venv/bin/python", "workflow.py", "config/design.json", "results", cwd=work)
        wfprov("pack", "-o", crate, cwd=work)
        before = texts(work / "results")
        shutil.rmtree(work)
        shutil.rmtree(tmp_path / "venv")
        shutil.rmtree(wheels / "local")
        environment = crate / "environment"
        call(UV, "venv", "--python", sys.executable, ".venv", cwd=environment)
        call(UV, "pip", "install", "--python", ".venv", "--no-deps", "-r", "requirements.txt", cwd=environment)
        call(
            *(environment / ".venv/bin/python", crate / "application_sources/workflow.py"),
            *(crate / "dataset/config/design.json", tmp_path / "again"),
        )
        # The same as one command, in an environment of its own.
        told = wfprov(
            *("rerun", crate, "--workdir", tmp_path / "repeated", "--trust", "--env", "lock"),
            cwd=tmp_path,
            env=variables,
        ).stdout
    assert told.splitlines()[-1].startswith("reproduced: "), told
    assert texts(tmp_path / "again") == before
    assert "report.md" in before


def texts(folder: Path) -> dict[str, str]:
    """Return the contents of the text files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.suffix in (".csv", ".md", ".json")
    }
