"""The comparers, in the order in which they are asked; the first one that both files are of compares them.

A comparer from elsewhere is a :class:`~provenance.rerun.comparing.contract.Comparer`, or several in a tuple, behind the
entry point group ``wfprov.comparers``; these are asked before ours. ``docs/how-to/add-comparer.md`` shows one.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import entry_points

from provenance.rerun.comparing import archives, arrays, hdf5, images, json_values, markup, pdf, sqlite, tables, text
from provenance.rerun.comparing.contract import Comparer, Context, Finding, Unreadable

GROUP = "wfprov.comparers"

_OPAQUE_ENDINGS = (".pkl", ".pickle", ".joblib", ".dill", ".pyc", ".pyo", ".so", ".o", ".a", ".exe", ".dll", ".class")
_OPAQUE_HEADS = (b"\x7fELF", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"MZ", b"\xca\xfe\xba\xbe")


def _is_opaque(name: str, head: bytes) -> bool:
    return name.endswith(_OPAQUE_ENDINGS) or head.startswith(_OPAQUE_HEADS)


def _refuse(*_: object) -> Finding:
    raise Unreadable("such files are never loaded")


# Pickles execute what they hold when they are loaded; programs and byte code have no content but their bytes.
_OPAQUE = Comparer("pickled or compiled content", _is_opaque, _refuse)

_OURS = (
    _OPAQUE,
    arrays.COMPARER,
    images.COMPARER,
    hdf5.COMPARER,
    sqlite.COMPARER,
    pdf.COMPARER,
    *archives.COMPARERS,
    *json_values.COMPARERS,
    tables.COMPARER,
    *markup.COMPARERS,
    text.COMPARER,
)


@cache
def comparers() -> tuple[Comparer, ...]:
    """List all comparers, those of other packages first. One that can't be loaded is left out with a warning."""
    found: list[Comparer] = []
    for point in entry_points(group=GROUP):
        try:
            loaded = point.load()
            given = (loaded,) if isinstance(loaded, Comparer) else tuple(loaded)
            if not all(isinstance(comparer, Comparer) for comparer in given):
                raise TypeError("it is no Comparer")
        except Exception as error:  # noqa: BLE001 - code of another package
            warnings.warn(f"the comparer {point.value} of {GROUP} is left out: {error}", stacklevel=2)
            continue
        found += given
    return (*found, *_OURS)


def comparer_named(name: str) -> Comparer:
    """Find a comparer by its name.

    Raises
    ------
    LookupError
        None has it.
    """
    for comparer in comparers():
        if comparer.name == name:
            return comparer
    raise LookupError(name)


__all__ = ["GROUP", "Comparer", "Context", "comparer_named", "comparers"]
