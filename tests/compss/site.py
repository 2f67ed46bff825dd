"""A site that has put ``wfprov-compss`` in the place of COMPSs' generator: COMPSs' folders, and the end of its job.

site = Site(tmp_path, installed_script(tmp_path))
done = site.end_of_run(run)              # as COMPSs 3.4 does; version="3.3" as it did before
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.compss.runs import CompssRun
from tests.conftest import PROJECT

SCRIPT = PROJECT / "provenance" / "cli" / "wfprov-compss"
GENERATOR = "Runtime/scripts/system/provenance/generate_COMPSs_RO-Crate.py"

# What the end of runcompss does about provenance, told in a few lines. $1..$4: information file, log folder,
# destination and whether to zip; the last two are not given before 3.4.
_AFTER_THE_APPLICATION = """\
system=$COMPSS_HOME/Runtime/scripts/system
if [ $# -gt 2 ]; then log=$2 kept=.compss_submission_command_line.txt
else log=$2/dataprovenance.log kept=compss_submission_command_line.txt; fi
echo "PROVENANCE | STARTING RO-CRATE GENERATION SCRIPT"
export PYTHONPATH=$system/:$PYTHONPATH
yaml=$1; shift 2
python3 -O "$system/provenance/generate_COMPSs_RO-Crate.py" "$yaml" "$log" "$@"
made=$?
echo "status $made" >&2
if [ $made = 0 ]; then rm -f "$kept"; else echo "PROVENANCE | WORKFLOW PROVENANCE GENERATION HAS FAILED"; fi
echo "PROVENANCE | ENDED WORKFLOW PROVENANCE SCRIPT"
unset ENQUEUE_COMPSS_ARGS
"""


def installed_script(folder: Path, interpreter: str | Path = sys.executable) -> Path:
    """The script as an installer writes it: with the Python of the environment in its first line."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "wfprov-compss"
    rest = SCRIPT.read_text(encoding="utf-8").partition("\n")[2]
    target.write_text(f"#!{interpreter}\n{rest}", encoding="utf-8")
    target.chmod(0o755)
    return target


class Site:
    """An installation of COMPSs, and the jobs on it."""

    def __init__(self, folder: Path, script: Path, python: str | Path | None = None, is_copy: bool = False):
        """`python` is what the jobs call ``python3``."""
        self.home = folder / "COMPSs"
        self.generator = self.home / GENERATOR
        self.generator.parent.mkdir(parents=True)
        # COMPSs has a package of our name, and its folder is first on PYTHONPATH.
        clash = 'raise ImportError("this is the package of COMPSs")\n'
        for name in ("__init__.py", "cli.py"):
            (self.generator.parent / name).write_text(clash)
        for name in ("click.py", "yaml.py", "rocrate.py"):
            (self.generator.parent.parent / name).write_text(clash)
        if is_copy:
            shutil.copy(script, self.generator)
        else:
            self.generator.symlink_to(script)
        self._programs = folder / "programs"
        self._programs.mkdir()
        (self._programs / "python3").symlink_to(python or sys.executable)
        self._user_home = folder / "home"
        self._user_home.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        """What the job has."""
        return {
            "PATH": f"{self._programs}:/usr/bin:/bin",
            "HOME": str(self._user_home),
            "COMPSS_HOME": str(self.home),
            "LANG": "C",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def end_of_run(
        self,
        run: CompssRun,
        destination: str | Path = "crate/",
        as_zip: str = "false",
        *,
        version: str = "3.4",
        info: str = "ro-crate-info.yaml",
        log_folder: Path | None = None,
        env: dict[str, str] | None = None,
        limits: str = "",
        redirection: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """What follows the application in the job; its standard error tells the status of the generator."""
        more = (str(destination), as_zip) if version == "3.4" else ()
        text = f"{limits}\n{_AFTER_THE_APPLICATION}"
        done = subprocess.run(
            ["bash", "-c", f"{{ {text} }} {redirection}", "runcompss", info, str(log_folder or run.log_folder), *more],
            cwd=run.work_folder,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr  # the job goes on, whatever became of the crate
        return done
