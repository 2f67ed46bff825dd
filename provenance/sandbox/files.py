"""The files of a version as SEEK gives them out: the crate as a zip, its metadata, and single files as in a git tree.

Comes in: a request for a version. Goes out: responses that are streamed from disk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from provenance.sandbox import answers, asking, pages
from provenance.sandbox.archives import METADATA, chunks, copy
from provenance.sandbox.rights import may
from provenance.sandbox.store import Row, Store

if TYPE_CHECKING:
    from flask import Flask, Request, Response

_MOST_IN_JSON = 32 << 20  # bytes of a file that is told in base64
_CHUNK = 1 << 20
# What a browser may do with a file of a crate that it shows by itself: nothing.
_HARMLESS = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def add_routes(app: Flask, store: Store) -> None:
    """Add the calls that give out files."""
    from flask import request

    def seen(workflow: int, number: int | None, level: str) -> Row | None:
        found = store.version(workflow, number)
        who = asking.visitor(request, store)
        return found if found is not None and may(store, who, workflow, level) else None

    @app.get("/workflows/<int:workflow>/ro_crate")
    def ro_crate(workflow: int) -> Response:
        number, form = asking.version(request), asking.form(request)
        if store.version(workflow, number) is None:
            return answers.led_to("/") if form == "html" else answers.not_found(form, f"Workflow with 'id'={workflow}")
        version = seen(workflow, number, "download")
        return answers.refused(form, "/") if version is None else zipped(store, version)

    @app.get("/workflows/<int:workflow>/ro_crate_metadata")
    def metadata(workflow: int) -> Response:
        number, form = asking.version(request), asking.form(request)
        if store.version(workflow, number) is None:
            return answers.not_found(form, f"Workflow with 'id'={workflow}")
        version = seen(workflow, number, "view")
        if version is None:
            return answers.refused(form, "/")
        return answers.plain(200, version["metadata"], answers.JSON)

    @app.get("/workflows/<int:workflow>/diagram")
    def diagram(workflow: int) -> Response:
        version = seen(workflow, asking.version(request), "view")
        if version is None or not version["diagram"]:
            return answers.not_found("html", "diagram")
        return _content(store, version, version["diagram"], is_shown=True)

    @app.get("/workflows/<int:workflow>/git/<int:version>/tree")
    @app.get("/workflows/<int:workflow>/git/<int:version>/tree/<path:name>")
    def tree(workflow: int, version: int, name: str = "") -> Response:
        found = seen(workflow, version, "download")
        if found is None:
            return _git_error(store, request, workflow, version)
        listed = _tree(_files(store, found), name.strip("/"))
        return _git_missing(request, name) if listed is None else answers.plain(200, json.dumps(listed), answers.JSON)

    @app.get("/workflows/<int:workflow>/git/<int:version>/blob/<path:name>")
    def blob(workflow: int, version: int, name: str) -> Response:
        found = seen(workflow, version, "download")
        if found is None:
            return _git_error(store, request, workflow, version)
        file = _files(store, found).get(name)
        if file is None:
            return _git_missing(request, name)
        if asking.form(request) == "html":
            return pages.file(store, found, name, file[0], _start(store, found, name))
        return answers.plain(200, json.dumps(_blob(store, found, name)), answers.JSON)

    @app.get("/workflows/<int:workflow>/git/<int:version>/<any(download, raw):how>/<path:name>")
    def one_file(workflow: int, version: int, how: str, name: str) -> Response:
        found = seen(workflow, version, "download")
        if found is None:
            return _git_error(store, request, workflow, version)
        if name not in _files(store, found):
            return _git_missing(request, name)
        return _content(store, found, name, is_shown=how == "raw")


def zipped(store: Store, version: Row) -> Response:
    """A version as SEEK gives it out: the files as they came, the metadata written anew; made on disk."""
    archive, target = store.archive(version), store.incoming()
    names = (name for name in archive.files if name not in METADATA)
    copy(archive, names, {METADATA[0]: _metadata(version)}, target)
    length = target.tell()
    target.seek(0)
    name = f"workflow-{version['workflow']}-{version['version']}.crate.zip"
    response = _streamed(_read(target), length, "application/zip", name)
    response.call_on_close(target.close)
    return response


def _metadata(version: Row) -> bytes:
    return json.dumps(json.loads(version["metadata"]), indent=2).encode()


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _files(store: Store, version: Row) -> dict[str, tuple[int, str]]:
    """Size and git's id of each file, the metadata as they were written anew among them."""
    files = {name: (file.size, file.identifier) for name, file in store.files(version).items() if name not in METADATA}
    content = _metadata(version)
    digest = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return {**files, METADATA[0]: (len(content), digest.hexdigest())}


def _pieces(store: Store, version: Row, name: str) -> Iterator[bytes]:
    return iter([_metadata(version)]) if name == METADATA[0] else chunks(store.archive(version), name)


def _start(store: Store, version: Row, name: str) -> bytes:
    return next(_pieces(store, version, name), b"")


def _content(store: Store, version: Row, name: str, *, is_shown: bool) -> Response:
    """A file; only pictures are shown, and scripts in them don't run."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    is_picture = is_shown and kind.startswith("image/")
    size = _files(store, version)[name][0]
    shown_kind = kind if is_picture else "application/octet-stream"
    response = _streamed(_pieces(store, version, name), size, shown_kind, None if is_picture else name)
    response.headers["Content-Security-Policy"] = _HARMLESS
    return response


def _streamed(pieces: Iterator[bytes], length: int, kind: str, name: str | None) -> Response:
    from flask import Response

    response = Response(pieces, content_type=kind)
    response.content_length = length
    if name is not None:
        base = quote(name.rpartition("/")[2], safe="", errors="replace")
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{base}"
    return response


def _tree(files: dict[str, tuple[int, str]], folder: str) -> dict[str, Any] | None:
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, str]] = {}
    for path, (_, identifier) in files.items():
        if not path.startswith(prefix):
            continue
        name, _, rest = path.removeprefix(prefix).partition("/")
        kind, mode = ("tree", "040000") if rest else ("blob", "100644")
        full = prefix + name
        shown = _tree_id(files, full) if rest and name not in entries else identifier
        entries.setdefault(name, {"id": shown, "name": name, "type": kind, "path": full, "mode": mode})
    if not entries:
        return None
    listed = [entries[name] for name in sorted(entries)]
    return {"id": _tree_id(files, folder), "path": folder or "/", "tree": listed}


def _tree_id(files: dict[str, tuple[int, str]], folder: str) -> str:
    prefix = f"{folder}/" if folder else ""
    inside = "".join(f"{path} {one[1]}\n" for path, one in sorted(files.items()) if path.startswith(prefix))
    return hashlib.sha1(inside.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _blob(store: Store, version: Row, name: str) -> dict[str, Any]:
    size, identifier = _files(store, version)[name]
    content = b"".join(_pieces(store, version, name)) if size <= _MOST_IN_JSON else b""
    is_main = name == version["main"]
    return {
        "id": identifier,
        "path": name,
        "size": size,
        "binary": b"\0" in content,
        "content": base64.encodebytes(content).decode(),
        "annotations": [{"key": "main_workflow", "value": None}] if is_main else [],
    }


def _git_error(store: Store, request: Request, workflow: int, version: int) -> Response:
    if store.version(workflow, version) is None:
        return _git_missing(request, f"version {version} of workflow {workflow}")
    if asking.form(request) == "html":
        return answers.led_to("/")
    return answers.plain(403, json.dumps({"error": "You are not authorized to see this."}), answers.JSON)


def _git_missing(request: Request, what: str) -> Response:
    if asking.form(request) == "html":
        return answers.not_found("html", what)
    return answers.plain(404, json.dumps({"error": f"Couldn't find {what}"}), answers.JSON)
