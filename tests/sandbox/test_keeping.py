"""What the sandbox keeps: over restarts and kills, within limits of size and memory, for one process at a time."""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from provenance.errors import MissingPartError, UsageError
from provenance.sandbox import archives
from provenance.sandbox.serving import sandbox
from tests.publish.crates import metadata
from tests.sandbox.client import FILES, Client, crate, serving, zipped


@contextmanager
def command(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command itself, in a process of its own."""
    call = [sys.executable, "-c", "from provenance.cli import main; main()", "sandbox", "--json"]
    call += ["--data", str(folder), *options]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        try:
            yield process, json.loads(line)
        finally:
            process.kill()


def upload(told: dict[str, Any], content: Any, path: str = "/workflows/submit") -> requests.Response:
    session = requests.Session()
    session.trust_env = False
    headers = {"Authorization": f"Token {told['token']}", "Accept": "application/json"}
    files = {"ro_crate": ("x.crate.zip", content, "application/zip")}
    form = {"workflow[project_ids][]": told["team"]}
    return session.post(told["address"] + path, headers=headers, files=files, data=form, timeout=120)


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path / "sandbox") as seek:
        seek.send(crate())
        token, page = seek.sandbox.token, seek.sandbox.page.partition("?")[2]
    with serving(tmp_path / "sandbox", teams=("Späte Gruppe <b>",)) as seek:
        assert (seek.sandbox.token, seek.sandbox.page.partition("?")[2]) == (token, page)
        assert seek.sandbox.teams == ("Practice team", "Späte Gruppe <b>")
        assert seek.get("/workflows/101/ro_crate").status_code == 200


def test_the_command_says_where_it_is_and_ends_when_told(tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with command(tmp_path / "sandbox", "--team", "Second team") as (process, told):
            assert urlsplit(told["address"]).hostname == "127.0.0.1"
            assert told["teams"] == ["Practice team", "Second team"]
            assert upload(told, crate()).status_code == 200
            process.send_signal(number)
            assert process.wait(30) == 0
            assert process.stderr is not None and process.stderr.read() == ""


def test_it_survives_being_killed_while_many_upload(tmp_path: Path) -> None:
    random.seed(5)
    stored: set[str] = set()
    for number in range(3):
        with command(tmp_path / "sandbox") as (process, told):

            def send(name: str, told: dict[str, Any] = told) -> None:
                try:
                    if upload(told, crate(version=name, padding="x" * 200_000)).status_code == 200:
                        stored.add(name)
                except requests.RequestException:
                    pass

            threads = [threading.Thread(target=send, args=(f"{number}.{one}",)) for one in range(8)]
            for one in threads:
                one.start()
            threads[random.randrange(4)].join()
            process.send_signal(signal.SIGKILL)
            for one in threads:
                one.join()
    with serving(tmp_path / "sandbox") as seek:
        assert not list((tmp_path / "sandbox/incoming").iterdir())
        versions = seek.sandbox.store.all("select * from versions")
        names = [row["name"] for row in versions]
        assert stored <= set(names) and len(set(names)) == len(names) and stored
        for row in versions:
            assert seek.get(f"/workflows/{row['workflow']}/ro_crate?version={row['version']}").status_code == 200
        kept = {path.name for path in (tmp_path / "sandbox/crates").iterdir()}
        assert kept == {row["archive"] for row in versions}


def test_a_client_that_hangs_up_leaves_nothing(seek: Client, tmp_path: Path) -> None:
    content = crate(padding="x" * 50_000)
    address = urlsplit(seek.sandbox.address)
    for share in (0.0, 0.3, 0.9, 0.999):
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=30)
        body = (
            b'--b\r\nContent-Disposition: form-data; name="workflow[project_ids][]"\r\n\r\n1\r\n'
            b'--b\r\nContent-Disposition: form-data; name="ro_crate"; filename="x.zip"\r\n\r\n'
            + content
            + b"\r\n--b--\r\n"
        )
        connection.putrequest("POST", "/workflows/submit")
        for name, value in (
            ("Authorization", f"Token {seek.sandbox.token}"),
            ("Accept", "application/json"),
            ("Content-Type", "multipart/form-data; boundary=b"),
            ("Content-Length", str(len(body))),
        ):
            connection.putheader(name, value)
        connection.endheaders(body[: int(len(body) * share)])
        connection.sock.shutdown(socket.SHUT_WR)
        connection.close()
    assert seek.send(crate()).status_code == 200
    assert seek.count() == 1


def test_only_one_uses_a_folder(tmp_path: Path) -> None:
    error = pytest.raises(UsageError, match="another sandbox uses it")
    with sandbox(tmp_path / "sandbox"), error, sandbox(tmp_path / "sandbox"):
        pass


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/sandbox.sqlite").write_text("this is no database, however long it may be " * 50)
    for name in ("file", "other"):
        with pytest.raises(UsageError, match=r"can't be used.*--data"), sandbox(tmp_path / name):
            pass


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with sandbox(tmp_path / "one") as first:
        port = urlsplit(first.address).port
        assert port
        with pytest.raises(UsageError, match="port"), sandbox(tmp_path / "two", port):
            pass


def test_nobody_else_reads_the_tokens(tmp_path: Path) -> None:
    with sandbox(tmp_path / "sandbox"):
        assert (tmp_path / "sandbox").stat().st_mode & 0o077 == 0


def test_limits(seek: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_ENTRIES", 50)
    many = zipped({**FILES, **{str(one): b"" for one in range(60)}, "ro-crate-metadata.json": b"{}"})
    monkeypatch.setattr(archives, "MOST_BYTES", 20_000_000)
    bomb = crate(files={**FILES, "bomb": b"\0" * 30_000_000})
    for content in (many, bomb):
        answer = seek.send(content)
        assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert seek.count() == 0


def test_nothing_is_unpacked(seek: Client, tmp_path: Path) -> None:
    names = ["a/../../evil", "..\\evil", "C:\\evil", "link"]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names[1:]:
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o120777 << 16 if name == "link" else 0  # a symbolic link
            archive.writestr(info, "/etc/passwd")
        for name, content in {**FILES, "ro-crate-metadata.json": json.dumps(metadata()).encode()}.items():
            archive.writestr(name, content)
    assert seek.send(made.getvalue()).status_code == 200
    assert seek.get("/workflows/101/git/1/download/link").content == b"/etc/passwd"
    files = {path.relative_to(tmp_path / "sandbox").parts[0] for path in (tmp_path / "sandbox").rglob("*")}
    assert files <= {"crates", "incoming", "lock", "sandbox.sqlite", "sandbox.sqlite-journal"}


def large(path: Path, size: int) -> None:
    """Write a crate with a large file."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**FILES, "ro-crate-metadata.json": json.dumps(metadata()).encode()}.items():
            archive.writestr(name, content)
        with archive.open("big.bin", "w", force_zip64=True) as target:
            for _ in range(size >> 20):
                target.write(os.urandom(1024) * 1024)


def peak(process: subprocess.Popen[str]) -> int:
    """Most memory that a process had, in bytes."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux only")
def test_a_large_crate_needs_no_memory(tmp_path: Path) -> None:
    size = 300 << 20
    large(tmp_path / "big.zip", size)
    from requests_toolbelt import MultipartEncoder

    with command(tmp_path / "sandbox") as (process, told), (tmp_path / "big.zip").open("rb") as stream:
        upload(told, crate(version="0"))
        before = peak(process)
        body = MultipartEncoder(
            [("workflow[project_ids][]", told["team"]), ("ro_crate", ("b.zip", stream, "application/zip"))]
        )
        session = requests.Session()
        session.trust_env = False
        headers = {"Authorization": f"Token {told['token']}", "Accept": "application/json"}
        sent = session.post(
            told["address"] + "/workflows/submit",
            headers={**headers, "Content-Type": body.content_type},
            data=body,
            timeout=300,
        )
        assert sent.status_code == 200
        with session.get(
            told["address"] + "/workflows/101/ro_crate", headers=headers, stream=True, timeout=300
        ) as answer:
            length = sum(len(chunk) for chunk in answer.iter_content(1 << 20))
        assert length == int(answer.headers["Content-Length"]) > size
        assert peak(process) - before < 40 << 20


def test_without_flask_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "werkzeug.serving", None)
    with pytest.raises(MissingPartError, match=r'pip install "wfprov\[sandbox\]"'), sandbox(tmp_path / "sandbox"):
        pass
    assert not (tmp_path / "sandbox").exists()
