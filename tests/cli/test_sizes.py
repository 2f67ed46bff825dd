"""Sizes as people write them."""

from __future__ import annotations

import click
import pytest

from provenance.cli.sizes import Size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("500", 500), ("0", 0), ("3B", 3), ("1.5GB", 1_500_000_000), ("2T", 2 * 10**12), ("10 mb", 10**7)),
        *(("2GiB", 2**31), ("1.5kib", 1536), ("9007199254740993", 9007199254740993), (7, 7)),
    ],
)
def test_sizes(text: object, size: int) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "many", "-1", "1 XB", "inf", "nan", "1.5.2MB", "MB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a size"):
        Size().convert(text, None, None)


@pytest.mark.parametrize("name", ["run", "pack"])
def test_every_command_reads_them_the_same_way(name: str) -> None:
    import importlib

    command = importlib.import_module(f"provenance.cli.{name}").command
    assert any(isinstance(option.type, Size) for option in command.params)
