"""The files of a crate that tell the surroundings of the run: machine, bill of materials, uncommitted
changes, output.

Comes in: the Run. Goes out: files in ``environment/`` and ``logs/`` and their entities. The locks that the environment
is rebuilt from are written by :mod:`.lock_files`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from hashlib import sha256

from provenance.crate.archive import Archive
from provenance.crate.entities import Entity, media_type, ref
from provenance.crate.layout import ENVIRONMENT, LOGS, RUN_SCRIPT, RUN_SCRIPT_IS, crate_id
from provenance.crate.plots import plots
from provenance.crate.usage_entities import system_entries
from provenance.run.model import Log, Run

BILL_OF_MATERIALS = f"{ENVIRONMENT}/sbom.cdx.json"
_BILL_FORMAT = "https://cyclonedx.org/docs/1.6/json/"
_LOG_LIMIT = 50_000_000  # bytes of a log that are kept, its end


@dataclass(slots=True)
class GeneratedFiles:
    """Writes files that wfprov itself makes, and keeps their entities."""

    archive: Archive
    entities: list[Entity] = field(default_factory=list)

    def add(
        self,
        path: str,
        content: bytes,
        name: str,
        is_executable: bool = False,
        **properties: object,
    ) -> Entity:
        """Write a file and describe it."""
        self.archive.add(path, (content,), len(content), None, is_executable)
        entity: Entity = {
            "@id": crate_id(path),
            "@type": "File",
            "name": name,
            "contentSize": str(len(content)),
            "sha256": sha256(content).hexdigest(),
            "encodingFormat": media_type(path) or "text/plain",
            **properties,
        }
        self.entities.append(entity)
        return entity

    def count(self) -> int:
        """Count the files; the other entities are what they refer to."""
        return sum(entity["@type"] == "File" for entity in self.entities)


def write_script(run: Run, files: GeneratedFiles) -> Entity:
    """Write the command as a shell script, for runs whose workflow is the command itself."""
    words = b" ".join(_quoted(word) for word in run.command) or b":"
    text = b"#!/bin/sh\n# The command that was run.\n" + words + b"\n"
    entity = files.add(RUN_SCRIPT, text, run.name, is_executable=True, description=RUN_SCRIPT_IS)
    entity["encodingFormat"] = "application/x-sh"
    files.entities.pop()  # it becomes the main workflow
    return entity


def _quoted(word: str) -> bytes:
    """Quote for a POSIX shell; any byte but NUL survives between single quotes."""
    raw = os.fsencode(word)
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
    if raw and not raw.translate(None, plain):
        return raw
    return b"'" + raw.replace(b"'", b"'\"'\"'") + b"'"


def write_environment(run: Run, files: GeneratedFiles) -> None:
    """Write what is known of the machine, and the changes that were not committed."""
    system = _system(run)
    if system:
        content = (json.dumps(system, indent=2) + "\n").encode()
        files.add(f"{ENVIRONMENT}/system.json", content, "Machine and operating system")
    _write_patch(run, files)


def write_bill_of_materials(content: bytes, main_id: str, files: GeneratedFiles) -> None:
    """Write the list of all software, used and installed."""
    name = "Bill of materials: all software, used and installed"
    entity = files.add(BILL_OF_MATERIALS, content, name, conformsTo=ref(_BILL_FORMAT), about=ref(main_id))
    entity["encodingFormat"] = "application/vnd.cyclonedx+json"
    page = {"@id": _BILL_FORMAT, "@type": "CreativeWork", "name": "CycloneDX 1.6", "url": _BILL_FORMAT}
    files.entities.append({**page, "version": "1.6"})


def _system(run: Run) -> dict[str, object]:
    surroundings = run.environment
    control = surroundings.source_control
    found: dict[str, object] = {
        "hostname": run.host,
        "operating_system": surroundings.operating_system,
        "kernel": surroundings.kernel,
        "machine": surroundings.machine,
        "cpu_model": surroundings.cpu_model,
        "cpu_count": surroundings.cpu_count,
        "memory_bytes": surroundings.memory,
        **system_entries(run),
    }
    if surroundings.interpreter:
        software = surroundings.interpreter
        found["interpreter"] = {
            "name": software.name,
            "version": software.version,
            "path": software.path,
        }
    if control:
        found["source_control"] = {
            "root": control.root,
            "remote": control.remote,
            "commit": control.commit,
            "branch": control.branch,
            "tags": list(control.tags),
            "is_dirty": control.is_dirty,
            "untracked": list(control.untracked),
        }
    return {key: value for key, value in found.items() if value is not None}


def _write_patch(run: Run, files: GeneratedFiles) -> None:
    control = run.environment.source_control
    if control is None or control.patch is None:
        return
    try:
        with open(control.patch, "rb") as patch:  # noqa: PTH123 (the name may hold any byte)
            content = patch.read()
    except OSError:
        return
    if content:
        name = f"Changes to commit {control.commit or ''} that were not committed"
        files.add(f"{ENVIRONMENT}/uncommitted.patch", content, name.replace("  ", " "))


def write_plots(run: Run, files: GeneratedFiles, run_id: str) -> None:
    """Draw what the run used over time, when there is something to draw."""
    for name, title, drawing in plots(run):
        content = drawing.encode("utf-8", "backslashreplace")
        files.add(f"{ENVIRONMENT}/{name}.svg", content, title, about=ref(run_id))


def write_logs(run: Run, files: GeneratedFiles) -> list[str]:
    """Copy what the run wrote to its standard streams, when they were files; returns the
    identifiers."""
    identifiers = []
    for log in run.logs:
        content, is_cut = _read_log(log)
        if content is None:
            continue
        description = f"The last {_LOG_LIMIT} bytes." if is_cut else None
        entity = files.add(
            f"{LOGS}/{log.name}.txt",
            content,
            f"Standard {'error' if log.name == 'stderr' else 'output'}",
        )
        if description:
            entity["description"] = description
        identifiers.append(entity["@id"])
    return identifiers


def _read_log(log: Log) -> tuple[bytes | None, bool]:
    try:
        with open(log.path, "rb") as stream:  # noqa: PTH123
            end = log.end if log.end is not None else os.fstat(stream.fileno()).st_size
            start = max(log.start, end - _LOG_LIMIT)
            stream.seek(start)
            content = stream.read(max(0, end - start))
    except OSError:
        return None, False
    return content, start > log.start
