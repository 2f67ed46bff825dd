"""Spack environments: the concrete specs of ``spack.lock``, installed by the site's Spack.

Comes in: ``spack.yaml`` and ``spack.lock`` of a crate. Goes out: a view, whose folders go first in ``PATH``. Spack is
given a manifest of our own with the specs alone: a manifest may set up much else, down to programs that Spack starts.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from provenance.crate.source import FolderPayload
from provenance.errors import WfprovError
from provenance.rerun.environments import cache, interpreters
from provenance.rerun.environments.calling import WAY_OUT, call, program
from provenance.rerun.environments.offers import Offer, Refusal
from provenance.rerun.environments.requirements import place
from provenance.rerun.records import EnvironmentPlan, Ready
from provenance.rerun.talk import Talk
from provenance.run.model import Run

FOLDER = "spack"  # in the details of a plan
_NAMES = "modules"
_MANIFEST, _LOCK = "spack.yaml", "spack.lock"
_SPEC = re.compile(r"[A-Za-z0-9][!-~ ]*\Z")
_LIMIT = 32 << 20


def offer(run: Run, crate: Path) -> Offer | Refusal:
    """Say what Spack would install."""
    if not any(file.kind == "spack" for file in run.environment.files):
        return Refusal("the crate has neither modules nor Spack packages", is_silent=True)
    if program("spack") is None:
        return Refusal("Spack, which builds from its spack.lock, is not here")
    specs = _specs(crate)
    if not specs:
        return Refusal("environment/spack.yaml has no specs that can be read")
    description = f"{len(specs)} Spack packages of environment/{_LOCK}"
    details = {FOLDER: True, _NAMES: specs}
    return Offer(
        EnvironmentPlan("modules", description, is_ready=cache.known(_key(crate)) is not None, details=details)
    )


def add(ready: Ready, plan: EnvironmentPlan, crate: Path, talk: Talk) -> Ready:
    """Install what the plan says, and put its view first.

    Raises
    ------
    WfprovError
        Spack can't install it.
    """
    tool = program("spack")
    if tool is None:
        raise WfprovError(f"Spack is not here; {WAY_OUT}")

    def fill(folder: Path) -> dict[str, Any]:
        manifest = {"spack": {"specs": _specs(crate), "view": True, "concretizer": {"unify": "when_possible"}}}
        (folder / _MANIFEST).write_text(yaml.safe_dump(manifest, sort_keys=False, width=1000), encoding="utf-8")
        lock = _lock(crate)
        if lock is not None:
            (folder / _LOCK).write_text(json.dumps(lock), encoding="utf-8")
        talk.say(f"{plan.description}: Spack installs, which may take long")
        variables = interpreters.plain_variables()
        call([tool, "--env-dir", str(folder), "install"], cwd=folder, variables=variables, what="spack install")
        return {}

    folder, _ = cache.built(_key(crate), fill, talk)
    view = folder / ".spack-env" / "view"
    return replace(
        ready,
        path=(str(view / "bin"), *ready.path),
        variables=(*ready.variables, ("CMAKE_PREFIX_PATH", str(view))),
        needs=(*ready.needs, folder),
    )


def _specs(crate: Path) -> list[str]:
    try:
        content = yaml.safe_load(FolderPayload(crate).text(place(_MANIFEST), _LIMIT) or "")
        listed = content["spack"]["specs"]
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError):
        return []
    return [each for each in listed if isinstance(each, str) and _SPEC.match(each)] if isinstance(listed, list) else []


def _lock(crate: Path) -> Any:
    try:
        return json.loads(FolderPayload(crate).text(place(_LOCK), _LIMIT) or "null")
    except (ValueError, RecursionError):
        return None


def _key(crate: Path) -> str:
    return cache.key(["spack 1", json.dumps(_lock(crate), sort_keys=True), *_specs(crate)])
