"""Runs of COMPSs: under ``runcompss`` where it is installed, else as plain Python with a stand-in of its API.

Comes in: the Run of a crate, packed by us or laid out by COMPSs itself (3.3 and 3.4). Goes out: a
:class:`~.recipe.Recipe`. The words of the submission line that were for the site (queue, project, nodes, folders of
logs) are left out, and each is told.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from provenance.crate.source import open_crate
from provenance.engines.compss import submission as submission_line
from provenance.engines.compss.records import Option, Submission
from provenance.rerun.engines.compss_layout import DATASET, SOURCES, Layout, common_end, find_layout
from provenance.rerun.engines.recipe import Recipe
from provenance.run.model import Role, Run, Software

STAND_INS = Path(__file__).parents[1] / "stand_ins"
_ENGINE = "compss"
_LANGUAGE = "--lang"
_PYTHON_PATH = "--pythonpath"
_PYTHON_VERSION = "COMPSS_PYTHON_VERSION"  # a variable that COMPSs puts into its crates
_DEEPEST = 64  # folders in a path
_MOST_OF_A_NAME = 1000  # files and folders
_MOST_BASES = 20  # folders of data that the sources may have lain in
_SUBMISSION_FILES = (
    "compss_submission_command_line.txt",
    ".compss_submission_command_line.txt",
    "compss_command_line_arguments.txt",
)
# What the options of runcompss mean to the application and its tasks; all others are of a site or of its logs.
_KEPT = frozenset(
    [
        "-d",
        "-g",
        "-t",
        "--checkpoint",
        "--checkpoint_params",
        "--classpath",
        "--conn",
        "--debug",
        "--env_script",
        "--graph",
        "--input_profile",
        "--lang",
        "--log_level",
        "--monitoring",
        "--python_mpi_worker",
        "--python_worker_cache",
        "--pythonpath",
        "--scheduler",
        "--streaming",
        "--summary",
        "--task_count",
        "--task_execution",
        "--wall_clock_limit",
    ]
)
_OF_RECORDING = frozenset(["-p", "--provenance"])
_LANGUAGES = {".py": "python", ".java": "java", ".jar": "java", ".c": "c", ".cc": "c", ".cpp": "c"}


def recognise(run: Run, crate: Path) -> Recipe | None:
    """Find out how a run of COMPSs is executed again; None when it is none."""
    if not any(one is not None and one.name.lower().startswith(_ENGINE) for one in (run.engine, run.language)):
        return None
    ours = run.is_own
    if ours and not _starts_compss(run) and shutil.which("runcompss") is not None:
        return None  # a script of the user's that calls COMPSs, and COMPSs is here
    submission = _submission(run, crate, ours)
    if submission is None or submission.application is None:
        return _without_submission(run, ours)
    layout = _layout(run, submission, ours)
    run = _with_layout(run, layout)
    language = _language(run, submission)
    recipe = Recipe(
        engine=_ENGINE,
        recorded_root=None,
        paths=layout.paths,
        inputs=tuple(data.key for data in run.data if data.role is Role.INPUT),
        outputs=tuple(data.key for data in run.data if data.role is Role.OUTPUT),
        run=run,
        recorded_python_path=tuple(_python_path(submission)),
        notes=(*submission.doubts, *layout.notes, *_changed_in_place(run), *_unknown(run, submission)),
        problems=layout.problems,
    )
    if shutil.which("runcompss") is not None:
        return _under_runcompss(recipe, submission)
    if language != "python":
        return replace(
            recipe,
            why=f"{_version(run)} ran a {language.title()} application",
            problems=(
                *recipe.problems,
                f"{submission.application} is a {language.title()} application, which only COMPSs can execute; "
                f"install {_version(run)} so that runcompss is found, and try again",
            ),
        )
    return _as_plain_python(recipe, submission)


def _submission(run: Run, crate: Path, ours: bool) -> Submission | None:
    application = PurePosixPath(run.main).name if run.main else None
    if ours and _starts_compss(run):
        return submission_line.parse(run.command, application, crate)
    text = _submission_text(run, crate)
    if text is None:
        text = " ".join(run.command) if _starts_compss(run) else None
    return submission_line.parse(text, application, crate, exists=_finder(run)) if text else None


def _starts_compss(run: Run) -> bool:
    return bool(run.command) and posixpath.basename(run.command[0]) in submission_line.PROGRAMS


def _submission_text(run: Run, crate: Path) -> str | None:
    _, payload = open_crate(crate)
    listed = [data.key for data in run.data if data.key.rpartition("/")[2] in _SUBMISSION_FILES]
    for name in (*listed, *_SUBMISSION_FILES):
        text = payload.text(name)
        if text and text.strip():
            return text
    return None


def _finder(run: Run) -> submission_line.Exists:
    """Tell whether a text is the path of a file or folder of the crate, or ends in one when it is absolute."""
    paths = [parts for data in run.data if len(parts := tuple(data.key.split("/"))) <= _DEEPEST]
    bases = {parts[1] for parts in paths if parts[:1] == (DATASET,) and len(parts) > 1}
    # Data and sources often have one working folder, whose name only the data have before them.
    beside = [(base, *parts[1:]) for base in sorted(bases)[:_MOST_BASES] for parts in paths if parts[:1] == (SOURCES,)]
    named: dict[str, set[tuple[str, ...]]] = {}
    for parts in (*paths, *beside):
        for last in range(1, len(parts) + 1):
            of_name = named.setdefault(parts[last - 1], set())
            if len(of_name) < _MOST_OF_A_NAME:
                of_name.add(parts[:last])

    def exists(text: str) -> bool:
        parts = tuple(part for part in text.split("/") if part not in ("", "."))
        if not parts:
            return False
        # What is joined with a blank has to be all in the crate; folders above it in an absolute path need not be.
        needed = len(parts)
        if text.startswith("/"):
            needed -= next((index for index, part in enumerate(parts) if " " in part), len(parts) - 1)
        return any(common_end(known, parts) >= needed for known in named.get(parts[-1], ()))

    return exists


def _layout(run: Run, submission: Submission, ours: bool) -> Layout:
    if ours and run.cwd is not None:
        return Layout(run.cwd)
    return find_layout(run, submission)


def _with_layout(run: Run, layout: Layout) -> Run:
    """Give the run its folder, its Python, and its data their recorded paths.

    States of files that nobody kept are no needed inputs.
    """
    made = {data.original or layout.paths.get(data.key) for data in run.data if data.role is Role.OUTPUT}
    changed = []
    for data in run.data:
        original = data.original or layout.paths.get(data.key)
        if data.role is Role.INPUT and data.is_gone and original is not None and original in made:
            changed.append(replace(data, original=original, role=Role.IGNORED, reason=_NOT_KEPT))
        else:
            changed.append(replace(data, original=original))
    environment = run.environment
    python = dict(environment.variables).get(_PYTHON_VERSION)
    if python and environment.interpreter is None:
        environment = replace(environment, interpreter=Software("Python", version=python))
    return replace(run, cwd=run.cwd or layout.cwd, data=tuple(changed), environment=environment)


_NOT_KEPT = "changed in place by a task; the content from before was not kept"


def _changed_in_place(run: Run) -> Iterable[str]:
    lost = [data for data in run.data if data.reason == _NOT_KEPT]
    if lost:
        yield (
            f"{len(lost)} files were changed in place by tasks, and the crate does not have their content from before "
            "the run; the application is taken to make them itself"
        )


def _unknown(run: Run, submission: Submission) -> Iterable[str]:
    """Tell of arguments that are absolute paths which no file of the run lies at or below."""
    originals = [data.original for data in run.data if data.original]
    for word in submission.arguments:
        path = word.partition("=")[2] if word.startswith("-") else word
        plain = posixpath.normpath(path) if path.startswith("/") else run.cwd
        if plain is None or plain == run.cwd:
            continue
        below = plain.rstrip("/") + "/"
        if not any(original == plain or original.startswith(below) for original in originals):
            yield f"the argument {word} names no file or folder that the crate tells of; it is used as it is"


def _under_runcompss(recipe: Recipe, submission: Submission) -> Recipe:
    kept = [option for option in submission.options if option.name in _KEPT]
    left = [option for option in submission.options if option.name not in _KEPT]
    notes = list(recipe.notes)
    if submission.program != "runcompss":
        notes.append(f"{submission.program} submitted a job; runcompss executes it here")
    site = [_word(option) for option in left if option.name not in _OF_RECORDING]
    if site:
        notes.append(f"left out, as they are of the site that the run took place on: {' '.join(site)}")
    return replace(
        recipe,
        words=("runcompss", *map(_word, kept), submission.application or "", *submission.arguments),
        why="COMPSs is installed here: runcompss executes the application",
        notes=tuple(notes),
    )


def _python_path(submission: Submission) -> Iterable[str]:
    for option in submission.options:
        if option.name == _PYTHON_PATH:
            yield from (folder for folder in (option.value or "").split(":") if folder)


def _as_plain_python(recipe: Recipe, submission: Submission) -> Recipe:
    return replace(
        recipe,
        words=("python3", submission.application or "", *submission.arguments),
        # The installation of wfprov is not written to.
        variables=(("PYTHONDONTWRITEBYTECODE", "1"),),
        python_path=(STAND_INS,),
        needs=(STAND_INS.parents[1],),
        why=(
            "runcompss is not here: the application runs as plain Python, its tasks one after the other, with a "
            "stand-in of PyCOMPSs where that is not installed"
        ),
    )


def _without_submission(run: Run, ours: bool) -> Recipe | None:
    if ours and run.command:
        return None  # a script of the user's that called COMPSs: its command is as good as any
    return Recipe(
        engine=_ENGINE,
        run=run,
        why=f"{_version(run)} ran {run.main or run.name}",
        problems=(
            f"{_version(run)} ran {run.main or run.name}, but the crate does not have the line that it was submitted "
            "with, so the arguments of the application are not known; ask its author for them",
        ),
    )


def _language(run: Run, submission: Submission) -> str:
    told = submission.option(_LANGUAGE)
    if told:
        return told.lower()
    name = posixpath.basename(submission.application or "")
    suffix = PurePosixPath(run.main or name).suffix
    return _LANGUAGES.get(suffix) or _LANGUAGES.get(PurePosixPath(name).suffix) or "java"


def _version(run: Run) -> str:
    version = run.engine.version if run.engine else None
    return f"COMPSs {version}" if version else "COMPSs"


def _word(option: Option) -> str:
    return option.name if option.value is None else f"{option.name}={option.value}"
