"""The pages of the sandbox: what they show and to whom, the two clicks, and that a hostile crate can do nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from tests.publish.crates import changed, metadata
from tests.sandbox.client import FILES, Client, crate

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"{{ 7*7 }}"
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40" onload="document.title='owned'">
<script>document.title='owned'</script><rect width="90" height="40" fill="teal"/></svg>"""


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def browser(seek: Client, *, signed_in: bool = True) -> requests.Session:
    """Somebody who looks, having come by the link that the command printed."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Accept"] = BROWSER
    if signed_in:
        assert session.get(seek.sandbox.page, timeout=60).url == seek.sandbox.address + "/"
    return session


def see(seek: Client, path: str, *, signed_in: bool = True) -> Page:
    answer = browser(seek, signed_in=signed_in).get(seek.sandbox.address + path, timeout=60)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert "For practice." in page.text and "practice" in answer.text[: answer.text.index("</title>")]
    assert page.all("html")[0]["lang"] == "en" and len(page.all("h1")) == 1
    return page


def hostile() -> bytes:
    document = changed(metadata(), "./", name=HOSTILE, description=HOSTILE, keywords=[HOSTILE], version=HOSTILE)
    document = changed(document, "count.sh", image={"@id": "picture.svg"})
    document["@graph"] += [
        {"@id": "picture.svg", "@type": "File", "name": "picture"},
        {"@id": "#run", "@type": "CreateAction", "name": HOSTILE, "instrument": {"@id": "count.sh"}, "error": HOSTILE},
    ]
    return crate(document, {**FILES, "picture.svg": SVG, f"{HOSTILE.replace('/', '-')}.html": b"<script>1</script>"})


def test_an_empty_sandbox_says_what_to_do(seek: Client) -> None:
    for path in ("/", "/workflows"):
        assert f"wfprov publish CRATE --to {seek.sandbox.address}" in see(seek, path).text


def test_a_workflow_with_all_that_is_known_of_it(seek: Client) -> None:
    document = metadata()
    document["@graph"] += [
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": "Counting",
            "instrument": {"@id": "count.sh"},
            "startTime": "2026-11-22T10:00:00+01:00",
            "endTime": "2026-11-22T10:00:05+01:00",
            "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
            "agent": {"@id": "https://orcid.org/0000-0002-1825-0097"},
            "object": [{"@id": "data/text%20one.txt"}],
        },
        {"@id": "#step", "@type": "CreateAction", "instrument": {"@id": "#tool"}},
    ]
    seek.send(crate(document))
    assert "Count words" in see(seek, "/").text
    page = see(seek, "/workflows/101")
    for shown in (
        "Counts the words of a text.",
        "Shell Script",
        "Apache-2.0",
        "Ada Example",
        "Practice team",
        "private",
        "Counting",
        "completed",
        "2026-11-22 09:00:00 UTC",
        "1 inputs and parameters",
        "1 steps",
        "data/text one.txt",
    ):
        assert shown in page.text, shown
    assert "wc -w" in see(seek, "/workflows/101/git/1/blob/count.sh").text


def test_the_public_sees_what_it_may(seek: Client) -> None:
    seek.send(crate())
    assert "Count words" not in see(seek, "/", signed_in=False).text
    private = browser(seek, signed_in=False).get(seek.sandbox.address + "/workflows/101", timeout=60)
    assert (private.status_code, "Count words" in private.text) == (403, False)
    seek.patch(101, {"policy": {"access": "view", "permissions": []}})
    page = see(seek, "/workflows/101", signed_in=False)
    assert "Count words" in page.text and not page.all("form")
    assert not [one for one in page.all("a") if "ro_crate" in str(one.get("href"))]


def test_a_wrong_key_signs_nobody_in(seek: Client) -> None:
    session = browser(seek, signed_in=False)
    for key in ("", "wrong", seek.sandbox.token):
        assert not session.get(f"{seek.sandbox.address}/login?key={key}", timeout=60).cookies


def test_the_two_clicks(seek: Client) -> None:
    seek.send(crate())
    session, address = browser(seek), seek.sandbox.address
    seek.patch(101, {"policy": {"access": "download", "permissions": []}})
    for label in ("Freeze version", "Generate a DOI"):
        text = session.get(f"{address}/workflows/101", timeout=60).text
        form = next(one for one in re.findall(r"<form.*?</form>", text, re.DOTALL) if label in one)
        action, token = re.findall(r'action="([^"]+)"', form)[0], re.findall(r'value="([^"]+)"', form)[0]
        clicked = session.post(address + action, {"authenticity_token": token}, allow_redirects=False, timeout=60)
        assert clicked.status_code == 302
    assert seek.get("/workflows/101").json()["data"]["attributes"]["doi"] == "10.5072/sandbox.workflow.101.1"
    page = session.get(f"{address}/workflows/101", timeout=60)
    assert "10.5072/sandbox.workflow.101.1" in page.text
    assert '<https://doi.org/10.5072/sandbox.workflow.101.1>; rel="cite-as"' in page.headers["Link"]
    assert 'rel="item"; type="application/zip"' in page.headers["Link"]


def test_a_program_may_click_too(seek: Client) -> None:
    seek.send(crate())
    seek.patch(101, {"policy": {"access": "download", "permissions": []}})
    assert seek.ask("POST", "/workflows/101/git/1/freeze", "*/*").status_code == 302
    assert seek.ask("POST", "/workflows/101/mint_doi?version=1", "*/*").status_code == 302
    assert seek.get("/workflows/101").json()["data"]["attributes"]["versions"][0]["doi"]


@pytest.mark.parametrize("lack", ["frozen", "public", "creator"])
def test_no_doi_without_its_conditions(seek: Client, lack: str) -> None:
    seek.send(crate(author=None if lack == "creator" else {"@id": "https://orcid.org/0000-0002-1825-0097"}))
    if lack != "public":
        seek.patch(101, {"policy": {"access": "download", "permissions": []}})
    if lack != "frozen":
        seek.ask("POST", "/workflows/101/git/1/freeze", "*/*")
    assert seek.ask("POST", "/workflows/101/mint_doi?version=1", "*/*").status_code == 302
    assert seek.get("/workflows/101").json()["data"]["attributes"]["doi"] is None
    assert lack in see(seek, "/workflows/101").text


def test_a_form_of_another_site_does_nothing(seek: Client) -> None:
    seek.send(crate())
    session, address = browser(seek), seek.sandbox.address
    for form in ({}, {"authenticity_token": ""}, {"authenticity_token": "guess"}):
        session.post(f"{address}/workflows/101/git/1/freeze", form, timeout=60)
    stranger = browser(seek, signed_in=False)
    stranger.post(f"{address}/workflows/101/git/1/freeze", {"authenticity_token": ""}, timeout=60)
    assert not seek.sandbox.store.all("select 1 from versions where is_frozen")


def test_other_names_of_this_machine_are_not_answered_to(seek: Client) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example:80", ""):
        answer = seek.get("/people/current", headers={"Host": host})
        assert answer.status_code in (400, 403) and "Ada" not in answer.text
    port = seek.sandbox.address.rpartition(":")[2]
    assert seek.get("/people/current", headers={"Host": f"localhost:{port}"}).status_code == 200


def test_a_hostile_crate_is_only_text(seek: Client) -> None:
    assert seek.send(hostile()).status_code == 200
    for path in ("/", "/workflows/101"):
        page = see(seek, path)
        assert HOSTILE in page.text
        assert not page.all("script")
        assert all("onerror" not in one and str(one["src"]).startswith("/") for one in page.all("img"))
    for path in ("/", "/workflows/101", "/workflows/101/git/1/blob/picture.svg"):
        policy = browser(seek).get(seek.sandbox.address + path, timeout=60).headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src" not in policy


def test_files_of_a_crate_are_never_pages(seek: Client) -> None:
    seek.send(hostile())
    picture = seek.get("/workflows/101/diagram", BROWSER)
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["Content-Security-Policy"]
    for how in ("raw", "download"):
        from urllib.parse import quote

        name = quote(f"{HOSTILE.replace('/', '-')}.html")
        file = seek.get(f"/workflows/101/git/1/{how}/{name}", BROWSER)
        assert file.headers["Content-Type"] == "application/octet-stream"
        assert file.headers["Content-Disposition"].startswith("attachment")
        assert file.headers["X-Content-Type-Options"] == "nosniff"


def test_a_source_that_is_no_web_address_is_no_link(seek: Client) -> None:
    seek.send(crate(), source_link_url="javascript:alert(1)")
    assert not [one for one in see(seek, "/workflows/101").all("a") if "javascript" in str(one.get("href"))]


def test_a_browser_shows_it_and_runs_nothing(seek: Client, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no browser here")
    seek.send(hostile())
    seek.patch(101, {"policy": {"access": "download", "permissions": []}})
    for path in ("/workflows", "/workflows/101", "/workflows/101/diagram"):
        options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
        options += ["--no-proxy-server", "--virtual-time-budget=3000", "--dump-dom"]
        shown = subprocess.run(
            [chromium, *options, seek.sandbox.address + path], capture_output=True, text=True, check=False, timeout=120
        )
        if shown.returncode != 0 or not shown.stdout.strip():
            pytest.skip(f"the browser here does not work: {shown.stderr[-300:]}")
        assert "<title>owned" not in shown.stdout
        if path == "/workflows/101":
            assert "&lt;script&gt;" in shown.stdout and "For practice." in shown.stdout
