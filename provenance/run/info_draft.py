"""A first ``ro-crate-info.yaml``, filled in as far as the project tells.

In: a :class:`~provenance.run.project.Project`. Out: the text of the file, which
:func:`~provenance.run.info.read_info` reads without complaint, and the keys that are left for the user.
"""

from __future__ import annotations

import yaml

from provenance.run.model import Person
from provenance.run.project import Project

# Key -> what it is, and what stands there until the user knows better.
_KEYS = {
    "name": ("What the workflow is called.", "Name of the workflow"),
    "description": ("What it does, for people who find it.", "What it computes, from what, for whom"),
    "license": ("Of the crate: an SPDX identifier or a web address. Needed to publish.", "Apache-2.0"),
    "version": ("Of the workflow.", "1.0.0"),
    "url": ("A stable web address of the workflow's source.", "https://example.org/workflow"),
}


# Of a person: what stands there, as a comment, until the user knows better.
EXAMPLES = {
    "name": "Ada Example",
    "e-mail": "ada@example.org",
    "orcid": "https://orcid.org/0000-0002-1825-0097",
    "organisation_name": "Example Institute",
    "ror": "https://ror.org/05sd8tv96",
}


def draft(project: Project, agent: Person | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text of an information file, and the keys that only the user can fill in."""
    lines = [
        "# What only you can say about your runs. `wfprov run --info` and `wfprov pack --info` read it.",
        "# A line that begins with # is a suggestion: take the # away and put in what is right.",
        "Workflow Information:",
    ]
    missing = []
    for key, (meaning, example) in _KEYS.items():
        value = getattr(project, key)
        lines.append(f"  # {meaning}")
        lines.append(f"  {key}: {quoted(value)}" if value else f"  # {key}: {example}")
        missing += [] if value else [key]
    lines.append("  # Words that help to find it.")
    keywords = ", ".join(quoted(each) for each in project.keywords)
    lines.append(f"  keywords: [{keywords}]" if keywords else "  # keywords: [climate, ensemble]")
    lines += _FIXED.splitlines()
    lines.append("# Who wrote the workflow.")
    if project.authors:
        lines.append("Authors:")
        for author in project.authors:
            lines += [("    " if number else "  - ") + line for number, line in enumerate(_person(author))]
        if not all(author.orcid for author in project.authors):
            missing.append("orcid of each author")
    else:
        lines += ["# Authors:", f"#   - name: {EXAMPLES['name']}", f"#     orcid: {EXAMPLES['orcid']}"]
        missing.append("Authors")
    lines.append("# Who ran it, when that is somebody else than the first author.")
    if agent:
        lines += ["Agent:", *(f"  {line}" for line in _person(agent))]
    else:
        lines += ["# Agent:", f"#   name: {EXAMPLES['name']}", f"#   orcid: {EXAMPLES['orcid']}"]
    return "\n".join(lines) + "\n", tuple(missing)


def _person(person: Person) -> list[str]:
    """Return the lines of a person: what is known first, examples of the rest after it."""
    organization = person.organization
    known = {
        "name": person.name and quoted(person.name),
        "e-mail": person.email and quoted(person.email),
        "orcid": person.orcid,
        "organisation_name": organization and organization.name and quoted(organization.name),
        "ror": organization and organization.ror,
    }
    lines = [f"{key}: {value}" for key, value in known.items() if value]
    return lines + [f"# {key}: {EXAMPLES[key]}" for key, value in known.items() if not value]


def quoted(text: str) -> str:
    """Return ``text`` as a YAML scalar in double quotes, on one line."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return str(yaml.safe_dump(whole, default_style='"', allow_unicode=True, width=1 << 30)).strip()


_FIXED = """\
  # Who publishes the crate: a name, or a map of name and ror.
  # publisher: {name: Example Institute, ror: https://ror.org/05sd8tv96}
  # Files and folders, where the record alone does not tell; * and ** match names. Relative paths begin at the
  # folder that the run took place in.
  # sources: [src/, "*.py"]
  # sources_main_file: src/main.py
  # inputs: [data/, "https://example.org/data.csv"]
  # outputs: [results/]
  # ignore: ["*.log", tmp/]
  # Copy inputs and outputs into the crate (true) or only refer to them (false).
  # data_persistence: true
  # Software that the run needs and that can't be seen in the record.
  # software:
  #   - {name: GROMACS, version: "2024.1", url: "https://www.gromacs.org"}
  # Longest value of a parameter, in characters.
  # param_size_limit: 1500"""
