"""``wfprov init``: writes ro-crate-info.yaml, filled in as far as the project tells."""

from __future__ import annotations

from pathlib import Path

import click

from provenance.errors import OutputError, UsageError


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write, instead of FOLDER/ro-crate-info.yaml."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(folder: Path, output: Path | None, force: bool) -> None:
    """Write ro-crate-info.yaml: what only you can say about your runs.

    Name, authors, license and address are taken from CITATION.cff, pyproject.toml, setup.cfg, LICENSE and git of
    FOLDER (the current one by default), where they are there. Each key is explained in the file.
    """
    from provenance.run import project
    from provenance.run.info import FILE_NAME
    from provenance.run.info_draft import draft

    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    target = output or folder / FILE_NAME
    try:
        found = project.describe(folder)
        text, missing = draft(found)
        with target.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{target} is there already; pass --force to replace it") from None
    except OSError as error:
        raise OutputError(f"{error.filename or target}: {error.strerror}") from error
    click.echo(f"wrote {target}" + (f", from {', '.join(found.found_in)}" if found.found_in else ""))
    if missing:
        click.echo(f"left for you: {', '.join(missing)}")
