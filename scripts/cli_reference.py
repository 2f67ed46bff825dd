"""Writes docs/reference/cli.md: the help of every command, as the commands themselves give it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from provenance.cli import COMMANDS, wfprov

_INTRODUCTION = """\
# Commands

Written by `make docs` from the commands' own help. What the exit statuses mean is in
[exit-status.md](exit-status.md).
"""


def reference() -> str:
    """Return the whole page as Markdown."""
    return _INTRODUCTION + "".join(_sections(wfprov, "wfprov", None, list(COMMANDS)))


def _sections(command: click.Command, name: str, parent: click.Context | None, children: list[str]) -> Iterator[str]:
    # The width is set so that the page does not depend on the terminal that it was written in.
    settings = {"terminal_width": 100, "max_content_width": 100}
    context = click.Context(command, info_name=name, parent=parent, **{**command.context_settings, **settings})
    path = context.command_path
    yield f"\n## `{path}`\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    for below in children:
        child = command.get_command(context, below) if isinstance(command, click.Group) else None
        if child is not None:
            names = child.list_commands(context) if isinstance(child, click.Group) else []
            yield from _sections(child, below, context, names)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
