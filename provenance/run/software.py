"""Which files are software: part of the system, an interpreter, a package, a cache; not data and not the user's code.

In: what the run was about (its folders, the files that commands name, the programs). Out: for a path, the reason why
it is software, or None. The rules are told in ``docs/reference/roles.md``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from provenance.run import programs
from provenance.run.processes import Program

# Never data, whoever names them.
_KERNEL = ("/proc/", "/sys/", "/dev/")
_SYSTEM = (
    *(
        "/usr/",
        "/lib/",
        "/lib64/",
        "/lib32/",
        "/libx32/",
        "/bin/",
        "/sbin/",
        "/etc/",
        "/run/",
        "/boot/",
    ),
    *("/opt/", "/snap/", "/nix/store/", "/gnu/store/", "/cvmfs/"),
    *(
        "/var/lib/",
        "/var/cache/",
        "/var/run/",
        "/var/spool/",
        "/var/tmp/.",
        "/System/",
        "/Library/",
    ),
)
# Below these, a folder that a command names is data.
_MAY_HOLD_DATA = ("/opt/", "/usr/local/share/", "/var/lib/", "/cvmfs/", "/run/media/", "/srv/")
_PACKAGES = re.compile(
    r"/(site-packages|dist-packages|node_modules|__pycache__|\.git|\.hg|\.svn|[rR]/library|site-library"
    r"|R/[a-z0-9_.-]+-library|\.venv|\.tox|\.nox|conda-meta|\.ipynb_checkpoints|\.pytest_cache|\.mypy_cache"
    r"|\.ruff_cache|\.snakemake|\.Rproj\.user|[^/]+\.(dist-info|egg-info))(/|$)"
)
_BYTECODE = re.compile(r"\.(pyc|pyo|pyc\.[0-9]+)$")
_LIBRARY = re.compile(r"\.(so(\.[0-9]+)*|dylib|dll|pyd|rdb|rdx|jsa)$")
_PATH_FILES = re.compile(r"/(pyvenv\.cfg|[^/]+\.(pth|egg-link)|\.Rprofile|\.Renviron|\.python-version)$")
_SOFTWARE_NAME = re.compile(r"\.(a|o|h|hpp|jar|py|pm|pl|R|rb|js|la|pc|gir|typelib|mod)$")
_INSTALLED = ("bin", "sbin", "lib", "lib64", "libexec", "share", "etc", "include", "conda-meta")
_HOME_DOT = re.compile(r"^(/home/[^/]+|/root|/Users/[^/]+)/\.[^/]")


class SoftwareRules:
    """Tells software from data, for one run."""

    def __init__(self, own_folders: Iterable[str], found: Iterable[Program]) -> None:
        """Take the folders that the run's own files are in, and its programs."""
        own = {folder.rstrip("/") + "/" for folder in own_folders if _is_own_place(folder)}
        self._own = tuple(sorted(own))
        self._home = str(Path("~").expanduser()).rstrip("/")
        self._own_in_dots = tuple(folder for folder in self._own if self._is_home_dot(folder))
        self._named: set[str] = set()
        self._named_folders: set[str] = set()
        self._environments: dict[str, str] = {}  # folder of an interpreter -> its name
        self._installed: dict[str, str] = {}  # folder of another program -> its name
        self._memo: dict[str, str | None] = {}
        for program in found:
            self._take(program)

    def is_own(self, path: str) -> bool:
        """Tell whether a path is in the folders that the run's own files are in."""
        return path.startswith(self._own)

    def add_environment(self, prefix: str, name: str) -> None:
        """Everything below `prefix` belongs to an interpreter or an environment."""
        if self._can_be_prefix(prefix):
            self._environments[prefix.rstrip("/") + "/"] = name

    def reason(self, path: str) -> str | None:
        """Return why the file at `path` is software; None when it is the run's own."""
        try:
            return self._memo[path]
        except KeyError:
            reason = self._memo[path] = self._find_reason(path)
            return reason

    def _find_reason(self, path: str) -> str | None:
        if reason := _reason_in_name(path):
            return reason
        if path in self._named or path.startswith(tuple(self._named_folders)):
            return None
        if reason := _installed_with(path, self._environments):
            return reason
        if self._is_home_dot(path) and not path.startswith(self._own_in_dots):
            return "settings or caches in the home folder"
        return None if path.startswith(self._own) else self._reason_outside(path)

    def _reason_outside(self, path: str) -> str | None:
        if path.startswith(_SYSTEM):
            return "belongs to the system or to installed software"
        if _LIBRARY.search(path):
            return "a library of programs"
        return _installed_with(path, self._installed)

    def _is_home_dot(self, path: str) -> bool:
        at_home = bool(self._home) and path.startswith(self._home + "/.")
        return at_home or bool(_HOME_DOT.match(path))

    def _can_be_prefix(self, prefix: str) -> bool:
        if prefix.count("/") < 2 or prefix.rstrip("/") == self._home:
            return False
        own = prefix.rstrip("/") + "/"
        return not any(folder.startswith(own) for folder in self._own)

    def _take(self, program: Program) -> None:
        image = program.image
        if image.exe.startswith("/"):
            prefix, _, folder = image.exe.rpartition("/")[0].rpartition("/")
            if folder in ("bin", "sbin") and self._can_be_prefix(prefix):
                name = image.exe.rpartition("/")[2]
                if programs.language(image.exe, image.argv):
                    self._environments[prefix + "/"] = name
                else:
                    self._installed.update({f"{prefix}/{part}/": name for part in _INSTALLED})
        if programs.is_compiler(image.exe, image.argv) or program.why_unwatched:
            return
        for _, path in programs.words_as_paths(image.argv, image.cwd):
            if path in (program.name.script, image.exe) or path.startswith(self._own):
                continue
            if "/bin/" in path or _LIBRARY.search(path) or _SOFTWARE_NAME.search(path):
                continue
            if path.startswith(_MAY_HOLD_DATA):
                self._named_folders.add(path + "/")
            self._named.add(path)


def _reason_in_name(path: str) -> str | None:
    """Return why a file is software wherever it lies."""
    if path.startswith(_KERNEL) and not path.startswith("/dev/shm/"):
        return "a device or an interface of the system"
    if _BYTECODE.search(path):
        return "compiled code that an interpreter keeps"
    if found := _PACKAGES.search(path):
        return f"belongs to a package, an environment or a repository ({found.group(1)})"
    if _PATH_FILES.search(path):
        return "tells an interpreter where its packages are"
    return None


def _installed_with(path: str, folders: dict[str, str]) -> str | None:
    for folder, name in folders.items():
        if path.startswith(folder):
            return f"installed together with {name}, in {folder.rstrip('/')}"
    return None


def _is_own_place(folder: str) -> bool:
    """Tell whether a working folder says that what is in it is the user's own."""
    with_slash = folder.rstrip("/") + "/"
    if with_slash == "/" or with_slash.startswith(_KERNEL):
        return False
    # A command that runs in /usr or /opt itself makes nothing there its own; one in /opt/project does.
    return with_slash not in _SYSTEM and not any(part.startswith(with_slash) for part in _SYSTEM)


def source_of_bytecode(path: str) -> str | None:
    """Return the source that a file in ``__pycache__`` was compiled from, by PEP 3147's naming."""
    folder, _, name = path.rpartition("/")
    if not folder.endswith("/__pycache__") or not name.endswith(".pyc"):
        return None
    return os.path.join(folder[: -len("/__pycache__")], name.split(".", 1)[0] + ".py")
