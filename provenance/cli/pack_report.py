"""What ``wfprov pack`` shows: a bar while a crate is made, and a report of what is in it and what is not.

In: the :class:`~provenance.crate.settings.PackReport` that the writer of crates gives, and what it tells of its
progress. Out: lines, or the value that is printed as JSON.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from provenance.cli.text import clean, plural
from provenance.crate.settings import PackReport

_SHOWN = 5  # changed or gone files that are named one by one


class Bar:
    """A progress bar on a terminal; each stage has its own."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._waiting = 0
        self._step = 1

    def begin(self, what: str, total: int) -> None:
        """Start a stage of ``total`` bytes or entities."""
        self.close()
        if total:
            self._bar = click.progressbar(length=total, label=what, file=sys.stderr, show_pos=False)
            self._step = max(1, total // 200)

    def advance(self, amount: int) -> None:
        """``amount`` more bytes or entities are done."""
        """``amount`` more bytes or entities are done."""
        self._waiting += amount
        if self._bar is not None and self._waiting >= self._step:
            self._bar.update(self._waiting)
            self._waiting = 0

    def close(self) -> None:
        """End the stage, if there is one."""
        """End the stage, if there is one."""
        if self._bar is not None:
            self._bar.update(self._waiting)
            self._bar.render_finish()
        self._bar = None
        self._waiting = 0


def report_as_dict(report: PackReport) -> dict[str, object]:
    """Give the report for ``--json``; names that are not valid text are shown with escapes."""
    return {
        "crate": clean(report.target),
        "tasks": report.tasks,
        "files": report.files,
        "copied": report.copied,
        "copied_bytes": report.copied_bytes,
        "referenced": report.referenced,
        "described": report.described,
        "bytes": report.bytes,
        "entities": report.entities,
        "software": clean(report.software),
        "locks": clean(report.locks),
        "seconds": {
            "hashing": round(report.seconds_hashing, 3),
            "copying": round(report.seconds_copying, 3),
            "metadata": round(report.seconds_metadata, 3),
        },
        "missing_for_publishing": [clean(text) for text in report.missing],
        "changed": [clean(path) for path in report.changed],
        "overwritten": report.overwritten,
        "gone": [clean(path) for path in report.gone],
        "gaps": [clean(text) for text in report.gaps],
        "removed": [{"file": clean(one.path), "line": one.line, "kind": clean(one.reason)} for one in report.removed],
        "names_file": None if report.names_file is None else clean(report.names_file),
    }


def print_report(report: PackReport) -> None:
    """Print what was written, as a table, and what a reader of the crate will miss."""
    click.echo(f"{clean(report.target)}")
    rows = [
        ("tasks", f"{report.tasks:,}"),
        ("files", f"{report.files:,} ({_where(report)})"),
        ("bytes", f"{report.bytes:,} ({report.copied_bytes:,} copied)"),
        ("seconds hashing", f"{report.seconds_hashing:.2f}"),
        ("seconds copying", f"{report.seconds_copying:.2f}"),
        ("seconds metadata", f"{report.seconds_metadata:.2f}"),
    ]
    software = (("software", report.software), ("locks", report.locks))
    rows[3:3] = [(name, clean(value)) for name, value in software if value]
    for name, value in rows:
        click.echo(f"  {name:<17} {value}")
    _print_list("Changed since the run, so described without their content", report.changed)
    if report.overwritten:
        files = plural(report.overwritten, "file")
        click.echo(f"{files} changed in place by the run: the content from before was not kept, and is described")
    _print_list("Gone, so described without their content", report.gone)
    _print_list("Not seen while the run was recorded", report.gaps)
    _print_list(
        "Credentials that were removed",
        [f"{one.path}, line {one.line}: {one.reason}" for one in report.removed],
        len(report.removed),
    )
    if report.names_file is not None:
        click.echo(f"Whom the pseudonyms stand for (keep it to yourself): {clean(report.names_file)}")
    _print_list(
        "Missing for publishing (ro-crate-info.yaml; wfprov init writes one)",
        report.missing,
        len(report.missing),
    )


def _print_list(title: str, lines: list[str], limit: int = _SHOWN) -> None:
    if not lines:
        return
    click.echo(f"{title}:")
    for line in lines[:limit]:
        click.echo(f"  {clean(line)}")
    if len(lines) > limit:
        click.echo(f"  and {len(lines) - limit} more")


def _where(report: PackReport) -> str:
    made = report.files - report.copied - report.referenced
    kinds = (("copied", report.copied), ("referenced", report.referenced), ("made for the crate", made))
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds if number or kind == "copied")
