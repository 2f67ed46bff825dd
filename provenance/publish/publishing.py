"""Publishing a crate, step by step: look at it, look at the server, say what will happen, send, set, read back.

Comes in: a :class:`~provenance.publish.records.Wish`, a token, and somebody to talk to. Goes out: a
:class:`~provenance.publish.records.Receipt`, which is on disk before this returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone

from provenance.errors import NetworkError, RefusedError, WfprovError
from provenance.publish import comparing, package, preflight, receipts
from provenance.publish.comparing import Comparison
from provenance.publish.connection import checked_address, wait
from provenance.publish.decisions import answered, chosen_teams, class_key, in_words, refuse, tell
from provenance.publish.existing import described, existing, numbered, twins
from provenance.publish.listing import is_folder, list_crate
from provenance.publish.opened import parsed
from provenance.publish.records import (
    LARGE,
    Account,
    Existing,
    Finding,
    Package,
    Preflight,
    Receipt,
    Standing,
    Talk,
    Team,
    Weight,
    Wish,
    Workflow,
)
from provenance.publish.seek import Seek
from provenance.publish.sending import Delivery, deliver

_SLOW_VALIDATION = 10.0  # seconds from which on it is told beforehand


class PreflightError(WfprovError):
    """The pre-flight found what would make the server refuse or damage the crate."""


def publish(wish: Wish, token: str, talk: Talk, pause: Callable[[float], None] = wait) -> Receipt | None:
    """Publish a crate.

    Parameters
    ----------
    pause
        Waits so many seconds, before something is tried again.

    Returns
    -------
    Receipt or None
        None when nothing was sent: for a dry run, or when the user did not agree.

    Raises
    ------
    UsageError
        No such team, several to choose from, or no place for the receipt.
    PreflightError
        The crate would be refused or damaged, or its version is there with other content.
    RefusedError, NetworkError
        The server's no, or no answer.
    """
    return _Publishing(wish, token, talk, pause).run()


class _Publishing:
    def __init__(self, wish: Wish, token: str, talk: Talk, pause: Callable[[float], None]):
        self._wish = replace(wish, server=checked_address(wish.server))
        self._receipt_path = wish.receipt or receipts.path_for(wish.crate)
        self._talk = talk
        self._pause = pause
        self._seek = Seek(self._wish.server, token, pause)
        self._class: str | None = None  # the workflow class that the server will take the crate's for

    def run(self) -> Receipt | None:
        wish, talk = self._wish, self._talk
        is_folder(wish.crate)  # before a server is asked
        if not wish.is_dry_run:
            receipts.check_place(self._receipt_path)
        account = self._seek.account()
        teams = chosen_teams(wish.teams, account)
        checked = preflight.check(wish.crate, announce=self._announce_validation)
        findings = [*checked.findings, *self._language(checked)]
        tell(findings, talk)
        there = self._existing(checked, account)
        self._announce(checked, account, teams, there)
        if any(finding.weight is Weight.ERROR for finding in findings):
            raise PreflightError(f"{wish.crate} is not sent: mend what is named above, then publish again")
        refuse(there)
        if wish.is_dry_run:
            return None
        if there.standing is Standing.ALREADY_THERE:
            return self._already_there(checked, there, teams)
        if not talk.agree(f"Send it to {wish.server}?"):
            return None
        talk.begin("Zip", checked.facts.size)
        with package.pack(checked, talk.advance) as packed:
            delivery = self._send(packed, checked, there, account, teams)
            return self._finish(delivery, packed, checked, account, teams)

    def _announce_validation(self, entities: int, seconds: float) -> None:
        if seconds > _SLOW_VALIDATION:
            self._talk.say(f"validating {entities:,} entities, which takes about {seconds:.0f} s")

    def _language(self, checked: Preflight) -> list[Finding]:
        """Point 8: whether the server knows the language of the workflow."""
        language = checked.facts.language
        if not language:
            return []
        classes = self._seek.classes()
        self._class = class_key(language, classes)
        if not classes or self._class is not None:
            return []
        message = f"{self._wish.server} knows no workflow type for {language.get('name') or language.get('@id')}"
        mend = "it is published as an unrecognized type; a person can choose one on the page"
        return [Finding(8, Weight.WARNING, message, mend, str(language.get("@id")))]

    def _existing(self, checked: Preflight, account: Account) -> Existing:
        wish = self._wish
        if wish.new_version_of is not None:
            there = described(self._seek, wish.new_version_of, checked.facts.version, account)
            is_other = there.standing is Standing.SOMEBODY_ELSES  # the server knows who may change it
            return replace(there, standing=Standing.NEW_VERSION) if is_other else there
        before = receipts.all_receipts(self._receipt_path)
        known = [one.workflow for one in before if one.server == wish.server]
        return existing(self._seek, checked.facts, account, known)

    def _announce(self, checked: Preflight, account: Account, teams: tuple[Team, ...], there: Existing) -> None:
        facts, say = checked.facts, self._talk.say
        say(f"{facts.name or self._wish.crate}, version {facts.version}: {facts.files:,} files, {facts.size:,} bytes")
        if facts.size > LARGE:
            self._talk.warn(
                f"the crate is large ({facts.size:,} bytes; WorkflowHub suits up to about {LARGE:,}): to publish it "
                "with its data where they are, pack it with --data reference"
            )
        say(f"as {account.name}, for {', '.join(f'{team.title or team.id} ({team.id})' for team in teams)}")
        say(f"{self._wish.server}: {in_words(there)}")

    def _send(
        self, packed: Package, checked: Preflight, there: Existing, account: Account, teams: tuple[Team, ...]
    ) -> Delivery:
        identifiers = tuple(team.id for team in teams)
        target = self._wish.new_version_of

        def send() -> Workflow:
            self._talk.begin("Send", packed.size)
            if target is not None:
                return self._seek.create_version(target, packed, identifiers, self._talk.advance)
            return self._seek.submit(packed, identifiers, self._talk.advance)

        def look() -> Workflow | None:
            now = self._existing(checked, account)
            is_new = now.version is not None or len(now.versions) > len(there.versions)
            if now.workflow is None or not is_new or now.standing is Standing.SOMEBODY_ELSES:
                return None
            return self._seek.read(now.workflow, now.version)

        return deliver(send, look, self._talk, self._pause, is_idempotent=target is None)

    def _finish(
        self, delivery: Delivery, packed: Package, checked: Preflight, account: Account, teams: tuple[Team, ...]
    ) -> Receipt:
        workflow = self._numbered(delivery.workflow, checked)
        if workflow.access is None and not set(workflow.teams) & {team.id for team in account.teams}:
            raise RefusedError(
                f"{self._wish.server} has version {checked.facts.version} of the same source already, as somebody "
                f"else's workflow {workflow.id}, and took nothing: ask its manager, or give your own address as url: "
                "in ro-crate-info.yaml and pack again"
            )
        receipt = self._receipt(workflow, checked, packed.sha256)
        receipts.write(receipt, self._receipt_path)  # before anything else can go wrong
        problems = self._twins(checked, account) if delivery.attempts > 1 else []
        workflow, unset = self._set(workflow, teams)
        problems += [*unset, *answered(workflow, checked, teams, self._wish, self._class)]
        try:
            compared = self._compared(workflow, packed.digests, checked)
        except WfprovError as error:
            compared = Comparison({})
            problems.append(f"the published crate could not be fetched to compare it: {error}")
        receipt = replace(
            receipt,
            teams=workflow.teams,
            access=workflow.access,
            digests=compared.digests,
            problems=tuple(problems),
            differences=(*compared.files, *compared.metadata),
        )
        receipts.write(receipt, self._receipt_path)
        return receipt

    def _numbered(self, workflow: Workflow, checked: Preflight) -> Workflow:
        try:
            return numbered(self._seek, workflow, checked.facts.version)
        except NetworkError:  # the crate is there; the number that the answer has must do
            return workflow

    def _twins(self, checked: Preflight, account: Account) -> list[str]:
        try:
            return twins(self._existing(checked, account), checked.facts.version)
        except (RefusedError, NetworkError) as error:
            return [f"it was sent more than once, and whether it is there twice can't be told: {error}"]

    def _set(self, workflow: Workflow, teams: tuple[Team, ...]) -> tuple[Workflow, list[str]]:
        """Set access and tags, and read them back; what was not set is told."""
        wish = self._wish
        if wish.access is None and not wish.tags:
            return workflow, []
        tags = tuple(dict.fromkeys((*workflow.tags, *wish.tags)))
        try:
            identifiers = tuple(team.id for team in teams)
            self._seek.update(workflow.id, access=wish.access, tags=tags if wish.tags else (), teams=identifiers)
            now = self._seek.read(workflow.id)
        except (RefusedError, NetworkError) as error:
            return workflow, [f"access and tags were not set: {error}"]
        return replace(now, version=workflow.version), []

    def _compared(self, workflow: Workflow, sent: Mapping[str, str], checked: Preflight) -> Comparison:
        """Fetch what was published and compare it; raises as :meth:`Seek.crate`."""
        document = checked.mended or parsed(list_crate(checked.crate).raw)
        with self._seek.crate(workflow.id, workflow.version, package.room(checked.crate)) as published:
            return comparing.compare(sent, document, published)

    def _already_there(self, checked: Preflight, there: Existing, teams: tuple[Team, ...]) -> Receipt | None:
        assert there.workflow is not None
        wish, workflow = self._wish, self._seek.read(there.workflow, there.version)
        self._talk.begin("Compare", checked.facts.size)
        compared = self._compared(workflow, package.digests(checked, self._talk.advance), checked)
        if compared.files or compared.more:
            raise PreflightError(
                f"version {checked.facts.version} is there already, as version {workflow.version} of workflow "
                f"{workflow.id}, but with other content ({(*compared.files, *compared.more)[0]}): give the crate "
                "another version: in ro-crate-info.yaml and pack again"
            )
        if (wish.access or wish.tags) and not self._talk.agree("Nothing is to be sent. Set its access or tags?"):
            return None
        workflow, problems = self._set(workflow, teams)
        problems += answered(workflow, checked, (), wish, self._class)
        if compared.metadata:
            problems.append(
                f"its metadata differ from those that are there ({compared.metadata[0]}): to publish these, give the "
                "crate another version: in ro-crate-info.yaml and pack again"
            )
        before = next((one for one in receipts.all_receipts(self._receipt_path) if self._is_of(one, workflow)), None)
        receipt = replace(
            before or self._receipt(workflow, checked, None),
            teams=workflow.teams,
            access=workflow.access,
            doi=workflow.doi,
            digests=compared.digests,
            problems=tuple(problems),
            differences=(),
        )
        receipts.write(receipt, self._receipt_path)
        return replace(receipt, was_there=True)

    def _is_of(self, receipt: Receipt, workflow: Workflow) -> bool:
        place = (receipt.server, receipt.workflow, receipt.version)
        return place == (self._wish.server, workflow.id, workflow.version)

    def _receipt(self, workflow: Workflow, checked: Preflight, sha256: str | None) -> Receipt:
        server = self._wish.server
        return Receipt(
            server=server,
            workflow=workflow.id,
            version=workflow.version,
            url=f"{server}/workflows/{workflow.id}?version={workflow.version}",
            title=workflow.title,
            source=checked.facts.source,
            crate_version=checked.facts.version,
            time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            sha256=sha256,
            digests={},
            teams=workflow.teams,
            access=workflow.access,
            doi=workflow.doi,
            was_there=sha256 is None,
        )
