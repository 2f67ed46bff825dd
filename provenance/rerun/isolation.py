"""Walls around a re-run: no network, none of the user's files, and the recorded absolute paths in place.

Comes in: where the recorded paths lie now, the environment, the step. Goes out: :class:`Walls`, the words that go
before the program (bubblewrap's) and the step as it is inside. Inside are the machine's programs and libraries, the
environment and the files of the run; writable are the work folder, the record, and folders that vanish at the end.

Our recorder itself is inside: what describes the surroundings of a run starts programs that the crate may have
brought, and has to be walled in as they are.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from provenance.errors import MissingPartError
from provenance.rerun.launching import ROOT
from provenance.rerun.placing import is_below
from provenance.rerun.records import Placement, Ready, Step

HOME = "/run/wfprov/home"
RECORD = "/run/wfprov/record"  # where the record root lies inside
RESULTS = "/run/wfprov/results"  # where a step of ours puts what it makes
_SECONDS = 20  # that the trial may take
# Programs and libraries of the machine and its site.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
# What of /etc programs need to start and to show texts and times; no accounts, keys or addresses.
SETTINGS = (
    "alternatives",
    "crypto-policies",
    "debian_version",
    "fonts",
    "java.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.conf",
    "localtime",
    "lsb-release",
    "magic",
    "matplotlibrc",
    "mime.types",
    "nsswitch.conf",
    "OpenCL",
    "openmpi",
    "os-release",
    "pki/ca-trust/extracted",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "protocols",
    "R",
    "redhat-release",
    "rpc",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
    "system-release",
    "terminfo",
    "texmf",
    "timezone",
)
# Which package a program is of; there is nothing of users in them.
_PACKAGES = ("/var/lib/dpkg", "/var/lib/rpm", "/var/lib/pacman/local", "/var/lib/alternatives")
_KERNEL = ("/sys/devices/system/cpu", "/sys/devices/system/node")  # how many processors there are
_OURS = ("/proc", "/dev", "/sys", "/run", "/etc")  # made by us: nothing of the run can lie over them
LINK_TARGETS = (*SYSTEM, "/dev/null")  # where links that a run leaves behind may lead, out of its folders


@dataclass(frozen=True, slots=True)
class Isolation:
    """How a run is walled in."""

    tool: str  # path of bwrap
    placement: Placement
    crate: Path
    readable: tuple[Path, ...] = ()  # files and folders of this machine that the user gave to the run


@dataclass(frozen=True, slots=True)
class Walls:
    """What starts a program within the walls, and what it finds there."""

    words: tuple[str, ...]  # go before the program
    step: Step  # as it is inside
    places: tuple[tuple[str, str], ...]  # (path inside, path outside) of what can be written; the deepest first
    made: tuple[Path, ...] = ()  # folders that may appear in the work folder where other things are put over it
    notes: tuple[str, ...] = ()  # what could not be put in its place, for people
    visible: tuple[str, ...] = ()  # folders and files inside that can be read only

    def outside(self, path: str) -> str | None:
        """Where something that was written inside lies now; None for what has vanished or was there before."""
        for inside, place in self.places:
            if is_below(path, inside):
                return place + path[len(inside.rstrip("/")) :]
        return None


def tool() -> str | None:
    """Find bubblewrap."""
    return shutil.which("bwrap")


def usable() -> str | None:
    """Try whether a run can be walled in here; in words why not, None when it can."""
    found = tool()
    if found is None:
        return "bubblewrap (bwrap) is not installed; install the package bubblewrap, or leave --isolate out"
    words = [found, *_unshared(), *_system(), "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "/bin/true"]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False, env={}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{found} can't be started: {error}"
    if done.returncode == 0:
        return None
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return (
        f"{found} can't make the walls here ({said[-1] if said else f'it ended with {done.returncode}'}); user "
        "namespaces may be switched off: ask the administrator, use another machine, or leave --isolate out"
    )


def isolation(placement: Placement, crate: Path, readable: Iterable[Path] = ()) -> Isolation:
    """Wall in the runs of a re-run.

    Raises
    ------
    MissingPartError
        This machine can't.
    """
    why = usable()
    if why is not None:
        raise MissingPartError(f"--isolate: {why}")
    return Isolation(tool() or "bwrap", placement, crate, tuple(readable))


def wrap(
    step: Step,
    ready: Ready,
    walls: Isolation,
    record: Path,
    *,
    own: Path | None = None,
    results: Path | None = None,
    readable: Iterable[Path] = (),
    shows_work_folder: bool = False,
) -> Walls:
    """Plan the walls for a step.

    Parameters
    ----------
    record
        Folder that is the record root inside.
    own
        Folder in which ``etc/`` is made, for what stands in the place of this machine's accounts; the record's own
        when None.
    results
        Folder that gets what a step of ours makes of the record; the work folder can then be read only.
    readable
        What else of this machine is shown.
    shows_work_folder
        Show the work folder where it lies as well; otherwise only when not all of it can be put in place.
    """
    placement = walls.placement
    bound, notes = in_place(placement)
    inside = _Inside(placement, bound)
    step = inside.step(step)
    shows_work_folder = shows_work_folder or not inside.is_whole
    words = [walls.tool, *_unshared(), *_system(), *_settings((own or record.parent) / "etc")]
    words += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp", "--tmpfs", "/run"]
    words += ["--dir", HOME, "--dir", f"{HOME}/.cache"]
    for path in (*_KERNEL, *_PACKAGES):
        words += ["--ro-bind-try", path, path]
    work = [*([(str(placement.folder), str(placement.folder))] if shows_work_folder else []), *bound]
    for place, folder in work:
        words += ["--bind" if results is None else "--ro-bind", folder, place]
    needed = _needed(step, ready, walls, readable)
    for path in needed:
        words += ["--ro-bind", path, path]
    words += ["--bind", str(record), RECORD]
    if results is not None:
        words += ["--bind", str(results), RESULTS]
    words += ["--chdir", str(step.cwd), "--"]
    over = [
        Path(folder + path[len(place.rstrip("/")) :])
        for path in needed
        for place, folder in work
        if is_below(path, place)
    ]
    places = sorted(work, key=lambda pair: -len(pair[0]))
    return Walls(tuple(words), step, tuple(places), tuple(over), tuple(notes), (*SYSTEM, *needed))


def _unshared() -> list[str]:
    # A session of its own: a process that has our terminal could type commands into it.
    return ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]


def _system() -> list[str]:
    words = []
    for path in SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    return words


def _settings(own: Path) -> list[str]:
    """Put together an ``/etc`` without accounts and addresses."""
    own.mkdir(mode=0o700, exist_ok=True)
    user, group = os.getuid(), os.getgid()
    for name, content in (
        ("passwd", f"user:x:{user}:{group}:user:{HOME}:/bin/sh\n"),
        ("group", f"user:x:{group}:\n"),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ):
        (own / name).write_text(content, encoding="ascii")
    words = []
    for name in SETTINGS:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for name in ("passwd", "group", "hosts"):
        words += ["--ro-bind", str(own / name), f"/etc/{name}"]
    return words


def _needed(step: Step, ready: Ready, walls: Isolation, more: Iterable[Path]) -> list[str]:
    """List what is shown read-only besides the system: the environment, our own Python, what the user gave."""
    wanted = [*map(str, ready.needs), *map(str, walls.readable), *map(str, more), *_own()]
    if any(str(walls.crate) in word for word in step.words):
        wanted.append(str(walls.crate))
    found: list[str] = []
    for path in sorted({os.path.abspath(path) for path in wanted}):
        if not os.path.exists(path) or any(is_below(path, one) for one in (*SYSTEM, *found)):
            continue
        found.append(path)
    return found


def _own() -> Iterable[str]:
    """Where this Python, our package and what it needs lie."""
    yield sys.prefix
    yield sys.base_prefix
    yield str(ROOT / "provenance")
    home = os.path.expanduser("~")
    for path in sys.path:
        # A folder around the home folder would show all of it.
        is_ours = os.path.isabs(path) and os.path.basename(path) in ("site-packages", "dist-packages")
        if is_ours and not is_below(home, path):
            yield path


def in_place(placement: Placement) -> tuple[list[tuple[str, str]], list[str]]:
    """Choose which folders of the work folder are put over which recorded paths; in words, which can't be.

    A root that holds folders of the system is not put there as a whole; what the run had beside these is.
    """
    bound: list[tuple[str, str]] = []
    notes: list[str] = []
    waiting = [(placement.root, str(placement.folder))]
    while waiting:
        place, folder = waiting.pop()
        hidden = [one for one in (*SYSTEM, *_OURS) if is_below(one, place) or is_below(place, one)]
        if not hidden:
            bound.append((place, folder))
        elif any(is_below(place, one) for one in hidden):
            notes.append(f"{place} is the system's here: what the run had there is in {folder}")
        else:
            waiting += [
                (posixpath.join(place, entry.name), entry.path)
                for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
                if entry.is_dir(follow_symlinks=False)
            ]
    return bound, notes


@dataclass(frozen=True, slots=True)
class _Inside:
    """How paths of the work folder are called inside."""

    placement: Placement
    bound: Sequence[tuple[str, str]]

    @property
    def is_whole(self) -> bool:
        return any(place == self.placement.root for place, _ in self.bound)

    def path(self, here: str) -> str:
        """Give a path in the work folder its recorded name, where it has that inside; others stay."""
        for place, folder in self.bound:
            if is_below(here, folder):
                return str(PurePosixPath(place, here[len(folder) :].lstrip("/")))
        return here

    def step(self, step: Step) -> Step:
        """Undo what led the words of a command to the work folder, where the recorded paths are in place."""
        words = list(step.words)
        for rewrite in step.rewrites:
            word = words[rewrite.index]
            head, equals, tail = word.partition("=")
            for prefix, text in (("", word), (head + equals, tail)):
                if text.startswith("/") and self.path(text.rstrip("/") or "/") != (text.rstrip("/") or "/"):
                    words[rewrite.index] = prefix + self.path(text.rstrip("/")) + "/" * text.endswith("/")
                    break
        variables = tuple(
            (name, os.pathsep.join(self.path(part) for part in value.split(os.pathsep)))
            if str(self.placement.folder) in value
            else (name, value)
            for name, value in step.variables
        )
        return replace(step, words=tuple(words), cwd=Path(self.path(str(step.cwd))), variables=variables)
