"""Which image it was: digests of image files, and what the engines on this machine know.

In: :class:`.container_commands.Start`. Out: the values of a container, as the section ``containers`` has them, and why
more is not known. Asks engines for what they have; never pulls, and never starts a daemon.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from provenance.environment.containers import names as container_names
from provenance.environment.containers.commands import Start

_TIME_LIMIT = 10  # seconds for an engine's answer
_CHUNK = 1 << 20
_CLOCKS_DIFFER = 2_000_000_000  # ns that the clocks of a file server and of this machine may be apart
_ADDRESSES = ("http://", "https://", "ipfs://")
_SIF_SOURCES = ("library://", "shub://", "oras://")
_OCI = ("docker", "podman", "podman-remote", "nerdctl")
_SOCKETS = {
    "docker": ("/var/run/docker.sock", "docker.sock"),
    "nerdctl": ("/run/containerd/containerd.sock", "containerd-rootless/api.sock"),
    "podman-remote": ("/run/podman/podman.sock", "podman/podman.sock"),
}


@dataclass
class Image:
    """What is known of an image, and why more is not."""

    known: dict[str, Any]
    doubts: list[str] = field(default_factory=list)


def identify(start: Start, began: int | None, ended: int | None) -> Image:
    """Find out which image a container was started from.

    Parameters
    ----------
    began, ended
        Of the run, in ns since the epoch: what was made or changed later is not what it used.
    """
    plain = container_names.without_login(start.image)
    image = Image({"kind": start.kind, "image": plain})
    if start.kind == "charliecloud":
        start = _in_charliecloud(start)
    if start.path is not None:
        image.known["path"] = start.path
        _from_path(image, start.path, began)
        return image
    default = None if start.kind.startswith("podman") else container_names.DOCKER_HUB
    if start.image:
        image.known.update(named(plain, default))
    if start.kind in _OCI:
        _from_engine(image, start, ended)
        image.known["kind"] = start.kind.removesuffix("-remote")
    elif start.container is not None:
        image.doubts.append(f"the container {start.container!r} was there already, and its image is not recorded")
    elif "sha256" not in image.known:
        why = f"{start.kind} does not tell the digest of an image that it gets from elsewhere"
        image.doubts.append(f"{why}; name it with its digest (@sha256:...)")
    return image


def named(reference: str, default_registry: str | None = container_names.DOCKER_HUB) -> dict[str, Any]:
    """Return registry, name, tag and digest of a reference, those that it says."""
    if reference.startswith(_ADDRESSES):
        return {}
    # Libraries of .sif files have other defaults than registries of layers.
    name = container_names.parse(reference, None if reference.startswith(_SIF_SOURCES) else default_registry)
    if name is None:
        return {}
    parts = {"registry": name.registry, "name": name.name, "tag": name.tag, "sha256": name.sha256}
    return {key: value for key, value in parts.items() if value}


def digest(path: str) -> str:
    """Return the SHA-256 of a file, read in pieces.

    Raises
    ------
    OSError
        It can't be read.
    """
    found = hashlib.sha256()
    with open(path, "rb") as file:  # noqa: PTH123 - the name may hold any byte
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def save(engine: tuple[str, ...], image_id: str, name: str | None, to: Path) -> str | None:
    """Write an image that an engine has to an archive, which every OCI engine can load.

    Parameters
    ----------
    engine
        The engine with its global options.
    name
        With which it is to be loaded again; by its id alone it would have none.

    Returns
    -------
    str or None
        Why it could not be done; None when it is there.
    """
    program = _program(engine)
    if program is None:
        return f"{engine[0]} is not there any more"
    partial = to.with_name(to.name + ".partial")
    partial.unlink(missing_ok=True)
    to.parent.mkdir(parents=True, exist_ok=True)
    command = [program, *engine[1:], "save", "--output", str(partial), name or image_id]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            return f"{engine[0]} could not save it ({_last_line(done.stderr)})"
        partial.replace(to)
    except OSError as error:
        return f"it can't be written ({error.strerror})"
    finally:
        partial.unlink(missing_ok=True)
    return None


def _from_path(image: Image, path: str, began: int | None) -> None:
    try:
        before = os.stat(path)
    except (OSError, ValueError):
        image.doubts.append("the image is not there any more, or can't be seen from here; its digest is not known")
        return
    if not os.path.isfile(path):
        image.doubts.append("an image that is a folder has no digest; make a file of it to pin what is in it")
        _from_metadata(image, Path(path))
        return
    image.known["size"] = before.st_size
    if began is not None and before.st_mtime_ns > began + _CLOCKS_DIFFER:
        image.doubts.append("the image file was changed after the run began; its digest is not that of the run's")
        return
    try:
        image.known["sha256"] = digest(path)
    except OSError as error:
        image.doubts.append(f"the image file can't be read ({error.strerror}); its digest is not known")


def _from_metadata(image: Image, folder: Path) -> None:
    """Take what Charliecloud writes into the images that it pulls and builds; it has few that tell a name."""
    try:
        told = json.loads((folder / "ch/metadata.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    labels = told.get("labels") if isinstance(told, dict) else None
    if isinstance(labels, dict):
        name, version = labels.get("org.opencontainers.image.title"), labels.get("org.opencontainers.image.version")
        if isinstance(name, str) and name:
            image.known.setdefault("name", name)
        if isinstance(version, str) and version:
            image.known.setdefault("tag", version)


def _in_charliecloud(start: Start) -> Start:
    """Find the image that a name of Charliecloud's storage means, where the path is none."""
    if start.path is None or os.path.exists(start.path) or start.image.startswith(("/", "./", "../")):
        return start
    user = os.environ.get("USER") or ""
    folder = start.storage or os.environ.get("CH_IMAGE_STORAGE") or f"/var/tmp/{user}.ch"
    path = f"{folder}/img/{start.image.replace('/', '%').replace(':', '+')}"
    return replace(start, path=path) if os.path.isdir(path) else replace(start, path=None)


def _from_engine(image: Image, start: Start, ended: int | None) -> None:
    asked = start.image
    if start.container is not None:
        about = _ask(start, "container", start.container)
        if isinstance(about, str):
            image.doubts.append(f"which image the container {start.container!r} has is not known: {about}")
            return
        asked = str(about.get("Image") or "").removeprefix("sha256:")
        configuration = about.get("Config")
        name = about.get("ImageName") or (configuration.get("Image") if isinstance(configuration, dict) else None)
        if isinstance(name, str) and name:
            image.known.update({"image": name, **named(name, None)})
    answer = _ask(start, "image", asked)
    if isinstance(answer, str):
        image.doubts.append(f"its digest is not known: {answer}")
        return
    created = _moment(answer.get("Created"))
    if created is not None and ended is not None and created > ended:
        image.doubts.append("the image that has this name now was made after the run; its digest is not known")
        return
    _take_answer(image, answer)
    image.known["engine"] = list(start.engine)


def _take_answer(image: Image, answer: Mapping[str, Any]) -> None:
    known = image.known
    identifier = str(answer.get("Id") or "").removeprefix("sha256:")
    if re.fullmatch(r"[0-9a-f]{64}", identifier):
        known["image_id"] = identifier
    tags = [tag for tag in answer.get("RepoTags") or () if isinstance(tag, str)]
    digests = [text for text in answer.get("RepoDigests") or () if isinstance(text, str)]
    wanted = container_names.parse(str(known["image"]), None)
    by_id = wanted is None or container_names.is_image_id(str(known["image"]))
    candidates = [name for text in (*tags, *digests) if (name := container_names.parse(text)) is not None]
    # A short name leads where the engine's settings say: the tags tell which it was.
    fits = [n for n in candidates if not by_id and wanted is not None and _is_meant(wanted.name, wanted.registry, n)]
    chosen = next((n for n in fits if wanted and wanted.tag and n.tag == wanted.tag), None) or next(
        iter(fits or candidates), None
    )
    if chosen is not None:
        known.update(registry=chosen.registry, name=chosen.name)
        if chosen.tag and (by_id or not (wanted and wanted.sha256)):
            known["tag"] = chosen.tag
    elif by_id:
        known.pop("name", None)
        known.pop("tag", None)
    if "sha256" in known:
        return  # the user pinned it
    manifests = [name for text in digests if (name := container_names.parse(text)) is not None and name.sha256]
    own = [name for name in manifests if chosen is not None and name.repository == chosen.repository]
    if own or manifests:
        known["sha256"] = (own or manifests)[0].sha256
    else:
        image.doubts.append("it was made on this machine and is in no registry: only the engine's own id tells it")


def _is_meant(name: str, registry: str | None, candidate: container_names.ImageName) -> bool:
    if registry is not None:
        return (registry, name) == (candidate.registry, candidate.name) or (
            registry == candidate.registry and f"library/{name}" == candidate.name
        )
    return candidate.name in (name, f"library/{name}") or candidate.name.endswith("/" + name)


def _ask(start: Start, kind: str, name: str) -> dict[str, Any] | str:
    """Ask an engine about an image or a container; returns why there is no answer."""
    engine = start.engine
    called = engine[0].rpartition("/")[2]
    program = _program(engine)
    if program is None:
        return f"{called} is not on this machine"
    if not _is_there(called, engine):
        return f"the daemon of {called} does not run on this machine"
    command = [program, *engine[1:], kind, "inspect", name]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIME_LIMIT, check=False)
        answer = json.loads(done.stdout) if not done.returncode else None
    except subprocess.TimeoutExpired:
        return f"{called} did not answer within {_TIME_LIMIT} s"
    except (OSError, ValueError) as error:
        return f"{called} could not be asked ({error})"
    if done.returncode:
        return f"{called} does not have it any more ({_last_line(done.stderr)})"
    first = answer[0] if isinstance(answer, list) and answer else answer
    return first if isinstance(first, dict) else f"{called} gave no answer that can be read"


def _program(engine: tuple[str, ...]) -> str | None:
    """Return the engine's program; a path that is relative is not trusted to be the same one now."""
    name = engine[0]
    return shutil.which(name if name.startswith("/") else name.rpartition("/")[2])


def _is_there(called: str, engine: tuple[str, ...]) -> bool:
    """Tell whether asking reaches a daemon on this machine without starting one; podman needs none."""
    remote = any(word in ("-r", "--remote") or word.startswith(("--url", "--connection", "-c")) for word in engine[1:])
    if called == "podman" and not remote and not os.environ.get("CONTAINER_HOST"):
        return True
    address = os.environ.get({"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}.get(called, "CONTAINERD_ADDRESS"))
    for index, word in enumerate(engine):
        if word in ("-H", "--host", "--url", "-a", "--address") and index + 1 < len(engine):
            address = engine[index + 1]
        elif word.startswith(("--host=", "--url=", "--address=")):
            address = word.partition("=")[2]
    if address:
        path = address.removeprefix("unix://")
        return path.startswith("/") and os.path.exists(path)
    everywhere, own = _SOCKETS.get(called, _SOCKETS["podman-remote"])
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return os.path.exists(everywhere) or bool(runtime and os.path.exists(f"{runtime}/{own}"))


def _moment(text: object) -> int | None:
    """Return a time as engines write it, with up to nine digits of a second, in ns since the epoch."""
    found = (
        re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)\Z", text)
        if isinstance(text, str)
        else None
    )
    if found is None:
        return None
    try:
        seconds = datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
    return int(seconds) * 1_000_000_000


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "it said nothing"
