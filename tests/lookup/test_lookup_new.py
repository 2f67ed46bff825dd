"""``wfprov init --lookup`` where there is no file yet, with the real command and a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.run.info import read_info
from tests.conftest import Wfprov
from tests.lookup.registers import Registers, recorded

SAMPLE = "0000-0002-1825-0097"
FILE = "ro-crate-info.yaml"


def test_an_orcid_id_gives_name_public_address_and_institution(
    wfprov: Wfprov, registers: Registers, tmp_path: Path
) -> None:
    registers.on(f"/v3.0/{SAMPLE}/person", recorded("orcid-person"))
    registers.on(f"/v3.0/{SAMPLE}/employments", recorded("orcid-employments"))
    done = wfprov("init", "--lookup", "--author", SAMPLE, cwd=tmp_path, env=registers.environment)
    text = (tmp_path / FILE).read_text()
    (author,) = read_info(tmp_path / FILE).about.authors
    assert (author.name, author.orcid) == ("Josiah Carberry", f"https://orcid.org/{SAMPLE}")
    assert author.email == "carberry@example.org", "the main one of the public ones"
    assert author.organization is not None
    assert (author.organization.name, author.organization.ror) == ("Example Institute", "https://ror.org/0examp183")
    assert "home@example.org" not in text + done.stdout
    assert "name: Josiah Carberry (by the ORCID iD)" in done.stdout and "current employment" in done.stdout
    assert "orcid of each author" not in done.stdout
    assert "    # orcid:" not in text and "    # ror:" not in text, "no examples of what is there"


def test_only_what_is_asked_is_sent(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    (wfprov.home / ".netrc").write_text("machine 127.0.0.1 login ada password secret\n")
    (wfprov.home / ".netrc").chmod(0o600)
    registers.on(f"/v3.0/{SAMPLE}/person", recorded("orcid-person", Set_Cookie="id=1; Path=/"))
    try:
        wfprov("init", "--lookup", "--author", SAMPLE, cwd=tmp_path, env=registers.environment)
    finally:
        (wfprov.home / ".netrc").unlink()
    assert registers.asked == [f"/v3.0/{SAMPLE}/person", f"/v3.0/{SAMPLE}/employments"]
    for _, headers in registers.requests:
        assert headers["User-Agent"].startswith("wfprov/") and headers["Accept"] == "application/json"
        assert set(headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


def test_without_lookup_nothing_is_asked(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    arguments = ["--author", SAMPLE, "--author", "Bo Example <bo@example.org>", "--agent", "Ada Example"]
    wfprov("init", *arguments, "--organisation", "0examp183", cwd=tmp_path, env=registers.environment)
    about = read_info(tmp_path / FILE).about
    assert [author.name for author in about.authors] == [None, "Bo Example"]
    assert about.authors[1].email == "bo@example.org"
    assert about.agent is not None and about.agent.name == "Ada Example"
    for person in (*about.authors, about.agent):
        assert person.organization is not None and person.organization.ror == "https://ror.org/0examp183"
    assert registers.asked == []


def test_a_name_with_its_institution_gives_the_orcid_id(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    registers.on("q", recorded("orcid-search-one"))
    registers.on("affiliation:Example Institute", recorded("ror-match-chosen"))
    done = wfprov(
        *("init", "--lookup", "--author", "Example, Ada", "--organisation", "Example Institute"),
        cwd=tmp_path,
        env=registers.environment,
    )
    (author,) = read_info(tmp_path / FILE).about.authors
    assert author.orcid == "https://orcid.org/0000-0000-0000-001X"
    assert author.organization is not None and author.organization.ror == "https://ror.org/0examp183"
    assert "likely: the only one of this name with this institution" in done.stdout
    assert "likely: the only one of this name, Example Institute, Germany" in done.stdout


def test_a_name_alone_is_never_enough(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    registers.on("q", recorded("orcid-search-one"))
    done = wfprov("init", "--lookup", "--author", "Ada Example", cwd=tmp_path, env=registers.environment)
    (author,) = read_info(tmp_path / FILE).about.authors
    assert author.orcid is None
    assert "https://orcid.org/0000-0000-0000-001X  Ada Example  Example Hospital; Example Institute" in done.stdout
    remark = "    # orcid: https://orcid.org/0000-0000-0000-001X  # Ada Example, Example Hospital; Example Institute\n"
    assert remark in (tmp_path / FILE).read_text(), "the user takes the # away"
    assert "left for you" in done.stdout and "orcid of each author" in done.stdout


def test_several_of_a_name_are_listed(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    registers.on("q", recorded("orcid-search-several"))
    done = wfprov("init", "--lookup", "--author", "Ada Example", cwd=tmp_path, env=registers.environment)
    assert "several have this name, choose one" in done.stdout
    assert "0000-0000-0000-001X" in done.stdout and "0000-0000-0000-0028" in done.stdout
    assert "0000-0000-0000-0036" not in done.stdout, "another name"
    assert read_info(tmp_path / FILE).about.authors[0].orcid is None


def test_an_address_tells_two_of_a_name_apart(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    registers.on("q", recorded("orcid-search-several"))
    wfprov("init", "--lookup", "--author", "Ada Example <ADA@example.org>", cwd=tmp_path, env=registers.environment)
    assert read_info(tmp_path / FILE).about.authors[0].orcid == "https://orcid.org/0000-0000-0000-0028"


def test_nobody_of_the_name(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    done = wfprov("init", "--lookup", "--author", "Ada Example", cwd=tmp_path, env=registers.environment)
    assert "orcid: nobody of this name is in the register" in done.stdout


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--author", "0000-0002-1825-0098"], "check digit is wrong"),
        (["--author", "https://orcid.org/1"], "is not an ORCID iD"),
        (["--author", "Ada <nowhere>"], "is not an e-mail address"),
        (["--author", "  "], "names nobody"),
        (["--organisation", "https://ror.org/0examp184"], "checksum is wrong"),
        (["--info", "other.yaml", "--author", SAMPLE], "are for a new file"),
    ],
)
def test_a_mistyped_option_is_told_before_anything_is_asked(
    wfprov: Wfprov, registers: Registers, tmp_path: Path, given: list[str], message: str
) -> None:
    done = wfprov("init", "--lookup", *given, cwd=tmp_path, env=registers.environment, status=2)
    assert message in done.stderr and "Traceback" not in done.stderr
    assert registers.asked == [] and list(tmp_path.iterdir()) == []
