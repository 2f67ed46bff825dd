"""A run that repeats an earlier one: which, how it compared, and what was done otherwise on purpose.

Comes in: :class:`~provenance.run.model.Repetition`, or the graph of a crate that tells of one. Goes out: entities and
sentences, or a Repetition again. The run's action has a ``Comment`` that ``isBasedOn`` the repeated crate, with the
verdict as its name and text, and one more for each change.

Registries read the root's ``isBasedOn`` as the address of the workflow's source, plain text alone. The repeated crate
is there when the crate tells no such address; in ``citation`` it always is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from provenance.crate.entities import Entity, ref, refs, without_nothing
from provenance.crate.environment_files import GeneratedFiles
from provenance.crate.graph import Graph
from provenance.crate.source import Payload
from provenance.run.model import Repetition

VERDICT = "verdict.json"
_COMMENT = "#repetition"
_CHANGE = "#repetition-change-"
_REPEATED = "#repeated-run"
_ADDRESS = re.compile(r"https://[A-Za-z0-9][!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]*\Z", re.ASCII)
_NO_VERDICT = "Repeats the run {}."


def repeated_id(repeats: Repetition) -> str:
    """Give the identifier of the repeated crate: the address to cite it by, when that is one of the secure web."""
    return repeats.url if repeats.url and _ADDRESS.match(repeats.url) else _REPEATED


def in_words(repeats: Repetition) -> str:
    """Say which run is repeated and how it compared, in one line."""
    which = f"Repeats the run {repeats.run}" + (f" of {repeats.name}" if repeats.name else "")
    verdict = ". ".join(part.rstrip(".") for part in (repeats.result, repeats.reason) if part)
    return f"{which}: {verdict}." if verdict else f"{which}."


def write_verdict(repeats: Repetition, run_id: str, files: GeneratedFiles) -> str | None:
    """Copy the verdict into the crate; returns what went wrong, if anything did."""
    if repeats.verdict is None:
        return None
    try:
        content = Path(repeats.verdict).read_bytes()
    except (OSError, ValueError) as error:
        return f"{VERDICT}: it can't be read ({getattr(error, 'strerror', None) or error})"
    name = "Verdict: how the results compare with those of the repeated run"
    files.add(VERDICT, content, name, about=ref(run_id), isBasedOn=ref(repeated_id(repeats)))
    return None


def root_links(repeats: Repetition | None, url: str | None, main_url: object) -> Entity:
    """Give what the root says of where the crate comes from.

    Parameters
    ----------
    url
        Of the workflow, as the user says.
    main_url
        What the main workflow has as its own; servers look there next.
    """
    if repeats is None:
        return {"isBasedOn": url}
    has_source = url or str(main_url).startswith(("http://", "https://"))
    repeated = ref(repeated_id(repeats))
    return {"isBasedOn": url if has_source else repeated, "citation": repeated}


def comment_ids(repeats: Repetition | None) -> list[str]:
    """Name the comments that the action of the run refers to."""
    if repeats is None:
        return []
    return [_COMMENT, *(f"{_CHANGE}{number}" for number, _ in enumerate(repeats.changes, 1))]


def repetition_entities(repeats: Repetition, run_id: str, has_verdict: bool) -> Iterator[Entity]:
    """Describe the repeated crate, the verdict and the changes."""
    identifier = repeated_id(repeats)
    yield without_nothing(
        {
            "@id": identifier,
            "@type": "CreativeWork",
            "name": repeats.name or f"Run {repeats.run}",
            "description": "The crate of the run that this one repeats.",
            "identifier": repeats.run,
            "url": repeats.url,
            "sha256": repeats.sha256,
        }
    )
    yield without_nothing(
        {
            "@id": _COMMENT,
            "@type": "Comment",
            "name": repeats.result,
            "text": repeats.reason or _NO_VERDICT.format(repeats.run),
            "about": refs((run_id,)),
            "isBasedOn": ref(identifier),
            "subjectOf": ref(VERDICT) if has_verdict else None,
        }
    )
    for number, change in enumerate(repeats.changes, 1):
        yield {"@id": f"{_CHANGE}{number}", "@type": "Comment", "name": "Changed on purpose", "text": change}


def is_of_repetition(graph: Graph, entity: Entity) -> bool:
    """Tell whether a comment is one of those that tell of a repetition."""
    return graph.id(entity) == _COMMENT or graph.id(entity).startswith(_CHANGE)


def read_repetition(graph: Graph, payload: Payload, action: Entity) -> Repetition | None:
    """Read which run the run of this action repeats; None when it does not tell of one."""
    comments = [entity for entity in graph.refs(action, "comment") if is_of_repetition(graph, entity)]
    told = next((entity for entity in comments if graph.id(entity) == _COMMENT), None)
    repeated = next(iter(graph.refs(told, "isBasedOn")), None) if told is not None else None
    if told is None or repeated is None:
        return None
    run = graph.text(repeated, "identifier") or graph.id(repeated)
    name = graph.text(repeated, "name")
    reason = graph.text(told, "text")
    found = payload.find(VERDICT) if VERDICT in graph else None
    return Repetition(
        run=run,
        name=None if name == f"Run {run}" else name,
        url=graph.text(repeated, "url"),
        sha256=graph.text(repeated, "sha256"),
        result=graph.text(told, "name"),
        reason=None if reason == _NO_VERDICT.format(run) else reason,
        changes=tuple(text for entity in comments if entity is not told and (text := graph.text(entity, "text"))),
        verdict=found[2] if found is not None and not found[1] else None,
    )


def source_addresses(graph: Graph, entity: Entity) -> list[str]:
    """What is said of where a workflow's source is, without the crate that a repetition is based on."""
    repeated = {identifier for one in graph.refs(graph.get(_COMMENT), "isBasedOn") if (identifier := graph.id(one))}
    texts = [text for name in ("url", "isBasedOn", "codeRepository") for text in graph.texts(entity, name)]
    return [text for text in texts if text not in repeated]
