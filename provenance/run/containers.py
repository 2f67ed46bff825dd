"""The sections about containers -> the model's containers, and which task used which.

In: the sections ``container``, ``containers`` and ``started`` of :mod:`provenance.environment`. Out: model dataclasses;
what is of an unexpected type is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from provenance.environment.containers import images as container_images
from provenance.run.model import Container, Task
from provenance.run.processes import Program

INSIDE = "inside"  # key of the image that the run took place in

Sections = Mapping[str, Mapping[str, Any]]


def containers(sections: Sections) -> tuple[Container, ...]:
    """Return all images of a run; that which it took place in comes first, with the key ``INSIDE``."""
    return tuple(_all(sections))


def around(sections: Sections) -> str | None:
    """Return the key of the image that the run took place in."""
    return INSIDE if sections.get("container") else None


def with_containers(tasks: Iterable[Task], programs: Iterable[Program], sections: Sections) -> tuple[Task, ...]:
    """Return the tasks, those that started a container with the key of its image.

    A program that ran within the call of a function is that call's: it has no task of its own. What was seen of the
    inside of a container is of its image as well.
    """
    started = sections.get("started", {})
    known = {container.key for container in containers(sections)}
    if not started:
        return tuple(tasks)
    used: dict[str, str] = {}
    for program in sorted(programs, key=lambda program: program.start):
        key = started.get(program.key) or (used.get(program.parent.key) if program.parent else None)
        if isinstance(key, str) and key in known:
            used[program.key] = key
            if program.call:
                used.setdefault(program.call.key, key)
    return tuple(replace(task, container=used[task.key]) if task.key in used else task for task in tasks)


def from_reference(key: str, reference: str, kind: str = "oci") -> Container:
    """Return the container that the reference of an image names."""
    if reference.endswith(".sif"):
        return Container(key, "apptainer", reference, name=reference.rpartition("/")[2])
    return _container(key, {"kind": kind, "image": reference, **container_images.named(reference)})


def _all(sections: Sections) -> Iterator[Container]:
    if inside := sections.get("container"):
        yield _container(INSIDE, inside)
    for key, data in sections.get("containers", {}).items():
        if isinstance(data, Mapping):
            yield _container(str(key), data)


def _container(key: str, data: Mapping[str, Any]) -> Container:
    size = data.get("size")
    engine = data.get("engine")
    return Container(
        key=key,
        kind=_text(data.get("kind")) or "oci",
        image=_text(data.get("image")) or "",
        registry=_text(data.get("registry")),
        name=_text(data.get("name")),
        tag=_text(data.get("tag")),
        sha256=_text(data.get("sha256")),
        image_id=_text(data.get("image_id")),
        path=_text(data.get("path")),
        size=size if isinstance(size, int) and not isinstance(size, bool) else None,
        engine=tuple(map(str, engine)) if isinstance(engine, (list, tuple)) else (),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
