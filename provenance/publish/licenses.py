"""Licenses as a registry knows them: SPDX and Open Definition identifiers, and the addresses that stand for them.

Comes in: a license as it is written in metadata. Goes out: the identifier that SEEK knows it by, or None. SEEK takes
identifiers letter by letter, so that what people write for one is told apart from the identifier itself.
"""

from __future__ import annotations

import re

from provenance.run.licenses import spdx_identifier

_SPDX = re.compile(r"https?://(?:www\.)?spdx\.org/licenses/([A-Za-z0-9.+-]+?)(?:\.html|\.json)?/?\Z")
_ELSEWHERE = (
    (re.compile(r"https?://(?:www\.)?opensource\.org/licenses?/([A-Za-z0-9.+-]+?)(?:\.php|\.html)?/?\Z"), "{}"),
    (re.compile(r"https?://(?:www\.)?apache\.org/licenses/LICENSE-([0-9.]+?)(?:\.txt|\.html)?/?\Z"), "Apache-{}"),
    (re.compile(r"https?://creativecommons\.org/licenses/([a-z-]+/[0-9.]+)(?:/[a-z.]*)?\Z"), "CC-{}"),
    (re.compile(r"https?://creativecommons\.org/publicdomain/zero/([0-9.]+)(?:/[a-z.]*)?\Z"), "CC0-{}"),
)
# Of the Open Definition's own list, what SPDX does not have.
_OPEN_DEFINITION = frozenset(
    ("notspecified", "other-at", "other-closed", "other-nc", "other-open", "other-pd", "UK-OGL", "UK-Crown")
)


def known_as_it_is(text: str) -> str | None:
    """Return the identifier when SEEK knows the license as it is written: its identifier or its SPDX address."""
    match = _SPDX.match(text)
    name = match[1] if match else text
    return name if name in _OPEN_DEFINITION or _spdx(name) == name else None


def meant(text: str) -> str | None:
    """Return the identifier of the license that is meant, however it is written; None when it is not known."""
    text = text.strip()
    match = _SPDX.match(text)
    name = match[1] if match else text
    for pattern, form in _ELSEWHERE:
        if found := pattern.match(text):
            name = form.format(found[1].upper().replace("/", "-"))
    return _spdx(name) or spdx_identifier(name)


def _spdx(name: str) -> str | None:
    if spdx_identifier(name) == name:  # the usual ones, without the long list, which takes 7 MB
        return name
    from cyclonedx.spdx import fixup_id

    return fixup_id(name)
