"""The containers of a run: that in which it takes place, and those that it started.

In: at the start of a run the variables and files that tell a container from within (:mod:`.inside`); at
packing the command lines of engines (:mod:`.commands`), of which the images are identified
(:mod:`.images`). Out: the sections ``container``, ``containers`` and ``started``, and gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from provenance.environment import Section, Used
from provenance.environment.containers import commands as container_commands
from provenance.environment.containers import images as container_images
from provenance.environment.containers.commands import Start, Unclear
from provenance.environment.containers.images import Image
from provenance.environment.containers.inside import IMAGE_VARIABLE

_FOLDERS_NAMED = 4
_IDENTITY = ("kind", "registry", "name", "sha256", "image_id", "path")


def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield the images of all containers of a run; see :func:`provenance.environment.examine`."""
    if inside := recorded.get("container"):
        yield from _inside(dict(inside), used)
    images: dict[tuple[object, ...], tuple[str, Image]] = {}
    made: dict[tuple[str, str], Start] = {}  # containers and instances by their kinds and names
    reached: dict[str, dict[str, None]] = {}
    for engagement in sorted(used.engagements, key=lambda one: one.start):
        start = container_commands.read(engagement.argv, engagement.cwd)
        if isinstance(start, Unclear):
            yield "gap", {"what": f"the image of a container of {start.kind}", "why": start.why}
        if not isinstance(start, Start):
            continue
        if start.container is not None:
            start = made.get((start.kind, start.container), start)
        if start.makes:
            made[(start.kind, start.makes)] = start
        question = (start.kind, start.image, start.path, start.container, start.engine)
        if question not in images:
            image = container_images.identify(start, used.start, used.end)
            same = next((each for each in images.values() if _is_same(each[1], image)), None)
            images[question] = same or (_key(image, {key for key, _ in images.values()}), image)
            if same is None:
                yield "containers", {images[question][0]: image.known}
            for doubt in image.doubts:
                yield "gap", {"what": f"the image {_shown(start)}", "why": doubt}
        key = images[question][0]
        reached.setdefault(key, {}).update(dict.fromkeys(start.reaches))
        yield "started", {engagement.process: key}
    for key, folders in reached.items():
        shown = ", ".join(list(folders)[:_FOLDERS_NAMED]) + (", ..." if len(folders) > _FOLDERS_NAMED else "")
        why = "nothing is watched inside of a container" + (f"; mounted in it: {shown}" if shown else "")
        yield "gap", {"what": f"what was done in the container of {key}, and to which files", "why": why}


def _inside(container: dict[str, Any], used: Used) -> Iterator[Section]:
    """Add the digest of the image file around the run, where it can be seen; say what is not known of the image."""
    path = container.get("path")
    if not container.get("image") and not path:
        why = f"it can't be told from within; give it with the variable {IMAGE_VARIABLE}=registry/name:tag@sha256:..."
        yield (
            "gap",
            {"what": f"the image of the {container.get('kind')} container that the run took place in", "why": why},
        )
    elif isinstance(path, str) and not container.get("sha256"):
        start = Start(str(container.get("kind")), str(container.get("image") or path), (), path=path)
        image = container_images.identify(start, used.start, used.end)
        for doubt in image.doubts:
            yield "gap", {"what": "the image that the run took place in", "why": doubt, "path": path}
        yield "container", {**container, **image.known}
    elif not (container.get("sha256") or container.get("image_id")):
        why = f"it was named without it: {IMAGE_VARIABLE}=registry/name:tag@sha256:... pins it"
        yield "gap", {"what": f"the digest of the image {container.get('image')}", "why": why}


def _is_same(one: Image, other: Image) -> bool:
    """Tell whether two ways to name an image (by name, by id, by digest) came to one and the same."""
    if not (one.known.get("sha256") or one.known.get("image_id")) or one.doubts != other.doubts:
        return False
    tags = {one.known.get("tag"), other.known.get("tag")} - {None}
    return len(tags) <= 1 and all(one.known.get(key) == other.known.get(key) for key in _IDENTITY)


def _key(image: Image, taken: set[str]) -> str:
    known = image.known
    name, tag = known.get("name"), known.get("tag")
    wanted = f"{name}:{tag}" if name and tag else str(name or known.get("image") or known["kind"])
    key, number = wanted, 1
    while key in taken:
        number += 1
        key = f"{wanted} ({number})"
    return key


def _shown(start: Start) -> str:
    return start.image or start.path or f"of the container {start.container}"
