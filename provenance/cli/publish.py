"""``wfprov publish``: from a crate to a registry, with a pre-flight before and a comparison after."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from provenance.cli import text
from provenance.errors import UsageError
from provenance.publish.records import DEFAULT_SERVER, Access, Finding, Preflight, Weight, Wish

_FAILED, _DIFFERS = 3, 5
_SLOW = 10.0  # seconds of validation from which on they are told beforehand
_ACCESS = tuple(access.value for access in Access)


@click.command(short_help="Publish a crate on WorkflowHub, or another SEEK server.")
@click.argument("crate", type=click.Path(path_type=Path), required=False)
@click.option("--team", "teams", multiple=True, metavar="NAME|ID", help="The team that it is published for.")
@click.option("--to", "server", default=DEFAULT_SERVER, show_default=True, metavar="URL", help="The server.")
@click.option(
    "--new-version-of", metavar="ID", help="The workflow that this is a new version of, when it can't be told."
)
@click.option("--access", type=click.Choice(_ACCESS), help="What the public may do; by default as the team has it.")
@click.option("--tag", "tags", multiple=True, help="A tag besides the keywords of the crate.")
@click.option("--check", is_flag=True, help="Only look whether the crate can be published; nothing is asked or sent.")
@click.option("--dry-run", is_flag=True, help="Stop before anything is sent.")
@click.option("--status", "receipt", type=click.Path(path_type=Path), metavar="RECEIPT", help="Tell what became of it.")
@click.option(
    "--receipt",
    "receipt_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the receipt is written; by default beside the crate.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before sending.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, for programs.")
def command(  # noqa: PLR0917 (click gives each option by name)
    crate: Path | None,
    teams: tuple[str, ...],
    server: str,
    new_version_of: str | None,
    access: str | None,
    tags: tuple[str, ...],
    check: bool,
    dry_run: bool,
    receipt: Path | None,
    receipt_path: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Publish CRATE, a folder or a zip, and write a receipt beside it.

    Before anything is sent, the crate is looked at as the server will (--check does this alone), and it is said
    whether this will be a new workflow or a new version, or is there already. The token comes from WORKFLOWHUB_TOKEN
    or from 'wfprov login'. A server to practise with: 'wfprov sandbox'.

    The exit status is 0 when it is published or was there already, 2 for wrong usage, 3 when the crate can't be
    published as it is, 4 when the server refuses it, 5 for trouble with the server or the network.
    """
    if receipt is not None:
        if crate is not None:
            raise UsageError("--status tells about a receipt; leave the crate away")
        return _status(receipt, as_json)
    if crate is None:
        raise UsageError("name the crate to publish, a folder or a zip; 'wfprov pack' makes one")
    if check:
        return _check(crate, as_json)
    public = Access(access) if access else None
    wish = Wish(crate, server, teams, new_version_of, public, tags, dry_run, receipt_path)
    return _publish(wish, yes, as_json)


def _check(crate: Path, as_json: bool) -> int:
    from provenance.publish.preflight import check

    checked = check(crate, announce=None if as_json else _announce)
    if as_json:
        click.echo(json.dumps(_checked_as_json(checked), indent=2))
    else:
        for finding in sorted(checked.findings, key=lambda one: (list(Weight).index(one.weight), one.point)):
            text.write(_line(finding))
        counted = [one.weight for one in checked.findings]
        text.write(
            f"{text.clean(crate)}: "
            + ("can be published" if checked.passed else "can't be published as it is")
            + f" ({counted.count(Weight.ERROR)} errors, {counted.count(Weight.WARNING)} warnings, "
            + f"{counted.count(Weight.MENDED)} mended in the copy that is sent)"
        )
    return 0 if checked.passed else _FAILED


def _announce(entities: int, seconds: float) -> None:
    if seconds > _SLOW:
        click.echo(f"wfprov: validating {entities:,} entities, which takes about {seconds:.0f} s", err=True)


def _checked_as_json(checked: Preflight) -> dict[str, object]:
    facts = asdict(checked.facts)
    facts.pop("language")
    return {"passed": checked.passed, "facts": facts, "findings": [one.as_json() for one in checked.findings]}


def _line(finding: Finding) -> str:
    where = f"{text.clean(finding.entity)}: " if finding.entity else ""
    return text.clean(f"{finding.weight.value:<8}{finding.point:>3}  {where}{finding.message}; {finding.mend}")


def _publish(wish: Wish, yes: bool, as_json: bool) -> int:
    from provenance.publish import tokens
    from provenance.publish.connection import checked_address
    from provenance.publish.publishing import publish
    from provenance.publish.receipts import path_for

    server = checked_address(wish.server)
    token = tokens.find(server)
    if token is None:
        raise UsageError(
            f"there is no token for {server}: make one there under My Profile > Actions > API Tokens, then run "
            f"'wfprov login --to {server}' or set {tokens.VARIABLE}"
        )
    talk = _Conversation(yes=yes, quiet=as_json)
    try:
        receipt = publish(wish, token, talk)
    finally:
        talk.close()
    if receipt is None:
        if as_json:
            click.echo(json.dumps({"published": False}))
        else:
            text.write("nothing was sent")
        return 0
    if as_json:
        click.echo(json.dumps({"published": True, **asdict(receipt)}, indent=2))
    else:
        for problem in (*receipt.problems, *receipt.differences):
            text.write(text.clean(f"warning: {problem}"))
        text.write(text.clean(f"{'already there' if receipt.was_there else 'published'}: {receipt.url}"))
        text.write(f"receipt: {text.clean(wish.receipt or path_for(wish.crate))}")
    if not receipt.differences:
        return 0
    text.write_error("wfprov: what the server gives out is not what was sent: see the warnings, and look at its page")
    return _DIFFERS


def _status(path: Path, as_json: bool) -> int:
    from provenance.publish import tokens
    from provenance.publish.receipts import read
    from provenance.publish.standing import now

    receipt = read(path)
    found = now(receipt, tokens.find(receipt.server))
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
        return 0
    for line in found.lines:
        text.write(text.clean(line))
    return 0


class _Conversation:
    """Shows on standard error what publishing does, and asks on the terminal."""

    def __init__(self, *, yes: bool, quiet: bool):
        self._yes = yes
        self._quiet = quiet
        self._bar: Any = None

    def say(self, sentence: str) -> None:
        if not self._quiet:
            self._print(sentence)

    def warn(self, sentence: str) -> None:
        self._print(sentence)

    def agree(self, question: str) -> bool:
        if self._yes:
            return True
        self.close()
        if not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask on: add --yes to send it, or --dry-run to look only")
        return click.confirm(question, err=True)

    def begin(self, what: str, total: int) -> None:
        self.close()
        if total and not self._quiet and sys.stderr.isatty():
            self._bar = click.progressbar(length=total, label=what, file=sys.stderr)

    def advance(self, amount: int) -> None:
        if self._bar is not None:
            self._bar.update(amount)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.render_finish()
        self._bar = None

    def _print(self, sentence: str) -> None:
        self.close()
        click.echo(f"wfprov: {text.clean(sentence)}", err=True)
