"""The state of the repository that the code lives in, asked of git without changing it.

In: the folders that the code may be in, and the run folder. Out: the ``git`` section of the package's docstring,
and in the run folder a patch with what is not committed. The user's index is copied before anything is asked, and
no hook, filter driver of diffs or file system monitor of the repository is run.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.environment.python.interpreter import unrecorded
from provenance.environment.sources import looks_like_source, suffix
from provenance.journal.credentials import holds_credential, holds_setting, is_private_name

if TYPE_CHECKING:
    from git import Git

PATCH_NAME = "uncommitted.patch"

_SECONDS = 30.0  # for one question
_LARGEST_SOURCE = 1 << 20  # bytes
_LARGEST_PATCH = 16 << 20  # bytes of untracked sources in all
_LARGEST_CHANGED = 16 << 20  # bytes of a tracked file
_MOST_SOURCES = 2000
_NAMES_AT_ONCE = 200  # on one command line
# Not code, but what a project is built and set up with.
_BUILD_SUFFIXES = frozenset(["toml", "cfg", "ini", "yaml", "yml", "in", "ac", "am", "j2", "dot"])
_BUILD_NAMES = frozenset(["requirements.txt", "pipfile", "apptainer"])

_QUIET = (
    *("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.untrackedCache=false"),
    *("-c", "diff.external=", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false"),
    *("-c", "diff.relative=false", "-c", "core.quotePath=true", "-c", "advice.addEmbeddedRepo=false"),
)
_DIFF = (
    *("diff", "--binary", "--full-index", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all", "--unified=3", f"-O{os.devnull}"),
)


class _RefusedError(Exception):
    """Git did not answer; the message says why."""


def describe(folders: Sequence[str], run_folder: Path) -> dict[str, Any] | None:
    """Return the ``git`` section for the first of the folders that is in a repository; None when none is.

    Parameters
    ----------
    folders
        Where the code may live, the likeliest first.
    run_folder
        Where the patch is written, as ``uncommitted.patch``.
    """
    reason = None
    for folder in folders:
        if shutil.which("git") is None:
            has_repository = any((each / ".git").exists() for each in [Path(folder), *Path(folder).parents])
            reason = "git is not installed" if has_repository else reason
            continue
        try:
            root = _text(_Repository(folder).ask("rev-parse", "--show-toplevel")).removesuffix("\n")
        except _RefusedError as error:
            if "not a git repository" not in str(error):
                reason = reason or str(error)
            continue
        return _describe(root, run_folder)
    return None if reason is None else {"reason": reason}


def without_credentials(url: str) -> str:
    """Return a remote's URL without user, password and token; the ``git`` user of SSH stays.

    >>> without_credentials("https://ada:ghp_secret@example.org/lab/code.git")
    'https://example.org/lab/code.git'
    """
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*(?:::[A-Za-z][A-Za-z0-9+.-]*)?://)([^/]*)(.*)", url, re.DOTALL)
    if match:
        scheme, authority, path = match.groups()
        user, _, host = authority.rpartition("@")
        keep_user = user == "git" and not scheme.lower().startswith("http")
        path = path if scheme.lower() == "file://" else re.sub(r"[?#].*", "", path, flags=re.DOTALL)
        return scheme + ("git@" if keep_user else "") + host + path
    match = re.match(r"([^/]*)@([^/@:]+:.*)", url, re.DOTALL)
    if match:  # scp-like: user@host:path
        user, rest = match.groups()
        return ("git@" if user == "git" else "") + rest
    return url


class _Repository:
    """Git, asked in one folder."""

    def __init__(self, folder: str, **variables: str) -> None:
        self.folder = folder
        self._environment = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        self._environment.update(variables)
        kept = unrecorded(os.environ)
        # GitPython starts git with our environment, where a recording may be switched on.
        self._environment.update(
            {name: kept.get(name, "") for name in os.environ if kept.get(name) != os.environ[name]}
        )

    def ask(self, *arguments: str) -> bytes:
        """Return what git prints; raises :class:`_RefusedError` with its first line of complaint."""
        git = _git(self.folder)
        from git.exc import GitCommandError

        try:
            status, output, complaint = git.execute(
                ["git", "--no-pager", *_QUIET, *arguments],
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                kill_after_timeout=_SECONDS,
                env=self._environment,
            )
        except (GitCommandError, OSError, ValueError) as error:
            raise _RefusedError(f"git could not be asked: {error}") from error
        if status != 0:
            lines = [line for line in _text(complaint).splitlines() if line.strip()]
            raise _RefusedError(_plain_reason(lines[0] if lines else f"git ended with status {status}"))
        return output if isinstance(output, bytes) else os.fsencode(str(output))

    def text(self, *arguments: str) -> str | None:
        """Return the line that git prints; None when it prints none or refuses."""
        try:
            return _text(self.ask(*arguments)).removesuffix("\n") or None
        except _RefusedError:
            return None

    def names(self, *arguments: str) -> list[str]:
        """Return the names that git prints with a NUL after each."""
        return [name for name in _text(self.ask(*arguments)).split("\0") if name]


def _git(folder: str) -> Git:
    try:
        from git import Git
    except ImportError as error:  # GitPython asks git for its version when it is imported
        raise _RefusedError("git does not work here") from error
    return Git(folder)


def _text(output: Any) -> str:
    return os.fsdecode(output) if isinstance(output, bytes) else str(output)


def _plain_reason(complaint: str) -> str:
    if "dubious ownership" in complaint:
        return "the repository belongs to another user and git does not trust it"
    if "must be run in a work tree" in complaint:
        return "the repository is bare: it has no working files"
    return complaint.removeprefix("fatal: ")[:300]


def _describe(root: str, run_folder: Path) -> dict[str, Any]:
    repository = _Repository(root)
    commit = repository.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    branch = repository.text("symbolic-ref", "--quiet", "--short", "HEAD")
    remote = _remote(repository, branch)
    found: dict[str, Any] = {"root": root, "tags": []}
    if commit is not None:
        found["commit"] = commit
        found["tags"] = (repository.text("tag", "--points-at", "HEAD") or "").split("\n")
        found["tags"] = [tag for tag in found["tags"] if tag]
    if branch is not None:
        found["branch"] = branch
    if remote:
        found["remote"] = without_credentials(remote)
    try:
        found.update(_changes(root, commit, run_folder))
    except (_RefusedError, OSError) as error:
        found["reason"] = f"the uncommitted changes can't be told: {error}"
    submodules = _submodules(root)
    if submodules:
        found["submodules"] = submodules
    return found


def _remote(repository: _Repository, branch: str | None) -> str | None:
    name = repository.text("config", "--get", f"branch.{branch}.remote") if branch else None
    names = [name] if name and name != "." else []
    for each in [*names, "origin", *(repository.text("remote") or "").split("\n")]:
        url = repository.text("config", "--get", f"remote.{each}.url") if each else None
        if url:
            return url
    return None


def _changes(root: str, commit: str | None, run_folder: Path) -> dict[str, Any]:
    """Write the patch and say what is in it."""
    plain = _Repository(root)
    index = Path(_text(plain.ask("rev-parse", "--git-path", "index")).removesuffix("\n"))
    with tempfile.TemporaryDirectory(prefix="wfprov-") as scratch:
        copy = Path(scratch, "index")
        if Path(root, index).is_file():
            # With its time: git compares it with the files to find those that changed within the same tick.
            shutil.copy2(Path(root, index), copy)
        # What git writes goes beside the copied index, not into the user's objects.
        objects = Path(root, _text(plain.ask("rev-parse", "--git-path", "objects")).removesuffix("\n"))
        own_objects = Path(scratch, "objects")
        own_objects.mkdir()
        repository = _Repository(
            root,
            GIT_INDEX_FILE=str(copy),
            GIT_OBJECT_DIRECTORY=str(own_objects),
            GIT_ALTERNATE_OBJECT_DIRECTORIES=_quoted_path(objects),
        )
        base = commit or _text(plain.ask("hash-object", "-t", "tree", os.devnull)).strip()
        changed = repository.names(*_DIFF, "--name-only", "-z", base)
        kept_out = [name for name in changed if is_private_name(name) or _is_huge(Path(root, name))]
        untracked, left_out = _untracked_sources(root, repository)
        ignored = repository.names("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
        left_out += kept_out
        for name in _not_added(repository, untracked):
            untracked.remove(name)
            left_out.append(name)
        found: dict[str, Any] = {"dirty": bool(changed or untracked or left_out)}
        excluded = [f":(exclude,literal){name}" for name in kept_out]
        diff = repository.ask(*_DIFF, base, "--", *([".", *excluded] if excluded else []))
        patch, private = _without_private(repository, base, diff)
    left_out += private
    untracked = [name for name in untracked if name not in private]
    if patch:
        _write_whole(run_folder / PATCH_NAME, patch)
        found["patch"] = PATCH_NAME
    if untracked:
        found["untracked"] = untracked
    # Code in there belongs to no commit, though the tree is clean.
    ignored = [name for name in ignored if not name.endswith("__pycache__/")]
    if ignored:
        found["ignored"] = ignored
    if left_out:
        found["left_out"] = sorted(set(left_out))
    return found


def _without_private(repository: _Repository, base: str, diff: bytes) -> tuple[bytes, set[str]]:
    """Return a patch without the files whose changes show a credential, and the names of these.

    What is taken away and what stands around it is in a patch as well as what is new.
    """
    kept: list[bytes] = []
    private: set[str] = set()
    starts = [match.start() for match in re.finditer(rb"^diff --git ", diff, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(diff)], strict=False):
        section = diff[start:end]
        name = _name_in_patch(section)
        if _is_private(repository, base, name, section):
            private.add(name)
        else:
            kept.append(section)
    return b"".join(kept), private


def _name_in_patch(section: bytes) -> str:
    """Return the name in ``diff --git a/NAME b/NAME``, where both are the same (git-diff, "Generating patch text")."""
    header = section.partition(b"\n")[0].removeprefix(b"diff --git ")
    name = header[: len(header) // 2].removesuffix(b" ")
    if name.startswith(b'"'):
        name = name[1:-1].decode("unicode_escape").encode("latin-1")
    return os.fsdecode(name.removeprefix(b"a/"))


def _is_private(repository: _Repository, base: str, name: str, section: bytes) -> bool:
    if is_private_name(name):
        return True
    if b"\nGIT binary patch\n" not in section:
        text = section.decode("utf-8", "replace")
        return holds_credential(text) or (not looks_like_source(name) and holds_setting(text))
    try:  # packed in the patch: ask what it was and is
        before = repository.ask("cat-file", "blob", f"{base}:{name}")
    except _RefusedError:  # it is new
        before = b""
    path = Path(repository.folder, name)
    try:
        now = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    except OSError:
        return True
    return any(holds_credential(content.decode("utf-8", "replace")) for content in (before, now))


def _not_added(repository: _Repository, names: Sequence[str]) -> list[str]:
    """Put untracked files into the copied index, so that a diff shows them as new; return those that failed."""
    failed = []
    for first in range(0, len(names), _NAMES_AT_ONCE):
        chunk = names[first : first + _NAMES_AT_ONCE]
        add = ("--literal-pathspecs", "add", "--intent-to-add", "--force", "--")
        try:
            repository.ask(*add, *chunk)
        except _RefusedError:  # one of them was deleted meanwhile
            for name in chunk:
                try:
                    repository.ask(*add, name)
                except _RefusedError:
                    failed.append(name)
    return failed


def _untracked_sources(root: str, repository: _Repository) -> tuple[list[str], list[str]]:
    """Return the names of the untracked sources, and of those that are too large or private."""
    sources: list[str] = []
    left_out: list[str] = []
    room = _LARGEST_PATCH
    for name in repository.names("ls-files", "--others", "--exclude-standard", "-z"):
        path = Path(root, name)
        is_build_file = suffix(name) in _BUILD_SUFFIXES or path.name.lower() in _BUILD_NAMES
        if not is_build_file and not looks_like_source(name):
            continue
        if name.startswith(".wfprov/") or path.is_symlink() or not path.is_file():
            continue
        try:
            size = path.stat().st_size
            fits = size <= min(_LARGEST_SOURCE, room) and len(sources) < _MOST_SOURCES
            if not fits or is_private_name(name) or _holds_credential(path):
                left_out.append(name)
                continue
            if _is_text(path):
                sources.append(name)
                room -= size
        except OSError:  # deleted meanwhile, or not readable
            left_out.append(name)
    return sources, left_out


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        return b"\0" not in file.read(8192)


def _is_huge(path: Path) -> bool:
    try:
        return not path.is_symlink() and path.is_file() and path.stat().st_size > _LARGEST_CHANGED
    except OSError:  # what can't be looked at is left out
        return True


def _holds_credential(path: Path) -> bool:
    with path.open("rb") as file:
        return holds_credential(file.read(_LARGEST_SOURCE).decode("utf-8", "replace"))


def _quoted_path(path: Path) -> str:
    """Return a path as a list of paths takes it, where a colon would divide it (git, "Environment Variables")."""
    text = str(path)
    return text if ":" not in text and not text.startswith('"') else '"' + text.replace("\\", "\\\\") + '"'


def _write_whole(path: Path, content: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)


def _submodules(root: str) -> list[dict[str, str]]:
    if not Path(root, ".gitmodules").is_file():
        return []
    repository = _Repository(root)
    listed = repository.text("config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    found = []
    for entry in (listed or "").split("\0"):
        key, _, path = entry.partition("\n")
        if not path:
            continue
        module = {"path": path}
        name = key.removesuffix("path")
        url = repository.text("config", "--file", ".gitmodules", "--get", name + "url")
        inside = _Repository(str(Path(root, path)))
        is_there = Path(root, path, ".git").exists()
        commit = inside.text("rev-parse", "--verify", "--quiet", "HEAD") if is_there else None
        if commit is None:
            commit = repository.text("rev-parse", "--verify", "--quiet", f"HEAD:{path}")
        if commit:
            module["commit"] = commit
        if url:
            module["remote"] = without_credentials(url)
        found.append(module)
    return found


def owner(folder: str) -> dict[str, str]:
    """Return what git knows of a project and its user: ``remote`` (without credentials), ``name``, ``email``.

    What is not set is left out; nothing is there where git is missing or the folder is in no repository.
    """
    if shutil.which("git") is None:
        return {}
    repository = _Repository(folder)
    if repository.text("rev-parse", "--git-dir") is None:
        return {}
    branch = repository.text("symbolic-ref", "--quiet", "--short", "HEAD")
    remote = _remote(repository, branch)
    found = {
        "remote": without_credentials(remote) if remote else None,
        "name": repository.text("config", "--get", "user.name"),
        "email": repository.text("config", "--get", "user.email"),
    }
    return {key: value for key, value in found.items() if value}
