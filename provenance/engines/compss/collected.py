"""All data of a run: what tasks used, the sources, the logs, and what else the user names.

In: the readings, the states of files, what the user says. Out: :class:`Collected`, with the keys of what the run as a
whole read and wrote.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provenance.engines.compss.data import RunData
from provenance.engines.compss.file_states import FileStates
from provenance.engines.compss.readings import Readings
from provenance.engines.compss.sources import SourceFiles
from provenance.run.info import Info
from provenance.run.model import Data, Gap, Role
from provenance.run.roles import compile_glob

_SOURCE = "a source of the application"


@dataclass(frozen=True, slots=True)
class Collected:
    """The data of a run."""

    data: tuple[Data, ...]
    inputs: tuple[str, ...]  # keys
    outputs: tuple[str, ...]
    code: tuple[str, ...]  # absolute paths of the sources and of the modules that methods name, the main file first
    main: str | None  # absolute path
    first: dict[str, str]  # path -> key of its first state
    latest: dict[str, str]  # path -> key of its last state
    gaps: tuple[Gap, ...]

    def input_at(self, path: str) -> str | None:
        """Return the key of what the run found at a path."""
        return self.first.get(path) or self.first.get(path.rstrip("/"))

    def output_at(self, path: str) -> str | None:
        """Return the key of what the run left at a path."""
        key = self.latest.get(path)
        return key if key in self.outputs else None


def collect(readings: Readings, states: FileStates, info: Info) -> Collected:
    """Look at all files of a run."""
    folder = str(readings.files.work_folder)
    finder = SourceFiles(folder, str(readings.files.log_folder))
    main, listed, modules = _sources(finder, readings, info)
    # What the user lists is all that goes into the crate.
    sources = [*([main] if main else []), *(listed or modules), *([info.path] if info.path else [])]
    sources = list(dict.fromkeys(sources))
    data = RunData(readings.log.end or _last_change(readings), _ignored(info, folder), {info.path or ""})
    _add_logs(data, readings, info)
    for path in sources:
        if path not in states.histories and data.add_named(path, Role.SOURCE, _SOURCE) is None:
            finder.gaps.append(Gap("a source", "it can't be read", path))
    is_source = frozenset(sources)
    for path, history in states.histories.items():
        data.add_history(history, path in is_source)
    data.add_parts(states.histories.values())
    inputs, outputs = _used(states, data)
    inputs += _add_named(data, finder, info.inputs, Role.INPUT)
    outputs += _add_named(data, finder, info.outputs, Role.OUTPUT)
    told = {each.key for each in data.data if each.role is not Role.IGNORED}
    return Collected(
        data=tuple(data.data),
        inputs=tuple(key for key in dict.fromkeys(inputs) if key in told),
        outputs=tuple(key for key in dict.fromkeys(outputs) if key in told),
        code=tuple(dict.fromkeys([*sources, *modules])),
        main=main,
        first=data.first,
        latest=data.latest,
        gaps=(*finder.gaps, *data.gaps),
    )


def _last_change(readings: Readings) -> int | None:
    try:
        return os.stat(readings.log.path).st_mtime_ns
    except OSError:
        return None


def _sources(finder: SourceFiles, readings: Readings, info: Info) -> tuple[str | None, list[str], list[str]]:
    """Return the main file, the sources that the user lists, and the modules that methods name."""
    log, given = readings.log, readings.submission
    listed = finder.listed(info.sources)
    main = finder.main(info.main_file, given, log, listed)
    signatures = dict.fromkeys(task.signature for task in log.tasks)
    signatures.update(dict.fromkeys(each.signature for each in readings.statistics))
    return main, listed, finder.modules(signatures, main, given)


def _ignored(info: Info, folder: str) -> Callable[[str], bool]:
    patterns = [compile_glob(os.path.normpath(os.path.join(folder, text))) for text in info.ignore]
    return lambda path: any(pattern.match(path) for pattern in patterns)


def _add_logs(data: RunData, readings: Readings, info: Info) -> None:
    files = readings.files
    known: list[tuple[Path | None, str]] = [
        (files.submission, "The command line that COMPSs was called with."),
        (files.profile, "How often and how long the tasks of each method ran, by COMPSs."),
        (files.graph, "The graph of tasks, by COMPSs."),
        *((path, "What a node used over time, by COMPSs' profiler.") for path in files.node_statistics),
    ]
    if info.trace_persistence:
        known += ((path, "A part of the trace of the run, for Paraver.") for path in files.traces)
    for path, description in known:
        if path is not None:
            data.add_named(str(path), Role.LOG, "COMPSs wrote it", description)
    for log in files.job_logs:
        what = "Standard error" if log.stream == "err" else "Standard output"
        data.add_log_of_task(str(log.path), f"{what} of task {log.task} ({log.attempt}).")


def _used(states: FileStates, data: RunData) -> tuple[list[str], list[str]]:
    """Return the keys of what the run found, and of what it left."""
    roles = {each.key: each.role for each in data.data}
    inputs, outputs = [], []
    for history in states.histories.values():
        if not history.states:
            continue
        first, last = history.states[0], history.states[-1]
        if first.version == 0 and first.key is not None:
            inputs.append(first.key)
        if last.key is not None and roles[last.key] is Role.OUTPUT:
            outputs.append(last.key)
    return inputs, outputs


def _add_named(data: RunData, finder: SourceFiles, wanted: tuple[str, ...], role: Role) -> list[str]:
    """Add what the user names besides; return the keys."""
    reason = f"ro-crate-info.yaml says so ({role.value}s)"
    keys = []
    for text in wanted:
        found = finder.named(text)
        for path in found:
            key = data.add_folder(path, role, reason) if os.path.isdir(path) else data.add_named(path, role, reason)
            if key is not None:
                keys.append(key)
        if not found:
            finder.gaps.append(
                Gap(f"an {role.value} of the run", "ro-crate-info.yaml names it, and it is not there", text)
            )
    return keys
