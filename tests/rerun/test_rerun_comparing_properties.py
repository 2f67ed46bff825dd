"""What holds for any content: a file equals itself, equality has no direction, and what changed is found and named."""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from provenance.errors import UsageError
from provenance.rerun.comparing import Finding, Options, compare_files, parse_tolerance
from provenance.rerun.records import Likeness, Tolerance

FEW = settings(max_examples=60, deadline=None)
NEAR = Options(tolerance=Tolerance(absolute=1e-9, relative=1e-6))
SAME = (Likeness.IDENTICAL, Likeness.EQUAL)

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
finite = st.floats(allow_nan=False, allow_infinity=False)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.one_of(finite.map(repr), st.integers().map(str), words), min_size=width, max_size=width),
        min_size=1,
        max_size=6,
    )
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)


def compare(name: str, before: bytes, after: bytes, options: Options = NEAR) -> Finding:
    """Compare both ways: whether two files are equal has no direction."""
    with tempfile.TemporaryDirectory() as folder:
        places = Path(folder, "before"), Path(folder, "after")
        for place, content in zip(places, (before, after), strict=True):
            place.mkdir()
            (place / name).write_bytes(content)
        one, other = places[0] / name, places[1] / name
        found, back = compare_files(one, other, options), compare_files(other, one, options)
        assert (found.likeness in SAME) == (back.likeness in SAME), (found, back)
        return found


def as_csv(rows: list[list[str]], **dialect: Any) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, **dialect).writerows(rows)
    return stream.getvalue().encode()


@FEW
@given(rows=tables)
def test_a_table_that_is_written_in_another_way_is_equal(rows: list[list[str]]) -> None:
    plain, quoted = as_csv(rows), as_csv(rows, quoting=csv.QUOTE_ALL, lineterminator="\n")
    found = compare("a.csv", plain, quoted)
    assert found.likeness in SAME, found


@FEW
@given(data=st.data(), rows=tables, other=st.one_of(words, finite.map(repr)))
def test_a_changed_cell_is_found_and_named(data: st.DataObject, rows: list[list[str]], other: str) -> None:
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[0]) - 1))
    rows = [["first", *(f"c{at}" for at in range(1, len(rows[0])))], *rows]
    changed = [list(cells) for cells in rows]
    changed[row + 1][column] = other
    assume(not agree(rows[row + 1][column], other))
    found = compare("a.csv", as_csv(rows), as_csv(changed))
    assert found.likeness is Likeness.DIFFERENT
    if found.how == "CSV":
        assert f"row {row + 2}, column '{rows[0][column]}'" in found.detail
    else:  # a line end within a cell, or a quote that is none
        assert f"line {row + 2}" in found.detail


def agree(before: str, after: str) -> bool:
    if before == after:
        return True
    try:
        one, other = float(before), float(after)
    except ValueError:
        return False
    return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-8) or not (math.isfinite(one) and math.isfinite(other))


@FEW
@given(value=values)
def test_json_that_is_laid_out_in_another_way_is_equal(value: Any) -> None:
    found = compare("a.json", json.dumps(value).encode(), json.dumps(reordered(value), indent=1).encode())
    assert found.likeness in SAME, found


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(inner) for key, inner in reversed(value.items())}
    return [reordered(inner) for inner in value] if isinstance(value, list) else value


@FEW
@given(value=values, other=words, key=words)
def test_a_value_that_appears_in_json_is_found_and_named(value: Any, other: str, key: str) -> None:
    before, after = {"x": [0, {key: value}]}, {"x": [0, {key: [other, value]}]}
    found = compare("a.json", json.dumps(before).encode(), json.dumps(after).encode())
    pointer = "/x/1/" + key.replace("~", "~0").replace("/", "~1")
    assert found.likeness is Likeness.DIFFERENT
    assert found.detail.startswith(pointer)


@FEW
@given(lines=st.lists(words, min_size=1, max_size=8), data=st.data())
def test_a_changed_line_is_found_and_line_ends_do_not_count(lines: list[str], data: st.DataObject) -> None:
    text = "".join(f"{line}\n" for line in lines)
    found = compare("a.txt", text.encode(), text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert found.likeness is Likeness.EQUAL
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = [*lines[:at], lines[at] + "!", *lines[at + 1 :]]
    found = compare("a.txt", text.encode(), "".join(f"{line}\n" for line in changed).encode())
    assert found.likeness is Likeness.DIFFERENT
    assert f"line {at + 1}: " in found.detail


@FEW
@given(
    before=st.binary(max_size=60), after=st.binary(max_size=60), name=st.sampled_from(["a", "a.csv", "a.json", "a.xml"])
)
def test_any_bytes_get_a_finding(before: bytes, after: bytes, name: str) -> None:
    found = compare(name, before, after)
    assert (found.likeness is Likeness.IDENTICAL) == (before == after)


@FEW
@given(
    values=arrays.arrays(
        st.sampled_from(["f4", "f8", "i4", "i8", "u8", "c16", "U3", "?"]),
        arrays.array_shapes(max_dims=3, max_side=4),
    ),
    data=st.data(),
)
def test_a_changed_element_of_an_array_is_found_and_named(values: Any, data: st.DataObject) -> None:
    place = tuple(data.draw(st.integers(0, length - 1)) for length in values.shape)
    changed = values.copy()
    changed[place] = data.draw(arrays.from_dtype(values.dtype))
    one, other = values[place], changed[place]
    is_same = one == other or (one != one and other != other)
    is_near = is_same or (
        values.dtype.kind in "fciu" and bool(np.isclose(complex(other), complex(one), rtol=1e-5, atol=1e-8))
    )
    files = [io.BytesIO(), io.BytesIO()]
    np.save(files[0], values)
    np.save(files[1], np.asfortranarray(changed))
    found = compare("a.npy", files[0].getvalue(), files[1].getvalue())
    if is_same:
        assert found.likeness in SAME, found
    elif not is_near:
        assert found.likeness is Likeness.DIFFERENT
        assert f"[{', '.join(map(str, place))}]" in found.detail


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=30))
def test_any_text_for_a_tolerance_is_read_or_refused(text: str) -> None:
    try:
        tolerance = parse_tolerance(text)
    except UsageError:
        return
    assert tolerance.absolute >= 0
    assert math.isfinite(tolerance.relative)
