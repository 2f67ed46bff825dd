"""``wfprov init`` as a user calls it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from provenance.cli.init import command
from provenance.run.info import read_info


def init(*arguments: Any) -> Any:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def test_it_is_filled_from_what_the_project_says(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "tool"\ndescription = "Does: it # all"\nversion = "1.10"\nkeywords = ["a b"]\n'
        '[project.urls]\nRepository = "https://example.org/tool"\n'
    )
    (tmp_path / "CITATION.cff").write_text(
        "title: The tool\nauthors:\n  - given-names: Ada\n    family-names: Example\n"
        "    orcid: https://orcid.org/0000-0002-1825-0097\n    affiliation: Institute\n"
        "  - name: A team\n    orcid: wrong\n"
    )
    (tmp_path / "LICENSE").write_text("Apache License\n   Version 2.0, January 2004\n")
    done = init(tmp_path)
    assert done.exit_code == 0 and "from CITATION.cff, pyproject.toml, LICENSE" in done.output
    about = read_info(tmp_path / "ro-crate-info.yaml").about
    assert (about.name, about.description, about.version) == ("The tool", "Does: it # all", "1.10")
    assert (about.license, about.url, about.keywords) == ("Apache-2.0", "https://example.org/tool", ("a b",))
    assert [author.name for author in about.authors] == ["Ada Example", "A team"]
    assert about.authors[0].orcid == "https://orcid.org/0000-0002-1825-0097"


def test_git_gives_author_and_address(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    git("config", "user.name", "Ada Example")
    git("config", "user.email", "ada@example.org")
    git("remote", "add", "origin", "git@example.org:lab/code.git")
    assert "orcid of each author" in init(tmp_path).output
    about = read_info(tmp_path / "ro-crate-info.yaml").about
    assert about.url == "https://example.org/lab/code"
    assert (about.authors[0].name, about.authors[0].email) == ("Ada Example", "ada@example.org")


def test_a_file_that_is_there_is_never_replaced_unasked(tmp_path: Path) -> None:
    target = tmp_path / "mine.yaml"
    target.write_text("mine")
    done = init(tmp_path, "-o", target)
    assert done.exit_code != 0 and "--force" in str(done.exception) and target.read_text() == "mine"
    assert init(tmp_path, "-o", target, "--force").exit_code == 0
    assert read_info(target)
