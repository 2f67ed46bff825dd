"""The README of a crate, for people: what ran, when and with what result, what went in and came
out, what is missing.

Comes in: the Run and its placed data. Goes out: Markdown.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from datetime import datetime, timezone

from provenance.crate.data_entities import Placed
from provenance.crate.layout import Treatment
from provenance.crate.metadata import readable
from provenance.crate.repetition import VERDICT, in_words, repeated_id
from provenance.run.model import EnvironmentFile, Repetition, Run, Status, Tool
from provenance.run.software_summary import software_in_words

_ROWS = 25  # rows of a table; what is beyond is counted
_COMMAND_LIMIT = 2_000  # characters
_GAPS = 20
_TURNS = ("modules", "spack", "conda-explicit", "conda-environment", "requirements")  # kinds of files
_MARKUP = re.compile(r"([\\`*_\[\]<>|#~&])")


def readme(run: Run, placed: dict[str, Placed], tools: dict[str, Tool], has_diagram: bool) -> str:
    """Write the README of the crate of ``run``."""
    about = run.about
    parts = [f"# {_inline(about.name or run.name)}"]
    if about.description:
        parts.append(_inline(about.description))
    parts.append("\n".join(_facts(run)))
    if run.repeats is not None:
        parts += ["## Repetition", _repetition(run.repeats)]
    if run.command:
        command = shlex.join(run.command)
        if len(command) > _COMMAND_LIMIT:
            command = command[:_COMMAND_LIMIT] + " ..."
        parts += ["## Command", _code(readable(command))]
    if tools:
        parts += ["## Steps", _steps(run, tools)]
        if has_diagram:
            parts.append("![The steps of the workflow and the data between them](diagram.svg)")
    for title, keys in (("Inputs", run.inputs), ("Outputs", run.outputs)):
        found = [placed[key] for key in keys if key in placed]
        if found:
            parts += [f"## {title}", _table(found)]
    if commands := _rebuild(run):
        parts += ["## Rebuild the environment", *commands]
    if run.gaps:
        lines = [
            f"- {_inline(g.what)}: {_inline(g.why)}" + (f" ({_inline(g.path)})" if g.path else "") for g in run.gaps
        ]
        if len(lines) > _GAPS:
            lines[_GAPS:] = [f"- and {len(lines) - _GAPS} more, in `ro-crate-metadata.json`"]
        parts += ["## What was not seen", "\n".join(lines)]
    parts += ["## What is where", _LAYOUT]
    return "\n\n".join(parts) + "\n"


_LAYOUT = """- `ro-crate-metadata.json`: everything about the run, for programs (Provenance Run Crate 0.5)
- `ro-crate-preview.html`: a page to look at in a browser
- `application_sources/`: the code
- `dataset/`: the data that were copied, in the folders that they had; `earlier_states/`: files before they were changed
- `environment/`: lock files to rebuild it from, all software (`sbom.cdx.json`, CycloneDX), machine, uncommitted changes
- `logs/`: standard output and error

`wfprov inspect .` tells what happened, `wfprov validate .` checks the crate."""


def _rebuild(run: Run) -> list[str]:
    """Tell which commands rebuild what it ran in: the system before what is built on it, conda before pip."""
    parts = []
    if words := software_in_words(run.environment):
        parts.append(f"It ran with {_inline(words)}.")
    steps = sorted((file for file in run.environment.files if file.rebuild), key=_turn)
    if not steps:
        return []
    parts.append("In the folder `environment/`:")
    lines = [line for file in steps for line in (f"# {' '.join(readable(file.about).split())}", *file.rebuild)]
    return [*parts, _code(readable("\n".join(lines)))]


def _turn(file: EnvironmentFile) -> int:
    """Return which turn a file has when an environment is rebuilt; those of the same turn stay as they were found."""
    if file.target.endswith("system-packages.txt"):
        return 0
    return _TURNS.index(file.kind) + 1 if file.kind in _TURNS else len(_TURNS) + 1


def _repetition(repeats: Repetition) -> str:
    address = f" <{repeats.url}>" if repeats.url and repeats.url == repeated_id(repeats) else ""
    lines = [_inline(in_words(repeats)) + address]
    lines += [f"- changed on purpose: {_inline(change)}" for change in repeats.changes]
    if repeats.verdict is not None:
        lines.append(f"- `{VERDICT}`: what was compared, and how")
    return "\n".join([lines[0], "", *lines[1:]]).rstrip()


def _facts(run: Run) -> list[str]:
    facts = [f"- Result: {_result(run)}"]
    if run.start is not None:
        facts.append(f"- Started: {_moment(run.start)}")
    if run.start is not None and run.end is not None:
        facts.append(f"- Took: {_duration((run.end - run.start) / 1e9)}")
    if run.tasks:
        counts = Counter(task.status for task in run.tasks)
        rest = ", ".join(f"{n} {status.value}" for status, n in counts.items() if status is not Status.COMPLETED)
        facts.append(f"- Tasks: {len(run.tasks)}" + (f" ({rest})" if rest else ""))
    if run.engine:
        facts.append(f"- Recorded by: {_inline(run.engine.name)} {_inline(run.engine.version or '')}".rstrip())
    authors = [_inline(person.name or person.orcid or "") for person in run.about.authors]
    if authors:
        facts.append(f"- Authors: {', '.join(authors)}")
    if run.about.license:
        facts.append(f"- License: {_inline(run.about.license)}")
    return facts


def _result(run: Run) -> str:
    if run.status is Status.RUNNING:
        return "its end was not seen"
    text: str = run.status.value
    if run.signal is not None:
        text += f", ended by signal {run.signal}"
    elif run.exit_code:
        text += f", exit status {run.exit_code}"
    return text + (f": {_inline(run.error)}" if run.error else "")


def _steps(run: Run, tools: dict[str, Tool]) -> str:
    counts = Counter(task.tool for task in run.tasks)
    failed = Counter(task.tool for task in run.tasks if task.status is Status.FAILED)
    rows = ["| step | executions | failed | seconds in all |", "|---|---:|---:|---:|"]
    seconds: Counter[str] = Counter()
    for task in run.tasks:
        if task.start is not None and task.end is not None:
            seconds[task.tool] += (task.end - task.start) // 1_000
    for key, tool in list(tools.items())[:_ROWS]:
        rows.append(f"| {_inline(tool.name)} | {counts[key]} | {failed[key]} | {seconds[key] / 1e6:.2f} |")
    if len(tools) > _ROWS:
        rows.append(f"| and {len(tools) - _ROWS} more | | | |")
    return "\n".join(rows)


def _table(found: list[Placed]) -> str:
    rows = ["| file | bytes | where |", "|---|---:|---|"]
    for one in found[:_ROWS]:
        name = _inline(one.data.name or one.data.path.rpartition("/")[2] or one.data.path)
        size = "" if one.outcome.size is None else str(one.outcome.size)
        rows.append(f"| {name} | {size} | {_where(one)} |")
    if len(found) > _ROWS:
        rows.append(f"| and {len(found) - _ROWS} more | | |")
    return "\n".join(rows)


def _where(one: Placed) -> str:
    if one.outcome.treatment is Treatment.COPY:
        return f"[{_inline(one.path)}](<{one.id}>)"
    if one.outcome.treatment is Treatment.REFERENCE:
        return f"outside: {_inline(one.data.path)}"
    return f"not kept: {_inline(one.outcome.note or 'deleted or replaced')}"


def _moment(nanoseconds: int) -> str:
    return f"{datetime.fromtimestamp(nanoseconds // 1_000_000_000, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {rest} s" if hours else f"{minutes} min {rest} s"


def _inline(text: str) -> str:
    """Show text as it is: no Markdown, one line."""
    return _MARKUP.sub(r"\\\1", " ".join(readable(text).split()))


def _code(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
