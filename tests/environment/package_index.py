"""Python packages for tests: wheels written by hand, an index on loopback that serves them, a backend that builds.

Nothing here comes from a network: a package is a few lines of text.
"""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

# A build backend of a few lines, carried by the projects themselves: real ones would have to come from an index.
BACKEND = r"""
import base64, hashlib, os, pathlib, zipfile
NAME, VERSION = "@NAME@", "@VERSION@"
STEM = NAME.replace("-", "_") + "-" + VERSION
def _wheel(folder, files):
    files = {**files, STEM + ".dist-info/METADATA": "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (NAME, VERSION),
             STEM + ".dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = ""
    with zipfile.ZipFile(os.path.join(folder, STEM + "-py3-none-any.whl"), "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record += "%s,sha256=%s,%d\n" % (name, digest, len(text.encode()))
        archive.writestr(STEM + ".dist-info/RECORD", record + STEM + ".dist-info/RECORD,,\n")
    return STEM + "-py3-none-any.whl"
def build_wheel(folder, config_settings=None, metadata_directory=None):
    source = pathlib.Path("src")
    return _wheel(folder, {str(p.relative_to(source)): p.read_text() for p in source.rglob("*") if p.is_file()
                           and p.suffix != ".pyc"})
def build_editable(folder, config_settings=None, metadata_directory=None):
    return _wheel(folder, {"__editable__." + STEM + ".pth": str(pathlib.Path("src").resolve()) + "\n"})
"""


def write_project(folder: Path, name: str, version: str, files: Mapping[str, str]) -> Path:
    """Write a project with a ``src`` folder that builds without any other package."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
    )
    (folder / "backend.py").write_text(BACKEND.replace("@NAME@", name).replace("@VERSION@", version))
    for path, text in files.items():
        (folder / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "src" / path).write_text(text)
    return folder


def write_wheel(
    folder: Path, name: str, version: str, files: Mapping[str, str], requires: tuple[str, ...] = (), **metadata: str
) -> Path:
    """Write a wheel; ``metadata`` are further files of its dist-info by their names, with "_" for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name.lower().replace('-', '_').replace('.', '_')}-{version}"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"
    content = {
        **files,
        f"{stem}.dist-info/METADATA": head + "".join(f"Requires-Dist: {each}\n" for each in requires) + "\nText.\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{f"{stem}.dist-info/{key.replace('_txt', '.txt')}": text for key, text in metadata.items()},
    }
    rows = []
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            rows.append(f'"{path}",sha256={digest},{len(text.encode())}\n')
        archive.writestr(f"{stem}.dist-info/RECORD", "".join(rows) + f"{stem}.dist-info/RECORD,,\n")
    return wheel


@contextmanager
def serving(wheels: Path, repositories: Path | None = None) -> Iterator[str]:
    """Serve the wheels of a folder as a simple repository (PEP 503), and git repositories; give the address."""

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path.startswith("/git/"):
                _git(self, repositories)
            elif path.startswith("/simple/"):
                wanted = path.strip("/").rpartition("/")[2].replace("-", "_")
                names = [each.name for each in wheels.glob("*.whl") if each.name.split("-")[0].lower() == wanted]
                page = "".join(f'<a href="/files/{name}">{name}</a>\n' for name in names).encode()
                self._answer(200 if names else 404, page, "text/html")
            elif path.startswith("/files/") and (wheels / path.rpartition("/")[2]).is_file():
                self._answer(200, (wheels / path.rpartition("/")[2]).read_bytes(), "application/octet-stream")
            else:
                self._answer(404, b"", "text/html")

        def do_POST(self) -> None:
            _git(self, repositories)

        def _answer(self, status: int, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(wheels)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _git(handler: BaseHTTPRequestHandler, repositories: Path | None) -> None:
    """Answer a request of git by git's own program for web servers (git-http-backend)."""
    parts = urlsplit(handler.path)
    length = int(handler.headers.get("Content-Length") or 0)
    variables = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(repositories),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "REQUEST_METHOD": handler.command,
        "PATH_INFO": parts.path.removeprefix("/git"),
        "QUERY_STRING": parts.query,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(length),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
    }
    done = subprocess.run(
        ["git", "http-backend"], input=handler.rfile.read(length), env=variables, capture_output=True, check=True
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    handler.send_response(int(fields.pop("Status", "200").split()[0]))
    for name, value in fields.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
