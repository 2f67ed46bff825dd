"""The plan and the verdict as JSON, for programs: ``plan.json`` and ``verdict.json``.

Comes in: a :class:`~provenance.rerun.records.Plan` or :class:`~provenance.rerun.records.Verdict`. Goes out: the forms
that ``docs/reference/verdict.md`` describes, key by key. A new key leaves the version as it is; a key that goes, or
means something else, raises it.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any

from provenance.errors import OutputError
from provenance.rerun.records import Plan, Verdict

PLAN_VERSION = 1
VERDICT_VERSION = 1


def plan_as_json(plan: Plan) -> dict[str, Any]:
    """Give a plan its form; the run itself is what ``wfprov inspect --json`` prints of the crate."""
    files = [
        {**asdict(file), "agreement": check.agreement, "detail": check.detail}
        for file, check in zip(plan.files, plan.checks, strict=True)
    ]
    environment = asdict(plan.environment)
    environment.pop("details")
    return {
        "version": PLAN_VERSION,
        "origin": asdict(plan.origin),
        "crate": plan.crate,
        "run": {"id": plan.run.id, "name": plan.run.name, "status": plan.run.status},
        "engine": plan.engine,
        "placement": asdict(plan.placement),
        "steps": [asdict(step) for step in plan.steps],
        "files": files,
        "environment": environment,
        "machine": [asdict(one) for one in plan.machine],
        "changes": [asdict(one) for one in plan.changes],
        "likely": plan.likely,
        "problems": plan.problems,
    }


def verdict_as_json(verdict: Verdict) -> dict[str, Any]:
    """Give a verdict its form."""
    return {
        "version": VERDICT_VERSION,
        **asdict(verdict),
        "counts": {
            "outputs": dict(Counter(one.likeness.value for one in verdict.outputs)),
            "tasks": dict(Counter(one.finding for one in verdict.tasks)),
            "checks": dict(Counter(one.agreement.value for one in verdict.checks)),
        },
    }


def dumps(content: object) -> str:
    """Write values as JSON: paths and words of lists as texts, numbers that JSON has not as null."""
    return json.dumps(_plain(content), indent=2, allow_nan=False)


def write_json(path: Path, content: object) -> None:
    """Write beside, then rename: whoever reads it gets all of it.

    Raises
    ------
    OutputError
        No room, or no permission.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(dumps(content) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror}; make room, or choose another --workdir") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
