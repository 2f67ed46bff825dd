"""Digests of files as servers tell them in the headers of an answer.

Comes in: the headers. Goes out: names of algorithms, as :mod:`hashlib` has them, and hexadecimal digests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

NAMES = ("sha256", "sha512", "sha1", "md5")
_NAMES = {"sha-256": "sha256", "sha-512": "sha512", "sha": "sha1", "md5": "md5"}
_STRUCTURED = re.compile(r"([A-Za-z0-9-]+)=:([A-Za-z0-9+/=]+):")  # RFC 9530: sha-256=:BASE64:
_PLAIN = re.compile(r"([A-Za-z0-9-]+)=([A-Za-z0-9+/=]+)")  # RFC 3230: SHA-256=BASE64


def promised(headers: Mapping[str, str], is_whole: bool) -> dict[str, str]:
    """Read the digests of the whole file; what can't be understood is left out.

    Parameters
    ----------
    is_whole
        The answer is the whole file, so that digests of the answer count as well.
    """
    found: dict[str, str] = {}
    for name in ("Repr-Digest", *(("Content-Digest",) if is_whole else ())):
        for algorithm, text in _STRUCTURED.findall(headers.get(name, "")):
            _take(found, algorithm, text)
    for algorithm, text in _PLAIN.findall(headers.get("Digest", "")):
        _take(found, algorithm, text)
    if is_whole:
        _take(found, "md5", headers.get("Content-MD5", "").strip())
    return found


def _take(found: dict[str, str], algorithm: str, text: str) -> None:
    name = _NAMES.get(algorithm.lower())
    if name is None or not text:
        return
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return
    if len(raw) == hashlib.new(name, usedforsecurity=False).digest_size:
        found.setdefault(name, raw.hex())
