"""Image files that go into a crate, below ``environment/images/``.

Comes in: the Run, the settings, and what copies and hashes. Goes out: the copied files, an entity for each, and which
container each belongs to. A file that is not what the run used is left out, and said so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from provenance.crate.entities import Entity, slug, without_nothing
from provenance.crate.layout import ENVIRONMENT, Item, PathAllocator, Treatment, crate_id
from provenance.crate.payload import PayloadReader
from provenance.crate.settings import DataMode, PackSettings
from provenance.run.model import Container, Data, Role, Run

IMAGES = f"{ENVIRONMENT}/images"
SMALL_IMAGE = 50_000_000  # bytes up to which an image file is copied without being asked for

_FORMATS = {".sif": "application/vnd.sylabs.sif", ".tar": "application/x-tar"}


@dataclass(slots=True)
class ImageFiles:
    """Copies image files.

    Attributes
    ----------
    ids
        Container.key -> identifier of its file in the crate.
    entities
        Of the files.
    missing
        What was asked for and could not be taken along, and why.
    """

    ids: dict[str, str] = field(default_factory=dict)
    entities: list[Entity] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def write(self, run: Run, settings: PackSettings, reader: PayloadReader) -> None:
        """Copy the image files of ``run`` that the settings ask for."""
        allocator = PathAllocator()
        copied: dict[str, str] = {}
        for container in run.containers:
            source = _source(container, settings)
            if source is None:
                continue
            if source in copied:
                self.ids[container.key] = copied[source]
                continue
            path = allocator.place(f"{IMAGES}/{_file_name(container, source)}")
            # The digest of an image that an engine has is that of its manifest, not of the archive made of it.
            expected = container.sha256 if container.path and not container.image_id else None
            data = Data(container.key, source, Role.SOFTWARE, content=source, sha256=expected)
            outcome = reader.take(Item(data, Treatment.COPY, path))
            if outcome.treatment is not Treatment.COPY:
                self.missing.append(f"the image file {source}: {outcome.note or 'it could not be copied'}")
                continue
            copied[source] = self.ids[container.key] = crate_id(path)
            self.entities.append(
                without_nothing(
                    {
                        "@id": crate_id(path),
                        "@type": "File",
                        "name": f"Image file of {container.image or container.kind}",
                        "contentSize": None if outcome.size is None else str(outcome.size),
                        "sha256": outcome.sha256,
                        "encodingFormat": _FORMATS.get(os.path.splitext(path)[1], "application/octet-stream"),
                    }
                )
            )


def _source(container: Container, settings: PackSettings) -> str | None:
    """Return the file to copy, None when there is none or nobody wants it."""
    saved = settings.saved_images.get(container.key)
    path = saved or container.path
    if path is None or settings.include_images is False or not os.path.isfile(path):
        return None
    if settings.include_images or saved:
        return path
    is_small = os.path.getsize(path) <= SMALL_IMAGE
    # What is known to have changed has no digest; it is not the run's.
    return path if is_small and container.sha256 and settings.data is not DataMode.REFERENCE else None


def _file_name(container: Container, source: str) -> str:
    if container.path == source:
        return os.path.basename(source)
    name = slug(f"{container.name}-{container.tag}" if container.tag else container.name or container.key, 100)
    return name + os.path.splitext(source)[1]
