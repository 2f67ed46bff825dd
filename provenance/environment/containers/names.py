"""Names of container images, taken apart: registry, name, tag, digest.

In: a reference as users and engines write it. Out: :class:`ImageName`. The grammar is that of
the distribution project's references; Slurm's container plug-in writes ``#`` behind the registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DOCKER_HUB = "docker.io"

_SCHEME = re.compile(r"(?:docker|docker-daemon|containers-storage|library|oras|shub|oci|dockerd|podman)://")
_SHIFTER_SCHEME = re.compile(r"docker:(?!//)")
_REFERENCE = re.compile(
    r"(?:(?P<registry>[A-Za-z0-9._-]+(?::[0-9]+)?|\[[0-9A-Fa-f:]+\](?::[0-9]+)?)/)??"
    r"(?P<name>[A-Za-z0-9._/-]+)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?:sha256:(?P<sha256>[0-9A-Fa-f]{64})|[a-z0-9+._-]+:[0-9A-Fa-f]+))?\Z"
)
_LOGIN = re.compile(r"\A[^/]*@(?=[^/]+/)")  # user or user:password in front of a registry
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{12,64}\Z")


@dataclass(frozen=True)
class ImageName:
    """A reference in its parts; ``registry`` is None where it goes without saying and may be any."""

    name: str
    registry: str | None = None
    tag: str | None = None
    sha256: str | None = None  # hex digest of the manifest

    @property
    def repository(self) -> str:
        """Registry and name."""
        return f"{self.registry}/{self.name}" if self.registry else self.name


def parse(reference: str, default_registry: str | None = DOCKER_HUB) -> ImageName | None:
    """Take a reference apart; None when it is none.

    Parameters
    ----------
    default_registry
        Where a name without registry is from, None when that depends on the machine (Podman's short names).

    Examples
    --------
    >>> parse("python:3.11")
    ImageName(name='library/python', registry='docker.io', tag='3.11', sha256=None)
    >>> parse("localhost:5000/a/b")
    ImageName(name='a/b', registry='localhost:5000', tag='latest', sha256=None)
    >>> parse("nvcr.io#nvidia/cuda:12.2").registry
    'nvcr.io'
    """
    scheme = _SCHEME.match(reference)
    text = reference[scheme.end() :] if scheme else _SHIFTER_SCHEME.sub("", reference, count=1)
    text = _LOGIN.sub("", text)
    has_registry = "#" in text
    text = text.replace("#", "/", 1)
    found = _REFERENCE.match(text)
    if found is None:
        return None
    registry, name, tag, digest = None, found["name"], found["tag"], found["sha256"]
    first, slash, rest = text.partition("/")
    if slash and (has_registry or "." in first or ":" in first or first == "localhost" or first != first.lower()):
        registry = first
        found = _REFERENCE.match(rest)
        if found is None:
            return None
        name, tag, digest = found["name"], found["tag"], found["sha256"]
    if not name or name.startswith("/") or name.endswith("/"):
        return None
    if registry is None:
        registry = default_registry
    if registry in ("index.docker.io", "registry-1.docker.io"):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in name:
        name = f"library/{name}"
    if tag is None and "@" not in text:
        tag = "latest"
    return ImageName(name, registry, tag, digest.lower() if digest else None)


def is_image_id(reference: str) -> bool:
    """Tell whether a reference may be the id of an image, or the start of one."""
    return _ID.match(reference) is not None


def without_login(reference: str) -> str:
    """Return a reference without user and password."""
    scheme, separator, rest = reference.rpartition("://")
    return scheme + separator + _LOGIN.sub("", rest)
