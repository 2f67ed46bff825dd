"""Tools and tasks: which programs and calls are tasks, and what each of them used and made.

In: processes, calls, and the data that each actor read and wrote. Out: :class:`Tasks`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from signal import SIGPIPE

from provenance.run import programs
from provenance.run.arguments import command_values, recorded_value
from provenance.run.ending import signal_name
from provenance.run.folders import NamedFolders
from provenance.run.model import Software, Status, Task, Tool, Value
from provenance.run.processes import Actor, Processes, Program
from provenance.run.recorded import Call, Recorded
from provenance.run.resources import over_time
from provenance.run.surroundings import language_software

_LONGEST_DESCRIPTION = 2000  # characters


@dataclass(slots=True)
class Uses:
    """Keys of the data that an actor read and wrote, and of all the data it touched, by path."""

    inputs: dict[str, None] = field(default_factory=dict)
    outputs: dict[str, None] = field(default_factory=dict)
    by_path: dict[str, str] = field(default_factory=dict)


class Tasks:
    """Makes the tools and tasks of a run."""

    def __init__(
        self,
        journal: Recorded,
        processes: Processes,
        uses: dict[Actor, Uses],
        latest: dict[str, str],
        *,
        unfinished: Status,
        folders: NamedFolders,
    ) -> None:
        """Take what is known.

        Parameters
        ----------
        latest
            Path -> key of the newest data there.
        unfinished
            The status of what has no end.
        folders
            Takes note of the folders that arguments name.
        """
        self._journal = journal
        self._processes = processes
        self._uses = uses
        self._latest = latest
        self._unfinished = unfinished
        self._folders = folders
        self._tool_keys: dict[object, str] = {}
        self._taken: dict[str, int] = defaultdict(int)
        self.tools: dict[str, Tool] = {}
        self.tasks: list[Task] = []

    def make(self) -> None:
        """Make all tasks, in the order in which they began."""
        actors: list[Actor] = [*self._journal.calls.values()]
        actors += [program for program in self._processes.programs if is_task(program)]
        actors.sort(key=lambda actor: (actor.start, actor.key))
        for actor in actors:
            self.tasks.append(self._call(actor) if isinstance(actor, Call) else self.program(actor))

    def program(self, program: Program) -> Task:
        """Make the task that a program is."""
        uses = self._uses.get(program) or Uses()
        status, error = self._program_status(program)
        image = program.image
        return Task(
            key=program.key,
            tool=self._program_tool(program),
            status=status,
            start=program.start,
            end=program.end,
            inputs=tuple(uses.inputs),
            outputs=tuple(uses.outputs),
            arguments=self.command_values(program),
            name=None,
            command=image.argv,
            cwd=image.cwd,
            exit_code=program.status,
            signal=program.signal,
            error=error,
            host=image.host or None,
            resources=program.use,
        )

    def command_values(self, program: Program) -> tuple[Value, ...]:
        """Return the words of a program's command line that are more than a switch."""
        uses = self._uses.get(program) or Uses()
        return command_values(program, lambda path: uses.by_path.get(path) or self._latest.get(path))

    def _call(self, call: Call) -> Task:
        uses = self._uses.get(call) or Uses()
        status, error = self._call_status(call)

        def find(path: str) -> str | None:
            known = uses.by_path.get(path) or self._latest.get(path)
            return known or self._folders.find(path, uses.by_path, uses.inputs, uses.outputs)

        cwd = call.image.cwd
        arguments = tuple(recorded_value(arg, find, uses.by_path, cwd) for arg in call.args)
        results: tuple[Value, ...] = ()
        if call.value is not None:
            results = (recorded_value(call.value, find, uses.by_path, cwd, is_return=True),)
        return Task(
            key=call.key,
            tool=self._function_tool(call),
            status=status,
            start=call.start,
            end=call.end,
            inputs=tuple(uses.inputs),
            outputs=tuple(uses.outputs),
            arguments=arguments,
            results=results,
            error=error,
            host=call.image.host or None,
            resources=over_time(call.use, call.start, call.end),
            parent=call.parent if call.parent in self._journal.calls else None,
        )

    def _call_status(self, call: Call) -> tuple[Status, str | None]:
        if call.status == "failed":
            return Status.FAILED, call.error or "the function raised an exception"
        if call.status is not None:
            return Status.COMPLETED, None
        image = call.image
        if image.signal is not None:
            return Status.FAILED, f"its process was ended by {signal_name(image.signal)}"
        if image.end is not None:
            return Status.FAILED, "its process ended before the call returned"
        return self._unfinished, None

    def _program_status(self, program: Program) -> tuple[Status, str | None]:
        if program.signal is not None:
            if program.signal == SIGPIPE:
                return Status.COMPLETED, None  # nobody wanted more of its output: `... | head`
            return Status.FAILED, f"ended by {signal_name(program.signal)}"
        if program.status is not None:
            error = f"exit status {program.status}" if program.status else None
            return (Status.FAILED if program.status else Status.COMPLETED), error
        if self._processes.was_replaced(program.image):
            return Status.COMPLETED, None
        return (Status.UNKNOWN if program.why_unwatched else self._unfinished), None

    def _unique(self, wanted: str) -> str:
        self._taken[wanted] += 1
        count = self._taken[wanted]
        return wanted if count == 1 else self._unique(f"{wanted}-{count}")

    def _program_tool(self, program: Program) -> str:
        name, image = program.name, program.image
        path = name.script or (None if name.module else image.exe) or None
        identity = ("program", path, name.name)
        if identity not in self._tool_keys:
            key = self._tool_keys[identity] = self._unique(name.name)
            software = None
            if name.interpreter is not None:
                software = language_software(self._journal.sections, name.interpreter, image.exe)
            elif programs.base_name(image.exe, image.argv) in programs.BUILDERS:
                called = programs.BUILDERS[programs.base_name(image.exe, image.argv)]
                software = Software(called, path=image.exe or None)
            source = self._latest.get(path) if path else None
            self.tools[key] = Tool(key, name.name, "program", path, source, software=software)
        return self._tool_keys[identity]

    def _function_tool(self, call: Call) -> str:
        event = self._journal.tools.get(call.tool, {})
        name = str(event.get("name") or "unknown function")
        path = event.get("file")
        identity = ("function", name, event.get("module"), path, event.get("line"))
        if identity not in self._tool_keys:
            key = self._tool_keys[identity] = self._unique(name)
            doc = event.get("doc")
            self.tools[key] = Tool(
                key=key,
                name=name,
                kind="function",
                path=path if isinstance(path, str) else None,
                source_key=self._latest.get(path) if isinstance(path, str) else None,
                line=event.get("line"),
                end_line=event.get("end_line"),
                description=str(doc)[:_LONGEST_DESCRIPTION] if doc else None,
                parameters=tuple(str(p) for p in event.get("params") or ()),
                software=language_software(self._journal.sections, "Python", call.image.exe),
            )
        return self._tool_keys[identity]


def is_task(program: Program) -> bool:
    """Tell whether a program is a task of its own."""
    return program.call is None and not program.is_decorating and not program.is_driver
