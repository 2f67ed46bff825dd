"""The sandbox as a web application: SEEK's calls under their own addresses, and pages for people.

Comes in: a store. Goes out: a Flask application, which answers only to the names of this machine's loopback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provenance.sandbox import answers, asking, changes, files, pages, registry, trs
from provenance.sandbox.descriptions import workflow_data
from provenance.sandbox.rights import may
from provenance.sandbox.store import Store
from provenance.sandbox.uploads import Uploads

if TYPE_CHECKING:
    from typing import IO

    from flask import Flask, Response

MOST_UPLOADED = 16 << 30  # bytes of a request
_HOSTS = ("127.0.0.1", "localhost")
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def make_app(store: Store) -> Flask:
    """Make the application."""
    from flask import Flask, Request, request
    from werkzeug.routing import PathConverter

    class _Path(PathConverter):
        """Names of files may have line breaks."""

        regex = r"(?s:[^/].*?)"

    class _Received(Request):
        """Takes uploads straight into the folder of the sandbox, so that they are written once."""

        def _get_file_stream(
            self,
            total_content_length: int | None,
            content_type: str | None,
            filename: str | None = None,
            content_length: int | None = None,
        ) -> IO[bytes]:
            return store.incoming()

    app = Flask(__name__, static_folder=None)
    app.request_class = _Received
    app.url_map.converters["path"] = _Path
    app.config["MAX_CONTENT_LENGTH"] = MOST_UPLOADED
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.add_template_filter(_in_words, "bytes")
    uploads = Uploads(store)

    @app.before_request
    def guarded() -> Response | None:
        if request.host.rpartition(":")[0] not in _HOSTS:  # a name that somebody let point here
            return answers.plain(403, "This sandbox answers to 127.0.0.1 and localhost only.\n")
        if request.method == "POST":
            len(request.form)  # read to its end before anything is answered, as the real server's front does
        return None

    @app.after_request
    def harmless(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.teardown_request
    def tidy(_: BaseException | None) -> None:
        for part in vars(request._get_current_object()).get("files", {}).values():  # type: ignore[attr-defined]
            part.close()

    @app.errorhandler(404)
    @app.errorhandler(405)
    def unknown(_: Exception) -> Response:
        return answers.not_found(asking.form(request), request.path)

    @app.post("/workflows/submit")
    def submit() -> Response:
        return uploads.submit(request)

    @app.post("/workflows")
    def create() -> Response:
        return uploads.create(request)

    @app.post("/workflows/<int:workflow>/create_version")
    def create_version(workflow: int) -> Response:
        return uploads.create_version(request, workflow)

    @app.get("/workflows/<int:workflow>")
    def read(workflow: int) -> Response:
        form, number, who = asking.form(request), asking.version(request), asking.person(request, store)
        if form == "html":
            return pages.workflow(store, workflow, number)
        found = workflow_data(store, workflow, who, number)
        if found is None:
            return answers.not_found(form, f"Workflow with 'id'={workflow}")
        return answers.resource(found) if may(store, who, workflow, "view") else answers.refused(form, "/")

    @app.route("/workflows/<int:workflow>", methods=["PATCH", "PUT"])
    def update(workflow: int) -> Response:
        return changes.update(store, request, workflow)

    for room in (registry, files, trs, pages):
        room.add_routes(app, store)
    return app


def _in_words(size: int) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024  # type: ignore[assignment]
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"
