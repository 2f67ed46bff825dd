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
========== ================ =========================================================================

Which file each section comes from: :mod:`.variables`, :mod:`.host`, :mod:`.source_control`, :mod:`.python`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Section = tuple[str, dict[str, Any]]


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
    from provenance.environment import host, python, source_control, variables

    if data := variables.allowed():
        yield "variables", data
    repository = source_control.describe(python.code_folders(command, cwd), run_folder)
    if repository:
        yield "git", repository
    yield "host", host.describe()
    interpreter = python.find_interpreter(command, cwd)
    if interpreter is None:
        return
    answer = python.ask(interpreter, cwd)
    if answer is not None:
        yield "interpreter", answer.interpreter
        yield "packages", answer.packages
