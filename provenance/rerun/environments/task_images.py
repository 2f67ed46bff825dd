"""The images of the containers that a run itself starts: whether those of this machine are the recorded ones.

Comes in: a plan, the Run, its crate. Goes out: the plan with what differs; later, images from the crate are loaded, so
that the commands of the run find them by their names. A name that another image has here stays with that one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from provenance.environment.containers import names as container_names
from provenance.rerun.environments.archives import ImageArchive, archive_of, file_of
from provenance.rerun.environments.calling import call
from provenance.rerun.environments.interpreters import plain_variables
from provenance.rerun.records import Difference, EnvironmentPlan, Ready
from provenance.rerun.talk import Talk
from provenance.run.model import Container, Run

LOADED = "images to load"  # in the details of a plan: [engine, key of the container]
FILES = "image files"  # recorded path -> path of the file in the crate, for who lays out the work folder
_OCI = ("podman", "docker")
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _State:
    """What is here of an image."""

    difference: Difference | None = None
    archive: ImageArchive | None = None


def added(plan: EnvironmentPlan, run: Run, crate: Path) -> EnvironmentPlan:
    """Add to a plan what is to be said, and done, about the images that tasks of the run start."""
    started = [one for one in run.containers if one.key != run.container]
    if not started:
        return plan
    files = {one.path: str(file) for one in started if one.path and (file := file_of(one, crate)) is not None}
    differences, loaded = [], []
    known = {kind: _known(kind) for kind in {one.kind for one in started} if kind in _OCI}
    for one in started:
        if one.kind not in _OCI:
            if one.path and one.path not in files and not os.path.exists(one.path):
                detail = "started by the run; the file is neither here nor in the crate"
                differences.append(Difference("container", one.image, _said(one), None, detail))
            continue
        state = _state(one, known[one.kind], crate)
        differences += [state.difference] if state.difference else []
        if state.archive is not None:
            loaded.append([one.kind, one.key])
    return replace(
        plan,
        differences=(*differences, *plan.differences),
        is_ready=plan.is_ready and not loaded,
        details={**plan.details, LOADED: loaded, FILES: files},
    )


def load(ready: Ready, run: Run, crate: Path, talk: Talk) -> Ready:
    """Load what the plan says from the crate.

    Raises
    ------
    WfprovError
        An engine can't load an image.
    """
    for kind, key in ready.plan.details.get(LOADED, ()):
        container = next(one for one in run.containers if one.key == key)
        archive = archive_of(container, crate)
        if archive is not None:
            talk.say(f"loading the image {container.image} from environment/images/{archive.path.name} with {kind}")
            load_archive(str(shutil.which(kind) or kind), archive, _known(kind) or {})
    return ready


def load_archive(engine: str, archive: ImageArchive, known: dict[str, str]) -> None:
    """Load an archive; the names that images here have already stay theirs.

    Parameters
    ----------
    known
        Name of each image that the engine has -> its id.
    """
    words = [engine, "load", "--quiet", "--input", str(archive.path)]
    call(words, cwd=Path("/"), variables=plain_variables(), what=f"loading the image {archive.path}")
    for tag in archive.tags:
        identifier = known.get(_spelled(tag))
        if identifier is not None and identifier != archive.image_id:
            words = [engine, "tag", identifier, tag]
            call(words, cwd=Path("/"), variables=plain_variables(), what=f"giving the name {tag} back")


def known_images(engine: str) -> dict[str, str] | None:
    """Ask an engine for the names of its images, each with the id; None when it gives no answer."""
    words = [engine, "images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}}\t{{.ID}}"]
    try:
        done = subprocess.run(
            words,
            env=plain_variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return dict(_rows(done.stdout)) if done.returncode == 0 else None


def _rows(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, tab, identifier = line.partition("\t")
        if tab:
            yield _spelled(name), identifier.removeprefix("sha256:")


def _known(kind: str) -> dict[str, str] | None:
    engine = shutil.which(kind)
    return known_images(engine) if engine else None


def _state(one: Container, known: dict[str, str] | None, crate: Path) -> _State:
    def differs(after: str | None, detail: str) -> _State:
        return _State(Difference("container", one.image, _said(one), after, f"started by the run; {detail}"))

    if known is None:
        return differs(None, f"{one.kind} is not here, or does not answer")
    here = known.get(_spelled(one.image))
    if here is not None:
        same = one.image_id is None or here == one.image_id
        return _State() if same else differs(f"sha256:{here[:12]}", "another image has this name here")
    if one.image_id is not None and one.image_id in known.values() and one.image_id.startswith(one.image):
        return _State()  # named by its id
    archive = archive_of(one, crate)
    if archive is not None:
        return _State(archive=archive)
    return differs(None, f"not here; {one.kind} fetches it when a registry has it")


def _said(one: Container) -> str | None:
    digest = one.image_id or one.sha256
    return f"sha256:{digest[:12]}" if digest else one.tag


def _spelled(name: str) -> str:
    parsed = container_names.parse(name, None)
    return f"{parsed.repository}:{parsed.tag}" if parsed else name
