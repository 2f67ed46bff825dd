"""What a registry or a reader will ask for and only the user can say.

Comes in: the Run. Goes out: what is missing, each as the key of ``ro-crate-info.yaml`` and what it
is for.
"""

from __future__ import annotations

from provenance.crate.entities import publisher_of
from provenance.run.model import Run


def missing_for_publishing(run: Run) -> list[str]:
    """List what to add to ``ro-crate-info.yaml`` before the crate is published."""
    about = run.about
    missing = []
    if not about.license:
        missing.append("license: under what terms others may use it")
    if not about.authors:
        missing.append("Authors: who made the workflow, with ORCID")
    for author in about.authors:
        who = author.name or author.orcid or "an author"
        if not author.name:
            missing.append(f"Authors: the name of {who}")
        if not author.orcid:
            missing.append(f"Authors: the ORCID of {who}")
        if author.organization is None or not (author.organization.name and author.organization.ror):
            missing.append(f"Authors: the organisation of {who}, with name and ROR")
    if not about.description:
        missing.append("description: what the workflow is for")
    if not about.url:
        missing.append("url: where its source is kept")
    if not about.version:
        missing.append("version: of the workflow")
    if not about.keywords:
        missing.append("keywords: to be found by")
    if publisher_of(about) is None:
        missing.append("publisher: the institution that publishes it")
    return missing
