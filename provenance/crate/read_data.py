"""The data of a crate: which file or folder has which role in the run, and whether the crate still has it.

Comes in: the graph, its actions, the payload. Goes out: ``Data`` and the edges between tasks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from provenance.crate.folders import FOLDER
from provenance.crate.graph import Entity, Graph, is_relative
from provenance.crate.originals import original_path, other_names, sha256_of, version_of
from provenance.crate.read_actions import Actions
from provenance.crate.read_values import moment, size
from provenance.crate.source import METADATA_NAMES, Payload
from provenance.run.model import Data, Edge, Role, Task

_DATA_TYPES = frozenset({"File", "Dataset", "Collection", "ImageObject", "DigitalDocument", "DataDownload"})
_NO_DATA_TYPES = frozenset(
    [
        "PropertyValue",
        "FormalParameter",
        "Person",
        "Organization",
        "CreateAction",
        "ControlAction",
        "OrganizeAction",
        "UpdateAction",
        "ActivateAction",
        "HowToStep",
        "ComputerLanguage",
        "SoftwareApplication",
        "ContainerImage",
        "CreativeWork",
    ]
)
_LISTED = "in the crate, but no action says that it used or made it"
_NOT_FOR_THE_RUN = frozenset({"ro-crate-preview.html", "ro-crate-preview_files/", *METADATA_NAMES})


def is_data(graph: Graph, entity: Entity) -> bool:
    """Tell whether an action's object or result is data rather than a value or something else."""
    types = graph.types(entity)
    if types & _DATA_TYPES:
        return graph.id(entity) != graph.root_id
    identifier = graph.id(entity)
    return bool(identifier) and identifier != graph.root_id and not types & _NO_DATA_TYPES and identifier[0] != "#"


def data_ids(graph: Graph, entities: Iterable[Entity]) -> tuple[str, ...]:
    """Identifiers of the files and folders among ``entities``; a collection stands for its parts, as does
    the folder that an argument of our own crates named."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = list(entities)[::-1]
    while waiting:
        entity = waiting.pop()
        identifier = graph.id(entity)
        if identifier in seen or not is_data(graph, entity):
            continue
        seen.add(identifier)
        types = graph.types(entity)
        is_list = ("Collection" in types and "File" not in types) or identifier.startswith(FOLDER)
        parts = graph.refs(entity, "hasPart", "mainEntity") if is_list else []
        if parts:
            waiting.extend(reversed(parts))
        elif identifier:
            found[identifier] = None
    return tuple(found)


class DataTable:
    """Collects what the actions say about data; whoever says it first, with the most certain role first."""

    def __init__(self, graph: Graph, payload: Payload):
        self._graph = graph
        self._payload = payload
        self._roles: dict[str, tuple[Role, str]] = {}

    def note(self, identifiers: Iterable[str], role: Role, reason: str) -> None:
        """Give a role to data that have none yet."""
        for identifier in identifiers:
            self._roles.setdefault(identifier, (role, reason))

    def note_configuration(self) -> None:
        """Give their role to the files that are marked as configuration."""
        graph = self._graph
        marked = (key for key, entity in graph if graph.text(entity, "additionalType") == "configuration")
        self.note(
            (key for key in marked if is_data(graph, graph.get(key))),
            Role.CONFIGURATION,
            "marked as such",
        )

    def note_listed(self, actions: Actions) -> None:
        """Give a role to what the crate lists beyond what the actions use: sources, configuration, logs, the rest."""
        graph = self._graph
        organizing = [actions.organize] if actions.organize else []
        configuration = data_ids(graph, (e for action in organizing for e in graph.refs(action, "object")))
        self.note(configuration, Role.CONFIGURATION, "given to the engine")
        logged = [actions.run, *actions.tasks] if actions.run else actions.tasks
        logs = data_ids(graph, (entity for action in logged for entity in graph.refs(action, "subjectOf")))
        self.note((i for i in logs if is_relative(i)), Role.LOG, "about the run's action")
        self._note_folder_parts()
        for identifier, entity in graph:
            types = graph.types(entity)
            if not types & {"File", "Dataset"} or identifier == graph.root_id or identifier in _NOT_FOR_THE_RUN:
                continue
            if identifier.startswith(FOLDER):
                continue
            if types & {"SoftwareSourceCode", "SoftwareApplication", "ComputationalWorkflow"}:
                self.note((identifier,), Role.SOURCE, "source code, as its type says")
            else:
                self.note((identifier,), Role.IGNORED, _LISTED)

    def _note_folder_parts(self) -> None:
        waiting = list(self._roles)
        while waiting:
            folder = waiting.pop()
            entity = self._graph.get(folder)
            if "Dataset" not in self._graph.types(entity):
                continue
            role, _ = self._roles[folder]
            for part in self._graph.ids(entity, "hasPart"):
                if part not in self._roles and part != self._graph.root_id:
                    self._roles[part] = (role, f"part of {folder}")
                    waiting.append(part)

    def data(self) -> tuple[Data, ...]:
        """All data that got a role."""
        return tuple(self._data(identifier, *said) for identifier, said in self._roles.items())

    def _data(self, identifier: str, role: Role, reason: str) -> Data:
        graph = self._graph
        entity = graph.get(identifier)
        types = graph.types(entity)
        said_size = size(graph.text(entity, "contentSize"))
        modified = moment(graph.text(entity, "dateModified", "dateCreated"))
        is_directory = "Dataset" in types or (not types and identifier.endswith("/"))
        found = self._payload.find(identifier) if is_relative(identifier) else None
        is_expected = self._payload.is_known and is_relative(identifier)
        found_size = found[0] if found else None
        return Data(
            key=identifier,
            path=identifier,
            role=role,
            version=version_of(graph, entity),
            is_directory=is_directory,
            size=said_size if said_size is not None else found_size,
            mtime_ns=modified.nanoseconds if modified else None,
            content=found[2] if found else None,
            is_gone=(is_expected and found is None) or identifier[:1] == "#",  # a fragment: told about, not kept
            changed_after=None not in (said_size, found_size) and said_size != found_size,
            name=graph.text(entity, "name", "alternateName"),
            description=graph.text(entity, "description"),
            sha256=sha256_of(graph, entity),
            encoding_format=graph.text(entity, "encodingFormat", "fileFormat"),
            reason=reason,
            original=original_path(graph, entity),
            names=other_names(graph, entity),
            is_size_told=said_size is not None,
        )


def edges(tasks: tuple[Task, ...]) -> tuple[Edge, ...]:
    """Connect each task to the one that last wrote, before it, what it reads; order is that of the times if known."""
    times = [task.start for task in tasks]
    order = tasks if None in times else sorted(tasks, key=lambda task: task.start or 0)
    writers: dict[str, list[str]] = defaultdict(list)
    for task in order:
        for key in task.outputs:
            writers[key].append(task.key)
    last: dict[str, str] = {}
    found = []
    for task in order:
        for key in task.inputs:
            source = last.get(key)
            if source is None and writers[key] and task.key not in writers[key]:
                source = writers[key][0]  # listed, or clocked, after its reader
            if source is not None and source != task.key:
                found.append(Edge(source=source, target=task.key, data=key))
        for key in task.outputs:
            last[key] = task.key
    return tuple(found)
