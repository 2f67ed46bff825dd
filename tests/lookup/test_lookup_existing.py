"""``wfprov init --lookup`` on a file that is there: a completed copy, and the file as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from provenance.run.info import read_info
from tests.conftest import Wfprov
from tests.lookup.registers import Registers, as_json, recorded

SAMPLE = "0000-0002-1825-0097"
COPY = "ro-crate-info.completed.yaml"


def completed(wfprov: Wfprov, registers: Registers, folder: Path, text: str) -> tuple[str, str]:
    """Return the completed copy of a file with ``text``, and what the command printed."""
    (folder / "ro-crate-info.yaml").write_bytes(text.encode())
    done = wfprov("init", "--lookup", cwd=folder, env=registers.environment)
    assert (folder / "ro-crate-info.yaml").read_bytes() == text.encode()
    read_info(folder / COPY)
    return (folder / COPY).read_bytes().decode(), done.stdout


@pytest.fixture
def sample(registers: Registers) -> Registers:
    registers.on(f"/v3.0/{SAMPLE}/person", recorded("orcid-person"))
    registers.on(f"/v3.0/{SAMPLE}/employments", recorded("orcid-employments"))
    registers.on("/v2/organizations/0examp183", recorded("ror-institution"))
    registers.on("/v2/organizations/0examp280", recorded("ror-withdrawn"))
    registers.on("/v2/organizations/0examp571", recorded("ror-inactive"))
    registers.on("affiliation:Example Institute", recorded("ror-match-chosen"))
    return registers


def test_only_missing_keys_are_put_in(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    text = (
        "# Mine.\r\nAuthors:   # all of us\r\n\r\n"
        f"  - orcid: {SAMPLE}   # that's me\r\n"
        "  - {name: 'Bo  Example', organisation_name: \"Example Institute\"}  # and Bo\r\n"
        "COMPSs Workflow Information:\r\n  name: 'A: b'\r\n  publisher: Example Institute # us\r\n"
        "Agent:\r\n    ror: https://ror.org/0examp183\r\n    name: |\r\n      Ada Example\r\n# The end."
    )
    copy, _ = completed(wfprov, sample, tmp_path, text)
    assert copy == (
        "# Mine.\r\nAuthors:   # all of us\r\n\r\n"
        f"  - orcid: {SAMPLE}   # that's me\r\n"
        '    name: "Josiah Carberry"\r\n    e-mail: "carberry@example.org"\r\n'
        '    organisation_name: "Example Institute"\r\n    ror: https://ror.org/0examp183\r\n'
        "  - {name: 'Bo  Example', organisation_name: \"Example Institute\", ror: https://ror.org/0examp183}"
        "  # and Bo\r\n"
        "COMPSs Workflow Information:\r\n  name: 'A: b'\r\n"
        '  publisher: {name: "Example Institute", ror: https://ror.org/0examp183} # us\r\n'
        "Agent:\r\n    ror: https://ror.org/0examp183\r\n"
        '    organisation_name: "Example Institute"\r\n    name: |\r\n      Ada Example\r\n# The end.'
    )


def test_a_key_without_a_value_is_filled_where_it_stands(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    text = f"Authors:\n  name: ''  # later\n  orcid: '{SAMPLE}'\n  email:\n  ror: ~\n  organization_name: \n"
    copy, _ = completed(wfprov, sample, tmp_path, text)
    assert copy == (
        f"Authors:\n  name: \"Josiah Carberry\"  # later\n  orcid: '{SAMPLE}'\n"
        '  email: "carberry@example.org"\n  ror: https://ror.org/0examp183\n'
        '  organization_name: "Example Institute" \n'
    )


def test_a_file_of_init_loses_the_examples_of_what_was_found(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    wfprov("init", "--author", SAMPLE, "--author", "Bo Example", cwd=tmp_path)
    copy, _ = completed(wfprov, sample, tmp_path, (tmp_path / "ro-crate-info.yaml").read_text())
    first, _, second = copy.partition("  - name:")
    assert "# e-mail" not in first.partition("Authors:")[2] and "# e-mail: ada@example.org" in second


def test_candidates_take_the_place_of_the_example_and_come_once(
    wfprov: Wfprov, registers: Registers, tmp_path: Path
) -> None:
    registers.on("affiliation:Example Institute", recorded("ror-match-several"))
    wfprov("init", "--author", SAMPLE, "--organisation", "Example Institute", cwd=tmp_path)
    copy, _ = completed(wfprov, registers, tmp_path, (tmp_path / "ro-crate-info.yaml").read_text())
    person = copy.partition("\nAuthors:\n")[2].partition("# Who ran it")[0]
    assert person == (
        f"  - orcid: https://orcid.org/{SAMPLE}\n"
        '    organisation_name: "Example Institute"\n'
        "    # name: Ada Example\n"
        "    # e-mail: ada@example.org\n"
        "    # ror: https://ror.org/0examp183  # Example Institute, Germany\n"
        "    # ror: https://ror.org/0examp474  # Example Institute, France\n"
    )
    (tmp_path / COPY).unlink()
    assert completed(wfprov, registers, tmp_path, copy)[0] == copy


def test_the_employment_tells_which_of_several_institutions(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    sample.on("affiliation:Example Institute", recorded("ror-match-several"))
    text = f"Authors:\n- {{orcid: {SAMPLE}, name: Josiah, organisation_name: example institute}}\n"
    copy, printed = completed(wfprov, sample, tmp_path, text)
    assert "ror: https://ror.org/0examp183" in copy and "of the employment there" in printed


def test_anchors_and_merges_stay(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    text = (
        f"Authors:\n- &me\n  orcid: {SAMPLE}\n- &lab {{name: Bo, ror: 0examp183}}\n- <<: *lab\n  name: Cy\n  "
        "e-mail: cy@example.org\nAgent: *me\n"
    )
    copy, _ = completed(wfprov, sample, tmp_path, text)
    about = read_info(tmp_path / COPY).about
    assert about.agent == about.authors[0] and about.authors[0].name == "Josiah Carberry"
    assert "Agent: *me\n" in copy and "<<: *lab" in copy and "&lab {name: Bo, ror: 0examp183, organisation_name" in copy
    assert copy.count("Josiah") == 1
    assert about.authors[2].organization == about.authors[1].organization


def test_nothing_missing(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    text = "Workflow Information:\n  name: A\nAuthors: []\n"
    assert completed(wfprov, registers, tmp_path, text)[0] == text
    assert registers.asked == []


def test_what_is_there_is_never_changed(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    institution = "organisation_name: X, ror: 0examp183"
    text = f"Authors:\n- {{name: Ada Example, orcid: {SAMPLE}, e-mail: a@example.org, {institution}}}\n"
    copy, printed = completed(wfprov, sample, tmp_path, text)
    assert copy == text and "the record is that of Josiah Carberry; is a digit wrong?" in printed


def test_several_employments_are_listed(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    registers.on("/v3.0/0000-0000-0000-001X/person", recorded("orcid-person-credit-name"))
    registers.on("/v3.0/0000-0000-0000-001X/employments", recorded("orcid-employments-several"))
    copy, printed = completed(wfprov, registers, tmp_path, "Authors:\n- orcid: 0000-0000-0000-001X\n")
    assert "several current employments, choose one" in printed
    assert copy == (
        'Authors:\n- orcid: 0000-0000-0000-001X\n  name: "Dr. Z. Example"\n'
        '  # organisation_name: "Example Institute"  # https://ror.org/0examp183\n'
        '  # organisation_name: "Example Hospital"\n'
    )


@pytest.mark.parametrize(
    ("orcid", "answer", "status", "told"),
    [
        ("0000-0000-0000-0028", "orcid-person-private", 200, "the name is private"),
        ("0000-0000-0000-0044", "orcid-person-deactivated-before-2024", 200, "the record is deactivated"),
        ("0000-0000-0000-0052", "orcid-deactivated", 409, "the record is deactivated"),
        ("0000-0000-0000-0060", "orcid-locked", 409, "the record is locked"),
        ("0000-0000-0000-0079", "orcid-not-found", 404, "the record is not known to the register"),
    ],
)
def test_a_record_that_tells_nothing(
    wfprov: Wfprov, registers: Registers, tmp_path: Path, orcid: str, answer: str, status: int, told: str
) -> None:
    registers.on(f"/v3.0/{orcid}/person", recorded(answer, status))
    text = f"Authors:\n- orcid: {orcid}\n"
    copy, printed = completed(wfprov, registers, tmp_path, text)
    assert copy == text and told in printed


def test_a_given_name_alone_is_a_name(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    registers.on("/v3.0/0000-0000-0000-0036/person", recorded("orcid-person-given-name-only"))
    assert 'name: "Ondine"' in completed(wfprov, registers, tmp_path, "Authors: {orcid: 0000-0000-0000-0036}\n")[0]


@pytest.mark.parametrize(
    ("emails", "filled", "listed"),
    [
        ([("a@example.org", "limited", True)], None, False),
        ([("a@example.org", "private", True), ("b@example.org", "public", False)], "b@example.org", False),
        ([("a@example.org", "public", False), ("b@example.org", "public", False)], None, True),
    ],
)
def test_only_public_addresses_are_taken(
    wfprov: Wfprov,
    registers: Registers,
    tmp_path: Path,
    emails: list[tuple[str, str, bool]],
    filled: str | None,
    listed: bool,
) -> None:
    told = [{"email": address, "visibility": who, "primary": main} for address, who, main in emails]
    registers.on(f"/v3.0/{SAMPLE}/person", as_json({"emails": {"email": told}, "path": f"/{SAMPLE}/person"}))
    _, printed = completed(wfprov, registers, tmp_path, f"Authors: {{orcid: {SAMPLE}, name: Josiah}}\n")
    assert read_info(tmp_path / COPY).about.authors[0].email == filled
    assert ("several are public, choose one" in printed) is listed
    assert all((address in printed) is (who == "public") for address, who, _ in emails)


def test_a_replaced_orcid_id_is_followed_and_told(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    for part in ("person", "employments"):
        target = f"http://127.0.0.1:{sample.port}/v3.0/{SAMPLE}/{part}"
        sample.on(f"/v3.0/0000-0000-0000-0087/{part}", recorded("orcid-deprecated", 301, Location=target))
    copy, printed = completed(wfprov, sample, tmp_path, "Authors:\n- orcid: 0000-0000-0000-0087\n")
    assert 'name: "Josiah Carberry"' in copy and "was replaced by another one; put it in" in printed
    assert f"https://orcid.org/{SAMPLE}  Josiah Carberry" in printed
    assert f"  # orcid: https://orcid.org/{SAMPLE}  # Josiah Carberry\n" in copy


def test_withdrawn_institutions_name_their_successor(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    text = "Authors:\n- {name: Bo, e-mail: bo@example.org, ror: 0examp280}\n"
    copy, printed = completed(wfprov, sample, tmp_path, text)
    assert copy == text and "the ROR id was withdrawn; take its successor" in printed
    assert "https://ror.org/0examp183  Example Institute" in printed and "Hospital" not in printed


def test_an_institution_that_closed_keeps_its_name(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    copy, printed = completed(wfprov, sample, tmp_path, "Authors:\n- {name: Bo, ror: 0examp571}\n")
    assert 'organisation_name: "Institute that Closed"' in copy and "the institution is inactive" in printed


def test_an_unknown_and_a_redirected_ror_id(wfprov: Wfprov, sample: Registers, tmp_path: Path) -> None:
    sample.on("/v2/organizations/0examp474", recorded("ror-institution"))
    sample.on("/v2/organizations/0examp377", recorded("ror-not-found"))  # with status 200, as it happens
    text = "Authors:\n- {name: Bo, ror: 0examp377}\n- {name: Cy, ror: 0examp474}\n"
    copy, printed = completed(wfprov, sample, tmp_path, text)
    assert copy == text
    assert "the ROR id is not known to the register" in printed and "answers with another ROR id" in printed


@pytest.mark.parametrize(
    ("written", "answer", "ror", "told"),
    [
        ("Institut Exemple", "ror-match-chosen", "https://ror.org/0examp183", "likely"),
        ("EI", "ror-match-chosen", None, "none has just this name; similar ones"),
        ("Example Institute", "ror-match-several", None, "several have this name, choose one"),
        ("Exampel Hospital", "ror-match-similar", None, "none has just this name; a similar one"),
        ("Nowhere", "ror-match-none", None, "is in the register"),
    ],
)
def test_names_of_institutions(
    wfprov: Wfprov, registers: Registers, tmp_path: Path, written: str, answer: str, ror: str | None, told: str
) -> None:
    registers.on(f"affiliation:{written}", recorded(answer))
    text = f"Workflow Information:\n  publisher:\n    name: {written}\n"
    _, printed = completed(wfprov, registers, tmp_path, text)
    publisher = read_info(tmp_path / COPY).about.publisher
    assert publisher is not None and publisher.name == written and publisher.ror == ror and told in printed


def test_the_copy_is_replaced_only_when_told_and_the_file_never(
    wfprov: Wfprov, registers: Registers, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yml"
    file.write_text("Authors: {name: Bo}\n")
    arguments = ("init", "--lookup", "--info", "mine.yml")
    wfprov(*arguments, cwd=tmp_path, env=registers.environment)
    asked = len(registers.asked)
    assert "--force" in wfprov(*arguments, cwd=tmp_path, env=registers.environment, status=2).stderr
    assert len(registers.asked) == asked
    wfprov(*arguments, "--force", cwd=tmp_path, env=registers.environment)
    (tmp_path / "link.yml").symlink_to(file)
    for target in ("mine.yml", "link.yml"):
        refused = wfprov(*arguments, "--force", "-o", target, cwd=tmp_path, env=registers.environment, status=2)
        assert "never changed" in refused.stderr
    assert file.read_text() == "Authors: {name: Bo}\n" and (tmp_path / "mine.completed.yml").is_file()


def test_a_wrong_file_is_told_and_nothing_is_asked(wfprov: Wfprov, registers: Registers, tmp_path: Path) -> None:
    (tmp_path / "ro-crate-info.yaml").write_text("Authors:\n- nmae: Bo\n")
    done = wfprov("init", "--lookup", cwd=tmp_path, env=registers.environment, status=3)
    assert "did you mean 'name'?" in done.stderr and registers.asked == []
    done = wfprov("init", "--lookup", "--info", "none.yaml", cwd=tmp_path, env=registers.environment, status=3)
    assert "there is no file none.yaml" in done.stderr


def test_nothing_from_a_server_commands_the_terminal_or_the_file(
    wfprov: Wfprov, registers: Registers, tmp_path: Path
) -> None:
    name = "Ada\x1b[2J\n- name: \"Eve\ud800' #: \u202e&*"
    person = {"name": {"credit-name": {"value": name}}, "path": "/0000-0000-0000-0028/person"}
    registers.on("/v3.0/0000-0000-0000-0028/person", as_json(person))
    _, printed = completed(wfprov, registers, tmp_path, "Authors:\n- orcid: 0000-0000-0000-0028\n")
    (author,) = read_info(tmp_path / COPY).about.authors
    assert author.name == "Ada [2J - name: \"Eve ' #: &*" and "\x1b" not in printed
