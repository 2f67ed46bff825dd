"""Machine and job of a run, from the ``environment`` values that :mod:`.usage_entities` writes.

Comes in: the graph and the run's action. Goes out: fields of the Run's Environment; nothing for other engines' crates.
"""

from __future__ import annotations

from dataclasses import replace

from provenance.crate import read_values
from provenance.crate.graph import Entity, Graph
from provenance.crate.usage_entities import HARDWARE, JOB
from provenance.run.model import Accelerator, Environment, Job


def is_fact(entity: Entity) -> bool:
    """Tell whether a value of ``environment`` is a fact about machine or job, not an environment variable."""
    identifier = entity.get("@id")
    return isinstance(identifier, str) and identifier.startswith((HARDWARE, JOB))


def with_machine(graph: Graph, action: Entity | None, environment: Environment) -> Environment:
    """Return ``environment`` with what the crate says of machine and job."""
    listed = [entity for entity in (graph.refs(action, "environment") if action else ()) if is_fact(entity)]
    texts = {graph.text(entity, "name") or "": graph.text(entity, "value") or "" for entity in listed}
    if not texts:
        return environment
    identifier = texts.get("job_id")
    return replace(
        environment,
        cpu_model=texts.get("cpu_model") or environment.cpu_model,
        cpu_count=_whole(texts.get("cpu_count")) or environment.cpu_count,
        memory=_whole(texts.get("memory")) or environment.memory,
        microarchitecture=texts.get("microarchitecture"),
        cpu_features=tuple(texts.get("cpu_features", "").split()),
        cpu_limit=read_values.number(texts.get("cpu_limit")),
        memory_limit=_whole(texts.get("memory_limit")),
        file_system=texts.get("file_system"),
        accelerators=tuple(
            _accelerator(graph, entity) for entity in listed if graph.text(entity, "name") == "accelerator"
        ),
        job=_job(identifier, texts) if identifier else None,
    )


def _accelerator(graph: Graph, entity: Entity) -> Accelerator:
    more = {graph.text(one, "name"): graph.text(one, "value") for one in graph.refs(entity, "valueReference")}
    return Accelerator(
        name=graph.text(entity, "value") or "unknown accelerator",
        vendor=more.get("vendor"),
        driver=more.get("driver"),
        memory=_whole(more.get("memory")),
    )


def _job(identifier: str, texts: dict[str, str]) -> Job:
    return Job(
        scheduler=texts.get("job_scheduler") or "unknown",
        id=identifier,
        name=texts.get("job_name"),
        partition=texts.get("job_partition"),
        nodes=_whole(texts.get("job_nodes")),
        tasks=_whole(texts.get("job_tasks")),
        cpus_per_task=_whole(texts.get("job_cpus_per_task")),
        time_limit=_whole(texts.get("job_time_limit")),
        node_list=texts.get("job_node_list"),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else None
