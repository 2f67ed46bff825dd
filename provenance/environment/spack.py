"""Packages that Spack installed, from the concrete specs that it leaves in their prefixes.

In: the programs, libraries and files of a run. Out: the sections ``software``, ``owners``, ``files`` and ``gap`` of
the package's docstring; ``spack.yaml`` pins the specs in use, ``spack.lock`` holds the whole of each. Formats: Spack's
developer guide, "Spec File Format" and "Lockfile Format".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from packageurl import PackageURL

from provenance.environment import Section, Used

MANIFEST = "spack.yaml"
LOCK = "spack.lock"
_SPEC = ".spack/spec.json"
_MOST_BYTES = 32 << 20
# Version of the spec files -> version of the lock that holds nodes of it. Before 3, locks had keys of their own.
_LOCK_VERSIONS = {3: 4, 4: 5, 5: 6, 6: 8}
_EXACT_SINCE = 4  # from this version of spec files on, "@=" asks for exactly one version
_FLAGS = ("cflags", "cppflags", "cxxflags", "fflags", "ldflags", "ldlibs")
_NOT_ASKED_FOR = ("patches",)  # a parameter that follows from the recipe


@dataclass(frozen=True)
class Prefix:
    """An installation of one package: its folder and its concrete spec."""

    folder: str
    format: int
    node: Mapping[str, Any]
    nodes: tuple[Mapping[str, Any], ...]  # its own first, then all that it depends on

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.node["name"])

    @property
    def version(self) -> str:
        """The package's version."""
        return str(self.node.get("version", ""))

    @property
    def hash(self) -> str:
        """The hash of the concrete spec, which says all of it."""
        return str(self.node.get("hash", ""))


def prefix_of(path: str) -> str | None:
    """Return the prefix of the Spack package that a file belongs to; None when it belongs to none."""
    return _prefix_above(os.path.dirname(path))


def examine(used: Used) -> Iterator[Section]:
    """Yield the Spack packages in use."""
    folders: dict[str, None] = {}
    for path in (*used.programs, *used.libraries, *used.files):
        for each in dict.fromkeys((path, os.path.realpath(path))):
            if found := prefix_of(each):
                folders[found] = None
    prefixes = []
    for folder in sorted(folders):
        prefix = read(folder)
        if prefix is None:
            yield "gap", {"what": f"Spack package in {folder}", "why": f"{_SPEC} can't be read"}
        else:
            prefixes.append(prefix)
    if not prefixes:
        return
    keys = _keys(prefixes)
    yield "software", {keys[each.folder]: _described(each) for each in prefixes}
    yield "owners", {f"{each.folder}/": keys[each.folder] for each in prefixes}
    yield "files", {MANIFEST: _manifest(prefixes)}
    lock = _lock(prefixes)
    if isinstance(lock, str):
        yield "gap", {"what": LOCK, "why": lock}
    else:
        text = json.dumps(lock, indent=1) + "\n"
        about = "Concrete specs of the Spack packages that were used, with all that they depend on"
        yield "files", {LOCK: {"about": about, "kind": "spack", "text": text, "rebuild": []}}


def read(folder: str) -> Prefix | None:
    """Read the concrete spec of a prefix; None when it can't be read or is of an unknown form."""
    path = Path(folder, _SPEC)
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        spec = json.loads(path.read_bytes())["spec"]
        version, nodes = int(spec["_meta"]["version"]), spec["nodes"]
        if not all(isinstance(node, dict) and isinstance(node.get("name"), str) for node in nodes):
            return None
        return Prefix(folder, version, nodes[0], tuple(nodes))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def abstract(prefix: Prefix) -> str:
    """Return the spec as one writes it: name, version, variants, flags, compiler and architecture, all pinned."""
    node = prefix.node
    equals = "@=" if prefix.format >= _EXACT_SINCE else "@"
    namespace = str(node.get("namespace", "builtin"))
    name = prefix.name if namespace == "builtin" else f"{namespace}.{prefix.name}"
    words = [f"{name}{equals}{prefix.version}"]
    for parameter, value in sorted(node.get("parameters", {}).items()):
        if parameter in _NOT_ASKED_FOR or value in ([], "", None):
            continue
        if isinstance(value, bool):
            words.append(f"{'+' if value else '~'}{parameter}")
            continue
        texts = [str(each) for each in value] if isinstance(value, list) else [str(value)]
        words.append(f'{parameter}="{" ".join(texts)}"' if parameter in _FLAGS else f"{parameter}={','.join(texts)}")
    if compiler := _compiler(prefix):
        words.append(f"%{compiler[0]}@{compiler[1]}")
    if architecture := _architecture(node):
        words.append(f"arch={architecture}")
    return " ".join(words)


@lru_cache(maxsize=4096)
def _prefix_above(folder: str) -> str | None:
    if Path(folder, _SPEC).is_file():
        return folder
    parent = os.path.dirname(folder)
    return None if parent == folder or not parent else _prefix_above(parent)


def _keys(prefixes: Iterable[Prefix]) -> dict[str, str]:
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for each in prefixes:
        plain = f"spack:{each.name}"
        versioned = f"{plain}@{each.version}"
        key = next(k for k in (plain, versioned, f"{versioned}/{each.hash}", each.folder) if k not in taken)
        taken.add(key)
        keys[each.folder] = key
    return keys


def _described(prefix: Prefix) -> dict[str, Any]:
    namespace = str(prefix.node.get("namespace", "")) or None
    qualifiers = {"sha": prefix.hash} if prefix.hash else {}
    entry: dict[str, Any] = {
        "name": prefix.name,
        "version": prefix.version,
        "kind": "spack",
        "purl": str(PackageURL("spack", namespace, prefix.name, prefix.version, qualifiers)),
        "architecture": _architecture(prefix.node),
        "path": prefix.folder,
        "installer": "spack",
        "is_used": True,
    }
    return {key: value for key, value in entry.items() if value}


def _architecture(node: Mapping[str, Any]) -> str | None:
    arch = node.get("arch")
    if not isinstance(arch, dict):
        return None
    target = arch.get("target")
    parts = [arch.get("platform"), arch.get("platform_os"), target.get("name") if isinstance(target, dict) else target]
    return "-".join(str(part) for part in parts) if all(parts) else None


def _compiler(prefix: Prefix) -> tuple[str, str] | None:
    """Return name and version: up to format 4 an attribute, later a dependency that provides a language."""
    compiler = prefix.node.get("compiler")
    if isinstance(compiler, dict) and compiler.get("name") and compiler.get("version"):
        return str(compiler["name"]), str(compiler["version"])
    by_hash = {node.get("hash"): node for node in prefix.nodes}
    for edge in prefix.node.get("dependencies", ()):
        virtuals = edge.get("parameters", {}).get("virtuals", ()) if isinstance(edge, dict) else ()
        node = by_hash.get(edge.get("hash")) if {"c", "cxx", "fortran"}.intersection(virtuals) else None
        if node is not None and node.get("version"):
            return str(node["name"]), str(node["version"])
    return None


def _manifest(prefixes: Iterable[Prefix]) -> dict[str, Any]:
    lines = [
        "# The Spack packages that were used. `spack.lock`, where it is there, says more: what they depend on.",
        "spack:",
        "  specs:",
        *(f"  - {json.dumps(spec)}" for spec in dict.fromkeys(map(abstract, prefixes))),
        "  view: true",
        "  concretizer:",
        "    unify: when_possible",
    ]
    return {
        "about": "The Spack packages that were used, pinned",
        "kind": "spack",
        "text": "\n".join(lines) + "\n",
        "rebuild": ["spack --env-dir . install"],
    }


def _lock(prefixes: list[Prefix]) -> dict[str, Any] | str:
    """Return the lock, or why there is none."""
    formats = {each.format for each in prefixes}
    if len(formats) > 1:
        return "the packages were installed by versions of Spack whose specs can't be mixed"
    version = _LOCK_VERSIONS.get(prefixes[0].format)
    if version is None:
        return f"specs of version {prefixes[0].format} have no lock that is known"
    nodes = {str(node.get("hash", "")): node for each in prefixes for node in each.nodes}
    if "" in nodes or not all(hash_ in nodes for node in nodes.values() for hash_ in _needs(node)):
        return "the specs in the prefixes are not complete"
    return {
        "_meta": {"file-type": "spack-lockfile", "lockfile-version": version, "specfile-version": prefixes[0].format},
        "roots": [{"hash": each.hash, "spec": abstract(each)} for each in prefixes],
        "concrete_specs": nodes,
    }


def _needs(node: Mapping[str, Any]) -> Iterator[str]:
    for dependency in node.get("dependencies", ()):
        yield str(dependency.get("hash", "")) if isinstance(dependency, dict) else ""
