"""Metadata that are broken in the ways that real ones are, from a seed: changed here and there, or their bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import unquote

from tests.publish.crates import SOURCE, metadata

Document = dict[str, Any]
_STRANGE: tuple[Any, ...] = (
    None, True, 0, -1, 2.5, 1e300, 10**40, "", " ", "x" * 300, "a\nb", "\u0000", "\ud800", "😀", "../x", "/etc/passwd",
    "%", "%zz", "100%", "a+b", "#", "#x", "./", ".", "http://", "https://exämple.org/x y", "urn:a:b", "C:\\x",
    "file://host/x", "ro-crate-metadata.json", [], {}, [[]], [None], [{}], ["a", "b"], [1, "a"], {"@id": None},
    {"@id": 5}, {"@id": "./"}, {"@id": "#nobody"}, {"@id": ["a"]}, [{"@id": "./"}, {"@id": "./"}], {"@value": "x"},
    {"@id": "count.sh"}, [{"@id": "count.sh"}], "count.sh", {"a": {"b": {"c": []}}}, "MIT", "my own license",
    {"@id": "https://spdx.org/licenses/MIT"}, "https://github.com/owner/repo/tree/main", SOURCE, ["1.0"], "1.0",
    "ComputationalWorkflow", ["File"], ["Dataset"], "File", "Person", ["ComputationalWorkflow", "File"],
)  # fmt: skip
_NAMES = (
    "@id", "@type", "name", "about", "conformsTo", "hasPart", "mainEntity", "author", "creator", "license", "keywords",
    "version", "isBasedOn", "url", "programmingLanguage", "image", "subjectOf", "description", "identifier", "mentions",
    "affiliation", "alternateName", "@reverse", "datePublished",
)  # fmt: skip


def bases(shared: Path | None) -> list[Document]:
    """Metadata to begin with: our own, and real ones where they are beside the project."""
    found = [metadata()]
    for path in sorted(shared.glob("data/crates/*/ro-crate-metadata.json")) if shared else ():
        found.append(publishable(json.loads(path.read_text("utf-8"))))
    return found


def publishable(document: Document) -> Document:
    """Give metadata what a registry asks for besides."""
    by_id = {one["@id"]: one for one in document["@graph"]}
    by_id["./"] |= {
        "name": "A workflow",
        "version": "1.0",
        "isBasedOn": SOURCE,
        "license": {"@id": "https://spdx.org/licenses/MIT"},
    }
    return document


def fill(folder: Path, document: Document) -> None:
    """Make the files and folders that metadata describe."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in document["@graph"]:
        identifier = one["@id"]
        kinds = one.get("@type")
        if ":" in identifier or identifier.startswith(("#", "/")) or identifier in ("./", "ro-crate-metadata.json"):
            continue
        place = folder / unquote(identifier)
        if "File" in kinds:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"content of {identifier}\n")
        elif "Dataset" in kinds:
            place.mkdir(parents=True, exist_ok=True)
            (place / "inside.txt").write_text("x")


def broken(base: Document, seed: int) -> bytes:
    """Metadata of a malformed crate."""
    chance = Random(seed)
    document = copy.deepcopy(base)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        chance.choice(_CHANGES)(document, chance)
    raw = json.dumps(document, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return chance.choice(_BYTES)(raw, chance) if chance.random() < 0.2 else raw


def _entity(document: Document, chance: Random) -> dict[str, Any]:
    """An entity; those that a registry reads more often than others."""
    graph = [one for one in document["@graph"] if isinstance(one, dict)]
    read = [one for one in graph if str(one.get("@id")) in ("./", "ro-crate-metadata.json", "count.sh")]
    read += [one for one in graph if "ComputationalWorkflow" in str(one.get("@type"))]
    found: dict[str, Any] = chance.choice(read if read and chance.random() < 0.6 else graph or [{}])
    return found


def _set(document: Document, chance: Random) -> None:
    entity = _entity(document, chance)
    name = chance.choice(list(entity) or ["@id"]) if chance.random() < 0.6 else chance.choice(_NAMES)
    entity[name] = copy.deepcopy(chance.choice(_STRANGE))


def _take_out(document: Document, chance: Random) -> None:
    entity = _entity(document, chance)
    entity.pop(chance.choice(list(entity) or ["@id"]), None)


def _wrap(document: Document, chance: Random) -> None:
    entity = _entity(document, chance)
    name = chance.choice(list(entity) or ["@id"])
    value = entity.get(name)
    entity[name] = chance.choice((value and [value], [value, value], {"@list": value}, str(value)))


def _unwrap(document: Document, chance: Random) -> None:
    entity = _entity(document, chance)
    name = chance.choice(list(entity) or ["@id"])
    value = entity.get(name)
    if isinstance(value, list) and value:
        entity[name] = value[0]
    elif isinstance(value, dict) and "@id" in value:
        entity[name] = value["@id"]


def _rename(document: Document, chance: Random) -> None:
    entity = _entity(document, chance)
    old = str(entity.get("@id"))
    new = chance.choice((f"./{old}", old.replace(".", "%2E"), f"{old}/", f"/{old}", old.replace(" ", "%20"), f"#{old}",
                         f"x y/{old}", f"{old}%", f"{old}+", old.upper(), f"https://example.org/{old}"))  # fmt: skip
    if chance.random() < 0.5:
        entity["@id"] = new
        return
    text = json.dumps(document).replace(json.dumps({"@id": old})[1:-1], json.dumps({"@id": new})[1:-1])
    document["@graph"] = json.loads(text)["@graph"]


def _double(document: Document, chance: Random) -> None:
    graph = document["@graph"]
    made = copy.deepcopy(_entity(document, chance))
    if chance.random() < 0.5:
        made["name"] = "another"
    graph.insert(chance.randrange(len(graph) + 1), made)


def _shuffle(document: Document, chance: Random) -> None:
    chance.shuffle(document["@graph"])


def _drop(document: Document, chance: Random) -> None:
    graph = document["@graph"]
    if graph:
        graph.pop(chance.randrange(len(graph)))


def _cycle(document: Document, chance: Random) -> None:
    one, other = _entity(document, chance), _entity(document, chance)
    name = chance.choice(("hasPart", "about", "mainEntity", "subjectOf", "image", "isPartOf", "programmingLanguage"))
    one[name], other[name] = {"@id": other.get("@id")}, {"@id": one.get("@id")}


def _nest(document: Document, chance: Random) -> None:
    value: Any = "x"
    for _ in range(chance.choice((20, 98, 120, 900))):
        value = [value] if chance.random() < 0.5 else {"a": value}
    _entity(document, chance)[chance.choice(_NAMES)] = value


def _strange_graph(document: Document, chance: Random) -> None:
    document["@graph"].append(copy.deepcopy(chance.choice(_STRANGE)))


def _no_graph(document: Document, chance: Random) -> None:
    document["@graph"] = chance.choice(([], {}, None, {"@id": "./"}, [[]], "x"))


def _context(document: Document, chance: Random) -> None:
    document["@context"] = copy.deepcopy(chance.choice(_STRANGE))


_CHANGES: tuple[Callable[[Document, Random], None], ...] = (
    *(_set,) * 6, *(_take_out,) * 3, *(_wrap,) * 3, _unwrap, *(_rename,) * 4, _double, _shuffle, _drop, *(_cycle,) * 2,
    _nest, _strange_graph, _context,
)  # fmt: skip
_BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    lambda raw, _: b"\xef\xbb\xbf" + raw,
    lambda raw, chance: raw[: chance.randrange(len(raw))],
    lambda raw, chance: raw.replace(b'"name": "', b'"name": "\\' + chance.choice((b"q", b"ud800", b"u12", b"x41")), 1),
    lambda raw, _: raw.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass"),
    lambda raw, _: raw.replace(b'"name": "', b'"name": "\xff\xfe', 1),
    lambda raw, _: raw.replace(b'"version": "1.0"', b'"version": 1e999', 1),
    lambda raw, _: raw.replace(b'"version": "1.0"', b'"version": NaN', 1),
    lambda raw, _: raw.replace(b'"version": "1.0"', b'"version": ' + b"9" * 5000, 1),
    lambda raw, _: raw.replace(b'"name": ', b'"name": "twice", "name": ', 3),
    lambda raw, _: raw.replace(b'"@id": "./"', b'"@id": "x", "@id": "./"', 1),
    lambda raw, _: raw + b"\x00",
    lambda raw, _: raw.replace(b"}", b",}", 1),
    lambda raw, _: raw.replace(b"\n", b"\r\n") + b" \n\n",
    lambda raw, chance: bytes([*raw[:60], chance.randrange(256), *raw[60:]]),
    lambda _, chance: chance.choice((b"", b"null", b"[]", b"5", b'"x"', b"{" * 5000, b"[" * 100_000)),
)
