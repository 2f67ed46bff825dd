"""What only crates that wfprov wrote say, in the form that :mod:`provenance.crate.write` gives it.

Comes in: the graph and the payload of a crate. Goes out: the parts of the Run that the profiles have no term for:
machine, packages, working folder, gaps, exit status.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from provenance.crate import read_software
from provenance.crate.engine_entities import ENGINE_ARGUMENT
from provenance.crate.graph import Entity, Graph
from provenance.crate.layout import RUN_SCRIPT, RUN_SCRIPT_IS
from provenance.crate.repetition import is_of_repetition
from provenance.crate.source import Payload
from provenance.run.model import Data, Environment, Gap, Software, SourceControl, Value

_SYSTEM = "environment/system.json"
_REQUIREMENTS = "environment/requirements.txt"
_TEXT_LIMIT = 16_000_000  # bytes of a list of packages
_GAP = re.compile(r"Not seen: (.*?) \((.*)\)(?:: (.*))?", re.DOTALL)
_BEHIND_VERSION = re.compile(r"\s|;|@")  # digests, markers, addresses
_ENDED = re.compile(r"(exit status|ended by signal) (\d{1,9})(?:; .*)?", re.DOTALL)
_ENDINGS = ("#exit-status-", "#signal-")


def is_run_script(data: Data) -> bool:
    """Tell whether this is the command, which stands in for the script where the command itself is the workflow."""
    return data.key == RUN_SCRIPT and data.original is None and data.description == RUN_SCRIPT_IS


def is_ending(entity: Entity) -> bool:
    """Tell whether a value is the exit status that stands in for the result of what produced nothing else."""
    identifier = entity.get("@id")
    return isinstance(identifier, str) and identifier.startswith(_ENDINGS)


def ending(graph: Graph, action: Entity) -> tuple[int | None, int | None]:
    """Exit status and signal of an action, from its error or from the value that stands in for its result."""
    match = _ENDED.fullmatch(graph.text(action, "error") or "")
    if match:
        return (int(match[2]), None) if match[1] == "exit status" else (None, int(match[2]))
    for entity in graph.refs(action, "result"):
        text = graph.text(entity, "value") or ""
        if is_ending(entity) and text.isdecimal() and len(text) < 10:
            return (int(text), None) if "status" in str(entity.get("@id")) else (None, int(text))
    return None, None


def location(graph: Graph, action: Entity) -> tuple[str | None, str | None]:
    """Host and working folder, from a ``file://host/folder`` in ``location``."""
    text = graph.text(action, "location") or ""
    if not text.startswith("file://"):
        return None, None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None, None
    return unquote(parts.netloc) or None, unquote(parts.path, errors="surrogateescape") or None


def gaps(graph: Graph, action: Entity) -> list[Gap]:
    """What the recording could not see."""
    found = []
    for entity in graph.refs(action, "comment"):
        if is_of_repetition(graph, entity):
            continue
        text = graph.text(entity, "text") or ""
        match = _GAP.fullmatch(text)
        if match:
            found.append(Gap(what=match[1], why=match[2], path=match[3]))
        elif text:
            found.append(Gap(what=text, why="noted in the crate"))
    return found


def engine_arguments(graph: Graph, action: Entity) -> tuple[Value, ...]:
    """The words of the command line that were for the engine."""
    return tuple(
        Value(graph.text(entity, "name") or "", graph.text(entity, "value"))
        for entity in graph.refs(action, "environment")
        if graph.id(entity).startswith(ENGINE_ARGUMENT)
    )


def environment(
    graph: Graph, payload: Payload, variables: tuple[tuple[str, str], ...]
) -> tuple[str | None, Environment]:
    """The host, and what is known of machine, interpreter, packages and source control."""
    system = _system(payload) if _SYSTEM in graph else {}
    listed = read_software.listed(graph, payload) or read_software.described(graph, _required(graph))
    packages = tuple(one for one in listed if one.kind in ("python", None))
    if not packages and _REQUIREMENTS in graph:
        packages = _packages(payload)
    control = system.get("source_control")
    interpreter = system.get("interpreter")
    return _str(system, "hostname"), Environment(
        operating_system=_str(system, "operating_system"),
        kernel=_str(system, "kernel"),
        machine=_str(system, "machine"),
        cpu_model=_str(system, "cpu_model"),
        cpu_count=_int(system, "cpu_count"),
        memory=_int(system, "memory_bytes"),
        interpreter=_software(interpreter) if isinstance(interpreter, dict) else None,
        packages=packages,
        software=tuple(one for one in listed if one.kind not in ("python", None)),
        files=read_software.files(graph, payload),
        variables=variables,
        source_control=_source_control(control) if isinstance(control, dict) else None,
    )


def _system(payload: Payload) -> dict[str, Any]:
    try:
        found = json.loads(payload.text(_SYSTEM) or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _packages(payload: Payload) -> tuple[Software, ...]:
    found = []
    for line in (payload.text(_REQUIREMENTS, _TEXT_LIMIT) or "").splitlines():
        name, _, version = _BEHIND_VERSION.split(line.strip(), maxsplit=1)[0].partition("==")
        if name and name[0] not in "#-":
            found.append(Software(name=name, version=version or None))
    return tuple(found)


def _required(graph: Graph) -> list[Entity]:
    mains = graph.refs(graph.root, "mainEntity")
    return [entity for main in mains for entity in graph.refs(main, "softwareRequirements")]


def _software(found: dict[str, Any]) -> Software:
    return Software(
        name=_str(found, "name") or "interpreter",
        version=_str(found, "version"),
        path=_str(found, "path"),
    )


def _source_control(found: dict[str, Any]) -> SourceControl:
    return SourceControl(
        root=_str(found, "root") or "",
        remote=_str(found, "remote"),
        commit=_str(found, "commit"),
        branch=_str(found, "branch"),
        tags=_strings(found, "tags"),
        is_dirty=found.get("is_dirty") is True,
        untracked=_strings(found, "untracked"),
    )


def _str(found: dict[str, Any], key: str) -> str | None:
    value = found.get(key)
    return value if isinstance(value, str) else None


def _int(found: dict[str, Any], key: str) -> int | None:
    value = found.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _strings(found: dict[str, Any], key: str) -> tuple[str, ...]:
    value = found.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
