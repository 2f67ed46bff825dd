"""The job order of a CWL run: what each input parameter of the workflow was.

Comes in: the metadata of a crate, the place of each file. Goes out: the job order as cwltool takes it. The crate ties a
value to a parameter by ``exampleOfWork``; what no value is tied to is left to the workflow's own defaults.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote

from provenance.crate.graph import Entity, Graph

_DEEPEST = 30  # values within values
_MOST_VALUES = 1_000_000
_TRUE = ("true", "1")
_SEPARATORS = re.compile(r"[#/]")


class Inputs:
    """Reads the values of parameters.

    Attributes
    ----------
    problems, notes
        For people: what is missing, and what was taken for granted.
    """

    def __init__(self, graph: Graph, paths: Mapping[str, str], folders: Collection[str]) -> None:
        self._graph = graph
        self._paths = paths
        self._folders = folders
        self._root = "/"
        self._left = _MOST_VALUES
        self.problems: list[str] = []
        self.notes: list[str] = []

    def job_order(self, workflow: Entity, action: Entity, root: str) -> dict[str, Any]:
        """Return the job order of the run, with paths relative to ``root``."""
        graph, self._root = self._graph, root
        parameters = graph.refs(workflow, "input")
        objects = graph.refs(action, "object")
        if objects and not parameters:
            self.problems.append("the crate does not tell the parameters of the workflow, so its inputs can't be given")
        order: dict[str, Any] = {}
        for parameter in parameters:
            identifier = graph.id(parameter)
            found = [entity for entity in objects if identifier in graph.ids(entity, "exampleOfWork")]
            name = _SEPARATORS.split(graph.text(parameter, "name") or identifier)[-1]
            if found:
                order[name] = self._value(parameter, found, name)
            elif (graph.text(parameter, "valueRequired") or "").lower() in _TRUE:
                self.problems.append(f"the crate does not tell the value of the parameter {name}")
        return order

    def _value(self, parameter: Entity, found: list[Entity], name: str) -> Any:
        graph = self._graph
        is_several = (graph.text(parameter, "multipleValues") or "").lower() in _TRUE
        kinds = graph.texts(parameter, "additionalType")
        values: list[Any] = []
        for entity in found:
            value = self._one(entity, kinds, name, 0)
            is_list = isinstance(value, list)
            values += value if is_list and (is_several or len(found) > 1) else [value]
        return values if is_several or len(values) > 1 else values[0]

    def _one(self, entity: Entity, kinds: list[str], name: str, depth: int) -> Any:
        graph = self._graph
        if self._is_too_much(depth, name):
            return None
        types, identifier = graph.types(entity), graph.id(entity)
        if "PropertyValue" in types:
            return self._property(entity, kinds, name, depth)
        if "Collection" in types:
            mains = graph.refs(entity, "mainEntity")
            parts = [part for part in graph.refs(entity, "hasPart") if part not in mains]
            main = self._one(mains[0], kinds, name, depth + 1) if mains else None
            listed = [self._one(part, kinds, name, depth + 1) for part in parts]
            return {**main, "secondaryFiles": listed} if isinstance(main, dict) else listed
        if identifier not in self._paths:
            self.problems.append(
                f"the input {identifier} of the parameter {name} is not in the crate; get it by hand and run "
                "the workflow with cwltool behind `wfprov run --`"
            )
            return None
        is_folder = identifier in self._folders or "Dataset" in types
        return {"class": "Directory" if is_folder else "File", "location": self._location(identifier)}

    def _location(self, identifier: str) -> str:
        # An IRI: "#" in a plain path would be taken for a fragment.
        return quote(posixpath.relpath(self._paths[identifier], self._root), errors="surrogateescape")

    def _is_too_much(self, depth: int, name: str) -> bool:
        """Tell whether values are nested in each other without end, or are more than a run can have had."""
        self._left -= 1
        if depth <= _DEEPEST and self._left >= 0:
            return False
        problem = f"the value of the parameter {name} contains itself, or is too large"
        if problem not in self.problems:
            self.problems.append(problem)
        return True

    def _property(self, entity: Entity, kinds: list[str], name: str, depth: int) -> Any:
        graph = self._graph
        if self._is_too_much(depth, name):
            return None
        fields = [each for each in graph.refs(entity, "value") if "PropertyValue" in graph.types(each)]
        if fields:
            names = [_SEPARATORS.split(graph.text(each, "name") or graph.id(each))[-1] for each in fields]
            values = [self._property(each, kinds, name, depth + 1) for each in fields]
            return dict(zip(names, values, strict=True))
        texts = graph.texts(entity, "value")
        values = [self._scalar(text, kinds, name) for text in texts]
        return values if len(values) > 1 else values[0] if values else None

    def _scalar(self, text: str, kinds: list[str], name: str) -> Any:
        if "File" in kinds or "Dataset" in kinds:
            base = posixpath.basename(text)
            fits = [key for key, path in self._paths.items() if posixpath.basename(path) == base]
            if len(fits) != 1:
                self.problems.append(f"the file {text} of the parameter {name} is not in the crate, or more than once")
                return None
            return {"class": "File" if "File" in kinds else "Directory", "location": self._location(fits[0])}
        return _converted(text, kinds)


def _converted(text: str, kinds: list[str]) -> Any:
    """Give a text the type of its parameter; JSON where that is a structure, and the text itself where nothing fits."""
    for kind in kinds:
        try:
            if kind == "Boolean" and text.lower() in ("true", "false"):
                return text.lower() == "true"
            if kind == "Integer":
                return int(text)
            if kind in ("Float", "Number"):
                return float(text)
        except ValueError:
            continue
    if text[:1] in "[{" and not any(kind == "Text" for kind in kinds):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text
