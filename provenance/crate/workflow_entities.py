"""Prospective provenance: the workflow, its steps and tools, its language, formal parameters and
connections.

Comes in: the Run, its placed data and slots. Goes out: entities of Workflow RO-Crate 1.0 and of the
prospective half of Provenance Run Crate 0.5.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provenance.crate.data_entities import Placed, file_entity, is_tracked, source_version
from provenance.crate.entities import (
    Entity,
    license_entity,
    person_id,
    ref,
    refs,
    slug,
    without_nothing,
)
from provenance.crate.layout import file_uri
from provenance.crate.parameters import WORKFLOW, Slots, connected, parameter_refs
from provenance.crate.software import software_entities, software_id, tool_ids, used_software
from provenance.crate.usage_entities import requirements
from provenance.run.model import Run, Software, Tool

_BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_DIAGRAM = "diagram.svg"
_PROGRAM_LIMIT = 1 << 26  # bytes; larger programs are not hashed
_SHELL = Software(name="Shell", url="https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html")


@dataclass(frozen=True, slots=True)
class Workflow:
    """What the workflow part of a crate is made from."""

    run: Run
    main_id: str
    main: Placed | None  # None when the command itself is the workflow
    main_file: Entity  # name, size and digest of the command's script in that case
    tools: dict[str, Tool]  # those that tasks executed, in order of their first start
    placed: dict[str, Placed]
    slots: Slots
    packed_at: str
    instructions: tuple[str, ...]  # identifiers of the files to build the environment from


def used_tools(run: Run) -> dict[str, Tool]:
    """Find the tools that tasks executed, in order of their first start; one that is not listed
    gets its key as name."""
    known = {tool.key: tool for tool in run.tools}
    first: dict[str, int] = {}
    for number, task in enumerate(run.tasks):
        moment = task.start if task.start is not None else (1 << 62) + number
        first[task.tool] = min(moment, first.get(task.tool, moment))
    order = sorted(first, key=lambda key: first[key])
    return {key: known.get(key) or Tool(key=key, name=key, kind="program") for key in order}


def step_ids(tools: dict[str, Tool]) -> dict[str, str]:
    """Name each step's entity; there is one step a tool."""
    return {key: f"#step-{number}-{slug(tool.name, 40)}" for number, (key, tool) in enumerate(tools.items(), 1)}


def workflow_entities(workflow: Workflow) -> Iterator[Entity]:
    """Describe the main workflow, its language, requirements, tools, steps, parameters and
    connections."""
    run, tools = workflow.run, workflow.tools
    language = (run.language if workflow.main else None) or _SHELL
    identifiers = tool_ids(run, tools)
    steps = step_ids(tools)
    links = connected(workflow.slots)
    yield _main(
        workflow,
        language,
        list(identifiers.values()),
        list(steps.values()),
        links.get(WORKFLOW, []),
    )
    yield language_entity(language)
    for software in (*run.about.software, *used_software(run)):
        yield from software_entities(run, software)
    for position, (key, tool) in enumerate(tools.items(), 1):
        yield from _tool(workflow, identifiers[key], tool)
        yield without_nothing(
            {
                "@id": steps[key],
                "@type": "HowToStep",
                "name": tool.name,
                "position": str(position),
                "workExample": ref(identifiers[key]),
                "connection": refs(links.get(key, [])),
                "buildInstructions": refs(workflow.instructions),
            }
        )
    for parameter in workflow.slots.all():
        yield parameter.entity()
    for connection, _ in workflow.slots.connections():
        yield connection


def language_entity(language: Software) -> Entity:
    """Describe the language that the workflow is written in; registries know languages by these
    names."""
    return without_nothing(
        {
            "@id": f"#{slug(language.name.lower())}",
            "@type": "ComputerLanguage",
            "name": language.name,
            "alternateName": language.name,
            "version": language.version,
            "url": language.url,
        }
    )


def _main(workflow: Workflow, language: Software, tools: list[str], steps: list[str], links: list[str]) -> Entity:
    run, about = workflow.run, workflow.run.about
    if workflow.main is not None:
        entity = file_entity(run, workflow.main, workflow.slots, workflow.packed_at)
        version = source_version(run, workflow.main.data.path, workflow.main.outcome)
    else:
        entity = dict(workflow.main_file)
        version = f"sha256:{entity['sha256']}"
    control = run.environment.source_control
    is_elsewhere = workflow.main is not None and not is_tracked(run, workflow.main.data.path)
    is_web = control is not None and (control.remote or "").startswith(("https://", "http://"))
    repository = control.remote if control and is_web and not is_elsewhere else None
    entity |= {
        "@id": workflow.main_id,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "conformsTo": ref(_BIOSCHEMAS),
        "programmingLanguage": ref(language_entity(language)["@id"]),
        "url": about.url or repository or entity.get("url"),
        "codeRepository": repository,
        "version": about.version or version,
        "license": ref(license_entity(about.license)["@id"]) if about.license else None,
        "creator": refs(person_id(person) for person in about.authors),
        "image": ref(_DIAGRAM),
        "softwareRequirements": refs(_identifiers(run, (*about.software, *used_software(run)))),
        "hasPart": refs(tools),
        "step": refs(steps),
        "connection": refs(links),
        "buildInstructions": refs(workflow.instructions),
    }
    return without_nothing(entity | requirements(run) | parameter_refs(workflow.slots, WORKFLOW))


def _tool(workflow: Workflow, identifier: str, tool: Tool) -> Iterator[Entity]:
    run = workflow.run
    source = workflow.placed.get(tool.source_key or "")
    entity: Entity = {
        "@id": identifier,
        "@type": "SoftwareApplication",
        "additionalType": "Function" if tool.kind == "function" else None,
        "name": tool.name,
        "description": tool.description,
        "version": tool.version,
        "isPartOf": ref(source.id) if source else None,
    }
    if source is not None:
        entity["url"] = _source_url(run, source, tool)
        entity["version"] = tool.version or source_version(run, source.data.path, source.outcome)
    elif tool.path:
        entity["url"] = file_uri(run.host, tool.path)
        entity["version"] = tool.version or _version_of_file(run, tool.path)
    requirements = list(tool.requirements)
    if tool.software is not None:
        entity["url"] = entity.get("url") or tool.software.url
        if tool.software.version:
            requirements.insert(0, tool.software)
            entity["mainEntity"] = ref(software_id(run, tool.software))
            entity["version"] = entity.get("version") or (tool.software.version if tool.kind == "function" else None)
    for requirement in requirements:
        yield from software_entities(run, requirement)
    entity["softwareRequirements"] = refs(_identifiers(run, requirements))
    yield without_nothing(entity | parameter_refs(workflow.slots, tool.key))


def _identifiers(run: Run, software: Iterable[Software]) -> Iterable[str]:
    """Give the identifier of each once: the same package may stand in several lists."""
    return dict.fromkeys(software_id(run, one) for one in software)


def _source_url(run: Run, source: Placed, tool: Tool) -> str:
    """Lead to the lines of the source: in the crate, or where it was."""
    file = source.id if source.is_payload else file_uri(run.host, source.data.path)
    if tool.line is None:
        return file
    return f"{file}#L{tool.line}" + (f"-L{tool.end_line}" if tool.end_line else "")


def _version_of_file(run: Run, path: str) -> str | None:
    """Digest of a program outside of the sources, when it has not been replaced since the run."""
    try:
        program = Path(path)
        now = program.stat()
        is_same = run.end is None or now.st_mtime_ns <= run.end
        if not stat.S_ISREG(now.st_mode) or now.st_size > _PROGRAM_LIMIT or not is_same:
            return None
        return f"sha256:{hashlib.sha256(program.read_bytes()).hexdigest()}"
    except (OSError, ValueError):
        return None
