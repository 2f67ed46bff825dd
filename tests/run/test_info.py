"""``ro-crate-info.yaml``: what is read, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import InfoError
from provenance.run.identifiers import orcid_url, ror_url
from provenance.run.info import Info, read_info
from provenance.run.info_draft import draft
from provenance.run.licenses import recognise, spdx_identifier
from provenance.run.model import Organization, Person, Software
from provenance.run.project import Project


def info(tmp_path: Path, text: str) -> Info:
    path = tmp_path / "ro-crate-info.yaml"
    path.write_text(text, encoding="utf-8")
    return read_info(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InfoError) as caught:
        info(tmp_path, text)
    prefix = f"{tmp_path / 'ro-crate-info.yaml'}:"
    lines = str(caught.value).splitlines()
    assert all(line.startswith(prefix) for line in lines)
    return [line.removeprefix(prefix) for line in lines]


def test_every_key_is_read(tmp_path: Path) -> None:
    found = info(
        tmp_path,
        """\
COMPSs Workflow Information:
  name: Matrices
  description: >
    Multiplies
    them.
  license: apache 2.0
  version: 1.0
  url: https://example.org/x
  keywords: a, b b
  publisher: {name: Example, ror: 05sd8tv96}
  sources: [src/, "*.py"]
  files: extra.py
  sources_dir: lib
  sources_main_file: src/main.py
  inputs: [data/, https://example.org/in.csv]
  outputs: out
  ignore: ["*.log"]
  data_persistence: True
  trace_persistence: no
  provenance_run: false
  param_size_limit: 200
  software:
    - {name: GROMACS, version: 2024.10}
Authors:
  - name: Ada Example
    e-mail: ada@example.org
    orcid: 0000-0002-1825-0097
    organisation_name: Example Institute
    ror: https://ror.org/05sd8tv96
  - name: Bob
Submitter: {name: Bob}
""",
    )
    about = found.about
    assert (about.name, about.description, about.license) == ("Matrices", "Multiplies them.", "Apache-2.0")
    assert (about.version, about.keywords) == ("1.0", ("a", "b b"))
    assert about.publisher == Organization("Example", "https://ror.org/05sd8tv96")
    assert about.software == (Software("GROMACS", "2024.10"),)
    assert about.authors[0] == Person(
        "Ada Example",
        "https://orcid.org/0000-0002-1825-0097",
        "ada@example.org",
        Organization("Example Institute", "https://ror.org/05sd8tv96"),
    )
    assert about.agent == Person("Bob") and len(about.authors) == 2
    assert found.sources == ("src/", "*.py", "extra.py", "lib") and found.main_file == "src/main.py"
    assert (found.inputs, about.remote_inputs) == (("data/",), ("https://example.org/in.csv",))
    assert (found.outputs, found.ignore) == (("out",), ("*.log",))
    assert (found.data_persistence, found.provenance_run, found.param_size_limit) == (True, False, 200)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert info(tmp_path, "# later\n").about == Info().about


def test_all_problems_are_told_at_once_with_line_and_suggestion(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        """\
Workflow Information:
  nmae: X
  name: A
  name: B
  data_persistence: maybe
  param_size_limit: -3
  inputs: file:///data
  url: example.org
Authors:
  - orcid: 0000-0002-1825-0098
  - e-mail: nobody
licence: MIT
description: here
""",
    ) == [
        "2: unknown key 'nmae'; did you mean 'name'?",
        "4: 'name' is given twice (first in line 3)",
        "5: 'data_persistence' must be true or false, not 'maybe'",
        "6: param_size_limit: '-3' is not a whole number above 0",
        "7: 'file:///data': write a file of this machine as a plain path",
        "8: url: 'example.org' is not a web address; write it as https://...",
        "10: orcid: '0000-0002-1825-0098' is not an ORCID iD: its check digit is wrong, so a digit is mistyped",
        "11: a person without name and orcid; add one of them",
        "11: e-mail: 'nobody' is not an e-mail address; write it as name@example.org",
        "12: unknown key 'licence' in the file; known: Workflow Information, COMPSs Workflow Information, "
        "Authors, Agent, Submitter",
        "13: 'description' belongs under 'Workflow Information'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: [1\nb: 2\n", 2), ("Authors:\n\t- name: x\n", 2), ("a: b: c\n", 1), ("- x\n", 1), ("a: 1\n---\nb: 2\n", 2)],
)
def test_what_is_no_yaml_map_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    assert problems(tmp_path, text)[0].startswith(f"{line}: ")


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(InfoError, match="wfprov init"):
        read_info(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    with pytest.raises(InfoError, match=r":2: not UTF-8"):
        read_info(tmp_path / "latin.yaml")


@given(st.text())
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.yaml")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            read_info(path)
        except InfoError as error:
            assert str(path) in str(error)


@given(st.integers(0, 10**15 - 1), st.integers(0, 15), st.integers(1, 9))
def test_a_mistyped_digit_of_an_orcid_is_noticed(number: int, place: int, change: int) -> None:
    digits = f"{number:015d}"
    valid = [c for c in "0123456789X" if _is_orcid(digits + c)]
    assert len(valid) == 1
    whole = digits + valid[0]
    if whole[place] != "X":
        wrong = whole[:place] + str((int(whole[place]) + change) % 10) + whole[place + 1 :]
        assert not _is_orcid(wrong)


def _is_orcid(text: str) -> bool:
    try:
        return orcid_url(text).startswith("https://orcid.org/")
    except ValueError:
        return False


def test_rors_are_checked() -> None:
    for good in ("https://ror.org/05sd8tv96", "02mhbdp94", "ROR.ORG/05SD8TV96".replace("ROR.ORG/", "")):
        assert ror_url(good).startswith("https://ror.org/0")
    for wrong in ("05sd8tv97", "05sd8tv9", "https://example.org/05sd8tv96", "05sd8ti96"):
        with pytest.raises(ValueError, match="ROR"):
            ror_url(wrong)


def test_licenses_by_name_and_text() -> None:
    assert spdx_identifier("MIT License") == "MIT" and spdx_identifier("mpl-2.0") == "MPL-2.0"
    assert spdx_identifier("Our own") is None
    mit = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and "
    mit += 'associated documentation files (the "Software")\n...\nThe above copyright notice and'
    assert recognise(f"Copyright 2020 Ada\n\n{mit}") == "MIT"
    assert recognise("        GNU LESSER GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007") == "LGPL-3.0-only"
    assert recognise("All rights reserved") is None


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=20), max_size=3))
def test_a_draft_of_any_project_is_read_back(name: str, keywords: list[str]) -> None:
    import tempfile

    keywords = [" ".join(each.replace(",", " ").split()) for each in keywords]
    project = Project(name=" ".join(name.split()) or None, keywords=tuple(k for k in keywords if k))
    text, missing = draft(project)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.yaml")
        path.write_text(text, encoding="utf-8")
        found = read_info(path).about
    assert found.name == project.name and found.keywords == tuple(dict.fromkeys(project.keywords))
    assert "license" in missing
