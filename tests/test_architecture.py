"""The rooms of docs/architecture.md: who may import whom, and what runs in users' processes."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "provenance"
MODULES = sorted(PACKAGE.rglob("*.py"))
IN_USERS_PROCESSES = [PACKAGE / "recording", PACKAGE / "journal"]
# What is imported as -> the only places that may import it.
ONLY_IN = {
    "click": ["cli/"],
    "rich": [],
    "rocrate": ["crate/"],
    "rocrate_validator": ["crate/"],
    # The validator's cache holds answers in these libraries' form; nothing is asked of a server.
    "requests_cache": ["crate/contexts.py"],
    "requests": ["crate/contexts.py", "lookup/", "publish/", "web/"],
    "urllib3": ["crate/contexts.py", "lookup/", "publish/", "web/"],
    "requests_toolbelt": ["publish/"],
    "keyring": ["publish/tokens.py"],
    "flask": ["sandbox/"],
    "werkzeug": ["sandbox/"],
    "git": ["environment/"],
    "yaml": ["run/", "environment/", "rerun/environments/", "cli/"],
}


def modules_in(*folders: Path) -> list[Path]:
    return [module for module in MODULES if any(folder in module.parents for folder in folders)]


def name_of(module: Path) -> str:
    return module.relative_to(PROJECT).as_posix()


def imports(module: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def test_no_room_imports_a_higher_one() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout


@pytest.mark.parametrize("module", modules_in(*IN_USERS_PROCESSES), ids=name_of)
def test_what_runs_in_users_processes_needs_only_the_standard_library(module: Path) -> None:
    beside = {each.stem for each in module.parent.glob("*.py")}
    for imported, line in imports(module):
        top = imported.partition(".")[0]
        if top == "provenance":
            room = [*imported.split("."), ""][1]
            assert room in ("", "journal", "recording", "errors"), f"{module}:{line} {imported}"
        else:
            assert top in sys.stdlib_module_names | beside, f"{module}:{line} imports {imported}"


@pytest.mark.parametrize("module", [*modules_in(*IN_USERS_PROCESSES), PACKAGE / "__init__.py"], ids=name_of)
def test_what_runs_in_users_processes_is_python_3_8(module: Path) -> None:
    ast.parse(module.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_library_is_imported_only_where_it_belongs(module: Path) -> None:
    place = module.relative_to(PACKAGE).as_posix()
    for imported, line in imports(module):
        allowed = ONLY_IN.get(imported.partition(".")[0], [""])
        assert any(map(place.startswith, allowed)), f"{module}:{line} imports {imported}"


@pytest.mark.parametrize("module", [each for each in MODULES if PACKAGE / "cli" not in each.parents], ids=name_of)
def test_only_the_command_line_prints(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{module}:{node.lineno} prints"


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(module) for module in MODULES if not ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_asking_for_help_imports_no_room() -> None:
    code = (
        "import sys; from provenance.cli import wfprov\n"
        "try: wfprov(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, sep='\\n')"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT
    ).stdout.split("\n")
    rooms = {name for name in shown if name.startswith("provenance.")}
    assert rooms <= {"provenance.cli", "provenance.errors", "provenance.cli.text"}, rooms
    assert not {"yaml", "git", "rocrate", "requests"} & set(shown)
