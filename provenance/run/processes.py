"""From process images to programs: which images are one program, within which task it ran, how it ended.

In: :class:`~provenance.run.recorded.Recorded`. Out: :class:`Processes`, which tells for each image and local task id
the *actor*: the call of a decorated function or the program that an access to a file belongs to.
"""

from __future__ import annotations

import bisect
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from provenance.run import programs, resources
from provenance.run.model import ResourceUse
from provenance.run.programs import ProgramName
from provenance.run.recorded import READ, Call, Image, Recorded, resources_of


@dataclass(slots=True, eq=False)
class Program:
    """One executed program, with all process images that are part of it."""

    image: Image  # that gave it its name
    name: ProgramName
    images: list[Image] = field(default_factory=list)
    parent: Program | None = None
    children: list[Program] = field(default_factory=list)
    call: Call | None = None  # within which it was started
    is_decorating: bool = False  # it makes tasks of its own calls
    is_driver: bool = False  # it only starts others
    why_unwatched: str | None = None
    start: int = 0
    end: int | None = None
    status: int | None = None
    signal: int | None = None
    use: ResourceUse | None = None

    @property
    def key(self) -> str:
        """Key of the task that this program is."""
        return self.image.id

    @property
    def is_shell(self) -> bool:
        """Whether it is a command interpreter, whose redirections are meant for others."""
        return self.name.interpreter in programs.SHELLS


Actor = Program | Call


class Processes:
    """The programs of a run and who an access belongs to."""

    def __init__(self, recorded: Recorded) -> None:
        self._images = recorded.images
        self._calls = recorded.calls
        self._actors: dict[tuple[str, int], Actor] = {}
        self._contexts: dict[str, Call | None] = {}
        self._successor = _successors(recorded.images.values())
        self._owner: dict[str, Program] = {}
        self.programs: list[Program] = []
        for image in sorted(recorded.images.values(), key=lambda image: (image.start, image.id)):
            self._own(image)
        _name(self.programs, _reads_of_named(recorded, self._owner))
        self._relate(recorded)
        self._end(recorded)
        self._take_unwatched(recorded)
        self.top = self._find_top(recorded)
        self._end_top(recorded)

    def program_of(self, image: Image) -> Program:
        """Return the program that a process image is part of."""
        return self._owner[image.id]

    def actor(self, image: Image, task: int) -> Actor:
        """Return whose access it is: the innermost call, else the program."""
        known = self._actors.get((image.id, task))
        if known is None:
            known = self._find_actor(image, task)
            self._actors[(image.id, task)] = known
        return known

    def _find_actor(self, image: Image, task: int) -> Actor:
        program = self._owner[image.id]
        if task:
            for each in self._line(image):
                if call := self._calls.get(f"{each.id}:{task}"):
                    return call
        return self._context(image) or program.call or program

    def _line(self, image: Image) -> Iterator[Image]:
        """Yield the image and those that it was forked from."""
        seen: set[str] = set()
        current: Image | None = image
        while current is not None and current.id not in seen:
            seen.add(current.id)
            yield current
            current = self._images.get(current.parent or "") if current.how == "fork" else None

    def _context(self, image: Image) -> Call | None:
        """Return the call within which a process was started."""
        line: list[str] = []
        found: Call | None = None
        current: Image | None = image
        while current is not None:
            if current.id in self._contexts:
                found = self._contexts[current.id]
                break
            self._contexts[current.id] = None  # also ends a circle in a damaged journal
            line.append(current.id)
            if current.task and (found := self._calls.get(current.task)):
                break
            current = self._images.get(current.parent or "")
        for each in line:
            self._contexts[each] = found
        return found

    def _own(self, image: Image) -> Program:
        """Find the program that `image` is part of; its own when it began one."""
        line: list[Image] = []
        seen: set[str] = set()
        current = image
        program: Program | None = None
        while program is None:
            if current.id in self._owner:
                program = self._owner[current.id]
                break
            line.append(current)
            seen.add(current.id)
            following = self._belongs_to(current)
            if following is None or following.id in seen:
                program = Program(current, ProgramName(programs.base_name(current.exe, current.argv)))
                program.start = current.start
                self.programs.append(program)
            else:
                current = following
        for each in line:
            self._owner[each.id] = program
            program.images.append(each)
            program.start = min(program.start, each.start)
        return program

    def _belongs_to(self, image: Image) -> Image | None:
        parent = self._images.get(image.parent or "")
        if image.how == "fork":
            # What a copy does before it becomes a program (a shell's redirections) is for that program.
            return self._successor.get(image.id) or parent
        if parent is None:
            return None
        if programs.is_python_helper(image.exe, image.argv):
            return parent
        if programs.is_container_engine_part(image.exe, image.argv) and self._is_of_engine(parent):
            return parent
        if programs.is_compiler_part(image.exe, image.argv) and (
            programs.is_compiler(parent.exe, parent.argv)
            or programs.is_compiler_part(parent.exe, parent.argv)
            or (parent.how == "fork" and self._owner_is_compiler(parent))
        ):
            return parent
        return None

    def _is_of_engine(self, image: Image) -> bool:
        for each in self._line(image):
            if programs.is_container_engine(each.exe, each.argv):
                return True
            if each.how != "fork":
                return programs.is_container_engine_part(each.exe, each.argv)
        return False

    def _owner_is_compiler(self, image: Image) -> bool:
        for each in self._line(image):
            if each.how != "fork":
                return programs.is_compiler(each.exe, each.argv) or programs.is_compiler_part(each.exe, each.argv)
        return False

    def _relate(self, recorded: Recorded) -> None:
        for program in self.programs:
            parent = self._images.get(program.image.parent or "")
            # A forked image that became this program is part of it: its own parent started it.
            seen: set[str] = set()
            while parent is not None and self._owner[parent.id] is program:
                if parent.id in seen:
                    parent = None
                    break
                seen.add(parent.id)
                parent = self._images.get(parent.parent or "")
            if parent is not None:
                program.parent = self._owner[parent.id]
                program.parent.children.append(program)
            program.call = self._context(program.image)
        for call in recorded.calls.values():
            self._owner[call.image.id].is_decorating = True

    def _end(self, recorded: Recorded) -> None:
        starts: dict[tuple[str, int], list[tuple[int, Image]]] = defaultdict(list)
        for image in recorded.images.values():
            starts[(image.host, image.pid)].append((image.start, image))
        for listed in starts.values():
            listed.sort(key=lambda pair: pair[0])
        for host, event in recorded.waits:
            listed = starts.get((host, event["pid"]), [])
            index = bisect.bisect_right(listed, event["t"], key=lambda pair: pair[0]) - 1
            if index < 0:
                continue
            image = listed[index][1]
            status, signal = event.get("status"), event.get("signal")
            image.signal = signal if isinstance(signal, int) else None
            if isinstance(status, int) and image.status is None:
                image.status = status
            image.end = event["t"] if image.end is None else image.end
            image.use = image.use or resources_of(event)
        for program in self.programs:
            image = program.image
            program.end, program.status = image.end, image.status
            program.signal = image.signal
            successor = self._successor.get(image.id)
            if program.end is None and successor is not None:
                program.end = successor.start
            use = resources.together([each.use for each in program.images if each.use is not None])
            program.use = resources.over_time(use, program.start, program.end)

    def was_replaced(self, image: Image) -> bool:
        """Tell whether another program took the place of this image in its process."""
        return image.id in self._successor

    def _take_unwatched(self, recorded: Recorded) -> None:
        ends: dict[tuple[str, int], list[tuple[int, dict[str, object]]]] = defaultdict(list)
        for host, event in recorded.waits:
            ends[(host, event["pid"])].append((event["t"], dict(event)))
        for number, (image, event) in enumerate(recorded.unwatched):
            argv = tuple(str(word) for word in event.get("argv") or ())
            exe, cwd = str(event.get("exe") or ""), str(event.get("cwd") or image.cwd)
            pid, start = int(event["pid"]), int(event["t"])
            shown = Image(
                *(f"{image.id}!{number}", pid, start, "exec", exe, argv, cwd),
                *(image.host, image.id, None),
            )
            program = Program(shown, programs.name_program(exe, argv, cwd, ()), start=start)
            program.why_unwatched = str(event.get("why") or "unknown")
            program.parent = self._owner[image.id]
            program.parent.children.append(program)
            actor = self.actor(image, event.get("task") or 0)
            program.call = actor if isinstance(actor, Call) else None
            end = min(
                (pair for pair in ends[(image.host, pid)] if pair[0] >= start),
                default=None,
                key=lambda pair: pair[0],
            )
            if end is not None:
                program.end = end[0]
                status, signal = end[1].get("status"), end[1].get("signal")
                program.status = status if isinstance(status, int) else None
                program.signal = signal if isinstance(signal, int) else None
                program.use = resources_of(end[1])
            self.programs.append(program)
            self._owner[shown.id] = program

    def _end_top(self, recorded: Recorded) -> None:
        """The launcher saw how the first program ended, also when that could not say so itself."""
        top, ending = self.top, recorded.ending
        if top is None or ending is None or top.status is not None or top.signal is not None:
            return
        if self.was_replaced(top.image) or top.image.ppid != recorded.header.get("pid"):
            return  # the command itself was not seen: this is one that it started
        status, signal, end = ending.get("status"), ending.get("signal"), ending.get("t")
        top.status = status if isinstance(status, int) else None
        top.signal = top.image.signal = signal if isinstance(signal, int) else None
        if top.end is None and isinstance(end, int):
            top.end = top.image.end = end
        top.use = top.use or resources_of(ending)

    def _find_top(self, recorded: Recorded) -> Program | None:
        roots = [program for program in self.programs if program.parent is None]
        host, pid = recorded.header.get("host"), recorded.header.get("pid")
        started = [p for p in roots if p.image.host == host and p.image.ppid == pid]
        own = [p for p in roots if p.image.host == host]
        return min(started or own or roots, key=lambda p: p.start, default=None)


def _successors(images: Iterable[Image]) -> dict[str, Image]:
    """Return for each image the one that took its place in the same process."""
    by_id = {image.id: image for image in images}
    found: dict[str, Image] = {}
    for image in by_id.values():
        before = by_id.get(image.parent or "")
        if image.how != "exec" or before is None or before is image:
            continue
        if before.pid == image.pid and before.host == image.host:
            found[before.id] = image
    return found


def _reads_of_named(recorded: Recorded, owner: dict[str, Program]) -> dict[int, set[str]]:
    """Return for each program the files that it read, of those that its own arguments may name."""
    named: dict[int, set[str]] = {}
    for program in set(owner.values()):
        image = program.image
        called = programs.language(image.exe, image.argv)
        builder = programs.base_name(image.exe, image.argv) in programs.BUILDERS
        if called is None and not builder:
            continue
        paths = {path for _, path in programs.words_as_paths(image.argv[:200], image.cwd)}
        if builder:
            paths |= {os.path.join(image.cwd, name) for name in programs.MAKEFILES}
            folders = list(paths)
            paths |= {os.path.join(f, name) for f in folders for name in programs.MAKEFILES}
            folders = [programs.absolute(word, image.cwd) for word in image.argv[1:20]]
            paths |= {programs.absolute(w, f) for f in folders for w in image.argv[1:20] if w}
        named[id(program)] = paths
    found: dict[int, set[str]] = defaultdict(set)
    for access in recorded.accesses:
        if access.kind == READ:
            key = id(owner[access.image.id])
            if key in named and access.path in named[key]:
                found[key].add(access.path)
    return found


def _name(found: list[Program], was_read: dict[int, set[str]]) -> None:
    for program in found:
        image = program.image
        read = was_read.get(id(program), set())
        program.name = programs.name_program(image.exe, image.argv, image.cwd, read)
        own = programs.base_name(image.exe, image.argv)
        if own in programs.BUILDERS:
            makefile = programs.makefile_of(image.argv, image.cwd, read)
            program.name = ProgramName(own, None, makefile)
