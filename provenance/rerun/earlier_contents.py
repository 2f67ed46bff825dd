"""What files held at a recorded run that have changed since, where something else kept it.

Comes in: a Run loaded from a record. Goes out: the same Run, whose data have content again. Two places are looked at:

- later runs of the same folder keep what they write over, so the outputs of a run are found in the next one's record;
- what was committed, or is in the patch of uncommitted changes that the record has, is found with git.

What is found counts only when its size is the recorded one, and, in a record, its date too.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from provenance.journal.events import RUN_FILE, SAVED_FOLDER
from provenance.run.listing import is_run_folder
from provenance.run.model import Data, Role, Run, SourceControl

_SECONDS = 20  # for one question to git
_LARGEST = 16 << 20  # bytes of a file that git is asked for
_MOST_ASKED = 200  # files that git is asked for
_ASKED_FOR = frozenset([Role.SOURCE, Role.CONFIGURATION, Role.INPUT])
_COMMIT = re.compile(r"[0-9a-f]{7,64}\Z")


def with_earlier_contents(run: Run, folder: Path, scratch: Path) -> Run:
    """Give the data of a run their content again, as far as it can be had.

    Parameters
    ----------
    folder
        The run's record.
    scratch
        A folder, made when it is needed, that holds what was found for as long as the Run is used.
    """
    lost = [data for data in run.data if data.content is None and not data.is_directory and data.size is not None]
    if not lost:
        return run
    found: dict[str, Path] = {}
    saved = dict(_saved(folder))
    for data in lost:
        kept = saved.get((data.path, data.size, data.mtime_ns))
        if kept is not None and _size(kept) == data.size:
            found[data.key] = kept
    control = run.environment.source_control
    if control is not None and control.commit and _COMMIT.match(control.commit) and Path(control.root).is_dir():
        asked = [data for data in lost if data.role in _ASKED_FOR and data.key not in found]
        found.update(_from_git(control, asked[:_MOST_ASKED], scratch))
    return replace(run, data=tuple(_with_content(data, found) for data in run.data)) if found else run


def _with_content(data: Data, found: Mapping[str, Path]) -> Data:
    path = found.get(data.key)
    return data if path is None else replace(data, content=str(path), changed_after=False, is_gone=False)


def _saved(folder: Path) -> Iterator[tuple[tuple[str, int | None, int | None], Path]]:
    """Yield what other runs of the same place kept before they wrote over it: (path, size, date) and the copy."""
    try:
        others = sorted(one for one in folder.absolute().parent.iterdir() if is_run_folder(one))
    except OSError:
        return
    for other in others:
        if other.name == folder.name or not (other / SAVED_FOLDER).is_dir():
            continue
        for file in sorted(other.glob("*.jsonl")):
            if file.name != RUN_FILE:
                yield from _saved_in(file)


def _saved_in(file: Path) -> Iterator[tuple[tuple[str, int | None, int | None], Path]]:
    try:
        with file.open("rb") as opened:
            for line in opened:
                if b'"save"' not in line:
                    continue
                try:
                    event = json.loads(line.replace(b"\0", b""))
                    path, name, (size, mtime_ns, *_) = event["p"], event["as"], event["s"]
                except (ValueError, KeyError, TypeError):
                    continue
                if event.get("e") == "save" and isinstance(path, str) and isinstance(name, str):
                    yield (path, size, mtime_ns), file.parent / SAVED_FOLDER / os.path.basename(name)
    except OSError:
        return


def _from_git(control: SourceControl, asked: Iterable[Data], scratch: Path) -> dict[str, Path]:
    found = {}
    root = control.root.rstrip("/") + "/"
    for number, data in enumerate(asked):
        inside = data.path.removeprefix(root)
        if not data.path.startswith(root) or ".." in inside.split("/") or (data.size or 0) > _LARGEST:
            continue
        folder = scratch / str(number)
        target = folder / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        content = _git(["show", "--no-textconv", f"{control.commit}:{inside}"], Path(control.root))
        if content is not None:
            target.write_bytes(content)
        if control.is_dirty and control.patch is not None:
            pattern = re.sub(r"([\\*?\[])", r"\\\1", inside)
            _git(["apply", f"--include={pattern}", control.patch], folder)
        if _size(target) == data.size:
            found[data.key] = target
    return found


def _git(words: list[str], folder: Path) -> bytes | None:
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent), "GIT_TERMINAL_PROMPT": "0"}
    settings = ["-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false"]
    try:
        done = subprocess.run(
            ["git", *settings, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return done.stdout if done.returncode == 0 else None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None
