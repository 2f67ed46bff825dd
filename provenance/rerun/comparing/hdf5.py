"""HDF5 and NetCDF-4: groups, datasets and attributes, within the tolerance.

Runs in a process of its own. Links out of a file, and datasets whose values lie in other files, are compared by where
they lead to and never followed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from provenance.rerun.comparing.arrays import compare_arrays, load_numpy
from provenance.rerun.comparing.contract import MEBIBYTE, Comparer, Context, Finding, MissingLibrary, TooLarge
from provenance.rerun.comparing.numbers import Deviation, shown, shown_pair
from provenance.rerun.comparing.wording import Wording

_BLOCK = 16 * MEBIBYTE  # bytes of a dataset that are read at once
# netCDF-4 writes the versions of its libraries here.
_OF_THE_LIBRARY = frozenset({"_NCProperties"})


def _compare(before: Path, after: Path, context: Context) -> Finding:
    load_numpy()
    try:
        import h5py
    except ImportError:
        raise MissingLibrary("h5py") from None
    deviation = Deviation(context.tolerance)
    with h5py.File(before, "r", locking=False) as one, h5py.File(after, "r", locking=False) as other:
        comparison = _Comparison(h5py, context, deviation)
        try:
            comparison.compare(one, other)
        except TooLarge:
            if deviation.first is None:
                raise
            deviation.is_cut_short = True
    return deviation.finding("HDF5", "equal but for layout, compression or times", "places")


class _Comparison:
    def __init__(self, h5py: Any, context: Context, deviation: Deviation) -> None:
        self._h5py, self._context, self._deviation = h5py, context, deviation
        self._wording = Wording(context, has_stamps=False)
        self._seen: set[tuple[Any, Any]] = set()

    def compare(self, before: Any, after: Any) -> None:
        """Compare two files from their roots on; a stack, because groups may be nested deeply."""
        waiting = [("", before, after)]
        while waiting:
            name, one, other = waiting.pop()
            self._context.budget.spend(entries=1)
            key = (_address(one), _address(other))
            if key in self._seen:  # a group can be a member of itself
                continue
            self._seen.add(key)
            self._attributes(name or "/", one, other)
            if isinstance(one, self._h5py.Group) and isinstance(other, self._h5py.Group):
                waiting.extend(reversed(self._members(name, one, other)))
            elif isinstance(one, self._h5py.Dataset) and isinstance(other, self._h5py.Dataset):
                self._dataset(name, one, other)
            elif isinstance(one, self._h5py.Datatype) and isinstance(other, self._h5py.Datatype):
                if one.dtype != other.dtype:
                    self._deviation.differ(f"{name}: recorded type {one.dtype}, now {other.dtype}")
            else:
                self._deviation.differ(f"{name}: recorded a {_kind(one)}, now a {_kind(other)}")

    def _members(self, name: str, before: Any, after: Any) -> list[tuple[str, Any, Any]]:
        both = []
        now = set(after)
        recorded = list(before)
        for member in recorded:
            inner = f"{name}/{member}"
            if member not in now:
                self._deviation.differ(f"{inner}: recorded, now missing")
                continue
            links = [self._link(group, member) for group in (before, after)]
            if links == [None, None]:
                both.append((inner, before[member], after[member]))
            elif links[0] != links[1]:
                self._deviation.differ(f"{inner}: recorded {links[0] or 'an object'}, now {links[1] or 'an object'}")
        for member in sorted(now - set(recorded)):
            self._deviation.differ(f"{name}/{member}: not recorded")
        return both

    def _link(self, group: Any, member: str) -> str | None:
        """Say where a link leads to; None for a member that lies in the group itself."""
        link = group.get(member, getlink=True)
        if isinstance(link, self._h5py.ExternalLink):
            return f"a link to {shown(link.path)} in {shown(str(link.filename))}"
        if isinstance(link, self._h5py.SoftLink):
            return f"a link to {shown(link.path)}"
        return None

    def _attributes(self, name: str, before: Any, after: Any) -> None:
        recorded, now = (set(item.attrs) - _OF_THE_LIBRARY for item in (before, after))
        for key in sorted(recorded | now):
            where = f"{name}@{key}"
            if key not in now or key not in recorded:
                self._deviation.differ(f"{where}: {'recorded, now missing' if key in recorded else 'not recorded'}")
                continue
            self._context.budget.spend(entries=1)
            one, other = self._attribute(before, key), self._attribute(after, key)
            self._values(f"{where} ", one, other, before.file, after.file)

    def _attribute(self, item: Any, key: str) -> Any:
        attribute = item.attrs.get_id(key)
        self._context.budget.spend(unpacked=attribute.get_storage_size())
        value = item.attrs[key]
        if isinstance(value, self._h5py.Empty):
            return load_numpy().zeros(0, value.dtype)
        return load_numpy().asarray(value)

    def _dataset(self, name: str, before: Any, after: Any) -> None:
        elsewhere = [_elsewhere(dataset) for dataset in (before, after)]
        if elsewhere != ["", ""]:
            if elsewhere[0] != elsewhere[1]:
                self._deviation.differ(
                    f"{name}: recorded in {elsewhere[0] or 'the file'}, now {elsewhere[1] or 'in it'}"
                )
            else:
                self._deviation.differ(f"{name}: its values lie in another file, which is not read")
            return
        if before.shape != after.shape:
            self._deviation.differ(f"{name} shape: recorded {before.shape}, now {after.shape}")
            return
        if before.shape is None:
            return
        for start in _slabs(before):
            self._context.budget.spend(unpacked=_size(before, start) + _size(after, start))
            one, other = (load_numpy().asarray(dataset[start]) for dataset in (before, after))
            place = f"{name} " + (f"from row {start.start:,}: " if isinstance(start, slice) and start.start else "")
            self._values(place, one, other, before.file, after.file)

    def _values(self, where: str, before: Any, after: Any, one: Any, other: Any) -> None:
        if not before.dtype.hasobject and not after.dtype.hasobject:
            compare_arrays(before, after, self._context, self._deviation, where)
            return
        if before.shape != after.shape:
            self._deviation.differ(f"{where}shape: recorded {before.shape}, now {after.shape}")
            return
        for recorded, now in zip(before.reshape(-1), after.reshape(-1), strict=True):
            if not self._same(recorded, now, one, other):
                self._deviation.differ(f"{where.strip()}: {shown_pair(_text(recorded), _text(now))}")

    def _same(self, before: Any, after: Any, one: Any, other: Any) -> bool:
        """Compare two elements that NumPy has as objects: texts of any length, lists, references, records of these."""
        numpy = load_numpy()
        pair = (before, after)
        if all(isinstance(value, (str, bytes)) for value in pair):
            return self._wording.agree(_text(before), _text(after))
        if all(isinstance(value, self._h5py.Reference) for value in pair):
            return _target(before, one) == _target(after, other)
        if all(isinstance(value, numpy.void) for value in pair) and before.dtype.names:
            names = before.dtype.names
            return names == after.dtype.names and self._all_same(
                [before[name] for name in names], [after[name] for name in names], one, other
            )
        if all(isinstance(value, numpy.ndarray) for value in pair):
            return before.shape == after.shape and self._all_same(before.reshape(-1), after.reshape(-1), one, other)
        if all(isinstance(value, numpy.number) and isinstance(value.item(), (int, float)) for value in pair):
            return self._deviation.within(before.item(), after.item())
        return bool(type(before) is type(after) and before == after)

    def _all_same(self, before: Any, after: Any, one: Any, other: Any) -> bool:
        # All of them, for the largest deviation.
        found = [self._same(a, b, one, other) for a, b in zip(before, after, strict=True)]
        return all(found)


def _target(reference: Any, file: Any) -> str:
    return str(file[reference].name) if reference else ""


def _text(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _kind(item: Any) -> str:
    return type(item).__name__.lower()


def _address(item: Any) -> Any:
    import h5py

    info = h5py.h5o.get_info(item.id)
    return (info.fileno, info.addr)


def _elsewhere(dataset: Any) -> str:
    """Say which files the values of a dataset lie in, when that is not its own."""
    if dataset.is_virtual:
        return ", ".join(sorted({str(source.file_name) for source in dataset.virtual_sources()})) or "other datasets"
    return ", ".join(str(part[0]) for part in dataset.external or ())


def _slabs(dataset: Any) -> list[Any]:
    if not dataset.shape or not dataset.size:
        return [()]
    row = max(1, dataset.dtype.itemsize * dataset.size // dataset.shape[0])
    if row > 4 * _BLOCK:
        raise TooLarge("a row of a dataset is too large")
    step = max(1, _BLOCK // row)
    if dataset.shape[0] // step > 100_000:
        raise TooLarge("a dataset is too large")
    return [slice(start, start + step) for start in range(0, dataset.shape[0], step)]


def _size(dataset: Any, part: Any) -> int:
    rows = dataset.shape[0] if dataset.shape else 1
    row = int(dataset.dtype.itemsize * dataset.size // max(1, rows))
    return row * (min(part.stop, rows) - part.start if isinstance(part, slice) else rows)


def _recognises(_: str, head: bytes) -> bool:
    """Tell by the signature, which may lie behind a block of another program, such as MATLAB's."""
    return any(head.startswith(b"\x89HDF\r\n\x1a\n", start) for start in (0, 512, 1024, 2048))


COMPARER = Comparer("HDF5", _recognises, _compare, is_apart=True)
