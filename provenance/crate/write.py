"""Run -> crate: a folder or zip with the files of a run and what happened to them (Provenance Run
Crate 0.5).

Comes in: the Run, where to write, the settings. Goes out: the crate, and a report of what is in it
and what is not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

from provenance.crate.archive import METADATA_FILE, Archive, created
from provenance.crate.aside import Answer, Aside
from provenance.crate.container_entities import ContainerEntities
from provenance.crate.data_entities import Placed, data_entities, place
from provenance.crate.drawing import draw
from provenance.crate.entities import (
    Entity,
    iso,
    license_entity,
    one_or_all,
    organization,
    person_id,
    publisher_of,
    ref,
    refs,
    without_nothing,
)
from provenance.crate.environment_files import (
    GeneratedFiles,
    write_bill_of_materials,
    write_environment,
    write_logs,
    write_plots,
    write_script,
)
from provenance.crate.image_files import ImageFiles
from provenance.crate.layout import Item, Treatment, plan
from provenance.crate.lock_files import LockFiles
from provenance.crate.metadata import document
from provenance.crate.parameters import Slots
from provenance.crate.payload import PayloadReader
from provenance.crate.preview import PREVIEW_FILE, page_content, renderer
from provenance.crate.publishing import missing_for_publishing
from provenance.crate.readme import readme
from provenance.crate.repetition import in_words, repetition_entities, root_links, write_verdict
from provenance.crate.run_entities import RunEntities, people_entities, run_id
from provenance.crate.sbom import bill_of_materials
from provenance.crate.screening import Screened
from provenance.crate.settings import NoProgress, PackReport, PackSettings, Progress
from provenance.crate.workflow_entities import (
    Workflow,
    language_entity,
    used_tools,
    workflow_entities,
)
from provenance.errors import UsageError
from provenance.run.model import Role, Run
from provenance.run.software_summary import software_in_words

_CRATE = "https://w3id.org/ro/crate/1.1"
_WORKFLOW_CRATE = ("https://w3id.org/workflowhub/workflow-ro-crate/1.0", "Workflow RO-Crate", "1.0")
_PROFILES = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
)
_PROVENANCE = ("https://w3id.org/ro/wfrun/provenance/0.5", "Provenance Run Crate", "0.5")
_RESULTS = (Role.OUTPUT, Role.INTERMEDIATE)
_BYTES_AN_ENTITY = 400  # about; tells the zip whether it needs the large format for the metadata


def write(run: Run, target: Path, settings: PackSettings | None = None, progress: Progress | None = None) -> PackReport:
    """Write the crate of ``run`` to ``target``, which appears only when it is complete.

    Files that are no longer what the run saw are described, not copied; the report names them.

    Raises:
        UsageError: something is at ``target`` already and may not be replaced.
        OutputError: ``target`` can't be written.
    """
    settings = settings or PackSettings()
    if settings.force:
        _refuse_to_replace_data(run, target)
    with created(target, settings.as_zip, settings.force) as archive:
        return _Writer(run, target, settings, progress or NoProgress(), archive).write()


def _refuse_to_replace_data(run: Run, target: Path) -> None:
    inside = str(Path(os.path.abspath(target))) + "/"
    for data in run.data:
        if data.content is not None and data.content.startswith(inside):
            raise UsageError(
                f"{target} holds data of this run ({data.content}) and is not replaced; choose another --output"
            )


class _Writer:
    """Writes one crate: the files first, what is said about them last."""

    def __init__(self, run: Run, target: Path, settings: PackSettings, progress: Progress, archive: Archive):
        self._run = run
        self._settings = settings
        self._progress = progress
        self._archive = Screened(archive)
        self._report = PackReport(target)
        self._packed_at = iso(time.time_ns()) or ""
        self._has_tasks = settings.tasks and bool(run.tasks)
        self._images = ImageFiles()
        self._has_verdict = False

    def write(self) -> PackReport:
        with Aside(self._make_bill) as bill, Aside(renderer) as page:
            placed = self._write_payload()
            started = time.perf_counter()
            self._write_metadata(placed, bill, page)
            self._report.seconds_metadata = time.perf_counter() - started
        return self._report

    def _make_bill(self) -> Answer:
        content = bill_of_materials(self._run) or b""
        return lambda _: content

    def _write_payload(self) -> dict[str, Placed]:
        items = plan(self._run, self._settings)
        self._archive.results = frozenset(item.path for item in items if item.data.role in _RESULTS)
        self._progress.begin("Files", sum(item.data.size or 0 for item in items if _is_read(item)))
        reader = PayloadReader(self._archive, self._settings.checksums, self._progress)
        outcomes = [reader.take(item) for item in items]
        self._images.write(self._run, self._settings, reader)
        placed = place(self._run, items, outcomes)
        report = self._report
        report.seconds_hashing = reader.seconds_hashing
        report.seconds_copying = max(0.0, reader.seconds_copying)
        in_place = {one.data.path for one in placed.values() if one.data.version}
        for one in placed.values():
            _count(report, one, in_place)
        return placed

    def _write_metadata(self, placed: dict[str, Placed], bill: Aside, page: Aside) -> None:
        run, report = self._run, self._report
        self._progress.begin("Metadata", len(placed) + len(run.tasks))
        tools = used_tools(run) if self._has_tasks else {}
        slots = Slots(run, {key: one.data for key, one in placed.items()}, self._has_tasks)
        files = GeneratedFiles(self._archive)
        main = placed.get(run.main or "")
        if main is not None and main.outcome.treatment is not Treatment.COPY:
            main = None
        main_file = {} if main else write_script(run, files)
        main_id = main.id if main else main_file["@id"]
        write_environment(run, files)
        write_plots(run, files, run_id(run))
        locks = LockFiles(self._archive, main_id)
        locks.write(run)
        instructions = tuple(locks.instructions)
        files.entities += locks.entities
        logs = write_logs(run, files)
        drawing = draw(run, tools)
        files.add("diagram.svg", drawing.content, "Diagram of the workflow", about=ref(main_id))
        text = readme(run, placed, tools, bool(tools)).encode("utf-8", "backslashreplace")
        files.add("README.md", text, "About this crate", about=ref("./"))
        workflow = Workflow(run, main_id, main, main_file, tools, placed, slots, self._packed_at, instructions)
        files.entities += self._images.entities
        containers = ContainerEntities(run, self._images.ids)
        self._write_verdict(files)
        actions = RunEntities(run, main_id, tools, placed, slots, logs, self._settings.param_size_limit, containers)
        if content_of_bill := bill.answer():
            write_bill_of_materials(content_of_bill, main_id, files)
        first_of_all = list(_preview_parts(workflow))
        links = root_links(run.repeats, run.about.url, first_of_all[0].get("url"))
        root = self._root(main_id, placed, files, actions) | without_nothing(links)
        entities = self._graph(root, workflow, actions, files)
        data = data_entities(run, placed, slots, self._packed_at, main_id)
        listed = (entity for entity in data if not entity["@id"].startswith("#") and entity["@id"] != main_id)
        count = report.copied + report.referenced
        shown = page_content(_with_repetition(root, run), first_of_all[0], first_of_all[1], listed, count)
        html = page.answer(shown)
        self._archive.add(PREVIEW_FILE, (html,), len(html), None, False)
        expected = (len(placed) + 6 * len(run.tasks)) * _BYTES_AN_ENTITY
        content = document(self._archive.corrected(self._counted(entities)), with_build_instructions=bool(instructions))
        self._archive.add(METADATA_FILE, content, expected, None, False)
        report.removed = list(self._archive.removals)
        report.tasks = len(run.tasks) if self._has_tasks else 0
        report.files = report.copied + report.referenced + files.count() + (0 if main else 1)
        report.missing = missing_for_publishing(run)
        report.gaps += [f"{gap.what}: {gap.why}" + (f" ({gap.path})" if gap.path else "") for gap in run.gaps]
        report.gaps += [*drawing.missing, *locks.missing, *self._images.missing]
        report.software = software_in_words(run.environment)
        report.locks = ", ".join(one.removeprefix("environment/") for one in instructions)

    def _write_verdict(self, files: GeneratedFiles) -> None:
        repeats = self._run.repeats
        if repeats is None:
            return
        problem = write_verdict(repeats, run_id(self._run), files)
        self._has_verdict = repeats.verdict is not None and problem is None
        if problem is not None:
            self._report.gaps.append(problem)

    def _counted(self, entities: Iterator[Entity]) -> Iterator[Entity]:
        for entity in entities:
            self._report.entities += 1
            yield entity

    def _graph(self, root: Entity, workflow: Workflow, actions: RunEntities, files: GeneratedFiles) -> Iterator[Entity]:
        run = self._run
        yield {
            "@id": METADATA_FILE,
            "@type": "CreativeWork",
            "about": ref("./"),
            "conformsTo": [ref(_CRATE), ref(_WORKFLOW_CRATE[0])],
        }
        yield root
        for identifier, name, version in self._profiles():
            yield {"@id": identifier, "@type": "CreativeWork", "name": name, "version": version}
        if run.about.license:
            yield license_entity(run.about.license)
        yield from people_entities(run)
        yield from workflow_entities(workflow)
        yield from actions.whole()
        if run.repeats is not None:
            yield from repetition_entities(run.repeats, run_id(run), has_verdict=self._has_verdict)
        if self._has_tasks:
            yield from actions.tasks()
        yield {
            "@id": PREVIEW_FILE,
            "@type": "CreativeWork",
            "about": ref("./"),
            "name": "Preview of the crate",
        }
        yield from files.entities
        yield from data_entities(run, workflow.placed, workflow.slots, self._packed_at, workflow.main_id)

    def _profiles(self) -> tuple[tuple[str, str, str], ...]:
        """The profiles that the crate keeps; that of single tasks only when there are some."""
        return (*_PROFILES, *((_PROVENANCE,) if self._has_tasks else ()), _WORKFLOW_CRATE)

    def _root(self, main_id: str, placed: dict[str, Placed], files: GeneratedFiles, actions: RunEntities) -> Entity:
        run, about = self._run, self._run.about
        generated = [entity["@id"] for entity in files.entities if entity["@type"] in ("File", "Dataset")]
        payload = [one.id for one in placed.values() if one.is_payload]
        publisher = publisher_of(about)
        authors = [person_id(person) for person in about.authors]
        return without_nothing(
            {
                "@id": "./",
                "@type": "Dataset",
                "name": about.name or run.name,
                "description": about.description or _description(run),
                "datePublished": about.date_published or self._packed_at,
                "license": ref(license_entity(about.license)["@id"]) if about.license else None,
                "author": refs(authors),
                "publisher": ref(organization(publisher)[0]["@id"]) if publisher else None,
                "keywords": one_or_all(about.keywords),
                "version": about.version,
                "conformsTo": refs(identifier for identifier, _, _ in self._profiles()),
                "mainEntity": ref(main_id),
                "hasPart": refs(dict.fromkeys((main_id, *generated, *payload))),
                "mentions": refs(actions.mentions(self._has_tasks)),
            }
        )


def _with_repetition(root: Entity, run: Run) -> Entity:
    """Say in what the page shows of the crate which run is repeated and how it compared."""
    if run.repeats is None:
        return root
    parts = (root.get("description"), in_words(run.repeats), *(f"Changed: {one}." for one in run.repeats.changes))
    return root | {"description": " ".join(part for part in parts if part)}


def _is_read(item: Item) -> bool:
    return item.treatment is not Treatment.DESCRIBE and not item.data.is_directory


def _preview_parts(workflow: Workflow) -> Iterator[Entity]:
    graph = workflow_entities(workflow)
    main = next(graph)
    yield main
    language = workflow.run.language if workflow.main else None
    yield language_entity(language) if language else next(graph)


def _description(run: Run) -> str:
    when = ""
    if run.start is not None:
        when = f" on {datetime.fromtimestamp(run.start // 1_000_000_000, timezone.utc):%Y-%m-%d}"
    return f"A run of {run.name}{when}: {run.status.value}."


def _count(report: PackReport, one: Placed, in_place: set[str]) -> None:
    data, outcome = one.data, one.outcome
    if data.is_directory:
        return
    size = outcome.size or 0
    if outcome.treatment is Treatment.COPY:
        report.copied += 1
        report.copied_bytes += size
        report.bytes += size
    elif outcome.treatment is Treatment.REFERENCE:
        report.referenced += 1
        report.bytes += size
    else:
        report.described += 1
        if outcome.is_changed:
            report.changed.append(data.path)
        elif data.is_gone and data.role in (Role.INPUT, Role.OUTPUT, Role.SOURCE, Role.CONFIGURATION):
            if data.version == 0 and data.path in in_place:
                report.overwritten += 1
            else:
                report.gone.append(data.path)
