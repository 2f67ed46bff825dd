"""Whether this process runs in a container, and in one of which image.

In: environment variables, and the few files that engines put into their containers. Out: the section ``container``.
From within, most engines do not tell the image: whoever starts the container can, with :data:`IMAGE_VARIABLE`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from provenance.environment.containers import names as container_names

IMAGE_VARIABLE = "WFPROV_CONTAINER_IMAGE"  # registry/name:tag@sha256:... of the image that a run takes place in

_LONGEST = 64 << 10  # bytes of a file of an engine
_SHIFTER_IMAGE = ("SHIFTER_IMAGEREQUEST", "SHIFTER_IMAGE")


def describe(environment: Mapping[str, str] | None = None, root: Path = Path("/")) -> dict[str, Any]:
    """Return the section ``container``; empty when nothing says that this is one.

    Looks at variables and at no more than five files; the digest of an image file is for the time of packing.

    Parameters
    ----------
    environment
        Variables to go by, those of this process by default.
    root
        Where the file system begins.
    """
    variables = os.environ if environment is None else environment
    found = (
        _singularity(variables, root)
        or _charliecloud(variables, root)
        or _shifter(variables)
        or _enroot(variables)
        or _kubernetes(variables, root)
        or _podman(variables, root)
        or _docker(root)
    )
    told = variables.get(IMAGE_VARIABLE, "").strip()
    if told:
        return {"kind": "oci", **found, **_named(told)}
    return found


def _singularity(variables: Mapping[str, str], root: Path) -> dict[str, Any]:
    for kind in ("apptainer", "singularity"):
        path = variables.get(f"{kind.upper()}_CONTAINER")
        if path:
            name = variables.get(f"{kind.upper()}_NAME")
            return {"kind": kind, "image": name or path.rpartition("/")[2], "path": path, **_state(path)}
    if (root / ".singularity.d").is_dir():
        return {"kind": "singularity"}
    return {}


def _charliecloud(variables: Mapping[str, str], root: Path) -> dict[str, Any]:
    if not variables.get("CH_RUNNING"):
        return {}
    return {"kind": "charliecloud"}


def _shifter(variables: Mapping[str, str]) -> dict[str, Any]:
    if not variables.get("SHIFTER_RUNTIME"):
        return {}
    told = next((variables[name] for name in _SHIFTER_IMAGE if variables.get(name)), None)
    return {"kind": "shifter", **(_named(told) if told else {})}


def _enroot(variables: Mapping[str, str]) -> dict[str, Any]:
    return {"kind": "enroot"} if variables.get("ENROOT_ROOTFS") else {}


def _kubernetes(variables: Mapping[str, str], root: Path) -> dict[str, Any]:
    is_pod = variables.get("KUBERNETES_SERVICE_HOST") or (root / "var/run/secrets/kubernetes.io").is_dir()
    return {"kind": "kubernetes"} if is_pod else {}


def _podman(variables: Mapping[str, str], root: Path) -> dict[str, Any]:
    """Podman writes the file into each container; it says what the image is only into privileged ones."""
    text = _text(root / "run/.containerenv")
    if text is None:
        return {"kind": "podman"} if variables.get("container") == "podman" else {}
    fields = dict(line.partition("=")[::2] for line in text.splitlines())
    told = {key: value.strip().strip('"') for key, value in fields.items()}
    found: dict[str, Any] = {"kind": "podman"}
    if told.get("image"):
        found.update(_named(told["image"]))
    if told.get("imageid"):
        found["image_id"] = told["imageid"].removeprefix("sha256:")
    return found


def _docker(root: Path) -> dict[str, Any]:
    return {"kind": "docker"} if (root / ".dockerenv").exists() else {}


def _named(reference: str) -> dict[str, Any]:
    """Return the parts of a reference; a path of an image file is taken as such."""
    if reference.startswith(("/", "./", "../")):
        path = os.path.abspath(reference)
        return {"image": path, "path": path, **_state(path)}
    plain = container_names.without_login(reference)
    name = container_names.parse(plain)
    if name is None:
        return {"image": plain}
    parts = {"registry": name.registry, "name": name.name, "tag": name.tag, "sha256": name.sha256}
    return {"image": plain, **{key: value for key, value in parts.items() if value}}


def _state(path: str) -> dict[str, Any]:
    """Return the size of an image file, when it can be seen from within."""
    try:
        state = os.stat(path)
    except OSError:
        return {}
    return {"size": state.st_size} if os.path.isfile(path) else {}


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace")
    except OSError:
        return None
