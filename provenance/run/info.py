"""``ro-crate-info.yaml``: what only the user knows about a run.

In: the path of the file. Out: :class:`Info`, or one :class:`~provenance.errors.InfoError` that names every wrong
line. The keys are those of COMPSs' file of the same name, so that one file serves both; they are listed in
``docs/reference/info-file.md``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import yaml

from provenance.errors import InfoError
from provenance.run import info_values as values
from provenance.run.info_values import Fields, Problems
from provenance.run.licenses import spdx_identifier
from provenance.run.model import About, Organization, Person, Software

FILE_NAME = "ro-crate-info.yaml"
WORKFLOW = "Workflow Information"
_WORKFLOW_COMPSS = "COMPSs Workflow Information"
_TOP_KEYS = (WORKFLOW, _WORKFLOW_COMPSS, "Authors", "Agent", "Submitter")
_WORKFLOW_KEYS = (
    *("name", "description", "license", "version", "url", "keywords", "publisher", "software"),
    *("sources", "sources_main_file", "inputs", "outputs", "ignore"),
    *("data_persistence", "param_size_limit", "provenance_run", "trace_persistence"),
    *("files", "sources_dir"),  # deprecated names of `sources`
)
_PERSON_KEYS = (
    *("name", "e-mail", "email", "orcid", "organisation_name", "organization_name", "ror"),
    *("givenName", "familyName", "Updated"),  # as COMPSs' GENERATED_ files have them
)
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_IN_URIS = "%/:?#[]@!$&'()*+,;="  # what has a meaning in an address, and what is quoted already


@dataclass(frozen=True, slots=True)
class Info:
    """The content of an information file; empty where the user said nothing.

    ``sources``, ``inputs``, ``outputs``, ``ignore`` and ``main_file`` are paths or globs as the user wrote them,
    with ``~`` expanded: relative ones begin at the folder that the run took place in.
    """

    about: About = field(default_factory=About)
    sources: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    main_file: str | None = None
    data_persistence: bool | None = None
    param_size_limit: int | None = None  # characters of a recorded value
    provenance_run: bool = True
    trace_persistence: bool = False  # take the engine's trace of the run along
    path: str | None = None  # of the file itself, absolute


def read_info(path: str | Path) -> Info:
    """Read an information file.

    Raises
    ------
    InfoError
        The file can't be read, is no YAML, or has wrong keys or values: all of them, each with its line.
    """
    file = Path(path)
    problems = Problems(str(file))
    root = _compose(file, problems)
    info = Info(path=str(file.absolute()))
    if root is not None:
        info = _read_top(Fields(root, "the file", _TOP_KEYS, problems), info)
    problems.raise_if_any()
    return info


def _compose(file: Path, problems: Problems) -> yaml.Node | None:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InfoError(f"there is no file {file}; 'wfprov init' writes one") from None
    except OSError as error:
        raise InfoError(f"{file} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InfoError(f"{file}:{line}: not UTF-8 text; save the file as UTF-8") from None
    try:
        # The base loader leaves every scalar as its text: a version 1.0 stays "1.0".
        return yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.problem, error.context) if part)
        problems.add(mark.line + 1 if mark else 1, f"not valid YAML: {what}{_yaml_advice(error)}")
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        problems.add(line, f"not valid YAML: the character {text[error.position]!a} is not allowed")
    except RecursionError:
        problems.add(1, "not valid YAML: nested too deeply")
    problems.raise_if_any()
    return None


def _yaml_advice(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "mapping values are not allowed" in problem:
        return "; put quotes around a value that holds ': '"
    if "'\\t'" in problem:
        return "; indent with blanks instead of a tab"
    if "cannot start any token" in problem or "alias" in problem:
        return "; put quotes around a value that begins with a special character"
    return ""


def _read_top(top: Fields, info: Info) -> Info:
    top.explain_misplaced(dict.fromkeys(_WORKFLOW_KEYS, f"under {WORKFLOW!r}"))
    top.not_both(WORKFLOW, _WORKFLOW_COMPSS)
    authors = tuple(_person(each) for each in top.maps("Authors", _PERSON_KEYS))
    agents = [_person(each) for each in top.maps("Agent", _PERSON_KEYS)]
    agents += [_person(each) for each in top.maps("Submitter", _PERSON_KEYS)]
    agent = agents[0] if agents else None
    for key in (WORKFLOW, _WORKFLOW_COMPSS):
        workflow = top.map(key, _WORKFLOW_KEYS)
        if workflow is not None:
            workflow.explain_misplaced(dict.fromkeys(_TOP_KEYS, "at the left margin"))
            return _read_workflow(workflow, authors, agent, info.path)
    return Info(about=About(authors=authors, agent=agent), path=info.path)


def _read_workflow(workflow: Fields, authors: tuple[Person, ...], agent: Person | None, path: str | None) -> Info:
    inputs, remote_inputs = _local_and_remote(workflow, "inputs")
    outputs, remote_outputs = _local_and_remote(workflow, "outputs")
    license_name = workflow.text("license")
    about = About(
        name=workflow.text("name"),
        description=workflow.text("description"),
        license=spdx_identifier(license_name) or license_name if license_name else None,
        version=workflow.text("version"),
        url=workflow.checked("url", values.web_address),
        keywords=_keywords(workflow),
        authors=authors,
        agent=agent,
        publisher=_publisher(workflow),
        software=tuple(_software(workflow)),
        remote_inputs=remote_inputs,
        remote_outputs=remote_outputs,
    )
    sources = [each for key in ("sources", "files", "sources_dir") for each in _paths(workflow, key)]
    main_file = _paths(workflow, "sources_main_file")
    provenance_run = workflow.boolean("provenance_run")
    return Info(
        about=about,
        sources=tuple(dict.fromkeys(sources)),
        inputs=inputs,
        outputs=outputs,
        ignore=tuple(_paths(workflow, "ignore")),
        main_file=main_file[0] if main_file else None,
        data_persistence=workflow.boolean("data_persistence"),
        param_size_limit=workflow.checked("param_size_limit", values.positive_integer),
        provenance_run=True if provenance_run is None else provenance_run,
        trace_persistence=workflow.boolean("trace_persistence") or False,
        path=path,
    )


def _paths(workflow: Fields, key: str) -> list[str]:
    return [values.expand_home(text) for text in workflow.texts(key)]


def _local_and_remote(workflow: Fields, key: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = _paths(workflow, key)
    for text in found:
        if text.lower().startswith("file://"):
            workflow.problem(key, f"{text!r}: write a file of this machine as a plain path")
    remote = [quote(text, safe=_IN_URIS) for text in found if _URI.match(text)]
    return tuple(text for text in found if not _URI.match(text)), tuple(remote)


def _keywords(workflow: Fields) -> tuple[str, ...]:
    parts = [part.strip() for text in workflow.texts("keywords") for part in text.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def _publisher(workflow: Fields) -> Organization | None:
    if workflow.is_text("publisher"):
        name = workflow.text("publisher")
        return Organization(name=name) if name else None
    fields = workflow.map("publisher", ("name", "ror"))
    if fields is None:
        return None
    return Organization(name=fields.text("name"), ror=fields.checked("ror", values.ror_url))


def _software(workflow: Fields) -> list[Software]:
    found = []
    for fields in workflow.maps("software", ("name", "version", "url")):
        name = fields.text("name")
        if name is None:
            fields.problem(None, "software without a name; add 'name:'")
            continue
        url = fields.checked("url", values.web_address)
        found.append(Software(name=name, version=fields.text("version"), url=url))
    return found


def _person(fields: Fields) -> Person:
    fields.not_both("e-mail", "email")
    fields.not_both("organisation_name", "organization_name")
    name = fields.text("name")
    if name is None:
        parts = [fields.text("givenName"), fields.text("familyName")]
        name = " ".join(part for part in parts if part) or None
    orcid = fields.checked("orcid", values.orcid_url)
    if name is None and not fields.has("orcid"):
        fields.problem(None, "a person without name and orcid; add one of them")
    organization = Organization(
        name=fields.text("organisation_name") or fields.text("organization_name"),
        ror=fields.checked("ror", values.ror_url),
    )
    email = fields.checked("e-mail", values.plausible_email)
    return Person(
        name=name,
        orcid=orcid,
        email=email or fields.checked("email", values.plausible_email),
        organization=organization if organization != Organization() else None,
    )
