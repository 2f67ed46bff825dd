"""``wfprov validate``: check a crate against its profiles, without network."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import click

from provenance.cli import text
from provenance.crate.validate import DEFAULT_LEVEL, LEVELS, Issue, ValidationReport, validate

_ENTITIES_SHOWN = 5
_WORTH_SAYING = 8.0  # seconds that a check takes before it is announced
_WORDS = {
    "required": "must be mended",
    "recommended": "should be mended",
    "optional": "could be better",
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("crate", type=click.Path(path_type=Path))
@click.option(
    "--profile",
    metavar="NAME",
    help="Check this profile, e.g. provenance-run-crate-0.5 [default: as claimed].",
)
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default=DEFAULT_LEVEL,
    show_default=True,
    help="How strict.",
)
@click.option("-v", "--verbose", is_flag=True, help="List every entity concerned.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, for programs.")
def command(crate: Path, profile: str | None, level: str, verbose: bool, as_json: bool) -> int:
    """Check CRATE against the profile that it claims and those which that builds on.

    CRATE is a folder, a zip or a bare ro-crate-metadata.json; of the last, the metadata alone is checked. No network
    is used, ever.

    The exit status is 0 when nothing is found, 1 when something is, 3 when the crate can't be read, and 9 when
    roc-validator is not installed.
    """
    report = validate(crate, profile, level, announce=_announce)
    if as_json:
        text.write(json.dumps(report.as_json(), indent=1))
    else:
        for line in _lines(report, text.terminal_columns(), verbose):
            text.write(line)
    return 0 if report.passed else 1


def _announce(entities: int, seconds: float) -> None:
    if seconds >= _WORTH_SAYING:
        about = text.duration(round(seconds, -1) or seconds)
        text.write(
            f"checking {text.plural(entities, 'entity', 'entities')}; this takes about {about}",
            error=True,
        )


def _lines(report: ValidationReport, columns: int, is_verbose: bool) -> list[str]:
    lines = [f"{text.clean(report.path)}: {_verdict(report)}"]
    groups: dict[tuple[str, str, str], list[Issue]] = defaultdict(list)
    for issue in report.issues:
        groups[issue.level, issue.id, issue.check].append(issue)
    level = None
    for (group_level, identifier, check), issues in groups.items():
        if group_level != level:
            level = group_level
            count = sum(len(found) for (found_level, *_), found in groups.items() if found_level == level)
            lines += ["", f"{level.upper()}: {count:,} {_WORDS[level]}"]
        lines += ["", *_group(identifier, check, issues, columns, is_verbose)]
    if report.notes:
        lines.append("")
    for note in report.notes:
        lines += _hanging("note: ", note, columns)
    return lines


def _verdict(report: ValidationReport) -> str:
    checked = f"{report.profile}, level {report.level}"
    if report.passed:
        return f"passed ({checked}, {text.plural(len(report.profiles), 'profile')} in all)"
    checks = len({issue.id for issue in report.issues})
    found = f"{text.plural(len(report.issues), 'finding')} of {text.plural(checks, 'check')}"
    return f"not passed: {found} ({checked})"


def _group(identifier: str, check: str, issues: list[Issue], columns: int, is_verbose: bool) -> list[str]:
    messages = list(dict.fromkeys(issue.message for issue in issues))
    lines = []
    if len(messages) == 1:
        lines += _hanging("  ", messages[0], columns)
        named = list(dict.fromkeys(issue.entity for issue in issues if issue.entity))
    elif all(issue.entity for issue in issues):
        lines += _hanging("  ", check, columns)
        named = list(
            dict.fromkeys(
                f"{issue.entity} ({issue.property})" if issue.property else str(issue.entity) for issue in issues
            )
        )
    else:
        lines += _hanging("  ", check, columns)
        named = messages
    shown = named if is_verbose else named[:_ENTITIES_SHOWN]
    for name in shown:
        lines += _hanging("    - ", name, columns)
    if len(shown) < len(named):
        lines.append(f"    - and {len(named) - len(shown):,} more (-v lists them)")
    if issues[0].hint:
        lines += _hanging("    > ", issues[0].hint, columns)
    lines.append(f"    [{text.clean(identifier)}]")
    return lines


def _hanging(lead: str, content: str, columns: int) -> list[str]:
    wrapped = text.wrap(content, columns - len(lead))
    return [(lead if index == 0 else " " * len(lead)) + line for index, line in enumerate(wrapped)]
