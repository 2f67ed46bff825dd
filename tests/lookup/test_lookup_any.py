"""Names, identifiers, files and answers of any kind."""

from __future__ import annotations

import datetime
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.lookup.complete import Registers
from provenance.lookup.connection import Connection
from provenance.lookup.content import text, words
from provenance.lookup.fill_in import fill_in
from provenance.lookup.orcid import Orcid
from provenance.lookup.ror import Ror
from provenance.run.identifiers import orcid_url, ror_url
from provenance.run.info import read_info
from provenance.run.info_edit import with_values
from provenance.run.model import Organization, Person
from tests.lookup import registers as server

TODAY = datetime.date(2026, 1, 1)
names = st.text(min_size=1, max_size=30).filter(lambda name: name.strip())
_KEYS = [
    *("name", "credit-name", "given-names", "family-name", "value", "emails", "email", "visibility", "path"),
    *("expanded-result", "orcid-id", "num-found", "affiliation-group", "summaries", "employment-summary"),
    *("organization", "end-date", "year", "items", "id", "names", "types", "relationships", "label", "type"),
    *("status", "locations", "errors", "chosen"),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(_KEYS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


def orcid_of(number: int) -> str:
    digits = f"{number:015d}"
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    whole = digits + ("X" if check == 10 else str(check))
    return "-".join(whole[i : i + 4] for i in range(0, 16, 4))


class Kept(Connection):
    """A connection whose answers are there already."""

    def __init__(self, content: Any) -> None:
        super().__init__("https://example.org")
        self._content = json.loads(json.dumps(content))
        self.asked: list[str] = []

    def _ask(self, url: str) -> Any:
        from provenance.lookup.connection import Answer

        self.asked.append(url)
        return Answer(200, self._content)


def registers_with(content: Any) -> tuple[Registers, Kept]:
    connection = Kept(content)
    return Registers(Orcid(connection), Ror(connection), TODAY), connection


@settings(deadline=None)
@given(anything, names, st.integers(0, 10**9))
def test_any_json_is_an_answer(content: Any, name: str, number: int) -> None:
    asked, _ = registers_with(content)
    for person in (
        Person(orcid=f"https://orcid.org/{orcid_of(number)}"),
        Person(name=name, organization=Organization(name=name)),
        Person(name=name, organization=Organization(ror="https://ror.org/0examp183")),
    ):
        completed, findings = asked.complete_person(person)
        for key in ("name", "orcid", "email"):
            assert getattr(person, key) in (None, getattr(completed, key)), "what is there is never changed"
        for finding in findings:
            assert finding.value is None or "\n" not in finding.value
        if completed.orcid:
            assert orcid_url(completed.orcid) == completed.orcid
        if completed.organization and completed.organization.ror:
            assert ror_url(completed.organization.ror) == completed.organization.ror


@settings(deadline=None)
@given(names)
def test_a_name_is_one_question_and_no_part_of_its_language(name: str) -> None:
    asked, connection = registers_with({"expanded-result": [], "num-found": 0})
    asked.complete_person(Person(name=name))
    (query,) = parse_qs(urlsplit(connection.asked[0]).query, errors="surrogatepass")["q"]
    # Inside quotes only the backslash and the quote mean something; each is escaped.
    rest, inside, outside = query, False, ""
    while rest:
        if inside and rest[0] == "\\":
            rest = rest[2:]
            continue
        if rest[0] == '"':
            inside = not inside
        elif not inside:
            outside += rest[0]
        rest = rest[1:]
    count = len(name.split())
    assert not inside
    assert outside == f"given-and-family-names:({' AND ' * (count - 1)}) OR credit-name: OR other-names:"


@settings(deadline=None)
@given(st.text())
def test_a_text_from_outside_is_one_clean_line(value: str) -> None:
    found = text({"a": value}, "a")
    if found is not None:
        assert (found == " ".join(found.split()) and found.isprintable()) or all(
            not (ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000) for char in found
        )
        found.encode()


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abcÄé", min_size=1, max_size=6), min_size=1, max_size=4))
def test_order_case_and_punctuation_of_a_name_do_not_count(parts: list[str]) -> None:
    assert words(" ".join(parts)) == words(", ".join(reversed(parts)).upper().lower())


layouts = st.sampled_from(["block", "flow", "flow lines", "list", "dash alone"])
comments = st.sampled_from(["", "  # a comment: yes", "\n# one\n   # two\n", "\n\n"])


@settings(deadline=None)
@given(names, layouts, comments, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_any_layout_keeps_what_it_has(name: str, layout: str, comment: str, newline: str, ends: bool) -> None:
    written = json.dumps(text({"a": name}, "a") or "x", ensure_ascii=False)
    body = {
        "block": f"Agent:{comment}\n  name: {written}{comment}\n",
        "flow": f"Agent: {{name: {written}}}{comment}\n",
        "flow lines": f"Agent: {{{comment}\n  name: {written}{comment}\n }}\n",
        "list": f"Agent:\n- name: {written}{comment}\n",
        "dash alone": f"Agent:{comment}\n  -\n    name: {written}{comment}\n",
    }[layout]
    whole = body.replace("\n", newline) + ("" if ends else "Workflow Information:" + newline + "  version: 1.0")
    place: tuple[str | int, ...] = ("Agent", 0) if layout in ("list", "dash alone") else ("Agent",)
    try:
        before = yaml.load(whole, Loader=yaml.BaseLoader)
    except yaml.YAMLError:
        return  # a character that YAML does not allow
    after = with_values(
        whole, place, {"orcid": "https://orcid.org/0000-0002-1825-0097", "e-mail": name}, [("ror", "a: b")]
    )
    assert after is not None
    loaded = yaml.load(after, Loader=yaml.BaseLoader)
    person = loaded["Agent"][0] if len(place) == 2 else loaded["Agent"]
    assert person.pop("orcid").endswith("0097")
    assert person.pop("e-mail") == name.encode("utf-8", "replace").decode()
    assert loaded == before
    kept = iter(after)
    assert all(char in kept for char in whole), "nothing is taken away"


@pytest.mark.parametrize("written", ["|\n    A\n    B", "!!str A", "&a A", "A\n    B", '"A\n    B"', "'A''B'"])
def test_publishers_in_any_style(written: str) -> None:
    whole = f"Workflow Information:\n  publisher: {written}\n  version: 1 # x\n"
    after = with_values(whole, ("Workflow Information", "publisher"), {"ror": "https://ror.org/0examp183"})
    if after is not None:
        loaded = yaml.load(after, Loader=yaml.BaseLoader)["Workflow Information"]
        assert loaded["publisher"]["ror"].endswith("183") and loaded["version"] == "1"


def test_what_can_not_be_put_in_is_told() -> None:
    content = "Agent:\n  name: |\n    Ada\n    Example\n"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "info.yaml"
        file.write_text(content)
        about = read_info(file).about
    hit = json.loads((server.ANSWERS / "orcid-search-one.json").read_text())
    hit["expanded-result"][0]["email"] = ["a@example.org"]
    asked, _ = registers_with(hit)
    from dataclasses import replace

    assert about.agent is not None
    filled = fill_in(content, replace(about, agent=replace(about.agent, email="a@example.org")), asked)
    assert filled.text == content
    assert filled.by_hand[0].endswith("orcid: https://orcid.org/0000-0000-0000-001X")
