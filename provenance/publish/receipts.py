"""``publication.json``: what was published where, kept beside the crate.

Comes in: a :class:`~provenance.publish.records.Receipt`, or the path of one. Goes out: the file, or the receipt.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from provenance.errors import CrateError, OutputError, UsageError
from provenance.publish.records import Receipt

_FORMAT = "https://w3id.org/wfprov/publication/1"
_SUFFIX = ".publication.json"


def path_for(crate: Path) -> Path:
    """Where the receipt of a crate lies: beside it, named after it; a folder and its zip have the same."""
    whole = Path(os.path.abspath(crate))
    return whole.with_name((whole.name.removesuffix(".zip") or "crate") + _SUFFIX)


def check_place(path: Path) -> None:
    """Try whether a receipt can be written, before anything is sent.

    Raises
    ------
    UsageError
        It can't.
    """
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        handle, name = tempfile.mkstemp(prefix=".wfprov-", dir=path.parent)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise UsageError(
            f"the receipt can't be written to {path}: {error.strerror}; name another place with --receipt FILE"
        ) from None


def write(receipt: Receipt, path: Path) -> None:
    """Write a receipt beside, then in place; an earlier one for the same file is kept in its ``earlier``.

    Raises
    ------
    OutputError
        It can't be written; the message holds what it would say.
    """
    earlier = [asdict(one) for one in all_receipts(path) if _place(one) != _place(receipt)]
    content = {"format": _FORMAT, **asdict(receipt), "earlier": earlier}
    try:
        handle, name = tempfile.mkstemp(prefix=".wfprov-", dir=path.parent)
        try:
            os.fchmod(handle, 0o644)
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(content, stream, indent=2, ensure_ascii=True)
                stream.write("\n")
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(
            f"published as {receipt.url}, but the receipt {path} can't be written: {error.strerror}; note the address"
        ) from None


def _place(receipt: Receipt) -> tuple[str, str, int]:
    return receipt.server, receipt.workflow, receipt.version


def read(path: Path) -> Receipt:
    """Read a receipt.

    Raises
    ------
    CrateError
        There is none, or it is none.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CrateError(
            f"{path}: {(error.strerror or str(error)).lower()}; give the file that publishing wrote"
        ) from None
    except (ValueError, RecursionError):
        raise CrateError(f"{path} is no receipt: it is not valid JSON; give the file that publishing wrote") from None
    receipt = _receipt(found)
    if receipt is None:
        raise CrateError(f"{path} is no receipt of wfprov; give the file that publishing wrote")
    return receipt


def all_receipts(path: Path) -> list[Receipt]:
    """Return the receipt in a file and the earlier ones in it; none when there is no such file."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return []
    earlier = found.get("earlier") if isinstance(found, dict) else None
    listed = [found, *(earlier if isinstance(earlier, list) else [])]
    return [receipt for one in listed if (receipt := _receipt(one)) is not None]


def _receipt(found: Any) -> Receipt | None:
    if not isinstance(found, dict):
        return None
    names = {field.name for field in fields(Receipt)}
    known = {name: value for name, value in found.items() if name in names}
    texts = ("server", "workflow", "url", "time", "title")
    if not all(isinstance(known.get(name), str) for name in texts) or not isinstance(known.get("version"), int):
        return None
    try:
        receipt = Receipt(**known)
    except TypeError:
        return None
    digests = known.get("digests")
    return replace(
        receipt,
        digests=digests if isinstance(digests, dict) else {},
        teams=_texts(known.get("teams")),
        problems=_texts(known.get("problems")),
        differences=_texts(known.get("differences")),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()
