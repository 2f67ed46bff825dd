"""What a crate says of the runs in it, for the page of a workflow; the real server keeps this and shows nothing of it.

Comes in: the metadata of a version. Goes out: a few facts of each run, as texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from provenance.sandbox.reading import Entity, references, types

_STATUS = {"CompletedActionStatus": "completed", "FailedActionStatus": "failed", "ActiveActionStatus": "still running"}
_MOST = 20  # runs that are shown


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the workflow."""

    name: str
    status: str | None
    start: str | None
    end: str | None
    agent: str | None
    inputs: int
    outputs: int
    error: str | None


def runs_in(metadata: Mapping[str, Any]) -> tuple[list[Run], int]:
    """The runs of the main workflow in a crate, and the number of actions that are steps of them."""
    graph = [one for one in metadata.get("@graph", ()) if isinstance(one, dict) and isinstance(one.get("@id"), str)]
    entities = {one["@id"]: one for one in graph}
    roots = [one for one in graph if "mainEntity" in one]
    main = set(references(roots[0].get("mainEntity"))) if roots else set()
    actions = [one for one in graph if "CreateAction" in types(one)]
    whole = [one for one in actions if main & set(references(one.get("instrument")))]
    return [_run(one, entities) for one in whole[:_MOST]], len(actions) - len(whole)


def _run(action: Entity, entities: Mapping[str, Entity]) -> Run:
    agents = [entities.get(one, {}).get("name") or one for one in references(action.get("agent"))]
    status = _address(action.get("actionStatus")).rpartition("/")[2]
    return Run(
        name=_text(action.get("name")) or "run",
        status=_STATUS.get(status, status) or None,
        start=_time(action.get("startTime")),
        end=_time(action.get("endTime")),
        agent=", ".join(map(str, agents)) or None,
        inputs=len(references(action.get("object"))),
        outputs=len(references(action.get("result"))),
        error=_text(action.get("error")),
    )


def _address(value: Any) -> str:
    return str(value.get("@id", "")) if isinstance(value, dict) else _text(value) or ""


def _time(value: Any) -> str | None:
    text = _text(value)
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
    except ValueError:
        return text
    if time is None or time.tzinfo is None:
        return text
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
