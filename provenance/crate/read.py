"""Any engine's run crate -> Run.

Comes in: a crate's folder, zip or bare metadata file, of Process, Workflow or Provenance Run Crate, any version.
Goes out: the Run, with a ``Gap`` for what the crate leaves open and had to be assumed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from provenance.crate import (
    command_line,
    read_actions,
    read_data,
    read_hardware,
    read_own,
    read_software,
    read_values,
)
from provenance.crate.engine_entities import CANCELED, ENGINE_ARGUMENT, RECOVERED
from provenance.crate.folders import FOLDER
from provenance.crate.graph import Entity, Graph
from provenance.crate.parameters import IMPLIED
from provenance.crate.read_about import read_about
from provenance.crate.read_actions import Actions
from provenance.crate.read_containers import ReadContainers
from provenance.crate.repetition import read_repetition
from provenance.crate.source import Payload, open_crate
from provenance.crate.usage_entities import WALL_TIME
from provenance.run.model import (
    Gap,
    Measurement,
    ResourceUse,
    Role,
    Run,
    Software,
    Status,
    Task,
    Tool,
    Value,
)

_UNAME = re.compile(r"^(Linux|Darwin) (\S+) (\S+) .*?\b(x86_64|aarch64|ppc64le|riscv64|arm64)\b")
_COMMAND = re.compile(
    r"^\S*\b(runcompss|enqueue_compss|pycompss|snakemake|nextflow|cwltool|cwl-runner|streamflow|toil\S*|miniwdl|"
    r"python\S*|bash|sh|make|mpirun|mpiexec|srun|docker|singularity|apptainer)\s"
)
_SUBMISSION_FILES = (
    "compss_submission_command_line.txt",
    "compss_command_line_arguments.txt",
    "cmd.txt",
)


def read(path: Path) -> Run:
    """Read the run that the crate at ``path`` describes.

    Raises
    ------
    CrateError
        The crate can't be found or read; the message says why.
    """
    document, payload = open_crate(path)
    return _Reader(Graph(document, path), payload).run()


class _Reader:
    def __init__(self, graph: Graph, payload: Payload):
        self._graph = graph
        self._payload = payload
        self._actions: Actions = read_actions.sort_out(graph)
        self._gaps: list[Gap] = []
        self._zoneless = 0
        self._slots: dict[str, dict[str, Entity]] = {}
        self._containers = ReadContainers(graph)
        # Crates that wfprov wrote give command lines as descriptions; others may give anything.
        self._is_own = "#engine-run" in graph or graph.id(self._actions.run or {}).startswith("#run-")
        self._main: Entity | None = next(iter(graph.refs(graph.root, "mainEntity")), None)

    def run(self) -> Run:
        graph, action = self._graph, self._actions.run
        tools: dict[str, Tool] = {}
        self._containers.of(action)
        tasks = self._tasks(tools)
        container = self._containers.of_run(action, (task.container for task in tasks))
        program = (
            self._tool(action, {}, tools) if action and not self._main and graph.refs(action, "instrument") else None
        )
        table = read_data.DataTable(graph, self._payload)
        inputs, outputs = self._ends(tasks)
        made = {key for task in tasks for key in task.outputs}
        direct = set(graph.ids(action, "result")) if action else set(outputs)
        table.note_configuration()
        table.note((key for key in outputs if key in direct), Role.OUTPUT, "result of the run")
        # Before what is a result as part of a collection: a collection may be put together from inputs.
        table.note(inputs, Role.INPUT, "object of the run")
        table.note(outputs, Role.OUTPUT, "result of the run")
        table.note(made, Role.INTERMEDIATE, "made by a task, not a result of the run")
        table.note(
            (key for task in tasks for key in task.inputs),
            Role.INPUT,
            "read by a task, made by none",
        )
        table.note_listed(self._actions)
        data = table.data()
        if self._is_own:
            # That is the command as a script, written as the crate was made: no file of the run.
            data = tuple(item for item in data if not read_own.is_run_script(item))
        about = read_about(graph, self._main or {}, action or {}, self._actions.organize or {})
        status = self._status(action, tasks)
        description = graph.text(action, "description") if action else None
        uname = _UNAME.match(description or "")
        language = self._language()
        main = graph.id(self._main) if self._main else None
        start, end = self._times(action, tasks)
        exit_code, signal = self._ending(action)
        host, cwd = read_own.location(graph, action) if action else (None, None)
        system_host, environment = read_own.environment(graph, self._payload, self._variables(action))
        if uname:
            environment = replace(environment, operating_system=uname[1], kernel=uname[3], machine=uname[4])
        environment = read_hardware.with_machine(graph, action, environment)
        if action:
            self._gaps += read_own.gaps(graph, action)
        run = Run(
            id=self._id(action),
            name=((graph.text(action, "name") or "").removeprefix("Run of ") if action else None)
            or about.name
            or main
            or (tools[program].name if program else "unnamed run"),
            status=status,
            command=self._command(description),
            cwd=cwd,
            host=host or system_host or (uname[2] if uname else None),
            start=start,
            end=self._end(action, start, end),
            exit_code=exit_code,
            signal=signal,
            error=graph.text(action, "error") if action else None,
            main=main if any(item.key == main for item in data) else None,
            language=language,
            engine=self._engine(language),
            tools=tuple(tools.values()),
            tasks=tasks,
            edges=read_data.edges(tasks),
            data=data,
            inputs=inputs,
            outputs=outputs,
            arguments=(*self._named_data(action), *self._values(action, "object")),
            results=self._values(action, "result", is_return=True),
            resources=self._resources(action),
            environment=environment,
            containers=self._containers.found,
            container=container,
            about=about,
            gaps=tuple(self._gaps),
            engine_arguments=read_own.engine_arguments(graph, action) if action else (),
            repeats=read_repetition(graph, self._payload, action) if action else None,
            is_own=self._is_own,
        )
        return run

    def _tasks(self, tools: dict[str, Tool]) -> tuple[Task, ...]:
        graph = self._graph
        tasks = []
        unstated = 0
        for action in self._actions.tasks:
            identifier = graph.id(action)
            step = self._actions.steps.get(identifier, {})
            status, is_stated = read_values.status(graph, action)
            unstated += not is_stated
            exit_code, signal = self._ending(action)
            host, cwd = read_own.location(graph, action)
            if self._is_own:  # a task says where it ran only when that is elsewhere than the run
                run_host, run_cwd = read_own.location(graph, self._actions.run or {})
                host, cwd = host or run_host, cwd or (run_cwd if host in (None, run_host) else None)
            tasks.append(
                Task(
                    key=identifier,
                    tool=self._tool(action, step, tools),
                    status=status,
                    start=self._time(action, "startTime"),
                    end=self._end(action, self._time(action, "startTime"), self._time(action, "endTime")),
                    inputs=read_data.data_ids(graph, graph.refs(action, "object")),
                    outputs=read_data.data_ids(graph, graph.refs(action, "result")),
                    arguments=(*self._named_data(action), *self._values(action, "object")),
                    results=self._values(action, "result", is_return=True),
                    name=graph.text(action, "name") or graph.text(step, "name"),
                    command=self._command(graph.text(action, "description")) if self._is_own else (),
                    cwd=cwd,
                    host=host,
                    exit_code=exit_code,
                    signal=signal,
                    error=graph.text(action, "error"),
                    parent=self._actions.parents.get(identifier),
                    container=next(iter(self._containers.of(action)), None),
                    resources=self._resources(action),
                    logs=read_data.data_ids(graph, graph.refs(action, "subjectOf")),
                )
            )
        if unstated:
            self._gaps.append(
                Gap(
                    f"status of {unstated} of {len(tasks)} tasks",
                    "not stated; taken as completed, as the profile says",
                )
            )
        return tuple(tasks)

    def _tool(self, action: Entity, step: Entity, tools: dict[str, Tool]) -> str:
        graph = self._graph
        entity = next(iter(graph.refs(action, "instrument") or graph.refs(step, "workExample")), {})
        key = graph.id(entity) or graph.text(action, "instrument") or "unknown"
        if key not in tools:
            is_file = "File" in graph.types(entity)
            is_function = "::" in key or graph.text(entity, "additionalType") == "Function"
            tools[key] = Tool(
                key=key,
                name=graph.text(entity, "name") or re.split(r"[#/]", key.rstrip("/"))[-1] or key,
                kind="function" if is_function else "program",
                path=key if is_file else None,
                source_key=key if is_file else self._source_of(entity),
                description=graph.text(entity, "description"),
                parameters=tuple(
                    graph.text(parameter, "name") or re.split(r"[#/]", graph.id(parameter))[-1]
                    for parameter in graph.refs(entity, "input")
                ),
                version=graph.text(entity, "softwareVersion", "version"),
                requirements=read_software.described(graph, graph.refs(entity, "softwareRequirements")),
            )
        return key

    def _source_of(self, tool: Entity) -> str | None:
        """The file of the crate that a function, or a program that is no file of its own, is part of."""
        graph = self._graph
        return next((graph.id(part) for part in graph.refs(tool, "isPartOf") if "File" in graph.types(part)), None)

    def _ends(self, tasks: tuple[Task, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Inputs and outputs of the whole: as the run's action says, else what no task makes and what none reads."""
        graph, action = self._graph, self._actions.run
        inputs = read_data.data_ids(graph, graph.refs(action, "object")) if action else ()
        outputs = read_data.data_ids(graph, graph.refs(action, "result")) if action else ()
        if inputs or outputs:
            return inputs, outputs
        made = dict.fromkeys(key for task in tasks for key in task.outputs)
        used = dict.fromkeys(key for task in tasks for key in task.inputs)
        return tuple(key for key in used if key not in made), tuple(key for key in made if key not in used)

    def _status(self, action: Entity | None, tasks: tuple[Task, ...]) -> Status:
        if action is not None:
            status, is_stated = read_values.status(self._graph, action)
            if not is_stated:
                self._gaps.append(Gap("status of the run", "not stated; taken as completed, as the profile says"))
            return status
        if not tasks:
            self._gaps.append(Gap("run", "the crate describes no execution, only a workflow or data"))
            return Status.UNKNOWN
        self._gaps.append(
            Gap(
                "run as a whole",
                "no action executes the main entity; taken from the single executions",
            )
        )
        found = {task.status for task in tasks}
        for status in (Status.FAILED, Status.RUNNING, Status.CANCELED, Status.UNKNOWN):
            if status in found:
                return status
        return Status.COMPLETED

    def _times(self, action: Entity | None, tasks: tuple[Task, ...]) -> tuple[int | None, int | None]:
        if action is not None:
            start, end = self._time(action, "startTime"), self._time(action, "endTime")
        else:
            start = min((task.start for task in tasks if task.start is not None), default=None)
            end = max((task.end for task in tasks if task.end is not None), default=None)
        if self._zoneless:
            self._gaps.append(Gap("time zone", "times are given without one; taken as UTC"))
        return start, end

    def _time(self, action: Entity, name: str) -> int | None:
        found = read_values.moment(self._graph.text(action, name))
        if found is None:
            return None
        self._zoneless += not found.has_zone
        return found.nanoseconds

    def _ending(self, action: Entity | None) -> tuple[int | None, int | None]:
        if action is None:
            return None, None
        exit_code, signal = read_own.ending(self._graph, action)
        return (exit_code if exit_code is not None else read_values.exit_code(self._graph, action)), signal

    def _values(self, action: Entity | None, name: str, is_return: bool = False) -> tuple[Value, ...]:
        return tuple(
            read_values.value(self._graph, entity, is_return)
            for entity in (self._graph.refs(action, name) if action else ())
            if "PropertyValue" in self._graph.types(entity) and not read_own.is_ending(entity)
        )

    def _named_data(self, action: Entity | None) -> tuple[Value, ...]:
        """Arguments that named a file or folder: the data that are examples of a parameter of what was executed."""
        graph = self._graph
        slots = {key: entity for tool in self._instruments(action) for key, entity in self._named_inputs(tool).items()}
        if action is None or not slots:
            return ()
        found = []
        for entity in graph.refs(action, "object"):
            identifier = graph.id(entity)
            if not read_data.is_data(graph, entity):
                continue
            path = graph.text(entity, "alternateName") if identifier[:1] == "#" else None
            for slot in (slots[key] for key in graph.ids(entity, "exampleOfWork") if key in slots):
                key = None if identifier.startswith(FOLDER) else identifier
                found.append(Value(graph.text(slot, "name") or graph.id(slot), path or identifier, data_key=key))
        return tuple(found)

    def _instruments(self, action: Entity | None) -> list[Entity]:
        return self._graph.refs(action, "instrument") if action else []

    def _named_inputs(self, tool: Entity) -> dict[str, Entity]:
        """The input parameters of a tool, or of the workflow, that have the name of an argument."""
        key = self._graph.id(tool)
        if key not in self._slots:
            slots = self._graph.refs(tool, "input") if self._is_own else []
            named = [slot for slot in slots if self._graph.text(slot, "description") != IMPLIED]
            self._slots[key] = {self._graph.id(slot): slot for slot in named}
        return self._slots[key]

    def _end(self, action: Entity | None, start: int | None, end: int | None) -> int | None:
        """The end as exactly as the duration tells that our own crates give beside it; none for what never ran."""
        if action and self._is_own and {RECOVERED, CANCELED} & set(self._graph.ids(action, "comment")):
            return None
        for entity in self._graph.refs(action, "resourceUsage") if action and self._is_own else ():
            if self._graph.text(entity, "name") == WALL_TIME and start is not None:
                seconds = read_values.number(self._graph.text(entity, "value") or "")
                return end if seconds is None else start + round(seconds * 1e9)
        return end

    def _resources(self, action: Entity | None) -> ResourceUse | None:
        graph = self._graph
        found: list[Measurement] = []
        for entity in graph.refs(action, "resourceUsage") if action else ():
            unit = graph.text(entity, "unitText", "unitCode")
            name = graph.text(entity, "name") or graph.id(entity).lstrip("#") or "unnamed"
            if not (self._is_own and name == WALL_TIME):
                definition = graph.text(entity, "propertyID")
                found.append(Measurement(name, graph.text(entity, "value"), unit, definition))
        return read_values.resources(found) if found else None

    def _variables(self, action: Entity | None) -> tuple[tuple[str, str], ...]:
        graph = self._graph
        return tuple(
            (
                graph.text(entity, "name") or graph.id(entity).lstrip("#"),
                graph.text(entity, "value") or "",
            )
            for entity in (graph.refs(action, "environment") if action else ())
            if "PropertyValue" in graph.types(entity)
            and not read_hardware.is_fact(entity)
            and not graph.id(entity).startswith(ENGINE_ARGUMENT)
        )

    def _language(self) -> Software | None:
        languages = self._graph.refs(self._main, "programmingLanguage") if self._main else []
        if languages:
            return read_values.software(self._graph, languages[0])
        plain = self._graph.text(self._main, "programmingLanguage") if self._main else None
        return Software(name=plain) if plain else None

    def _engine(self, language: Software | None) -> Software | None:
        graph, actions = self._graph, self._actions
        stated = graph.refs(actions.organize, "instrument") if actions.organize else []
        if not stated and actions.run:
            stated = graph.refs(actions.run, "executedBy")  # Sapporo's term
        is_named = language is not None and read_values.is_engine_language(language)
        if not stated:
            if not is_named or language is None:
                return None
            short = graph.text(graph.refs(self._main or {}, "programmingLanguage")[0], "alternateName")
            return Software(name=short or language.name, version=language.version, url=language.url)
        engine = read_values.software(graph, stated[0])
        if is_named and language and not engine.version and language.name.lower() in engine.name.lower():
            return Software(name=engine.name, version=language.version, url=engine.url or language.url)
        return engine

    def _command(self, description: str | None) -> tuple[str, ...]:
        if self._is_own and description and not description.startswith(("Run of ", "Call of ")):
            candidates = [description]
        else:
            candidates = [description] if description and _COMMAND.match(description) else []
        candidates += [text for name in _SUBMISSION_FILES if not candidates and (text := self._file_text(name))]
        for text in candidates:
            if command_line.is_cut(text):
                return ()
            try:
                return command_line.split(text)
            except ValueError:
                return tuple(text.split())
        return ()

    def _file_text(self, name: str) -> str | None:
        if name not in self._graph:
            return None
        text = self._graph.text(self._graph.get(name), "text")
        return text or self._payload.text(name)

    def _id(self, action: Entity | None) -> str:
        if action is None:
            return self._graph.root_id
        identifier = self._graph.id(action).removeprefix("#")
        if self._is_own and identifier.startswith("run-"):
            return unquote(identifier[4:], errors="surrogateescape")
        return identifier
