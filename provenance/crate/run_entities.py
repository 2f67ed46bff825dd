"""Retrospective provenance: the run, its tasks, who and what executed them, their values and
resource use.

Comes in: the Run, its placed data and slots. Goes out: the actions of Provenance Run Crate 0.5 and
what they refer to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import provenance
from provenance.crate import command_line
from provenance.crate.container_entities import ContainerEntities
from provenance.crate.data_entities import Placed, original_path
from provenance.crate.engine_entities import end_of, engine_arguments, task_comments
from provenance.crate.entities import (
    Entity,
    action_status,
    iso,
    organization,
    person,
    person_id,
    publisher_of,
    ref,
    refs,
    slug,
    without_nothing,
)
from provenance.crate.folders import FOLDER, NamedFolder, named_folders
from provenance.crate.layout import file_uri
from provenance.crate.parameters import WORKFLOW, Slots, only_values
from provenance.crate.repetition import comment_ids
from provenance.crate.software import software_entity, software_id, tool_ids
from provenance.crate.usage_entities import hardware_and_job, usage_entities
from provenance.crate.workflow_entities import step_ids
from provenance.run.model import Person, Role, Run, Software, Status, Task, Tool, Value

# Characters of a command line. That of the run is what it is repeated by.
_RUN_LIMIT, _TASK_LIMIT = 1_000_000, 10_000


def run_id(run: Run) -> str:
    """Identifier of the action that stands for the whole run."""
    return f"#run-{quote(run.id, safe='', errors='surrogateescape')}"


def agent_of(run: Run) -> Person | None:
    """Who ran it: as the user says, else the only author, else the account on the machine."""
    if run.about.agent:
        return run.about.agent
    return Person(name=run.user) if run.user else None


class RunEntities:
    """Writes the actions of one run."""

    def __init__(  # noqa: PLR0917
        self,
        run: Run,
        main_id: str,
        tools: dict[str, Tool],
        placed: dict[str, Placed],
        slots: Slots,
        log_ids: list[str],
        value_limit: int,
        containers: ContainerEntities | None = None,
    ):
        self._run = run
        self._containers = containers or ContainerEntities(run, {})
        self._main_id = main_id
        self._tools = tools
        self._tool_ids = tool_ids(run, tools)
        self._placed = placed
        self._slots = slots
        self._log_ids = log_ids
        self._value_limit = value_limit
        self._data = {key: one.data for key, one in placed.items()}
        self._folders = 0
        self._said: set[str] = set()  # identifiers of comments
        self._values: dict[tuple[str, str, object, str | None], str] = {}
        agent = agent_of(run)
        self._agent = agent and ref(person_id(agent))

    def mentions(self, with_tasks: bool) -> list[str]:
        """Identifiers of the actions that the root mentions; the run comes first."""
        if not with_tasks:
            return [run_id(self._run)]
        return [
            run_id(self._run),
            "#engine-run",
            *(f"#task-{n}" for n in range(1, len(self._run.tasks) + 1)),
        ]

    def whole(self) -> Iterator[Entity]:
        """Describe the run as a whole and what only it refers to."""
        run = self._run
        objects, new = self._objects(WORKFLOW, True, run.inputs, run.arguments, run.cwd)
        yield from new
        configuration = (p.id for p in self._placed.values() if p.data.role is Role.CONFIGURATION)
        remote_inputs = list(run.about.remote_inputs)
        remote_outputs = list(run.about.remote_outputs)
        results, new = self._objects(WORKFLOW, False, run.outputs, run.results, run.cwd, run.arguments)
        yield from new
        if not results and not remote_outputs:
            results, new = _outcome(run.status, run.exit_code, run.signal)
            yield from new
        variables = {name: f"#environment-{slug(name)}-{n}" for n, (name, _) in enumerate(run.environment.variables)}
        facts, machine = hardware_and_job(run)
        arguments = list(engine_arguments(run))
        usage = list(usage_entities(run_id(run), run.resources, run.start, run.end))
        gaps = [_gap(n, gap.what, gap.why, gap.path) for n, gap in enumerate(run.gaps, 1)]
        objects = list(dict.fromkeys((*objects, *configuration, *remote_inputs)))
        entity = {
            "@id": run_id(run),
            "@type": "CreateAction",
            "name": f"Run of {run.name}",
            "description": run.submission or command_line.join(run.command, _RUN_LIMIT) or f"Run of {run.name}",
            "instrument": ref(self._main_id),
            "object": refs(objects),
            "result": refs(dict.fromkeys((*results, *remote_outputs))),
            "environment": refs((*variables.values(), *facts, *(one["@id"] for one in arguments))),
            "containerImage": self._containers.of_run(),
            "resourceUsage": refs(one["@id"] for one in usage),
            "subjectOf": refs(self._log_ids),
            "comment": refs((*comment_ids(run.repeats), *(gap["@id"] for gap in gaps))),
            "location": file_uri(run.host, run.cwd) if run.cwd else None,
            **self._ended(run.status, run.start, run.end, run.error, run.exit_code, run.signal),
        }
        yield without_nothing(entity)
        for name, value in run.environment.variables:
            yield {"@id": variables[name], "@type": "PropertyValue", "name": name, "value": value}
        yield from machine
        yield from arguments
        yield from usage
        yield from self._containers.entities()
        yield from gaps
        for url in (*remote_inputs, *remote_outputs):
            yield {
                "@id": url,
                "@type": "CreativeWork",
                "name": url.rstrip("/").rpartition("/")[2] or url,
                "url": url,
            }
        agent = agent_of(run)
        if agent is not None:
            yield from person(agent)

    def tasks(self) -> Iterator[Entity]:
        """Describe each task, then the steps' control actions and the engine's organizing action."""
        run = self._run
        by_tool: dict[str, list[str]] = defaultdict(list)
        for number, task in enumerate(run.tasks, 1):
            identifier = f"#task-{number}"
            by_tool[task.tool].append(identifier)
            yield from self._task(identifier, number, task)
        controls = []
        for key, step in step_ids(self._tools).items():
            controls.append(f"#control{step[5:]}")
            yield {
                "@id": controls[-1],
                "@type": "ControlAction",
                "name": f"Execution of step {self._tools[key].name}",
                "instrument": ref(step),
                "object": refs(by_tool[key]),
            }
        engine = run.engine or Software(name="unknown engine")
        if engine.name == "wfprov" and not (engine.url or engine.path):
            engine = replace(engine, path=str(Path(provenance.__file__).parent))
        yield software_entity(run, engine)
        has_failed = run.status in (Status.FAILED, Status.CANCELED)
        yield without_nothing(
            {
                "@id": "#engine-run",
                "@type": "OrganizeAction",
                "name": f"Run of {engine.name}" + (f" {engine.version}" if engine.version else ""),
                "agent": self._agent,
                "instrument": ref(software_id(run, engine)),
                "object": refs(controls),
                "result": ref(run_id(run)),
                "actionStatus": action_status(run.status),
                "error": (run.error or _why(run.status, run.exit_code, run.signal)) if has_failed else None,
                "startTime": iso(run.start),
                "endTime": iso(run.end),
            }
        )

    def _task(self, identifier: str, number: int, task: Task) -> Iterator[Entity]:
        run, tool = self._run, self._tools[task.tool]
        cwd = task.cwd or run.cwd
        objects, new = self._objects(task.tool, True, task.inputs, task.arguments, cwd)
        yield from new
        results, new = self._objects(task.tool, False, task.outputs, task.results, cwd, task.arguments)
        yield from new
        if not results:
            results, new = _outcome(task.status, task.exit_code, task.signal)
            yield from new
        usage = list(usage_entities(identifier, task.resources, task.start, task.end))
        comments = task_comments(identifier, task)
        is_elsewhere = (task.cwd or run.cwd) != run.cwd or task.host not in (None, run.host)
        entity = {
            "@id": identifier,
            "@type": "CreateAction",
            "name": task.name or f"{tool.name} ({number})",
            "description": command_line.join(task.command, _TASK_LIMIT) or f"Call of {tool.name}",
            "instrument": ref(self._tool_ids[task.tool]),
            "object": refs(objects),
            "result": refs(results),
            "containerImage": self._containers.of_task(task),
            "resourceUsage": refs(one["@id"] for one in usage),
            "subjectOf": refs(self._placed[key].id for key in task.logs if key in self._placed),
            "comment": refs(one["@id"] for one in comments),
            "location": file_uri(task.host or run.host, task.cwd or "") if is_elsewhere else None,
            **self._ended(task.status, task.start, end_of(task, run), task.error, task.exit_code, task.signal),
        }
        yield {key: value for key, value in entity.items() if value is not None}
        yield from usage
        yield from (one for one in comments if one["@id"] not in self._said)
        self._said.update(one["@id"] for one in comments)

    def _ended(  # noqa: PLR0917
        self,
        status: Status,
        start: int | None,
        end: int | None,
        error: str | None,
        exit_code: int | None,
        signal: int | None,
    ) -> Entity:
        has_failed = status in (Status.FAILED, Status.CANCELED)
        return {
            "agent": self._agent,
            "startTime": iso(start),
            "endTime": iso(end),
            "actionStatus": action_status(status),
            "error": (error or _why(status, exit_code, signal)) if has_failed else None,
        }

    def _objects(  # noqa: PLR0917
        self,
        owner: str,
        is_input: bool,
        keys: tuple[str, ...],
        values: tuple[Value, ...],
        cwd: str | None,
        targets: tuple[Value, ...] = (),
    ) -> tuple[list[str], list[Entity]]:
        """Identifiers of what came through the slots of a tool (or WORKFLOW), and the values and
        folders that are new; ``targets`` are arguments, which may say where the outputs go."""
        found = [self._placed[key].id for key in keys if key in self._placed]
        new = []
        folders = {folder.value: folder for folder in named_folders((*values, *targets), keys, self._data, cwd)}
        for folder in folders.values():
            parts = (self._placed[key].id for key in folder.keys if key in self._placed)
            entity = self._folder(folder, list(parts), self._slots.for_folder(owner, is_input, folder.value).id)
            found.append(entity["@id"])
            new.append(entity)
        for value in only_values(values, keys):
            if folders and isinstance(value.value, str) and value in folders:
                continue
            parameter = self._slots.for_value(owner, is_input, value)
            known = (parameter.id, type(value.value).__name__, value.value, value.sha256)
            identifier = self._values.get(known)
            if identifier is None:
                identifier = f"#value-{len(self._values) + 1}"
                self._values[known] = identifier
                new.append(self._value(identifier, value, parameter.id))
            found.append(identifier)
        return list(dict.fromkeys(found)), new

    def _folder(self, folder: NamedFolder, parts: list[str], parameter: str) -> Entity:
        self._folders += 1
        return {
            "@id": f"{FOLDER}{self._folders}/",
            "@type": "Dataset",
            "name": folder.path.rpartition("/")[2],
            "alternateName": original_path(self._run, folder.path),
            "hasPart": refs(parts),
            "exampleOfWork": ref(parameter),
        }

    def _value(self, identifier: str, value: Value, parameter: str) -> Entity:
        content = value.value
        full = value.cut_from
        if isinstance(content, str) and len(content) > self._value_limit:
            full = full or len(content)
            content = content[: self._value_limit]
        description = f"Cut from {full} characters." if full else None
        return {
            key: part
            for key, part in {
                "@id": identifier,
                "@type": "PropertyValue",
                "name": value.name,
                "value": "None" if content is None else content,
                "additionalType": value.type,
                "description": description,
                "sha256": value.sha256,
                "exampleOfWork": ref(parameter),
            }.items()
            if part is not None
        }


def people_entities(run: Run) -> Iterator[Entity]:
    """Describe the authors and the publisher."""
    for author in run.about.authors:
        yield from person(author)
    publisher = publisher_of(run.about)
    if publisher:
        yield from organization(publisher)


def _why(status: Status, exit_code: int | None, signal: int | None) -> str:
    if status is Status.CANCELED:
        return "canceled"
    if signal is not None:
        return f"ended by signal {signal}"
    return f"exit status {exit_code}" if exit_code is not None else "failed"


def _outcome(status: Status, exit_code: int | None, signal: int | None) -> tuple[list[str], list[Entity]]:
    """Give how it ended as the result of what produced nothing else; shared by all that ended the
    same way."""
    value: str | int
    if signal is not None:
        name, value = "signal", signal
    elif exit_code is not None:
        name, value = "exit status", exit_code
    elif status in (Status.RUNNING, Status.UNKNOWN):
        return [], []
    else:
        name, value = "outcome", status.value
    identifier = f"#{name.replace(' ', '-')}-{value}"
    return [identifier], [{"@id": identifier, "@type": "PropertyValue", "name": name, "value": value}]


def _gap(number: int, what: str, why: str, path: str | None) -> Entity:
    text = f"Not seen: {what} ({why})" + (f": {path}" if path else "")
    return {"@id": f"#gap-{number}", "@type": "Comment", "text": text}
