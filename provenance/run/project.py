"""What a project's own files say about it: name, authors, license, address.

In: a folder. Out: :class:`Project`, from ``CITATION.cff``, ``pyproject.toml``, ``setup.cfg``, a LICENSE file and git,
the first that knows wins. A file that can't be read says nothing; an identifier that is wrong is left out.
"""

from __future__ import annotations

import configparser
import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from provenance.environment import source_control
from provenance.run.identifiers import orcid_url, plausible_email
from provenance.run.licenses import recognise, spdx_identifier
from provenance.run.model import Organization, Person

_LICENSE_NAMES = re.compile(r"(?:un)?licen[cs]e|copying", re.I)
_LARGEST = 1 << 20  # bytes of a file that is looked at


@dataclass(frozen=True, slots=True)
class Project:
    """What was found; empty where nothing was."""

    name: str | None = None
    description: str | None = None
    license: str | None = None
    version: str | None = None
    url: str | None = None
    keywords: tuple[str, ...] = ()
    authors: tuple[Person, ...] = ()
    found_in: tuple[str, ...] = ()  # names of the files, and "git", that said something


def describe(folder: Path) -> Project:
    """Return what the files of ``folder`` and its repository say about the project."""
    project = Project()
    readers: tuple[tuple[str, Callable[[Path], Project]], ...] = (
        ("CITATION.cff", _citation),
        ("pyproject.toml", _pyproject),
        ("setup.cfg", _setup),
    )
    for name, read in readers:
        path = folder / name
        if path.is_file() and path.stat().st_size <= _LARGEST:
            project = _completed(project, read(path), name)
    if project.license is None:
        for path in sorted(folder.iterdir()):
            if _LICENSE_NAMES.match(path.name) and path.is_file():
                text = path.read_bytes()[:_LARGEST].decode("utf-8", "replace")
                project = _completed(project, Project(license=recognise(text)), path.name)
    return _completed(project, _git(folder), "git")


def _completed(known: Project, further: Project, where: str) -> Project:
    news = {
        each.name: getattr(further, each.name)
        for each in fields(Project)
        if not getattr(known, each.name) and getattr(further, each.name)
    }
    return replace(known, **news, found_in=(*known.found_in, where)) if news else known


def _citation(path: Path) -> Project:
    try:
        # The base loader leaves a version 1.0 as it is written.
        found = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, OSError, UnicodeDecodeError):
        return Project()
    if not isinstance(found, dict):
        return Project()
    authors = []
    for each in _maps(found.get("authors")):
        name = " ".join(_text(each.get(key)) or "" for key in ("given-names", "name-particle", "family-names"))
        affiliation = _text(each.get("affiliation"))
        person = Person(
            name=" ".join(name.split()) or _text(each.get("name")),
            orcid=_valid(orcid_url, each.get("orcid")),
            email=_valid(plausible_email, each.get("email")),
            organization=Organization(name=affiliation) if affiliation else None,
        )
        authors += [person] if person.name or person.orcid else []
    license_name = _text(found.get("license"))
    keywords = found.get("keywords")
    return Project(
        name=_text(found.get("title")),
        description=_text(found.get("abstract")),
        license=(spdx_identifier(license_name) or license_name) if license_name else None,
        version=_text(found.get("version")),
        url=_web(found.get("repository-code")) or _web(found.get("url")),
        keywords=_texts(keywords),
        authors=tuple(authors),
    )


def _pyproject(path: Path) -> Project:
    # Into the standard library it came with Python 3.11.
    toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        found = toml.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        return Project()
    table = found.get("project")
    if not isinstance(table, dict):
        poetry = found.get("tool", {}).get("poetry") if isinstance(found.get("tool"), dict) else None
        table = poetry if isinstance(poetry, dict) else {}
    licensed = table.get("license")
    license_name = _text(licensed.get("text") if isinstance(licensed, dict) else licensed)
    urls: dict[str, Any] = table["urls"] if isinstance(table.get("urls"), dict) else {}
    by_label = {label.lower(): _web(url) for label, url in urls.items()}
    labels = ("repository", "source", "source code", "code", "github", "gitlab", "homepage")
    url = next((by_label[label] for label in labels if by_label.get(label)), None)
    authors = []
    listed: list[Any] = table["authors"] if isinstance(table.get("authors"), list) else []
    for each in listed:
        person = each if isinstance(each, dict) else {}
        if isinstance(each, str):  # Poetry: "Name <address>"
            name, _, address = each.partition("<")
            person = {"name": name, "email": address.strip(" >")}
        if _text(person.get("name")):
            email = _valid(plausible_email, person.get("email"))
            authors.append(Person(name=_text(person.get("name")), email=email))
    return Project(
        name=_text(table.get("name")),
        description=_text(table.get("description")),
        license=spdx_identifier(license_name) if license_name else None,
        version=_text(table.get("version")),
        url=url or _web(table.get("repository")) or _web(table.get("homepage")),
        keywords=_texts(table.get("keywords")),
        authors=tuple(authors),
    )


def _setup(path: Path) -> Project:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
        table = dict(parser["metadata"]) if parser.has_section("metadata") else {}
    except (configparser.Error, OSError, ValueError):
        return Project()
    values = {key: value for key, value in table.items() if not value.startswith(("file:", "attr:"))}
    name = _text(values.get("author"))
    email = _valid(plausible_email, values.get("author_email"))
    license_name = _text(values.get("license"))
    return Project(
        name=_text(values.get("name")),
        description=_text(values.get("description")),
        license=spdx_identifier(license_name) if license_name else None,
        version=_text(values.get("version")),
        url=_web(values.get("url")),
        keywords=tuple(part.strip() for part in re.split(r"[,\n]", values.get("keywords", "")) if part.strip()),
        authors=(Person(name=name, email=email),) if name else (),
    )


def _git(folder: Path) -> Project:
    known = source_control.owner(str(folder))
    person = Person(name=known.get("name"), email=_valid(plausible_email, known.get("email")))
    return Project(
        url=_web_of_remote(known.get("remote", "")),
        authors=(person,) if person.name else (),
    )


def _web_of_remote(remote: str) -> str | None:
    """Return the web page of a repository on a server, by the address that git fetches it from."""
    match = re.fullmatch(r"(?:ssh://)?(?:git@)?([\w.-]+\.[a-z]+)(?::\d+)?[:/](?!/)(.+?)(?:\.git)?/?", remote)
    if match:
        return f"https://{match.group(1)}/{match.group(2).lstrip('/')}"
    return remote.removesuffix("/").removesuffix(".git") if _web(remote) else None


def _maps(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return (" ".join(value.split()) or None) if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...]:
    found = [_text(each) for each in value] if isinstance(value, list) else []
    return tuple(each for each in found if each and "," not in each)


def _web(value: Any) -> str | None:
    text = _text(value)
    return text if text and re.fullmatch(r"https?://[^\s/]+\S*", text) else None


def _valid(check: Callable[[str], str], value: Any) -> str | None:
    text = _text(value)
    if text is None:
        return None
    try:
        return check(text)
    except ValueError:
        return None
