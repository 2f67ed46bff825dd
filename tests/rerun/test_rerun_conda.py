"""conda environments and environment modules, had again from what a crate says of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.environment import conda as examined
from provenance.errors import WfprovError
from provenance.rerun import environments
from provenance.rerun.environments import cache, conda
from provenance.rerun.talk import Silence
from provenance.run.model import Environment, EnvironmentFile, Run, Software, Status
from tests.environment.test_conda import Lab, index, lab, prefix, used_by_run
from tests.environment.test_modules import INIT, needs_modules, tree

rattler = pytest.importorskip("rattler", reason="py-rattler is not installed")
__all__ = ["lab", "prefix", "tree"]  # fixtures


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # without conda of this machine
    yield


def run_with(crate: Path, kinds: dict[str, tuple[str, str]], software: tuple[Software, ...] = ()) -> Run:
    files = []
    for target, (kind, text) in kinds.items():
        (crate / "environment").mkdir(parents=True, exist_ok=True)
        (crate / "environment" / target).write_text(text)
        files.append(EnvironmentFile(target, target, kind, path=str(crate / "environment" / target)))
    return Run("1", "run", Status.COMPLETED, environment=Environment(files=tuple(files), software=software))


def test_a_conda_environment_is_built_from_its_explicit_list(lab: Lab, tmp_path: Path) -> None:
    index(lab.folder / "served" / "lab")
    archives = sorted((lab.folder / "served/lab/linux-64").glob("*.bz2"), reverse=True)  # tone, which sayer needs
    lines = [f"{lab.url}/lab/linux-64/{path.name}" for path in archives]
    text = "# platform: linux-64\n@EXPLICIT\n" + "\n".join(lines) + "\n"
    recorded = (
        Software("tone", "1.2", kind="conda", is_used=True),
        Software("sayer", "0.2", kind="conda", is_used=True),
    )
    run = run_with(tmp_path / "crate", {"conda-explicit.txt": ("conda-explicit", text)}, recorded)
    plan = environments.choose(run, tmp_path / "crate")
    if conda.here() != "linux-64":
        assert "is for linux-64" in plan.why
        return
    assert (plan.kind, plan.problems) == ("lock", ())
    assert "2 conda packages of environment/conda-explicit.txt" in plan.description
    assert "fetches from 127.0.0.1" in plan.description
    ready = environments.prepare(plan, tmp_path / "crate", run, Silence())
    said = subprocess.run([Path(ready.path[0], "say")], capture_output=True, text=True, check=True).stdout
    assert said == "a tone\n"
    assert [(one.what, one.before, one.after) for one in ready.differences if one.aspect == "packages"] == [
        ("sayer", "0.2", "0.3")
    ]
    assert environments.choose(run, tmp_path / "crate", "lock").is_ready


def test_a_checksum_that_differs_ends_the_build(lab: Lab, tmp_path: Path) -> None:
    index(lab.folder / "served" / "lab")
    text = f"# platform: {conda.here()}\n@EXPLICIT\n{lab.url}/lab/linux-64/tone-1.2-h0_0.tar.bz2#{'ab' * 16}\n"
    run = run_with(tmp_path / "crate", {"conda-explicit.txt": ("conda-explicit", text)})
    with pytest.raises(WfprovError, match=r"py-rattler says(?s:.*)--env current"):
        environments.prepare(environments.choose(run, tmp_path / "crate", "lock"), tmp_path / "crate", run, Silence())
    assert not any(path.is_dir() for path in cache.folder().iterdir())


@pytest.mark.parametrize(
    "line", ["file:///srv/a-1-0.conda", "http://host/a.sh", "--channel x", "https://host/../a-1-0.zip"]
)
def test_no_line_but_that_of_an_archive_is_taken(tmp_path: Path, line: str) -> None:
    run = run_with(tmp_path, {"conda-explicit.txt": ("conda-explicit", f"@EXPLICIT\n{line}\n")})
    assert "line 2" in environments.choose(run, tmp_path, "lock").problems[0]


def test_the_files_that_packing_writes_are_understood(lab: Lab, prefix: Path, tmp_path: Path) -> None:
    sections = examined.examine(used_by_run(prefix, lab.folder), {})
    files = next(data for section, data in sections if section == "files")
    kinds = {target: (str(each["kind"]), str(each["text"])) for target, each in files.items()}
    (found,) = conda.conda_locks(run_with(tmp_path / "crate", kinds), tmp_path / "crate")
    assert found.problems == ()
    assert {each.name for each in found.archives} == {"sayer", "tone"}
    assert found.specifications == ("sayer=0.3", "tone=1.2")
    assert all(each.digest for each in found.archives)


@needs_modules
def test_modules_are_loaded_without_a_shell_that_gets_recorded_text(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = f"# Environment modules\nmodule use '{tree}'\nmodule load site\nmodule load greet/1.0\n"
    run = run_with(tmp_path / "crate", {"modules.sh": ("modules", script)})
    monkeypatch.delenv("LOADEDMODULES", raising=False)
    plan = environments.choose(run, tmp_path / "crate")
    assert (plan.kind, plan.problems) == ("modules", ())
    assert "site, greet/1.0" in plan.description
    ready = environments.prepare(plan, tmp_path / "crate", run, Silence())
    variables = {**dict(ready.variables), "PATH": ":".join([*ready.path, "/usr/bin:/bin"])}
    assert variables["SITE"] == "here"
    assert subprocess.run(["greet"], env=variables, capture_output=True, text=True, check=True).stdout == (
        "hello from 1.0\n"
    )
    missing = run_with(tmp_path / "other", {"modules.sh": ("modules", "module load no-such-module/1\n")})
    with pytest.raises(WfprovError, match="no-such-module"):
        environments.prepare(environments.choose(missing, tmp_path / "other"), tmp_path / "other", missing, Silence())


@pytest.mark.parametrize(
    "line", ["touch pwned", "module load a; touch pwned", "module load $(touch pwned)", "module load '-h'", "module 'x"]
)
def test_a_script_with_anything_else_loads_nothing(tmp_path: Path, line: str) -> None:
    run = run_with(tmp_path, {"modules.sh": ("modules", f"module load gcc\n{line}\n")})
    problem = environments.choose(run, tmp_path, "modules").problems[0]
    assert "loads no module" in problem
    assert environments.choose(run, tmp_path).kind == "current"
    assert INIT.name == "bash"


def test_spack_is_given_the_specs_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crate, tool = tmp_path / "crate", tmp_path / "bin" / "spack"
    tool.parent.mkdir()
    tool.write_text(
        '#!/bin/sh\nmkdir -p "$2/.spack-env/view/bin"\ncp "$2/spack.yaml" "$2/.spack-env/view/bin/manifest"\n'
    )
    tool.chmod(0o755)
    manifest = "spack:\n  config: {build_stage: /srv}\n  specs: ['zlib@=1.3', {a: b}]\n  view: false\n"
    run = run_with(crate, {"spack.yaml": ("spack", manifest), "spack.lock": ("spack", '{"roots": []}')})
    assert "Spack" in environments.choose(run, crate).why
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    plan = environments.choose(run, crate)
    assert (plan.kind, plan.is_ready) == ("modules", False)
    ready = environments.prepare(plan, crate, run, Silence())
    given = Path(ready.path[0], "manifest").read_text()
    assert "zlib@=1.3" in given
    assert "build_stage" not in given
    assert environments.choose(run, crate).is_ready
