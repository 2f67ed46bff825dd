"""Environment modules: which were loaded when a run began, and a script that loads them again."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from provenance.environment import modules, spack
from provenance.environment.system import packages as system_packages
from tests.conftest import Wfprov
from tests.environment.examining import answer, used

INIT = Path("/usr/share/modules/init/bash")
needs_modules = pytest.mark.skipif(
    not INIT.is_file() or shutil.which("bash") is None, reason="environment-modules is not installed"
)
LEAF = '#%Module1.0\nset root {root}\nprepend-path PATH "$root/bin"\nsetenv GREET_WORD hello\n'


def shell(script: str, cwd: Path, environment: dict[str, str]) -> str:
    """Run a script in a shell that has `module`, with no module loaded."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-c", f"source {INIT}\n{script}"],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Module files for two versions of a program, and one that needs it."""
    tree = tmp_path / "module files"
    for version in ("1.0", "2.0"):
        program = tmp_path / "software" / "greet" / version / "bin" / "greet"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\necho "$GREET_WORD from {version}"\n')
        program.chmod(0o755)
        (tree / "greet").mkdir(parents=True, exist_ok=True)
        (tree / "greet" / version).write_text(LEAF.format(root=program.parent.parent))
    (tree / "site").write_text("#%Module1.0\nsetenv SITE here\n")
    return tree


@needs_modules
def test_a_run_with_modules_is_rebuilt_from_the_crate(tree: Path, tmp_path: Path, wfprov: Wfprov) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "work.sh").write_text("#!/bin/sh\ngreet > out.txt\n")
    (work / "work.sh").chmod(0o755)
    shell(
        f"module use '{tree}'\nmodule load site greet/1.0\nwfprov run -- ./work.sh",
        work,
        {**wfprov.environment, "MODULEPATH": ""},
    )
    first = (work / "out.txt").read_text()
    assert first == "hello from 1.0\n"

    (journal,) = (work / ".wfprov").glob("*/run.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    (recorded,) = (e["data"] for e in events if e["e"] == "environment" and e["section"] == "modules")
    assert list(recorded.items()) == [("site", str(tree / "site")), ("greet/1.0", str(tree / "greet" / "1.0"))]

    wfprov("pack", cwd=work)
    (crate,) = work.glob("*-crate")
    metadata = json.loads((crate / "ro-crate-metadata.json").read_text())["@graph"]
    assert any(entity.get("name") == "greet" and entity.get("version") == "1.0" for entity in metadata)

    rebuilt = tmp_path / "rebuilt"
    rebuilt.mkdir()
    clean = {**wfprov.environment, "MODULEPATH": ""}
    shell(f"cd {crate}/environment\n. ./modules.sh\ncd {rebuilt}\n{work}/work.sh", rebuilt, clean)
    assert (rebuilt / "out.txt").read_text() == first


@needs_modules
def test_a_run_with_software_of_spack_is_rebuilt_with_its_module(tree: Path, tmp_path: Path, wfprov: Wfprov) -> None:
    prefix = tmp_path / "software/greet/2.0"
    (prefix / ".spack").mkdir()
    node = {"name": "greet", "version": "2.0", "hash": "a" * 32, "namespace": "builtin", "parameters": {}}
    (prefix / ".spack/spec.json").write_text(json.dumps({"spec": {"_meta": {"version": 4}, "nodes": [node]}}))
    work = tmp_path / "work"
    work.mkdir()
    clean = {**wfprov.environment, "MODULEPATH": ""}
    run = "wfprov run -- sh -c 'greet > out.txt; cat out.txt'"
    shell(f"module use '{tree}'\nmodule load greet/2.0\n{run}", work, clean)
    wfprov("pack", cwd=work)
    (crate,) = work.glob("*-crate")
    # Spack would read these two.
    manifest = yaml.safe_load((crate / "environment" / spack.MANIFEST).read_text())
    assert manifest["spack"]["specs"] == ["greet@=2.0"]
    assert json.loads((crate / "environment" / spack.LOCK).read_text())["concrete_specs"] == {"a" * 32: node}

    rebuilt = tmp_path / "rebuilt"
    rebuilt.mkdir()
    assert shell(f". {crate}/environment/modules.sh\ngreet", rebuilt, clean) == (work / "out.txt").read_text()


def test_software_and_owners(tree: Path, tmp_path: Path) -> None:
    recorded = {"modules": {"site": str(tree / "site"), "greet/1.0": str(tree / "greet/1.0")}}
    program = tmp_path / "software/greet/1.0/bin/greet"
    found = answer(modules, used(programs=[program]), recorded)
    assert found["software"] == {
        "module:site": {"name": "site", "kind": "module", "path": str(tree / "site")},
        "module:greet/1.0": {
            "name": "greet",
            "version": "1.0",
            "kind": "module",
            "path": str(tree / "greet/1.0"),
            "is_used": True,
        },
    }
    assert found["owners"] == {f"{tmp_path}/software/greet/1.0/": "module:greet/1.0"}
    assert "is_used" not in answer(modules, used(programs=["/bin/sh"]), recorded)["software"]["module:greet/1.0"]


def test_a_program_of_no_package_belongs_to_the_module_that_brought_it(tree: Path, tmp_path: Path) -> None:
    program = tmp_path / "software/greet/1.0/bin/greet"
    recorded = {"modules": {"greet/1.0": str(tree / "greet/1.0")}}
    found = answer(system_packages, used(programs=[program]), recorded)
    assert found["owners"] == {str(program): "module:greet/1.0"}
    assert found["software"]["program:greet"]["sha256"]


def test_shared_folders_belong_to_no_module(tmp_path: Path) -> None:
    file = tmp_path / "m"
    file.write_text("#%Module\nprepend-path PATH /usr/bin\nprepend-path MANPATH /usr/local/share/man\n# /etc/x11/y\n")
    assert modules.folders({"m/1": str(file)}) == {}
    both = tmp_path / "tool" / "1.0"
    both.mkdir(parents=True)
    file.write_text(f"prepend-path PATH {both}/bin\n")
    assert modules.folders({"m/1": str(file)}) == {f"{both}/": "module:m/1"}
    assert modules.folders({"m/1": str(file), "m/2": str(file)}) == {}


def test_no_modules_no_section() -> None:
    assert modules.describe({}) == {}
    assert modules.describe({"LOADEDMODULES": "", "_LMFILES_": ""}) == {}
    assert dict(answer(modules, used())) == {"gap": []}


def test_lmod_tells_files_in_its_table() -> None:
    table = (
        '_ModuleTable_ = {MTversion = 3, depthT = {}, mT = { gcc = { fn = "/m/Core/gcc/12.2.lua", '
        'fullName = "gcc/12.2", loadOrder = 1, status = "active", }, ["netcdf-c"] = { ["fn"] = "/m/netcdf-c/4.9.lua", '
        '["fullName"] = "netcdf-c/4.9", loadOrder = 2, }, }, }'
    )
    coded = base64.b64encode(table.encode()).decode()
    variables = {
        "LOADEDMODULES": "gcc/12.2:netcdf-c/4.9",
        "_ModuleTable001_": coded[:100],
        "_ModuleTable002_": coded[100:],
        "_ModuleTable_Sz_": "2",
    }
    assert modules.describe(variables) == {"gcc/12.2": "/m/Core/gcc/12.2.lua", "netcdf-c/4.9": "/m/netcdf-c/4.9.lua"}
    script = answer(modules, used(), {"modules": modules.describe(variables)})["files"]["modules.sh"]["text"]
    assert script.splitlines()[1:] == [
        "module use /m/Core",
        "module load gcc/12.2",
        "module use /m",
        "module load netcdf-c/4.9",
    ]


def test_files_that_are_split_or_missing() -> None:
    split = {"LOADEDMODULES": "a/1:b/2", "_LMFILES_000": "/m/a", "_LMFILES_001": "/1:/m/b/2"}
    assert modules.describe(split) == {"a/1": "/m/a/1", "b/2": "/m/b/2"}
    assert modules.describe({"LOADEDMODULES": "a/1:b/2", "_LMFILES_": "/m/b/2"}) == {"a/1": "", "b/2": "/m/b/2"}
    assert modules.describe({"LOADEDMODULES": "a/1", "_ModuleTable001_": "%%%"}) == {"a/1": ""}


@given(st.text(st.characters(exclude_characters="\0"), max_size=30), st.text(max_size=30))
def test_any_values_of_the_variables_are_no_fault(names: str, files: str) -> None:
    found = modules.describe({"LOADEDMODULES": names, "_LMFILES_": files, "_ModuleTable001_": files})
    assert set(found) == {name for name in names.split(":") if name}
    answer(modules, used(), {"modules": found})


def test_odd_names_are_quoted(tmp_path: Path) -> None:
    name = "$(touch pwned) 'x'/1"
    text = answer(modules, used(), {"modules": {name: f"{tmp_path}/{name}"}})["files"]["modules.sh"]["text"]
    script = f'module() {{ printf "%s\\0" "$@"; }}\n{text}'
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == ["use", str(tmp_path), "load", name]
    assert not (tmp_path / "pwned").exists()
