"""Numbers of bytes as people write them on a command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

_UNITS = {"": 1, "B": 1}
_UNITS |= {unit + end: 1000**power for power, unit in enumerate("KMGT", 1) for end in ("", "B")}
_UNITS |= {f"{unit}IB": 1024**power for power, unit in enumerate("KMGT", 1)}

if TYPE_CHECKING:  # generic for type checkers from click 8.2 on, and never at run time before
    _Integer = click.ParamType[int]
else:
    _Integer = click.ParamType


class Size(_Integer):
    """A number of bytes: ``500``, ``1.5GB``, ``2T`` (powers of 1000) or ``2GiB`` (powers of 1024)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: D102
        text = "".join(str(value).upper().split())
        number = text.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        unit = _UNITS.get(text[len(number) :])
        try:
            size = float(number)
        except ValueError:
            size = -1.0
        if unit is None or not 0 <= size < float("inf"):
            self.fail(f"{value!r} is not a size; write it as 500, 10MB, 1.5GB or 2GiB", param, ctx)
        return int(number) * unit if number.isdecimal() else round(size * unit)
