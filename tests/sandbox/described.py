"""Every JSON answer of a sandbox, held against SEEK's description of its API: wraps the application of a server.

``described(running)`` for as long as the context lasts; at its end it fails with what did not fit. The schemas are in
``answers.json``; calls that the description leaves out (TRS, lists of classes) are named here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

_SCHEMAS = json.loads((Path(__file__).parent / "answers.json").read_text("utf-8"))
# JSON that the description has no word of; the facts about the server have.
_LEFT_OUT = re.compile(r"/ga4gh/trs/v2/.*|/workflow_classes|/projects/\d+/workflows|/workflows/\d+/git/\d+/tree")
_UNDESCRIBED = {("POST /workflows/submit", "500")}  # a bare title and detail


@dataclass
class Described:
    """What was answered, and what of it does not fit."""

    app: Any
    seen: set[tuple[str, str]] = field(default_factory=set)  # call and status of each answer that was checked
    wrong: list[str] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        told: dict[str, Any] = {}

        def noted(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            told["status"] = status[:3]
            told["kind"] = {name.lower(): value for name, value in headers}.get("content-type", "")
            return start(status, headers, *rest)

        answer = self.app(environ, noted)
        if "json" not in told["kind"] or "ld+json" in told["kind"] or environ["REQUEST_METHOD"] == "HEAD":
            return answer
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        self._check(environ["REQUEST_METHOD"], environ["PATH_INFO"], told["status"], body)
        return [body]

    def _check(self, method: str, path: str, status: str, body: bytes) -> None:
        call = _call(method, path)
        if call is None or (call, status) in _UNDESCRIBED:
            if call is None and status != "404" and not _LEFT_OUT.fullmatch(path):
                self.wrong.append(f"{method} {path}: JSON that nothing describes")
            return
        if status not in _SCHEMAS["calls"][call]:
            self.wrong.append(f"{call}: {status} with JSON that nothing describes")
            return
        self.seen.add((call, status))
        for error in _validator(call, status).iter_errors(json.loads(body)):
            self.wrong.append(f"{call} {status}: {error.json_path}: {error.message[:300]}")


def _call(method: str, path: str) -> str | None:
    calls = sorted((one for one in _SCHEMAS["calls"] if one.startswith(f"{method} ")), key=lambda one: "{" in one)
    return next((one for one in calls if re.fullmatch(_pattern(one.partition(" ")[2]), path)), None)


@cache
def _pattern(path: str) -> str:
    parts = re.split(r"(\{\w+\})", path)
    return "".join(".+" if one == "{path}" else "[0-9]+" if one.startswith("{") else re.escape(one) for one in parts)


@cache
def _validator(call: str, status: str) -> Draft202012Validator:
    schema = {**_SCHEMAS["calls"][call][status], "$defs": _SCHEMAS["$defs"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())


@contextmanager
def described(running: Any) -> Iterator[Described]:
    """Check what a running sandbox answers."""
    checked = Described(running.server.app)
    running.server.app = checked
    yield checked
    assert not checked.wrong, "\n".join(checked.wrong)
