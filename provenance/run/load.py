"""Journal -> Run: from what was recorded to what happened.

In: the folder of a run, and what the user says in ``ro-crate-info.yaml``. Out: a :class:`~provenance.run.model.Run`.
The steps: read the journal (:mod:`.collect`), find the programs (:mod:`.processes`), tell software from data
(:mod:`.software`), build the versions of each file (:mod:`.files`), give them roles (:mod:`.roles`), make the tasks
(:mod:`.tasks`) and the edges between them (:mod:`.graph`).
"""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import Protocol

import provenance
from provenance.run import containers, examined, graph, installed, programs, resources
from provenance.run.collect import collect
from provenance.run.disk import Disk
from provenance.run.ending import how_it_ended
from provenance.run.examined import Examined
from provenance.run.files import DataMaker, Files, reads_data
from provenance.run.folders import NamedFolders
from provenance.run.model import (
    About,
    Data,
    Gap,
    Log,
    Role,
    Run,
    Software,
    Status,
    Tool,
)
from provenance.run.processes import Actor, Processes, Program
from provenance.run.recorded import Call
from provenance.run.roles import Globs, Overrides, RoleRules, is_executed
from provenance.run.software import SoftwareRules
from provenance.run.surroundings import environment
from provenance.run.tasks import Tasks, Uses, is_task
from provenance.run.used import Usage
from provenance.run.versions import Version
from provenance.run.workflow import Workflow

_TOLD = frozenset([Role.CONFIGURATION, Role.INPUT, Role.OUTPUT, Role.INTERMEDIATE, Role.SCRATCH])


class UserWords(Overrides, Protocol):
    """What the user says about a run: :class:`provenance.run.info.Info`, or anything like it."""

    @property
    def about(self) -> About: ...  # noqa: D102
    @property
    def main_file(self) -> str | None: ...  # noqa: D102


def load(folder: Path, info: UserWords | None = None, *, examine: bool = False) -> Run:
    """Read the journal in `folder` and tell what happened.

    Works for a run that has ended, that still goes on, or that was killed; what could not be seen or read is among
    ``gaps``.

    Parameters
    ----------
    folder
        The folder of one run, ``.wfprov/<run id>``.
    info
        What the user says: its globs override the rules.
    examine
        Find out about the software that was used, and keep that beside the journal of a run that has ended. Without
        it, what an earlier call kept is told.

    Raises
    ------
    JournalError
        When `folder` can't be read.
    """
    # Millions of small objects that all stay: looking for garbage among them takes a third of the time.
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        return _Loading(Path(os.path.abspath(folder)), info, examine).run()
    finally:
        if was_collecting:
            gc.enable()


class _Loading:
    def __init__(self, folder: Path, info: UserWords | None, examine: bool) -> None:
        self.info = info
        self.examine = examine
        self.journal = collect(folder)
        resources.take_off_children(self.journal.images)
        self.processes = Processes(self.journal)
        self.disk = Disk()
        self.header = self.journal.header
        self.cwd = str(self.header.get("cwd") or self._top_folder())
        self.status, self.error = how_it_ended(self.header, self.journal.ending)
        self.workflow = Workflow(self.journal, self.processes, self.disk, self.cwd)
        self.project = self.workflow.project()
        self.uses: dict[Actor, Uses] = {}
        self.latest: dict[str, str] = {}
        self.names: dict[str, str] = {}  # by which data were called -> path

    def run(self) -> Run:
        journal, processes = self.journal, self.processes
        real = [self.disk.resolve(self.cwd), self.disk.resolve(self.project)]
        software = SoftwareRules([self.cwd, self.project, *real], processes.programs)
        prefix = journal.sections.get("interpreter", {}).get("prefix")
        if isinstance(prefix, str):
            software.add_environment(prefix, "the interpreter")
        software.add_environment(str(Path(provenance.__file__).parent), "wfprov itself")
        self.software = software
        self.files = Files(journal, processes, software, self.disk, self._log_paths())
        self._find_drivers()
        maker = DataMaker(journal, self.disk, self._ended())
        used = self._judge(maker)
        folders = NamedFolders({self.cwd, self.project, *real}, maker.data)
        tasks = Tasks(journal, processes, self.uses, self.latest, unfinished=self._unfinished(), folders=folders)
        tasks.make()
        top = processes.top
        if not tasks.tasks and top is not None and not journal.calls:
            top.is_driver = False
            tasks.tasks.append(tasks.program(top))
        found, tools = self._examined(maker.data, tasks)
        sections = {**journal.sections, **found.sections}
        edges = graph.file_edges(used) + graph.value_edges(journal.passed, tasks.tasks)
        maker.data.extend(folders.data(self.disk))
        maker.add_software(self.files.software)
        data = maker.data
        used_of_machine, series = resources.of_run(journal, self._start(), self._end_time())
        main = self.workflow.main(data, self.latest, self.info.main_file if self.info else None)
        return Run(
            id=str(self.header.get("id") or journal.folder.name),
            name=self._name(main, data),
            status=self.status,
            command=self._command(),
            cwd=self.cwd,
            user=self.header.get("user"),
            host=self.header.get("host"),
            start=self._start(),
            end=self._end_time(),
            exit_code=_whole((journal.ending or {}).get("status")),
            signal=_whole((journal.ending or {}).get("signal")),
            error=self._error(tasks),
            main=main,
            language=self.workflow.language(main),
            engine=Software("wfprov", self.header.get("version") or provenance.__version__),
            project=self.disk.resolve(self.project),
            tools=tools,
            tasks=containers.with_containers(tasks.tasks, processes.programs, sections),
            edges=tuple(edges),
            data=tuple(data),
            inputs=tuple(d.key for d in data if d.role in (Role.INPUT, Role.CONFIGURATION)),
            outputs=tuple(d.key for d in data if d.role is Role.OUTPUT),
            arguments=() if top is None else tasks.command_values(top),
            logs=self._logs(),
            resources=used_of_machine,
            series=series,
            environment=environment(sections, journal.folder),
            containers=containers.containers(sections),
            container=containers.around(sections),
            about=self.info.about if self.info is not None else About(),
            gaps=(*self._gaps(sections.get("started", {})), *maker.gaps, *found.gaps),
            trace=self.header.get("trace"),
        )

    def _top_folder(self) -> str:
        return self.processes.top.image.cwd if self.processes.top else str(self.journal.folder)

    def _unfinished(self) -> Status:
        return Status.RUNNING if self.status is Status.RUNNING else Status.UNKNOWN

    def _ended(self) -> int | None:
        """Return when the run ended, None while it goes on: later changes of files are not its own."""
        if self.status is Status.RUNNING:
            return None
        ending = self.journal.ending
        end = _whole(ending.get("t")) if ending else None
        return max(end or 0, self.journal.last)

    def _start(self) -> int | None:
        start = _whole(self.header.get("t"))
        if start is None:
            start = min((p.start for p in self.processes.programs), default=None)
        return start

    def _end_time(self) -> int | None:
        return _whole(self.journal.ending.get("t")) if self.journal.ending else None

    def _command(self) -> tuple[str, ...]:
        command = self.header.get("command")
        if not command and self.processes.top:
            command = self.processes.top.image.argv
        return tuple(str(word) for word in command or ())

    def _find_drivers(self) -> None:
        """Programs that only start others and touch no data themselves are no tasks."""
        touches: set[int] = set()
        looks: set[int] = set()
        for versions in self.files.by_path.values():
            for version in versions:
                if version.writer is not None:
                    touches.add(id(version.writer))
                if version.readers and reads_data(version, self.files.executed):
                    looks.update(map(id, version.readers))
        for program in self.processes.programs:
            if not program.children or id(program) in touches:
                continue
            name = programs.base_name(program.image.exe, program.image.argv)
            starts_others = name in programs.WRAPPERS or name in programs.BUILDERS
            program.is_driver = starts_others or id(program) not in looks

    def _judge(self, maker: DataMaker) -> list[tuple[str, str, list[str]]]:
        """Give every version its role, make its data, and note who used it."""
        rules = RoleRules(
            Globs(self.info, self.cwd),
            self.disk.resolve(self.project).rstrip("/") + "/",
            frozenset(self.files.executed),
            self._start() or 0,
            self._makers(),
        )
        used: list[tuple[str, str, list[str]]] = []
        touched: set[str] = set()
        for path, versions in self.files.by_path.items():
            for version in versions:
                writer = version.writer if _has_task(version.writer) else None
                readers = [r for r in version.readers if _has_task(r) and r is not version.writer]
                verdict = rules.decide(version, readers, writer)
                if verdict is None:
                    continue
                touched.add(path)
                data = maker.add(version, verdict, bool(readers))
                self._use(version, data, readers)
                if verdict.role in _TOLD and writer is not None:
                    used.append((data.key, writer.key, [reader.key for reader in readers]))
        software_reason = self.software.reason
        for path, verdict in rules.overrides.untouched():
            if path not in touched and not software_reason(path) and "/.wfprov/" not in path:
                maker.add_untouched(path, verdict)
                touched.add(path)
        return used

    def _use(self, version: Version, data: Data, readers: list[Actor]) -> None:
        self.latest[version.path] = data.key
        for name in version.names or ():
            self.latest[name] = data.key
        if data.role not in _TOLD and data.role is not Role.SOURCE:
            return
        is_source = data.role is Role.SOURCE
        for reader in readers:
            uses = self._uses_of(reader)
            if is_source and is_executed(version, [reader]):
                continue
            uses.inputs[data.key] = None
            self._note(uses, version, data.key)
        if version.writer is not None and _has_task(version.writer):
            uses = self._uses_of(version.writer)
            if data.role is not Role.SCRATCH:
                uses.outputs[data.key] = None
            self._note(uses, version, data.key)

    def _uses_of(self, actor: Actor) -> Uses:
        uses = self.uses.get(actor)
        if uses is None:
            uses = self.uses[actor] = Uses()
        return uses

    @staticmethod
    def _note(uses: Uses, version: Version, key: str) -> None:
        uses.by_path[version.path] = key
        for name in version.names or ():
            uses.by_path[name] = key

    def _makers(self) -> frozenset[int]:
        """Return the ids of the actors that wrote something that stayed, or returned a value."""
        makers = {id(c) for c in self.journal.calls.values() if c.value and c.value.get("value") is not None}
        for versions in self.files.by_path.values():
            for version in versions:
                if version.writer is not None and (not version.is_gone or version.readers):
                    makers.add(id(version.writer))
        for program in self.processes.programs:
            if program.is_shell and len(program.children) > 1:
                makers |= _with_pipelines(program.children, makers)
        return frozenset(makers)

    def _name(self, main: str | None, data: list[Data]) -> str:
        if self.info is not None and self.info.about.name:
            return self.info.about.name
        if given := self.header.get("name"):
            return str(given)
        for each in data:
            if each.key == main:
                return each.path.rpartition("/")[2]
        command = self._command()
        return command[0].rpartition("/")[2] if command else self.journal.folder.name

    def _error(self, tasks: Tasks) -> str | None:
        if self.status is not Status.FAILED:
            return self.error
        failed = [task for task in tasks.tasks if task.status is Status.FAILED]
        if not failed:
            return self.error
        last = max(failed, key=lambda task: task.end or 0)
        return f"{self.error}; last failed task: {tasks.tools[last.tool].name}: {last.error}"

    def _log_paths(self) -> frozenset[str]:
        paths = {log.path for log in self._logs()}
        return frozenset(paths | {self.disk.resolve(path) for path in paths})

    def _logs(self) -> tuple[Log, ...]:
        found = []
        for name in ("stdout", "stderr"):
            began = self.header.get(name)
            if not isinstance(began, dict) or began.get("kind") != "file":
                continue
            path = began.get("path")
            ended = (self.journal.ending or {}).get(name)
            end = ended.get("offset") if isinstance(ended, dict) else None
            if isinstance(path, str):
                found.append(Log(name, path, _whole(began.get("offset")) or 0, _whole(end)))
        return tuple(found)

    def _examined(self, data: list[Data], tasks: Tasks) -> tuple[Examined, tuple[Tool, ...]]:
        """Return what is known of the software, kept or found out now, and the tools with what they needed of it."""
        tools = tuple(tasks.tools.values())
        found = examined.kept(self.journal.folder)
        if found is None and not self.examine:
            return Examined(), tools
        usage = Usage(self.journal, self.processes, self.files.software, data)
        if found is None:
            used = usage.used([self.cwd, self.project], self._start(), self._end_time())
            found = examined.examine(used, self.journal.sections, keep=self.status is not Status.RUNNING)
        if found.sections.get("owners"):
            tools = tuple(installed.with_requirements(tools, usage.opened(tasks.tasks), found.sections))
        return found, tools

    def _gaps(self, told: Container[str] = ()) -> tuple[Gap, ...]:
        gaps = list(self.journal.gaps)
        if self.journal.ending is None and self.status is not Status.RUNNING:
            gaps.append(Gap("the end of the run", "the recorder was stopped before it"))
        endless = 0
        for program in self.processes.programs:
            image = program.image
            if program.why_unwatched and program.key in told:
                continue
            if program.why_unwatched:
                reason = _UNWATCHED.get(program.why_unwatched, program.why_unwatched)
                gaps.append(Gap(f"what {program.name.name} did", reason, image.exe or None))
            elif program.end is None and program.status is None and self.journal.ending is not None:
                endless += program is not self.processes.top
        if endless:
            gaps.append(Gap(f"the end of {endless} programs", "they were not seen to end"))
        return tuple(
            gap if count == 1 else Gap(f"{gap.what} ({count} times)", gap.why, gap.path)
            for gap, count in Counter(gaps).items()
        )


_UNWATCHED = {
    "static": "it is statically linked, so that it can't be watched with the shim",
    "setuid": "it runs with other rights than its user's, so that it can't be watched",
    "architecture": "it is built for another architecture than the shim",
    "unreadable": "its file can't be read",
    "container": "it works with containers, inside of which nothing is watched",
}


def _with_pipelines(children: list[Program], makers: set[int]) -> set[int]:
    """Return those that ran side by side with a maker under one shell: their output may have gone into its own."""
    found: set[int] = set()
    ends = sorted(children, key=lambda child: child.start)
    for index, child in enumerate(ends):
        for other in ends[index + 1 : index + 9]:
            if child.end is not None and other.start >= child.end:
                break
            if id(other) in makers:
                found.add(id(child))
            if id(child) in makers:
                found.add(id(other))
    return found


def _has_task(actor: Actor | None) -> bool:
    return isinstance(actor, Call) or (isinstance(actor, Program) and is_task(actor))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
