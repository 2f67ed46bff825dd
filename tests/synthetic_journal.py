"""Writes journals of any size, with the data files that they speak of, for tests and benchmarks.

``write_journal`` records one imaginary Python process with decorated tasks: each reads one file that was there
before and writes a new one. As a program: ``python -m tests.synthetic_journal FOLDER FILES DATA``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

from provenance.journal.events import FORMAT_VERSION

HOST = "node1"
MILLISECOND = 1_000_000


def write_journal(
    folder: Path,
    files: int,
    tasks: int,
    data_folder: Path,
    *,
    create_data: bool = True,
    size: int = 100,
    run_id: str = "20260101-120000-synthetic",
) -> Path:
    """Write the journal of a run with `files` files and `tasks` tasks below `folder`.

    Half of the files are inputs, half are outputs; task i reads input i and writes output i (in turn, when the
    numbers differ). With `create_data` the files are made in `data_folder` (`in/`, `out/`, 100 to a folder, `size`
    bytes each) and the journal has their true states; without, they look as if deleted after the run.
    Returns the run folder, ``<folder>/<run_id>``.
    """
    inputs, outputs = _data_paths(data_folder, files)
    script = data_folder / "workflow.py"
    if create_data:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("# the workflow of a synthetic run\n")
        for path in inputs + outputs:
            _write_data(path, size)
    run_folder = folder / run_id
    run_folder.mkdir(parents=True)
    start = time.time_ns()
    process = f"{HOST}-4242-{start}"
    end = start + (tasks + 2) * MILLISECOND
    _write_lines(
        run_folder / "run.jsonl",
        [
            {
                "e": "run",
                "v": FORMAT_VERSION,
                "id": run_id,
                "t": start,
                "command": ["python", str(script)],
                "cwd": str(data_folder),
                "user": "someone",
                "host": HOST,
                "pid": 4241,
                "version": "0.1.0",
                "trace": "preload",
                "save_limit": 10_000_000,
                "stdout": {"kind": "terminal"},
                "stderr": {"kind": "terminal"},
            },
            {"e": "end", "t": end, "status": 0, "utime": 1.5, "stime": 0.5, "maxrss": 50_000_000},
        ],
    )
    events: list[dict[str, object]] = [
        {
            "e": "process",
            "v": FORMAT_VERSION,
            "id": process,
            "t": start,
            "host": HOST,
            "pid": 4242,
            "ppid": 4241,
            "how": "exec",
            "exe": "/usr/bin/python3.11",
            "argv": ["python", str(script)],
            "cwd": str(data_folder),
        },
        {"e": "read", "t": start, "p": str(script), "s": _state(script)},
        {
            "e": "tool",
            "t": start,
            "id": 1,
            "name": "simulate",
            "module": "__main__",
            "file": str(script),
            "line": 1,
            "end_line": 9,
            "doc": "Simulate one case.",
            "params": ["source", "target", "seed"],
        },
    ]
    for number in range(tasks):
        source, target = inputs[number % len(inputs)], outputs[number % len(outputs)]
        now = start + (number + 1) * MILLISECOND
        args = [
            {"name": "source", "type": "str", "value": str(source), "path": str(source)},
            {"name": "target", "type": "str", "value": str(target)},
            {"name": "seed", "type": "int", "value": number},
        ]
        events += [
            {"e": "task", "t": now, "id": number + 1, "tool": 1, "args": args},
            {
                "e": "read",
                "t": now + 100,
                "p": str(source),
                "s": _state(source),
                "task": number + 1,
            },
            {
                "e": "write",
                "t": now + 200,
                "p": str(target),
                "s": None,
                "mode": "create",
                "task": number + 1,
            },
            {
                "e": "close",
                "t": now + 900,
                "p": str(target),
                "s": _state(target),
                "task": number + 1,
            },
            {
                "e": "done",
                "t": now + 1000,
                "id": number + 1,
                "status": "completed",
                "value": {"name": "return", "type": "float", "value": number / 7},
            },
        ]
    events.append(
        {
            "e": "end",
            "t": end,
            "status": 0,
            "utime": 1.5,
            "stime": 0.5,
            "maxrss": 50_000_000,
            "lost": 0,
        }
    )
    _write_lines(run_folder / f"{process}.jsonl", events)
    return run_folder


def _data_paths(data_folder: Path, files: int) -> tuple[list[Path], list[Path]]:
    half = max(1, files // 2)
    inputs = [data_folder / "in" / f"{n // 100:04}" / f"{n:06}.txt" for n in range(half)]
    outputs = [data_folder / "out" / f"{n // 100:04}" / f"{n:06}.txt" for n in range(max(1, files - half))]
    return inputs, outputs


def _write_data(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((str(path).encode() * (size // len(str(path)) + 1))[:size])


def _state(path: Path) -> list[int]:
    try:
        found = os.stat(path)
    except OSError:
        return [100, 1_700_000_000_000_000_000, abs(hash(path)) % 2**40, 1]
    return [found.st_size, found.st_mtime_ns, found.st_ino, found.st_dev]


def _write_lines(path: Path, events: list[dict[str, object]]) -> None:
    with path.open("w", encoding="ascii") as lines:
        for event in events:
            lines.write(json.dumps(event, separators=(",", ":")) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("files", type=int)
    parser.add_argument("data", type=Path)
    parser.add_argument("--no-data", action="store_true", help="write the journal only")
    given = parser.parse_args()
    print(write_journal(given.folder, given.files, given.files // 2, given.data, create_data=not given.no_data))


if __name__ == "__main__":
    main()
