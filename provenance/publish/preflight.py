"""The pre-flight: what a registry would refuse or damage in a crate, found before anything is sent.

Comes in: the path of a crate. Goes out: a :class:`~provenance.publish.records.Preflight` with findings, each with its
entity and its mend, what a registry will read, and the metadata to send instead where something could be put right
without a loss of meaning. The points are numbered as in ``docs/reference/preflight.md``; those that need the server are
in :mod:`.publishing`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from provenance.crate import scan
from provenance.errors import CrateError, MissingPartError, WfprovError
from provenance.privacy.names import Kind
from provenance.publish import preflight_data, preflight_texts, preflight_workflow, validation
from provenance.publish.listing import METADATA, BrokenError
from provenance.publish.mends import Mends
from provenance.publish.opened import Opened, claims_to_be_a_descriptor, open_for_preflight
from provenance.publish.records import Finding, Preflight, Weight

_VALIDATION, _PRIVACY = 14, 15
_SHOWN = 20  # findings of one kind


def check(path: Path, *, validated: bool = True, announce: Callable[[int, float], None] | None = None) -> Preflight:
    """Run the offline part of the pre-flight.

    Parameters
    ----------
    validated
        Also check the crate against its profiles, at the required level.
    announce
        Called before that validation with the number of entities and the seconds that it will take, roughly.

    Raises
    ------
    CrateError
        There is nothing at `path`.
    """
    try:
        opened = open_for_preflight(path)
    except BrokenError as broken:
        return Preflight(path, (broken.finding,), preflight_texts.no_facts())
    mends = Mends(opened)
    findings = [*opened.findings, *_order(opened, mends)]
    findings += preflight_workflow.check(opened, mends)
    findings += preflight_data.check(opened, mends)
    findings += preflight_texts.check(opened, mends)
    if validated:
        findings += _validation(path, announce)
    findings += _privacy(path)
    facts = preflight_texts.facts(opened)
    sha256 = hashlib.sha256(opened.listing.raw).hexdigest()
    return Preflight(path, tuple(findings), facts, mends.document(), mends.added, sha256)


def _order(opened: Opened, mends: Mends) -> Iterator[Finding]:
    """Point 2: SEEK takes the first entity that has the profile of RO-Crate for the descriptor."""
    if not claims_to_be_a_descriptor(opened.descriptor):
        mend = 'add "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"} to it'
        yield Finding(2, Weight.WARNING, "the metadata descriptor names no version of RO-Crate", mend, METADATA)
    for entity in opened.order:
        if entity is opened.descriptor:
            return
        if claims_to_be_a_descriptor(entity):
            mends.put_first(str(opened.descriptor["@id"]))
            yield Finding(
                2,
                Weight.MENDED,
                "it conforms to RO-Crate and stands before the metadata descriptor, so that it is taken for it",
                "the descriptor is sent first",
                str(entity["@id"]),
            )
            return


def _validation(path: Path, announce: Callable[[int, float], None] | None) -> Iterator[Finding]:
    try:
        report = validation.validated(path, announce)
    except MissingPartError as error:
        yield Finding(_VALIDATION, Weight.WARNING, "the crate was not validated", str(error))
        return
    except CrateError as error:
        yield Finding(_VALIDATION, Weight.WARNING, "the crate could not be validated", str(error))
        return
    for issue in report.issues[:_SHOWN]:
        mend = issue.hint or f"see the check {issue.id}; wfprov validate tells more"
        yield Finding(_VALIDATION, Weight.ERROR, issue.message, mend, issue.entity)
    if len(report.issues) > _SHOWN:
        message = f"{len(report.issues) - _SHOWN} more findings of the validation"
        yield Finding(_VALIDATION, Weight.ERROR, message, "wfprov validate --level required lists all")


def _privacy(path: Path) -> Iterator[Finding]:
    try:
        found = [one for one in scan.scan(path) if not one.is_note]
    except (WfprovError, RecursionError) as error:
        yield Finding(_PRIVACY, Weight.WARNING, f"the crate could not be looked through: {error}", "mend it first")
        return
    secrets = [one for one in found if one.kind is Kind.SECRET]
    for one in secrets[:_SHOWN]:
        where = f"{one.path}, line {one.line}" if one.line else one.path
        mend = "wfprov scan --fix writes a crate without it; declare the credential void if it was real"
        yield Finding(_PRIVACY, Weight.ERROR, f"a credential: {one.found} ({one.reason})", mend, where)
    names: dict[tuple[str, str], str] = {}
    for one in found:
        if one.kind is not Kind.SECRET:
            names.setdefault((one.kind.value, one.found), f"{one.path}, line {one.line}")
    mend = "wfprov scan --fix, or wfprov pack --publishable, writes pseudonyms in their place"
    for (kind, name), where in list(names.items())[:_SHOWN]:
        yield Finding(_PRIVACY, Weight.WARNING, f"{kind}: {name}", mend, where)
    if len(names) > _SHOWN or len(secrets) > _SHOWN:
        rest = max(0, len(names) - _SHOWN) + max(0, len(secrets) - _SHOWN)
        yield Finding(_PRIVACY, Weight.WARNING, f"{rest} more names or credentials", "wfprov scan lists all")
