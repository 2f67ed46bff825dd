"""From accesses to the data of a run: versions, their roles, and where the bytes of each can be read now.

In: the accesses of a journal with their actors, the rules on software and roles. Out: :class:`Files`.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterable

from provenance.environment.sources import looks_like_source
from provenance.journal.credentials import holds_private_key, is_private_name
from provenance.run import recorded
from provenance.run.disk import Disk
from provenance.run.model import Data, Gap, Role
from provenance.run.processes import Actor, Processes, Program
from provenance.run.recorded import Access, Recorded, State
from provenance.run.roles import Verdict, looks_like_settings
from provenance.run.software import SoftwareRules, source_of_bytecode
from provenance.run.versions import Version, Versions

_LEFT_OUT = "it looks private, not taken along"
# Bytes: a private key is in a small file, and begins in its first lines.
_SMALLEST_KEY, _LARGEST_KEY, _HEAD = 64, 1 << 16, 4096


class Files:
    """The versions of all files of a run that are not software, by path."""

    def __init__(
        self,
        journal: Recorded,
        processes: Processes,
        software: SoftwareRules,
        disk: Disk,
        logs: frozenset[str],
    ) -> None:
        """Take all accesses but those to `logs`, the files that the run's standard streams go to."""
        self._software = software
        self._logs = logs
        self._disk = disk
        self._versions = Versions(disk)
        self._record = (
            "/.wfprov/",
            str(journal.folder) + "/",
            os.path.realpath(journal.folder) + "/",
        )
        self.software: dict[str, tuple[State | None, str]] = {}
        self.executed: set[str] = set()
        for access in _with_executed(journal, processes, self.executed, disk):
            self._take(access, processes.actor(access.image, access.task))
        self.by_path = self._versions.all()
        self._forget_what_is_no_file()
        self.executed = {disk.resolve(path) for path in self.executed}
        hand_over(processes.programs, self.by_path)

    def _take(self, access: Access, actor: Actor) -> None:
        path, kind = access.path, access.kind
        if kind == recorded.RENAME:
            self._rename(access, actor)
            return
        if kind == recorded.LINK:
            self._link(access)
            return
        if not self._is_data(access):
            return
        if kind == recorded.DELETE:
            if self._disk.drop_link(path) or self._versions.forget_name(path):
                return
            path = self._disk.name_itself(path)
        else:
            path = self._disk.resolve(path)
            if path != access.path and self._software.reason(path) and not self._software.is_own(access.path):
                self.software.setdefault(path, (access.state, self._software.reason(path) or ""))
                return
        self._versions.take(access, actor, path)

    def _is_data(self, access: Access) -> bool:
        path = access.path
        if self._record[0] in path or path.startswith(self._record[1:]) or path in self._logs:
            return False
        reason = self._software.reason(path)
        if reason is None:
            return True
        if access.kind == recorded.READ and path not in self.software:
            self.software[path] = (access.state, reason)
        return False

    def _link(self, access: Access) -> None:
        to, is_soft = access.extra
        if self._software.reason(to):
            return
        if is_soft:
            self._disk.add_link(self._disk.name_itself(to), self._disk.resolve(access.path))
            if access.path != to:
                self._disk.add_link(to, access.path)
        else:
            self._versions.link(self._disk.resolve(access.path), self._disk.name_itself(to))

    def _rename(self, access: Access, actor: Actor) -> None:
        to, over, is_folder, _ = access.extra
        path = access.path
        if self._software.reason(to) is not None or self._record[0] in to:
            return
        if self._disk.move_link(path, to):
            return
        real, real_to = self._disk.name_itself(path), self._disk.name_itself(to)
        if self._software.reason(path) is not None:
            # From a cache of the system's into the run's own place: written there.
            write = access._replace(path=to, state=over, kind=recorded.WRITE, extra=("create", False))
            self._versions.take(write, actor, real_to)
            self._versions.take(access._replace(kind=recorded.CLOSE, path=to), actor, real_to)
            return
        below = self._versions.paths_below(real) if is_folder or access.state is None else []
        for inner in below:
            moved = real_to + inner[len(real) :]
            self._versions.rename(access._replace(state=None, extra=(moved, None, False, False)), actor, inner, moved)
        if not below and not is_folder:
            self._versions.rename(access, actor, real, real_to)

    def _forget_what_is_no_file(self) -> None:
        """Folders, pipes, sockets and terminals that were opened are no data."""
        folders: set[str] = set()
        for path in self.by_path:
            folder = path.rpartition("/")[0]
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        for path in list(self.by_path):
            found = self._disk.at(path)
            is_other = found is not None and not found.is_regular and not found.is_link
            was_file = any(v.state is not None and v.is_gone for v in self.by_path[path])
            if path in folders or (is_other and not was_file):
                del self.by_path[path]


def _with_executed(journal: Recorded, processes: Processes, executed: set[str], disk: Disk) -> Iterable[Access]:
    """Return the accesses, with one for each program file that was executed, and the sources of bytecode."""
    added: list[Access] = []
    for program in processes.programs:
        image = program.image
        if program.name.script:
            executed.add(program.name.script)
        if image.exe.startswith("/") and program.name.interpreter is None:
            executed.add(image.exe)
            added.append(Access(image.start, 0, recorded.READ, image.exe, None, image, 0, None))
    for access in journal.accesses:
        if access.kind == recorded.READ and access.path.endswith(".pyc"):
            source = source_of_bytecode(access.path)
            if source is not None and (found := disk.at(source)) is not None and found.is_regular:
                added.append(access._replace(path=source, state=None))
    if not added:
        return journal.accesses
    return sorted(journal.accesses + added, key=lambda access: access[:2])


def hand_over(programs: Iterable[Program], by_path: dict[str, list[Version]]) -> None:
    """What a shell opened for a program that it started belongs to that program."""
    if not any(program.is_shell and program.children for program in programs):
        return
    starts: dict[int, list[int]] = {}
    for versions in by_path.values():
        for version in versions:
            for reader in list(version.readers):
                if not isinstance(reader, Program) or not reader.is_shell:
                    continue
                if any(isinstance(o, Program) and o.parent is reader for o in version.readers):
                    del version.readers[reader]
            shell = version.writer
            if not isinstance(shell, Program) or not shell.is_shell:
                continue
            if version.state is None or version.state.size == 0:
                until = version.closed or shell.end or version.time
                if id(shell) not in starts:
                    shell.children.sort(key=lambda child: child.start)
                    starts[id(shell)] = [child.start for child in shell.children]
                index = bisect.bisect_left(starts[id(shell)], version.time)
                if index < len(shell.children) and shell.children[index].start <= until:
                    version.writer = shell.children[index]
                    version.readers.pop(version.writer, None)


def reads_data(version: Version, executed: set[str]) -> bool:
    """Tell whether to read this version is to use data, rather than code or settings."""
    if version.writer is not None:
        return True
    path = version.path
    return not (path in executed or looks_like_source(path) or looks_like_settings(path))


class DataMaker:
    """Makes the Data of versions, and finds where their bytes are now."""

    def __init__(self, journal: Recorded, disk: Disk, ended: int | None) -> None:
        self._journal = journal
        self._disk = disk
        self._ended = ended  # what has changed later was changed after the run
        self._keys: set[str] = set()
        self.data: list[Data] = []
        self.gaps: list[Gap] = []  # files that stay out

    def key(self, path: str, version: int = 0) -> str:
        """Return a new key: the path, with the version when there are several."""
        key = path
        while key in self._keys:
            key = f"{path}@{version}"
            version += 1
        self._keys.add(key)
        return key

    def add(self, version: Version, verdict: Verdict, was_read: bool) -> Data:
        """Make the Data of one version."""
        content, changed = None, False
        state = version.state
        if not version.is_gone and not version.is_overwritten:
            found = self._disk.at(version.path)
            if found is not None and found.is_regular:
                if self._is_same(version, found.state, found.ctime_ns):
                    content, state = version.path, found.state
                else:
                    changed = True
        if content is None and version.saved_as is not None:
            saved = self._journal.folder / "saved" / os.path.basename(version.saved_as)
            content = str(saved) if saved.is_file() else None
        is_private = content is not None and self._is_private(version.path, version.names or (), content, state)
        if is_private:
            content = None
        data = Data(
            key=self.key(version.path, version.number),
            path=version.path,
            role=verdict.role,
            version=version.number,
            size=None if state is None else state.size,
            mtime_ns=None if state is None else state.mtime_ns,
            content=content,
            is_gone=content is None and not is_private,
            changed_after=changed,
            description=_LEFT_OUT if is_private else _description(version),
            reason=verdict.reason,
            names=_other_names(version),
        )
        self.data.append(data)
        return data

    def add_untouched(self, path: str, verdict: Verdict) -> None:
        """Make the Data of a file that the user names and that the run did not touch."""
        found = self._disk.at(path)
        if found is None or not found.is_regular:
            return
        size, mtime_ns = found.state.size, found.state.mtime_ns
        is_private = self._is_private(path, (), path, found.state)
        content = None if is_private else path
        self.data.append(
            Data(
                *(self.key(path), path, verdict.role, 0, False, size, mtime_ns, content),
                description=_LEFT_OUT if is_private else None,
                reason=f"{verdict.reason}; the run was not seen to touch it",
            )
        )

    def add_software(self, files: dict[str, tuple[State | None, str]]) -> None:
        """Make the Data of software, which is told about by `runs show` alone."""
        for path, (state, reason) in files.items():
            size = None if state is None else state.size
            mtime = None if state is None else state.mtime_ns
            self.data.append(Data(self.key(path), path, Role.SOFTWARE, 0, False, size, mtime, path, reason=reason))

    def _is_private(self, path: str, names: Iterable[str], content: str, state: State | None) -> bool:
        """Tell whether a file holds credentials, by its names or by how it begins; then it stays out, which is told."""
        if not any(map(is_private_name, (path, *names))):
            size = None if state is None else state.size
            if size is None or not _SMALLEST_KEY <= size <= _LARGEST_KEY or not _begins_with_key(content):
                return False
        gap = Gap("the content of a file", _LEFT_OUT, path)
        if gap not in self.gaps:
            self.gaps.append(gap)
        return True

    def _is_same(self, version: Version, now: State, ctime_ns: int) -> bool:
        """Tell whether the bytes on disk are those of the version."""
        before = version.state
        if before is not None and (version.was_before or version.is_closed or version.writer is None):
            if now[:2] == before[:2]:
                return True
            if version.was_before or version.writer is None:
                return False
            # Written without being seen: through a lent descriptor, memory, or its time set (cp -p, tar).
            return self._ended is None or ctime_ns <= self._ended
        if self._ended is None:
            return True
        return now.mtime_ns <= self._ended


def _begins_with_key(path: str) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # a third of the time of open(), for thousands of files
    except OSError:  # it can't be taken along either
        return False
    try:
        return holds_private_key(os.read(fd, _HEAD))
    except OSError:
        return False
    finally:
        os.close(fd)


def _other_names(version: Version) -> tuple[str, ...]:
    return tuple(sorted(name for name in version.names if name != version.path)) if version.names else ()


def _description(version: Version) -> str | None:
    names = _other_names(version)
    if not names:
        return None
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"reached by the name {shown}"
