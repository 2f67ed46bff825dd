"""Points 3, 7 and 8 of the pre-flight: the main workflow, its diagram and its language.

Comes in: an opened crate. Goes out: findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from provenance.publish.mends import Mends
from provenance.publish.opened import Entity, Opened, is_elsewhere, references, types
from provenance.publish.records import Finding, Weight

_SINGLE = ("image", "subjectOf", "programmingLanguage")


def main_workflow(opened: Opened) -> Entity | None:
    """The entity that the root names as its main entity; None when there is none."""
    found = references(opened.root.get("mainEntity"))
    return opened.entities.get(found[0]) if len(found) == 1 else None


def check(opened: Opened, mends: Mends) -> Iterator[Finding]:
    """Check points 3, 7 and 8 as far as they need no server."""
    main = main_workflow(opened)
    root_id = str(opened.root["@id"])
    if main is None:
        named = references(opened.root.get("mainEntity"))
        message = f"mainEntity refers to {named[0]}, which nothing describes" if named else "there is no main workflow"
        mend = 'give the root "mainEntity": {"@id": ...} of the workflow, and describe that'
        yield Finding(3, Weight.ERROR, message, mend, root_id)
        return
    yield from _main(opened, mends, main)
    for name in _SINGLE:
        yield from _single(opened, mends, main, name)


def _main(opened: Opened, mends: Mends, main: Entity) -> Iterator[Finding]:
    identifier = str(main["@id"])
    if not types(main) & {"ComputationalWorkflow", "Workflow"}:
        mend = 'add "ComputationalWorkflow" to its @type'
        yield Finding(
            3, Weight.ERROR, "the main entity is of another type than ComputationalWorkflow", mend, identifier
        )
    elif "File" not in types(main):
        yield Finding(3, Weight.ERROR, "the main workflow is no File", 'add "File" to its @type', identifier)
    if is_elsewhere(identifier):
        message = "the main workflow is not in the crate, so that the registry has no file to show"
        yield Finding(3, Weight.WARNING, message, "put its file into the crate", identifier)
        return
    path = opened.find(identifier)
    if path is None or path not in opened.files:
        mend = "put the file into the crate, or name the one that is there"
        yield Finding(3, Weight.ERROR, "the file of the main workflow is not in the crate", mend, identifier)
    elif "+" in identifier:
        new = mends.rename(identifier, quote(path, safe="/"))
        yield Finding(3, Weight.MENDED, "SEEK takes the + in it for a blank", f"sent as {new}", identifier)


def _single(opened: Opened, mends: Mends, main: Entity, name: str) -> Iterator[Finding]:
    value: Any = main.get(name)
    identifier = str(main["@id"])
    if value is None:
        if name == "programmingLanguage":
            mend = "refer to a ComputerLanguage, such as #compss or #cwl"
            yield Finding(8, Weight.WARNING, "the workflow has no programmingLanguage", mend, identifier)
        return
    point = 8 if name == "programmingLanguage" else 7
    mend = f'write "{name}": {{"@id": ...}} with one identifier'
    found = references(value)
    is_clean = len(found) == (len(value) if isinstance(value, list) else 1)
    if isinstance(value, list) and len(found) == 1 and is_clean:
        mends.set(identifier, name, {"@id": found[0]})
        message = f"{name} is a list, with which SEEK breaks off"
        yield Finding(7, Weight.MENDED, message, "sent as a single reference", identifier)
    elif isinstance(value, list) or len(found) != 1:
        yield Finding(7, Weight.ERROR, f"{name} is no single reference, with which SEEK breaks off", mend, identifier)
        return
    target = opened.entities.get(found[0])
    if target is None:
        mend = "describe it, or take the reference out"
        yield Finding(7, Weight.ERROR, f"{name} refers to {found[0]}, which nothing describes", mend, identifier)
    elif name == "subjectOf" and not is_elsewhere(found[0]) and opened.find(found[0]) not in opened.files:
        mend = "refer to a file of the crate or a URL, such as the abstract CWL"
        yield Finding(7, Weight.ERROR, "subjectOf refers to neither a file nor a URL", mend, identifier)
    elif name == "image" and not is_elsewhere(found[0]) and opened.find(found[0]) not in opened.files:
        yield Finding(7, Weight.ERROR, "the file of the diagram is not in the crate", "add it", found[0])
    elif point == 8 and not isinstance(target.get("name"), str):
        yield Finding(8, Weight.WARNING, "the language has no name", "give it one", found[0])
