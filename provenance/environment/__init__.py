"""The surroundings of a run, as plain dictionaries: source control, host, interpreter, packages, variables.

In: the command, its folder and the run folder. Out: ``(section, data)`` pairs for the journal's ``environment``
events, the cheap and urgent ones first. A key is absent when it could not be found out; a section is absent when
nothing of it applies. Values are JSON: text, numbers, booleans, lists and maps of them.

========== ================ =========================================================================
section    key              meaning
========== ================ =========================================================================
variables  <name>           value of an environment variable on the allow-list (``variables.ALLOWED``)
host       system           operating system as its makers name it, e.g. "Debian GNU/Linux 12 (bookworm)"
host       kernel           e.g. "Linux 6.1.0-18-amd64"
host       machine          architecture, e.g. "x86_64"
host       cpu_model        e.g. "AMD EPYC 7763 64-Core Processor"
host       cpu_count        processors that the process may use (int)
host       memory           bytes of main memory (int)
host       hostname         name of the machine
git        root             absolute path of the working tree
git        remote           URL of the branch's remote, else of ``origin``, without credentials
git        commit           full id of HEAD; absent before the first commit
git        branch           absent when HEAD is detached
git        tags             list: the tags that point to HEAD
git        dirty            true when tracked files differ from HEAD or untracked sources exist
git        patch            name of a file in the run folder: ``git apply`` on the commit restores the tree
git        untracked        list: paths below root of the untracked sources that the patch holds
git        left_out         list: paths below root of changed files that are not in the patch: too large,
                            or their changes or names look like those of credentials
git        submodules       list of {path, commit, remote?}
git        reason           why more is not known (then only ``root`` may be there beside it)
interpreter name            "CPython", "PyPy"; the section is there only when the command runs Python
interpreter version         e.g. "3.11.7"
interpreter path            absolute path of the executable as the command finds it
interpreter prefix          folder of the environment or installation (``sys.prefix``)
packages   <name>           version of an installed Python distribution that the interpreter can import
conda      <prefix>         list: the packages of a conda environment, as name-version-build
host       microarchitecture, features   as archspec names them
host       file_system      type of that of the working folder
host       accelerators     list of {name, vendor?, driver?, memory?}
host       memory_limit     bytes that the control groups allow, when that is less than ``memory``
host       cpu_limit        processors that they allow (float), when these are fewer than ``cpu_count``
job        scheduler id name partition nodes tasks cpus_per_task time_limit node_list   as :class:`..run.model.Job`
container  kind image registry name tag sha256 image_id path size   the image that the run takes place in
modules    <name/version>   path of the module file, of the loaded environment modules
========== ================ =========================================================================

:func:`examine` adds, when the run is packed, from what the journal says was executed and loaded:

========== ================ =========================================================================
software   <kind>:<name>    {name, version?, kind, purl?, architecture?, sha256?, path?, url?, installer?, origin?,
                            is_editable?, is_used?, license?, build_id?}. kind: python (a distribution) |
                            python-interpreter | conda | deb | rpm | spack | module | program (owned by no package) |
                            library (the same) | mpi | blas | cuda | rocm | driver. Two versions of one name:
                            <kind>:<name>@<version>. build_id: of an ELF file, in hexadecimal digits
owners     <path>           key in ``software`` of what a file, or all below a folder (ends with "/"), belongs to
files      <target>         {about, kind, text? or path?, rebuild?}: as :class:`..run.model.EnvironmentFile`
containers <key>            as the section ``container``: images that the run started; engine: command that knows it
started    <process id>     key in ``containers``: the process image that started the container
========== ================ =========================================================================

Where each section comes from: :mod:`.variables`, :mod:`.machine`, :mod:`.source_control`, :mod:`.python`,
:mod:`.conda`, :mod:`.modules`, :mod:`.spack`, :mod:`.containers`, :mod:`.system`, :mod:`.project_locks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provenance.environment.screening import screened

Section = tuple[str, dict[str, Any]]


@screened
def describe(command: Sequence[str], cwd: str, run_folder: Path) -> Iterator[Section]:
    """Yield what can be found out about the surroundings of ``command``, the urgent first.

    Meant to be called in a thread beside the running command: source control is looked at before the slower
    questions, since the command may change the files. Reads only; a part that fails is left out or says why in
    ``reason``, and never raises.

    Parameters
    ----------
    command
        The program and its arguments.
    cwd
        The folder that the command runs in.
    run_folder
        Folder of the journal; the patch of uncommitted changes is written there.
    """
    cwd = str(Path(cwd).absolute())
    from provenance.environment import modules, source_control, variables
    from provenance.environment.containers import inside as container_inside
    from provenance.environment.machine import host, job
    from provenance.environment.python import interpreter as python

    if data := variables.allowed():
        yield "variables", data
    if batch_job := job.describe():
        yield "job", batch_job
    if loaded := modules.describe():
        yield "modules", loaded
    if container := container_inside.describe():
        yield "container", container
    repository = source_control.describe(python.code_folders(command, cwd), run_folder)
    if repository:
        yield "git", repository
    yield "host", host.describe(cwd)
    interpreter = python.find_interpreter(command, cwd)
    if interpreter is None:
        return
    answer = python.ask(interpreter, cwd)
    if answer is not None:
        yield "interpreter", answer.interpreter
        yield "packages", answer.packages
        from provenance.environment import conda_meta

        if records := conda_meta.names([answer.interpreter.get("prefix", "")]):
            yield "conda", records


@dataclass(frozen=True)
class Engagement:
    """The start of a container, as it was seen: the command line of an engine."""

    process: str  # id of the process image
    argv: tuple[str, ...]
    cwd: str
    start: int  # ns since the epoch


@dataclass(frozen=True)
class Used:
    """What a run really used, from its journal: the question that :func:`examine` answers.

    Attributes
    ----------
    programs
        Absolute paths of executed programs, interpreters of scripts among them.
    interpreters
        Those of ``programs`` that are Pythons, each by its path in the environment that it was started in: that in
        ``bin/`` of a virtual environment, where ``programs`` has what a link there leads to.
    called
        Absolute paths that programs were called by, where these are others than in ``programs``: links that may lead
        there (``/usr/bin/cc``), which a rebuilt system needs too.
    libraries
        Absolute paths of shared objects that were loaded.
    files
        Absolute paths of other files of software that were opened: modules of interpreters and the like, sources of
        the user among them, which may be packages too. Bytecode counts for its source; what an interpreter looks at
        at each start (``.pth``, ``pyvenv.cfg``) is left out.
    engagements
        The containers that were started.
    folders
        The working folder and that of the project, where lock files may lie.
    start, end
        Of the run, in ns since the epoch; ``end`` is None when it is not known.
    run_folder
        Folder of the journal: files that have to be made (wheels of local packages) go to ``software/`` in it.
    """

    programs: tuple[str, ...]
    libraries: tuple[str, ...]
    files: tuple[str, ...]
    engagements: tuple[Engagement, ...]
    folders: tuple[str, ...]
    run_folder: Path
    interpreters: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None


@screened
def examine(used: Used, recorded: Mapping[str, Mapping[str, Any]]) -> Iterator[Section]:
    """Yield what can be found out about the software that a run used; for packing, when there is time.

    Each part answers for itself: one that fails yields ``("gap", {"what": ..., "why": ...})`` and never raises. What
    has changed since the run (``recorded`` has the names and versions from its start) is told as such a gap too.

    Parameters
    ----------
    used
        What the journal says was executed and loaded.
    recorded
        The sections that :func:`describe` gave when the run began.
    """
    from provenance.environment import examination

    yield from examination.examine(used, recorded)
