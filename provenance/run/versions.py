"""From accesses to versions: which content each path had, who wrote it and who read it.

In: accesses in the order of time, with their actors. Out: :class:`Version` objects by path. Version 0 is the content
from before the run; each actor that writes makes one more. The rules are told in ``docs/reference/roles.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provenance.run import recorded
from provenance.run.disk import Disk
from provenance.run.processes import Actor, Program
from provenance.run.recorded import Access, State

_KEEPS_OLD_CONTENT = frozenset(["append", "update"])


@dataclass(slots=True, eq=False)
class Version:
    """One content of one path."""

    path: str
    was_before: bool  # it is from before the run
    state: State | None
    time: int  # when it was made or first seen
    writer: Actor | None = None  # None when it was before or nobody was seen writing it
    readers: dict[Actor, int] = field(default_factory=dict)  # and when they first read it
    names: set[str] | None = None  # by which it was called, when others than the path
    is_closed: bool = False  # the state is the one after writing
    closed: int | None = None  # when it was first closed
    is_gone: bool = False  # deleted or moved away during the run
    is_overwritten: bool = False  # a later version took its place
    saved_as: str | None = None
    seen_before: State | None = None  # the state before it was written
    number: int = 0


class Versions:
    """The versions of all paths of a run, built access by access."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._at: dict[str, list[Version]] = {}  # versions now under this path
        self._done: list[Version] = []  # whose path has gone
        self._hard: dict[str, str] = {}  # further names of one file -> the name that it is kept under
        self._hard_names: dict[str, list[str]] = {}
        self._deleted: set[str] = set()
        # Opened with the old content in place, and not yet known to be changed.
        self._pending: dict[str, dict[Actor, tuple[Access, Version]]] = {}

    def all(self) -> dict[str, list[Version]]:
        """Return all versions by path, numbered; call it once, at the end."""
        for path, openings in self._pending.items():
            for actor, (access, version) in list(openings.items()):
                self._settle(actor, path, access, version)
        by_path: dict[str, list[Version]] = {}
        for version in self._done:
            by_path.setdefault(version.path, []).append(version)
        for path, listed in self._at.items():
            by_path.setdefault(path, []).extend(listed)
        for listed in by_path.values():
            has_before = listed[0].was_before
            for index, version in enumerate(listed):
                version.number = index if has_before else index + 1
                version.is_overwritten = index + 1 < len(listed)
        return by_path

    def take(self, access: Access, actor: Actor, path: str) -> None:
        """Take the next access; `path` is its resolved path."""
        path = self._hard.get(path, path)
        kind = access.kind
        if kind == recorded.READ:
            self._note_name(self._read(access, actor, path), access.path)
        elif kind == recorded.WRITE:
            self._write(access, actor, path)
        elif kind == recorded.CLOSE:
            self._close(access, actor, path)
        elif kind == recorded.DELETE:
            self._delete(path)
        elif kind == recorded.SAVE:
            first = self._first(path, access.state, access.time)
            if first.was_before and first.saved_as is None:
                first.saved_as = access.extra

    def link(self, path: str, to: str) -> None:
        """`to` is another name of the file at `path` from now on."""
        path = self._hard.get(path, path)
        if path != to:
            self._hard[to] = path
            self._hard_names.setdefault(path, []).append(to)

    def rename(self, access: Access, actor: Actor, path: str, to: str) -> None:
        """The file at `path` is called `to` from now on; both resolved."""
        over = access.extra[1]
        if access.extra[3]:
            self._exchange(path, to)
            return
        if path in self._hard:
            self.link(self._hard.pop(path), to)
            return
        if self._hard.pop(to, None) is None:
            if over is not None:
                self._first(to, over, access.time)
            self._goes_on_elsewhere(to)
        self._promote(actor, path)
        versions = self._at.get(path)
        if versions is None:
            self._first(path, access.state, access.time)
            versions = self._at[path]
        moved = versions[-1]
        if moved.writer is actor:
            versions.pop()
            if versions:
                self._retire(path, versions)
            else:
                del self._at[path]
            moved.path, moved.names = to, None
        else:
            moved.readers.setdefault(actor, access.time)
            self._retire(path, versions)
            state = access.state or moved.state
            moved = Version(to, False, state, access.time, actor, is_closed=True)
        self._place(to, moved)

    def paths_below(self, folder: str) -> list[str]:
        """Return the paths that are known to be below `folder`."""
        prefix = folder + "/"
        return [path for path in self._at if path.startswith(prefix)]

    def _exchange(self, path: str, to: str) -> None:
        one, other = self._at.pop(path, None), self._at.pop(to, None)
        for versions, new in ((one, to), (other, path)):
            if versions:
                for version in versions:
                    version.path = new
                self._at[new] = versions

    def _retire(self, path: str, versions: list[Version]) -> None:
        for version in versions:
            version.is_gone = True
        self._done += versions
        self._at.pop(path, None)

    def _place(self, path: str, version: Version) -> None:
        version.is_gone = False
        self._at.setdefault(path, []).append(version)

    def _first(self, path: str, state: State | None, time: int) -> Version:
        """Return the latest version, with one from before the run when there is none."""
        versions = self._at.get(path)
        if versions:
            return versions[-1] if not versions[0].was_before else versions[0]
        version = Version(path, True, state, time)
        self._at[path] = [version]
        return version

    def _read(self, access: Access, actor: Actor, path: str) -> Version:
        state = access.state
        versions = self._at.get(path)
        if not versions:
            version = Version(path, True, state, access.time)
            version.readers[actor] = access.time
            self._at[path] = [version]
            return version
        version = versions[-1]
        if state is not None and version.state != state:
            for older in reversed(versions):
                if older.state is not None and older.state == state:
                    version = older
                    break
            else:
                version = self._unexplained(access, path, versions)
        if version.writer is not actor:
            version.readers.setdefault(actor, access.time)
        return version

    def _unexplained(self, access: Access, path: str, versions: list[Version]) -> Version:
        """A state that no version has: somebody is still writing, or was not seen writing."""
        for actor in self._pending.get(path, ()):
            self._promote(actor, path)
            return versions[-1]
        version = versions[-1]
        if not version.was_before or version.state is None:
            return version  # written and not yet closed, or changed through a descriptor that was lent
        unseen = Version(path, False, access.state, access.time)
        versions.append(unseen)
        return unseen

    def _write(self, access: Access, actor: Actor, path: str) -> None:
        mode, rw = access.extra
        if access.state is not None:
            self._first(path, access.state, access.time)
        versions = self._at.get(path)
        latest = versions[-1] if versions else None
        if latest is not None and latest.writer is actor:
            return
        if mode == "inherited":
            self._inherit(access, actor, path, latest)
        elif mode in _KEEPS_OLD_CONTENT and latest is not None:
            self._pending.setdefault(path, {}).setdefault(actor, (access, latest))
            if rw and latest.writer is not actor:
                latest.readers.setdefault(actor, access.time)
        else:
            self._note_name(self._new(access, actor, path), access.path)

    def _inherit(self, access: Access, actor: Actor, path: str, latest: Version | None) -> None:
        """Standard output or error that another program opened for this one."""
        if latest is not None and latest.writer is not None and _is_above(latest.writer, actor):
            known = access.state or latest.state
            if known is None or known.size == 0 or known == latest.seen_before:
                latest.writer = actor
                latest.readers.pop(actor, None)
                return
            latest.state = known  # the opener has written to it before
        if latest is not None:
            openings = self._pending.get(path, {})
            for opener in [opener for opener in openings if _is_above(opener, actor)]:
                del openings[opener]
            if latest.state is None or latest.state.size:
                latest.readers.setdefault(actor, access.time)
        self._new(access, actor, path)

    def _new(self, access: Access, actor: Actor, path: str) -> Version:
        versions = self._at.setdefault(path, [])
        for index, version in enumerate(versions):
            if version.writer is actor and not any(reader is not actor for reader in version.readers):
                versions.append(versions.pop(index))
                version.is_closed = False
                return version
        version = Version(path, False, None, access.time, actor, seen_before=access.state)
        versions.append(version)
        return version

    def _promote(self, actor: Actor, path: str) -> None:
        """What was opened with its old content in place has been changed."""
        openings = self._pending.get(path)
        if openings is None or actor not in openings:
            return
        pending = openings.pop(actor)
        access, before = pending
        if before.writer is not actor and (before.state is None or before.state.size):
            before.readers.setdefault(actor, access.time)
        self._note_name(self._new(access, actor, path), access.path)

    def _settle(self, actor: Actor, path: str, access: Access, before: Version) -> None:
        """At the end: opened with its old content in place and never closed."""
        now = self._disk.at(path)
        if path not in self._at or (now is not None and access.state == now.state):
            return
        image = access.image
        was_killed = image.signal is not None or image.end is None
        if was_killed:
            self._promote(actor, path)

    def _close(self, access: Access, actor: Actor, path: str) -> None:
        state = access.state
        versions = self._at.get(path)
        if not versions and path in self._deleted:
            return  # deleted while it was open: nothing stands there
        opening = self._pending.get(path, {}).get(actor)
        if opening is not None:
            if state is not None and (state == opening[0].state or (versions and state == versions[-1].state)):
                return
            self._promote(actor, path)
            versions = self._at.get(path)
        if versions:
            latest = versions[-1]
            if latest.writer is actor:
                latest.state, latest.is_closed = state, True
                latest.closed = latest.closed or access.time
                return
            if state is not None and latest.state == state:
                return  # closed after somebody else that it was lent to
            for version in versions:
                if version.writer is actor and not version.is_closed:
                    version.state, version.is_closed = state, True
                    return
            if latest.writer is not None or not latest.was_before:
                latest.readers.setdefault(actor, access.time)
        version = self._new(access, actor, path)
        version.state, version.is_closed = state, True

    def _delete(self, path: str) -> None:
        self._deleted.add(path)
        if not self._goes_on_elsewhere(path) and (versions := self._at.get(path)):
            self._retire(path, versions)

    def _goes_on_elsewhere(self, path: str) -> bool:
        """A name is taken from its file: what stood there stays under another name, if there is one."""
        others = [name for name in self._hard_names.pop(path, ()) if self._hard.get(name) == path]
        versions = self._at.get(path)
        if not others:
            return False
        kept, *further = others
        del self._hard[kept]
        for name in further:
            self.link(kept, name)
        if versions:
            del self._at[path]
            for version in versions:
                version.path = kept
            self._at[kept] = versions
        return True

    def forget_name(self, path: str) -> bool:
        """Take away one of several names of a file; False when `path` is no further name."""
        return self._hard.pop(path, None) is not None

    def _note_name(self, version: Version, name: str) -> None:
        if name != version.path:
            if version.names is None:
                version.names = set()
            version.names.add(name)


def _is_above(upper: Actor, lower: Actor) -> bool:
    """Tell whether `upper` is a program that `lower` was started by, directly or not."""
    if not isinstance(upper, Program) or not isinstance(lower, Program):
        return False
    current = lower.parent
    for _ in range(64):
        if current is None:
            return False
        if current is upper:
            return True
        current = current.parent
    return False
