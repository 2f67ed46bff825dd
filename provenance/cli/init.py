"""``wfprov init``: writes ro-crate-info.yaml, filled in as far as the project and the public registers tell."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.text import clean, write
from provenance.errors import NetworkError, OutputError, UsageError

if TYPE_CHECKING:
    from provenance.lookup.complete import Finding, Registers
    from provenance.lookup.fill_in import FilledIn
    from provenance.run.model import Person
    from provenance.run.project import Project


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write, instead of FOLDER/ro-crate-info.yaml."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--lookup",
    is_flag=True,
    help="Ask ORCID and ROR for what is missing of persons and institutions. A ro-crate-info.yaml that is there stays "
    "as it is: a completed copy is written beside it.",
)
@click.option(
    "--info",
    "info_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --lookup: complete a copy of FILE, instead of FOLDER/ro-crate-info.yaml.",
)
@click.option(
    "--author",
    "authors",
    metavar="PERSON",
    multiple=True,
    help='An author of a new file: an ORCID iD, a name, or "Name <e-mail>". May be given again.',
)
@click.option("--agent", metavar="PERSON", help="Who runs it, in a new file: as --author.")
@click.option(
    "--organisation",
    "--organization",
    metavar="INSTITUTION",
    help="The institution of these persons: a ROR id or a name.",
)
def command(
    folder: Path,
    *,
    output: Path | None,
    force: bool,
    lookup: bool,
    info_file: Path | None,
    authors: tuple[str, ...],
    agent: str | None,
    organisation: str | None,
) -> None:
    """Write ro-crate-info.yaml: what only you can say about your runs.

    Name, authors, license and address are taken from CITATION.cff, pyproject.toml, setup.cfg, LICENSE and git of
    FOLDER (the current one by default), where they are there. Each key is explained in the file.

    With --lookup, and only then, the public registers ORCID and ROR are asked for what is missing of persons and
    institutions. What is not sure is listed, with its ids, and left to you.

    \b
    wfprov init --lookup --author 0000-0002-1825-0097
    wfprov init --lookup --author "Ada Example" --organisation "Example Institute"
    """
    from provenance.run.info import FILE_NAME

    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    if info_file is not None and not lookup:
        raise UsageError("--info names a file to complete: pass --lookup too")
    known = info_file or folder / FILE_NAME
    if lookup and (info_file is not None or os.path.lexists(known)):
        if authors or agent or organisation:
            raise UsageError(f"--author, --agent and --organisation are for a new file; write them into {known}")
        _complete(known, output or known.with_name(f"{known.stem}.completed{known.suffix}"), force)
    else:
        _write_new(folder, output or folder / FILE_NAME, force, lookup, (authors, agent, organisation))


def _write_new(
    folder: Path, target: Path, force: bool, lookup: bool, given: tuple[Sequence[str], str | None, str | None]
) -> None:
    from provenance.run import project
    from provenance.run.info_draft import draft
    from provenance.run.model import About

    _refuse_to_replace(target, force)
    registers = _registers() if lookup else None
    try:
        found = project.describe(folder)
    except OSError as error:
        raise OutputError(f"{error.filename or folder}: {error.strerror}") from error
    found, agent = _with_given(found, *given)
    text, missing = draft(found, agent)
    filled = None
    if registers:
        from provenance.lookup.fill_in import fill_in

        filled = fill_in(text, About(authors=found.authors, agent=agent), registers)
        text = filled.text
        if all(author.orcid for author in filled.about.authors):
            missing = tuple(each for each in missing if each != "orcid of each author")
    _write(target, text.encode("utf-8"), force)
    write(clean(f"wrote {target}" + (f", from {', '.join(found.found_in)}" if found.found_in else "")))
    if filled:
        _tell(filled)
    if missing:
        write(f"left for you: {', '.join(missing)}")
    if registers:
        _end_with_failures(registers, target)


def _complete(known: Path, target: Path, force: bool) -> None:
    from provenance.lookup.fill_in import fill_in
    from provenance.run.info import read_info

    info = read_info(known)
    if target.exists() and target.samefile(known):
        raise UsageError(f"{known} is never changed by --lookup: name another file with --output")
    _refuse_to_replace(target, force)
    registers = _registers()
    content = known.read_bytes()
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    filled = fill_in(content[len(mark) :].decode("utf-8"), info.about, registers)
    _write(target, mark + filled.text.encode("utf-8"), force)
    write(clean(f"wrote {target}; {known} is as it was"))
    _tell(filled)
    if not filled.findings:
        write("nothing is missing of its persons and institutions")
    _end_with_failures(registers, target)


def _with_given(
    found: Project, authors: Sequence[str], agent: str | None, organisation: str | None
) -> tuple[Project, Person | None]:
    """Put in what the options say: authors in the place of those that the project's files name."""
    from dataclasses import replace

    from provenance.run.given import organization, person

    everyone = tuple(person(each) for each in authors) or found.authors
    runs_it = person(agent) if agent else None
    if organisation:
        institution = organization(organisation)
        everyone = tuple(each if each.organization else replace(each, organization=institution) for each in everyone)
        runs_it = replace(runs_it, organization=institution) if runs_it else None
    return replace(found, authors=everyone), runs_it


def _registers() -> Registers:
    import datetime

    from provenance.lookup import orcid, ror
    from provenance.lookup.complete import Registers
    from provenance.lookup.connection import Connection

    # Other instances: ORCID's sandbox, a copy of a register in one's own house.
    orcid_address = os.environ.get("WFPROV_ORCID_URL") or orcid.ADDRESS
    ror_address = os.environ.get("WFPROV_ROR_URL") or ror.ADDRESS
    return Registers(orcid.Orcid(Connection(orcid_address)), ror.Ror(Connection(ror_address)), datetime.date.today())


def _refuse_to_replace(target: Path, force: bool) -> None:
    if not force and os.path.lexists(target):
        raise UsageError(f"{target} is there already; pass --force to replace it")


def _write(target: Path, content: bytes, force: bool) -> None:
    try:
        with target.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError:
        raise UsageError(f"{target} is there already; pass --force to replace it") from None
    except OSError as error:
        raise OutputError(f"{error.filename or target}: {error.strerror}") from error


def _tell(filled: FilledIn) -> None:
    subject = None
    for finding in filled.findings:
        if finding.subject != subject:
            subject = finding.subject
            write(clean(subject))
        _tell_one(finding)
    for line in filled.by_hand:
        write(clean(f"put in by hand, as the file is written in a way that this was not done in: {line}"))


def _tell_one(finding: Finding) -> None:
    if finding.value:
        write(clean(f"  {finding.key}: {finding.value} ({finding.explanation})"))
    else:
        write(clean(f"  {finding.key}: {finding.explanation}"))
    for each in finding.candidates:
        write(clean("    " + "  ".join(part for part in (each.value, each.name, each.details) if part)))
    if finding.more:
        write(f"    and {finding.more} more")


def _end_with_failures(registers: Registers, target: Path) -> None:
    if registers.failures:
        told = "\n".join(str(failure) for failure in registers.failures)
        raise NetworkError(f"{told}\n{target} is written without what could not be asked")
