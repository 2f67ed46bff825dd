"""A Run as lines of text for a terminal: the summary, lists of tasks, lists of data.

Comes in: a Run. Goes out: lines, each safe to print and at most as wide as asked for.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from provenance.cli import text
from provenance.crate.read_values import is_engine_language
from provenance.run.model import (
    Accelerator,
    Container,
    Data,
    Job,
    Person,
    ResourceUse,
    Role,
    Run,
    Software,
    Status,
    Task,
    Value,
)
from provenance.run.software_summary import locks_in_words, software_in_words
from provenance.run.summary import DataUse, Summary, seconds, summarize

_LABEL = 13  # columns of the labels at the left
_TOOLS_SHOWN = 12
_ITEMS_SHOWN = 8
_EXTRA_SHOWN = 4
_ROLES = {
    Role.INPUT: "inputs",
    Role.OUTPUT: "outputs",
    Role.INTERMEDIATE: "intermediate",
    Role.SOURCE: "sources",
    Role.CONFIGURATION: "settings",
    Role.LOG: "logs",
    Role.SCRATCH: "scratch",
    Role.SOFTWARE: "software",
    Role.IGNORED: "other",
}


class Sheet:
    """Lines with a label at the left and wrapped text beside it."""

    def __init__(self, columns: int):
        self.columns = columns
        self.lines: list[str] = []

    def add(self, label: str, value: object, lines: int = 3) -> None:
        """Add ``value`` beside ``label``, in at most ``lines`` lines; nothing when the value is empty."""
        if value in (None, ""):
            return
        room = self.columns - _LABEL
        wrapped = [text.fit(line, room) for line in text.wrap(value, room)]
        if len(wrapped) > lines:
            wrapped = [*wrapped[: lines - 1], text.cut(f"{wrapped[lines - 1]} …", room)]
        for index, line in enumerate(wrapped):
            self.lines.append(f"{label if index == 0 else '':<{_LABEL}}{line}".rstrip())

    def gap(self) -> None:
        """Add an empty line between two parts."""
        if self.lines and self.lines[-1]:
            self.lines.append("")


def summary_lines(run: Run, columns: int, is_verbose: bool = False) -> list[str]:
    """What happened, in a few lines; with ``is_verbose`` nothing is cut or left out."""
    summary = summarize(run)
    sheet = Sheet(columns)
    many = 1000 if is_verbose else 3
    about = run.about
    title = about.name or run.name
    sheet.lines += [text.fit(line, columns) for line in text.wrap(title, columns)[:many]]
    if about.description and about.description != title:
        sheet.lines += ["  " + text.fit(line, columns - 2) for line in text.wrap(about.description, columns - 2)[:many]]
    sheet.gap()
    sheet.add("status", _status(run), many)
    sheet.add("when", _when(run))
    sheet.add("workflow", _workflow(run), many)
    sheet.add("engine", _software(run.engine))
    sheet.add("run", run.name if run.name != title else None)
    sheet.add("command", shlex.join(run.command), many)
    sheet.add("host", ", ".join(filter(None, [run.host, run.cwd])))
    sheet.add("authors", "; ".join(filter(None, (person(author) for author in about.authors))), many)
    sheet.add(
        "run by",
        person(about.agent) if about.agent and about.agent not in about.authors else run.user,
    )
    sheet.add(
        "license",
        (about.license or "").removeprefix("https://spdx.org/licenses/"),
        many if is_verbose else 2,
    )
    _add_details(sheet, run, is_verbose)
    sheet.gap()
    _add_tasks(sheet, run, summary, is_verbose)
    sheet.gap()
    _add_data(sheet, run, summary, is_verbose)
    sheet.gap()
    _add_surroundings(sheet, run, is_verbose)
    sheet.gap()
    for gap in run.gaps[: None if is_verbose else _ITEMS_SHOWN]:
        sheet.add("note", f"{gap.what}: {gap.why}" + (f" ({gap.path})" if gap.path else ""))
    if len(run.gaps) > _ITEMS_SHOWN and not is_verbose:
        sheet.add("", f"and {len(run.gaps) - _ITEMS_SHOWN} more notes (-v shows them)")
    while sheet.lines and not sheet.lines[-1]:
        sheet.lines.pop()
    return sheet.lines


def _status(run: Run) -> str:
    shown = run.status.value.upper() if run.status is Status.FAILED else run.status.value
    if run.signal:
        shown += f", ended by signal {run.signal}"
    elif run.exit_code:
        shown += f", exit status {run.exit_code}"
    return f"{shown}: {run.error}" if run.error else shown


def _when(run: Run) -> str:
    if run.start is None and run.end is None:
        return "not recorded"
    took = f" ({text.duration(seconds(run))})" if seconds(run) is not None else ""
    if run.end is None:
        return f"began {text.moment(run.start)}, end not recorded"
    if run.start is None:
        return f"ended {text.moment(run.end)}, start not recorded"
    start, end = text.moment(run.start, zone=False), text.moment(run.end)
    return f"{start} to {end[11:] if start[:10] == end[:10] else end}{took}"


def _workflow(run: Run) -> str:
    used = {task.tool for task in run.tasks}
    programs = [f"{tool.name} {tool.version or ''}".strip() for tool in run.tools if tool.key not in used]
    sources = (item.path for item in run.data if item.role is Role.SOURCE)
    main = run.main or ", ".join(programs) or next(sources, "")
    language = run.language
    if not language or (run.engine and is_engine_language(language)):
        return main
    return f"{main} ({_software(language)})" if main else _software(language)


def _software(software: Software | None) -> str:
    return " ".join(filter(None, [software.name, software.version])) if software else ""


def person(who: Person) -> str:
    """A person in one line: name, institution, ORCID."""
    name = who.name or (who.organization.name or who.organization.ror if who.organization else None) or who.orcid
    where = who.organization.name if who.organization and who.name else None
    orcid = who.orcid.rpartition("/")[2] if who.orcid and who.name else None
    details = ", ".join(filter(None, [where, orcid]))
    return f"{name} ({details})" if details else name or ""


def _add_details(sheet: Sheet, run: Run, is_verbose: bool) -> None:
    about = run.about
    if not is_verbose:
        return
    sheet.add("version", about.version)
    sheet.add("url", about.url)
    sheet.add("keywords", ", ".join(about.keywords))
    sheet.add(
        "published",
        ", ".join(filter(None, [about.date_published, about.publisher.name if about.publisher else None])),
    )
    sheet.add("needs", "; ".join(_software(item) for item in about.software), 1000)
    sheet.add("parameters", "; ".join(value_text(value) for value in run.arguments), 1000)
    sheet.add("results", "; ".join(value_text(value) for value in run.results), 1000)


def value_text(value: Value) -> str:
    """``name=value``, with the full length where the value was cut."""
    cut = f" … ({value.cut_from:,} characters)" if value.cut_from else ""
    return f"{value.name}={value.value}{cut}"


def _add_tasks(sheet: Sheet, run: Run, summary: Summary, is_verbose: bool) -> None:
    if not run.tasks:
        sheet.add("tasks", "none recorded" if run.status is not Status.UNKNOWN else None)
        return
    if len(summary.statuses) == 1:
        status = next(iter(summary.statuses)).value
        outcome = status if len(run.tasks) == 1 else f"all {status}"
    else:
        outcome = ", ".join(f"{count:,} {status.value}" for status, count in summary.statuses.items())
    failed = summary.statuses.get(Status.FAILED, 0)
    sheet.add(
        "tasks",
        f"{text.plural(len(run.tasks), 'task')}, {outcome}" + (" (--failed lists them)" if failed else ""),
    )
    shown = summary.tools if is_verbose else summary.tools[:_TOOLS_SHOWN]
    rows = [
        (
            use.name,
            f"{use.count:,}",
            *((f"{use.failed:,}",) if failed else ()),
            *(text.duration(time) for time in (use.min_time, use.mean_time, use.max_time)),
        )
        for use in shown
    ]
    header = ("tool", "tasks", *(("failed",) if failed else ()), "min", "mean", "max")
    sheet.lines += text.table(rows, header, right=range(1, len(header)), columns=sheet.columns, indent=" " * _LABEL)
    if len(shown) < len(summary.tools):
        sheet.add("", f"and {len(summary.tools) - len(shown)} more tools (-v shows them)")


def _add_data(sheet: Sheet, run: Run, summary: Summary, is_verbose: bool) -> None:
    hidden = () if is_verbose else (Role.SOFTWARE, Role.SCRATCH)
    for use in summary.data:
        if use.role not in hidden:
            sheet.add(_ROLES[use.role], _data_use(use))
    if not is_verbose and run.arguments:
        listed = [value_text(value) for value in run.arguments[:_ITEMS_SHOWN]]
        more = f"; and {len(run.arguments) - _ITEMS_SHOWN} more" if len(run.arguments) > _ITEMS_SHOWN else ""
        sheet.add("parameters", "; ".join(listed) + more)


def _data_use(use: DataUse) -> str:
    counts = [text.plural(use.files, "file")] if use.files else []
    counts += [text.plural(use.folders, "folder")] if use.folders else []
    parts = [" and ".join(counts)]
    total = use.files + use.folders
    if use.size_unknown == total:
        parts.append("size not recorded")
    else:
        unknown = f" (without {use.size_unknown:,} of unknown size)" if use.size_unknown else ""
        parts.append(text.size(use.size) + unknown)
    if use.gone:
        none = "none in the crate" if total > 1 else "not in the crate"
        parts.append(none if use.gone == total else f"{use.gone:,} not in the crate")
    if use.changed:
        parts.append(f"{use.changed:,} of another size than recorded")
    return ", ".join(parts)


def _add_surroundings(sheet: Sheet, run: Run, is_verbose: bool) -> None:
    environment = run.environment
    if run.resources:
        sheet.add("used", _resources(run.resources, is_verbose), 1000)
    machine = [
        " ".join(filter(None, [environment.operating_system, environment.kernel])),
        environment.machine,
        environment.cpu_model,
        environment.microarchitecture,
        _of_which(f"{environment.cpu_count} CPUs", environment.cpu_limit and f"{environment.cpu_limit:g}")
        if environment.cpu_count
        else None,
        _of_which(
            f"{text.size(environment.memory)} memory", environment.memory_limit and text.size(environment.memory_limit)
        )
        if environment.memory
        else None,
        *(_accelerator(one) for one in environment.accelerators),
        environment.file_system and f"files on {environment.file_system}",
    ]
    sheet.add("machine", ", ".join(filter(None, machine)))
    sheet.add("job", _job(environment.job) if environment.job else None)
    sheet.add("software", software_in_words(environment), 1000 if is_verbose else 3)
    if is_verbose:
        for software in (*environment.packages, *environment.software):
            kind = f" ({software.kind})" if software.kind not in (None, "python") else ""
            sheet.add("", _software(software) + kind + ("" if software.is_used is not False else ", not used"))
    sheet.add("locks", locks_in_words(environment), 1000 if is_verbose else 2)
    for image in run.containers if is_verbose else run.containers[:_ITEMS_SHOWN]:
        sheet.add("container", _container(image))
    control = environment.source_control
    if control:
        state = " with uncommitted changes" if control.is_dirty else ""
        sheet.add("code", f"{control.remote or control.root} at {(control.commit or '?')[:12]}{state}")
    if environment.variables and not is_verbose:
        names = [name for name, _ in environment.variables]
        sheet.add("environment", f"{text.plural(len(names), 'variable')}: {', '.join(names)}", 2)
    for name, value in environment.variables if is_verbose else ():
        sheet.add("environment", f"{name}={value}", 1000)


def _container(image: Container) -> str:
    address = "/".join(filter(None, [image.registry, image.name])) or image.path or image.image
    address = address + (f":{image.tag}" if image.tag else "") or "image not known"
    digest = f"@sha256:{image.sha256[:12]}" if image.sha256 else ""
    return f"{address}{digest} ({image.kind})"


def _of_which(whole: str, limit: str | float | None) -> str:
    return f"{whole} (limited to {limit})" if limit else whole


def _accelerator(one: Accelerator) -> str:
    memory = f"{text.size(one.memory)} memory" if one.memory else None
    details = ", ".join(filter(None, [one.driver and f"driver {one.driver}", memory]))
    return f"{one.name} ({details})" if details else one.name


def _job(job: Job) -> str:
    parts = [
        f"{job.scheduler} {job.id}",
        job.name,
        job.partition and f"partition {job.partition}",
        text.plural(job.nodes, "node") if job.nodes else None,
        text.plural(job.tasks, "task") if job.tasks else None,
        f"{text.plural(job.cpus_per_task, 'CPU')} a task" if job.cpus_per_task else None,
        f"at most {text.duration(job.time_limit)}" if job.time_limit else None,
        job.node_list and f"on {job.node_list}",
    ]
    return ", ".join(filter(None, parts))


def _resources(use: ResourceUse, is_verbose: bool) -> str:
    parts = []
    if use.cpu_user is not None or use.cpu_system is not None:
        total = (use.cpu_user or 0) + (use.cpu_system or 0)
        rates = [f"{rate:.2g} {word}" for rate, word in ((use.average_cpu, "average"), (use.max_cpu, "most")) if rate]
        parts.append(f"{text.duration(total)} CPU" + (f" ({', '.join(rates)} processors)" if rates else ""))
    if use.max_total_memory is not None:
        average = f" ({text.size(use.average_memory)} average)" if use.average_memory is not None else ""
        parts.append(f"{text.size(use.max_total_memory)} peak memory of all processes{average}")
        if use.max_memory is not None:
            parts.append(f"{text.size(use.max_memory)} of the largest")
    elif use.max_memory is not None:
        parts.append(f"{text.size(use.max_memory)} peak memory")
    if use.read_bytes is not None or use.written_bytes is not None:
        parts.append(f"{text.size(use.read_bytes)} read, {text.size(use.written_bytes)} written")
    if is_verbose or len(use.extra) <= _EXTRA_SHOWN:
        parts += [f"{value.name}={value.value}" + (f" {unit(value.unit)}" if value.unit else "") for value in use.extra]
    elif use.extra:
        parts.append(f"{text.plural(len(use.extra), 'measured value')} of the engine (-v lists them)")
    return ", ".join(parts)


def unit(address: str) -> str:
    """The last part of a unit's URI."""
    return address.rstrip("/#").rpartition("/")[2].rpartition("#")[2]


def task_lines(run: Run, numbered: Iterable[tuple[int, Task]], columns: int, is_verbose: bool = False) -> Iterator[str]:
    """One block a task: number, tool, status, start, duration; inputs, outputs, arguments and error below."""
    names = {tool.key: tool.name for tool in run.tools}
    shown_at = {item.key: item for item in run.data}
    for number, task in numbered:
        status = task.status.value.upper() if task.status is Status.FAILED else task.status.value
        ending = (
            f" (signal {task.signal})" if task.signal else f" (exit status {task.exit_code})" if task.exit_code else ""
        )
        head = f"{number:>{_LABEL - 2}}  {text.clean(names.get(task.tool, task.tool))}"
        facts = [status + ending]
        if task.start is not None:
            facts.append(text.moment(task.start))
        if seconds(task) is not None:
            facts.append(text.duration(seconds(task)))
        room = columns - text.width("  ".join(facts)) - 2
        if room < 24:
            yield text.fit(head, columns)
            yield " " * _LABEL + "  ".join(facts)
        else:
            yield text.fit(head, room) + "  " + "  ".join(facts)
        sheet = Sheet(columns)
        many = 1000 if is_verbose else 3
        sheet.add("  command", shlex.join(task.command), many)
        for label, keys in (("  in", task.inputs), ("  out", task.outputs)):
            sheet.add(label, _files(keys, shown_at, is_verbose), many)
        sheet.add("  arguments", "; ".join(value_text(value) for value in task.arguments), many)
        sheet.add("  results", "; ".join(value_text(value) for value in task.results), many)
        if task.resources:
            sheet.add("  used", _resources(task.resources, is_verbose), many)
        sheet.add("  error", task.error, many * 2)
        yield from sheet.lines


def _files(keys: tuple[str, ...], data: dict[str, Data], is_verbose: bool) -> str:
    shown = keys if is_verbose else keys[:_ITEMS_SHOWN]
    listed = [data[key].path if key in data else key for key in shown]
    more = f", and {len(keys) - len(shown):,} more" if len(shown) < len(keys) else ""
    return ", ".join(listed) + more


def data_lines(run: Run, columns: int, is_verbose: bool = False) -> list[str]:
    """One line a file: role, size, where it is; with ``is_verbose`` digest and reason below."""
    rows = []
    for item in run.data:
        state = "not in the crate" if item.is_gone else "other size than recorded" if item.changed_after else ""
        name = f"{item.name}: " if item.name and item.name != item.path.rstrip("/").rpartition("/")[2] else ""
        rows.append((item.path, item.role.value, text.size(item.size), state or name.rstrip(": ")))
    header = ("file", "role", "size", "")
    lines = text.table(rows, header, right=(2,), columns=columns)
    if not is_verbose:
        return lines
    found = lines[:1]
    for line, item in zip(lines[1:], run.data, strict=True):
        found.append(line)
        for label, value in (
            ("sha256", item.sha256),
            ("format", item.encoding_format),
            ("why", item.reason),
        ):
            if value:
                found.append(f"    {label:<8}{text.fit(value, columns - 12)}")
    return found
