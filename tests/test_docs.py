"""The documentation says what is so: its reference, its links and its examples."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

import provenance
from provenance import errors

PROJECT = Path(__file__).resolve().parent.parent
PAGES = [
    *sorted(PROJECT.glob("*.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
    *sorted((PROJECT / "examples").glob("*/README.md")),
]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<(?:img|a)[^>]+(?:src|href)=\"([^\"]+)\"")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_local_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in (one or other for one, other in _LINK.findall(text)):
        target, _, anchor = link.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / unquote(target)).resolve() if target else page
        assert file.exists(), f"{name_of(page)} links to {link}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{name_of(page)} links to {link}"


def test_every_page_of_the_documentation_is_reached_from_its_index() -> None:
    docs = PROJECT / "docs"
    index = (docs / "index.md").read_text(encoding="utf-8")
    linked = {(docs / link.partition("#")[0]).resolve() for link, _ in _LINK.findall(index)}
    assert sorted(map(name_of, set(docs.rglob("*.md")) - linked - {docs / "index.md"})) == []


def test_the_reference_is_what_the_commands_say(tmp_path: Path) -> None:
    written = tmp_path / "cli.md"
    subprocess.run([sys.executable, PROJECT / "scripts" / "cli_reference.py", written], check=True)
    shipped = PROJECT / "docs" / "reference" / "cli.md"
    assert written.read_text(encoding="utf-8") == shipped.read_text(encoding="utf-8"), (
        "docs/reference/cli.md is out of date: make docs"
    )


def test_every_exit_status_is_listed() -> None:
    page = (PROJECT / "docs/reference/exit-status.md").read_text(encoding="utf-8")
    listed = {int(status) for status in re.findall(r"^\| *(\d+)", page, re.MULTILINE)}
    raised = {
        error.exit_status
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.WfprovError)
    }
    assert raised - listed == set()


def test_the_commands_that_the_pages_show_exist() -> None:
    from provenance.cli import COMMANDS

    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown = set(re.findall(r"^\s*(?:\$ )?wfprov ([a-z][a-z-]*)", text, re.MULTILINE))
        assert shown <= set(COMMANDS), f"{name_of(page)}: {shown - set(COMMANDS)}"


@pytest.mark.parametrize(
    "module",
    [
        module.name
        for module in pkgutil.walk_packages(provenance.__path__, "provenance.")
        if "audit." not in module.name and not module.name.endswith("_shim")
    ],
)
def test_examples_in_docstrings(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0
