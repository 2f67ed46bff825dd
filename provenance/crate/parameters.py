"""Formal parameters: the named slots of the workflow and its tools, what came through each, and how
they connect.

Comes in: the Run. Goes out: a :class:`Slots` table, from which parameters, connections and the
``exampleOfWork`` of data are written. A file has the slot of the argument that named it; else the
files of a tool that come in (or go out) with the same ending share one, so that a tool with a
million files has a handful of parameters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from provenance.crate.entities import Entity, ref, refs, slug, value_type, without_nothing
from provenance.crate.folders import named_folders
from provenance.run.model import Data, Run, Task, Value

WORKFLOW = ""  # stands for the workflow where a tool's key is expected
_SUFFIX_LIMIT = 8  # characters; what is longer is a part of the name, not an ending
_SLOTS_LIMIT = 30  # slots by ending for each tool and direction; the rest shares one
IMPLIED = "Files and folders that no argument named."
_PROFILE = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"


@dataclass(slots=True)
class Parameter:
    """A slot of a tool or of the workflow."""

    id: str
    name: str
    owner: str
    is_input: bool
    types: set[str] = field(default_factory=set)  # File, Dataset, or the types of values seen
    is_implied: bool = False  # no argument has this name: it stands for what came in or went out besides

    def entity(self) -> Entity:
        """Describe it as a FormalParameter."""
        kind = next(iter(self.types)) if len(self.types) == 1 else "Text"
        if self.types <= {"Integer", "Float", "Number"} and len(self.types) > 1:
            kind = "Number"
        return {
            "@id": self.id,
            "@type": "FormalParameter",
            "conformsTo": ref(_PROFILE),
            "name": self.name,
            "additionalType": kind,
            **({"description": IMPLIED} if self.is_implied else {}),
        }


class Slots:
    """All formal parameters of a run."""

    def __init__(self, run: Run, data: dict[str, Data], with_tasks: bool):
        self._data = data
        self._parameters: dict[tuple[str, bool, str, str], Parameter] = {}
        self._ids: set[str] = set()
        self._owner_slugs: dict[str, str] = {WORKFLOW: "workflow"}
        self._by_ending: dict[tuple[str, bool, bool, str], Parameter] = {}
        self._endings: dict[str, str] = {}
        self._examples: dict[str, tuple[str, ...]] = {}
        self._connections: dict[tuple[str, str], Parameter] = {}
        for number, tool in enumerate(run.tools, 1):
            self._owner_slugs[tool.key] = f"{slug(tool.name, 40)}-{number}"
        self._run_arguments = named_data(run.arguments)
        self._run_results = named_data(run.results)
        self._note_workflow(run)
        if with_tasks:
            self._note_tasks(run)

    def for_data(self, owner: str, is_input: bool, key: str, names: dict[str, str]) -> Parameter:
        """The slot of a tool (or WORKFLOW) that a file or folder goes through; ``names`` are those
        of arguments."""
        is_folder = self._data[key].is_directory
        name = names.get(key)
        if name is not None:
            return self._get(owner, is_input, name, "Dataset" if is_folder else "File")
        ending = self._ending(key)
        found = self._by_ending.get((owner, is_input, is_folder, ending))
        if found is None:
            direction = "input" if is_input else "output"
            if is_folder:
                name = f"{direction}-folder"
            elif sum(1 for k in self._by_ending if k[:2] == (owner, is_input)) >= _SLOTS_LIMIT:
                name = f"{direction}-other"
            else:
                name = f"{direction}-{ending}" if ending else direction
            found = self._get(owner, is_input, name, "Dataset" if is_folder else "File")
            found.is_implied = True
            self._by_ending[owner, is_input, is_folder, ending] = found
        return found

    def for_value(self, owner: str, is_input: bool, value: Value) -> Parameter:
        """The slot of a tool (or WORKFLOW) that a value goes through."""
        parameter = self._get(owner, is_input, value.name, "value")
        parameter.types.add(value_type(value))
        return parameter

    def for_folder(self, owner: str, is_input: bool, value: Value) -> Parameter:
        """The slot of a tool (or WORKFLOW) that the files in a folder go through which an argument names."""
        return self._get(owner, is_input, value.name, "Dataset")

    def examples(self, key: str) -> tuple[str, ...]:
        """Identifiers of the parameters that the data ``key`` came through."""
        return self._examples.get(key, ())

    def all(self) -> Iterable[Parameter]:
        """Every parameter, in the order in which they were met."""
        return self._parameters.values()

    def of(self, owner: str, is_input: bool) -> list[str]:
        """Identifiers of the inputs or outputs of a tool or the workflow."""
        return [p.id for p in self._parameters.values() if p.owner == owner and p.is_input is is_input]

    def connections(self) -> Iterable[tuple[Entity, Parameter]]:
        """Every ParameterConnection, with the parameter it leads to."""
        for (source, target), parameter in self._connections.items():
            yield (
                {
                    "@id": self.connection_id(source, target),
                    "@type": "ParameterConnection",
                    "sourceParameter": ref(source),
                    "targetParameter": ref(target),
                },
                parameter,
            )

    @staticmethod
    def connection_id(source: str, target: str) -> str:
        """Identify a connection by its two ends."""
        return f"#connection-{source[1:]}--{target[1:]}"

    def _ending(self, key: str) -> str:
        ending = self._endings.get(key)
        if ending is None:
            stem, dot, suffix = self._data[key].path.rpartition("/")[2].rpartition(".")
            is_ending = dot and stem and len(suffix) <= _SUFFIX_LIMIT and suffix.isalnum() and not suffix.isdigit()
            ending = suffix.lower() if is_ending else ""
            self._endings[key] = ending
        return ending

    def _get(self, owner: str, is_input: bool, name: str, category: str) -> Parameter:
        found = self._parameters.get((owner, is_input, name, category))
        if found is not None:
            return found
        identifier = f"#param-{self._owner_slugs[owner]}-{'in' if is_input else 'out'}-{slug(name)}"
        number = 1
        free = identifier
        while free in self._ids:
            number += 1
            free = f"{identifier}-{number}"
        self._ids.add(free)
        found = Parameter(free, name or "unnamed", owner, is_input, set() if category == "value" else {category})
        self._parameters[owner, is_input, name, category] = found
        return found

    def _note(self, owner: str, is_input: bool, keys: Iterable[str], names: dict[str, str]) -> None:
        for key in keys:
            if key in self._data:
                parameter = self.for_data(owner, is_input, key, names)
                known = self._examples.get(key, ())
                if parameter.id not in known:
                    self._examples[key] = (*known, parameter.id)

    def _note_workflow(self, run: Run) -> None:
        self._note(WORKFLOW, True, run.inputs, self._run_arguments)
        self._note(WORKFLOW, False, run.outputs, self._run_results)
        self._note_values(WORKFLOW, True, run.arguments, run.inputs, run.cwd)
        self._note_values(WORKFLOW, False, run.results, run.outputs, run.cwd)
        for folder in named_folders(run.arguments, run.outputs, self._data, run.cwd):
            self.for_folder(WORKFLOW, False, folder.value)

    def _note_tasks(self, run: Run) -> None:
        made_by: dict[str, list[Parameter]] = defaultdict(list)
        for task in run.tasks:
            names = named_outputs(task.arguments, task.results)
            self._note(task.tool, False, task.outputs, names)
            for key in task.outputs:
                if key in self._data:
                    parameter = self.for_data(task.tool, False, key, names)
                    if parameter not in made_by[key]:
                        made_by[key].append(parameter)
            cwd = task.cwd or run.cwd
            self._note_values(task.tool, False, task.results, task.outputs, cwd)
            for folder in named_folders(task.arguments, task.outputs, self._data, cwd):
                self.for_folder(task.tool, False, folder.value)
        given = dict.fromkeys(run.inputs)
        for task in run.tasks:
            self._note_inputs(task, made_by, given, task.cwd or run.cwd)
        for key in run.outputs:
            if key in self._data:
                target = self.for_data(WORKFLOW, False, key, self._run_results)
                for source in made_by.get(key, ()):
                    self._connect(source, target)
        self._note_value_edges(run)

    def _note_values(
        self, owner: str, is_input: bool, values: tuple[Value, ...], touched: tuple[str, ...], cwd: str | None
    ) -> None:
        folders = {folder.value for folder in named_folders(values, touched, self._data, cwd)}
        for value in only_values(values, touched):
            if folders and isinstance(value.value, str) and value in folders:
                self.for_folder(owner, is_input, value)
            else:
                self.for_value(owner, is_input, value)

    def _note_inputs(
        self, task: Task, made_by: dict[str, list[Parameter]], given: dict[str, None], cwd: str | None
    ) -> None:
        names = named_data(task.arguments)
        self._note(task.tool, True, task.inputs, names)
        for key in task.inputs:
            if key not in self._data:
                continue
            target = self.for_data(task.tool, True, key, names)
            for source in made_by.get(key, ()):
                self._connect(source, target)
            if key in given:
                self._connect(self.for_data(WORKFLOW, True, key, self._run_arguments), target)
        self._note_values(task.tool, True, task.arguments, task.inputs, cwd)

    def _note_value_edges(self, run: Run) -> None:
        tasks = {task.key: task for task in run.tasks}
        for edge in run.edges:
            source, target = tasks.get(edge.source), tasks.get(edge.target)
            if edge.argument is None or source is None or target is None:
                continue
            argument = next((value for value in target.arguments if value.name == edge.argument), None)
            if argument is None or not source.results:
                continue
            self._connect(
                self._of_value(source.tool, False, source.results[0], source.outputs),
                self._of_value(target.tool, True, argument, target.inputs),
            )

    def _of_value(self, owner: str, is_input: bool, value: Value, touched: Iterable[str]) -> Parameter:
        if value.data_key is not None and value.data_key in self._data and value.data_key in touched:
            return self.for_data(owner, is_input, value.data_key, {value.data_key: value.name})
        return self.for_value(owner, is_input, value)

    def _connect(self, source: Parameter, target: Parameter) -> None:
        self._connections.setdefault((source.id, target.id), target)


def named_data(values: Iterable[Value]) -> dict[str, str]:
    """Map the keys of data that arguments name to the names of the arguments."""
    return {value.data_key: value.name for value in values if value.data_key is not None}


def named_outputs(arguments: Iterable[Value], results: Iterable[Value]) -> dict[str, str]:
    """Map the keys of data to the names of the arguments or results that say where to write them."""
    return {**named_data(arguments), **named_data(results)}


def only_values(values: Iterable[Value], touched: Iterable[str]) -> Iterable[Value]:
    """Give the values that are no more than values: a path that was not used that way is a text, no data."""
    keys = set(touched)
    return (value for value in values if value.data_key is None or value.data_key not in keys)


def connected(slots: Slots) -> dict[str, list[str]]:
    """Group connections by the tool (or WORKFLOW) that they lead to, as CWL does."""
    found: dict[str, list[str]] = defaultdict(list)
    for entity, target in slots.connections():
        found[target.owner].append(entity["@id"])
    return found


def parameter_refs(slots: Slots, owner: str) -> Entity:
    """Give the ``input`` and ``output`` of a tool or the workflow."""
    return without_nothing({"input": refs(slots.of(owner, True)), "output": refs(slots.of(owner, False))})
