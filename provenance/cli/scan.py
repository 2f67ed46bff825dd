"""``wfprov scan``: look through a crate for what should not be published, and replace the names in a copy of it."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import click

from provenance.cli import text
from provenance.crate.scan import Finding, Scanned, look_through
from provenance.errors import UsageError

_PLACES_SHOWN = 5
_FOUND = 1


@click.command(short_help="Look through a crate for credentials and private names.")
@click.argument("crate", type=click.Path(path_type=Path))
@click.option(
    "--fix", is_flag=True, help="Write a copy of the crate with pseudonyms for names and without credentials."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The copy to write with --fix [default: <name>-publishable beside the crate].",
)
@click.option(
    "--names",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Which pseudonym stands for which name; kept for the next time [default: <name>.names.json beside the crate].",
)
@click.option("--entropy", is_flag=True, help="Also list texts in quotes that look random.")
@click.option("-v", "--verbose", is_flag=True, help="List every place.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, for programs.")
def command(  # noqa: PLR0917 (click gives each option by name)
    crate: Path, fix: bool, output: Path | None, names: Path | None, entropy: bool, verbose: bool, as_json: bool
) -> int:
    """Look through CRATE for credentials, home folders, names of users, accounts and machines, e-mail addresses.

    CRATE is a folder, a zip or a bare ro-crate-metadata.json. It is never changed: --fix writes another one.

    The exit status is 0 when nothing is found, 1 when something is, 3 when the crate can't be read. With --fix it is
    about the crate that was written.
    """
    if not fix and output is not None:
        raise UsageError("--output is the crate that --fix writes; add --fix")
    if not fix and names is not None:
        raise UsageError("--names is for the pseudonyms that --fix writes; add --fix")
    written: dict[str, object] = {}
    if fix:
        from provenance.crate.pseudonyms import make_publishable

        made = make_publishable(crate, output, names)
        written = {
            "crate": text.clean(made.target),
            "names": text.clean(made.names_file) if made.pseudonyms else None,
            "pseudonyms": len(made.pseudonyms),
            "changed_files": made.changed,
            "removed": [
                {"file": text.clean(one.path), "line": one.line, "kind": text.clean(one.reason)}
                for one in made.removals
            ],
        }
        crate = made.target
        if not as_json:
            text.write(f"{text.clean(made.target)}: written, {text.plural(made.changed, 'file')} changed")
            if made.pseudonyms:
                text.write(
                    f"{text.clean(made.names_file)}: the names that the pseudonyms stand for; keep it to yourself"
                )
            for one in made.removals:
                text.write(f"  removed from {text.clean(one.path)}, line {one.line}: {one.reason}")
    scanned = look_through(crate, entropy=entropy)
    if as_json:
        text.write(json.dumps({**_report(scanned), **({"written": written} if written else {})}, indent=1))
    else:
        for line in _lines(scanned, verbose):
            text.write(line)
    return 0 if scanned.is_clean else _FOUND


def _report(scanned: Scanned) -> dict[str, object]:
    findings = [finding.as_json() for finding in scanned.findings]
    for finding in findings:
        finding.update(file=text.clean(finding["file"]), found=text.clean(finding["found"]))
    return {
        "crate": text.clean(scanned.path),
        "clean": scanned.is_clean,
        "findings": findings,
        "looked_at": scanned.looked_at,
        "not_looked_at": [text.clean(path) for path in scanned.not_looked_at],
    }


def _lines(scanned: Scanned, is_verbose: bool) -> list[str]:
    serious = sum(not finding.is_note for finding in scanned.findings)
    verdict = f"{text.plural(serious, 'finding')}" if serious else "nothing found"
    lines = [f"{text.clean(scanned.path)}: {verdict} in {text.plural(scanned.looked_at, 'file')}"]
    groups: dict[tuple[bool, str, str], list[Finding]] = defaultdict(list)
    for finding in scanned.findings:
        groups[finding.is_note, finding.kind.value, _what(finding)].append(finding)
    title = None
    for (is_note, kind, what), findings in groups.items():
        heading = f"{kind}{' (of an author, said on purpose)' if is_note else ''}"
        if heading != title:
            title = heading
            lines += ["", heading]
        lines.append(f"  {text.clean(what)}: {text.plural(len(findings), 'place')}")
        shown = findings if is_verbose else findings[:_PLACES_SHOWN]
        lines += [f"    {_place(finding)}" for finding in shown]
        if len(shown) < len(findings):
            lines.append(f"    and {len(findings) - len(shown)} more")
    if scanned.not_looked_at:
        count = text.plural(len(scanned.not_looked_at), "file")
        lines += ["", f"not looked at, as no text or too large: {count}"]
    if serious:
        lines += ["", "wfprov scan --fix writes a copy with pseudonyms in the place of names, and without credentials."]
    return lines


def _what(finding: Finding) -> str:
    return f"{finding.found}: {finding.reason}" if finding.reason else finding.found


def _place(finding: Finding) -> str:
    where = f"line {finding.line}" if finding.line else "its name"
    return f"{text.clean(finding.path)}, {where}"
