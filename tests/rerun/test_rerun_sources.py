"""What users may write for a crate."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import UsageError
from provenance.rerun.signposts import signposts
from provenance.rerun.sources import (
    Doi,
    Local,
    Page,
    Registries,
    Seek,
    Source,
    Zenodo,
    folder_name,
    server_address,
    understood,
)

HUB, ZENODO = "https://workflowhub.eu", "https://zenodo.org"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("workflowhub:838", Seek(HUB, "838", None, True)),
        ("workflowhub:838.1", Seek(HUB, "838", "1", True)),
        ("https://workflowhub.eu/workflows/838?version=1", Seek(HUB, "838", "1", True)),
        ("http://workflowhub.eu/workflows/838", Seek(HUB, "838", None, True)),
        ("https://workflowhub.eu/workflows/838/ro_crate?version=12", Seek(HUB, "838", "12", True)),
        ("https://seek.example.org/fair/workflows/7/", Seek("https://seek.example.org/fair", "7")),
        ("10.48546/workflowhub.workflow.838.1", Seek(HUB, "838", "1", True)),
        ("doi:10.48546/WORKFLOWHUB.WORKFLOW.838.1", Seek(HUB, "838", "1", True)),
        ("https://doi.org/10.48546/workflowhub.workflow.838", Seek(HUB, "838", None, True)),
        ("10.5281/zenodo.1234567", Zenodo(ZENODO, "1234567")),
        ("doi:10.5281/zenodo.1234567", Zenodo(ZENODO, "1234567")),
        ("http://dx.doi.org/10.5281%2Fzenodo.1234567", Zenodo(ZENODO, "1234567")),
        ("https://zenodo.org/records/1234567", Zenodo(ZENODO, "1234567")),
        ("https://zenodo.org/record/1234567#.XYZ", Zenodo(ZENODO, "1234567")),
        ("https://zenodo.org/doi/10.5281/zenodo.1234567", Zenodo(ZENODO, "1234567")),
        ("https://zenodo.org/records/12/files/a%20b.zip?download=1", Zenodo(ZENODO, "12", "a b.zip")),
        ("https://zenodo.org/api/records/12/files/d/a.zip/content", Zenodo(ZENODO, "12", "d/a.zip")),
        ("https://doi.org/10.1234/a#b?c(d)", Doi("10.1234/a#b?c(d)")),
        ("doi: 10.1234.5/x", Doi("10.1234.5/x")),
        ("https://example.org/a.zip?x=1#top", Page("https://example.org/a.zip?x=1")),
        ("HTTP://EXAMPLE.org/a.zip", Page("HTTP://EXAMPLE.org/a.zip")),
    ],
)
def test_what_is_meant(written: str, meant: Source) -> None:
    assert understood(written) == meant


def test_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert understood("workflowhub:3.2", "http://127.0.0.1:5000/") == Seek("http://127.0.0.1:5000", "3", "2", True)
    assert understood("workflowhub:3", "seek.example.org") == Seek("https://seek.example.org", "3", None, True)
    # The token is for servers that are named as such, not for any page that looks like one of SEEK.
    page = "https://seek.example.org/workflows/3"
    assert understood(page) == Seek("https://seek.example.org", "3", None, False)
    assert understood(page, "seek.example.org") == Seek("https://seek.example.org", "3", None, True)
    here = Registries.from_environment({"WFPROV_ZENODO_URL": "https://sandbox.zenodo.org/"})
    assert understood("https://sandbox.zenodo.org/records/5", registries=here) == Zenodo(
        "https://sandbox.zenodo.org", "5"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "10.1234").mkdir()
    Path("10.1234/a").touch()
    assert understood("10.1234/a") == Local(Path("10.1234/a"))


@pytest.mark.parametrize(
    "written",
    [
        "",
        "\0",
        "no such file",
        "workflowhub:",
        "workflowhub:838.1.2",
        "workflowhub:x",
        "doi:5",
        "ftp://example.org/a.zip",
        "file:///etc",
        "https://",
        "https://ada:secret@example.org/a.zip",
        "https://workflowhub.eu/workflows/838?version=latest",
        "https://[",
    ],
)
def test_what_is_not_understood(written: str) -> None:
    with pytest.raises(UsageError) as refused:
        understood(written)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("server", ["http://seek.example.org", "https://a/?b", "ftp://a", "https://ada@a", "https://["])
def test_servers_that_are_not_asked(server: str) -> None:
    with pytest.raises(UsageError):
        server_address(server)


@given(st.text(max_size=40) | st.from_regex(r"(https?://|doi:|workflowhub:|10\.)[\x00-\x7f]{0,30}", fullmatch=True))
def test_any_text_is_understood_or_refused(written: str) -> None:
    try:
        found = understood(written)
    except UsageError:
        return
    name = folder_name(found)
    assert name
    assert "/" not in name
    assert name[0] not in ".-"


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_links_can_be_read(header: str, page: str) -> None:
    signposts("https://example.org/", header, "<html><head>" + page)


def test_links_are_found_in_header_and_page() -> None:
    header = (
        '<https://example.org/a,b.zip>; rel="item"; type="application/zip", <d.json>; rel=describedby;'
        ' type="application/ld+json"; profile="https://w3id.org/ro/crate"'
    )
    page = '<link rel="item" type="application/zip" href="/c.crate.zip?x=1&amp;y=2"><a href="no.zip">'
    found = signposts("https://example.org/p/", header, page)
    assert [link.url for link in found if link.is_zip] == [
        "https://example.org/a,b.zip",
        "https://example.org/c.crate.zip?x=1&y=2",
    ]
    assert [link.url for link in found if link.is_crate_zip] == ["https://example.org/c.crate.zip?x=1&y=2"]
    assert [link.url for link in found if link.is_metadata] == ["https://example.org/p/d.json"]
