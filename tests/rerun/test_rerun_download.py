"""Downloading: resumed, checked, whole or not there; redirects and addresses that are not followed."""

from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from provenance.errors import CrateError, NetworkError, OutputError, RefusedError, ServerError, UsageError, WfprovError
from provenance.rerun.download import Downloaded, Wanted, download
from provenance.rerun.remote_data import fetch_file, is_fetchable
from provenance.web.addresses import Reach, reach_as_written, reach_of
from provenance.web.client import Client
from tests.rerun.serving import Server, serving

CONTENT = bytes(range(256)) * 4000  # a megabyte in four pieces
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


class Downloads:
    """Downloads to one place, without waiting."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.target = folder / "crate #1 ü.zip"
        self.waits: list[float] = []

    def __call__(self, url: str, **more: object) -> Downloaded:
        return download(Wanted(url, **more), self.target, Client(), pause=self.waits.append)  # type: ignore[arg-type]

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def get(tmp_path: Path) -> Downloads:
    (tmp_path / "here").mkdir()
    return Downloads(tmp_path / "here")


def test_a_file_comes_whole_and_nothing_else_is_left(server: Server, get: Downloads) -> None:
    got = get(server.put("/a", CONTENT, kind="application/zip"))
    assert (got.sha256, got.size, got.kind, got.url) == (SHA256, len(CONTENT), "application/zip", server.address + "/a")
    assert get.target.read_bytes() == CONTENT
    assert get.left() == [get.target.name]


@pytest.mark.parametrize(
    "tag", [{"etag": '"v1"'}, {"modified": "Mon, 01 Jan 2024 00:00:00 GMT"}], ids=["etag", "last-modified"]
)
def test_what_breaks_off_goes_on_within_the_call(server: Server, get: Downloads, tag: dict[str, str]) -> None:
    url = server.put("/a", CONTENT, breaks=[300_000, 0, 500_000], **tag)
    assert get(url).sha256 == SHA256
    ranges = [headers.get("Range") for _, headers in server.asked]
    assert ranges[0] is None
    assert ranges[1] == ranges[2] != ranges[3]
    assert all(headers["If-Range"] == next(iter(tag.values())) for _, headers in server.asked[1:])
    assert sum(int(one.removeprefix("bytes=").rstrip("-")) > 0 for one in ranges[1:] if one) == 3
    assert len(get.waits) == 3


def test_what_breaks_off_for_good_goes_on_in_the_next_call(server: Server, get: Downloads) -> None:
    url = server.put("/a", CONTENT, etag='"v1"', breaks=[400_000, 0, 0, 0, 0, 0])
    with pytest.raises(NetworkError, match=r"again later|failed"):
        get(url)
    assert get.left() == [f"{get.target.name}.part", f"{get.target.name}.part.json"]
    have = (get.folder / f"{get.target.name}.part").stat().st_size
    assert 300_000 < have <= 400_000
    server.files["/a"].breaks.clear()
    server.asked.clear()
    assert get(url).sha256 == SHA256
    assert [headers["Range"] for _, headers in server.asked] == [f"bytes={have}-"]
    assert get.left() == [get.target.name]


@pytest.mark.parametrize("change", ["content", "no ranges", "other address", "no tag"])
def test_a_part_of_another_state_is_thrown_away(server: Server, get: Downloads, change: str) -> None:
    url = server.put("/a", b"x" * len(CONTENT), etag=None if change == "no tag" else '"v1"', breaks=[400_000, *[0] * 5])
    with pytest.raises(NetworkError):
        get(url)
    served = server.files["/a"]
    served.breaks.clear()
    served.content = CONTENT
    if change == "content":
        served.etag = '"v2"'
    if change == "no ranges":
        served.has_ranges = False
    if change == "other address":
        url = server.put("/b", CONTENT, etag='"v1"')
    assert get(url).sha256 == SHA256


def test_a_part_that_is_whole_already_is_not_asked_for_again(server: Server, get: Downloads) -> None:
    url = server.put("/a", CONTENT, etag='"v1"', breaks=[len(CONTENT) - 1, *[0] * 5])
    with pytest.raises(NetworkError):
        get(url)
    part = get.folder / f"{get.target.name}.part"
    part.write_bytes(CONTENT)
    server.files["/a"].breaks.clear()
    assert get(url).sha256 == SHA256


@pytest.mark.parametrize("header", ["Repr-Digest", "Digest", "Content-MD5"])
def test_a_promised_digest_is_checked(server: Server, get: Downloads, header: str) -> None:
    digest = hashlib.md5(CONTENT).digest() if header == "Content-MD5" else hashlib.sha256(CONTENT).digest()
    text = base64.b64encode(digest).decode()
    value = {"Repr-Digest": f"sha-256=:{text}:", "Digest": f"SHA-256={text}", "Content-MD5": text}[header]
    url = server.put("/a", CONTENT, headers={header: value})
    assert get(url).checked == ("md5" if header == "Content-MD5" else "sha256",)
    get.target.unlink()
    server.files["/a"].content = CONTENT[:-1] + b"\0"
    with pytest.raises(ServerError, match="changed or damaged"):
        get(url)
    assert get.left() == []


def test_what_was_known_before_is_checked(server: Server, get: Downloads) -> None:
    url = server.put("/a", CONTENT)
    assert get(url, digests={"md5": MD5}, size=len(CONTENT)).checked == ("md5",)
    get.target.unlink()
    with pytest.raises(ServerError, match=r"is expected|are expected"):
        get(url, size=17)
    with pytest.raises(ServerError, match="MD5"):
        get(url, digests={"md5": "0" * 32})
    assert not get.target.exists()


@pytest.mark.parametrize("is_chunked", [False, True])
def test_nothing_larger_than_the_limit_is_taken(server: Server, get: Downloads, is_chunked: bool) -> None:
    url = server.put("/a", CONTENT, is_chunked=is_chunked)
    with pytest.raises(CrateError, match="--max-size"):
        get(url, limit=1000)
    assert not get.target.exists()
    assert get(url, limit=len(CONTENT)).sha256 == SHA256


def test_there_must_be_room(server: Server, get: Downloads) -> None:
    url = server.put("/a", b"x", headers={"Content-Length": str(1 << 60)})
    with pytest.raises(OutputError, match="free"):
        get(url)
    assert not get.target.exists()


def test_what_is_there_is_not_replaced_and_no_link_is_followed(server: Server, get: Downloads) -> None:
    url = server.put("/a", CONTENT)
    get.target.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        get(url)
    get.target.unlink()
    victim = get.folder / "victim"
    victim.write_text("mine")
    (get.folder / f"{get.target.name}.part").symlink_to(victim)
    with pytest.raises(OutputError):
        get(url)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, RefusedError), (403, RefusedError), (404, ServerError), (410, ServerError), (418, ServerError)],
)
def test_refusals(server: Server, get: Downloads, status: int, error: type[WfprovError]) -> None:
    with pytest.raises(error, match=str(status)):
        get(server.put("/a", b"no", status=status))
    assert not get.target.exists()


def test_a_busy_server_is_asked_again(server: Server, get: Downloads) -> None:
    url = server.put("/a", CONTENT, status=503, headers={"Retry-After": "7"})

    def wait(seconds: float) -> None:
        get.waits.append(seconds)
        server.files["/a"].status = 200

    download(Wanted(url), get.target, Client(), pause=wait)
    assert get.waits == [7.0]


def test_redirects_are_followed_a_few_times(server: Server, get: Downloads) -> None:
    server.put("/end", CONTENT)
    for number in range(9):
        server.put(f"/{number}", status=302, headers={"Location": f"/{number + 1}" if number < 8 else "end"})
    assert get(server.address + "/0").url == server.address + "/end"
    get.target.unlink()
    with pytest.raises(ServerError, match="circles"):
        get(server.put("/round", status=302, headers={"Location": "/round"}))


@pytest.mark.parametrize(
    "location",
    ["http://example.org/a", "ftp://127.0.0.1/a", "https://user:secret@127.0.0.1/a", "file:///etc/passwd", "//["],
)
def test_redirects_that_are_not_followed(server: Server, get: Downloads, location: str) -> None:
    with pytest.raises(ServerError, match="leads to"):
        get(server.put("/a", status=302, headers={"Location": location}))
    assert len(server.asked) == 1


def test_the_token_is_for_the_first_server_alone(server: Server, get: Downloads) -> None:
    with serving() as other:
        other.put("/end", CONTENT)
        server.put("/b", status=302, headers={"Location": other.address + "/end"})
        get(server.put("/a", status=302, headers={"Location": "/b"}), token="secret")
        assert [headers["Authorization"] for _, headers in server.asked] == ["Token secret"] * 2
        assert [headers["Authorization"] for _, headers in other.asked] == [None]


# Names that look public are looked up here by a resolver that this table stands for.
NAMES = {"public.example": "93.184.216.34", "inside.example": "127.0.0.1", "site.example": "10.1.2.3"}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def looked_up(host: str, *more: object, **options: object) -> object:
        return real(NAMES.get(host, host), *more, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    "host", ["inside.example", "site.example", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "127.1"]
)
def test_a_crate_can_not_have_inner_addresses_asked(server: Server, tmp_path: Path, host: str) -> None:
    port = server.address.rpartition(":")[2]
    with pytest.raises(NetworkError, match=r"this machine itself|private network"):
        fetch_file(f"http://{host}:{port}/a", tmp_path / "a")
    assert server.asked == []
    assert not (tmp_path / "a").exists()


@pytest.mark.usefixtures("names")
def test_a_name_may_not_be_two_addresses(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at is what is connected to, though the name stands for another address the second time."""
    port = server.address.rpartition(":")[2]
    real, answers = socket.getaddrinfo, iter(["93.184.216.34", "127.0.0.1"])
    connected: list[str] = []

    def looked_up(host: str, *more: object, **options: object) -> object:
        return real(next(answers) if host == "turning.example" else host, *more, **options)  # type: ignore[arg-type]

    def connect(_: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    monkeypatch.setattr(socket.socket, "connect", connect)
    client = Client(Reach.PUBLIC)
    with pytest.raises(NetworkError), client.get(f"http://turning.example:{port}/a"):
        pass
    assert connected == ["93.184.216.34"]


@pytest.mark.parametrize("other", ["other port", "redirect to it"])
def test_a_crate_of_a_server_here_may_have_that_server_asked(server: Server, tmp_path: Path, other: str) -> None:
    came_from = server.address + "/workflows/1?version=1"
    fetch_file(server.put("/a b".replace(" ", "%20"), CONTENT), tmp_path / "a", sha256=SHA256, came_from=came_from)
    assert (tmp_path / "a").read_bytes() == CONTENT
    with serving() as second:
        url = second.put("/a", CONTENT)
        if other == "redirect to it":
            url = server.put("/b", status=302, headers={"Location": url})
        with pytest.raises(NetworkError, match="this machine itself"):
            fetch_file(url, tmp_path / "b", came_from=came_from)
        assert second.asked == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://example.org/a.csv", None),
        ("http://example.org/a.csv", None),
        ("https://8.8.8.8/a", None),
        ("ftp://example.org/a", "no http"),
        ("file:///etc/passwd", "no http"),
        ("javascript:alert(1)", "no http"),
        ("https://ada:secret@example.org/a", "password"),
        ("https://example.org/a\nb", "control"),
        ("https://example.org/a b", "blanks"),
        ("http://localhost:5000/a", "this machine"),
        ("http://LOCALHOST./a", "this machine"),
        ("http://0/a", "this machine"),
        ("http://[::1]/a", "this machine"),
        ("http://169.254.169.254/latest/meta-data", "private"),
        ("http://192.168.1.1/a", "private"),
        ("http://[fd00::1]/a", "private"),
        ("http://[64:ff9b::a00:1]/a", "private"),
        ("http://[::ffff:7f00:1]/a", "this machine"),
        ("https://[", "no http"),
    ],
)
def test_what_may_be_fetched_for_a_crate(url: str, reason: str | None) -> None:
    found = is_fetchable(url)
    assert found is None if reason is None else found is not None and reason in found


def test_where_addresses_lead() -> None:
    assert reach_of("2002:7f00:1::") is Reach.LOOPBACK
    assert reach_of("fe80::1%eth0") is Reach.PRIVATE
    assert reach_of("224.0.0.1") is Reach.PRIVATE
    assert reach_as_written("workflowhub.eu") is None
