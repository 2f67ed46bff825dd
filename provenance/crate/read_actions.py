"""Which actions of a crate are the run, its tasks and its engine, in crates of any engine and profile version.

Comes in: the graph. Goes out: entities, sorted into their parts; nothing is converted yet.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from provenance.crate.graph import Entity, Graph

# What Process Run Crate 0.5 lets an application's execution be.
_EXECUTIONS = frozenset({"CreateAction", "ActivateAction", "UpdateAction"})
_TASK_NUMBER = re.compile(r"(?:^|[#/_-])task[_-]?(\d+)(?=\D|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Actions:
    """The actions of a crate."""

    run: Entity | None  # None: no action executes the whole, each is an execution of its own
    tasks: tuple[Entity, ...]
    organize: Entity | None  # the engine's action
    steps: dict[str, Entity]  # id of a task's action -> the step that it carried out
    parents: dict[str, str]  # id of a task's action -> id of the sub-workflow's action that it belongs to


def sort_out(graph: Graph) -> Actions:
    """Find the run among the actions: the one whose instrument is the main entity and that the root mentions."""
    executions: dict[str, Entity] = {}
    controls: list[Entity] = []
    organizers: list[Entity] = []
    for identifier, entity in graph:
        types = graph.types(entity)
        if types & _EXECUTIONS:
            executions[identifier] = entity
        elif "ControlAction" in types:
            controls.append(entity)
        elif "OrganizeAction" in types:
            organizers.append(entity)
    controlled = {target for control in controls for target in graph.ids(control, "object")}
    run_id = _run(graph, executions, organizers, controlled)
    organize = next(
        (o for o in organizers if run_id in graph.ids(o, "result")),
        organizers[0] if organizers else None,
    )
    tasks = {identifier: action for identifier, action in executions.items() if identifier != run_id}
    steps = {
        target: step
        for control in controls
        for step in graph.refs(control, "instrument")[:1]
        for target in graph.ids(control, "object")
    }
    return Actions(
        run=executions.get(run_id) if run_id else None,
        tasks=tuple(_ordered(graph, tasks)),
        organize=organize,
        steps=steps,
        parents=_parents(graph, tasks, steps),
    )


def _run(graph: Graph, executions: dict[str, Entity], organizers: list[Entity], controlled: set[str]) -> str | None:
    main = set(graph.ids(graph.root, "mainEntity"))
    mentioned = [identifier for identifier in graph.ids(graph.root, "mentions") if identifier in executions]
    organized = [identifier for o in organizers for identifier in graph.ids(o, "result") if identifier in executions]
    of_main = [identifier for identifier, action in executions.items() if main & set(graph.ids(action, "instrument"))]
    of_workflow = [
        identifier
        for identifier, action in executions.items()
        if any("ComputationalWorkflow" in graph.types(tool) for tool in graph.refs(action, "instrument"))
    ]
    for candidates in (
        [identifier for identifier in mentioned if identifier in of_main],
        of_main,
        [identifier for identifier in organized if identifier not in controlled],
        [identifier for identifier in of_workflow if identifier not in controlled],
    ):
        if candidates:
            return next((identifier for identifier in candidates if identifier in organized), candidates[0])
    if len(executions) == 1:
        return next(iter(executions))
    free = [identifier for identifier in mentioned if identifier not in controlled]
    return free[0] if len(free) == 1 and controlled else None


def task_number(identifier: str) -> int | None:
    """The number that an engine gave the task in its identifier: 7 in ``#Task_7_execution_details`` of COMPSs."""
    match = _TASK_NUMBER.search(identifier)
    return int(match[1][:15]) if match else None


def _ordered(graph: Graph, tasks: dict[str, Entity]) -> list[Entity]:
    numbers = {identifier: task_number(identifier) for identifier in tasks}
    if tasks and None not in numbers.values() and len(set(numbers.values())) == len(tasks):
        return [tasks[identifier] for identifier in sorted(tasks, key=lambda i: numbers[i] or 0)]
    return list(tasks.values())


def _parents(graph: Graph, tasks: dict[str, Entity], steps: dict[str, Entity]) -> dict[str, str]:
    """Where a step belongs to a sub-workflow that ran once, its task ran within that one."""
    runs_of: dict[str, list[str]] = defaultdict(list)
    for identifier, action in tasks.items():
        for tool in graph.ids(action, "instrument"):
            runs_of[tool].append(identifier)
    workflow_of = {step: tool for tool in runs_of for step in graph.ids(graph.get(tool), "step")}
    parents = {}
    for identifier in tasks:
        workflow = workflow_of.get(graph.id(steps.get(identifier, {})))
        if workflow and len(runs_of[workflow]) == 1 and runs_of[workflow][0] != identifier:
            parents[identifier] = runs_of[workflow][0]
    return parents
