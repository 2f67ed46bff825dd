"""A crate as the validator can look at it, whatever it is called and however it is packed.

Comes in: a crate and an empty folder. Goes out: a folder in that one that looks like the crate.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from provenance.crate.source import METADATA_NAMES, FolderPayload, Payload, ZipPayload, relative_paths


def stage(path: Path, document: dict[str, Any], payload: Payload, folder: Path) -> Path:
    """Make a folder that the validator can look at, whatever the crate is called and however it is packed.

    A zip is not unpacked: its files are stood in for by empty ones of the same size, which take no space. The
    validator looks at their presence, not at what is in them.
    """
    crate = folder / "crate"
    if isinstance(payload, FolderPayload):
        crate.symlink_to(path.resolve(), target_is_directory=True)
        return crate
    crate.mkdir()
    (crate / METADATA_NAMES[0]).write_text(json.dumps(document), "utf-8")
    if isinstance(payload, ZipPayload):
        for name, size in payload.members():
            for relative in relative_paths(name)[-1:]:
                _stand_in(crate, relative, size, is_folder=name.endswith("/"))
    return crate


def _stand_in(crate: Path, relative: str, size: int, is_folder: bool) -> None:
    target = crate / relative
    try:
        if is_folder:
            target.mkdir(parents=True, exist_ok=True)
        elif not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
            os.truncate(target, size)
    except OSError:
        # A name that this file system can't hold: the validator will say that it is missing.
        return
