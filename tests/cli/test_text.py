"""Text for terminals: nothing that users named can command the terminal, and lines fit."""

from hypothesis import given
from hypothesis import strategies as st

from provenance.cli import text

anything = st.text(max_size=60) | st.text(alphabet="ab \n\x1b\udc80漢é\u202e", max_size=60)


@given(anything)
def test_clean_text_has_no_control_characters_and_can_be_encoded(raw):
    shown = text.clean(raw)
    assert all(ord(char) >= 32 and ord(char) != 127 for char in shown)
    assert "\u202e" not in shown
    shown.encode("utf-8")


def test_escapes_are_readable():
    assert text.clean("a\nb\x1b[31m\udcff\u202e") == "a\\nb\\x1b[31m\\xff\\u202e"


@given(anything, st.integers(1, 40))
def test_fitted_and_cut_text_fits(raw, columns):
    assert text.width(text.fit(raw, columns)) <= columns
    assert text.width(text.cut(raw, columns)) <= columns


def test_fitting_keeps_both_ends():
    assert text.fit("abcdefghij", 7) == "abc…hij"
    assert text.fit("漢漢漢漢", 5) == "漢…漢"


def test_table_is_aligned_and_cut_to_the_width():
    lines = text.table([("a" * 90, 5), ("漢", 1234)], ("name", "n"), right=(1,), columns=50)
    assert {text.width(line) for line in lines} == {50}
    assert lines[2].startswith("漢 ")
    assert lines[2].endswith("  1234")


def test_sizes():
    assert [text.size(n) for n in (None, 0, 1023, 1024, 1536, 1024**2 - 1, 5 * 1024**3)] == [
        "?", "0 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 MiB", "5.0 GiB",
    ]  # fmt: skip


def test_durations():
    seconds = (None, 0, 0.000032, 0.0123, 0.9996, 59.94, 59.97, 125, 3599.6, 7384, 187200, -2)
    assert [text.duration(s) for s in seconds] == [
        "?", "0 s", "32 µs", "12.3 ms", "1.0 s", "59.9 s", "1 min 00 s", "2 min 05 s", "1 h 00 min", "2 h 03 min",
        "2 d 04 h", "-2.0 s",
    ]  # fmt: skip


def test_plurals():
    assert [text.plural(n, "file") for n in (0, 1, 12000)] == ["0 files", "1 file", "12,000 files"]
