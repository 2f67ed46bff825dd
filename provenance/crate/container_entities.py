"""Container images as entities: what a run took place in, and what its tasks started.

Comes in: the Run, and which image files are in the crate. Goes out: ContainerImage entities of the workflow-run terms,
each with the engine that ran it and, when the image file is in the crate, a reference to it.

The file is linked by schema.org's ``encoding``: the image is the work, the file (in RO-Crate: a MediaObject) one
encoding of it. ``hasPart`` would say that the image has more parts than the file, ``image`` that it is a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provenance.crate.entities import Entity, ref, refs, slug, without_nothing
from provenance.crate.layout import file_uri
from provenance.run.model import Container, Run, Task

TERMS = "https://w3id.org/ro/terms/workflow-run#"
# Kinds of a container -> name of the engine. It is told as text: as a SoftwareApplication it would need its version.
ENGINES = {
    "docker": "Docker",
    "podman": "Podman",
    "nerdctl": "nerdctl",
    "apptainer": "Apptainer",
    "singularity": "Singularity",
    "charliecloud": "Charliecloud",
    "kubernetes": "Kubernetes",
    "shifter": "Shifter",
    "sarus": "Sarus",
    "enroot": "Enroot",
}
_SIF_SOURCES = ("library://", "oras://", "shub://")


@dataclass(frozen=True, slots=True)
class ContainerEntities:
    """The images of one run, and how its actions refer to them."""

    run: Run
    files: Mapping[str, str]  # Container.key -> identifier of the image's file in the crate

    def of_run(self) -> object:
        """Refer to the images of the whole run: that which it took place in, then those that its tasks started.

        The question of the profile's authors for the images of a run looks at the run's action only.
        """
        used = [task.container for task in self.run.tasks if task.container]
        keys = dict.fromkeys([*([self.run.container] if self.run.container else []), *used])
        if not keys:  # a crate of another engine may list images without saying what used them
            keys = dict.fromkeys(container.key for container in self.run.containers)
        identifiers = self._ids()
        return refs(dict.fromkeys(identifiers[key] for key in keys if key in identifiers))

    def of_task(self, task: Task) -> object:
        """Refer to the image that a task started or ran in."""
        identifier = self._ids().get(task.container or "")
        return ref(identifier) if identifier else None

    def entities(self) -> Iterator[Entity]:
        """Describe each image."""
        identifiers = self._ids()
        for container in self.run.containers:
            if container.key in identifiers:
                yield self._entity(identifiers[container.key], container)

    def _ids(self) -> dict[str, str]:
        """Name the images of which something is known; that there was one that is not known is among the gaps."""
        found: dict[str, str] = {}
        taken: set[str] = set()
        for container in self.run.containers:
            if not (container.image or container.name or container.path):
                continue
            wanted = f"#container-{slug(_label(container), 100)}"
            free, number = wanted, 1
            while free in taken:
                number += 1
                free = f"{wanted}-{number}"
            taken.add(free)
            found[container.key] = free
        return found

    def _entity(self, identifier: str, container: Container) -> Entity:
        file = self.files.get(container.key)
        path = container.path
        folder = path.rstrip("/").rpartition("/")[0] if path else None
        return without_nothing(
            {
                "@id": identifier,
                "@type": "ContainerImage",
                "additionalType": ref(f"{TERMS}{'SIFImage' if is_sif(container) else 'DockerImage'}"),
                # An image file was had from where it lies; a crate's reader is to find out as with any registry.
                "registry": container.registry or (file_uri(self.run.host, folder) if folder else None),
                "name": container.name or _label(container),
                "tag": container.tag,
                "sha256": container.sha256,
                "identifier": f"sha256:{container.image_id}" if container.image_id else None,
                "alternateName": container.image,
                "url": file_uri(self.run.host, path) if path else None,
                "contentSize": None if container.size is None else str(container.size),
                "applicationCategory": ENGINES.get(container.kind),
                "encoding": ref(file) if file else None,
            }
        )


def is_sif(container: Container) -> bool:
    """Tell whether an image is in Singularity's format rather than one of Docker's and OCI's layers.

    The terms know these two. An image from a Docker registry that Apptainer converts on the way is one of layers, and
    so is what Charliecloud and Enroot have unpacked.
    """
    if container.path:
        return container.path.endswith(".sif") or container.kind in ("apptainer", "singularity")
    return container.image.endswith(".sif") or container.image.startswith(_SIF_SOURCES)


def _label(container: Container) -> str:
    if container.name:
        return f"{container.name}-{container.tag}" if container.tag else container.name
    address = container.path or container.image
    return address.rstrip("/").rpartition("/")[2]
