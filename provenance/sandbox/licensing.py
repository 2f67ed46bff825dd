"""The licenses that SEEK recognizes: those of SPDX and of the Open Definition, by identifier.

Comes in: what a crate or a form names. Goes out: whether it is one.
"""

from __future__ import annotations

# What the Open Definition has besides SPDX's.
_OPEN_DEFINITION = frozenset(
    {"notspecified", "other-at", "other-closed", "other-nc", "other-open", "other-pd", "localauth-withrights"}
)


def is_known(name: str) -> bool:
    """Whether a license is recognized: exact, as written."""
    from cyclonedx.spdx import is_supported_id

    return name in _OPEN_DEFINITION or is_supported_id(name)
