"""What became of a published crate: is it still there, who may see it, and has a person minted a DOI for it.

Comes in: a receipt. Goes out: :class:`Now`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from provenance.errors import RefusedError
from provenance.publish.records import Receipt, Workflow
from provenance.publish.seek import Seek


@dataclass(frozen=True, slots=True)
class Now:
    """A publication as it stands."""

    receipt: Receipt
    workflow: Workflow | None  # None: it is gone, or hidden from this token
    doi: str | None

    @property
    def lines(self) -> list[str]:
        """What to tell people."""
        receipt, found = self.receipt, self.workflow
        told = [
            f"{receipt.title}, version {receipt.version} ({receipt.crate_version or 'without a name'}): {receipt.url}"
        ]
        if found is None:
            return [*told, "it is not to be seen: it was removed, or this token (or nobody) may not see it"]
        newer = found.latest_version > receipt.version
        told.append(f"access of the public: {found.access or 'not told'}")
        if newer:
            told.append(f"the latest version is {found.latest_version}")
        if self.doi:
            return [*told, f"DOI: https://doi.org/{self.doi}"]
        return [
            *told,
            "no DOI yet; a person makes one in two clicks on that page: Actions > Freeze version, then "
            "Actions > Generate a DOI (the workflow must be public and have a creator)",
        ]

    def as_json(self) -> dict[str, object]:
        """The same for programs."""
        found: Mapping[str, object] | None = None if self.workflow is None else asdict(self.workflow)
        return {"url": self.receipt.url, "version": self.receipt.version, "doi": self.doi, "workflow": found}


def now(receipt: Receipt, token: str | None) -> Now:
    """Ask the server of a receipt what became of it.

    Raises
    ------
    NetworkError
        It can't be asked.
    """
    seek = Seek(receipt.server, token)
    try:
        found = seek.read(receipt.workflow, receipt.version)
    except RefusedError:
        return Now(receipt, None, None)
    listed = {number: doi for number, _, doi in found.versions}
    return Now(receipt, found, listed.get(receipt.version) or found.doi)
