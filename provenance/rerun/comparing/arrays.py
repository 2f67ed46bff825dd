"""NumPy arrays: type, shape and values; also the engine for other kinds that hold arrays.

Files are mapped and compared in blocks, so any size. Nothing is ever unpickled: arrays of Python objects are left to
their bytes. The byte order and the order in memory don't count.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.rerun.comparing.contract import (
    MEBIBYTE,
    Comparer,
    Context,
    Finding,
    MissingLibrary,
    TooLarge,
    Unreadable,
)
from provenance.rerun.comparing.numbers import EXACT, Deviation, shown_pair
from provenance.rerun.records import Tolerance

if TYPE_CHECKING:
    from types import ModuleType

_BLOCK = MEBIBYTE  # numbers that are compared at once


def load_numpy() -> ModuleType:
    """Import NumPy.

    Raises
    ------
    MissingLibrary
        It is not installed.
    """
    try:
        import numpy
    except ImportError:
        raise MissingLibrary("NumPy") from None
    return numpy


def _compare(before: Path, after: Path, context: Context) -> Finding:
    numpy = load_numpy()
    deviation = Deviation(context.tolerance)
    compare_arrays(_load(before, numpy), _load(after, numpy), context, deviation)
    return deviation.finding("NumPy array", "equal but for byte order, order in memory or header", "values")


def _load(file: Path, numpy: ModuleType) -> Any:
    with file.open("rb") as stream:
        version = numpy.lib.format.read_magic(stream)
        reader = {(1, 0): "read_array_header_1_0", (2, 0): "read_array_header_2_0"}.get(version)
        shape, _, dtype = getattr(numpy.lib.format, reader)(stream) if reader else ((), None, None)
    if dtype is not None and dtype.hasobject:
        raise Unreadable("it holds Python objects, which are never unpickled")
    if dtype is not None and (0 in shape or dtype.itemsize == 0 or shape == ()):
        return numpy.load(file, allow_pickle=False)  # nothing to map
    return numpy.load(file, mmap_mode="r", allow_pickle=False)


def compare_arrays(before: Any, after: Any, context: Context, deviation: Deviation, where: str = "") -> None:
    """Compare two arrays; differences go to ``deviation``.

    Parameters
    ----------
    where
        Said before the place of a difference, e.g. "/group/dataset ".
    """
    if before.shape != after.shape:
        deviation.differ(f"{where}shape: recorded {before.shape}, now {after.shape}")
        return
    if before.dtype.newbyteorder("=") != after.dtype.newbyteorder("="):
        deviation.differ(f"{where}type: recorded {before.dtype}, now {after.dtype}")
        if before.dtype.names or after.dtype.names or not _are_numbers(before, after):
            return
    for start, one, other in _blocks(before, after, context):
        _compare_block(one, other, _Place(where, before.shape, start), context.tolerance, deviation)


class _Place:
    """Where in an array a block begins, to name one of its elements."""

    def __init__(self, where: str, shape: tuple[int, ...], start: int, field: str = "") -> None:
        self._where, self._shape, self._start, self._field = where, shape, start, field

    def field(self, name: str) -> _Place:
        return _Place(self._where, self._shape, self._start, f"{self._field}.{name}")

    def name(self, position: int) -> str:
        left = self._start + position
        index: list[int] = []
        for length in reversed(self._shape):
            left, here = divmod(left, length)
            index.append(here)
        place = f"[{', '.join(map(str, reversed(index)))}]" if index else ""
        return f"{self._where}{place}{self._field}".strip() or "the value"


def _blocks(before: Any, after: Any, context: Context) -> Iterator[tuple[int, Any, Any]]:
    """Cut two arrays of one shape into flat blocks in the order of C."""
    is_flat = before.flags.c_contiguous and after.flags.c_contiguous
    if not is_flat and max(before.nbytes, after.nbytes) > context.options.limit:
        raise TooLarge("arrays in Fortran's order are beyond the limit")
    one, other = before.reshape(-1), after.reshape(-1)  # views, or copies where the order differs
    for start in range(0, one.size, _BLOCK):
        yield start, one[start : start + _BLOCK], other[start : start + _BLOCK]


def _are_numbers(*arrays: Any) -> bool:
    return all(array.dtype.kind in "iufcb" for array in arrays)


def _compare_block(before: Any, after: Any, place: _Place, tolerance: Tolerance, deviation: Deviation) -> None:
    if before.dtype.names:
        for name in before.dtype.names:
            one, other = before[name], after[name]
            if one.ndim > 1:  # a field that is an array itself: as many elements for each row
                width = one[0].size if len(one) else 1
                for column in range(width):
                    cells = one.reshape(len(one), -1)[:, column], other.reshape(len(one), -1)[:, column]
                    _compare_block(*cells, place.field(f"{name}[{column}]"), tolerance, deviation)
            else:
                _compare_block(one, other, place.field(name), tolerance, deviation)
        return
    if before.dtype.kind in "iufc" and after.dtype.kind in "iufc":
        _compare_numbers(before, after, place, tolerance, deviation)
        return
    _tell(_unequal(before, after), before, after, place, deviation)


def _unequal(before: Any, after: Any) -> Any:
    numpy = load_numpy()
    if before.dtype.kind == "V":
        return numpy.fromiter(
            (a.tobytes() != b.tobytes() for a, b in zip(before, after, strict=True)), bool, len(before)
        )
    different = before != after
    if before.dtype.kind in "mM":
        different &= ~(numpy.isnat(before) & numpy.isnat(after))
    return different


def _compare_numbers(before: Any, after: Any, place: _Place, tolerance: Tolerance, deviation: Deviation) -> None:
    numpy = load_numpy()
    with numpy.errstate(all="ignore"):
        different = before != after
        different &= ~(numpy.isnan(before) & numpy.isnan(after))
        if not different.any():
            return
        positions = numpy.flatnonzero(different)
        one, other = before[positions], after[positions]
        apart, size = _apart(one, other, numpy)
        is_finite = numpy.isfinite(apart) & numpy.isfinite(one) & numpy.isfinite(other)
        near = is_finite & (apart <= tolerance.absolute + tolerance.relative * size) & ~_is_exact(one, other)
        if is_finite.any():
            told = is_finite & (size > 0)
            relative = float((apart[told] / size[told]).max()) if told.any() else None
            deviation.widen(float(apart[is_finite].max()), relative)
        deviation.deviated += int(near.sum())
    far = positions[~near]
    if len(far):
        first = int(far[0])
        deviation.differ(f"{place.name(first)}: {_values(before[first], after[first])}", len(far))


def _apart(before: Any, after: Any, numpy: ModuleType) -> tuple[Any, Any]:
    """Return how far numbers are apart, and the size of the recorded ones, without overflow of whole numbers."""
    if before.dtype.kind in "iu" and after.dtype.kind in "iu":
        if before.dtype.kind == after.dtype.kind:
            # The difference of two whole numbers always fits in 64 bits without a sign.
            high, low = numpy.maximum(before, after), numpy.minimum(before, after)
            wide = "u8" if before.dtype.kind == "u" else "i8"
            apart = high.astype(wide).astype("u8") - low.astype(wide).astype("u8")
            return apart.astype(float), numpy.abs(before.astype(float))
        return numpy.abs(before.astype(float) - after.astype(float)), numpy.abs(before.astype(float))
    wide = numpy.result_type(before.dtype, after.dtype, float)
    return numpy.abs(before.astype(wide) - after.astype(wide)), numpy.abs(before.astype(wide))


def _is_exact(before: Any, after: Any) -> Any:
    """Tell which numbers must be equal: whole ones beyond what a float can tell apart."""
    found = load_numpy().zeros(before.shape, bool)
    for array in (before, after):
        if array.dtype.kind in "iu":
            found = found | (array > EXACT) | (array < -EXACT if array.dtype.kind == "i" else False)
    return found


def _tell(different: Any, before: Any, after: Any, place: _Place, deviation: Deviation) -> None:
    numpy = load_numpy()
    positions = numpy.flatnonzero(different)
    if len(positions):
        first = int(positions[0])
        deviation.differ(f"{place.name(first)}: {_values(before[first], after[first])}", len(positions))


def _values(before: Any, after: Any) -> str:
    mark = "'" if before.dtype.kind in "SUO" else ""
    return shown_pair(str(before), str(after), mark=mark)


COMPARER = Comparer("NumPy array", lambda _, head: head.startswith(b"\x93NUMPY"), _compare)
