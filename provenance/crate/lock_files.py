"""The files from which the environment of a run is rebuilt: locks, lists, packages that are not public.

Comes in: the Run. Goes out: files in ``environment/`` and their entities, and which of them are build instructions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from provenance.crate.archive import Archive
from provenance.crate.entities import Entity, media_type, ref, refs, slug, without_nothing
from provenance.crate.layout import ENVIRONMENT, crate_id
from provenance.run.model import EnvironmentFile, Run

REQUIREMENTS = "requirements.txt"
REBUILD = "To rebuild from it, in environment/: "  # begins the description of a file with commands
_CARRIED = frozenset(["package", "source"])  # what locks refer to, rather than being one
_FORMATS = {  # name or kind of the file -> page that defines its format, and what that is called
    "requirements": ("https://pip.pypa.io/en/stable/reference/requirements-file-format/", "Requirements file format"),
    "pylock.toml": ("https://packaging.python.org/en/latest/specifications/pylock-toml/", "pylock.toml specification"),
    "conda-explicit": (
        "https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html#building-identical-conda-environments",
        "conda explicit specification",
    ),
    "conda-environment": (
        "https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html#create-env-file-manually",
        "conda environment file",
    ),
    "spack": ("https://spack.readthedocs.io/en/latest/environments.html", "Spack environment"),
    "modules": ("https://modules.readthedocs.io/en/latest/module.html", "Environment modules"),
    "renv.lock": ("https://rstudio.github.io/renv/articles/lockfile.html", "renv lock file"),
    "Manifest.toml": ("https://pkgdocs.julialang.org/v1/toml-files/", "Julia manifest"),
    "Cargo.lock": ("https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html", "Cargo lock file"),
    "uv.lock": ("https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile", "uv lock file"),
}
_OTHER_INSTALLERS = frozenset(["apt", "rpm", "system", "debian", "conda"])  # than pip and its like
_MEDIA_TYPES = {"renv.lock": "application/json", "spack.lock": "application/json"}
_BLOCK = 1 << 20


@dataclass(slots=True)
class LockFiles:
    """Writes the files, and keeps their entities and what could not be written."""

    archive: Archive
    main_id: str
    entities: list[Entity] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)  # identifiers of those to build from
    missing: list[str] = field(default_factory=list)  # for people
    _taken: set[str] = field(default_factory=lambda: {"system.json", "sbom.cdx.json", "uncommitted.patch"})

    def write(self, run: Run) -> None:
        """Write all files of the environment; where none lists the packages of Python, one is made."""
        for file in (*run.environment.files, *_list_of_packages(run)):
            if file.target.casefold() in self._taken:
                self.missing.append(f"environment/{file.target}: another file has that place ({file.about})")
                continue
            self._taken.add(file.target.casefold())
            try:
                self._write(file)
            except OSError as error:
                self.missing.append(f"environment/{file.target}: {error.filename or file.path}: {error.strerror}")

    def _write(self, file: EnvironmentFile) -> None:
        path = f"{ENVIRONMENT}/{file.target}"
        if file.text is not None:
            content = file.text.encode("utf-8", "backslashreplace")
            self.archive.add(path, (content,), len(content), None, False)
            self._describe(file, path, len(content), sha256(content).hexdigest())
        elif file.path is not None and os.path.isdir(file.path):
            self._write_folder(file, path, file.path)
        elif file.path is not None:
            self._describe(file, path, *self._copy(path, file.path))

    def _write_folder(self, file: EnvironmentFile, path: str, folder: str) -> None:
        parts = []
        for inner in _files_below(folder):
            place = f"{path.rstrip('/')}/{inner}"
            size, digest = self._copy(place, os.path.join(folder, inner))
            parts.append(crate_id(place))
            self.entities.append(_file(place, inner.rpartition("/")[2], size, digest))
        if parts:
            entity = {"@id": f"{crate_id(path.rstrip('/'))}/", "@type": "Dataset", "hasPart": refs(parts)}
            self.entities.append(without_nothing(entity | self._said_of(file)))

    def _copy(self, path: str, source: str) -> tuple[int, str]:
        digest, size = sha256(), os.path.getsize(source)

        def chunks() -> Iterator[bytes]:
            nonlocal size
            size = 0
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
                yield block

        with open(source, "rb") as stream:  # noqa: PTH123 (the name may hold any byte)
            self.archive.add(path, chunks(), size, None, False)
        return size, digest.hexdigest()

    def _describe(self, file: EnvironmentFile, path: str, size: int, digest: str) -> None:
        entity = _file(path, file.about, size, digest) | self._said_of(file)
        if file.kind not in _CARRIED:
            page = _format_of(file)
            entity["conformsTo"] = ref(page["@id"])
            self.entities.append(page)
            self.instructions.append(entity["@id"])
        self.entities.append(without_nothing(entity))

    def _said_of(self, file: EnvironmentFile) -> Entity:
        return {
            "name": file.about,
            "additionalType": file.kind,
            # Not of what is carried along: readers take what a file named like crate metadata is about for a root.
            "about": ref(self.main_id) if file.kind not in _CARRIED else None,
            "description": REBUILD + "\n".join(file.rebuild) if file.rebuild else None,
        }


def _file(path: str, name: str, size: int, digest: str) -> Entity:
    return {
        "@id": crate_id(path),
        "@type": "File",
        "name": name,
        "contentSize": str(size),
        "sha256": digest,
        "encodingFormat": _MEDIA_TYPES.get(path.rpartition("/")[2]) or media_type(path) or _unknown_type(path),
    }


def _unknown_type(path: str) -> str:
    return "application/zip" if path.endswith(".whl") else "text/plain"


def _format_of(file: EnvironmentFile) -> Entity:
    """Describe the format of a file to build from; one without a page is named like its files."""
    name = file.target.rpartition("/")[2]
    known = _FORMATS.get("pylock.toml" if re.fullmatch(r"pylock(\..*)?\.toml", name) else name)
    known = known or _FORMATS.get(file.kind)
    if known is not None:
        return {"@id": known[0], "@type": "CreativeWork", "name": known[1], "url": known[0]}
    return {"@id": f"#format-{slug(name)}", "@type": "CreativeWork", "name": f"Format of {name}"}


def _list_of_packages(run: Run) -> Iterator[EnvironmentFile]:
    """Make a list of the packages with their versions, when nothing better is known."""
    known = run.environment
    packages = [one for one in known.packages if one.installer not in _OTHER_INSTALLERS]
    if not packages or any(file.kind == "requirements" for file in known.files):
        return
    head = ""
    if known.interpreter is not None:
        head = f"# {known.interpreter.name} {known.interpreter.version or ''}".rstrip().replace("\n", " ") + "\n"
    lines = sorted({f"{p.name}=={p.version}" if p.version else p.name for p in packages})
    yield EnvironmentFile(REQUIREMENTS, "Packages that were installed", "requirements", head + "\n".join(lines) + "\n")


def _files_below(folder: str) -> Iterator[str]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(where, name)
            if Path(path).is_file():
                yield os.path.relpath(path, folder)
