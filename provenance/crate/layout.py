"""Where each file of a run goes in its crate: copied to a path of its own, referenced, or only
described.

Comes in: the Run and the settings. Goes out: one :class:`Item` for each data of the run that the
crate tells about. Two items never get the same path, nor a file the path of a folder, nor two names
that differ only in case (outside of the sources, where names are part of the code).
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from provenance.crate.settings import AUTO_COPY_LIMIT, DataMode, PackSettings
from provenance.run.model import Data, Role, Run

SOURCES = "application_sources"
DATASET = "dataset"
EARLIER = "earlier_states"
ENVIRONMENT = "environment"
LOGS = "logs"
RUN_SCRIPT = f"{SOURCES}/run.sh"  # the command, where there is no script that is the workflow
RUN_SCRIPT_IS = "The command that was run."

_TOLD = {Role.SOURCE, Role.CONFIGURATION, Role.INPUT, Role.OUTPUT, Role.INTERMEDIATE, Role.LOG}
_ALWAYS_COPIED = {Role.SOURCE, Role.LOG}
# What `auto` copies first when not all fits.
_RANK = {Role.CONFIGURATION: 0, Role.OUTPUT: 1, Role.INPUT: 2, Role.INTERMEDIATE: 3}
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*\Z")
_NAME_LIMIT = 255  # bytes in a file name, on every file system that is common on Linux


class Treatment(Enum):
    """What the crate holds of a file."""

    COPY = "copy"
    REFERENCE = "reference"
    DESCRIBE = "describe"


@dataclass(slots=True)
class Item:
    """One data of the run and its place: ``path`` is relative to the crate, for a folder too."""

    data: Data
    treatment: Treatment
    path: str


def crate_id(path: str) -> str:
    """Percent-encode a path inside the crate as a relative URI, ``+`` too (some readers take it for
    a blank)."""
    return path if _PLAIN.match(path) else quote(path, safe="/", errors="surrogateescape")


def file_uri(host: str | None, path: str) -> str:
    """Address a file on the machine of the run; bytes that are not UTF-8 survive as
    percent-escapes."""
    return f"file://{quote(host or '', safe='')}{crate_id(path)}"


def plan(run: Run, settings: PackSettings) -> list[Item]:
    """Decide for every data of ``run`` what happens to it and where it goes, in the order of
    ``run.data``."""
    told = [data for data in run.data if _is_told(data, settings)]
    copied = _copied_by_auto(told, settings) if settings.data is DataMode.AUTO else None
    latest: dict[str, int] = {}
    for data in told:
        latest[data.path] = max(data.version, latest.get(data.path, 0))
    allocator = PathAllocator()
    allocator.place(RUN_SCRIPT)  # kept free
    allocator.place(f"{LOGS}/stdout.txt")
    allocator.place(f"{LOGS}/stderr.txt")
    base = _base(run)
    items = []
    for data in told:
        treatment = _treatment(data, settings, copied)
        wanted = _wanted_path(data, run, base, is_latest=data.version == latest[data.path])
        items.append(Item(data, treatment, allocator.place(wanted, is_folder=data.is_directory)))
    return items


def _is_told(data: Data, settings: PackSettings) -> bool:
    if data.role is Role.INTERMEDIATE and not settings.tasks:
        return False
    return data.role in _TOLD


def _copied_by_auto(told: list[Data], settings: PackSettings) -> set[str]:
    """Keys of the data that fit: configuration, outputs, inputs, intermediates; the small ones
    first."""
    candidates = [d for d in told if d.role in _RANK and not d.is_directory and d.content is not None]
    room = AUTO_COPY_LIMIT
    chosen = set()
    for data in sorted(candidates, key=lambda d: (_RANK[d.role], d.size or 0)):
        if (data.size or 0) <= room:
            room -= data.size or 0
            chosen.add(data.key)
    return chosen


def _treatment(data: Data, settings: PackSettings, copied: set[str] | None) -> Treatment:
    if data.content is None or data.is_gone or (data.changed_after and data.content == data.path):
        return Treatment.DESCRIBE
    if data.role in _ALWAYS_COPIED:
        return Treatment.COPY
    if settings.max_file_size is not None and (data.size or 0) > settings.max_file_size:
        return Treatment.REFERENCE
    if settings.data is DataMode.COPY or (copied is not None and (data.is_directory or data.key in copied)):
        return Treatment.COPY
    return Treatment.REFERENCE


def _base(run: Run) -> str | None:
    """The folder that data are shown relative to: the project when the run took place inside it,
    else the cwd."""
    if run.cwd and run.project and _relative(run.cwd, run.project) is not None:
        return run.project
    return run.cwd


def _relative(path: str, folder: str | None) -> str | None:
    if not folder:
        return None
    prefix = folder.rstrip("/") + "/"
    if path.startswith(prefix):
        return path[len(prefix) :]
    return "" if path == folder else None


def _wanted_path(data: Data, run: Run, base: str | None, is_latest: bool) -> str:
    top = {Role.SOURCE: SOURCES, Role.LOG: LOGS}.get(data.role, DATASET)
    folder = (run.project or run.cwd) if data.role is Role.SOURCE else base
    if data.role is Role.LOG and run.log_folder and _relative(data.path, run.log_folder):
        folder = run.log_folder
    relative = _relative(data.path, folder)
    inside = data.path if relative is None else relative
    if not is_latest:
        top = f"{EARLIER}/{data.version}"
    return f"{top}/{inside.strip('/')}".rstrip("/")


class PathAllocator:
    """Gives out paths in the crate, each once."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: dict[str, str] = {}  # path asked for -> path given
        self._folder_keys: set[str] = set()

    def place(self, path: str, is_folder: bool = False) -> str:
        """Reserve ``path``, or the nearest free one (``name_2.csv``); a folder may be asked for
        again."""
        parent, _, name = path.rpartition("/")
        if is_folder:
            return self._folder(path)
        folder = self._folder(parent)
        prefix = f"{folder}/" if folder else ""
        name = _portable(name)
        candidate = prefix + name
        number = 1
        while (key := _key(candidate)) in self._files or key in self._folder_keys:
            number += 1
            candidate = prefix + _numbered(name, number)
        self._files.add(key)
        return candidate

    def _folder(self, path: str) -> str:
        if not path:
            return ""
        given = self._folders.get(path)
        if given is not None:
            return given
        parent, _, name = path.rpartition("/")
        folder = self._folder(parent)
        prefix = f"{folder}/" if folder else ""
        name = _portable(name)
        given = prefix + name
        number = 1
        while (key := _key(given)) in self._files:
            number += 1
            given = prefix + _numbered(name, number)
        self._folders[path] = given
        self._folder_keys.add(key)
        return given


def _key(path: str) -> str:
    if path.startswith(SOURCES):
        return path
    return path.casefold() if path.isascii() else unicodedata.normalize("NFC", path).casefold()


def _numbered(name: str, number: int) -> str:
    stem, dot, suffix = name.rpartition(".")
    if not stem:
        return _portable(f"{name}_{number}")
    return _portable(f"{stem}_{number}{dot}{suffix}")


def _portable(name: str) -> str:
    """Escape what a zip or a path can't hold: bytes that are not UTF-8 as ``%FF``, and names that
    mean a folder."""
    if name in ("", ".", ".."):
        return "%2E" * len(name) or "%00"
    if not name.isascii():
        try:
            name.encode()
        except UnicodeEncodeError:
            raw = os.fsencode(name)
            name = re.sub(
                "[\udc80-\udcff]",
                lambda m: f"%{ord(m[0]) - 0xDC00:02X}",
                raw.decode("utf-8", "surrogateescape"),
            )
    if len(name) * 4 > _NAME_LIMIT and len(name.encode()) > _NAME_LIMIT:
        mark = hashlib.sha256(name.encode()).hexdigest()[:12]
        name = f"{name.encode()[: _NAME_LIMIT - 13].decode('utf-8', 'ignore')}~{mark}"
    return name
