"""Credentials in a text, by our own forms and by the detectors of the library detect-secrets.

Comes in: a text and the name of its file. Goes out: where each credential stands, and why it is taken for one.
Randomness alone is no reason unless it is asked for: digests, identifiers and lock files are random too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from provenance.journal.credentials import Span, spans
from provenance.privacy.literals import written_out
from provenance.privacy.removal import is_example, is_settings_name
from provenance.privacy.suspicion import may_hold_credential

# Detectors of detect-secrets whose forms don't fit what is in a crate: addresses of the network are no credentials, nor
# is the first line of a private key, of which code speaks; our own form wants a key behind it.
_LEFT_OUT = ("IPPublicDetector", "PrivateKeyDetector")
_RANDOM = ("Base64HighEntropyString", "HexHighEntropyString")
_BY_KEYWORD = "KeywordDetector"
_PLACEHOLDER = re.compile(r"[$<{%*]|\[removed")
_NO_VALUE = re.compile(
    r"(?i)(?:.*(?:example|changeme|placeholder|your|dummy|redacted|removed|xxxx|\*\*\*|\.\.\.)|[$<{%/~]|[a-z_.]+\Z|\d+\Z)"
)


def credentials_in(
    text: str, path: str, *, settings: bool, entropy: bool = False, examples_stay: bool = False
) -> list[Span]:
    """Find the credentials in a text.

    Parameters
    ----------
    settings
        Also what is given to names such as ``password``; off for data.
    entropy
        Also texts in quotes that look random.
    examples_stay
        What is in an address whose host is reserved for examples is none.
    """
    found: list[Span] = []
    if may_hold_credential(text.encode("utf-8", "surrogateescape"), settings=settings):
        found += written_out(spans(text, settings=settings), text, path)
    for span in _detected(text, settings and is_settings_name(path), entropy):
        if not any(start < span[1] and span[0] < end for start, end, _ in found):
            found.append(span)
    return sorted(span for span in found if not (examples_stay and is_example(text, span[0])))


def _detected(text: str, by_keyword: bool, entropy: bool) -> Iterator[Span]:
    for name, detector in _detectors():
        if (name in _RANDOM and not entropy) or (name == _BY_KEYWORD and not by_keyword):
            continue
        for line, offset in _lines(text) if name in (*_RANDOM, _BY_KEYWORD) else ((text, 0),):
            for secret in detector.analyze_string(line):
                in_address = line.find(f":{secret}@") + 1  # a short one may be part of words before
                place = in_address or (line.find(secret) if secret else -1)
                if place < 0 or "[removed:" in line[max(0, place - 12) : place + len(secret)]:
                    continue
                if _PLACEHOLDER.match(secret) or (name == _BY_KEYWORD and (len(secret) < 8 or _NO_VALUE.match(secret))):
                    continue
                yield offset + place, offset + place + len(secret), f"{detector.secret_type} (detect-secrets)"


def _lines(text: str) -> Iterator[tuple[str, int]]:
    offset = 0
    for line in text.split("\n"):
        if len(line) <= 5000:  # longer lines are data, and cost the detectors minutes
            yield line, offset
        offset += len(line) + 1


@lru_cache(maxsize=1)
def _detectors() -> tuple[tuple[str, Any], ...]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    classes: list[Any] = sorted(get_mapping_from_secret_type_to_class().values(), key=lambda each: str(each.__name__))
    return tuple((each.__name__, each()) for each in classes if each.__name__ not in _LEFT_OUT)
