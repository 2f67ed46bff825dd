"""What the workflow of a run is: its main file, its language, its name and the folder of its project.

In: the journal, the programs, and at the end the data of the run. Out: single answers.
"""

from __future__ import annotations

import os
from pathlib import Path

from provenance.run import programs
from provenance.run.disk import Disk
from provenance.run.model import Data, Role, Software
from provenance.run.processes import Processes, Program
from provenance.run.recorded import Recorded
from provenance.run.roles import compile_glob
from provenance.run.software import SoftwareRules
from provenance.run.surroundings import git_root, language_software


class Workflow:
    """Answers what the workflow is."""

    def __init__(self, journal: Recorded, processes: Processes, disk: Disk, cwd: str) -> None:
        self._journal = journal
        self._disk = disk
        self._cwd = cwd
        self.leader = _leader(processes.top)

    def project(self) -> str:
        """Return the folder that the sources' paths are shown relative to."""
        root = git_root(self._journal.sections)
        if root and root != "/" and root.rstrip("/") != str(Path("~").expanduser()):
            return root
        leader = self.leader
        if leader is not None and leader.name.script:
            folder = os.path.dirname(leader.name.script)
            if not SoftwareRules([self._cwd], [leader]).reason(folder + "/x"):
                return folder
        return self._cwd

    def main(self, data: list[Data], latest: dict[str, str], wanted: str | None) -> str | None:
        """Return the key of the main file; None when the command itself is the workflow.

        Parameters
        ----------
        latest
            Path -> key of the newest data there.
        wanted
            The user's own word: a path or glob that begins at the folder of the run.
        """
        if wanted:
            pattern = compile_glob(os.path.normpath(os.path.join(self._cwd, wanted)))
            for each in data:
                if pattern.match(each.path) and each.role is not Role.SOFTWARE:
                    return each.key
        return self._main_by_command(data, latest)

    def _main_by_command(self, data: list[Data], latest: dict[str, str]) -> str | None:
        leader = self.leader
        if leader is None or not (leader.name.script or leader.name.module):
            return None
        roles = {each.key: each.role for each in data}
        if leader.name.script:
            key = latest.get(self._disk.resolve(leader.name.script))
            if key is not None and roles[key] is not Role.SOFTWARE:
                return key
        if leader.name.module:
            inner = leader.name.module.replace(".", "/")
            ends = (f"/{inner}/__main__.py", f"/{inner}.py")
            for each in data:
                if each.role is Role.SOURCE and each.path.endswith(ends):
                    return each.key
        # An installed program that runs the user's file: jupyter, snakemake, pytest.
        for _, path in programs.words_as_paths(leader.image.argv, leader.image.cwd):
            key = latest.get(self._disk.resolve(path))
            if key is not None and roles[key] is Role.SOURCE:
                return key
        return None

    def language(self, main: str | None) -> Software | None:
        """Return what the main file is written in."""
        leader = self.leader
        if leader is None or main is None:
            return None
        name = programs.base_name(leader.image.exe, leader.image.argv)
        if name in programs.BUILDERS:
            return Software(programs.BUILDERS[name], path=leader.image.exe or None)
        if leader.name.interpreter is None:
            return None
        return language_software(self._journal.sections, leader.name.interpreter, leader.image.exe)


def _leader(top: Program | None) -> Program | None:
    """Return the program that the workflow is: the top one, or what its wrappers start."""
    program = top
    for _ in range(16):
        if program is None or program.name.script or program.name.module or not program.children:
            break
        name = programs.base_name(program.image.exe, program.image.argv)
        is_command = program.is_shell and "-c" in program.image.argv
        if name not in programs.WRAPPERS and not (is_command and len(program.children) == 1):
            break
        program = min(program.children, key=lambda child: child.start)
    return program
