"""The container image that a run took place in: whether the same one can be had here, and having it.

Comes in: the Run and its crate. Goes out: an offer, and the :class:`~provenance.rerun.records.Ready` environment, whose
plan names engine and image in its ``details``. The same means: the id of the image or the digest of its manifest or
file is the recorded one. An engine is asked for what it has; it fetches only when the environment is prepared.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from provenance.environment.containers import names as container_names
from provenance.environment.containers.images import digest
from provenance.errors import WfprovError
from provenance.recording import capabilities
from provenance.rerun.environments.archives import archive_of, file_of
from provenance.rerun.environments.calling import call
from provenance.rerun.environments.interpreters import plain_variables
from provenance.rerun.environments.offers import Offer, Refusal
from provenance.rerun.environments.starting import (
    CHARLIECLOUD,
    ENGINE,
    IMAGE,
    KIND,
    KIND_OF_ENGINE,
    PRELOAD,
    Bind,
    container_words,
)
from provenance.rerun.environments.task_images import known_images, load_archive
from provenance.rerun.records import Difference, EnvironmentPlan, Ready
from provenance.rerun.talk import Talk
from provenance.run.model import Container, Run

__all__ = ["KIND", "offer", "ready"]

_OCI = ("podman", "docker")
_SIF = ("apptainer", "singularity")
_OF_FILES = {"apptainer": _SIF, "singularity": _SIF, CHARLIECLOUD: (CHARLIECLOUD,)}
_PROGRAMS = {CHARLIECLOUD: "ch-run"}
_SECONDS = 20.0
_TRY_SECONDS = 60.0
_HOW = "how"  # in the details: local | archive | pull | file
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class _Engine:
    kind: str
    path: str


def offer(run: Run, crate: Path, is_forced: bool = False) -> Offer | Refusal:
    """Say where the image of the whole run would come from.

    Parameters
    ----------
    is_forced
        Take an image by its name where no digest is recorded.
    """
    container = next((one for one in run.containers if one.key == run.container), None)
    if container is None:
        return Refusal("the run did not take place in a container", is_silent=not is_forced)
    engines = list(_engines())
    if not engines:
        return Refusal("none of podman, docker, apptainer, singularity and ch-run is here")
    if not (container.sha256 or container.image_id) and not is_forced:
        return Refusal(f"no digest of the image {container.image} is recorded, so another one can't be told from it")
    refusals = []
    for engine in engines:
        answer = _offer(engine, container, crate)
        if isinstance(answer, Offer):
            return answer
        refusals.append(answer.why)
    return Refusal("; ".join(dict.fromkeys(refusals)))


def ready(plan: EnvironmentPlan, run: Run, crate: Path, talk: Talk) -> Ready:
    """Load or fetch the image of a plan, hold its digest against the record, and try it.

    Raises
    ------
    NetworkError
        The registry can't be reached.
    WfprovError
        The image can't be loaded, or is not the recorded one.
    """
    container = next(one for one in run.containers if one.key == run.container)
    engine = _Engine(str(plan.details[KIND_OF_ENGINE]), str(plan.details[ENGINE]))
    image, how = str(plan.details[IMAGE]), plan.details[_HOW]
    differences: tuple[Difference, ...] = ()
    if how == "file":
        talk.say(f"comparing the image file {image} with its record")
        found = digest(image)
        if container.sha256 and found != container.sha256:
            raise WfprovError(
                f"the image file {image} has the SHA-256 {found}, recorded is {container.sha256}; "
                "get the right one, or choose --env current"
            )
        differences = () if container.sha256 else (_unknown(container, f"sha256:{found}"),)
    else:
        if how == "archive":
            image = _load(engine, container, crate, talk)
        elif how == "pull":
            talk.say(f"fetching the image {image} with {engine.kind}")
            call(_pull(engine, image), cwd=Path("/"), variables=plain_variables(), what=f"fetching the image {image}")
        identifier = _image_id(engine, image) if engine.kind in _OCI else None
        if container.image_id and identifier and identifier != container.image_id:
            raise WfprovError(
                f"the image {image} has the id {identifier[:12]}, recorded is {container.image_id[:12]}; "
                "get the right one, or choose --env current"
            )
        if not (container.sha256 or container.image_id):
            differences = (_unknown(container, f"sha256:{identifier}" if identifier else None),)
        # From here on by its id: the name may lead to another image meanwhile.
        image = identifier or image
    made = Ready(replace(plan, details={**plan.details, IMAGE: image}), differences=differences)
    why = _why_unwatched(made)
    if why:
        talk.say(f"what happens inside of the container can't be watched: {why}")
    return replace(made, plan=replace(made.plan, details={**made.plan.details, PRELOAD: why is None, "why": why or ""}))


def _offer(engine: _Engine, container: Container, crate: Path) -> Offer | Refusal:
    for_file = _OF_FILES.get(container.kind, ())
    if for_file and container.path:
        return _offer_of_file(engine, container, crate, for_file)
    if engine.kind == CHARLIECLOUD:
        return Refusal("ch-run starts image files only")
    reference = _reference(container)
    if engine.kind in _OCI:
        identifier = container.image_id if container.image_id and _HEX.match(container.image_id) else None
        for name in filter(None, (identifier, reference)):
            if _has(engine, name):
                return _plan(engine, container, name, "local", f"which {engine.kind} has here")
        archive = archive_of(container, crate)
        if archive is not None:
            said = f"from environment/images/{archive.path.name}"
            return _plan(engine, container, archive.image_id, "archive", said)
    if reference is None or container.registry in (None, "localhost"):
        return Refusal(f"the image {container.image} is in no registry, not here, and not carried in the crate")
    name = reference if engine.kind in _OCI else f"docker://{reference}"
    return _plan(engine, container, name, "pull", f"which {engine.kind} fetches from {container.registry}")


def _offer_of_file(engine: _Engine, container: Container, crate: Path, for_file: tuple[str, ...]) -> Offer | Refusal:
    if engine.kind not in for_file:
        return Refusal(f"{engine.kind} does not start image files of {container.kind}")
    carried = file_of(container, crate)
    if carried is not None:
        return _plan(engine, container, str(carried), "file", f"from environment/images/{carried.name}")
    path = Path(container.path or "")
    if path.is_absolute() and path.is_file() and container.size in (None, path.stat().st_size):
        return _plan(engine, container, str(path), "file", f"from {path}")
    return Refusal(f"the image file {container.path} is neither here nor in the crate")


def _plan(engine: _Engine, container: Container, image: str, how: str, said: str) -> Offer:
    known = container.sha256 or container.image_id
    title = f"the container image {container.image}" + (f" (sha256:{known[:12]})" if known else "")
    return Offer(
        EnvironmentPlan(
            KIND,
            f"{title}, {said}",
            is_ready=how in ("local", "file"),
            differences=() if known else (_unknown(container, None),),
            details={ENGINE: engine.path, KIND_OF_ENGINE: engine.kind, IMAGE: image, _HOW: how},
        )
    )


def _engines() -> Iterator[_Engine]:
    for kind in (*_OCI, *_SIF, CHARLIECLOUD):
        path = shutil.which(_PROGRAMS.get(kind, kind))
        if path is not None and (kind != "docker" or _docker_runs()):
            yield _Engine(kind, path)


def _docker_runs() -> bool:
    """Tell whether a daemon can be reached, without asking it: the command may wait for one that is not there."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    return not host.startswith("unix://") or os.path.exists(host.removeprefix("unix://"))


def _reference(container: Container) -> str | None:
    """Return the name that leads to this very image; by its tag where no digest is known."""
    name = container_names.parse(container.image, None)
    repository = f"{container.registry}/{container.name}" if container.registry and container.name else None
    repository = repository or (name.repository if name else None)
    if repository is None or container_names.parse(repository, None) is None or repository.startswith("-"):
        return None
    if container.sha256 and _HEX.match(container.sha256):
        return f"{repository}@sha256:{container.sha256}"
    tag = container.tag or (name.tag if name else None)
    return f"{repository}:{tag}" if tag and not container.image_id else None


def _has(engine: _Engine, image: str) -> bool:
    return _image_id(engine, image) is not None


def _image_id(engine: _Engine, image: str) -> str | None:
    try:
        done = subprocess.run(
            [engine.path, "image", "inspect", "--format", "{{.Id}}", image],
            env=plain_variables(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    found = done.stdout.strip().removeprefix("sha256:")
    return found if done.returncode == 0 and _HEX.match(found) else None


def _pull(engine: _Engine, image: str) -> list[str]:
    if engine.kind in _OCI:
        return [engine.path, "pull", "--quiet", image]
    return [engine.path, "exec", image, "true"]  # which keeps it in the engine's cache


def _load(engine: _Engine, container: Container, crate: Path, talk: Talk) -> str:
    """Load an image from the crate; names that images here have already stay theirs."""
    archive = archive_of(container, crate)
    if archive is None:
        raise WfprovError(f"the image {container.image} is no longer in the crate; fetch the crate again")
    talk.say(f"loading the image {container.image} from environment/images/{archive.path.name} with {engine.kind}")
    load_archive(engine.path, archive, known_images(engine.path) or {})
    return archive.image_id


def _unknown(container: Container, found: str | None) -> Difference:
    detail = "no digest is recorded; taken by its name"
    return Difference("container", container.image, None, found, detail)


def _why_unwatched(made: Ready) -> str | None:
    """Tell why the recording can't be loaded into programs of an image; None when it can."""
    shim, why = capabilities.find_shim()
    if not shim:
        return why
    binds = (Bind(Path(shim), shim, is_writable=False),)
    words = container_words(made, cwd=None, binds=binds, variables={"LD_PRELOAD": shim}, network=False)
    try:
        done = subprocess.run(
            [*words, "/bin/sh", "-c", "exit 0"],
            env=plain_variables(), stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRY_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return f"the container does not start ({error})"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == 0 and not said:
        return None
    last = said[-1][:200] if said else f"the trial ended with {done.returncode}"
    return f"the image can't take the recording library ({last})"
