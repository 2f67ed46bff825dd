"""Checking a crate against its profiles with roc-validator, always without network.

Comes in: a crate and, if not the ones that it claims, a profile. Goes out: a report with every finding, the entity
that it is about and a way out. Nothing is printed.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from provenance.crate.contexts import seed_cache
from provenance.crate.graph import Graph, is_relative
from provenance.crate.source import METADATA_NAMES, Payload, open_crate
from provenance.crate.staging import stage
from provenance.errors import CrateError, MissingPartError, UsageError

LEVELS = ("required", "recommended", "optional")
DEFAULT_LEVEL = "recommended"

# Family of a profile, as its permalink names it -> the validator's name; from the most specific to the most general.
# Each of them includes the checks of those after it that it builds on.
_FAMILIES = {
    "wfrun/provenance": "provenance-run-crate",
    "wfrun/workflow": "workflow-run-crate",
    "wfrun/process": "process-run-crate",
    "workflow-ro-crate": "workflow-ro-crate",
    "ro/crate": "ro-crate",
}
_PERMALINK = re.compile(r"w3id\.org/(?:ro/|workflowhub/)?(wfrun/\w+|workflow-ro-crate|crate)/(\d+(?:\.\d+)*)")
_FALLBACK = "ro-crate-1.1"
_STAGE = "wfprov-validate-"
_STAGED = re.compile(rf"^file://.*/{_STAGE}[^/]*/crate/")
_BLANK_NODE = re.compile(r"\bn[0-9a-f]{32}b\d+\b")

# What can only be told with a network. Names rather than identifiers: these are numbered anew in each release.
_NEEDS_NETWORK = frozenset(
    {
        "Web-based Data Entity: resource availability",
        "Web-based Data Entity: `contentSize` matches downloadable content",
    }
)
# It asks that the identifiers of software begin with http. The validator resolves those that are relative against the
# place of the crate on the disk, and takes no other base: code that is in the crate, as RO-Crate wants it named, could
# never pass.
_NEEDS_WEB_ADDRESS = "SoftwareApplication id"
_IN_CRATE_NOTE = (
    "the check that software has an absolute URI was left out for {}: code in the crate is named by its place there, "
    "which is absolute only once the crate is published"
)
# Findings of other checks that only say that there is no network.
_NO_NETWORK = re.compile(r"504 Server Error|not available in the HTTP cache|'https?://[^']*' not found in crate")
# Measured on 2 cores: seconds at start, and for each entity.
_SECONDS_AT_START, _SECONDS_AN_ENTITY = 2.0, 0.0035


@dataclass(frozen=True)
class Issue:
    """One finding."""

    id: str  # the check, e.g. "ro-crate-1.1_8.1"
    level: str  # "required" | "recommended" | "optional"
    check: str  # the check's name, for people
    message: str
    entity: str | None = None  # identifier in the crate
    property: str | None = None
    hint: str | None = None  # the way out


@dataclass(frozen=True)
class ValidationReport:
    """What was checked and what was found."""

    path: Path
    profile: str
    level: str
    issues: tuple[Issue, ...]
    profiles: tuple[str, ...] = ()  # all whose checks ran, the inherited ones among them
    notes: tuple[str, ...] = ()  # what was assumed or could not be checked
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Tell whether nothing was found at the level asked for."""
        return not self.issues

    def as_json(self) -> dict[str, Any]:
        """The report as documented for machines: passed, profile, level, issues."""
        return {
            "passed": self.passed,
            "profile": self.profile,
            "level": self.level,
            "issues": [
                {
                    "id": issue.id,
                    "level": issue.level,
                    "check": issue.check,
                    "entity": issue.entity,
                    "property": issue.property,
                    "message": issue.message,
                    "hint": issue.hint,
                }
                for issue in self.issues
            ],
        }


def validate(
    path: Path,
    profile: str | None = None,
    level: str = DEFAULT_LEVEL,
    announce: Callable[[int, float], None] | None = None,
) -> ValidationReport:
    """Check the crate at ``path`` (folder, zip or bare metadata file; of the last, the metadata only).

    Parameters
    ----------
    profile
        The validator's name of a profile, such as ``provenance-run-crate-0.5`` (the version may be left out); by
        default the most specific one that the crate claims in the root's ``conformsTo``.
    level
        ``required``, ``recommended`` or ``optional``; each includes those before it.
    announce
        Called before a check begins with the number of entities and the seconds that it will take, roughly.

    Raises
    ------
    CrateError
        The crate can't be read.
    UsageError
        No such profile or level.
    MissingPartError
        roc-validator is not installed.
    """
    if level not in LEVELS:
        raise UsageError(f"no level {level!r}; use one of {', '.join(LEVELS)}")
    document, payload = open_crate(path)
    services, severity, available = _validator()
    chosen, notes = _choose(profile, document, path, list(available))
    entities = document["@graph"] if isinstance(document["@graph"], list) else []
    if announce:
        announce(len(entities), _SECONDS_AT_START + _SECONDS_AN_ENTITY * len(entities))
    began = time.monotonic()
    issues: dict[Issue, None] = {}
    profiles: dict[str, None] = {}
    in_crate: dict[str | None, None] = {}
    with tempfile.TemporaryDirectory(prefix=_STAGE) as name:
        cache, unknown = seed_cache(Path(name), document)
        notes += [f"the context {url} does not ship with wfprov; its terms were not checked" for url in unknown]
        notes += _unchecked(entities, payload)
        crate = stage(path, document, payload, Path(name))
        for identifier in chosen:
            if identifier in profiles:  # checked already, as what a more specific one builds on
                continue
            settings: dict[str, Any] = {
                "rocrate_uri": str(crate),
                "profile_identifier": identifier,
                "requirement_severity": severity[level.upper()],
                "metadata_only": not payload.is_known,
                "skip_checks": list(_needing_network(identifier)),
                "offline": True,
                "cache_path": cache,
            }
            try:
                with _quiet():
                    result = services.validate(services.ValidationSettings(**settings))
                    found = _issues(result, document)
                    own = _own_functions(entities)
                    in_crate.update(dict.fromkeys(issue.entity for issue in found if _is_about_own_code(issue, own)))
                    issues.update(dict.fromkeys(issue for issue in found if not _is_about_own_code(issue, own)))
                    profiles.update(dict.fromkeys(p.identifier for p in result.statistics.validated_profiles))
            except Exception as error:  # the validator's own, on a crate that it can't take
                raise CrateError(
                    f"{path}: the validator stopped with {type(error).__name__}: {error}; "
                    "the metadata may be too broken to check"
                ) from error
    if in_crate:
        notes.append(
            _IN_CRATE_NOTE.format(
                "1 file or function" if len(in_crate) == 1 else f"{len(in_crate)} files and functions"
            )
        )
    return ValidationReport(
        path,
        chosen[0],
        level,
        tuple(sorted(issues, key=_rank)),
        tuple(profiles),
        tuple(notes),
        time.monotonic() - began,
    )


def _is_about_own_code(issue: Issue, functions: frozenset[str]) -> bool:
    if issue.check != _NEEDS_WEB_ADDRESS or issue.entity is None:
        return False
    return is_relative(issue.entity) or issue.entity in functions


def _own_functions(entities: list[Any]) -> frozenset[str]:
    """Identifiers of functions whose source is in the crate."""
    found = set()
    for entity in entities:
        part = entity.get("isPartOf") if isinstance(entity, dict) else None
        identifier = part.get("@id") if isinstance(part, dict) else None
        if isinstance(identifier, str) and is_relative(identifier) and entity.get("additionalType") == "Function":
            found.add(entity.get("@id"))
    return frozenset(one for one in found if isinstance(one, str))


def _unchecked(entities: list[Any], payload: Payload) -> list[str]:
    notes = []
    if not payload.is_known:
        notes.append("only the metadata was given, so whether the files are there was not checked")
    if any(_is_web(entity) for entity in entities):
        notes.append("whether data on the web can be had was not checked: no network is used")
    return notes


def _validator() -> tuple[Any, Any, dict[str, Any]]:
    try:
        with _quiet():
            from rocrate_validator import services
            from rocrate_validator.models import Severity

            available = {profile.identifier: profile for profile in services.get_profiles()}
    except ImportError as error:
        raise MissingPartError(
            f"validation needs roc-validator, which is not installed ({error}); "
            'install it with: pip install "wfprov[validate]"'
        ) from None
    return services, Severity, available


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the validator's log messages, which it would print at exit, and warnings from the user's terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


@cache
def _needing_network(identifier: str) -> tuple[str, ...]:
    """Find the checks of a profile, and of those that it builds on, that are left out; to load them takes a while."""
    profile = _validator()[2][identifier]
    return tuple(
        check.identifier
        for one in (profile, *profile.inherited_profiles)
        for requirement in one.requirements
        for check in requirement.get_checks()
        if check.name in _NEEDS_NETWORK
    )


def claimed_profiles(document: dict[str, Any], where: object) -> list[tuple[str, str]]:
    """The profiles that the root (or the descriptor) claims, as (family, version), the most specific first."""
    try:
        graph = Graph(document, where)
    except CrateError:
        return []
    texts = graph.texts(graph.root, "conformsTo")
    for name in METADATA_NAMES:
        texts += graph.texts(graph.get(name), "conformsTo")
    found = []
    for text in texts:
        match = _PERMALINK.search(text)
        family = _FAMILIES.get({"crate": "ro/crate"}.get(match[1], match[1])) if match else None
        if match and family:
            found.append((family, match[2]))
    order = list(_FAMILIES.values())
    return sorted(
        dict.fromkeys(found),
        key=lambda item: (order.index(item[0]), [-int(n) for n in item[1].split(".")]),
    )


def _choose(
    asked: str | None, document: dict[str, Any], where: object, available: list[str]
) -> tuple[list[str], list[str]]:
    """The validator's profiles to check, the most specific first, and what was assumed."""
    if asked:
        if asked in available:
            return [asked], []
        versions = sorted(name for name in available if name.rpartition("-")[0] == asked)
        if versions:
            return [versions[0] if asked == "ro-crate" else versions[-1]], []
        raise UsageError(f"no profile {asked!r}; there are {', '.join(sorted(available))}")
    chosen, notes = [], []
    for family, version in claimed_profiles(document, where):
        name = f"{family}-{version}"
        others = sorted(other for other in available if other.rpartition("-")[0] == family)
        if name in available:
            chosen.append(name)
        elif others:
            if not chosen:
                notes.append(f"the crate claims {family} {version}; checked against {others[-1]}, the nearest there is")
            chosen.append(others[-1])
    return (chosen, notes) if chosen else ([_FALLBACK], [f"the crate claims no profile; checked against {_FALLBACK}"])


def _is_web(entity: Any) -> bool:
    if not isinstance(entity, dict):
        return False
    identifier, types = entity.get("@id"), entity.get("@type")
    listed = types if isinstance(types, list) else [types]
    return isinstance(identifier, str) and "://" in identifier and ("File" in listed or "Dataset" in listed)


def _issues(result: Any, document: dict[str, Any]) -> tuple[Issue, ...]:
    hints: dict[str, str] = json.loads((files("provenance") / "profiles" / "hints.json").read_text("utf-8"))
    known = {entity.get("@id") for entity in document["@graph"] if isinstance(entity, dict)}
    found: dict[Issue, None] = {}
    for issue in result.get_issues():
        if _NO_NETWORK.search(issue.message or ""):
            continue
        name = _BLANK_NODE.sub("value", issue.check.name)
        entity, prop = _entity(issue, known), issue.violatingProperty
        item = Issue(
            id=issue.identifier,
            level=issue.severity.name.lower(),
            check=name,
            message=_BLANK_NODE.sub("value", " ".join((issue.message or name).split())),
            entity=entity,
            property=re.split(r"[#/]", str(prop))[-1] if prop and not _BLANK_NODE.fullmatch(str(prop)) else None,
            hint=hints.get(name),
        )
        found[item] = None
    return tuple(found)


def _rank(issue: Issue) -> tuple[int, list[tuple[int, str]], str, str]:
    return LEVELS.index(issue.level), _natural(issue.id), issue.entity or "", issue.message


def _entity(issue: Any, known: set[Any]) -> str | None:
    """The identifier as the crate writes it; some checks name the type in the place of the entity."""
    for candidate in (
        issue.violatingEntity,
        issue.violatingPropertyValue,
        *re.findall(r"'([^']+)'", issue.message or ""),
    ):
        text = str(candidate) if candidate is not None else ""
        text = _STAGED.sub("", text)  # some checks give the place where the validator sees the crate
        for form in (text, text.removeprefix("./")):
            if form and form in known:
                return form
    return str(issue.violatingEntity) if issue.violatingEntity else None


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]
