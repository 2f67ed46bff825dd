"""The Python distributions in a folder of packages, as their own metadata tell.

In: a folder that an interpreter imports from. Out: a :class:`Distribution` for each that is installed there: name,
version, who installed it and from where, its license, and which files are its own. The formats are those of the Python
packaging specifications: core metadata, "Recording installed projects", "Recording the Direct URL Origin" (PEP 610).
"""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_LONGEST_HEAD = 1 << 20  # bytes of metadata that are looked at
_LONGEST_LICENSE = 100  # characters: what is longer is a text, no name
_EDITABLE_MAPPING = re.compile(r"^MAPPING(?:\s*:[^=]*)?\s*=\s*(\{.*\})\s*$", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_NO_PACKAGES = frozenset(["tests", "test", "docs", "doc", "examples", "build", "dist", "scripts"])


@dataclass(frozen=True)
class Distribution:
    """What is installed under one name."""

    name: str  # as its metadata give it
    version: str
    folder: str  # that its modules lie in
    metadata: str | None  # its .dist-info or .egg-info; None for an egg in one file
    installer: str | None = None
    direct_url: Mapping[str, Any] = field(default_factory=dict)
    license: str | None = None

    @property
    def normal_name(self) -> str:
        """The name that tells distributions apart, by "Names and normalization" of the specifications."""
        return normal_name(self.name)

    @property
    def is_editable(self) -> bool:
        """Whether its code is imported from where it is being written."""
        information = self.direct_url.get("dir_info")
        return isinstance(information, dict) and information.get("editable") is True

    @property
    def source(self) -> str | None:
        """The folder or file of this machine that it was installed from."""
        url = self.direct_url.get("url")
        if not isinstance(url, str) or not url.lower().startswith("file:"):
            return None
        return os.path.normpath(unquote(urlsplit(url).path, errors="surrogateescape"))

    def file(self, name: str) -> str | None:
        """Return the text of one of its metadata files; None when there is none."""
        return read_text(os.path.join(self.metadata, name)) if self.metadata else None


def normal_name(name: str) -> str:
    """Return a name in the form that all ways to write it share.

    >>> normal_name("Ruamel.YAML_clib")
    'ruamel-yaml-clib'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def is_name(name: str) -> bool:
    """Tell whether installers take it as the name of a distribution."""
    return _NAME.match(name) is not None


def in_folder(folder: str) -> Iterator[Distribution]:
    """Yield the distributions that are installed in a folder; nothing when it can't be read."""
    if folder.endswith(".egg"):
        if found := _egg(folder):
            yield found
        return
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        if name.startswith("~"):  # what pip leaves behind when it is interrupted, and does not look at itself
            continue
        if name.endswith(".dist-info"):
            yield from _read(folder, name, "METADATA")
        elif name.endswith(".egg-info"):
            yield from _read(folder, name, "PKG-INFO")


def _read(folder: str, name: str, head_name: str) -> Iterator[Distribution]:
    metadata = os.path.join(folder, name)
    is_folder = os.path.isdir(metadata)
    head = _head(os.path.join(metadata, head_name) if is_folder else metadata)
    if head is None:
        return
    in_name = name.rpartition(".")[0].split("-")  # for metadata that lack what every release must have
    title = head.get("name", [in_name[0]])[0]
    version = head.get("version", [in_name[1] if len(in_name) > 1 else ""])[0]
    if not title or not version:
        return
    origin: dict[str, Any] = {}
    installer = None
    if is_folder:
        installer = (read_text(os.path.join(metadata, "INSTALLER")) or "").strip() or None
        text = read_text(os.path.join(metadata, "direct_url.json"))
        if text is not None:
            try:
                read = json.loads(text)
            except ValueError:
                read = None
            origin = read if isinstance(read, dict) else {}
    if not origin and (project := _developed(folder, name)):
        origin = {"url": Path(project).as_uri(), "dir_info": {"editable": True}}
    yield Distribution(title, version, folder, metadata, installer, origin, _license(head))


def _developed(folder: str, metadata_name: str) -> str | None:
    """Return the project that ``setup.py develop`` put on the path: its metadata lie beside its code."""
    if "-" in metadata_name or os.path.basename(folder) in ("site-packages", "dist-packages"):
        return None
    for project in (folder, os.path.dirname(folder)):
        if any(os.path.isfile(os.path.join(project, name)) for name in ("setup.py", "pyproject.toml", "setup.cfg")):
            return project
    return None


def _egg(path: str) -> Distribution | None:
    """Return the distribution of an egg, whose file name says what it is (setuptools, "Eggs")."""
    parts = os.path.basename(path)[: -len(".egg")].split("-")
    if len(parts) < 2:
        return None
    information = os.path.join(path, "EGG-INFO")
    is_folder = os.path.isdir(information)
    head = (_head(os.path.join(information, "PKG-INFO")) if is_folder else None) or {}
    name = head.get("name", [parts[0].replace("_", "-")])[0]
    version = head.get("version", [parts[1].replace("_", "-")])[0]
    return Distribution(name, version, path, information if is_folder else None, None, {}, _license(head))


def _head(path: str) -> dict[str, list[str]] | None:
    """Return the fields of core metadata before the description; names in lower case."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - asked of each of hundreds of packages
            content = file.read(_LONGEST_HEAD)
    except OSError:
        return None
    text = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0].decode("utf-8", "replace")
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):  # no other sign ends a line here
        key, colon, value = line.partition(":")
        if colon and key and not key[0].isspace():
            found.setdefault(key.lower(), []).append(value.strip())
    return found


def _license(head: Mapping[str, list[str]]) -> str | None:
    for key in ("license-expression", "license"):
        for text in head.get(key, []):
            if text and len(text) <= _LONGEST_LICENSE and text.upper() != "UNKNOWN":
                return text
    given = [text for text in head.get("classifier", []) if text.startswith("License ::")]
    names = [text.rpartition("::")[2].strip() for text in given if not text.endswith("OSI Approved")]
    return " AND ".join(names) or None


def read_text(path: str) -> str | None:
    """Return the text of a file; None when it can't be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - asked of each of hundreds of packages
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def recorded_files(distribution: Distribution) -> list[str]:
    """Return the paths that a distribution says it has installed, relative to its folder; without bytecode."""
    if (text := distribution.file("RECORD")) is not None:
        if '"' in text:
            rows = [row[0] for row in csv.reader(io.StringIO(text, newline="")) if row]
        else:
            rows = [line.partition(",")[0] for line in text.split("\n")]
        return [row for row in rows if row and not row.endswith(".pyc")]
    if distribution.metadata and (text := distribution.file("installed-files.txt")) is not None:
        base = os.path.basename(distribution.metadata)
        return [os.path.normpath(os.path.join(base, row)) for row in text.splitlines() if row and row[-4:] != ".pyc"]
    return list(_guessed_files(distribution))


def _guessed_files(distribution: Distribution) -> Iterator[str]:
    """Yield what the top-level names say, of packages whose list of files was taken away (those of systems)."""
    if distribution.metadata:
        yield os.path.basename(distribution.metadata) + "/"
    names = (distribution.file("top_level.txt") or "").split()
    for name in names or [distribution.normal_name.replace("-", "_"), distribution.name]:
        if os.path.isdir(os.path.join(distribution.folder, name)):
            yield f"{name}/__init__.py"
        elif os.path.isfile(os.path.join(distribution.folder, f"{name}.py")):
            yield f"{name}.py"


def editable_code(distribution: Distribution) -> list[str]:
    """Return the folders (with "/" at the end) and modules that an editable distribution is imported from."""
    project = distribution.source
    if project is None:
        return []
    found: dict[str, None] = {}
    for path in (row for row in recorded_files(distribution) if "/" not in row):
        text = read_text(os.path.join(distribution.folder, path)) if path.endswith((".pth", ".py")) else None
        if text is None:
            continue
        if path.endswith(".pth"):
            for line in text.splitlines():
                if line.startswith("/") and os.path.isdir(line):
                    found.update(dict.fromkeys(_importable(line, project, distribution)))
        elif mapping := _EDITABLE_MAPPING.search(text):
            found.update(dict.fromkeys(_mapped(mapping.group(1))))
    if not found:
        for folder in (os.path.join(project, "src"), project):
            if os.path.isdir(folder):
                found.update(dict.fromkeys(_importable(folder, project, distribution)))
    return list(found)


def _mapped(literal: str) -> Iterator[str]:
    try:
        mapping = ast.literal_eval(literal)
        paths = [str(path) for path in mapping.values()]
    except (ValueError, SyntaxError, AttributeError):
        return
    for path in paths:
        if os.path.isdir(path):
            yield path.rstrip("/") + "/"
        else:
            yield path if path.endswith(".py") else path + ".py"


def _importable(folder: str, project: str, distribution: Distribution) -> Iterator[str]:
    """Yield what belongs to a distribution in a folder that is on the path as a whole."""
    if os.path.normpath(folder) != os.path.normpath(project):
        yield folder.rstrip("/") + "/"
        return
    names = (distribution.file("top_level.txt") or "").split()
    if not names:
        own = distribution.normal_name.replace("-", "_")
        names = [own, *(name for name in sorted(os.listdir(folder)) if name not in _NO_PACKAGES)]
        names = [name for name in names if name == own or os.path.isfile(os.path.join(folder, name, "__init__.py"))]
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            yield path + "/"
        elif os.path.isfile(path + ".py"):
            yield path + ".py"
