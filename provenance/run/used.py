"""What a run really used, for the examination of its software: programs, libraries, modules, container engines.

In: the tables of a journal, its programs, the files that the roles call software. Out:
:class:`provenance.environment.Used`, and for each path of software the tools whose executions opened it. Computed
only when software is examined.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from provenance.environment import Engagement, Used
from provenance.run import programs
from provenance.run.model import Data, Role, Task
from provenance.run.processes import Processes, Program
from provenance.run.recorded import READ, WRITE, Image, Recorded
from provenance.run.software import source_of_bytecode

# Command -> the words of its command line of which one must be there for it to start a container.
_ENGINES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("apptainer", "singularity"), ("exec", "run", "shell", "test", "instance", "start")),
    **dict.fromkeys(("docker", "podman", "nerdctl", "podman-remote"), ("run", "create", "exec", "start", "compose")),
    **dict.fromkeys(("ch-run", "shifter", "charliecloud"), ()),
    "sarus": ("run",),
    "enroot": ("start", "exec"),
}
_IMAGE_OPTION = re.compile(r"--container-(image|name)(=|$)")  # of Slurm's plug-in for containers
_LAUNCHERS = frozenset(["srun", "salloc", "sbatch"])
_BEFORE_ENGINES = frozenset(["sudo", "doas", "env", "nice", "timeout", "time"])
_LIBRARY = re.compile(r"\.so(\.[0-9]+)*$")
_NO_FILES = ("/proc/", "/sys/", "/dev/")
# An interpreter looks at these each time that it starts, whatever it then does.
_AT_EVERY_START = re.compile(r"\.pth$|/__editable__[^/]*$|/_virtualenv\.py$|/_distutils_hack/[^/]*$|/pyvenv\.cfg$")
# What is installed is listed from these, whether it is used or not.
_METADATA = re.compile(r"\.(?:dist|egg)-info/")
_ENVIRONMENT = "/pyvenv.cfg"
_MADE = frozenset([Role.OUTPUT, Role.INTERMEDIATE, Role.SCRATCH])


@dataclass(slots=True)
class Usage:
    """Finds out what a run used."""

    journal: Recorded
    processes: Processes
    software: Iterable[str]  # paths of files of software that were opened
    data: Sequence[Data]

    def used(self, folders: Iterable[str], start: int | None, end: int | None) -> Used:
        """Put together what an examination is asked about."""
        executed = {image.exe for image in self._started() if image.exe[:1] == "/"}
        executed.update(self._unwatched_command())
        executed -= self._built()
        libraries: set[str] = set()
        files: set[str] = set()
        for image in self.journal.images.values():
            libraries.update(path for path in image.libraries if path[:1] == "/")
        sources = (data.path for data in self.data if data.role is Role.SOURCE)
        for path in map(as_source, (*self.software, *sources)):
            if _AT_EVERY_START.search(path) or path.startswith(_NO_FILES):
                continue
            if _LIBRARY.search(path):
                libraries.add(path)
            elif path not in executed:
                files.add(path)
        return Used(
            programs=tuple(sorted(executed)),
            libraries=tuple(sorted(libraries)),
            files=tuple(sorted(files)),
            engagements=tuple(self._engagements()),
            folders=tuple(dict.fromkeys(folders)),
            run_folder=self.journal.folder,
            interpreters=tuple(dict.fromkeys(self._interpreters())),
            called=tuple(sorted({called for image in self._started() if (called := _called_by(image)) is not None})),
            start=start,
            end=end,
        )

    def opened(self, tasks: Sequence[Task]) -> dict[str, set[str]]:
        """Return for each tool the paths of programs, libraries and software files that its executions used."""
        tools_of = self._tools_of(tasks)
        found: dict[str, set[str]] = defaultdict(set)
        known: dict[str, tuple[str, ...]] = {}
        for program in self.processes.programs:
            tools = tools_of.get(id(program), ())
            for image in program.images or [program.image]:
                known[image.id] = tools
                for tool in tools:
                    found[tool].update(image.libraries)
            for tool in tools:
                found[tool].add(program.image.exe)
        software = set(self.software)
        for access in self.journal.accesses:
            if access.kind == READ and access.path in software:
                for tool in known.get(access.image.id, ()):
                    found[tool].add(access.path)
        return {tool: set(_of_use(paths)) for tool, paths in found.items()}

    def _tools_of(self, tasks: Sequence[Task]) -> dict[int, tuple[str, ...]]:
        """Return for each program the tools that it worked for: its own, those of the calls in its process."""
        calls = self.journal.calls
        by_key = {program.key: program for program in self.processes.programs}
        found: dict[int, dict[str, None]] = defaultdict(dict)
        tool_of = {task.key: task.tool for task in tasks}
        for key, tool in tool_of.items():
            program = self.processes.program_of(calls[key].image) if key in calls else by_key.get(key)
            if program is not None:
                found[id(program)][tool] = None
        for program in self.processes.programs:
            if program.call is not None and program.call.key in tool_of:
                found[id(program)][tool_of[program.call.key]] = None
        return {key: tuple(tools) for key, tools in found.items()}

    def _started(self) -> Iterator[Image]:
        for image in self.journal.images.values():
            if image.how != "fork":
                yield image
        for program in self.processes.programs:
            if program.why_unwatched:
                yield program.image

    def _built(self) -> set[str]:
        """Return the programs that the run itself wrote before it executed them: another run has no need of them."""
        made = {data.path for data in self.data if data.role in _MADE}
        starts: dict[str, int] = {}
        for image in self._started():
            if image.exe in made:
                starts[image.exe] = min(image.start, starts.get(image.exe, image.start))
        written: dict[str, int] = {}
        for access in self.journal.accesses if starts else ():
            if access.kind == WRITE and access.path in starts:
                written[access.path] = min(access.time, written.get(access.path, access.time))
        return {path for path, start in starts.items() if written.get(path, start) < start}

    def _unwatched_command(self) -> Iterator[str]:
        """Yield the program of the command itself when no process of it was seen: a static one, or nothing watched."""
        program, launcher = self.journal.header.get("program"), self.journal.header.get("pid")
        command = self.journal.header.get("command")
        is_seen = any(
            image.ppid == launcher or list(image.argv) == command
            for image in self.journal.images.values()
            if image.how != "fork"
        )
        if not is_seen and isinstance(program, str) and program[:1] == "/":
            yield os.path.normpath(program)

    def _interpreters(self) -> Iterator[str]:
        """Yield the Pythons by the path in their environment, in the order of their first start."""
        prefixes: dict[str, str] = {}
        for access in self.journal.accesses:
            if access.kind == READ and access.path.endswith(_ENVIRONMENT):
                prefixes.setdefault(access.image.id, access.path[: -len(_ENVIRONMENT)])
        section = self.journal.sections.get("interpreter", {})
        asked = section.get("path")
        answered = os.path.realpath(asked) if isinstance(asked, str) and asked else None
        for image in sorted(self._started(), key=lambda image: (image.start, image.id)):
            if programs.language(image.exe, image.argv) != "Python" or image.exe[:1] != "/":
                continue
            called = image.argv[0] if image.argv else ""
            if "/" in called:
                called = programs.absolute(called, image.cwd)
            prefix = prefixes.get(image.id)
            if prefix is not None:
                yield called if called.startswith(prefix + "/") else f"{prefix}/bin/python"
            elif called[:1] == "/" and _is_environment(called) and os.path.realpath(called) == image.exe:
                yield called  # the audit hook comes too late to see its start
            elif (
                isinstance(asked, str)
                and answered == os.path.realpath(image.exe)
                and (self.journal.header.get("trace") == "audit" or not _is_environment(asked))
            ):
                yield asked
            else:
                yield image.exe

    def _engagements(self) -> Iterator[Engagement]:
        for program in self.processes.programs:
            image = program.image
            argv = engine_command(image.exe, image.argv)
            # An engine that starts itself again, in a name space of its own, is one engagement.
            if argv is not None and not _is_again(program, argv):
                yield Engagement(image.id, argv, image.cwd, image.start)


def engine_command(exe: str, argv: Sequence[str]) -> tuple[str, ...] | None:
    """Return the command line with which a program starts a container, from the engine's name on; None if it does not.

    Examples
    --------
    >>> engine_command("/usr/bin/sudo", ["sudo", "podman", "run", "busybox"])
    ('podman', 'run', 'busybox')
    >>> engine_command("/usr/bin/podman", ["podman", "images"]) is None
    True
    """
    words = list(argv)
    if programs.base_name(exe, argv) in _BEFORE_ENGINES:
        index = next((i for i, word in enumerate(words[:20]) if i and _base(word) in _ENGINES), None)
        if index is None:
            return None
        words = words[index:]
        exe = words[0]
    name = _base(exe) if _base(exe) in _ENGINES else programs.base_name(exe, words)
    if name in _LAUNCHERS:
        return tuple(words) if any(_IMAGE_OPTION.match(word) for word in words[1:]) else None
    needed = _ENGINES.get(name)
    if needed is None or (needed and not set(needed).intersection(words[1:])):
        return None
    return tuple(words)


def _called_by(image: Image) -> str | None:
    """Return the path that a program was called by; None when it is the program's own.

    A bare name was looked for in folders that are not known; that of the program is the likeliest.
    """
    called = image.argv[0] if image.argv else ""
    if not called or image.exe[:1] != "/" or "\0" in called:
        return None
    path = programs.absolute(called, image.cwd if "/" in called else os.path.dirname(image.exe))
    return path if path[:1] == "/" and path != image.exe else None


def as_source(path: str) -> str:
    """Return the module that a file of bytecode stands for; another path as it is."""
    return (source_of_bytecode(path) or path) if path.endswith(".pyc") else path


def _of_use(paths: Iterable[str]) -> Iterator[str]:
    opened = (path for path in map(as_source, paths) if path)
    return (path for path in opened if not _AT_EVERY_START.search(path) and not _METADATA.search(path))


def _is_environment(path: str) -> bool:
    """Tell whether an interpreter is that of a virtual environment, which its start would have shown."""
    return os.path.isfile(os.path.join(os.path.dirname(os.path.dirname(path)), "pyvenv.cfg"))


def _is_again(program: Program, argv: tuple[str, ...]) -> bool:
    parent = program.parent
    return parent is not None and engine_command(parent.image.exe, parent.image.argv) == argv


def _base(path: str) -> str:
    return path.rpartition("/")[2]
